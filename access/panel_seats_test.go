package access_test

import (
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestNobodyIsCountedWhoMayNotDecide has a person in the approvers' group by the record of
// a source beyond whose scope it is: as MayDecide does not let them, Deciders does not
// count them.
func TestNobodyIsCountedWhoMayNotDecide(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		w.rules.Use(compiled(t, askedFor, "groups: { type: list, from: [hr] }", "groups: { type: list }",
			`authoritativeFor: ["*"]`, `authoritativeFor: ["*", groups]`,
			"kind: Connector\nmetadata: { name: wiki", `kind: Source
metadata: { name: dir, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: contributing, scope: identity.kind == "human", authoritativeFor: [groups], correlateBy: [email] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki`))
		o.tell("deputy", "Security", "", false)
		rec := w.tell(attested{source: "dir", name: "c", email: "deputy@example.com", kind: schema.Human})
		var group schema.Group
		w.update(func(tx store.Tx) (err error) {
			if group, err = access.AdmitGroup(tx, w.as("dir"), schema.Group{DisplayName: "Security"}); err != nil {
				return err
			}
			_, err = access.Join(tx, w.as("dir"), schema.Member{Group: group.ID, Member: rec})
			return err
		})
		w.work()
		asking := o.asking("keeper", "ada")
		asking.Ticket = "CHG-1"
		q, err := o.ask(asking)
		if err != nil {
			t.Fatal(err)
		}
		deciders := func() (names []string) {
			w.view(func(r store.Reader) error {
				able, err := access.Deciders(r, w.rules.Book(), q, 10)
				for _, id := range able {
					if err := access.MayDecide(r, w.rules.Book(), q, id); err != nil {
						t.Errorf("%s is counted: %v", id.UserName, err)
					}
					names = append(names, id.UserName)
				}
				return err
			})
			return names
		}
		if got := deciders(); len(got) != 4 {
			t.Fatalf("these may decide: %v; want four", got)
		}
		w.tell(attested{source: "dir", id: rec, name: "robot", email: "deputy@example.com", kind: schema.Workload})
		w.work()
		if got := deciders(); len(got) != 3 {
			t.Errorf("these may decide: %v; want three", got)
		}
	})
}
