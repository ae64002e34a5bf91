package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
)

// TestMatters finds what a log that is partly indexed says about entitlements, and what
// people decided, and compares with what was recorded.
func TestMatters(t *testing.T) {
	s := open(t)
	about, by := map[string]map[string][]int64{}, map[string][]int64{}
	seq := int64(0)
	for range 40 {
		update(t, s, func(tx store.Tx) error {
			for i := range 100 {
				n := seq + int64(i)
				d := schema.Decision{
					Actor: []string{"bridge", "token/ops", "source/hr"}[n%3], Verb: schema.Assigned, Subject: fmt.Sprintf("p%d", n%17),
					Object: []string{"wiki/a&b", "wiki/readers", "crm", "group/x"}[n%4], Because: []string{"identity/boss"}, Reason: "because",
				}
				if _, err := tx.Record(d); err != nil {
					return err
				}
			}
			return nil
		})
		for range 100 {
			object := []string{"wiki/a&b", "wiki/readers", "crm", "group/x"}[seq%4]
			if about[object] == nil {
				about[object] = map[string][]int64{}
			}
			subject := fmt.Sprintf("p%d", seq%17)
			about[object][subject] = append(about[object][subject], seq)
			if seq%3 == 1 {
				by["token/ops"] = append(by["token/ops"], seq)
				by["identity/boss"] = append(by["identity/boss"], seq)
			}
			seq++
		}
		told(t, s, about, by)
	}
}

func told(t *testing.T, s *store.Store, about map[string]map[string][]int64, by map[string][]int64) {
	t.Helper()
	view(t, s, func(r store.Reader) error {
		for _, object := range []string{"wiki/a&b", "wiki/readers"} {
			for _, behind := range []string{"", "p11", "p9"} {
				got, want := map[string][]int64{}, maps.Clone(about[object])
				maps.DeleteFunc(want, func(subject string, _ []int64) bool { return subject <= behind })
				var order []string
				for trace, err := range store.LogTraces(r, object, behind) {
					if err != nil {
						return err
					}
					got[trace.Subject], order = trace.Numbers, append(order, trace.Subject)
				}
				if !maps.EqualFunc(got, want, slices.Equal) || !slices.IsSorted(order) || len(order) != len(got) {
					t.Fatalf("about %s behind %q: %v (%v), want %v", object, behind, got, order, want)
				}
			}
		}
		for _, who := range []string{"token/ops", "identity/boss", "bridge"} {
			want := slices.Clone(by[who])
			slices.Reverse(want)
			entries, err := store.LogBy(r, who, 1<<40, 1<<20)
			if err != nil {
				return err
			}
			var got []int64
			for _, e := range entries {
				got = append(got, e.Seq)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("by %s: %d, want %d", who, len(got), len(want))
			}
		}
		return nil
	})
	if report, err := s.Check(t.Context()); err != nil || !report.OK() {
		t.Fatalf("%v %v", report.Faults, err)
	}
}
