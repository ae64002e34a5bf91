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

// TestWhateverTheFacts proves R-ENG-4.
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
// again before Next has missed nothing. R-ENG-2.
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

// TestTheIndexLosesNothing compares what is evaluated by the index with all of it:
// roles that it passes by are those whose rule does not match.
func TestTheIndexLosesNothing(t *testing.T) {
	book := bookOf(t, roles)
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		f.About = rapid.SampledFrom([][]string{nil, {"base"}, {"robot", "no such role"}}).Draw(t, "about")
		at := book
		if rapid.IntRange(0, 3).Draw(t, "quarantine") == 0 {
			at = book.With(map[string]string{"base": "its owner left"})
		}
		got, all := at.Evaluate(f, noon), at.thoroughly(f, noon)
		for _, v := range all.Verdicts {
			i := slices.IndexFunc(got.Verdicts, func(g Verdict) bool { return g.Role == v.Role })
			switch {
			case i < 0 && (v.Outcome != NotEligible || slices.Contains(f.About, v.Role)):
				t.Errorf("the index passes %s by, which is %s", v.Role, v.Outcome)
			case i >= 0 && !cmp.Equal(got.Verdicts[i], v):
				t.Errorf("verdict: %s", cmp.Diff(v, got.Verdicts[i]))
			}
		}
		if !got.Next.IsZero() && got.Next.Before(all.Next) {
			t.Errorf("next: got %v, and %v thoroughly", got.Next, all.Next)
		}
		got.Verdicts, all.Verdicts, got.Next, all.Next = nil, nil, time.Time{}, time.Time{}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("(-thorough +indexed):\n%s", diff)
		}
	})
}

// thoroughly is Evaluate without the index.
func (b *Book) thoroughly(f Facts, now time.Time) Access {
	e := b.prepare(f, now)
	e.thorough = true
	return e.run()
}

func TestWhatRulesDemand(t *testing.T) {
	book := bookOf(t, roles)
	for _, test := range []struct{ rule, want string }{
		{`identity.userType == "employee" && identity.department in ["B", "A"]`, "identity.userType[employee] identity.department[A B]"},
		{`"employee" == identity.userType`, "identity.userType[employee]"},
		{`identity.kind == "human" && (identity.userType == "a" || identity.userType == "b")`, "identity.kind[human]"},
		{`identity.userType != "a" && !(identity.department == "b")`, ""},
		{`identity.?userType.orValue("x") == "x"`, ""},
		{`identity.kind == "human" ? identity.active : false`, ""},
		{`workload.repo == "acme/robot" && identity.active`, "workload.repo[acme/robot]"},
	} {
		r, faults := book.language.compile(test.rule, "identity", "workload", "now")
		if len(faults) > 0 {
			t.Fatal(test.rule, faults)
		}
		var got []string
		for _, d := range r.demands {
			got = append(got, fmt.Sprint(d.read.name, d.values))
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s: got %s, want %s", test.rule, s, test.want)
		}
	}
}
