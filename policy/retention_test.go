package policy

import (
	"testing"
	"testing/fstest"
	"time"
)

// TestKeptForSevenYears proves R-LOG-8: for how long decisions are kept, and what stands beside
// them, is the policy's to say, from a year on; where it says nothing it is seven years.
func TestKeptForSevenYears(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]struct {
		decisions, evidence int // days
		refused             bool
	}{
		"":                                    {2557, 2557, false},
		"{ decisions: 400d }":                 {400, 400, false},
		"{ evidence: 90d }":                   {2557, 90, false},
		"{ evidence: 3000d }":                 {3000, 3000, false},
		"{ decisions: 365d, evidence: 30d }":  {365, 30, false},
		"{ decisions: 364d }":                 {364, 364, true},
		"{ evidence: 29d }":                   {2557, 29, true},
		"{ decisions: 400d, evidence: 401d }": {400, 401, true},
	} {
		set := "apiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: kept, owner: { user: a@example.org, deputy: b@example.org } }\nspec:\n  mode: observe\n"
		if text != "" {
			set += "  retention: " + text + "\n"
		}
		book, found := lint(fstest.MapFS{"set.yaml": {Data: []byte(set)}})
		got, err := book.Retention()
		if err != nil || found.Errors() != want.refused {
			t.Errorf("%q: %v, and %s", text, err, found)
		}
		if want.refused {
			continue
		}
		if got.Decisions != Duration(time.Duration(want.decisions)*day) || got.Evidence != Duration(time.Duration(want.evidence)*day) {
			t.Errorf("%q: decisions are kept for %s, and evidence for %s; want %d and %d days", text, got.Decisions, got.Evidence, want.decisions, want.evidence)
		}
	}
	var none *Book
	got, err := none.Retention()
	if err != nil {
		t.Fatal(err)
	}
	for year := 2000; year < 2030; year++ { // whichever leap years there are
		begun := time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC)
		if kept := begun.Add(time.Duration(got.Decisions)); kept.Before(begun.AddDate(7, 0, 0)) {
			t.Errorf("what was decided on %s is kept until %s, and that is no seven years", begun, kept)
		}
	}
}
