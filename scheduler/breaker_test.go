package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestBreaker proves R-BRAKE-4.
func TestBreaker(t *testing.T) {
	down := errors.New("connection refused")
	no := &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no such plan")}
	later := &connectors.Error{After: time.Hour, Err: errors.New("too many requests")}
	for _, c := range []struct {
		name  string
		calls []error
		open  bool
	}{
		{"nothing yet", nil, false},
		{"two failures", []error{down, down}, false},
		{"three failures", []error{down, down, down}, true},
		{"a refusal is an answer", []error{down, down, no, down, down}, false},
		{"an answer closes it", []error{down, down, down, nil}, false},
		{"a time to come back at", []error{later}, true},
		{"a call that was given up", []error{down, down, context.Canceled}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := scheduler.NewBreaker(3, scheduler.Backoff{First: time.Second, Most: time.Minute})
				for _, err := range c.calls {
					b.Record(err)
				}
				if s := b.State(); s.Open != c.open || s.Open != s.Next.After(time.Now()) {
					t.Errorf("%+v, want open=%v", s, c.open)
				}
				if c.name == "a time to come back at" && time.Until(b.State().Next) != time.Hour {
					t.Errorf("the next call is at %v, want in an hour", b.State().Next)
				}
			})
		})
	}
}

// TestDeadTargetIsLeftAlone has a target down for an hour with a hundred people
// waiting for it: it is called now and then, and when it is back the leaver who
// came last is first. R-BRAKE-4.
func TestDeadTargetIsLeftAlone(t *testing.T) {
	inBubble(t, func(w *world) {
		leaver := w.admitNamed("leaver", "", "Engineering", true)
		settle(5 * time.Second)
		w.want(leaver, true, "Readers")
		w.target.down(true)
		var people []string
		for i := range 100 {
			people = append(people, w.admitNamed(fmt.Sprint("p", i), "", "Engineering", true))
		}
		settle(time.Minute)
		before := w.target.attempts()
		settle(time.Hour)
		if calls := w.target.attempts() - before; calls < 30 || calls > 120 {
			t.Errorf("%d calls in an hour, want about one a minute", calls)
		}
		if s := w.breaker.State(); !s.Open || s.Problem == "" {
			t.Errorf("the breaker is %+v, want it open and saying why", s)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), leaver) })
		settle(5 * time.Minute)
		w.target.down(false)
		settle(10 * time.Minute)
		w.want(leaver, false)
		for _, id := range people {
			w.want(id, true, "Readers")
		}
		if first := w.target.answered(before); first != leaver {
			t.Errorf("the first that the target answered was %s, want the leaver", first)
		}
		if w.breaker.State().Open {
			t.Error("the breaker is open, and the target is there")
		}
	})
}

// TestPanicIsAFailure has a handler and a Finish panic: the item comes back, and
// the loop goes on.
func TestPanicIsAFailure(t *testing.T) {
	inBubble(t, func(w *world) {
		tries, done := 0, false
		loop := scheduler.Loop{
			Store: w.store, Lane: "test", Workers: 1, TTL: time.Minute, Backoff: scheduler.Backoff{First: time.Second, Most: time.Second},
			Log: discard(),
			Handle: func(context.Context, store.Item) (access.Finish, error) {
				if tries++; tries == 1 {
					panic("in the handler")
				}
				return func(store.Tx) (time.Time, error) {
					if tries == 2 {
						panic("in the finish")
					}
					done = true
					return time.Time{}, nil
				}, nil
			},
		}
		ctx, cancel := context.WithCancel(w.t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			_ = loop.Run(ctx)
		}()
		w.update(func(tx store.Tx) error { return tx.Wake("test", "a", tx.Now()) })
		settle(time.Minute)
		cancel()
		<-stopped
		if !done || tries != 3 {
			t.Errorf("%d tries, done=%v; want done at the third", tries, done)
		}
	})
}

// TestBurstOfEdits has a thousand edits of one person within a second: its target
// is called twice at most, and has the last. R-ENG-5.
func TestBurstOfEdits(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(10 * time.Second)
		grantEditor(w, id)
		settle(10 * time.Second)
		before := w.target.attempts()
		departments := []string{"Engineering", "Research"}
		for i := range 1000 {
			w.admit(id, departments[i%2], true)
			settle(999 * time.Microsecond)
		}
		settle(10 * time.Second)
		w.want(id, false) // Research has nothing
		if calls := w.target.attempts() - before; calls > 2 {
			t.Errorf("%d calls of the target, want two at most", calls)
		}
	})
}

// TestBurstOfJoins is the same by way of groups that come and go.
func TestBurstOfJoins(t *testing.T) {
	inBubble(t, func(w *world) {
		id := w.admit("", "Engineering", true)
		settle(10 * time.Second)
		before := w.target.attempts()
		for i := range 300 {
			w.update(func(tx store.Tx) error {
				g, err := access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: fmt.Sprint("g", i)})
				if err != nil {
					return err
				}
				_, err = access.Join(tx, w.hr(), schema.Member{Group: g.ID, Member: id})
				return err
			})
			settle(3 * time.Millisecond)
		}
		settle(10 * time.Second)
		if calls := w.target.attempts() - before; calls > 2 {
			t.Errorf("%d calls of the target, want two at most", calls)
		}
		w.want(id, true, "Readers")
	})
}

// A call is one attempt to reach the target.
type call struct {
	identity string
	answered bool
}

func (g *target) down(is bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = is
}

func (g *target) attempts() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.log)
}

// answered returns whom the first call was about that was answered after the
// first ones.
func (g *target) answered(after int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.log[after:], func(c call) bool { return c.answered })
	if i < 0 {
		return ""
	}
	return g.log[after+i].identity
}
