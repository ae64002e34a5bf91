package issuer

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// When keys are fetched.
const (
	leastRefresh = time.Minute      // whatever an issuer says of its cache
	firstRetry   = 5 * time.Second  // after a fetch that failed; then twice that, and so on
	mostRetry    = 5 * time.Minute  // at most
	askAgain     = 30 * time.Second // between fetches that tokens with unknown keys ask for
	patience     = 5 * time.Second  // for which a request waits for a fetch
	mostWaiting  = 64               // requests that wait at once
)

// trusted is an issuer and its keys.
type trusted struct {
	Config
	log     *slog.Logger
	fetcher fetcher
	observe func(issuer string, err error)
	asked   chan struct{} // somebody showed a token with a key that is not known

	mu        sync.Mutex
	keys      *keys
	confirmed time.Time     // when the issuer last said that these are its keys
	attempted time.Time     // when it was last asked
	fetching  chan struct{} // closed when the fetch under way, or the next one, ends; nil if nobody waits for one
	busy      bool          // a fetch is under way
	waiting   int
	problem   string // of the last fetch
}

// current returns the keys, unless they are stale.
func (t *trusted) current(now time.Time) *keys {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil || now.Sub(t.confirmed) > t.Stale {
		return nil
	}
	return t.keys
}

// run keeps the keys fresh until ctx is done.
func (t *trusted) run(ctx context.Context) {
	defer t.fetcher.http.CloseIdleConnections()
	for failed := 0; ; {
		wait, err := t.refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			wait = min(firstRetry<<min(failed, 10), mostRetry)
			failed++
		} else {
			failed = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-t.asked:
			timer.Stop()
		}
	}
}

// refresh asks the issuer for its keys, and returns when to ask again.
func (t *trusted) refresh(ctx context.Context) (time.Duration, error) {
	t.mu.Lock()
	t.busy, t.attempted = true, time.Now()
	select {
	case <-t.asked: // this is the fetch that was asked for
	default:
	}
	t.mu.Unlock()
	k, age, err := t.fetcher.fetch(ctx)
	t.told(ctx, k, err)
	if age == 0 {
		age = t.Refresh
	}
	return min(max(age, leastRefresh), t.Refresh), err
}

// told takes what came of a fetch. Keys that did not change stay the same ones,
// so that what was verified with them stays known.
func (t *trusted) told(ctx context.Context, k *keys, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = false
	if t.fetching != nil {
		close(t.fetching)
		t.fetching = nil
	}
	if ctx.Err() != nil {
		return
	}
	if t.observe != nil {
		t.observe(t.Name, err)
	}
	if err != nil {
		if problem := err.Error(); problem != t.problem { // once for as long as it is the same
			t.problem = problem
			t.log.WarnContext(ctx, "the issuer's keys could not be fetched", "error", err, "believedUntil", t.confirmed.Add(t.Stale))
		}
		return
	}
	if changed := t.keys == nil || t.keys.document != k.document; changed || t.problem != "" {
		t.log.InfoContext(ctx, "the issuer's keys are fetched", "keys", len(k.all), "changed", changed)
		if changed {
			t.keys = k
		}
	}
	t.problem, t.confirmed = "", time.Now()
}

// fresher waits for keys that are newer than those which a token's is not among.
// It is false where none can be had now: the issuer was asked a moment ago, does
// not answer, or too many wait already.
func (t *trusted) fresher(ctx context.Context) bool {
	t.mu.Lock()
	if !t.busy && time.Since(t.attempted) < askAgain || t.waiting >= mostWaiting {
		t.mu.Unlock()
		return false
	}
	if t.fetching == nil {
		t.fetching = make(chan struct{})
	}
	end := t.fetching
	t.waiting++
	if !t.busy {
		select {
		case t.asked <- struct{}{}:
		default: // somebody asked already
		}
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.waiting--
		t.mu.Unlock()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-end:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
