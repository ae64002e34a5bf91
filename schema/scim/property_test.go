package scim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	library "github.com/scim2/filter-parser/v2"
	"pgregory.net/rapid"
)

func groups(t testing.TB) *Type {
	t.Helper()
	g, err := Groups()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The model of a user is what anyone would write down of RFC 7644: a map of
// attributes, lists as lists, and one function an operation. It knows one
// dialect; what is sent is said in any.
type model map[string]any

// A saying is one operation, as the model does it and as senders put it.
type saying struct {
	do   func(model)
	says []string // JSON of one operation each
}

var types = []string{"work", "home"}

func drawSaying(t *rapid.T) saying {
	word := rapid.SampledFrom([]string{"x", "y", "Zoë", "a&b"}).Draw(t, "word")
	op := rapid.SampledFrom([]string{"add", "replace"}).Draw(t, "op")
	kind := rapid.SampledFrom(types).Draw(t, "type")
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	say := func(op, path string, value any) string {
		if rapid.Bool().Draw(t, "capital") {
			op = strings.ToUpper(op[:1]) + op[1:]
		}
		o := map[string]any{"op": op}
		switch {
		case path != "" && op != "remove" && op != "Remove" && rapid.Bool().Draw(t, "pathless"):
			o["value"] = map[string]any{path: value}
		default:
			o["path"] = path
			if value != nil {
				o["value"] = value
			}
		}
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	switch rapid.IntRange(0, 8).Draw(t, "what") {
	case 0:
		return saying{func(m model) { m["title"] = word }, []string{say(op, "title", word), say(op, "TITLE", []string{word}), say(op, "urn:ietf:params:scim:schemas:core:2.0:User:title", map[string]any{"value": word})}}
	case 1:
		return saying{func(m model) { delete(m, "title") }, []string{say("remove", "title", nil), say("remove", "title", "x"), say("replace", "title", "")}}
	case 2:
		on := rapid.Bool().Draw(t, "on")
		return saying{func(m model) { m["active"] = on }, []string{say(op, "active", on), say(op, "active", fmt.Sprint(on)), say(op, "active", strings.ToUpper(fmt.Sprint(on)))}}
	case 3:
		return saying{func(m model) { m.in("name")["givenName"] = word }, []string{say(op, "name.givenName", word), say(op, "name", map[string]any{"givenname": word})}}
	case 4:
		return saying{func(m model) {
			delete(m.in("name"), "givenName")
			if len(m.in("name")) == 0 {
				delete(m, "name")
			}
		}, []string{say("remove", "name.givenName", nil), say("replace", "name.givenName", "")}}
	case 5:
		return saying{func(m model) { m.in(enterprise)["manager"] = map[string]any{"value": word} },
			[]string{say(op, enterprise+":manager", word), say(op, enterprise+":manager.value", word), say(op, enterprise, map[string]any{"manager": []any{map[string]any{"value": word}}})}}
	case 6: // the address of a type: changed where there is one, made where there is none
		return saying{func(m model) { m.setEmail(kind, word) },
			[]string{say(op, `emails[type eq "`+kind+`"].value`, word), say(op, `emails[type eq "`+strings.ToUpper(kind)+`"].value`, word)}[:1]}
	case 7:
		return saying{func(m model) {
			m["emails"] = slices.DeleteFunc(m.emails(), func(e any) bool { return e.(map[string]any)["type"] == kind })
			if len(m.emails()) == 0 {
				delete(m, "emails")
			}
		}, []string{say("remove", `emails[type eq "`+kind+`"]`, nil)}}
	default: // a list, whole
		return saying{func(m model) { m["emails"] = []any{map[string]any{"value": word, "type": kind}} },
			[]string{say("replace", "emails", []any{map[string]any{"value": word, "type": kind}}), say("replace", "emails", map[string]any{"VALUE": word, "Type": kind, "display": nil})}}
	}
}

func (m model) in(name string) map[string]any {
	if inner, ok := m[name].(map[string]any); ok {
		return inner
	}
	inner := map[string]any{}
	m[name] = inner
	return inner
}

func (m model) emails() []any { list, _ := m["emails"].([]any); return list }

func (m model) setEmail(kind, value string) {
	found := false
	for _, e := range m.emails() {
		if e := e.(map[string]any); e["type"] == kind {
			e["value"], found = value, true
		}
	}
	if !found {
		m["emails"] = append(m.emails(), map[string]any{"type": kind, "value": value})
	}
}

// TestPatchAgreesWithTheModel applies lists of operations, each said in a dialect
// drawn for it, a few to a request.
func TestPatchAgreesWithTheModel(t *testing.T) {
	u := users(t)
	rapid.Check(t, func(t *rapid.T) {
		m := model{"userName": "a"}
		r, err := u.Decode([]byte(`{"userName":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 5).Draw(t, "requests") {
			var operations []string
			for range rapid.IntRange(0, 4).Draw(t, "operations") {
				s := drawSaying(t)
				s.do(m)
				operations = append(operations, rapid.SampledFrom(s.says).Draw(t, "dialect"))
			}
			p, err := u.ParsePatch([]byte(`{"Operations":[`+strings.Join(operations, ",")+`]}`), Limits{})
			if err == nil {
				r, err = p.Apply(r)
			}
			if err != nil || len(p.Dropped) > 0 {
				t.Fatalf("%v, dropped %v, of %v", err, p.Dropped, operations)
			}
			if got, want := plainly(t, r.Encode()), plainly(t, must(json.Marshal(m))); got != want {
				t.Fatalf("after %v:\n got %s\nwant %s", operations, got, want)
			}
		}
	})
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

// plainly is JSON with its keys sorted, and without objects that hold nothing.
func plainly(t interface{ Fatal(...any) }, raw []byte) string {
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for name, value := range v {
		if o, ok := value.(map[string]any); ok && len(o) == 0 {
			delete(v, name)
		}
	}
	return string(must(json.Marshal(v)))
}

// TestEditsAgreeWithASet holds what a list of operations does to a group against
// a set to which they are done one by one.
func TestEditsAgreeWithASet(t *testing.T) {
	g := groups(t)
	all := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		set := map[string]bool{}
		for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(all), rapid.ID).Draw(t, "before") {
			set[id] = true
		}
		before := maps.Clone(set)
		var operations []string
		for range rapid.IntRange(0, 6).Draw(t, "operations") {
			ids := rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "ids")
			var list []string
			for _, id := range ids {
				list = append(list, rapid.SampledFrom([]string{`{"value":"` + id + `"}`, `"` + id + `"`, `{"display":null,"VALUE":"` + id + `"}`}).Draw(t, "member"))
			}
			value := "[" + strings.Join(list, ",") + "]"
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0:
				operations = append(operations, rapid.SampledFrom([]string{`{"op":"Add","path":"members","value":` + value + `}`, `{"op":"add","value":{"members":` + value + `}}`}).Draw(t, "dialect"))
				for _, id := range ids {
					set[id] = true
				}
			case 1:
				operations = append(operations, `{"op":"remove","path":"members","value":`+value+`}`)
				for _, id := range ids {
					delete(set, id)
				}
			case 2:
				for _, id := range ids {
					operations = append(operations, `{"op":"Remove","path":"members[value eq \"`+id+`\"]"}`)
					delete(set, id)
				}
			case 3:
				operations = append(operations, rapid.SampledFrom([]string{`{"op":"replace","path":"members","value":` + value + `}`, `{"op":"Replace","value":{"displayName":"x","members":` + value + `}}`}).Draw(t, "dialect"))
				clear(set)
				for _, id := range ids {
					set[id] = true
				}
			default:
				operations = append(operations, `{"op":"remove","path":"members"}`)
				clear(set)
			}
		}
		p, err := g.ParsePatch([]byte(`{"Operations":[`+strings.Join(operations, ",")+`]}`), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		e := p.Edits()
		got := before
		if e.Replace {
			got = map[string]bool{}
		}
		for _, id := range e.Leave {
			delete(got, id)
		}
		for _, id := range e.Join {
			got[id] = true
		}
		if !maps.Equal(got, set) {
			t.Fatalf("after %v: %v, want %v", operations, got, set)
		}
		if !slices.IsSorted(e.Join) || !slices.IsSorted(e.Leave) {
			t.Fatalf("not sorted: %+v", e)
		}
	})
}

// drawFilter draws a filter in the RFC's grammar, and what it means for a user
// whose title is "t", who is active, and who has one address.
func drawFilter(t *rapid.T, depth int) (text string, holds bool) {
	if depth > 0 {
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			l, lh := drawFilter(t, depth-1)
			r, rh := drawFilter(t, depth-1)
			return "(" + l + ") and (" + r + ")", lh && rh
		case 1:
			l, lh := drawFilter(t, depth-1)
			r, rh := drawFilter(t, depth-1)
			return "(" + l + ") or (" + r + ")", lh || rh
		case 2:
			l, lh := drawFilter(t, depth-1)
			return "not (" + l + ")", !lh
		}
	}
	term := rapid.SampledFrom([]struct {
		text  string
		holds bool
	}{
		{`title eq "T"`, true}, {`title ne "t"`, false}, {`title co "x"`, false}, {`title sw "t"`, true}, {`title ew "t"`, true}, {`title gt "s"`, true},
		{`title le "s"`, false}, {`active eq true`, true}, {`active eq false`, false}, {`nickName pr`, false}, {`title pr`, true}, {`nickName ne "x"`, true},
		{`emails[type eq "work"]`, true}, {`emails[type eq "work" and value eq "a@x"]`, true}, {`emails[type eq "home"]`, false}, {`emails.value eq "A@X"`, true},
		{`emails pr`, true}, {`name.givenName eq "G"`, true}, {`id eq "1"`, true}, {`id eq "2"`, false}, {`meta.created gt "2020-01-01T00:00:00Z"`, false},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "a"`, true}, {`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "d"`, true},
	}).Draw(t, "term")
	return term.text, term.holds
}

// TestFiltersAreUnderstood draws filters that the parser of the SCIM library
// takes, and holds what they match against what they mean.
func TestFiltersAreUnderstood(t *testing.T) {
	u := users(t)
	c := Candidate{ID: "1", Resource: []byte(`{"userName":"a","name":{"givenName":"g"},"title":"t","active":true,"emails":[{"value":"a@x","type":"work"}],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`)}
	rapid.Check(t, func(t *rapid.T) {
		text, want := drawFilter(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		if _, err := library.ParseFilter([]byte(text)); err != nil {
			t.Fatalf("the library refuses %s: %v", text, err)
		}
		f, err := u.ParseFilter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := f.Match(&c)
		if err != nil || got != want {
			t.Fatalf("%s holds: %t, %v; want %t", text, got, err, want)
		}
		// What an index is asked for must find whatever is meant.
		if l := f.Lookups(); l != nil && want && !slices.ContainsFunc(l, func(l Lookup) bool {
			return l == Lookup{ByID, "1"} || l.By == ByUserName && fold(l.Value) == "a" || l.By == ByEmail && fold(l.Value) == "a@x"
		}) {
			t.Fatalf("%s holds, and its look-ups %v do not find it", text, l)
		}
	})
}
