package scheduler_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestDriftTriesWhatIsParked: nobody tells the bridge that a target was mended.
func TestDriftTriesWhatIsParked(t *testing.T) {
	inBubble(t, func(w *world) {
		refuses := func(int) error {
			return &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no such group")}
		}
		w.target.change(func(g *target) { g.fail = refuses })
		var ids []string
		for i := range 3 {
			ids = append(ids, w.admitNamed(fmt.Sprint("p", i), "", "Engineering", true))
		}
		settle(time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})

		told := w.logged(ids...)
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Found != 3 || run.Retried != 3 {
			t.Errorf("%+v, %v; want three found and woken", run, err)
		}
		settle(time.Second)
		if got, calls := w.states()[schema.Parked], w.target.called(); got != 3 || calls != 6 {
			t.Errorf("%d parked after %d calls, want each tried once more and given up again", got, calls)
		}
		if more := w.logged(ids...) - told; more != 0 {
			t.Errorf("%d log entries of what failed as before, want none", more)
		}

		w.target.change(func(g *target) { g.fail = nil })
		for want := range 4 { // the guard lets no more than one go in a run
			if got := w.states()[schema.Settled]; got != want {
				t.Fatalf("%d settled after %d runs", got, want)
			}
			if _, err := w.sweep("drift", drift, policy.Brake{Count: 1, Percent: 100}); err != nil {
				t.Fatal(err)
			}
			settle(time.Second)
		}
		for _, id := range ids {
			w.want(id, true, "Readers")
		}
	})
}

// TestWhatAParkedAccountIsGivenByHand has a target refuse a change of an account for good,
// which is nothing to what somebody else gives it meanwhile: that is taken away. R-DRIFT-1.
func TestWhatAParkedAccountIsGivenByHand(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(time.Second)
		w.target.change(func(g *target) {
			g.refuse = func(s connectors.Step) error {
				if s.Verb != connectors.Update {
					return nil
				}
				return &connectors.Error{Kind: connectors.Exists, Err: errors.New("somebody else has the name")}
			}
		})
		w.admitNamed("lovelace", id, "Engineering", true)
		settle(time.Second)
		if a := w.account(id); a.State != schema.Parked {
			t.Fatalf("the account is %s, want it parked", a.State)
		}
		w.tamper(id)
		settle(time.Second)
		drift := scheduler.Drift(w.store, w.rules, map[string]connectors.Connector{"wiki": w.target})
		if run, err := w.sweep("drift", drift, policy.Brake{Count: 10, Percent: 100}); err != nil || run.Done != 1 {
			t.Errorf("%+v, %v; want one account woken", run, err)
		}
		settle(time.Second)
		w.want(id, true, "Readers")
	})
}

func TestDriftThatIsHeldWakesNothingParked(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admitNamed("ada", "", "Engineering", true)
		settle(time.Second)
		w.target.change(func(g *target) {
			g.fail = func(int) error { return &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no seats")} }
		})
		w.admitNamed("bob", "", "Engineering", true)
		settle(time.Second)
		w.tamper(id)
		settle(time.Second)
		calls := w.target.called()
		if run := w.sweeping("drift"); run.Held == "" || run.Done != 0 {
			t.Errorf("%+v; want it held", run)
		}
		settle(time.Second)
		if w.target.called() != calls {
			t.Error("a parked account was tried although the run was held")
		}
	})
}

// states counts the accounts in each state.
func (w *world) states() map[schema.State]int {
	w.t.Helper()
	states := map[schema.State]int{}
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		for a, err := range store.Accounts.All(r, "wiki") {
			if err != nil {
				return err
			}
			states[a.State]++
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return states
}

// logged counts the decisions about some identities.
func (w *world) logged(ids ...string) (n int) {
	w.t.Helper()
	for {
		moved, err := w.store.Sequence(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if moved == 0 {
			break
		}
	}
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		n = 0
		for _, id := range ids {
			for _, err := range store.LogAbout(r, id) {
				if err != nil {
					return err
				}
				n++
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
