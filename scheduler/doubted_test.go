package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A blind target shows nobody who is there, once it can be asked.
type blind struct {
	looks int
	away  int // how many of the first looks fail
}

func (b *blind) Apply(_ context.Context, have, _ schema.Account) (schema.Account, error) {
	if b.looks++; b.looks <= b.away {
		return have, errors.New("the line broke")
	}
	return schema.Account{}, nil
}

// TestWhatMayBeMadeIsLookedForTwice has somebody leave of whom an account was being made
// when the bridge died, or when the target went away: that the target does not show it,
// once it can be asked, does not mean that nobody is there.
func TestWhatMayBeMadeIsLookedForTwice(t *testing.T) {
	for _, away := range []int{0, 3} {
		t.Run(fmt.Sprint(away, " looks fail"), func(t *testing.T) {
			inBubble(t, func(w *world) { lookedForTwice(w, &blind{away: away}) })
		})
	}
}

func lookedForTwice(w *world, target *blind) {
	id := w.admit("", "Engineering", false)
	settle(time.Second)
	w.update(func(tx store.Tx) error {
		return store.Accounts.Put(tx, schema.Account{
			Connector: "wiki", Identity: id, RemoteID: connectors.Unnamed("ada"), Active: true, State: schema.Retrying,
			Attributes: map[string]string{"userName": "ada"}, Due: schema.Change{Received: tx.Now()},
		})
	})
	p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: target}
	item := store.Item{Lane: access.LaneAccount("wiki"), ID: id, Attempt: 2}
	for range target.away + 1 {
		finish, err := p.Handle(w.t.Context(), item)
		if connectors.KindOf(err) != connectors.Transient || err == nil {
			w.t.Fatalf("look %d: %v, want it to be looked at again", target.looks, err)
		}
		w.update(func(tx store.Tx) error {
			_, err := finish(tx)
			return err
		})
		item.Attempt++
	}
	if _, err := p.Handle(w.t.Context(), item); err != nil {
		w.t.Errorf("the second time that it says so: %v, want it to be believed", err)
	}
}
