package access_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/schema"
)

// TestAgendaInParts has what a sweep would do come to one plan, however much of it is done
// in whatever order, and to another one if anything is added, left out or done twice. R-BRAKE-1.
func TestAgendaInParts(t *testing.T) {
	const about = "sweep/drift/wiki"
	thing := rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "has Editors", "is not listed", ""}), 1, 3)
	rapid.Check(t, func(t *rapid.T) {
		things := rapid.SliceOfN(thing, 1, 8).Draw(t, "things")
		of := func(things ...[]string) *access.Agenda {
			a := access.NewAgenda(about)
			for _, t := range things {
				a.Add(t[0], t[1:]...)
			}
			return a
		}
		plan := of(things...).Plan()
		cut := rapid.IntRange(0, len(things)).Draw(t, "cut")
		mixed := rapid.Permutation(things).Draw(t, "order")
		done, left := mixed[:cut], mixed[cut:]
		rest := of(left...)
		if err := rest.AddPart(of(done...).Part()); err != nil || rest.Plan() != plan || rest.Count() != len(things) {
			t.Fatalf("done %q and left %q come to another plan: %v", done, left, err)
		}
		more := of(append(slices.Clone(left), rapid.SampledFrom(append(things, []string{"new", "has Owners"})).Draw(t, "more"))...)
		if err := more.AddPart(of(done...).Part()); err != nil || more.Plan() == plan {
			t.Fatalf("something more comes to the same plan: %v", err)
		}
		if fewer := of(mixed[1:]...); fewer.Plan() == plan {
			t.Fatal("something less comes to the same plan")
		}
	})
	elsewhere := access.NewAgenda("sweep/drift/crm")
	if elsewhere.Plan() == access.NewAgenda(about).Plan() {
		t.Error("a plan is not of what it is about")
	}
	if err := elsewhere.AddPart(schema.PlanPart{Sum: []byte("short"), Count: 1}); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("half a sum: %v, want ErrInvalid", err)
	}
}
