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
	"drawbridge/schema"
	"drawbridge/store"
)

// outside are the documents of who tells what is not of people's records, and of
// roles that depend on it.
const outside = `
apiVersion: drawbridge/v1
kind: Source
metadata: { name: itsm, owner: { user: it@example.com, deputy: it2@example.com } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [ticket] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: ci, owner: { user: it@example.com, deputy: it2@example.com } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [workload] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: idp, owner: { user: it@example.com, deputy: it2@example.com } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [risk, use] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: gossip, owner: { user: it@example.com, deputy: it2@example.com } }
spec: { protocol: signals, trust: observed, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: risky, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: compromised, on: [event, sweep], when: 'size(risk.events) > 0', action: suspend, grace: 48h, within: 15m }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: mover, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: moved, on: [event], when: 'event.type == "identity.changed" && "title" in event.changed', action: reapprove, grace: 24h }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: unused, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: idle, on: [sweep], when: 'has(grant.lastUsed) && now - grant.lastUsed > duration("48h")', action: revoke, grace: 24h }
    - { name: never, on: [sweep], when: '!has(grant.lastUsed) && grant.usageObservable && now - grant.grantedAt > duration("24h")', action: reapprove, grace: 24h }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: workload, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - name: gone
      on: [event, sweep]
      when: 'workload.state in ["deleted", "archived"] || now - workload.lastSeen > duration("72h")'
      action: revoke
      silence: { after: 24h, action: hold }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: changer, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: jit
  mode: enforce
  intent: Change the wiki under an approved change.
  eligible: identity.kind == "human" && identity.department == "Operations"
  approval: owner
  ticket:
    system: itsm
    valid: >-
      ticket.kind == "change" && ticket.state in ["approved", "in_progress"] && ticket.assignee == identity.id && now < ticket.windowEnd
    expiresWithTicket: true
    silence: { after: 48h, action: revoke }
  grants: [{ connector: wiki, entitlement: editors }]
  duration: { default: 500h, max: 500h }
  triggers: [leaver, risky]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: deployer, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: nhi
  mode: enforce
  intent: Deploy the wiki.
  assign: identity.kind == "workload" && identity.userName.startsWith("svc-")
  grants: [{ connector: wiki, entitlement: writers }]
  triggers: [workload]
  permanent: { because: It lives as long as the workload. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: helper, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Help out at the wiki.
  eligible: identity.kind == "human" && identity.department == "Operations"
  approval: owner
  grants: [{ connector: wiki, entitlement: readers }]
  duration: { default: 1000h, max: 1000h }
  triggers: [leaver, risky, mover, unused]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
`

// signalling gives a world a policy with the documents above.
func signalling(w *world) {
	w.publish(book(w.t,
		"\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", outside,
		"department: { type: string, from: [hr] }", "department: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }",
	))
}

// signal is what a source tells, which must be taken.
func (w *world) signal(source string, sig schema.Signal) (fresh bool) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) {
		fresh, err = access.Tell(tx, access.Provenance{Source: source, Received: tx.Now(), Book: w.rules.Book()}, sig)
		return err
	})
	return fresh
}

// about is a signal of a topic that occurs now. Its id is the time, which passes.
func about(topic schema.Topic) schema.Signal {
	time.Sleep(time.Nanosecond) //nolint:forbidigo // of the bubble's own time
	return schema.Signal{ID: fmt.Sprint("s-", time.Now().UnixNano()), Topic: topic, Occurred: time.Now()}
}

func ticketSignal(state string, change ...func(*schema.Ticket)) schema.Signal {
	sig := about(schema.TopicTicket)
	sig.Ticket = &schema.Ticket{ID: "CHG-1", Kind: "change", State: state, Assignee: "bob@example.com", WindowEnd: time.Now().Add(200 * time.Hour)}
	for _, c := range change {
		c(sig.Ticket)
	}
	return sig
}

func riskSignal(kind string, open bool, email string) schema.Signal {
	sig := about(schema.TopicRisk)
	sig.Risk, sig.Subject = &schema.Risk{Kind: kind, Open: open}, schema.Subject{Email: email}
	return sig
}

func workloadSignal(name, state string) schema.Signal {
	sig := about(schema.TopicWorkload)
	sig.Workload = &schema.WorkloadState{Name: name, State: state}
	return sig
}

func useSignal(account string) schema.Signal {
	sig := about(schema.TopicUse)
	sig.Use = &schema.Use{Connector: "wiki", Account: account, LastUsed: time.Now()}
	return sig
}

// pass lets time go by, during which what falls due is done.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(time.Until(end), 6*time.Hour)) //nolint:forbidigo // of the bubble's own time
		w.work()
	}
}

// TestTicketBoundAccess is R-REV-3: access that a ticket gives ends when the ticket
// leaves its approved states, its window ends, it is given to somebody else, or
// nobody can tell.
func TestTicketBoundAccess(t *testing.T) {
	for _, test := range []struct {
		name  string
		then  func(w *world)
		ended bool
	}{
		{"it stands", func(w *world) { w.pass(24 * time.Hour) }, false},
		{"its state", func(w *world) { w.signal("itsm", ticketSignal("closed")) }, true},
		{"its assignee", func(w *world) {
			w.signal("itsm", ticketSignal("approved", func(t *schema.Ticket) { t.Assignee = "eve@example.com" }))
		}, true},
		{"its window", func(w *world) {
			w.signal("itsm", ticketSignal("approved", func(t *schema.Ticket) { t.WindowEnd = time.Now().Add(time.Hour) }))
			w.work()
			w.pass(2 * time.Hour)
		}, true},
		{"silence", func(w *world) { w.pass(49 * time.Hour) }, true},
		{"no silence", func(w *world) {
			for range 4 {
				w.pass(24 * time.Hour)
				w.signal("itsm", about(schema.TopicAlive))
			}
		}, false},
		{"of one who is not believed", func(w *world) { w.signal("gossip", ticketSignal("closed")) }, false},
		{"an old event", func(w *world) {
			sig := ticketSignal("closed")
			sig.Occurred = sig.Occurred.Add(-time.Hour)
			w.signal("itsm", sig)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				signalling(w)
				w.signal("itsm", ticketSignal("approved"))
				bob := w.admit(person{name: "bob", department: "Operations"})
				w.grant(bob, "changer")
				w.work()
				w.want(bob, "Admins Editors")
				test.then(w)
				w.work()
				holds, by := "Admins Editors", ""
				if test.ended {
					holds, by = "Admins", "trigger/bond/ticket"
				}
				w.want(bob, holds)
				w.view(func(r store.Reader) error {
					for g, err := range store.Grants.All(r, bob) {
						if err != nil || g.EndedBy != by {
							t.Errorf("the grant ended by %q, want %q (%v)", g.EndedBy, by, err)
						}
					}
					return nil
				})
			})
		})
	}
}

// TestRiskSuspends is R-REV-5 and R-REV-7: risk that a trusted source tells of
// takes effect away, gives it back when it is over, and ends what was granted once
// its grace is.
func TestRiskSuspends(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		bob := w.admit(person{name: "bob", department: "Operations"})
		eve := w.admit(person{name: "eve", department: "Operations"})
		for _, id := range []string{bob, eve} {
			w.grant(id, "helper")
		}
		w.work()
		w.signal("gossip", riskSignal("credential-compromise", true, "bob@example.com"))
		w.work()
		w.want(bob, "Admins Readers") // who is only observed is not believed

		w.signal("idp", riskSignal("credential-compromise", true, "BOB@example.com"))
		w.work()
		w.want(bob, "Admins")
		w.want(eve, "Admins Readers")
		w.pass(24 * time.Hour)
		w.signal("idp", riskSignal("credential-compromise", false, "bob@example.com"))
		w.work()
		w.want(bob, "Admins Readers") // without a new approval

		w.signal("idp", riskSignal("session-revoked", true, "bob@example.com"))
		w.work()
		w.pass(49 * time.Hour)
		w.update(func(tx store.Tx) error {
			n, err := access.CloseRisk(tx, w.rules.Book(), bob, "token/test", "spoke to him")
			if n != 1 {
				t.Errorf("got %d risks closed, want 1", n)
			}
			return err
		})
		w.work()
		w.want(bob, "Admins") // the grace is over: it takes a new grant
		w.grant(bob, "helper")
		w.work()
		w.want(bob, "Admins Readers")
	})
}

// TestWorkloadGone is R-REV-4: what a workload has ends with it, by whatever name
// it is told of, also when it is told of before the machine is.
func TestWorkloadGone(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		w.signal("ci", workloadSignal("svc-late", "deleted"))
		w.admit(person{name: "boss"})
		machine := func(name string) string {
			var got schema.Identity
			w.update(func(tx store.Tx) (err error) {
				id := person{name: name}.identity(t)
				id.Kind, id.ExternalID = schema.Workload, "x-"+name
				id.Resource = json.RawMessage(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"workload","owner":"boss"}}`)
				got, err = access.Admit(tx, w.hr(), id)
				return err
			})
			return got.ID
		}
		billing, other, late := machine("svc-billing"), machine("svc-other"), machine("svc-late")
		w.signal("ci", workloadSignal("SVC-billing", "running"))
		w.signal("ci", workloadSignal("svc-other", "running"))
		w.work()
		w.want(billing, "Writers")
		w.want(late, "")

		w.pass(30 * time.Hour) // the feed is silent: nothing is given, and nothing taken
		w.want(billing, "Writers")
		third := machine("svc-third")
		w.work()
		w.want(third, "Writers") // of which its own source tells
		if got := schema.Sorted(w.findings("owed")...); !slices.Equal(got, schema.Sorted(billing, other)) {
			t.Errorf("got findings about %v, want one about %s and %s", got, billing, other)
		}
		w.signal("ci", workloadSignal("x-svc-billing", "deleted"))
		w.signal("ci", workloadSignal("svc-other", "running"))
		w.work()
		w.want(billing, "")
		w.want(other, "Writers")
		w.pass(73 * time.Hour)
		w.want(other, "") // not seen for 72 hours
	})
}

// TestMovers is R-REV-2: who moves is asked about, and keeps what they have for the
// grace, unless somebody else agrees again. Any number of moves are one.
func TestMovers(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		title := func(id, name, title string) {
			p := person{id: id, name: name, department: "Operations"}.identity(t)
			var record map[string]any
			if err := json.Unmarshal(p.Resource, &record); err != nil {
				t.Fatal(err)
			}
			record["title"] = title
			p.Resource, _ = json.Marshal(record)
			w.update(func(tx store.Tx) error {
				_, err := access.Admit(tx, w.hr(), p)
				return err
			})
		}
		bob, eve := w.admit(person{name: "bob", department: "Operations"}), w.admit(person{name: "eve", department: "Operations"})
		w.grant(bob, "helper")
		w.grant(eve, "helper")
		title(bob, "bob", "Chief") // before anybody looked
		title(eve, "eve", "Chief")
		w.work()
		title(eve, "eve", "Cook")
		w.work()
		w.want(bob, "Admins Readers")
		answer := access.Answer{Identity: eve, Role: "helper", By: "token/boss", Reason: "she still helps"}
		own := answer
		own.By = "identity/" + eve
		err := w.store.Update(t.Context(), func(tx store.Tx) error { return access.Reapprove(tx, w.rules.Book(), own) })
		if !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("reapproving for oneself: got %v", err)
		}
		w.update(func(tx store.Tx) error { return access.Reapprove(tx, w.rules.Book(), answer) })
		w.pass(25 * time.Hour)
		w.want(bob, "Admins")
		w.want(eve, "Admins Readers")
		err = w.store.Update(t.Context(), func(tx store.Tx) error { return access.Reapprove(tx, w.rules.Book(), answer) })
		if !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("reapproving again: got %v", err)
		}
		title(eve, "eve", "Chief")
		w.work()
		w.pass(25 * time.Hour)
		w.want(eve, "Admins")
	})
}

// TestUnused is R-REV-6: access that is not used ends, where its use is told; where
// nobody tells any longer, nothing is concluded.
func TestUnused(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		bob, eve := w.admit(person{name: "bob", department: "Operations"}), w.admit(person{name: "eve", department: "Operations"})
		w.grant(bob, "helper")
		w.grant(eve, "helper")
		w.work()
		w.pass(30 * time.Hour)
		w.want(eve, "Admins Readers") // it is not told who uses it
		for range 3 {
			w.signal("idp", useSignal("r-"+bob))
			w.pass(20 * time.Hour)
		}
		w.want(bob, "Admins Readers")
		w.want(eve, "Admins") // never used, and nobody agreed
		w.pass(200 * time.Hour)
		w.want(bob, "Admins Readers") // the feed is silent
	})
}

// TestDisabledAtItsTarget ends what a role gives where somebody disabled the account: who
// tells of it, or who enables it again, is believed by the later word. R-REV-5, R-REV-7.
func TestDisabledAtItsTarget(t *testing.T) {
	const off = `
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: switched, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: disabled, on: [event, sweep], when: has(account.disabled) && account.disabled, action: suspend, grace: 48h }
---` + outside
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, "\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", strings.Replace(off, "[leaver, risky, mover, unused]", "[leaver, switched]", 1),
			"department: { type: string, from: [hr] }", "department: { type: string, from: [hr] }\n    title: { type: string, from: [hr] }"))
		bob, eve := w.admit(person{name: "bob", department: "Operations"}), w.admit(person{name: "eve", department: "Operations"})
		w.grant(bob, "helper")
		w.grant(eve, "helper")
		w.work()
		switched := func(change func(*schema.Use)) {
			sig := useSignal("r-" + bob)
			change(sig.Use)
			w.signal("idp", sig)
			w.work()
		}
		w.want(bob, "Admins Readers")
		at := time.Now()
		switched(func(u *schema.Use) { u.Disabled = at })
		w.want(bob, "Admins")
		w.want(eve, "Admins Readers")
		switched(func(u *schema.Use) { u.Enabled = at.Add(-time.Hour) })
		w.want(bob, "Admins") // that was before
		switched(func(u *schema.Use) { u.Enabled = time.Now() })
		w.want(bob, "Admins Readers")
		switched(func(u *schema.Use) { u.Disabled = time.Now() })
		w.pass(50 * time.Hour)
		switched(func(u *schema.Use) { u.Enabled = time.Now() })
		w.want(bob, "Admins") // nobody enabled it in time
		sig := useSignal("r-" + bob)
		sig.Use.Entitlement, sig.Use.Disabled = "readers", time.Now()
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.Tell(tx, access.Provenance{Source: "idp", Received: tx.Now(), Book: w.rules.Book()}, sig)
			return err
		})
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("an entitlement is disabled: %v", err)
		}
	})
}

func TestTellingTwiceIsOnce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		bob := w.admit(person{name: "bob", department: "Operations"})
		w.work()
		open, over := riskSignal("account-disabled", true, "bob@example.com"), riskSignal("account-disabled", false, "bob@example.com")
		over.Occurred = over.Occurred.Add(time.Minute)
		for i, sig := range []schema.Signal{over, open, over, open} {
			if fresh := w.signal("idp", sig); fresh != (i < 2) {
				t.Errorf("%d: got new %v", i, fresh)
			}
		}
		w.work()
		w.view(func(r store.Reader) error {
			for k, err := range store.Risks.All(r, bob) {
				if err != nil || k.Open {
					t.Errorf("got %+v, want it closed: that is what was said last (%v)", k, err)
				}
			}
			return nil
		})
	})
}

func TestWhatIsNoSignal(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signalling(w)
		tell := func(source string, sig schema.Signal) error {
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.Tell(tx, access.Provenance{Source: source, Book: w.rules.Book()}, sig)
				return err
			})
		}
		for name, sig := range map[string]schema.Signal{
			"no id":        {Topic: schema.TopicAlive, Occurred: time.Now()},
			"no topic":     {ID: "1", Occurred: time.Now()},
			"no time":      {ID: "1", Topic: schema.TopicAlive},
			"to come":      {ID: "1", Topic: schema.TopicAlive, Occurred: time.Now().Add(time.Hour)},
			"no ticket":    {ID: "1", Topic: schema.TopicTicket, Occurred: time.Now()},
			"no workload":  {ID: "1", Topic: schema.TopicWorkload, Occurred: time.Now(), Workload: &schema.WorkloadState{}},
			"no connector": {ID: "1", Topic: schema.TopicUse, Occurred: time.Now(), Use: &schema.Use{Account: "a"}},
			"no kind":      {ID: "1", Topic: schema.TopicRisk, Occurred: time.Now(), Risk: &schema.Risk{}},
		} {
			if err := tell("idp", sig); !errors.Is(err, schema.ErrInvalid) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		for _, source := range []string{"hr", "nobody"} {
			if err := tell(source, about(schema.TopicAlive)); !errors.Is(err, schema.ErrForbidden) {
				t.Errorf("source %s: got %v", source, err)
			}
		}
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.Admit(tx, access.Provenance{Source: "idp", Book: w.rules.Book()}, person{name: "bob"}.identity(t))
			return err
		})
		if !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("a source of signals tells of a person: got %v", err)
		}
	})
}
