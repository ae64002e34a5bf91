package scim

import (
	"slices"
	"sync"
	"time"
)

// Lists that are read by cursor in an order that no index has are ranked some way ahead of
// the page that is asked for, and what was ranked is kept for the pages to come: one look at
// everything serves a hundred pages, and not one. What is on a page is read when it is
// shown, and is not on it if the filter no longer means it. Who came or was changed since
// the first page may be missing, as with any cursor; everybody else is shown once.

// maxAhead is how many lists are kept. Each has as many ranks as Limits.Scan and a page,
// and a rank is some 100 bytes, 400 at most.
const maxAhead = 4

// An ahead is the lists that are kept, the one that was ranked last behind the others.
type ahead struct {
	mu    sync.Mutex
	lists []ranked
}

// A ranked is a part of a list, in its order.
type ranked struct {
	of    string // whose list of what
	at    time.Time
	ranks ranks
	total int  // of the whole list
	more  bool // there are others behind the part
}

// behind returns what is kept behind one that was shown; ok is false unless there is a
// whole page of it, or its end.
func (a *ahead) behind(of string, shown *rank, descending bool, page int, now time.Time) (rest ranked, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists = slices.DeleteFunc(a.lists, func(l ranked) bool { return now.Sub(l.at) > cursorLife })
	i := slices.IndexFunc(a.lists, func(l ranked) bool { return l.of == of })
	if shown == nil || i < 0 {
		return rest, false
	}
	rest = a.lists[i]
	at, there := rest.ranks.find(*shown, descending)
	if !there {
		return rest, false
	}
	rest.ranks = rest.ranks[at+1:]
	return rest, len(rest.ranks) > page || !rest.more
}

// keep keeps a list in the place of what is kept of it, and of the one that was ranked
// longest ago.
func (a *ahead) keep(l ranked) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists = slices.DeleteFunc(a.lists, func(o ranked) bool { return o.of == l.of })
	if len(a.lists) == maxAhead {
		a.lists = slices.Delete(a.lists, 0, 1)
	}
	l.ranks = slices.Clone(l.ranks) // they lie in room for twice as many
	a.lists = append(a.lists, l)
}
