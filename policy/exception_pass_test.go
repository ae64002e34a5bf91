package policy

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const anException = `apiVersion: drawbridge/v1
kind: Exception
metadata: { name: let, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  waives: WAIVES
  subjects: [ann]
  reason: Until the hire starts.
  approvedBy: [risk@example.org]
  approvedAt: 2026-11-01T00:00:00Z
  expires: 2026-12-01T00:00:00Z
`

const reader = `apiVersion: drawbridge/v1
kind: Role
metadata: { name: reader, owner: { user: a@example.org } }
spec:
  type: birthright
  mode: enforce
  intent: Reads the wiki.
  assign: identity.kind == "human" && identity.userType == "employee"
  grants: [{ connector: wiki, entitlement: readers }]
  permanent: { because: Held for the length of employment. }
  triggers: [leaver]
  review: { every: 365d }
`

// R-EXC-1, R-EXC-5: a warning about one document is accepted by an exception that names
// both, from when it was allowed until it expires, and is told with it.
func TestAcceptedWarnings(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		waives string
		at     time.Time
		stands bool
	}{
		"before":            {"{ lint: W-DEPUTY, document: Role/reader }", day(10, 31), true},
		"while it holds":    {"{ lint: W-DEPUTY, document: Role/reader }", day(11, 1), false},
		"at its end":        {"{ lint: W-DEPUTY, document: Role/reader }", day(12, 1), true},
		"another warning":   {"{ lint: W-OVERLAP, document: Role/reader }", day(11, 1), true},
		"another document":  {"{ lint: W-DEPUTY, document: Source/hr }", day(11, 1), true},
		"the role's people": {"{ role: reader }", day(11, 1), true},
	} {
		_, found := lint(folder(t, map[string]string{"reader.yaml": reader, "let.yaml": strings.Replace(anException, "WAIVES", c.waives, 1)}))
		deputy := func(f Finding) bool { return f.Code == CodeDeputy && f.Object == "Role/reader" }
		if !slices.ContainsFunc(found, deputy) {
			t.Fatalf("%s: found %s", name, found)
		}
		if got := slices.ContainsFunc(found.Standing(c.at), deputy); got != c.stands {
			t.Errorf("%s: it stands %v, want %v:\n%s", name, got, c.stands, found)
		}
	}
}

// R-EXC-5: a Test states what an exception allows whom it names, and until when.
func TestExceptionsInTests(t *testing.T) {
	const try = `apiVersion: drawbridge/v1
kind: Test
metadata: { name: let }
spec:
  now: 2026-11-10T00:00:00Z
  identity: { id: WHO, kind: human, active: true, userType: visitor, employment: { status: active } }
  expect: { assigned: [] }
  then:
    - { after: 30d, expect: { assigned: [] } }
`
	for who, want := range map[string][2]Outcome{"ann": {Assigned, NotEligible}, "bob": {NotEligible, NotEligible}} {
		book, found := lint(folder(t, map[string]string{
			"reader.yaml": reader, "let.yaml": strings.Replace(anException, "WAIVES", "{ role: reader }", 1), "try.yaml": strings.Replace(try, "WHO", who, 1),
		}))
		if found.Errors() {
			t.Fatal(found)
		}
		tests := book.set.Tests
		for i, m := range book.Try(tests[slices.IndexFunc(tests, func(x *Test) bool { return x.Metadata.Name == "let" })]) {
			at := slices.IndexFunc(m.Access.Verdicts, func(v Verdict) bool { return v.Role == "reader" })
			if got := m.Access.Verdicts[at]; got.Outcome != want[i] {
				t.Errorf("%s, %d: %s (%s), want %s", who, i, got.Outcome, got.Reason, want[i])
			}
		}
	}
}

// R-JIT-5: how far clocks may differ is stated, and no more than five minutes.
func TestClockSkew(t *testing.T) {
	for text, want := range map[string][3]any{
		"":                                             {2 * time.Minute, time.Duration(0), false},
		"  clockSkew: { notBefore: 0s }\n":             {time.Duration(0), time.Duration(0), false},
		"  clockSkew: { expiry: 30s }\n":               {2 * time.Minute, 30 * time.Second, false},
		"  clockSkew: { notBefore: 6m }\n":             {6 * time.Minute, time.Duration(0), true},
		"  clockSkew: { expiry: 1h }\n":                {2 * time.Minute, time.Hour, true},
		"  clockSkew: { notBefore: 5m, expiry: 5m }\n": {5 * time.Minute, 5 * time.Minute, false},
	} {
		set := "apiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: clocks, owner: { user: a@example.org, deputy: b@example.org } }\nspec:\n  mode: observe\n" + text
		book, found := lint(fstest.MapFS{"set.yaml": {Data: []byte(set)}})
		start, end := book.Skew()
		if start != want[0] || end != want[1] || found.Errors() != want[2] {
			t.Errorf("%q: %s, %s, and %s", text, start, end, found)
		}
	}
}
