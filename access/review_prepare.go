package access

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Preparing a review walks whose access it is about by an index, a chunk at a time, and
// keeps how far it came with what it wrote: cut off, it goes on there. An item that is
// there already is left as it is.

// reviewChunk is how many identities are looked at for one transaction.
const reviewChunk = 100

// Reviews prepares and attends to reviews. It remembers a census between them. It is
// safe for concurrent use.
type Reviews struct {
	Store *store.Store
	Rules *Rules

	mu     sync.Mutex
	census *census
}

// Attend does what is due of a review: prepares it, reminds of it, lets go of what ended
// by itself, closes it.
func (w *Reviews) Attend(ctx context.Context, item store.Item) (Finish, error) {
	v, err := w.read(ctx, item.ID)
	if schema.IsNotFound(err) {
		return func(store.Tx) (time.Time, error) { return time.Time{}, nil }, nil
	}
	if err != nil {
		return nil, err
	}
	switch v.State {
	case schema.ReviewPreparing:
		if err := w.prepare(ctx, v); err != nil {
			return nil, err
		}
	case schema.ReviewOpen:
		if err := w.lookThrough(ctx, v); err != nil {
			return nil, err
		}
	case schema.ReviewClosed, schema.ReviewSigned, schema.ReviewEmpty:
		return w.afterwards(ctx, v)
	}
	return w.advance(v.ID), nil
}

func (w *Reviews) read(ctx context.Context, id string) (v schema.Review, err error) {
	err = w.Store.View(ctx, func(r store.Reader) error {
		v, err = store.Reviews.Get(r, id)
		return err
	})
	return v, err
}

// prepare writes the items of a review, and opens it.
func (w *Reviews) prepare(ctx context.Context, v schema.Review) error {
	book := w.Rules.Book()
	census, err := w.counted(ctx, book, v)
	if err != nil {
		return err
	}
	for done := false; !done; {
		var items []schema.ReviewItem
		var next []string
		err := w.Store.View(ctx, func(r store.Reader) (err error) {
			items, next, done, err = chunkOf(r, book, v, census)
			return err
		})
		if err == nil {
			v, err = w.write(ctx, v, items, next)
		}
		if err != nil {
			return fmt.Errorf("review %s: prepare: %w", v.ID, err)
		}
	}
	return w.Store.Update(store.Background(ctx), func(tx store.Tx) error {
		now, err := store.Reviews.Get(tx, v.ID)
		if err != nil || now.State != schema.ReviewPreparing {
			return err
		}
		now.Cursor, now.Prepared = nil, tx.Now()
		if now.Items == 0 {
			return closeReview(tx, book, &now, Decider{Actor: "bridge"}, "there was nothing to review", "")
		}
		now.State, now.Next = schema.ReviewOpen, tx.Now()
		return store.Reviews.Put(tx, now)
	})
}

// write writes some items of a review, and how far it came.
func (w *Reviews) write(ctx context.Context, v schema.Review, items []schema.ReviewItem, next []string) (now schema.Review, err error) {
	err = w.Store.Update(store.Background(ctx), func(tx store.Tx) error {
		if now, err = store.Reviews.Get(tx, v.ID); err != nil {
			return err
		}
		if now.State != schema.ReviewPreparing || !slices.Equal(now.Cursor, v.Cursor) {
			return fmt.Errorf("somebody else prepares it, or closed it: %w", schema.ErrConflict)
		}
		now.Cursor = next
		for _, i := range items {
			there, err := store.ReviewItems.Has(tx, i.Review, i.Identity, i.Holding)
			if err != nil {
				return err
			}
			if there {
				continue
			}
			now.Items++
			if err := store.ReviewItems.Put(tx, i); err != nil {
				return err
			}
		}
		return store.Reviews.Put(tx, now)
	})
	return now, err
}

// quickly is how many chunks are looked at to tell whether there is anything to review:
// it is asked within the transaction that opens it.
const quickly = 10

// anything reports whether a review has anything to look at, as far as that is quickly
// told. Where it is not, its preparation finds out, and nobody hears of one that is empty.
func anything(r store.Reader, book *policy.Book, v schema.Review) (bool, error) {
	if v.Kind == schema.ReviewManager {
		return true, nil // whom somebody manages is found by asking everybody
	}
	for range quickly {
		items, cursor, done, err := chunkOf(r, book, v, nil)
		if err != nil || len(items) > 0 || done {
			return len(items) > 0, err
		}
		v.Cursor = cursor
	}
	return true, nil
}

// chunkOf returns the next items of a review, and where it goes on.
func chunkOf(r store.Reader, book *policy.Book, v schema.Review, c *census) (items []schema.ReviewItem, cursor []string, done bool, err error) {
	o := &lookOver{book: book, bench: newBench(r, book, v), census: c}
	if o.feeds, err = useFeeds(r, book); err != nil {
		return nil, nil, false, err
	}
	ids, cursor, done, err := holders(r, book, v)
	if err != nil {
		return nil, nil, false, err
	}
	for _, id := range ids {
		some, err := o.of(r, id)
		if err != nil {
			return nil, nil, false, err
		}
		items = append(items, some...)
	}
	return items, cursor, done, nil
}

// of returns the items of a review that are about one identity.
func (o *lookOver) of(r store.Reader, id string) ([]schema.ReviewItem, error) {
	v := o.bench.review
	f, err := whole(r, o.book, id, false)
	if schema.IsNotFound(err) || err == nil && f.Into != "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if v.Kind == schema.ReviewManager {
		if mine, err := o.managed(f); err != nil || !mine {
			return nil, err
		}
	}
	items, err := o.roles(r, f, func(role string, lines []schema.Assignment) bool {
		switch {
		case len(v.Roles) > 0 && !slices.Contains(v.Roles, role):
			return false
		case v.Kind == schema.ReviewRole:
			return role == v.Of
		case v.Kind == schema.ReviewConnector:
			return slices.ContainsFunc(lines, func(a schema.Assignment) bool { return a.Connector == v.Of })
		}
		return true
	})
	if err != nil || v.Kind != schema.ReviewConnector {
		return items, err
	}
	a, err := account(r, v.Of, id)
	if err != nil {
		return nil, err
	}
	more, err := o.unexplained(r, f, a)
	return append(items, more...), err
}

// managed reports whether somebody is among those whose manager a review is for. Who left
// is a manager still of whom nobody named another: what these hold is looked at too.
func (o *lookOver) managed(f policy.Facts) (bool, error) {
	of := o.bench.review.Of
	if of == "" {
		return o.book.ManagerOf(f) != "", nil
	}
	found, err := o.bench.managers(f)
	return slices.ContainsFunc(found, func(id schema.Identity) bool { return id.ID == of }), err
}

// holders returns the next identities that a review may be about, by the index that
// leads to them, and where it goes on. One may come more than once.
func holders(r store.Reader, book *policy.Book, v schema.Review) (ids []string, cursor []string, done bool, err error) {
	at := append(slices.Clone(v.Cursor), "", "", "")[:3]
	switch v.Kind {
	case schema.ReviewRole:
		return holdersOfRole(r, book, v.Of, at)
	case schema.ReviewConnector:
		return holdersAt(r, v.Of, at)
	case schema.ReviewManager:
		for id, err := range store.Identities.From(r, at[0]) {
			if err != nil {
				return nil, nil, false, err
			}
			if len(ids) == reviewChunk {
				return ids, []string{ids[len(ids)-1]}, false, nil
			}
			ids = append(ids, id.ID)
		}
		return ids, nil, true, nil
	case schema.ReviewChange:
	}
	return []string{v.Of}, nil, true, nil
}

// holdersOfRole walks those who hold anything that a role gives, and then those who were
// granted it.
func holdersOfRole(r store.Reader, book *policy.Book, role string, at []string) (ids []string, cursor []string, done bool, err error) {
	gives := book.Gives(role)
	phase, _ := strconv.Atoi(at[0])
	if phase < len(gives) {
		e := gives[phase]
		looked := 0
		for a, err := range store.Assignments.ByFrom(r, store.AssignmentHeld, []string{e.Connector, e.ID}, key(at[1], e.Connector, e.ID)...) {
			if err != nil {
				return nil, nil, false, err
			}
			if looked++; slices.Contains(a.Because, holdingRole+role) {
				ids = append(ids, a.Identity)
			}
			if looked == reviewChunk {
				return ids, []string{at[0], a.Identity}, false, nil
			}
		}
		return ids, []string{strconv.Itoa(phase + 1)}, false, nil
	}
	for g, err := range store.Grants.ByFrom(r, store.GrantRole, []string{role}, key(at[1], at[2])...) {
		if err != nil {
			return nil, nil, false, err
		}
		if ids = append(ids, g.Identity); len(ids) == reviewChunk {
			return ids, []string{at[0], g.Identity, g.ID}, false, nil
		}
	}
	return ids, nil, true, nil
}

// key is a key that a walk goes on after; none where it begins.
func key(first string, rest ...string) []string {
	if first == "" {
		return nil
	}
	return append([]string{first}, rest...)
}

// holdersAt walks those who are to hold anything at a connector, and then the accounts
// there.
func holdersAt(r store.Reader, connector string, at []string) (ids []string, cursor []string, done bool, err error) {
	if at[0] == "" {
		place, err := base64.RawStdEncoding.DecodeString(at[1])
		if err != nil {
			return nil, nil, false, err
		}
		looked := 0
		for a, err := range store.Assignments.Walk(r, store.AssignmentHeld, store.Place(place), connector) {
			if err != nil {
				return nil, nil, false, err
			}
			if looked++; !slices.Contains(ids, a.Record.Identity) {
				ids = append(ids, a.Record.Identity)
			}
			if looked == reviewChunk {
				return ids, []string{"", base64.RawStdEncoding.EncodeToString([]byte(a.Place))}, false, nil
			}
		}
		return ids, []string{"accounts", ""}, false, nil
	}
	for a, err := range store.Accounts.From(r, connector, at[1]) {
		if err != nil {
			return nil, nil, false, err
		}
		if a.Connector != connector {
			break
		}
		if ids = append(ids, a.Identity); len(ids) == reviewChunk {
			return ids, []string{"accounts", a.Identity}, false, nil
		}
	}
	return ids, nil, true, nil
}
