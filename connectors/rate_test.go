package connectors_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
)

// calls makes n calls, waiting for each as long as it takes, and returns when
// each of them was let through, from the first.
func calls(t *testing.T, r *connectors.Rate, method string, n int) []time.Duration {
	t.Helper()
	began := time.Now()
	var at []time.Duration
	for len(at) < n {
		err := r.Wait(t.Context(), method)
		if err == nil {
			at = append(at, time.Since(began))
			continue
		}
		after := connectors.RetryAfter(err)
		if after <= 0 || connectors.KindOf(err) != connectors.Transient {
			t.Fatalf("Wait: %v, after %v, want a transient error that says when", err, after)
		}
		<-time.After(after)
	}
	return at
}

// TestSharedRate has two connectors of one organisation use up one limit, and a third
// its own; one that is asked for quiet is quiet for both.
func TestSharedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := func(name, shares string) connectors.Config {
			p := connectors.DefaultProfile()
			p.Rate = connectors.RateLimit{PerSecond: 1, Burst: 2}
			return connectors.Config{Name: name, Shares: shares, Profile: p}
		}
		rates := connectors.Rates{}
		teams, repos, wiki := rates.Of(config("teams", "github")), rates.Of(config("repos", "github")), rates.Of(config("wiki", ""))
		start := time.Now()
		for range 5 {
			for _, r := range []*connectors.Rate{teams, repos} {
				if err := r.Wait(t.Context(), "GET"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if took := time.Since(start); took != 9*time.Second {
			t.Errorf("ten calls took %v, want nine seconds: one limit for both", took)
		}
		before := time.Now()
		if err := wiki.Wait(t.Context(), "GET"); err != nil || time.Since(before) != 0 {
			t.Errorf("another's call waited %v, %v", time.Since(before), err)
		}
		teams.Pause(4 * time.Second)
		if err := repos.Wait(t.Context(), "GET"); err != nil || time.Since(before) != 4*time.Second {
			t.Errorf("after a pause of the one the other waited %v, %v; want 4s", time.Since(before), err)
		}
	})
}

func TestRatePerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := connectors.NewRate(connectors.RateLimit{PerSecond: 10, Burst: 4})
		at := calls(t, r, "GET", 23)
		if at[2] != 0 {
			t.Errorf("the burst took %v, want no time", at[2])
		}
		if at[3] != 100*time.Millisecond || at[22] != 2*time.Second {
			t.Errorf("the 4th call passed at %v and the 23rd at %v, want 100ms and 2s", at[3], at[22])
		}
	})
}

// In no hour, wherever it begins, are there more calls than the target allows. R-PROV-2.
func TestRatePerHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 50
		r := connectors.NewRate(connectors.RateLimit{PerHour: limit})
		calls(t, r, "GET", 20)
		<-time.After(30 * time.Minute)
		at := calls(t, r, "GET", 4*limit)
		for i := limit; i < len(at); i++ {
			if at[i]-at[i-limit] < time.Hour {
				t.Fatalf("calls %d and %d are %v apart, want an hour between any %d", i-limit, i, at[i]-at[i-limit], limit+1)
			}
		}
		if last := at[len(at)-1]; last > 4*time.Hour {
			t.Errorf("%d calls took %v, want no more than the limit asks for", 4*limit, last)
		}
	})
}

func TestRateByMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := connectors.NewRate(connectors.RateLimit{
			PerSecond: 100, Burst: 101,
			Methods: map[string]connectors.MethodRate{"POST": {PerSecond: 1, Burst: 1}},
		})
		if at := calls(t, r, "POST", 4); at[3] != 3*time.Second {
			t.Errorf("the 4th POST passed at %v, want 3s", at[3])
		}
		if at := calls(t, r, "GET", 50); at[49] != 0 {
			t.Errorf("50 GETs took %v, want no time: only POST is slow", at[49])
		}
	})
}

func TestRateSaysWhenRatherThanWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := connectors.NewRate(connectors.RateLimit{PerHour: 1})
		calls(t, r, "GET", 1)
		for range 3 { // asking takes nothing away
			began := time.Now()
			if after := connectors.RetryAfter(r.Wait(t.Context(), "GET")); after != time.Hour || time.Since(began) != 0 {
				t.Errorf("Wait said %v after %v, want an hour, at once", after, time.Since(began))
			}
		}
	})
}

func TestRatePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := connectors.NewRate(connectors.RateLimit{})
		r.Pause(3 * time.Second)
		r.Pause(time.Second) // the longer one counts
		if at := calls(t, r, "GET", 2); at[0] != 3*time.Second || at[1] != 3*time.Second {
			t.Errorf("calls passed at %v, want 3s", at)
		}
		r.Pause(time.Minute)
		if after := connectors.RetryAfter(r.Wait(t.Context(), "GET")); after != time.Minute {
			t.Errorf("Wait said %v, want a minute", after)
		}
	})
}

// A call that nobody waits for any longer leaves its turn to others.
func TestRateGivesTurnsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := connectors.NewRate(connectors.RateLimit{PerSecond: 1, Burst: 1})
		calls(t, r, "GET", 1)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			if err := r.Wait(ctx, "GET"); !errors.Is(err, context.Canceled) {
				t.Errorf("Wait: %v, want context.Canceled", err)
			}
		})
		synctest.Wait()
		cancel()
		group.Wait()
		if at := calls(t, r, "GET", 1); at[0] != time.Second {
			t.Errorf("the next call passed at %v, want 1s", at[0])
		}
	})
}

func TestNoRate(t *testing.T) {
	var r *connectors.Rate
	r.Pause(time.Hour)
	if err := r.Wait(t.Context(), "GET"); err != nil {
		t.Errorf("Wait without a limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range []*connectors.Rate{nil, connectors.NewRate(connectors.RateLimit{})} {
		if err := r.Wait(ctx, "GET"); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait with a cancelled context: %v", err)
		}
	}
}

// Calls that wait for the end of a quiet that the target asked for go out one after the
// other then, as at any time.
func TestQuietEndsOrderly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := connectors.NewRate(connectors.RateLimit{PerSecond: 2, Burst: 2})
		r.Pause(2 * time.Second)
		var mu sync.Mutex
		var went []time.Duration
		var all sync.WaitGroup
		began := time.Now()
		for range 5 {
			all.Go(func() {
				if err := r.Wait(t.Context(), "GET"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				went = append(went, time.Since(began))
			})
		}
		all.Wait()
		for i := range went {
			if want := 2*time.Second + time.Duration(i)*500*time.Millisecond; went[i] < want {
				t.Errorf("call %d goes after %v, want %v", i, went[i], want)
			}
		}
	})
}
