package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

const twoSecrets = `
---
apiVersion: drawbridge/v1
kind: NHI
metadata: { name: svc-billing, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  kind: service-account
  purpose: Sends bills.
  environment: prod
  credentials:
    - { name: first, type: key-pair, ref: "vault:first", connector: wiki, maxAge: 30d }
    - { name: second, type: key-pair, ref: "vault:second", connector: wiki, maxAge: 30d }
  usedBy: [billing]
  offboard: { onWorkloadGone: revoke, onOwnerGone: reassign }
`

// A keeper is a target that keeps secrets.
type keeper struct {
	*target
	able  bool
	fails map[string]error // by credential
	asked []string
}

func (k *keeper) Rotates() bool { return k.able }

func (k *keeper) Rotate(_ context.Context, r connectors.Rotation) (time.Time, error) {
	k.asked = append(k.asked, r.Credential)
	return time.Now(), k.fails[r.Credential]
}

// A tended target is one where people do what is to be done.
type tended struct{ *target }

func (tended) Terms() connectors.Terms {
	return connectors.Terms{Assignee: "desk@example.com", Within: 24 * time.Hour, Remind: 24 * time.Hour}
}

// R-NHI-3: at a target that people tend they are asked, by a work item for each secret:
// once, until it was changed, be it as they confirm or another way. One who declines is
// asked no more, and that stays found.
func TestPeopleAreAskedToRotate(t *testing.T) {
	inBubble(t, func(w *world) {
		book := booktest.Compile(t, documents+twoSecrets)
		w.rules.Use(book)
		var machine string
		w.update(func(tx store.Tx) error {
			got, err := access.Admit(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: book}, schema.Identity{UserName: "svc-billing", Kind: schema.Service, Active: true})
			machine = got.ID
			return err
		})
		settle(31 * 24 * time.Hour)
		rotate := func() (next time.Time) {
			t.Helper()
			finish, err := scheduler.Rotate(w.store, w.rules, map[string]connectors.Connector{"wiki": tended{w.target}})(t.Context(), store.Item{ID: machine})
			if err != nil {
				t.Fatal(err)
			}
			w.update(func(tx store.Tx) (err error) { next, err = finish(tx); return err })
			return next
		}
		items := func(want ...string) (all map[string]schema.WorkItem) {
			t.Helper()
			var got []string
			all = map[string]schema.WorkItem{}
			err := w.store.View(t.Context(), func(r store.Reader) error {
				for item, err := range store.WorkItems.All(r, "wiki", machine) {
					if err != nil {
						return err
					}
					got, all[item.Credential] = append(got, item.Credential), item
				}
				return nil
			})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("work items for %v, %v; want %v", got, err, want)
			}
			return all
		}
		say := func(say func(store.Tx, *access.Rules, access.Confirmation) (schema.WorkItem, error), item schema.WorkItem) {
			t.Helper()
			w.update(func(tx store.Tx) error {
				_, err := say(tx, w.rules, access.Confirmation{Connector: "wiki", Identity: machine, Plan: item.Plan[:12], By: "token/desk", Words: "CHG-7"})
				return err
			})
		}
		if next := rotate(); !next.Equal(time.Now().Add(24 * time.Hour)) {
			t.Errorf("it is looked at again at %s", next)
		}
		asked := items("first", "second")
		if got := asked["first"]; got.Assignee != "desk@example.com" || got.UserName != "svc-billing" || got.Steps[0].Attributes["ref"] != "vault:first" {
			t.Errorf("asked is %+v", got)
		}
		rotate()
		if again := items("first", "second"); !again["first"].Opened.Equal(asked["first"].Opened) {
			t.Error("it is asked anew")
		}
		say(access.Confirm, asked["first"])
		items("second")
		say(access.Decline, asked["second"])
		rotate()
		items()
		err := w.store.View(t.Context(), func(r store.Reader) error {
			found, err := store.Findings.Has(r, "rotation-failed", "wiki", machine, "credential/second")
			if !found {
				t.Error("that people declined is not found")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// R-NHI-3: secrets are changed where a connector can; what fails is tried again, without
// what was changed already.
func TestRotate(t *testing.T) {
	inBubble(t, func(w *world) {
		book := booktest.Compile(t, documents+twoSecrets)
		w.rules.Use(book)
		var machine string
		w.update(func(tx store.Tx) error {
			got, err := access.Admit(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: book}, schema.Identity{UserName: "svc-billing", Kind: schema.Service, Active: true})
			machine = got.ID
			return err
		})
		settle(31 * 24 * time.Hour)
		k := &keeper{target: w.target, fails: map[string]error{}}
		rotate := func() (time.Time, error) {
			k.asked = nil
			finish, err := scheduler.Rotate(w.store, w.rules, map[string]connectors.Connector{"wiki": k})(t.Context(), store.Item{ID: machine})
			var next time.Time
			if finish != nil { // what was changed is noted also where something failed
				w.update(func(tx store.Tx) (err error) { next, err = finish(tx); return err })
			}
			return next, err
		}
		asked := func(when string, want ...string) {
			t.Helper()
			if !slices.Equal(k.asked, want) {
				t.Errorf("%s: asked to change %v, want %v", when, k.asked, want)
			}
		}
		if next, err := rotate(); err != nil || !next.IsZero() {
			t.Errorf("where it cannot: again at %s, %v", next, err)
		}
		asked("where it cannot")
		k.able = true
		k.fails["first"] = errors.New("out of reach")
		if _, err := rotate(); err == nil {
			t.Error("what failed is not tried again")
		}
		delete(k.fails, "first")
		k.fails["second"] = &connectors.Error{After: 7 * time.Minute, Err: errors.New("too many requests")}
		k.fails["first"] = &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no such secret")}
		for range 2 {
			if next, err := rotate(); connectors.RetryAfter(err) != 7*time.Minute {
				t.Errorf("beside what is refused, what failed is tried again at %s, %v", next, err)
			}
			asked("beside what is refused", "first", "second")
		}
		delete(k.fails, "first")
		if next, err := rotate(); connectors.RetryAfter(err) != 7*time.Minute {
			t.Errorf("what failed halfway is tried again at %s, %v", next, err)
		}
		asked("halfway", "first", "second")
		k.fails["second"] = &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no such secret")}
		if next, err := rotate(); err != nil || time.Until(next) < 30*time.Minute {
			t.Errorf("what is refused is asked for again at %s, %v", next, err)
		}
		asked("refused", "second")
		delete(k.fails, "second")
		if next, err := rotate(); err != nil || !next.IsZero() {
			t.Errorf("when all is done: again at %s, %v", next, err)
		}
		asked("at last", "second")
		if _, err := rotate(); err != nil {
			t.Error(err)
		}
		asked("when all is done")
	})
}
