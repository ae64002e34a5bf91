package scheduler_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// Somebody comes whose account is being written to for its former holder, half a minute long.
// That they wait is no failure: the target is not said to fail, nothing of it is noted, and
// they are not made to wait longer each time. R-PROV-2.
func TestWaitingForAnAccountIsNoFailure(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.change(func(g *target) { g.adopts = true })
		old := w.admit("", "Engineering", true)
		settle(2 * time.Second)
		w.late(old, func(schema.Account) {})
		grantEditor(w, old)
		settle(time.Second)
		w.remove(old)
		id := w.admit("", "Engineering", true)
		settle(28 * time.Second)
		if a := w.account(id); a.State != schema.Pending || a.Problem != "" || a.Attempt != 0 {
			t.Errorf("whoever waits has %+v, want it pending, without a problem", a)
		}
		if n := w.failures(id); n > 0 {
			t.Errorf("it failed %d times, says the log", n)
		}
		if s := w.breaker.State(); s.Failures > 0 || s.Open {
			t.Errorf("the target is said to fail: %+v", s)
		}
		settle(4 * time.Second)
		if a := w.account(id); a.RemoteID != "r-ada" {
			t.Errorf("the one who came has %+v, two seconds after the call for the other ended", a)
		}
		settle(time.Minute)
		w.has("Readers")
	})
}

// failures counts what the log says of failing for somebody.
func (w *world) failures(id string) (n int) {
	w.t.Helper()
	w.logged(id)
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		n = 0
		for e, err := range store.LogAbout(r, id) {
			if err != nil {
				return err
			}
			if e.Decision.Verb == schema.Failed {
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

// A stumbler finds the same account for everybody, and fails of some before it has it.
type stumbler struct{ over string }

func (s stumbler) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	if others, err := connectors.Claim(ctx, have, want, schema.Account{RemoteID: "r-1"}); others {
		return have, err
	}
	if want.Identity == s.over {
		return have, errors.New("the line broke")
	}
	return schema.Account{RemoteID: "r-1", Active: true, Attributes: want.Attributes, Adopted: true}, nil
}

// One who was to take over an account, and failed before they had it, does not keep it from
// the next. R-PROV-2.
func TestATakingThatFailedIsOver(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.down(true)
		ids := []string{w.admitNamed("ada", "", "Engineering", true), w.admitNamed("eve", "", "Engineering", true)}
		settle(time.Second)
		p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: stumbler{over: ids[0]}}
		for n, fails := range []bool{true, false} {
			_, err := p.Handle(t.Context(), store.Item{Lane: access.LaneAccount("wiki"), ID: ids[n], Attempt: 1})
			if (err != nil) != fails {
				t.Errorf("%d: %v, want an error: %v", n, err, fails)
			}
		}
	})
}

// A seeker counts who looked for the one account that there is at the target.
type seeker struct {
	mu    sync.Mutex
	looks map[string]int
}

func (f *seeker) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	f.mu.Lock()
	f.looks[want.Identity]++
	f.mu.Unlock()
	if others, err := connectors.Claim(ctx, have, want, schema.Account{RemoteID: "r-1"}); others {
		return have, err
	}
	return schema.Account{RemoteID: "r-1", Active: true, Attributes: want.Attributes, Adopted: true}, nil
}

// What came of a taking is never written down. Whoever waits for that account looks at it more
// and more seldom, and has it once that is certain. R-PROV-2.
func TestWhoeverWaitsLooksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := idleWorldOn(t, accesstest.Engine(t))
		defer w.stop()
		ada, eve := w.admitNamed("ada", "", "Engineering", true), w.admitNamed("eve", "", "Engineering", true)
		lane, f := access.LaneAccount("wiki"), &seeker{looks: map[string]int{}}
		p := &scheduler.Provision{Store: w.store, Rules: w.rules, Name: "wiki", Connector: f}
		work := func(lane store.Lane, handle scheduler.Handler, d time.Duration) {
			ctx, cancel := context.WithCancel(t.Context())
			l := scheduler.Loop{
				Store: w.store, Lane: lane, Handle: handle, Workers: 1, TTL: time.Minute, Log: discard(), Backoff: scheduler.Backoff{First: time.Second, Most: time.Minute},
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := l.Run(ctx); err != nil {
					t.Error(err)
				}
			})
			settle(d)
			cancel()
			wg.Wait()
		}
		work(access.LaneIdentity, func(ctx context.Context, item store.Item) (access.Finish, error) {
			return access.Reconcile(ctx, w.store, w.rules, item)
		}, time.Second)
		if _, err := p.Handle(t.Context(), store.Item{Lane: lane, ID: ada}); err != nil || f.looks[ada] != 1 {
			t.Fatalf("ada looked %d times: %v", f.looks[ada], err)
		}
		work(lane, func(ctx context.Context, item store.Item) (access.Finish, error) {
			if item.ID == ada {
				return nil, nil
			}
			return p.Handle(ctx, item)
		}, 65*time.Second)
		if n := f.looks[eve]; n < 3 || n > 9 {
			t.Errorf("eve looked %d times in a minute, want 3 to 9", n)
		}
		if a := w.account(eve); a.RemoteID != "r-1" {
			t.Errorf("eve has %+v once the minute is over", a)
		}
	})
}
