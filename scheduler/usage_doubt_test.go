package scheduler_test

import (
	"errors"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestOwnAccountProvesNothing has a target that shows the bridge its own last sign-in, and nobody else's.
func TestOwnAccountProvesNothing(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.target.change(func(g *target) { g.tells = true })
		w.people(longAgo+oneDay, map[string]func(*schema.Account){"ada": never, "bob": never})
		w.target.edit("svc-drawbridge", func(a *schema.Account) { a.Active, a.LastUsed = true, time.Now() })
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		if got := w.unused(); len(got) != 0 {
			t.Errorf("the bridge's own account is the only one of which it is told, and it found %v", got)
		}
	})
}

// TestNeverAfterUseIsUnclear has a target that told that ada signed in, and then says she never did.
func TestNeverAfterUseIsUnclear(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.target.change(func(g *target) { g.tells = true })
		w.people(longAgo+oneDay, map[string]func(*schema.Account){"ada": usedAgo(oneDay), "bob": usedAgo(oneDay)})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		for range 95 {
			settle(oneDay)
			w.target.edit("r-ada", func(a *schema.Account) { a.LastUsed = time.Time{} }) // her part of the tree is shown no more
			w.target.edit("r-bob", func(a *schema.Account) { a.LastUsed = time.Now() })
			if err := w.listed(); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.unused(); len(got) != 0 {
			t.Errorf("it found %v: somebody who used it can not have never used it", got)
		}
	})
}

// TestUseSinceTheListingIsNotKnown proves R-SWEEP-2: the last listing is 71 hours old; ada used it since.
func TestUseSinceTheListingIsNotKnown(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.target.change(func(g *target) { g.tells = true })
		w.people(longAgo+oneDay, map[string]func(*schema.Account){"ada": usedAgo(88 * oneDay)})
		if err := w.listed(); err != nil {
			t.Fatal(err)
		}
		settle(time.Hour)
		w.target.edit("r-ada", func(a *schema.Account) { a.LastUsed = time.Now() }) // nobody lists for three days
		settle(70 * time.Hour)
		if got := w.unused(); len(got) != 0 {
			t.Errorf("it found %v, who used it 70 hours ago", got)
		}
	})
}

// TestAnotherSourceKeepsNoOldUse has a source that told once of the entitlement, and fell silent, and another that tells of accounts.
func TestAnotherSourceKeepsNoOldUse(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.people(longAgo+oneDay, map[string]func(*schema.Account){"ada": never})
		w.update(func(tx store.Tx) error {
			old, late := tx.Now().Add(-longAgo), tx.Now().Add(-time.Hour)
			return errors.Join(
				store.Uses.Put(tx, schema.Use{Identity: "ada", Connector: withWiki, Entitlement: "readers", LastUsed: old, By: "source/retired"}),
				store.Uses.Put(tx, schema.Use{Identity: "ada", Connector: withWiki, LastUsed: late, By: "source/siem"}),
				store.Feeds.Put(tx, schema.Feed{Source: "retired", Topic: schema.TopicUse, Connector: withWiki, Heard: old}),
				store.Feeds.Put(tx, schema.Feed{Source: "siem", Topic: schema.TopicUse, Connector: withWiki, Heard: tx.Now()}),
			)
		})
		if got := w.unused(); len(got) != 0 {
			t.Errorf("who told of reading is silent for 91 days, ada signed in an hour ago, and it found %v", got)
		}
	})
}

// TestUseOfAnAccountThatWentAway has an account disowned between the listing's look at it
// and what is written down.
func TestUseOfAnAccountThatWentAway(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		told := schema.Use{Identity: "ada", Connector: withWiki, Account: "r-ada", LastUsed: time.Now(), By: "connector/wiki"}
		tell := func(tx store.Tx) error { return access.TellListed(tx, w.rules.Book(), []schema.Use{told}) }
		w.update(tell)
		if u := w.use("ada"); u.Identity != "" {
			t.Errorf("of an account that is gone is kept %+v", u)
		}
		w.people(oneDay, map[string]func(*schema.Account){"ada": never})
		w.update(tell)
		if u := w.use("ada"); u.Identity == "" {
			t.Error("of an account that is there nothing is kept")
		}
	})
}
