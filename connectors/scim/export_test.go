package scim

import (
	"runtime"
	"testing"
)

// Waiting returns when as many changes wait for the group.
func Waiting(t *testing.T, c *Connector, group string, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		c.groups.mu.Lock()
		w := c.groups.writers[group]
		done := w != nil && len(w.waiting) >= n
		c.groups.mu.Unlock()
		if done {
			return
		}
		runtime.Gosched()
	}
}
