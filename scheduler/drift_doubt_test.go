package scheduler_test

import (
	"context"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A particular target reads nobody whose id is not known, as targets do that are asked by URL.
type particular struct{ *target }

func (p particular) Read(ctx context.Context, id string) (schema.Account, error) {
	if err := connectors.Named(id); err != nil {
		return schema.Account{}, err
	}
	return p.target.Read(ctx, id)
}

// TestDriftLeavesWhoMayBeThere has somebody leave whose account was made by a call that
// nobody heard the answer of, and was given up. No listing tells whether that is there: it
// is neither gone, nor in the way of what differs at other accounts, and is tried again.
// R-DRIFT-1.
func TestDriftLeavesWhoMayBeThere(t *testing.T) {
	for name, at := range map[string]func(*target) connectors.Connector{
		"read as gone":    func(g *target) connectors.Connector { return g },
		"not asked about": func(g *target) connectors.Connector { return particular{g} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				left := w.admit("", "Engineering", false)
				eve := w.admitNamed("eve", "", "Engineering", true)
				settle(time.Second)
				w.target.edit("r-"+left, func(a *schema.Account) { a.Active, a.Attributes = true, map[string]string{"userName": "ada"} })
				w.update(func(tx store.Tx) error {
					return store.Accounts.Put(tx, schema.Account{
						Connector: "wiki", Identity: left, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Parked,
						Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: tx.Now()},
					})
				})
				w.tamper(eve)
				settle(time.Second)
				drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": at(w.target)})
				if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 1 || run.Retried != 1 {
					t.Errorf("%+v, %v; want one account mended, and one tried again", run, err)
				}
				settle(time.Second)
				w.want(eve, true, "Readers")
				w.want(left, false)
			})
		})
	}
}
