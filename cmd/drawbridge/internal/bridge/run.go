package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"drawbridge/scheduler"
	"drawbridge/server"
)

// answerTimeout is how long one answer may take. It is long, for a group of
// 100,000 members read over a slow line is a long one.
const answerTimeout = 10 * time.Minute

// Run serves and schedules until ctx is done, then stops gracefully, each part
// within the configured grace. It returns when nothing of it is running any
// more: nil if it was told to stop, and otherwise why it could not go on.
func (b *Bridge) Run(ctx context.Context) error {
	sweeper, err := b.sweeper()
	if err != nil {
		return err
	}
	if err := sweeper.Plan(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("plan the sweeps: %w", err)
	}
	defer CollectSeldom()()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	// Each part has a context of its own, so that they end one after the other.
	anchoring := start(ctx, fail, b.anchor)
	signing := start(ctx, fail, b.checkpoints)
	working := start(ctx, fail, append(b.scheduled(sweeper), b.probe, b.reread, b.keepKeys)...)
	watchSweeps := func(ctx context.Context) error { return sweeper.KeepWatch(ctx, b.Log) }
	counting := start(ctx, fail, append(b.watchFeeds(), b.countUnmapped, b.countExposure, b.keepUnique, b.watchCredentials, watchSweeps)...)
	serving := start(ctx, fail, b.serve)
	b.running.Store(true)
	b.Log.InfoContext(ctx, "running", "url", b.url, "listen", b.Addr())

	<-ctx.Done()
	b.running.Store(false)
	b.Log.InfoContext(ctx, "stopping")
	serving.stop()
	counting.stop()
	working.stop()
	signing.stop()
	anchoring.stop()
	b.Log.InfoContext(ctx, "stopped")
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return cause
	}
	return nil
}

// parts are what runs together and ends together.
type parts struct {
	cancel context.CancelFunc
	group  sync.WaitGroup
}

// start runs each of the functions. They outlive ctx, until stop; one that ends
// before that has failed, with all the rest.
func start(ctx context.Context, fail context.CancelCauseFunc, run ...func(context.Context) error) *parts {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &parts{cancel: cancel}
	for _, f := range run {
		p.group.Go(func() {
			err := f(own)
			switch {
			case own.Err() != nil && err == nil: // it was told to
			case err != nil:
				fail(err)
			default:
				fail(errors.New("a part of the bridge ended by itself"))
			}
		})
	}
	return p
}

// stop ends them and waits until they have.
func (p *parts) stop() {
	p.cancel()
	p.group.Wait()
}

func (b *Bridge) checkpoints(ctx context.Context) error {
	scheduler.Checkpoints(ctx, b.store, b.signer, b.cfg.Audit.Origin, b.cfg.Audit.CheckpointEvery, b.Log)
	return nil
}

// keepCounts is how often it is written down what sources sent that no schema has.
const keepCounts = 10 * time.Second

// countUnmapped writes down what was counted, now and then and at the end.
func (b *Bridge) countUnmapped(ctx context.Context) error {
	tick := time.NewTicker(keepCounts)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ended = true
		}
		if err := b.unmapped.Keep(context.WithoutCancel(ctx), b.store); err != nil {
			b.Log.ErrorContext(ctx, "what sources send and no schema has could not be counted", "error", err)
		}
	}
	return nil
}

// exposureEvery is how often it is counted how long access outlived what ended it.
const exposureEvery = 5 * time.Minute

// countExposure counts that ahead of whoever looks.
func (b *Bridge) countExposure(ctx context.Context) error {
	tick := time.NewTicker(exposureEvery)
	defer tick.Stop()
	for {
		if err := b.store.View(ctx, b.exposure.CountAhead); err != nil && ctx.Err() == nil {
			b.Log.ErrorContext(ctx, "how long access outlives what ends it could not be counted", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// scheduled returns the lanes as functions to run.
func (b *Bridge) scheduled(sweeper *scheduler.Sweeper) []func(context.Context) error {
	var run []func(context.Context) error
	for _, l := range b.lanes(sweeper) {
		run = append(run, func(ctx context.Context) error {
			if err := l.Run(ctx); err != nil {
				return fmt.Errorf("lane %s: %w", l.Lane, err)
			}
			return nil
		})
	}
	return run
}

// serve answers requests until ctx is done, then lets those under way end.
func (b *Bridge) serve(ctx context.Context) error {
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var answering sync.WaitGroup
	s := server.HTTP(counted(&answering, b.handler), b.Log)
	s.WriteTimeout = answerTimeout
	s.BaseContext = func(net.Listener) context.Context { return requests }
	var coming arriving
	coming.watch(s)
	ended := make(chan error, 1)
	go func() { ended <- b.listen(s) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(requests, b.cfg.Shutdown.Grace)
	defer cancel()
	defer time.AfterFunc(patience(b.cfg.Shutdown.Grace), func() {
		if n := coming.cut(); n > 0 {
			b.Log.WarnContext(ctx, "requests that had not come as a whole are cut off", "connections", n)
		}
	}).Stop()
	if err := s.Shutdown(grace); err != nil {
		b.Log.WarnContext(ctx, "requests were still under way and are cut off", "grace", b.cfg.Shutdown.Grace)
		abort()
		_ = s.Close() // of connections that are being cut off
		answering.Wait()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// counted lets somebody wait for the requests that are being answered.
func counted(answering *sync.WaitGroup, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answering.Add(1)
		defer answering.Done()
		h.ServeHTTP(w, r)
	})
}
