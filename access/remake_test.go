package access_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// everyBook has the policies of tests, by digest: worlds put them in force without
// their documents.
var everyBook sync.Map

// again makes every decision of the log again that rules made: each comes to the same.
// It is asked of whatever the other tests did. R-ENG-2.
func (w *world) again() {
	w.t.Helper()
	for _, wrong := range w.unlike() {
		w.t.Error(wrong)
	}
}

// alike is again, in a property.
func (w *world) alike() {
	w.t.Helper()
	for _, wrong := range w.unlike() {
		violated("%s", wrong)
	}
}

// unlike returns the decisions that do not come to the same again.
func (w *world) unlike() (wrong []string) {
	w.t.Helper()
	for _, a := range w.decidedAgain() {
		if a.Sameness == access.Differs || a.Sameness == access.Unknown && !strings.Contains(a.Why, "forgotten") && !strings.Contains(a.Why, "pruned") {
			wrong = append(wrong, fmt.Sprintf("made again, decision %d (%s %s) %s: %s", a.Seq, a.Verb, a.Object, a.Sameness, a.Why))
		}
		if a.Sameness == access.Unasked && a.Why == "" {
			wrong = append(wrong, fmt.Sprintf("decision %d (%s %s) is not made again, and nothing says why", a.Seq, a.Verb, a.Object))
		}
	}
	return wrong
}

func (w *world) decidedAgain() (all []access.Again) {
	w.t.Helper()
	var books []*policy.Book
	everyBook.Range(func(_, b any) bool {
		books = append(books, b.(*policy.Book)) //nolint:forcetypeassert // nothing else is put there
		return true
	})
	w.view(func(r store.Reader) error {
		all = nil
		remaker := access.NewRemaker(books...)
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			a, err := remaker.Again(r, e)
			if err != nil {
				return err
			}
			all = append(all, a)
		}
		return nil
	})
	return all
}

// TestTamperedInputs changes what a decision was made from, one thing at a time: it
// comes to something else, or it shows that what is kept was changed. R-ENG-2.
func TestTamperedInputs(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.grant(ada, "editor")
		w.work()
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		var ruled []schema.Decision
		w.view(func(r store.Reader) error {
			ruled = nil
			for e, err := range store.LogAbout(r, ada) {
				if err != nil {
					return err
				}
				if e.Decision.Inputs != "" {
					ruled = append(ruled, e.Decision)
				}
			}
			return nil
		})
		for _, c := range []struct {
			name     string
			decision func(schema.Decision) bool
			old, new string
		}{
			{"another department", begins("wiki/readers"), `"Engineering"`, `"Marketing"`},
			{"inactive", begins("wiki/readers"), `"source":"hr"`, `"source":"hr","inactive":true`},
			{"deleted", begins("wiki/readers"), `"source":"hr"`, `"source":"hr","deleted":"1999-01-01T00:00:00Z"`},
			{"another source", begins("wiki/readers"), `"source":"hr"`, `"source":"okta"`},
			{"a tombstone", begins("wiki/readers"), `"roles":["engineer"]`, `"roles":["engineer"],"buried":["engineer"]`},
			{"quarantine", begins("wiki/readers"), `"roles":["engineer"]`, `"roles":["engineer"],"quarantined":{"engineer":"its owner left"}`},
			{"no role", begins("wiki/readers"), `"roles":["engineer"]`, `"roles":[]`},
			{"another grant", begins("wiki/editors"), `"role":"editor"`, `"role":"engineer"`},
			{"a grant that is over", begins("wiki/editors"), `"role":"editor"`, `"role":"editor","ended":"1999-01-01T00:00:00Z"`},
			{"what was not held", ends("wiki/editors"), `"ref":"wiki/editors"`, `"ref":"wiki/writers"`},
		} {
			i := slices.IndexFunc(ruled, c.decision)
			if i < 0 {
				t.Fatalf("%s: there is no such decision", c.name)
			}
			w.forge(ruled[i], c.old, c.new)
			all := w.decidedAgain()
			if last := all[len(all)-1]; last.Sameness != access.Differs {
				t.Errorf("%s: %s %s, want it to differ", c.name, last.Sameness, last.Why)
			}
		}
	})
}

func begins(ref string) func(schema.Decision) bool {
	return func(d schema.Decision) bool { return d.Verb == schema.Assigned && d.Object == ref }
}

func ends(ref string) func(schema.Decision) bool {
	return func(d schema.Decision) bool { return d.Verb == schema.Unassigned && d.Object == ref }
}

// forge records a decision as it is, made from something else.
func (w *world) forge(d schema.Decision, was, is string) {
	w.t.Helper()
	w.forged = true
	w.update(func(tx store.Tx) error {
		kept, err := store.Detail(tx, d.Inputs)
		if err != nil {
			return err
		}
		if !strings.Contains(string(kept), was) {
			w.t.Fatalf("%s is not in %s", was, kept)
		}
		forged := d
		forged.ID = tx.NewID()
		forged.Inputs, forged.Detail = forged.ID, json.RawMessage(strings.Replace(string(kept), was, is, 1))
		_, err = tx.Record(forged)
		return err
	})
	w.work()
}
