package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/scheduler"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// broken is nothing that could be called: who calls it panics, as a mistake does.
var broken func()

// TestCrowds has many items wait, some of which cannot be done, whichever way: they are handled
// together, those who fail keep no other from being done, each is done once, and what is urgent
// is among none of them.
func TestCrowds(t *testing.T) {
	const many = 1000
	errBad := errors.New("it is bad")
	for name, bad := range map[string]struct {
		handle func()                 // of a bad one, in a crowd
		finish func(alone bool) error // of a bad one
	}{
		"all well":              {func() {}, func(bool) error { return nil }},
		"one makes it panic":    {func() { broken() }, func(bool) error { return nil }},
		"one cannot be written": {func() {}, func(bool) error { return errBad }},
		"one panics while written": {func() {}, func(alone bool) error {
			if !alone {
				broken()
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
				if err != nil {
					t.Fatal(err)
				}
				var mu sync.Mutex
				done, alone, together := map[string]int{}, map[string]bool{}, 0
				isBad := func(item store.Item) bool { return item.ID == "7" || item.ID == "107" }
				finish := func(item store.Item, byItself bool) access.Finish {
					return func(store.Tx) (time.Time, error) {
						mu.Lock()
						byItself = byItself || alone[item.ID]
						alone[item.ID] = true // the next time
						mu.Unlock()
						if isBad(item) {
							if err := bad.finish(byItself); err != nil {
								return time.Time{}, err
							}
						}
						return time.Time{}, nil
					}
				}
				l := scheduler.Loop{
					Store: s, Lane: "test", Workers: 640, Calm: 480, TTL: time.Hour, Grace: time.Hour, Log: discard(),
					Backoff: scheduler.Backoff{First: time.Hour, Most: time.Hour},
					Handle: func(_ context.Context, item store.Item) (access.Finish, error) {
						mu.Lock()
						defer mu.Unlock()
						done[item.ID]++
						return finish(item, true), nil
					},
					HandleCrowd: func(_ context.Context, items []store.Item) (all []access.Finish, _ error) {
						if slices.ContainsFunc(items, isBad) {
							bad.handle()
						}
						mu.Lock()
						defer mu.Unlock()
						together = max(together, len(items))
						for _, item := range items {
							if item.Urgent {
								t.Errorf("%s is urgent, and handled with others", item.ID)
							}
							done[item.ID]++
							all = append(all, finish(item, false))
						}
						return all, nil
					},
				}
				err = s.Update(t.Context(), func(tx store.Tx) error {
					return each(many, func(i int) error {
						if i%10 == 0 {
							return tx.WakeUrgent("test", fmt.Sprint(i))
						}
						return tx.Wake("test", fmt.Sprint(i), tx.Now())
					})
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- l.Run(ctx) }()
				settle(time.Minute)
				for i := range many {
					if n := done[fmt.Sprint(i)]; n == 0 || n > 2 {
						t.Errorf("%d was handled %d times", i, n)
					}
				}
				if together < 2 || together > 8 {
					t.Errorf("%d were handled together, at most", together)
				}
				wantLeft := 0
				if bad.finish(true) != nil {
					wantLeft = 2
				}
				if left := waiting(t, s); left != wantLeft {
					t.Errorf("%d are left, want %d", left, wantLeft)
				}
				cancel()
				if err := errors.Join(<-ended, s.Close()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// waiting is how many items of the lane there are.
func waiting(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		stats, err := store.LaneStats(r)
		n = stats["test"].Items
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCrowdsLeaveOutWhoIsBusy has a lease end while its item is still worked on, at the very
// moment at which very many others are due: the item is in no crowd of theirs, and is handled
// once more when it is free.
func TestCrowdsLeaveOutWhoIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
		if err != nil {
			t.Fatal(err)
		}
		const many = 400
		var slow, at, crowded atomic.Int64
		l := scheduler.Loop{
			Store: s, Lane: "test", Workers: 640, TTL: time.Second, Grace: time.Hour, Log: discard(),
			Backoff: scheduler.Backoff{First: time.Minute, Most: time.Minute},
			Handle: func(_ context.Context, item store.Item) (access.Finish, error) {
				if item.ID == "slow" && slow.Add(1) == 1 {
					at.Add(1)
					time.Sleep(10 * time.Second) //nolint:forbidigo // of the bubble's own time
					at.Add(-1)
				}
				return nil, nil
			},
			HandleCrowd: func(_ context.Context, items []store.Item) ([]access.Finish, error) {
				if slices.ContainsFunc(items, func(item store.Item) bool { return item.ID == "slow" }) {
					t.Errorf("it is in a crowd, and %d are at it", at.Load())
				}
				crowded.Add(int64(len(items)))
				return make([]access.Finish, len(items)), nil
			},
		}
		err = s.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.Wake("test", "slow", tx.Now()), each(many, func(i int) error {
				return tx.Wake("test", fmt.Sprintf("z%d", i), tx.Now().Add(time.Second))
			}))
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		settle(10 * time.Minute)
		if n := waiting(t, s); n > 0 || crowded.Load() < many/2 || slow.Load() < 2 {
			t.Errorf("%d are left, %d were in crowds, and it was handled %d times", n, crowded.Load(), slow.Load())
		}
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
	})
}
