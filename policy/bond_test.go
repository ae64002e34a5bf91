package policy

import (
	"slices"
	"testing"

	"drawbridge/schema"
)

// TestAnotherRolesTicket has somebody hold a role on a ticket, and ask for another: that
// one's condition is not asked of a ticket that it was never given for.
func TestAnotherRolesTicket(t *testing.T) {
	text := ""
	for _, name := range []string{"alpha", "beta"} {
		text += `---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: ` + name + `, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: jit
  mode: enforce
  intent: For a while.
  eligible: identity.userType == "employee"
  approval: manager
  grants: [{ connector: crm, entitlement: sales }]
  triggers: [leaver]
  duration: { default: 1h, max: 4h }
  ticket: { valid: 'ticket.kind == "` + name + `"', expiresWithTicket: true }
  review: { every: 365d }
`
	}
	text += `---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: desk, owner: { user: a@example.org, deputy: b@example.org } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [ticket] }
`
	book, found := lint(folder(t, map[string]string{"roles.yaml": text}))
	if found.Errors() {
		t.Fatal(found)
	}
	f := Facts{
		Identity: person(employee), About: []string{"alpha", "beta"},
		Grants:  []schema.Grant{{ID: "1", Identity: "u1", Role: "alpha", From: noon, Until: noon.Add(day), Ticket: "T-1"}},
		Tickets: []schema.Ticket{{System: "desk", ID: "T-1", Kind: "alpha"}},
	}
	verdicts := book.Evaluate(f, noon).Verdicts
	for role, want := range map[string]Outcome{"alpha": Assigned, "beta": Eligible} {
		i := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.Role == role })
		if i < 0 || verdicts[i].Outcome != want {
			t.Errorf("%s: got %+v, want %s", role, verdicts, want)
		}
	}
}
