package store

import (
	"iter"
	"time"
)

// Since walks the records that an index of something and a time has under a value and
// from a time on, in the order of their times, and reads no others.
func (c *Collection[R]) Since(r Reader, x *Index[R], value string, from time.Time) iter.Seq2[R, error] {
	return typed[R](c.all.follow(r.transaction(), x.all, makeKey(value, timePart(from)), after(makeKey(value)), 0))
}
