package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"drawbridge/schema"
)

// anyFacts draws an identity of which more or less is known, with grants and
// tombstones, around noon.
func anyFacts(t *rapid.T) Facts {
	hours := func(name string) time.Duration {
		return time.Duration(rapid.Int64Range(-400, 400).Draw(t, name)) * time.Hour
	}
	record := rapid.SampledFrom([]string{"", employee, docs, `,"userType":"other"`}).Draw(t, "record")
	var about string
	if rapid.Bool().Draw(t, "dated") {
		about = fmt.Sprintf(`"endDate":%q`, noon.Add(hours("end")).Format(time.RFC3339))
	} else {
		about = fmt.Sprintf(`"employmentStatus":%q`, rapid.SampledFrom([]string{"active", "leave", "ended"}).Draw(t, "status"))
	}
	f := Facts{Identity: person(record + own(about))}
	f.Identity.Active = rapid.Bool().Draw(t, "active")
	if rapid.IntRange(0, 9).Draw(t, "deleted") == 0 {
		f.Identity.Deleted = noon
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "grants") {
		g := schema.Grant{ID: fmt.Sprint("g", i), Identity: "u1", Role: "editor", From: noon.Add(hours("from"))}
		g.Until = g.From.Add(hours("for") + 401*time.Hour)
		if rapid.Bool().Draw(t, "used") {
			g.LastUsed = noon.Add(hours("lastUsed"))
		}
		f.Grants = append(f.Grants, g)
	}
	if rapid.IntRange(0, 4).Draw(t, "buried") == 0 {
		f.Tombstones = []schema.Tombstone{{Identity: "u1", Role: rapid.SampledFrom([]string{"base", "editor"}).Draw(t, "stone")}}
	}
	return f
}

func TestWhateverTheFacts(t *testing.T) {
	book := bookOf(t, roles)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		a := book.Evaluate(f, noon)
		for _, line := range a.Assignments {
			if f.Identity.Gone() || !f.Identity.Active || book.Ended(f, noon) {
				t.Fatalf("who left holds %s", line.Ref())
			}
			for _, because := range line.Because {
				role, ok := strings.CutPrefix(because, "role/")
				if !ok {
					continue
				}
				if slices.Contains(a.Keep, role) || slices.ContainsFunc(f.Tombstones, func(s schema.Tombstone) bool { return s.Role == role }) {
					t.Fatalf("%s is given by role %s, which stands against it", line.Ref(), role)
				}
			}
		}
		for _, v := range a.Verdicts {
			vetoed := slices.ContainsFunc(a.Fired, func(f Fired) bool { return f.Role == v.Role && f.Grant == "" && f.Action == actionRevoke })
			if vetoed && v.Outcome != Withdrawn {
				t.Fatalf("a trigger revokes role %s, and it is %s", v.Role, v.Outcome)
			}
		}
	})
}

// TestUntilNextNothingChanges is what a scheduler relies on: who is not looked at
// again before Next has missed nothing.
func TestUntilNextNothingChanges(t *testing.T) {
	book := bookOf(t, roles)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		a := book.Evaluate(f, noon)
		window := 2000 * time.Hour
		if !a.Next.IsZero() {
			window = a.Next.Sub(noon) - 1
		}
		later := noon.Add(time.Duration(rapid.Int64Range(0, int64(window)).Draw(t, "later")))
		b := book.Evaluate(f, later)
		if !b.Next.Equal(a.Next) {
			t.Errorf("next: got %v at %v, and %v at %v", a.Next, noon, b.Next, later)
		}
		a.Next, b.Next = time.Time{}, time.Time{}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("changed before its time, at %v:\n%s", later, diff)
		}
	})
}
