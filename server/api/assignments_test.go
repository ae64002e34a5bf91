package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// TestWhoHasWhatComesAlong lists who has something by itself and who by way of what confers it,
// now and as of a time, in pages that each line is in once. R-INH-2, R-LOG-5.
func TestWhoHasWhatComesAlong(t *testing.T) {
	w := newWorld(t)
	w.rules.Use(compile(t, strings.Replace(documents, "target: Editors, risk: moderate }",
		"target: Editors, risk: moderate, confers: [wiki/writers] }\n    - { id: writers, target: Writers, risk: moderate, confers: [wiki/readers] }", 1)))
	var want []string
	hold := func(i int, entitlement string) {
		id := fmt.Sprintf("p%d", i)
		line := id + " wiki/" + entitlement
		if entitlement != "readers" {
			line += " for wiki/readers"
		}
		want = append(want, line)
		w.update(func(tx store.Tx) error {
			a := schema.Assignment{Identity: id, Connector: "wiki", Entitlement: entitlement, Because: []string{"role/x"}, Mode: schema.Enforce, Since: tx.Now()}
			if err := store.Assignments.Put(tx, a); err != nil {
				return err
			}
			_, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Assigned, Subject: id, Object: a.Ref(), Because: a.Because, Mode: a.Mode})
			return err
		})
	}
	for i := range 3 {
		hold(i, "readers")
		hold(i+2, "editors")
		hold(i+5, "writers")
	}
	slices.Sort(want)
	at := time.Now()
	w.update(func(tx store.Tx) error {
		_, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Unassigned, Subject: "p2", Object: "wiki/editors"})
		return err
	})
	for _, path := range []string{"", "&at=" + url.QueryEscape(at.UTC().Format(time.RFC3339Nano))} {
		for _, limit := range []int{1, 2, 3, 100} {
			all, _ := pages[api.AssignmentView](w, fmt.Sprintf("/api/v1/assignments?entitlement=wiki/readers&limit=%d%s", limit, path))
			var got []string
			for _, l := range all {
				line := l.Identity + " " + l.Ref()
				if l.Confers != "" {
					line += " for " + l.Confers
				}
				got = append(got, line)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%d a page%s: %q, want %q", limit, path, got, want)
			}
		}
	}
	if all, _ := pages[api.AssignmentView](w, "/api/v1/assignments?entitlement=wiki/editors"); len(all) != 3 {
		t.Errorf("what confers nothing else is held %d times", len(all))
	}
	var page api.List[api.AssignmentView]
	w.want(200, "viewer", "GET", "/api/v1/assignments?entitlement=wiki/readers&limit=4", "", &page)
	w.rules.Use(compile(t, documents))
	w.want(422, "viewer", "GET", "/api/v1/assignments?entitlement=wiki/readers&limit=4&cursor="+page.Next, "", nil)
}
