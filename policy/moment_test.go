package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMomentsOfASource proves R-REV-1: that employment ends when its last day is over where
// the source is, and that a time without a zone is one there.
func TestMomentsOfASource(t *testing.T) {
	for _, test := range []struct{ zone, attribute, said, want string }{
		{"", "endDate", "2026-11-30T17:00:00Z", "2026-11-30T17:00:00Z"},
		{"", "endDate", "2026-11-30T17:00:00.5+01:00", "2026-11-30T16:00:00.5Z"},
		{"", "endDate", "2026-11-30T17:00:00", "2026-11-30T17:00:00Z"},
		{"", "endDate", "2026-11-30T17:00:00.25", "2026-11-30T17:00:00.25Z"},
		{"", "endDate", "2026-11-30", "2026-12-01T00:00:00Z"},
		{"", "startDate", "2026-11-30", "2026-11-30T00:00:00Z"},
		{"", "endDate", "30.11.2026", ""},
		{"America/Los_Angeles", "endDate", "2026-11-30T17:00:00Z", "2026-11-30T17:00:00Z"},
		{"America/Los_Angeles", "endDate", "2026-11-30T17:00:00", "2026-12-01T01:00:00Z"},
		{"America/Los_Angeles", "endDate", "2026-11-30", "2026-12-01T08:00:00Z"},
		{"America/Los_Angeles", "startDate", "2026-11-30", "2026-11-30T08:00:00Z"},
		{"Europe/Berlin", "endDate", "2026-10-25", "2026-10-25T23:00:00Z"},      // of 25 hours
		{"America/Santiago", "endDate", "2026-09-05", "2026-09-06T04:00:00Z"},   // after which there is no midnight
		{"America/Santiago", "startDate", "2026-09-06", "2026-09-06T04:00:00Z"}, // nor before it
		{"Africa/Cairo", "endDate", "2026-04-23", "2026-04-23T22:00:00Z"},       // the same, east of Greenwich
		{"Europe/Berlin", "endDate", "2026-12-31", "2026-12-31T23:00:00Z"},
		{"Europe/Berlin", "contractEnd", "2026-12-31", "2026-12-30T23:00:00Z"},
	} {
		t.Run(strings.TrimSpace(test.zone+" "+test.attribute+" "+test.said), func(t *testing.T) {
			text := baseText(t)
			if test.zone != "" {
				text = strings.Replace(text, "trust: authoritative,", "trust: authoritative, timeZone: "+test.zone+",", 1)
			}
			set, found := Load(mapFS{"base.yaml": text, "roles.yaml": roles}.fs())
			book, more := Compile(set)
			if all := append(found, more...); all.Errors() {
				t.Fatal(all)
			}
			name, who := "identity.employment."+test.attribute, person(docs+fmt.Sprintf(`,"urn:drawbridge:scim:schemas:extension:2.0:User":{%q:%q}`, test.attribute, test.said))
			if test.attribute == "contractEnd" {
				name, who = "identity.contractEnd", person(docs+fmt.Sprintf(`,"contractEnd":%q`, test.said))
			}
			got := ""
			if at, ok := book.Attributes(who, nil).Values()[name].(time.Time); ok {
				got = at.UTC().Format(time.RFC3339Nano)
			}
			if got != test.want {
				t.Fatalf("it is %q, want %q", got, test.want)
			}
			if test.attribute != "endDate" || got == "" {
				return
			}
			end, err := time.Parse(time.RFC3339, got)
			if err != nil {
				t.Fatal(err)
			}
			for at, want := range map[time.Time]Outcome{end.Add(-time.Second): Assigned, end: Withdrawn} {
				if v := verdictOn(book.Evaluate(Facts{Identity: who}, at), "base"); v.Outcome != want {
					t.Errorf("at %s it is %s (%s), want %s", at.Format(time.RFC3339), v.Outcome, v.Reason, want)
				}
			}
		})
	}
}

func verdictOn(a Access, role string) (v Verdict) {
	for _, v := range a.Verdicts {
		if v.Role == role {
			return v
		}
	}
	return v
}

// TestZonesThereAreNone refuses what no time zone is called, and what is another on each
// machine.
func TestZonesThereAreNone(t *testing.T) {
	for _, zone := range []string{"Mars/Olympus", "Local", "CEST"} {
		base := strings.Replace(baseText(t), "trust: authoritative,", "trust: authoritative, timeZone: "+zone+",", 1)
		book, found := lint(folder(t, map[string]string{"base.yaml": base}))
		if _, approved := book.Source("hr"); approved || !strings.Contains(fmt.Sprint(found), fmt.Sprintf("E-DECODE: there is no time zone %q", zone)) {
			t.Errorf("%s: approved %v, found %v", zone, approved, found)
		}
	}
}
