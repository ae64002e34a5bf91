package store

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestLateBatchTakesSomebody has the writer held up, by a busy machine, between
// seeing that somebody waits and taking them: it must take them all the same.
func TestLateBatchTakesSomebody(t *testing.T) {
	q := &queue{awaited: &awaited{}}
	q.more.L = &q.mu
	waiting := &request{ctx: t.Context(), done: make(chan struct{})}
	q.interactive = []*request{waiting}
	if got := q.next(&batch{began: time.Now().Add(-time.Hour)}); got != waiting {
		t.Errorf("took %v, want the one that waits", got)
	}
	if q.next(&batch{began: time.Now().Add(-time.Hour), requests: []*request{waiting}}) != nil {
		t.Error("somebody joined a batch that is late")
	}
}

// TestThoseNobodyWaitsForKeepNobody has unhurried ones fill a commit for as long as
// they are among themselves, and for less long with somebody who waits for it.
func TestThoseNobodyWaitsForKeepNobody(t *testing.T) {
	b := &batch{}
	if got := b.patience(); got != maxJoining {
		t.Errorf("among themselves they join for %v, want %v", got, maxJoining)
	}
	q := &queue{awaited: &awaited{}}
	q.more.L = &q.mu
	q.add(&request{ctx: t.Context()})
	q.next(b)
	if got := b.patience(); got != maxUnhurriedJoining {
		t.Errorf("with somebody who waits they join for %v, want %v", got, maxUnhurriedJoining)
	}
}

// TestWhoJoinsACommit has somebody of each class wait, twice.
func TestWhoJoinsACommit(t *testing.T) {
	plain, unhurried, background := t.Context(), Unhurried(t.Context()), Background(t.Context())
	classOf := map[context.Context]string{plain: "interactive", unhurried: "unhurried", background: "background"}
	for _, c := range []struct {
		name string
		age  time.Duration // of the batch; long, or not yet, so that a slow machine makes no difference
		want []string
	}{
		{"at once", -time.Hour, []string{"interactive", "interactive", "unhurried", "unhurried", "background"}},
		{"late for everyone", time.Hour, []string{"interactive", "unhurried", "background"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &queue{awaited: &awaited{}}
			q.more.L = &q.mu
			for _, ctx := range []context.Context{background, unhurried, plain, background, unhurried, plain} {
				q.add(&request{ctx: ctx})
			}
			b := &batch{began: time.Now().Add(-c.age)}
			var got []string
			for r := q.next(b); r != nil; r = q.next(b) {
				b.requests = append(b.requests, r)
				got = append(got, classOf[r.ctx])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q joined, want %q", got, c.want)
			}
		})
	}
}
