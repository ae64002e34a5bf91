package scim

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"drawbridge/connectors"
)

// A writer writes one group, one request at a time, so that no two of ours can
// undo each other. What is asked for while a request is under way waits, and
// goes out together in the next: a hundred people who join one group at once
// cost two calls, or as many as the target's caps ask for.
type writer struct {
	waiting []*change
	more    chan struct{} // a hint: something came to wait
}

// Joiners come to wait one by one, and where a hundred fit into one request, the next
// waits for them as long as they keep coming: as long as three requests take without another,
// and this long in all. Who leaves waits for nobody.
const longestLinger = 5 * time.Second

// A change makes one user a member, or makes it none.
type change struct {
	ctx  context.Context
	user string
	in   bool
	done chan error // holds the outcome
}

// change makes the user a member of the group with the id, or makes it none.
func (g *groups) change(ctx context.Context, id, user string, in bool) error {
	ch := &change{ctx: ctx, user: user, in: in, done: make(chan error, 1)}
	g.mu.Lock()
	w, writing := g.writers[id]
	if !writing {
		w = &writer{more: make(chan struct{}, 1)}
		g.writers[id] = w
	}
	w.waiting = append(w.waiting, ch)
	g.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
	if !writing {
		go g.write(id, w)
	}
	connectors.Aside(ctx)
	select {
	case err := <-ch.done:
		return err
	case <-ctx.Done():
		g.withdraw(w, ch)
		return ctx.Err()
	}
}

func (g *groups) withdraw(w *writer, ch *change) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.waiting = slices.DeleteFunc(w.waiting, func(other *change) bool { return other == ch })
}

// write writes until nothing waits any longer.
func (g *groups) write(id string, w *writer) {
	for {
		batch, wait := g.next(id, w)
		if len(batch) == 0 {
			return
		}
		if wait > 0 {
			batch.end(&connectors.Error{Kind: connectors.Transient, After: wait, Err: errFull})
			continue
		}
		began := time.Now()
		err := g.send(id, batch)
		took := time.Since(began)
		if err == nil || len(batch) == 1 || !divisible(err) {
			batch.end(err)
		} else { // One of them is refused: find out which, so that the others pass.
			for _, ch := range batch {
				ch.done <- g.send(id, changes{ch})
			}
		}
		g.linger(w, took)
	}
}

// linger waits for more to join what waits already.
func (g *groups) linger(w *writer, took time.Duration) {
	quiet := 3 * took // somebody new is looked for, made, and comes to wait
	end := time.NewTimer(longestLinger)
	defer end.Stop()
	for g.joinable(w) {
		timer := time.NewTimer(quiet)
		select {
		case <-w.more:
			timer.Stop()
		case <-timer.C:
			return
		case <-end.C:
			timer.Stop()
			return
		}
	}
}

// joinable reports whether the next request is worth waiting with.
func (g *groups) joinable(w *writer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, most := len(w.waiting), g.c.profile.Groups.MaxMembers
	if n == 0 || slices.ContainsFunc(w.waiting, func(ch *change) bool { return !ch.in }) {
		return false
	}
	return (most == 0 || n < most) && g.fits(w.waiting) == n
}

// divisible reports whether some of a batch may pass where all of it did not.
func divisible(err error) bool {
	return connectors.KindOf(err) != connectors.Transient
}

// next takes what goes into one request: removals first, as much as the target's
// caps allow; or all that waits, and how long it has to, where no more may join in
// this hour. It retires the writer if nothing waits.
func (g *groups) next(id string, w *writer) (changes, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(w.waiting) == 0 {
		delete(g.writers, id)
		return nil, 0
	}
	slices.SortStableFunc(w.waiting, func(a, b *change) int {
		switch {
		case a.in == b.in:
			return 0
		case b.in:
			return -1
		}
		return 1
	})
	n, wait := g.allowed(id, w.waiting[:g.fits(w.waiting)])
	if wait > 0 {
		n = len(w.waiting)
	}
	batch := changes(slices.Clone(w.waiting[:n]))
	w.waiting = slices.Delete(w.waiting, 0, n)
	return batch, wait
}

// The bytes that a request takes, at most: by itself, and for each change.
const (
	envelope  = 200
	perMember = 80
)

// fits returns how many of the changes, at least one, go into one request.
func (g *groups) fits(waiting []*change) int {
	limits := g.c.profile.Groups
	if limits.Update == connectors.UpdatePut {
		return len(waiting)
	}
	bytes := envelope
	for n, ch := range waiting {
		bytes += perMember + len(ch.user)
		if n > 0 && (limits.MaxMembers > 0 && n >= limits.MaxMembers || limits.MaxBytes > 0 && bytes > limits.MaxBytes) {
			return n
		}
	}
	return len(waiting)
}

// send writes the changes in one request.
func (g *groups) send(id string, batch changes) error {
	ctx, stop := batch.context()
	defer stop()
	if g.c.profile.Groups.Update == connectors.UpdatePut {
		_, err := g.c.replace(ctx, groupPath(id), batch.into)
		return err
	}
	_, err := g.c.patch(ctx, groupPath(id), "", batch.operations(g.c.profile.Groups.MemberRemove))
	return err
}

// changes are those of one request.
type changes []*change

func (b changes) end(err error) {
	for _, ch := range b {
		ch.done <- err
	}
}

// context returns one that ends when nobody waits for the changes any longer.
func (b changes) context() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(b[0].ctx))
	var left atomic.Int64
	left.Store(int64(len(b)))
	stops := make([]func() bool, len(b))
	for i, ch := range b {
		stops[i] = context.AfterFunc(ch.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// operations returns the operations of a PATCH, removals first.
func (b changes) operations(form connectors.MemberRemove) []operation {
	var all []operation
	var in, out []map[string]string
	for _, ch := range b {
		switch {
		case ch.in:
			in = append(in, map[string]string{"value": ch.user})
		case form == connectors.RemoveByValue:
			out = append(out, map[string]string{"value": ch.user})
		default:
			all = append(all, operation{Op: "remove", Path: "members[" + equals("value", ch.user) + "]"})
		}
	}
	if out != nil {
		all = append(all, operation{Op: "remove", Path: "members", Value: out})
	}
	if in != nil {
		all = append(all, operation{Op: "add", Path: "members", Value: in})
	}
	return all
}

// into writes the changes into the group as it was read.
func (b changes) into(group resource) {
	k := key(group, "members")
	members, _ := group[k].([]any)
	is := func(user string) func(any) bool {
		return func(v any) bool {
			m, _ := v.(map[string]any)
			return text(m[key(m, "value")]) == user
		}
	}
	for _, ch := range b {
		switch there := slices.ContainsFunc(members, is(ch.user)); {
		case there && !ch.in:
			members = slices.DeleteFunc(members, is(ch.user))
		case !there && ch.in:
			members = append(members, map[string]any{"value": ch.user})
		}
	}
	if members == nil {
		members = []any{}
	}
	group[k] = members
}
