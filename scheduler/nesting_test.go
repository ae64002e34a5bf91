package scheduler_test

import (
	"slices"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/memory"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestNestingIsFound has a target with a group in another: the drift sweep finds what no
// catalogue says, and forgets it when it is undone. R-INH-3.
func TestNestingIsFound(t *testing.T) {
	inBubble(t, func(w *world) {
		found := func() (all []schema.Finding) {
			err := w.store.View(t.Context(), func(r store.Reader) error {
				all = nil
				for f, err := range store.Findings.All(r, "nesting", "wiki") {
					if err != nil {
						return err
					}
					all = append(all, f)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		sweep := func(target *memory.System) {
			t.Helper()
			drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": target})
			if _, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil {
				t.Fatal(err)
			}
		}
		target := memory.New(memory.Hooks{})
		target.Nest("Editors", "Readers")
		target.Nest("Strangers", "Readers") // which nobody governs
		target.Nest("Readers", "Elsewhere")
		sweep(target)
		got := found()
		about := func(subject, object string) bool {
			return slices.ContainsFunc(got, func(f schema.Finding) bool {
				return f.Subject == subject && f.Object == object && f.Code == "W-NESTING"
			})
		}
		if len(got) != 2 || !about("Editors", "Readers") || !about("Readers", "Elsewhere") {
			t.Errorf("found %+v, want what is in Editors and in Readers", got)
		}
		if sweep(memory.New(memory.Hooks{})); len(found()) > 0 {
			t.Errorf("it was undone, and stays found: %+v", found())
		}
	})
}
