package file

import (
	"errors"

	"drawbridge/connectors"
)

// Changes that come while others are being written wait together for the next
// write, and share one sync. In memory each is true at once, so that what comes
// after it counts with it; if a write fails, everything is read again from what
// the disk has.

// A batch is lines that get to the disk together.
type batch struct {
	text []byte
	done chan struct{} // closed when it is on the disk, or failed
	err  error         // set before done is closed
}

// stage makes the lines true in memory, and returns the batch they are written
// with. The caller has the lock.
func (c *Connector) stage(lines []line) (*batch, error) {
	text, numbered, err := c.journal.seal(lines)
	if errors.Is(err, errLong) {
		return nil, &connectors.Error{Kind: connectors.Permanent, Err: err}
	}
	if err != nil {
		return nil, err
	}
	for _, l := range numbered {
		// The steps were planned on this very account: they fit it.
		if err := c.accounts.add(l); err != nil {
			return nil, err
		}
	}
	if c.next == nil {
		c.next = &batch{done: make(chan struct{})}
	}
	c.next.text = append(c.next.text, text...)
	b := c.next
	if !c.flushing {
		c.flushing = true
		c.flushes.Go(c.flush)
	}
	return b, nil
}

// flush writes one batch after the other, until none waits or one fails.
func (c *Connector) flush() {
	for b := c.take(); b != nil; b = c.take() {
		if err := c.journal.write(b.text); err != nil {
			c.fail(b, err)
			return
		}
		close(b.done)
	}
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
	for _, b := range []*batch{b, c.next} {
		if b != nil {
			b.err = err
			close(b.done)
		}
	}
	c.next = nil
}

// recover reads everything again after a write that failed. The caller has the
// lock, and no flush is under way.
func (c *Connector) recover() error {
	c.accounts = newAccounts(c.Profile.Match)
	if err := c.journal.recover(c.accounts.add); err != nil {
		return err
	}
	c.unsure = false
	return nil
}
