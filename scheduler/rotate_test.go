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
