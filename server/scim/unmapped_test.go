package scim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/scim"
	"drawbridge/store"
)

// raw returns the raw copy of a resource, and whether there is one.
func (w *world) raw(id string) (c schema.RawCopy, kept bool) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
		c, err = access.Raw(r, id, "")
		return err
	})
	if err != nil && !errors.Is(err, schema.ErrNotFound) {
		w.t.Fatal(err)
	}
	return c, err == nil
}

func TestRawCopyIsTheNewest(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.send("POST", "/Users", `{"userName":"a","shoeSize":36,"password":"hunter2","urn:x:User":{"apiKey":"k","floor":3}}`).is(201).text("id")
	c, _ := w.raw(id)
	if want := `{"userName":"a","shoeSize":36,"password":"(removed)","urn:x:User":{"apiKey":"(removed)","floor":3}}`; string(c.Body) != want {
		t.Errorf("kept %s, want %s", c.Body, want)
	}
	if want := []string{"shoeSize", "urn:x:User:apiKey", "urn:x:User:floor"}; !slices.Equal(c.Attributes, want) || c.Method != http.MethodPost || c.Source != "hr" {
		t.Errorf("kept %+v", c)
	}
	if body := w.send("GET", "/Users/"+id, "").body; strings.Contains(body, "shoeSize") || strings.Contains(body, "hunter2") {
		t.Errorf("it reads %s", body)
	}

	// What is all mapped says nothing new, and what was sent before stays on record.
	w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`)).is(200)
	if c, kept := w.raw(id); !kept || c.Method != http.MethodPost {
		t.Errorf("after a mapped PATCH there is %+v", c)
	}
	w.send("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"hat","value":"red"}`)).is(200)
	if c, _ := w.raw(id); c.Method != http.MethodPatch || !strings.Contains(string(c.Body), `"hat"`) {
		t.Errorf("after an unmapped PATCH there is %+v", c)
	}
	w.send("PUT", "/Users/"+id, `{"userName":"a"}`).is(200)
	if c, kept := w.raw(id); !kept || c.Method != http.MethodPatch {
		t.Errorf("after a mapped PUT there is %+v", c)
	}

	g := w.send("POST", "/Groups", `{"displayName":"g","colour":"red","members":[{"value":"`+id+`"}]}`).is(201).text("id")
	if c, _ := w.raw(g); string(c.Body) != `{"displayName":"g","colour":"red","members":"(left out)"}` {
		t.Errorf("of a group there is %s", c.Body)
	}
}

// TestDecisionsNameWhatWasSent follows a decision to the body that it admitted, after
// others were sent: the last four are there.
func TestDecisionsNameWhatWasSent(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.send("POST", "/Users", `{"userName":"a","shoeSize":0}`).is(201).text("id")
	for i := range 5 {
		w.send("PATCH", "/Users/"+id, patch(fmt.Sprintf(`{"op":"replace","value":{"title":"t%d","shoeSize":%d}}`, i, i+1))).is(200)
	}
	var bodies []string
	lost := 0
	err := w.store.View(t.Context(), func(r store.Reader) error {
		for entry, err := range store.LogAbout(r, id) {
			if err != nil {
				return err
			}
			for _, b := range entry.Decision.Because {
				digest, ok := strings.CutPrefix(b, "raw/")
				if !ok {
					continue
				}
				c, err := access.Raw(r, id, digest)
				if errors.Is(err, schema.ErrNotFound) {
					lost++
					continue
				}
				sum := sha256.Sum256([]byte(c.Salt + string(c.Body)))
				if err != nil || hex.EncodeToString(sum[:16]) != digest || entry.Decision.Because[0] != "request/"+c.Request && c.Request != "" {
					t.Errorf("decision %v names %+v (%v)", entry.Decision.Because, c, err)
				}
				bodies = append(bodies, string(c.Body))
			}
		}
		return nil
	})
	if err != nil || lost != 2 || len(bodies) != 4 || !strings.Contains(bodies[0], `"shoeSize":2`) || !strings.Contains(bodies[3], `"shoeSize":5`) {
		t.Errorf("%v; %d are gone, and there are %q", err, lost, bodies)
	}
}

func TestRawCopyIsBounded(t *testing.T) {
	w := newWorld(t, scim.Options{})
	id := w.send("POST", "/Users", `{"userName":"a",`+numbered(500, `"x%d":"`+strings.Repeat("y", 1000)+`"`)+`}`).is(201).text("id")
	if c, _ := w.raw(id); len(c.Body) > 20_000 || !c.Cut {
		t.Errorf("of half a megabyte there are %d bytes, cut %v", len(c.Body), c.Cut)
	}
}

// TestTheSameAgainWritesNothing is a source that sends everybody every hour.
func TestTheSameAgainWritesNothing(t *testing.T) {
	w := newWorld(t, scim.Options{})
	body := `{"userName":"a","shoeSize":36}`
	id := w.send("POST", "/Users", body).is(201).text("id")
	w.send("PUT", "/Users/"+id, body).is(200)
	before, _ := w.raw(id)
	w.send("PUT", "/Users/"+id, body).is(200)
	if after, _ := w.raw(id); !after.Received.Equal(before.Received) {
		t.Errorf("the same body was stored again")
	}
}

// BenchmarkUnmapped is what attributes that no schema has cost a request.
func BenchmarkUnmapped(b *testing.B) {
	for name, more := range map[string]string{
		"all mapped": "", "two unmapped": `,"shoeSize":36,"urn:example:hr:2.0:User":{"jobCode":"ENG-3"}`,
	} {
		b.Run("POST "+name, func(b *testing.B) {
			w := newWorld(b, scim.Options{})
			i := 0
			for b.Loop() {
				i++
				w.send("POST", "/Users", fmt.Sprintf(strings.TrimSuffix(person, "}")+more+"}", i)).is(201)
			}
		})
		b.Run("PUT "+name, func(b *testing.B) {
			w := newWorld(b, scim.Options{})
			id := w.send("POST", "/Users", fmt.Sprintf(person, 0)).is(201).text("id")
			i := 0
			for b.Loop() {
				i++
				w.send("PUT", "/Users/"+id, fmt.Sprintf(strings.TrimSuffix(person, "}")+more+`,"profileUrl":"https://example.com/%d"}`, 0, i)).is(200)
			}
		})
	}
}
