package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/evidence/feed"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// A listener is a sink that takes lines, or for a while does not.
type listener struct {
	mu    sync.Mutex
	deaf  bool
	half  bool // it takes some of what it is sent, and then fails
	lines []string
}

func (l *listener) Send(_ context.Context, messages []feed.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, m := range messages {
		if l.deaf || l.half && i == 1 {
			l.half = false
			return errors.New("nobody listens")
		}
		l.lines = append(l.lines, string(m.Line))
	}
	return nil
}

func (l *listener) Close() error { return nil }

func (l *listener) set(deaf, half bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf, l.half = deaf, half
}

func (l *listener) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// plain is a format that says the number.
func plain(e feed.Event) ([]byte, error) { return fmt.Append(nil, e.Seq), nil }

// follow runs a feed until the returned function is called.
func follow(t *testing.T, s *store.Store, f *scheduler.Feed) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	loop := &scheduler.Loop{
		Store: s, Lane: access.LaneFeed, Handle: f.Handle, Workers: 1, TTL: time.Minute, Grace: time.Second, Log: slog.New(slog.DiscardHandler),
		Backoff: scheduler.Backoff{First: time.Second, Most: 10 * time.Second},
	}
	running.Go(func() { _ = f.Watch(ctx) })
	running.Go(func() { _ = loop.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// TestFeed tells of decisions in order, from where it left off, also after those who
// listen did not for a while. Decisions wait for nobody.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(1)))
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		decide := func(n int) {
			t.Helper()
			for range n {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					_, err := tx.Record(schema.Decision{Actor: "test", Verb: schema.Found, Subject: "somebody"})
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				told++
			}
			if _, err := s.Sequence(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wait := func(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // of the bubble's own time
		sink := &listener{}
		f := &scheduler.Feed{Store: s, Name: "siem", Format: plain, Sink: sink, Log: slog.New(slog.DiscardHandler)}

		decide(3) // before it was there: it begins with the next one
		stop := follow(t, s, f)
		wait(2 * time.Second)
		decide(1200) // more than are told at once
		wait(10 * time.Second)
		if got := sink.heard(); len(got) != 1200 || got[0] != "3" || got[1199] != "1202" {
			t.Fatalf("it told of %d decisions: %v", len(got), ends(got))
		}
		before := told
		sink.set(true, false)
		decide(5)
		wait(5 * time.Second)
		if got := sink.heard(); len(got) != 1200 {
			t.Fatalf("nobody listens, and %d were told", len(got))
		}
		stop()
		decide(5)
		sink.set(false, true)
		stop = follow(t, s, f)
		wait(time.Minute)
		stop()
		got := sink.heard()[1200:]
		// The first of them was taken before the connection broke, and is told again.
		if len(got) != 11 || got[0] != fmt.Sprint(before) || got[1] != fmt.Sprint(before) || !slices.IsSortedFunc(got[1:], byNumber) || got[10] != fmt.Sprint(told-1) {
			t.Errorf("after the break it told of %v, want %d twice and up to %d", got, before, told-1)
		}
		all := &listener{}
		h := &scheduler.Feed{Store: s, Name: "archive", Format: plain, Sink: all, History: true, Log: slog.New(slog.DiscardHandler)}
		stop = follow(t, s, h)
		wait(time.Minute)
		stop()
		if got := all.heard(); len(got) != told || got[0] != "0" || !slices.IsSortedFunc(got, byNumber) {
			t.Errorf("from the first on it told of %d, want %d", len(got), told)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFeedAtRest writes nothing while nothing is decided.
func TestFeedAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Memory(1))
		if err != nil {
			t.Fatal(err)
		}
		f := &scheduler.Feed{Store: s, Name: "siem", Format: plain, Sink: &listener{}, Log: slog.New(slog.DiscardHandler)}
		stop := follow(t, s, f)
		time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's own time
		before := s.Stats().Commits
		time.Sleep(time.Hour) //nolint:forbidigo // likewise
		if after := s.Stats().Commits; after != before {
			t.Errorf("it committed %d times in an hour in which nothing was decided", after-before)
		}
		stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	return 1
}

func ends(lines []string) []string {
	if len(lines) < 3 {
		return lines
	}
	return []string{lines[0], "...", lines[len(lines)-1]}
}
