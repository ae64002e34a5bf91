package store

import (
	"context"
	"sync/atomic"
	"time"
)

// What nobody waits for is written in turns, each in a commit of its own, which is as slow
// as it has rows, because each row has a place of its own. So turns are short while others
// have something to write that somebody waits for, and long, which makes less work in all,
// while nobody has.
const (
	shortTurn, longTurn = 10 * time.Millisecond, 80 * time.Millisecond
	quietFor            = time.Second
)

// A Pace says how much of a long work one Update may do. It is for one goroutine.
type Pace struct {
	store        *Store
	fewest, most int
	rows         int
}

// Pace begins a work in turns: of so many rows at first, and then of as many as take about
// 10 ms while somebody waited for a commit within the last second, or else 80; but never
// fewer than the fewest or more than the most, nor more than twice as many as before.
func (s *Store) Pace(fewest, first, most int) *Pace {
	return &Pace{store: s, fewest: fewest, most: most, rows: first}
}

// Rows is how many rows the next turn is to have.
func (p *Pace) Rows() int { return p.rows }

// Update is the store's, of a turn that has so many rows. What it takes counts from when
// its function is called: one in background waits for its turn before.
func (p *Pace) Update(ctx context.Context, rows int, fn func(Tx) error) error {
	var began time.Time
	err := p.store.Update(ctx, func(tx Tx) error {
		began = time.Now()
		return fn(tx)
	})
	if err == nil {
		p.took(rows, time.Since(began))
	}
	return err
}

func (p *Pace) took(rows int, took time.Duration) {
	next := float64(rows) * min(2, float64(p.store.awaited.patience())/float64(max(took, 1)))
	p.rows = max(p.fewest, min(int(next), p.most))
}

// An awaited remembers when somebody last waited for a commit.
type awaited struct{ at atomic.Int64 }

func (a *awaited) now() { a.at.Store(time.Now().UnixNano()) }

// patience is how long a commit may take that nobody waits for.
func (a *awaited) patience() time.Duration {
	if time.Now().UnixNano()-a.at.Load() > int64(quietFor) {
		return longTurn
	}
	return shortTurn
}
