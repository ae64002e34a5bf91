package store

import (
	"testing"
	"time"
)

// TestLateBatchTakesSomebody has the writer held up, by a busy machine, between
// seeing that somebody waits and taking them: it must take them all the same.
func TestLateBatchTakesSomebody(t *testing.T) {
	q := &queue{}
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
