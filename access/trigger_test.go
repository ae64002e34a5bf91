package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What a trigger does is tried for each thing that it may look at with each action, with
// a grace and without, through the store and to the target: three hold what it ends. For
// one it goes on until the grace is long over, and ends then; for one it ends within the
// grace; for one somebody answers at once.

// A cause is one thing that triggers look at.
type cause struct {
	name, on, when string
	machine        bool          // it is about machines, which hold by rule; else about people, by grants
	actions        []causeAction // nil: causeActions

	begin func(*causes)               // for everybody
	end   func(*causes, string)       // for one; nil where time goes on, or what happened has
	pass  func(*world, time.Duration) // how time passes meanwhile
}

func (c cause) passing() bool { return c.on == "[event]" }

// causes is one world in which a cause is tried.
type causes struct {
	*world
	cause
	ids map[string]string
}

var causeSubjects = []string{"goes-on", "ends", "answered"}

// A causeAction is what a trigger does about its cause, and what once nobody tells.
type causeAction struct {
	action  string
	grace   time.Duration
	silence string // what it does after a day of that; empty: nothing
}

func (a causeAction) role() string {
	if a.silence != "" {
		return a.action + "-or-" + a.silence
	}
	return causeRole(a.action, a.grace)
}

// causeActions are all actions, with a grace and without.
var causeActions = []causeAction{
	{action: "revoke"}, {action: "revoke", grace: day24}, {action: "suspend"}, {action: "suspend", grace: day24}, {action: "hold"},
	{action: "reapprove"}, {action: "reapprove", grace: day24}, {action: "reassign"}, {action: "reassign", grace: day24}, {action: "rotate"},
}

func (c cause) does() []causeAction {
	if c.actions != nil {
		return c.actions
	}
	return causeActions
}

const day24 = 24 * time.Hour

func causeRole(action string, grace time.Duration) string {
	if grace > 0 {
		return action + "-later"
	}
	return action
}

// everyCause are the things that triggers look at.
func everyCause() []cause {
	idle := func(w *world, d time.Duration) { // while who tells of use goes on telling
		for ; d > 0; d -= 6 * time.Hour {
			w.signal("idp", about(schema.TopicAlive))
			w.pass(min(d, 6*time.Hour))
		}
	}
	status := func(c *causes, who, status string) { c.say(who, map[string]any{"employmentStatus": status}, "Cook") }
	return []cause{
		{name: "employment", on: "[event, sweep]", when: `identity.employment.status == "leave"`,
			begin: func(c *causes) { c.each(func(who string) { status(c, who, "leave") }) },
			end:   func(c *causes, who string) { status(c, who, "active") }},
		{name: "movement", on: "[event]", when: `event.type == "identity.changed" && "title" in event.changed`,
			begin: func(c *causes) { c.each(func(who string) { c.say(who, nil, "Chief") }) }},
		{name: "ticket", on: "[event, sweep]", when: `has(grant.ticket) && ticket.state == "closed"`,
			begin: func(c *causes) { c.each(func(who string) { c.ticket(who, "closed") }) },
			end:   func(c *causes, who string) { c.ticket(who, "approved") }},
		{name: "risk", on: "[event, sweep]", when: `size(risk.events) > 0`,
			begin: func(c *causes) {
				c.each(func(who string) { c.signal("idp", riskSignal("session-revoked", true, who+"@example.com")) })
			},
			end: func(c *causes, who string) { c.signal("idp", riskSignal("session-revoked", false, who+"@example.com")) }},
		{name: "inactivity", on: "[sweep]", when: `has(grant.lastUsed) && now - grant.lastUsed > duration("48h")`, pass: idle,
			begin: func(c *causes) {
				c.each(func(who string) { c.signal("idp", useSignal("r-"+c.ids[who])) })
				idle(c.world, 49*time.Hour)
			},
			end: func(c *causes, who string) {
				c.signal("idp", useSignal("r-"+c.ids[who]))
				c.work()
			}},
		{name: "review", on: "[sweep]", when: `now - grant.reviewedAt > duration("72h")`,
			begin: func(c *causes) { c.world.pass(73 * time.Hour) }},
		{name: "workload", on: "[event, sweep]", when: `workload.state == "deleted"`, machine: true,
			begin: func(c *causes) { c.each(func(who string) { c.signal("ci", workloadSignal(who, "deleted")) }) },
			end:   func(c *causes, who string) { c.signal("ci", workloadSignal(who, "running")) }},
		{name: "owner", on: "[event, sweep]", when: `workload.ownerActive == false`, machine: true,
			begin: func(c *causes) { c.each(func(who string) { c.owner(who, true) }) },
			end:   func(c *causes, who string) { c.owner(who, false) }},
	}
}

// newCauses is a world in which everybody holds a role for each action, all ended by the
// cause.
func newCauses(w *world, c cause) *causes {
	x := &causes{world: w, cause: c, ids: map[string]string{}}
	w.publish(x.book(causeIntent))
	x.each(func(who string) {
		if !c.machine {
			x.say(who, nil, "Cook")
			x.ticket(who, "approved")
			return
		}
		x.owner(who, false)
		x.update(func(tx store.Tx) error {
			id := person{name: who}.identity(w.t)
			id.Kind = schema.Workload
			id.Resource = json.RawMessage(fmt.Sprintf(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload","owner":"boss-%s"}}`, who))
			got, err := access.Admit(tx, w.hr(), id)
			x.ids[who] = got.ID
			return err
		})
		w.signal("ci", workloadSignal(who, "running"))
	})
	w.work()
	if c.machine {
		return x
	}
	x.each(func(who string) {
		for _, a := range c.does() {
			x.update(func(tx store.Tx) error { return x.give(tx, who, a.role()) })
		}
	})
	w.work()
	return x
}

// causeIntent is what the roles are for.
const causeIntent = "It is ended by what is tried."

// book is the policy, with roles that are for something.
func (c *causes) book(intent string) *policy.Book {
	return book(c.t, "\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", outside, "    - { id: writers, target: Writers, risk: low }\n", c.entitlements(),
		"department: { type: string, from: [hr] }", "department: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }",
		"\nkind: Role\nmetadata: { name: engineer,", strings.ReplaceAll(c.documents(), causeIntent, intent)+"\nkind: Role\nmetadata: { name: engineer,")
}

func (c cause) entitlements() string {
	text := "    - { id: writers, target: Writers, risk: low }\n"
	for _, a := range c.does() {
		text += fmt.Sprintf("    - { id: %[1]s, target: %[1]s, risk: low }\n", a.role())
	}
	return text
}

// documents are a role and a trigger set for each action.
func (c cause) documents() string {
	text := ""
	for _, a := range c.does() {
		name, more := a.role(), ""
		if a.grace > 0 {
			more = ", grace: 24h"
		}
		if a.silence != "" {
			more += ", silence: { after: 24h, action: " + a.silence + " }"
		}
		held := `type: requestable
  eligible: identity.kind == "human" && identity.department == "Kitchen"
  approval: owner
  duration: { default: 9000h, max: 9000h }`
		if c.machine {
			held = `type: nhi
  assign: identity.kind == "workload" && identity.userName in ["goes-on", "ends", "answered"]
  permanent: { because: It lives as long as the workload. }`
		}
		text += fmt.Sprintf(`
kind: TriggerSet
metadata: { name: by-%[1]s, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: it, on: %[2]s, when: '%[3]s', action: %[4]s%[5]s }
    - { name: other, on: [event, sweep], when: 'identity.active == false || workload.state == "archived"', action: revoke }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: %[1]s, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  %[6]s
  mode: enforce
  intent: It is ended by what is tried.
  grants: [{ connector: wiki, entitlement: %[1]s }]
  triggers: [leaver, by-%[1]s]
  review: { every: 365d }
---
apiVersion: drawbridge/v1`, name, c.on, c.when, a.action, more, held)
	}
	return text
}

func (c *causes) each(do func(who string)) {
	for _, who := range causeSubjects {
		do(who)
	}
}

// say is what hr says of a person.
func (c *causes) say(who string, more map[string]any, title string) {
	c.t.Helper()
	id := person{id: c.ids[who], name: who, department: "Kitchen"}.identity(c.t)
	record := map[string]any{}
	if err := json.Unmarshal(id.Resource, &record); err != nil {
		c.t.Fatal(err)
	}
	record["title"] = title
	if more != nil {
		record["urn:drawbridge:scim:schemas:extension:2.0:User"] = more
	}
	id.Resource, _ = json.Marshal(record)
	c.update(func(tx store.Tx) error {
		got, err := access.Admit(tx, c.hr(), id)
		c.ids[who] = got.ID
		return err
	})
}

func (c *causes) ticket(who, state string) {
	c.signal("itsm", ticketSignal(state, func(t *schema.Ticket) { t.ID, t.Assignee = "CHG-"+who, who+"@example.com" }))
}

// owner is whether the owner of a machine is there.
func (c *causes) owner(who string, gone bool) {
	name := "boss-" + who
	c.ids[name] = c.admit(person{id: c.ids[name], name: name, inactive: gone})
}

func (c *causes) give(tx store.Tx, who, role string) error {
	_, err := access.Grant(tx, c.rules.Book(), schema.Grant{
		Identity: c.ids[who], Role: role, By: "token/test", Reason: "to cook", Ticket: "CHG-" + who,
		Approvals: []schema.Approval{{By: "iam@example.com", At: tx.Now()}},
	})
	return err
}

// wait lets time pass, in which everybody goes on telling who tells of the cause.
func (c *causes) wait(d time.Duration) {
	if c.cause.pass != nil {
		c.cause.pass(c.world, d)
		return
	}
	c.world.pass(d)
}

// answer has somebody agree to what is asked, and reports whether anything is.
func (c *causes) answer(who, role string) bool {
	c.t.Helper()
	err := c.store.Update(c.t.Context(), func(tx store.Tx) error {
		return access.Reapprove(tx, c.rules.Book(), access.Answer{Identity: c.ids[who], Role: role, By: "token/boss", Reason: "looked at"})
	})
	if err != nil && !errors.Is(err, schema.ErrNotFound) {
		c.t.Errorf("answering for %s: %v", role, err)
	}
	return err == nil
}

// expect compares what somebody has at the target, of each action.
func (c *causes) expect(when, who string, has func(action string, grace bool) bool) {
	c.t.Helper()
	got := strings.Fields(c.holds(c.ids[who]))
	for _, a := range causeActions {
		role := causeRole(a.action, a.grace)
		if want := has(a.action, a.grace > 0); slices.Contains(got, role) != want {
			c.t.Errorf("%s, %s: %s is at the target %v, want %v", when, who, role, !want, want)
		}
	}
}

// asksPeople reports whether an action asks something of people.
func asksPeople(action string) bool {
	return action == "reapprove" || action == "reassign" || action == "rotate"
}

// R-REV-1 to R-REV-7: every trigger that the format permits does what it says, at the
// target.
func TestEveryTrigger(t *testing.T) {
	for _, one := range everyCause() {
		t.Run(one.name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) { tryCause(newCauses(w, one)) })
		})
	}
}

func tryCause(c *causes) {
	all := func(string, bool) bool { return true }
	c.each(func(who string) { c.expect("before", who, all) })
	c.begin(c)
	c.work()
	begun := func(action string, grace bool) bool { return action != "suspend" && (action != "revoke" || grace) }
	c.each(func(who string) { c.expect("when it begins", who, begun) })
	c.holdsBack()
	for _, a := range causeActions {
		role := causeRole(a.action, a.grace)
		want := asksPeople(a.action) || c.cause.passing() && a.action != "revoke"
		if got := c.answer("answered", role); got != want {
			c.t.Errorf("%s asks something of people %v, want %v", role, got, want)
		}
	}
	if c.end != nil {
		c.wait(5 * time.Hour)
		c.end(c, "ends")
		c.work()
		back := func(action string, grace bool) bool { return action != "revoke" || grace || c.cause.machine }
		c.expect("when it ended within the grace", "ends", back)
		c.wait(20 * time.Hour)
		c.expect("when the grace would be over", "ends", back)
	} else {
		c.wait(25 * time.Hour)
	}
	over := func(action string, grace bool) bool {
		return action == "hold" || action == "rotate" || asksPeople(action) && !grace
	}
	c.expect("when the grace is over", "goes-on", over)
	c.update(func(tx store.Tx) error { return tx.Wake(access.LaneIdentity, c.ids["goes-on"], tx.Now()) })
	c.work()
	c.expect("when it is looked at once more", "goes-on", over) // and no grace begins anew
	c.expect("when somebody answered", "answered", func(action string, grace bool) bool {
		return asksPeople(action) || action == "hold" || action == "suspend" && c.cause.passing()
	})
	if c.end == nil {
		return
	}
	c.end(c, "goes-on")
	c.work()
	c.expect("when it ended after the grace", "goes-on", func(action string, grace bool) bool {
		return c.cause.machine || over(action, grace) || action == "suspend" && !grace
	})
}

// TestNobodyAgreesTooLate has what a trigger asks about end, because nobody agreed in time,
// while nothing is written: that it stays is not to be said any more. R-REV-2, R-BG-7.
func TestNobodyAgreesTooLate(t *testing.T) {
	for _, halted := range []bool{false, true} {
		engines(t, func(t *testing.T, w *world) {
			c := newCauses(w, causeNamed("movement"))
			if halted {
				w.halt(schema.Everywhere)
			}
			c.begin(c)
			c.work()
			c.wait(25 * time.Hour)
			if halted {
				w.resume(schema.Everywhere)
				c.work()
			}
			for _, a := range causeActions {
				if a.grace > 0 && c.answer("goes-on", a.role()) {
					t.Errorf("halted %v: %s ended, and somebody agreed that it stays", halted, a.role())
				}
			}
		})
	}
}

// holdsBack tries to give once more what is held.
func (c *causes) holdsBack() {
	if c.cause.machine {
		return
	}
	err := c.store.Update(c.t.Context(), func(tx store.Tx) error { return c.give(tx, "goes-on", "hold") })
	if !errors.Is(err, schema.ErrForbidden) {
		c.t.Errorf("renewing what is held: %v", err)
	}
}
