package scim

import (
	"errors"
	"time"
)

// errFull says that as many joined a group in this hour as the target has join one.
var errFull = errors.New("as many joined it in this hour as the target allows")

// joins are those that one request had join a group.
type joins struct {
	at time.Time
	n  int
}

// allowed returns how many of the changes, removals first, may be asked for now, and
// takes them off what is left of the hour; or how long to wait, if it is none. What
// ends access is never held back by it.
func (g *groups) allowed(id string, waiting []*change) (n int, wait time.Duration) {
	most := g.c.profile.Groups.PerHour
	if most <= 0 {
		return len(waiting), 0
	}
	now := g.c.o.Now()
	left, free := most, time.Duration(0)
	hour := g.joined[id]
	for len(hour) > 0 && now.Sub(hour[0].at) >= time.Hour {
		hour = hour[1:]
	}
	for _, j := range hour {
		left -= j.n
	}
	if len(hour) > 0 {
		free = time.Hour - now.Sub(hour[0].at)
	}
	in := 0
	for _, ch := range waiting {
		if ch.in && in >= left {
			break
		}
		if ch.in {
			in++
		}
		n++
	}
	switch {
	case in > 0:
		hour = append(hour, joins{now, in})
	case n == 0:
		wait = free
	}
	if g.joined[id] = hour; len(hour) == 0 {
		delete(g.joined, id)
	}
	return n, wait
}
