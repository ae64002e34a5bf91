package goals

import (
	"fmt"
	"strings"
)

const source = "hr"

var departments = []string{"Engineering", "Finance", "Legal", "Marketing", "Operations", "People", "Sales", "Support"}

// connectorNames are those of n connectors.
func connectorNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("c%02d", i)
	}
	return names
}

// policyOf is a policy of ten roles: one for every employee, one a department,
// and one that is asked for. Where the targets are elsewhere, what a role gives
// there is a seat, so that coming and going are a call each.
func policyOf(names []string, elsewhere bool) string {
	docs := []string{`apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: goals, owner: { user: iam, deputy: iam2 } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
    userType:   { type: string, from: [hr] }
    title:      { type: string, from: [hr] }
    costCenter: { type: string, from: [hr] }
    groups:     { type: list, from: [hr] }
`, `apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
`, `apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam, deputy: iam2 } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: suspend }
`, `apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: owner, owner: { user: iam, deputy: iam2 } }
spec:
  stages: [{ approvers: [{ roleOwner: true }], min: 1, within: 24h }]
  rules: { selfApproval: false, distinctApprovers: true, onTimeout: deny, requireReason: true }
`}
	var seats []string
	for _, name := range names {
		entitlements := []string{"{ id: seat, target: seat, risk: low }", "{ id: extra, target: extra, risk: low }"}
		for _, d := range departments {
			entitlements = append(entitlements, fmt.Sprintf("{ id: %s, target: %s, risk: low }", strings.ToLower(d), d))
		}
		kind := "memory"
		if elsewhere {
			kind = "scim"
		}
		docs = append(docs, fmt.Sprintf(`apiVersion: drawbridge/v1
kind: Connector
metadata: { name: %s, owner: { user: it, deputy: it2 } }
spec:
  type: %s
  mode: enforce
  authority: exclusive
  entitlements: [%s]
`, name, kind, strings.Join(entitlements, ", ")))
		seats = append(seats, fmt.Sprintf("{ connector: %s, entitlement: seat }", name))
	}
	docs = append(docs, birthright("base", `identity.kind == "human" && identity.userType == "employee"`, strings.Join(seats, ", ")))
	for i, d := range departments {
		at, what := names[i%len(names)], strings.ToLower(d)
		if elsewhere {
			what = "seat"
		}
		docs = append(docs, birthright(strings.ToLower(d),
			fmt.Sprintf(`identity.kind == "human" && identity.userType == "employee" && identity.department == %q && has(identity.costCenter) && identity.costCenter != "none"`, d),
			fmt.Sprintf("{ connector: %s, entitlement: %s }", at, what)))
	}
	docs = append(docs, fmt.Sprintf(`apiVersion: drawbridge/v1
kind: Role
metadata: { name: extra, owner: { user: iam, deputy: iam2 } }
spec:
  type: requestable
  mode: enforce
  intent: Something for a while.
  eligible: identity.kind == "human" && identity.userType == "employee"
  approval: owner
  grants: [{ connector: %s, entitlement: extra }]
  duration: { default: 8h, max: 90d }
  triggers: [leaver]
  review: { every: 365d }
`, names[0]))
	return strings.Join(docs, "---\n")
}

func birthright(name, assign, grants string) string {
	return fmt.Sprintf(`apiVersion: drawbridge/v1
kind: Role
metadata: { name: %s, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: What belongs to it.
  assign: %s
  grants: [%s]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
`, name, assign, grants)
}

func userName(u int) string   { return fmt.Sprintf("user%07d@example.com", u) }
func externalID(u int) string { return fmt.Sprintf("E%07d", u) }

// userBody is a user as a source sends it: about a kilobyte.
func userBody(u int) []byte {
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],`+
		`"userName":%q,"externalId":%q,"active":true,"displayName":"Given%d Family%d","title":"Senior Specialist","userType":"employee",`+
		`"preferredLanguage":"en-GB","locale":"en-GB","timezone":"Europe/London",`+
		`"name":{"givenName":"Given%d","familyName":"Family%d","formatted":"Given%d Family%d"},`+
		`"emails":[{"value":%q,"type":"work","primary":true}],`+
		`"phoneNumbers":[{"value":"+44 20 7946 %04d","type":"work"},{"value":"+44 7700 90%04d","type":"mobile"}],`+
		`"addresses":[{"type":"work","streetAddress":"%d Long Street","locality":"London","region":"Greater London","postalCode":"SW1A 1AA","country":"GB"}],`+
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"%d","department":%q,"costCenter":"CC-%03d","organization":"Example","division":"Europe"}}`, //nolint:misspell // SCIM spells it so
		userName(u), externalID(u), u, u, u, u, u, u, userName(u), u%10000, u%10000, u%200, u, departments[u%len(departments)], u%1000)
}
