package file

import (
	"crypto/sha256"
	"errors"
	"slices"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// Changes that come while others are being written wait together for the next
// write, and share one sync. In memory each is true at once, so that what comes
// after it counts with it; if its write fails, that is undone.

// A batch is lines that get to the disk together.
type batch struct {
	text []byte
	done chan struct{} // closed when it is on the disk, or failed
	err  error         // set before done is closed

	// What to go back to if it fails: the end of the chain before it, and the
	// accounts before each of its lines.
	seq  int64
	hash [sha256.Size]byte
	undo []undo
}

// An undo is an account as it was, empty if there was none.
type undo struct {
	id  string
	was schema.Account
}

// stage makes the lines true in memory, and returns the batch they are written
// with. The caller has the lock.
func (c *Connector) stage(lines []line) (*batch, error) {
	seq, hash := c.journal.seq, c.journal.hash
	text, numbered, err := c.journal.seal(lines)
	if errors.Is(err, errLong) {
		return nil, &connectors.Error{Kind: connectors.Permanent, Err: err}
	}
	if err != nil {
		return nil, err
	}
	if c.next == nil {
		c.next = &batch{seq: seq, hash: hash, done: make(chan struct{})}
	}
	b := c.next
	b.text = append(b.text, text...)
	for _, l := range numbered {
		b.undo = append(b.undo, undo{l.Account, c.accounts.byID[l.Account]})
		// The steps were planned on this very account: they fit it.
		if err := c.accounts.add(l); err != nil {
			return nil, err
		}
	}
	if !c.flushing {
		c.flushing = true
		c.flushes.Go(c.flush)
	}
	return b, nil
}

// flush writes one batch after the other, until none waits or one fails.
func (c *Connector) flush() {
	for b := c.take(); b != nil; b = c.take() {
		start := c.Now()
		err := c.journal.write(b.text)
		if c.Observe != nil {
			c.Observe("write", status(err), c.Now().Sub(start))
		}
		if err != nil {
			c.fail(b, err)
			return
		}
		close(b.done)
	}
}

// status returns the outcome of a write as Options.Observe counts them.
func status(err error) int {
	if err != nil {
		return 0
	}
	return 200
}

// take returns the batch that waits. Without one the flush is over.
func (c *Connector) take() *batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.next
	c.next = nil
	c.flushing = b != nil
	return b
}

// fail ends the flush with a batch that failed. What waits was to follow on it,
// and fails too.
func (c *Connector) fail(b *batch, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushing, c.unsure = false, true
	for _, b := range []*batch{c.next, b} { // the later is undone first
		if b == nil {
			continue
		}
		for _, u := range slices.Backward(b.undo) {
			c.accounts.put(u.id, u.was)
		}
		c.journal.seq, c.journal.hash = b.seq, b.hash
		b.err = err
		close(b.done)
	}
	c.next = nil
}
