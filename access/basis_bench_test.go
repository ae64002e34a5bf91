package access_test

import (
	"fmt"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// BenchmarkDecide is one identity being decided about that comes by a role, with what the
// log and what is beside it grow by.
func BenchmarkDecide(b *testing.B) {
	w := benchWorld(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		w.admit(person{name: fmt.Sprintf("p%07d", i), department: "Engineering"})
		b.StartTimer()
		w.journey(access.LaneIdentity, w.reconcile)
	}
	b.StopTimer()
	entries, beside, n := 0, 0, 0
	w.view(func(r store.Reader) error {
		for e, err := range store.Log(r, 0) {
			if err != nil || e.Decision.Verb != schema.Assigned {
				continue
			}
			n++
			entries += len(e.Leaf)
			if kept, err := store.Detail(r, e.Decision.ID); err == nil {
				beside += len(kept)
			}
		}
		return nil
	})
	b.ReportMetric(float64(entries)/float64(n), "B/entry")
	b.ReportMetric(float64(beside)/float64(n), "B-beside/entry")
}
