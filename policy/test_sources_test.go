package policy_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"drawbridge/policy"
	"drawbridge/policy/policytest"
)

const saidDocuments = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: a@x, deputy: b@x } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr, directory] }
    title: { type: string }
    groups: { type: list }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: a@x, deputy: b@x } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*", department, title, active] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: directory, owner: { user: a@x, deputy: b@x } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: [groups, department, title, active] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: a@x, deputy: b@x } }
spec: { type: memory, mode: enforce, authority: exclusive, entitlements: [{ id: readers, target: Readers, risk: low }] }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: a@x, deputy: b@x } }
spec:
  triggers:
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: revoke, failClosed: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: reader, owner: { user: a@x, deputy: b@x } }
spec:
  type: birthright
  mode: enforce
  intent: Finance reads.
  assign: identity.kind == "human" && identity.department == "Finance" && identity.title == "Clerk" && "staff" in identity.groups
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Test
metadata: { name: said }
spec:
  now: 2026-11-23T09:00:00Z
  identity: { id: u, kind: human }
  sources: SOURCES
  expect: { EXPECT }
`

// TestSaidBySources has tests state what each source says, and what of it counts.
func TestSaidBySources(t *testing.T) {
	for name, c := range map[string]struct{ sources, expect string }{
		"each what it may":             {`{ hr: { active: true, department: Finance, title: Clerk }, directory: { groups: [staff] } }`, `assigned: [reader]`},
		"the first with a value":       {`{ hr: { active: true, department: Finance, title: Clerk }, directory: { groups: [staff], department: Sales } }`, `assigned: [reader]`},
		"the second where the first":   {`{ hr: { active: true, title: Clerk }, directory: { groups: [staff], department: Finance } }`, `assigned: [reader]`},
		"not beyond authority":         {`{ hr: { active: true, department: Finance, title: Clerk, groups: [staff] } }`, `indeterminate: [reader]`},
		"a dispute is undecided":       {`{ hr: { active: true, department: Finance, title: Clerk }, directory: { groups: [staff], title: Chief } }`, `indeterminate: [reader]`},
		"whoever says that they left":  {`{ hr: { active: true, department: Finance, title: Clerk }, directory: { groups: [staff], active: false } }`, `notAssigned: [reader], fired: [{ role: reader, trigger: leaver/suspended, action: revoke }]`},
		"nobody who may says anything": {`{ directory: { groups: [staff] } }`, `assigned: []`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer("SOURCES", c.sources, "EXPECT", c.expect).Replace(saidDocuments)
			set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
			book, more := policy.Compile(set)
			for _, f := range slices.Concat(findings, more) {
				if f.Severity == policy.Error {
					t.Fatal(f)
				}
			}
			for _, r := range policytest.Run(book, set) {
				if !r.OK {
					t.Error(r.Failures)
				}
			}
		})
	}
}

// TestDaysOfATest has tests say days, and times without a zone, as sources do: in a source's
// own words they are where that is, elsewhere in UTC, and the last day is worked. R-REV-1.
func TestDaysOfATest(t *testing.T) {
	const there, gone = "assigned: [reader]", "assigned: [], fired: [{ role: reader, trigger: leaver/suspended, action: revoke }]"
	said := func(end string) string {
		return "{ hr: { active: true, department: Finance, title: Clerk, employment: { endDate: " + end + " } }, directory: { groups: [staff] } }"
	}
	for name, c := range map[string]struct{ identity, sources, expect, wrong string }{
		"yesterday":                     {"{ employment: { status: active, endDate: 2026-11-22 } }", said("2027-01-01"), there, ""}, // a source says otherwise
		"the last day":                  {"", said("2026-11-23"), there, ""},
		"the day after it":              {"", said("2026-11-22"), gone, ""},
		"in quotes":                     {"", said(`"2026-11-22"`), gone, ""},
		"of a source west of it":        {"America/Los_Angeles", said("2026-11-22"), gone, ""},
		"of one where it is not over":   {"Pacific/Honolulu", said("2026-11-22"), there, ""},
		"a time without a zone":         {"", said("2026-11-23T09:00:00"), gone, ""},
		"a moment before it":            {"", said("2026-11-23T09:00:01"), there, ""},
		"without a zone, at its source": {"America/Los_Angeles", said("2026-11-23T01:00:00"), gone, ""},
		"of the identity itself":        {"{ active: true, department: Finance, title: Clerk, groups: [staff], employment: { status: active, endDate: 2026-11-22 } }", "{}", gone, ""},
		"and its last day":              {"{ active: true, department: Finance, title: Clerk, groups: [staff], employment: { status: active, endDate: 2026-11-23 } }", "{}", there, ""},
		"and its first":                 {"{ active: true, department: Finance, title: Clerk, groups: [staff], employment: { status: active, startDate: 2026-11-23 } }", "{}", there, ""},
		"no day at all":                 {"", said("2026-11-31"), "", `employment: endDate: 2026-11-31 is not a time`},
		"a text that looks like one":    {"{ department: 2026-11-22 }", "{}", "", "department: 2026-11-22 reads as a day: quote it"},
		"numbers for names":             {"{ groups: [12] }", "{}", "", "groups: 12 is not a string"},
	} {
		t.Run(name, func(t *testing.T) {
			identity, zone := "{ kind: human }", ""
			if strings.HasPrefix(c.identity, "{") {
				identity = c.identity
			} else if c.identity != "" {
				zone = ", timeZone: " + c.identity
			}
			text := strings.NewReplacer(
				"identity.active == false", "identity.active == false || has(identity.employment.endDate) && identity.employment.endDate <= now",
				`"*", department, title, active] }`, `"*", department, title, active]`+zone+" }",
				`identity.kind == "human" &&`, `identity.kind == "human" && (!has(identity.employment.startDate) || identity.employment.startDate <= now) &&`,
				"{ id: u, kind: human }", identity, "SOURCES", c.sources, "EXPECT", c.expect,
			).Replace(saidDocuments)
			set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
			book, more := policy.Compile(set)
			wrong := ""
			for _, f := range slices.Concat(findings, more) {
				if f.Severity == policy.Error && f.Code != policy.CodeEmpty {
					wrong += f.Message
				}
			}
			if !strings.Contains(wrong, c.wrong) || (wrong == "") != (c.wrong == "") {
				t.Fatalf("found %q, want %q", wrong, c.wrong)
			}
			for _, r := range policytest.Run(book, set) {
				if !r.OK && c.wrong == "" {
					t.Error(r.Failures)
				}
			}
		})
	}
}
