package access_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestNoSignalIsOutlived makes random histories of tickets, risk, grants and time,
// told in any order and more than once (R-REV-3, R-REV-5, R-REV-7): whatever was
// said last ends what it should, and nothing is held that no live grant explains.
func TestNoSignalIsOutlived(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		anySignals(r, w)
		w.alike()
	})
}

// told is what was said last of one thing, by its time.
type told struct {
	at   time.Time
	good bool
}

func (s *told) hear(at time.Time, good bool) {
	if !at.Before(s.at) {
		s.at, s.good = at, good
	}
}

func anySignals(r *rapid.T, w *world) {
	signalling(w)
	bob := w.admit(person{name: "bob", department: "Operations"})
	w.work()
	ticket, risk := told{}, map[string]*told{"a": {good: true}, "b": {good: true}}
	var sent []schema.Signal
	say := func(sig schema.Signal) {
		sig.Occurred = sig.Occurred.Add(-time.Duration(rapid.IntRange(0, 90).Draw(r, "late")) * time.Minute)
		sent = append(sent, sig)
		w.signal(map[schema.Topic]string{schema.TopicTicket: "itsm", schema.TopicRisk: "idp"}[sig.Topic], sig)
		switch {
		case sig.Ticket != nil:
			ticket.hear(sig.Occurred, sig.Ticket.State == "approved")
		case sig.Risk != nil:
			risk[sig.Risk.Kind].hear(sig.Occurred, !sig.Risk.Open)
		}
	}
	for range rapid.IntRange(1, 14).Draw(r, "steps") {
		switch rapid.IntRange(0, 5).Draw(r, "what") {
		case 0, 1:
			say(ticketSignal(rapid.SampledFrom([]string{"approved", "closed"}).Draw(r, "state"), func(t *schema.Ticket) { t.WindowEnd = time.Now().Add(9000 * time.Hour) }))
		case 2:
			say(riskSignal(rapid.SampledFrom([]string{"a", "b"}).Draw(r, "kind"), rapid.Bool().Draw(r, "open"), "bob@example.com"))
		case 3:
			role := rapid.SampledFrom([]string{"changer", "helper"}).Draw(r, "role")
			_ = w.store.Update(w.t.Context(), func(tx store.Tx) error { // what is not eligible is refused
				_, err := access.Grant(tx, w.rules.Book(), schema.Grant{Identity: bob, Role: role, By: "token/test", Reason: "x", Ticket: "CHG-1",
					Approvals: []schema.Approval{{By: "iam@example.com"}}})
				return err
			})
		case 4:
			if len(sent) > 0 { // again, which says nothing new
				sig := rapid.SampledFrom(sent).Draw(r, "again")
				w.signal(map[bool]string{true: "itsm", false: "idp"}[sig.Topic == schema.TopicTicket], sig)
			}
		case 5:
			w.pass(rapid.SampledFrom([]time.Duration{time.Minute, 20 * time.Hour, 50 * time.Hour}).Draw(r, "pass"))
		}
		w.work()
		outlived(w, bob, ticket.good, risk["a"].good && risk["b"].good)
	}
}

// outlived panics if somebody has what they should not.
func outlived(w *world, who string, ticket, trusted bool) {
	live := map[string]bool{}
	w.view(func(r store.Reader) error {
		for g, err := range store.Grants.All(r, who) {
			if err != nil {
				return err
			}
			live[g.Role] = live[g.Role] || g.Live(r.Now())
		}
		return nil
	})
	has := w.holds(who)
	for role, entitlement := range map[string]string{"changer": "Editors", "helper": "Readers"} {
		should := live[role] && trusted && (ticket || role != "changer")
		if strings.Contains(has, entitlement) && !should {
			violated("has %q: a grant is live %v, the ticket is approved %v, no risk is open %v", has, live[role], ticket, trusted)
		}
		if should && !strings.Contains(has, entitlement) {
			violated("has %q, and nothing stands against role %s", has, role)
		}
	}
}
