package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/policy/booktest"
	"drawbridge/schema"
	"drawbridge/server"
	"drawbridge/store"
)

// limited is a policy of which hr may take something from two people an hour, and in
// which whoever is in the group of writers writes, and engineers read.
const limited = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam, deputy: iam2 } }
spec:
  mode: enforce
  identity:
    department: { type: string, from: [hr] }
    groups: { type: list, from: [hr] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"], massChange: { deactivationsPerHour: 2, onExceeded: hold } }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki, deputy: wiki2 } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: writers, target: Writers, risk: low }
    - { id: readers, target: Readers, risk: low }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam, deputy: iam2 } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.active == false', action: revoke, failClosed: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: writer, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: Who is in the group of writers writes.
  assign: identity.kind == "human" && "writers" in identity.groups
  grants: [{ connector: wiki, entitlement: writers }]
  triggers: [leaver]
  permanent: { because: Held for as long as they are in the group. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: reader, owner: { user: iam, deputy: iam2 } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers read.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for as long as they are engineers. }
  review: { every: 365d }
`

// A braked is a bridge with people in a group, whose work is done by hand.
type braked struct {
	*client
	world  *world
	rules  *access.Rules
	people []string
	group  got
}

const secondSecret = "second-secret-0123456789"

func newBraked(t *testing.T, people int) *braked {
	t.Helper()
	b := &braked{}
	b.client = newClient(t, func(o *server.Options) {
		b.rules = access.NewRules(booktest.Compile(t, limited), nil)
		o.Rules, o.Credentials[0].Source = b.rules, "hr"
		o.Credentials = append(o.Credentials, server.Credential{Name: "second", Role: "admin", Secret: secondSecret})
		b.world = &world{store: o.Store}
	})
	for range people {
		b.people = append(b.people, b.user(`,"`+staffURN+`":{"department":"Engineering"}`).id())
	}
	b.group = b.send("POST", "/Groups", `{"displayName":"writers","members":[`+b.members()+`]}`).is(201)
	b.work()
	b.hold("writers", people)
	b.hold("readers", people)
	return b
}

func (b *braked) members() string {
	var list []string
	for _, id := range b.people {
		list = append(list, `{"value":"`+id+`"}`)
	}
	return strings.Join(list, ",")
}

// work looks at the group, at what was released, and at everybody.
func (b *braked) work() {
	b.t.Helper()
	ctx := b.t.Context()
	b.lane(access.LaneGroup, nil, func(item store.Item) (access.Finish, error) {
		return access.Regroup(ctx, b.world.store, b.rules, item)
	})
	b.lane(access.LaneRelease, []string{lossesOfHR}, func(item store.Item) (access.Finish, error) {
		return access.CarryOut(ctx, b.world.store, b.rules, item)
	})
	b.lane(access.LaneIdentity, b.people, func(item store.Item) (access.Finish, error) {
		return access.Reconcile(ctx, b.world.store, b.rules, item)
	})
}

// lane does the work of some items now.
func (b *braked) lane(lane store.Lane, ids []string, handle func(store.Item) (access.Finish, error)) {
	b.t.Helper()
	accesstest.Update(b.t, b.world.store, func(tx store.Tx) error {
		for _, id := range ids {
			if err := tx.WakeUrgent(lane, id); err != nil {
				return err
			}
		}
		return nil
	})
	accesstest.Lane(b.t, b.world.store, lane, handle)
}

const lossesOfHR = "losses:hr"

// hold checks how many should hold an entitlement.
func (b *braked) hold(entitlement string, want int) {
	b.t.Helper()
	err := b.world.store.View(b.t.Context(), func(r store.Reader) error {
		got, err := store.AssignmentHeld.Count(r, 100, "wiki", entitlement)
		b.check(got == want, "%d hold %s, want %d", got, entitlement, want)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// held returns what the API says is held of hr's losses.
func (b *braked) held() (h schema.Hold) {
	b.t.Helper()
	g := b.send("GET", b.api+"/holds", "", "Authorization", "Bearer "+adminSecret).is(200)
	var list struct{ Items []schema.Hold }
	if err := json.Unmarshal([]byte(g.text), &list); err != nil {
		b.t.Fatal(err)
	}
	for _, hold := range list.Items {
		if hold.ID == lossesOfHR {
			h = hold
		}
	}
	return h
}

// release says yes to a plan as the owner of a secret.
func (b *braked) release(secret, plan string) got {
	b.t.Helper()
	return b.send("POST", b.api+"/holds/"+lossesOfHR+"/release", fmt.Sprintf(`{"plan":%q,"reason":"it was meant"}`, plan),
		"Authorization", "Bearer "+secret, "Content-Type", "application/json")
}

// TestSendersAndTheBrake takes something from six people in each way in which a sender
// can, of a source that may take it from two an hour. The sender is answered as though
// there were no brake, reads back what it wrote, and is answered in the same way when it
// tries again, which changes nothing. What the other four would lose is held until two
// people let it through. R-SRC-7, R-BRAKE-3.
func TestSendersAndTheBrake(t *testing.T) {
	for name, c := range map[string]struct {
		loses, keeps string
		take         func(b *braked) got
		status       int
		again        int
		reads        func(b *braked)
	}{
		"PATCH, members by value": {"writers", "readers", func(b *braked) got {
			return b.patch(b.group.path(), `{"op":"remove","path":"members","value":[`+b.members()+`]}`)
		}, 204, 204, (*braked).empty},
		"PATCH, members by filter": {"writers", "readers", func(b *braked) got {
			var ops []string
			for _, id := range b.people {
				ops = append(ops, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
			}
			return b.patch(b.group.path(), strings.Join(ops, ","))
		}, 204, 204, (*braked).empty},
		"PATCH, all members": {"writers", "readers", func(b *braked) got {
			return b.patch(b.group.path(), `{"op":"remove","path":"members"}`)
		}, 204, 204, (*braked).empty},
		"PUT": {"writers", "readers", func(b *braked) got {
			return b.send("PUT", b.group.path(), `{"displayName":"writers","members":[]}`)
		}, 200, 200, (*braked).empty},
		"PUT, under another name": {"writers", "readers", func(b *braked) got {
			return b.send("PUT", b.group.path(), `{"displayName":"authors","members":[`+b.members()+`]}`)
		}, 200, 200, func(b *braked) { b.get(b.group.path()).is(200).has("authors", "displayName") }},
		"DELETE": {"writers", "readers", func(b *braked) got {
			return b.send("DELETE", b.group.path(), "")
		}, 204, 404, func(b *braked) { b.get(b.group.path()).is(404) }},
		"Bulk, a PATCH for each member": {"writers", "readers", func(b *braked) got {
			return b.bulk(func(id string) string {
				return `{"method":"PATCH","path":"` + b.group.path() + `","data":{"Operations":[{"op":"remove","path":"members[value eq \"` + id + `\"]"}]}}`
			})
		}, 200, 200, (*braked).empty},
		"Bulk, another department for each": {"readers", "writers", func(b *braked) got {
			return b.bulk(func(id string) string {
				return `{"method":"PATCH","path":"/Users/` + id + `","data":{"Operations":[{"op":"replace","path":"` + staffURN + `:department","value":"Elsewhere"}]}}`
			})
		}, 200, 200, func(b *braked) { b.get("/Users/"+b.people[5]).is(200).has("Elsewhere", staffURN, "department") }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBraked(t, 6)
			c.take(b).is(c.status)
			c.reads(b)
			b.work()
			b.hold(c.loses, 4)
			b.hold(c.keeps, 6)
			h := b.held()
			b.check(h.Count == 4 && len(h.First) == 4 && strings.Contains(h.Reason, "more than 2 people in an hour"), "held: %+v", h)

			c.take(b).is(c.again) // the sender is not sure that it was heard
			c.reads(b)
			b.work()
			b.hold(c.loses, 4)
			again := b.held()
			b.check(again.Plan == h.Plan && again.Count == 4, "after a retry: %+v, before: %+v", again, h)

			b.release(viewerSecret, h.Plan).is(403)
			b.release(adminSecret, "another").is(409)
			b.release(adminSecret, h.Plan).is(200).has(float64(1), "awaits")
			b.release(adminSecret, h.Plan).is(403)
			b.work()
			b.hold(c.loses, 4)
			b.release(secondSecret, h.Plan).is(200).has(float64(0), "awaits")
			b.work()
			b.hold(c.loses, 0)
			b.hold(c.keeps, 6)
			b.check(b.held().ID == "", "still held: %+v", b.held())
			c.take(b).is(c.again)
			b.work()
			b.check(b.held().ID == "", "a retry is held: %+v", b.held())
		})
	}
}

// empty checks that the group has nobody in it, as its source said.
func (b *braked) empty() {
	b.t.Helper()
	b.get(b.group.path()).is(200).has(nil, "members")
}

// bulk sends an operation for each of the people, each of which must succeed.
func (b *braked) bulk(op func(id string) string) got {
	b.t.Helper()
	var ops []string
	for _, id := range b.people {
		ops = append(ops, op(id))
	}
	g := b.send(http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(ops, ",")+`]}`)
	for _, o := range list(g.body["Operations"]) {
		status := fmt.Sprint(o.(map[string]any)["status"])
		b.check(strings.HasPrefix(status, "2"), "an operation was answered %s: %s", status, g.text)
	}
	return g
}
