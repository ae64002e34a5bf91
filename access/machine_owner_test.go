package access_test

import (
	"encoding/json"
	"slices"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

const machines = `---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: machine, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: gone, on: [event, sweep], when: 'workload.state == "deleted"', action: revoke }
    - { name: orphaned, on: [event, sweep], when: 'workload.ownerActive == false', action: suspend }
    - { name: unowned, on: [event, sweep], when: 'workload.ownerActive == false', action: reassign, within: 336h }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: deployer, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: nhi
  mode: enforce
  intent: One pipeline deploys.
  assign: identity.kind == "workload" && workload.repo == "example/billing" && workload.environment == "prod"
  grants: [{ connector: wiki, entitlement: editors }]
  permanent: { because: Lives as long as the workload. }
  triggers: [machine]
  nhi: { interactiveLogin: deny, environments: [prod] }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow`

// TestOwnerOfMachine has who answers for a machine come, leave and come back, by
// each of the names a source may give them.
func TestOwnerOfMachine(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, "---\napiVersion: drawbridge/v1\nkind: ApprovalFlow", machines))
		lead := w.admit(person{name: "lead"})
		for _, owner := range []string{"nobody@example.com", "Lead@example.com", "lead", lead} {
			resource, err := json.Marshal(map[string]any{
				"urn:drawbridge:scim:schemas:extension:2.0:User": map[string]any{
					"kind": "workload", "owner": owner, "repo": "example/billing", "environment": "prod", "state": "running",
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			var machine schema.Identity
			w.update(func(tx store.Tx) error {
				machine, err = access.Admit(tx, w.hr(), schema.Identity{UserName: "bot-" + owner, Kind: schema.Workload, Active: true, Resource: resource})
				return err
			})
			w.work()
			has := "Editors"
			if owner == "nobody@example.com" {
				has = "" // nobody answers for it: nothing is given (R-NHI-2)
			}
			w.want(machine.ID, has)
			w.admit(person{id: lead, name: "lead", inactive: true})
			w.work()
			w.want(machine.ID, "")
			if got := w.findings("owed"); !slices.Contains(got, machine.ID) {
				t.Errorf("owner %s: findings about %v, want %s among them", owner, got, machine.ID)
			}
			w.admit(person{id: lead, name: "lead"})
			w.work()
			w.want(machine.ID, has)
		}
	})
}
