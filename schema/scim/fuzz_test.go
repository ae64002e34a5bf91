package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"drawbridge/schema"
)

// seeds are the bodies that the senders in testdata send by the methods.
func seeds(f *testing.F, methods ...string) {
	f.Helper()
	names, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			if method, _, _ := strings.Cut(file.Name, " "); slices.Contains(methods, method) {
				f.Add(bytes.TrimSpace(file.Data))
			}
		}
	}
}

// told fails unless an error is one that a sender can be told.
func told(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Status < 400 || e.Status >= 500 || e.Detail == "" {
		t.Fatalf("an error that no sender understands: %v", err)
	}
}

// canonical fails unless a record is one that can be stored and read again, and
// that says what it says in one way only.
func canonical(t *testing.T, u *Type, r Record) {
	t.Helper()
	encoded := r.Encode()
	if !json.Valid(encoded) {
		t.Fatalf("not JSON: %s", encoded)
	}
	again, err := u.Decode(encoded)
	if err != nil || !bytes.Equal(again.Encode(), encoded) {
		t.Fatalf("%s reads as %s: %v", encoded, again.Encode(), err)
	}
	kept, err := json.Marshal(struct{ R json.RawMessage }{encoded})
	if err != nil || !bytes.Equal(kept[5:len(kept)-1], encoded) {
		t.Fatalf("%s is stored as %s: %v", encoded, kept, err)
	}
	// One form only: reading it as a body changes nothing.
	b, err := u.Parse(encoded, Limits{})
	if err != nil || !bytes.Equal(b.Record.Encode(), encoded) || len(b.Dropped) != 0 {
		t.Fatalf("%s, sent, is %s, without %v: %v", encoded, b.Record.Encode(), b.Dropped, err)
	}
	id := r.Identity(schema.Identity{})
	if id.UserName == "" {
		t.Fatalf("nobody's name: %s", encoded)
	}
}

func FuzzParse(f *testing.F) {
	seeds(f, "POST", "PUT")
	for _, s := range []string{``, `{`, `[]`, `{"userName":"\ud800"}`, `{"userName":"a","userName":"b"}`, `{"userName":1e400}`, "{\"userName\":\"a\u2028\"}",
		`{"userName":"a","emails":{"value":["b"]}}`, `{"userName":"a","roles":["{\"value\":\"x\"}"]}`, `{"userName":"a","active":[{"value":"True"}]}`} {
		f.Add([]byte(s))
	}
	u, g := users(f), groups(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if b, err := u.Parse(body, Limits{}); err != nil {
			told(t, err)
		} else {
			canonical(t, u, b.Record)
		}
		if _, err := g.Parse(body, Limits{}); err != nil {
			told(t, err)
		}
	})
}

func FuzzPatch(f *testing.F) {
	seeds(f, "PATCH")
	for _, s := range []string{`{"Operations":[]}`, `{"operations":{"op":"add","path":"emails[type eq \"work\"].primary","value":"True"}}`,
		`{"Operations":[{"op":"remove","path":"members[value eq \"x\" or value eq \"y\"]"}]}`, `{"Operations":[{"op":"replace","path":"emails","value":[{"primary":true},{"primary":true,"type":"x"}]}]}`,
		`{"Operations":[{"op":"add","path":"emails[not (type eq \"x\")].value","value":"y"},{"op":"add","path":"name","value":"x"}]}`} {
		f.Add([]byte(s))
	}
	u, g := users(f), groups(f)
	have, err := u.Decode([]byte(`{"userName":"a","name":{"givenName":"A"},"active":true,"emails":[{"value":"a@x","type":"work","primary":true},{"value":"b@x","type":"home"}]}`))
	if err != nil {
		f.Fatal(err)
	}
	before := have.Encode()
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := u.ParsePatch(body, Limits{})
		if err == nil {
			var after Record
			if after, err = p.Apply(have); err == nil {
				canonical(t, u, after)
			}
		}
		if err != nil {
			told(t, err)
		}
		if !bytes.Equal(have.Encode(), before) {
			t.Fatal("applying a patch changed what it was applied to")
		}
		p, err = g.ParsePatch(body, Limits{})
		if err != nil {
			told(t, err)
			return
		}
		e := p.Edits()
		for _, id := range e.Leave {
			if e.Replace || contains([]byte(strings.Join(e.Join, "\x00")+"\x00"), []byte(id+"\x00")) && len(e.Join) == 1 {
				t.Fatalf("both joins and leaves: %+v", e)
			}
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`userName eq "a"`, `emails[type eq "work" and (value co "x" or not (primary eq true))].value sw "y"`, `active eq "True"`, `id eq "1" and groups eq "2"`,
		`meta.lastModified ge "2026-01-01T00:00:00Z"`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr`, `title eq "\u00e9\"" or nickName eq null`,
		strings.Repeat("(", 40), `not not`, `userName eq "`, `emails[`, `members[value eq "1"]`, `members.display eq "A" or not (groups pr)`, `schemas co "x" and meta.location pr`, `name eq null or addresses ne null`} {
		f.Add(s)
	}
	u, g := users(f), groups(f)
	c := Candidate{ID: "1", Resource: []byte(`{"userName":"a","active":true,"emails":[{"value":"a@x","type":"work","primary":true}]}`),
		Related:  func(id string) (bool, error) { return id == "2", nil },
		Edges:    func(_ bool, yield func([]byte) bool) error { yield([]byte(`{"value":"2"}`)); return nil },
		Location: func() string { return "https://x/Users/1" },
		Version:  func(func(int) error) (string, error) { return `W/"1"`, nil }}
	f.Fuzz(func(t *testing.T, s string) {
		for _, typ := range []*Type{u, g} {
			filter, err := typ.ParseFilter(s)
			if err != nil {
				told(t, err)
				continue
			}
			if _, err := filter.Match(&c); err != nil {
				t.Fatal(err)
			}
			if l := filter.Lookups(); len(l) > maxLookups {
				t.Fatalf("%d look-ups", len(l))
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{`userName`, `name.givenName`, `emails[type eq "a]b"].value`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager`, `/active`, `a[b`, `emails[]`, `urn:ietf:params:scim:schemas:core:2.0:User`} {
		f.Add(s)
	}
	u := users(f)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := u.parsePath(s)
		if _, unknown := errors.AsType[unknownError](err); err != nil && !unknown {
			told(t, err)
		}
		if err == nil && p.Attribute == nil && p.whole == nil {
			t.Fatalf("%q is about nothing", s)
		}
	})
}

// FuzzBulk reads a bulk, and what an operation refers to, and puts ids in its place.
func FuzzBulk(f *testing.F) {
	for _, s := range []string{
		`{"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"x"}},{"method":"PATCH","path":"/Groups/bulkId:g","data":{"members":[{"value":"bulkId:a"}]}}]}`,
		`{"failOnErrors":1,"operations":{"method":"delete","path":"/Users/1","version":"W/\"1\""}}`, `{"Operations":[{"method":"POST","path":"/Users","data":"bulkId:\u0061"}]}`,
		`{"Operations":[{"path":"bulkId:","bulkId":"","data":{"bulkId:a":"bulkId:bulkId:a"}}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := ParseBulk(body, Limits{}, 20)
		if err != nil {
			told(t, err)
			return
		}
		for _, o := range b.Operations {
			for _, known := range []bool{true, false} {
				id := func(string) (string, bool) { return "0190", known }
				data, whole := o.Resolve(id)
				if len(data) > 0 && !json.Valid(data) {
					t.Fatalf("%s is resolved as %s", o.Data, data)
				}
				if refers := len(o.References()) > 0; !known && !refers && !whole {
					t.Fatalf("it refers to nothing, and that is not there: %s", o.Data)
				}
				o.ResolvePath(id)
			}
		}
	})
}
