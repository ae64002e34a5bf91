package store

import "iter"

// Beginning walks the records that an index has under a value that begins as this
// one does: all parts but the last are as they are here, and the last begins so. It
// reads those and no others, in the order of the index.
func (c *Collection[R]) Beginning(r Reader, x *Index[R], value ...string) iter.Seq2[R, error] {
	from := makeKey(value...)
	from = from[:len(from)-len([]byte{escape, terminator})] // the last part goes on
	return typed[R](c.all.follow(r.transaction(), x.all, from, after(from), 0))
}
