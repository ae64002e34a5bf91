package scheduler_test

import (
	"context"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A blind target shows nobody who is there.
type blind struct{ looks int }

func (b *blind) Apply(context.Context, schema.Account, schema.Account) (schema.Account, error) {
	b.looks++
	return schema.Account{}, nil
}

// TestWhatAProcessThatDiedMadeIsLookedForTwice has the bridge die while it makes an account
// of somebody who leaves meanwhile: that its successor is not shown it at once does not
// mean that nobody is there.
func TestWhatAProcessThatDiedMadeIsLookedForTwice(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", false)
		settle(time.Second)
		w.update(func(tx store.Tx) error {
			return store.Accounts.Put(tx, schema.Account{
				Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Retrying,
				Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: tx.Now()},
			})
		})
		target := &blind{}
		p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: target}
		item := store.Item{Lane: access.LaneAccount("wiki"), ID: id, Attempt: 2}
		finish, err := p.Handle(t.Context(), item)
		if connectors.KindOf(err) != connectors.Transient || err == nil {
			t.Fatalf("the first look: %v, want it to be looked at again", err)
		}
		w.update(func(tx store.Tx) error {
			_, err := finish(tx)
			return err
		})
		item.Attempt = 3
		if _, err := p.Handle(t.Context(), item); err != nil || target.looks != 2 {
			t.Errorf("the second of %d looks: %v, want it to be believed", target.looks, err)
		}
	})
}
