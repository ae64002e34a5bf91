package simulation

import (
	"fmt"
	"strings"
	"sync"
	"testing/fstest"

	"drawbridge/policy"
)

const documents = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
    groups: { type: list, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki@example.com, deputy: wiki2@example.com } }
spec:
  type: scim
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: readers, target: Readers, risk: low }
    - { id: editors, target: Editors, risk: moderate }
    - { id: admins, target: Admins, risk: high }
    - { id: writers, target: Writers, risk: low }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: crm, owner: { user: crm@example.com, deputy: crm2@example.com } }
spec:
  type: scim
  mode: enforce
  authority: shared
  entitlements:
    - { id: sales, target: Sales, risk: low }
    - { id: editors, target: Editors, risk: low }
    - { id: vips, target: VIPs, risk: low }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: code, owner: { user: code@example.com, deputy: code2@example.com } }
spec:
  type: scim
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: devs, target: Devs, risk: moderate }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: desk, owner: { user: desk@example.com, deputy: desk2@example.com } }
spec:
  type: scim
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: agents, target: Agents, risk: low }
    - { id: leads, target: Leads, risk: low }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: chat, owner: { user: chat@example.com, deputy: chat2@example.com } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: members, target: Members, risk: low }
    - { id: writers, target: Writers, risk: low }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: suspend }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: owner, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  stages: [{ approvers: [{ roleOwner: true }], min: 1, within: 4h }]
  rules: { selfApproval: false, distinctApprovers: true, onTimeout: deny, requireReason: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers read the wiki and write code.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }, { connector: code, entitlement: devs }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: seller, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Sellers see the customers.
  assign: identity.kind == "human" && identity.department == "Sales"
  grants: [{ connector: crm, entitlement: sales }, { connector: chat, entitlement: members }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: operator, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Operators look after the wiki and answer questions.
  assign: identity.kind == "human" && identity.department == "Operations"
  grants: [{ connector: wiki, entitlement: admins }, { connector: desk, entitlement: agents }, { connector: desk, entitlement: leads }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: writer, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Who is in the group of writers writes.
  assign: identity.kind == "human" && "writers" in identity.groups
  grants: [{ connector: wiki, entitlement: writers }, { connector: chat, entitlement: writers }]
  triggers: [leaver]
  permanent: { because: Held for as long as they are in the group. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: editor, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Edit for a while.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  approval: owner
  grants: [{ connector: wiki, entitlement: editors }, { connector: crm, entitlement: editors }]
  duration: { default: 2h, max: 24h }
  triggers: [leaver]
  review: { every: 365d }
`

// variants are the policies that come into force, as what differs from the
// documents. gives says the same once more, for the oracle.
var variants = [][]string{
	nil,
	{
		"{ connector: wiki, entitlement: readers }, { connector: code, entitlement: devs }", "{ connector: wiki, entitlement: readers }",
		"{ connector: crm, entitlement: sales }, ", "{ connector: crm, entitlement: sales }, { connector: crm, entitlement: vips }, ",
	},
	{
		"{ connector: wiki, entitlement: writers }, ", "",
		"{ connector: desk, entitlement: leads }", "{ connector: code, entitlement: devs }",
	},
}

// books returns the policies, compiled once.
var books = sync.OnceValues(func() (all []*policy.Book, err error) {
	for _, variant := range variants {
		text := strings.NewReplacer(variant...).Replace(documents)
		set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
		book, more := policy.Compile(set)
		for _, f := range append(findings, more...) {
			if f.Severity == policy.Error {
				return nil, fmt.Errorf("a policy of the simulation: %v", f)
			}
		}
		all = append(all, book)
	}
	return all, nil
})
