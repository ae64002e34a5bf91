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
