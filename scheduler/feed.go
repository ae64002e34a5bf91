package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"drawbridge/access"
	"drawbridge/evidence/feed"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Feed tells another system of decisions, in the order of the log, each at least
// once. Where it is, is in the store. It reads the log and is waited for by nobody: as
// long as the other system takes nothing, it falls behind.
//
// Of many processes one tells at a time: what is to be told is an item in a lane.
type Feed struct {
	Store   *store.Store
	Name    string
	Format  feed.Format
	Sink    feed.Sink
	History bool   // it begins with the log's first entry, and not with the next one
	Origin  string // the log's name
	Version string // of the program
	Log     *slog.Logger
}

const (
	looksAtLog = time.Second // how often a feed looks whether there is something to tell
	toldAtOnce = 500         // entries
)

// Watch has the feed told of what is new in the log, for as long as ctx lives. A look
// is a read of a row; a log that did not grow has nothing written.
func (f *Feed) Watch(ctx context.Context) error {
	tick := time.NewTicker(looksAtLog)
	defer tick.Stop()
	for {
		if err := f.wake(ctx); err != nil && ctx.Err() == nil {
			f.Log.ErrorContext(ctx, "look for decisions to tell of", "feed", f.Name, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// wake makes the feed's item due if it is behind. One that is new begins where the
// log ends, or with all of it.
func (f *Feed) wake(ctx context.Context) error {
	var next, size int64
	var known bool
	err := f.Store.View(ctx, func(r store.Reader) (err error) {
		if next, known, err = access.FeedCursor(r, f.Name); err == nil {
			size, err = store.LogSize(r)
		}
		return err
	})
	switch {
	case err != nil || known && next >= size:
		return err
	case !known && !f.History:
		return f.Store.Update(store.Background(ctx), func(tx store.Tx) error { return access.KeepFeedCursor(tx, f.Name, size) })
	}
	return f.Store.Update(store.Background(ctx), func(tx store.Tx) error { return tx.Wake(access.LaneFeed, f.Name, tx.Now()) })
}

// Handle tells of the next decisions, and notes in the transaction that ends the lease
// how far it came. What fails is tried again later, from the first of them.
func (f *Feed) Handle(ctx context.Context, item store.Item) (access.Finish, error) {
	messages, next, err := f.next(ctx)
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 {
		return nil, nil
	}
	if err := f.Sink.Send(ctx, messages); err != nil {
		return nil, err
	}
	return func(tx store.Tx) (time.Time, error) {
		size, err := store.LogSize(tx)
		if err != nil {
			return time.Time{}, err
		}
		if err := access.KeepFeedCursor(tx, f.Name, next); err != nil || next >= size {
			return time.Time{}, err
		}
		return tx.Now(), nil
	}, nil
}

// next makes the messages that are to be sent next.
func (f *Feed) next(ctx context.Context) (messages []feed.Message, next int64, err error) {
	err = f.Store.View(ctx, func(r store.Reader) (err error) {
		messages = nil
		if next, _, err = access.FeedCursor(r, f.Name); err != nil {
			return err
		}
		for e, err := range store.Log(r, next) {
			if err != nil {
				return err
			}
			m, err := f.message(r, e)
			if err != nil {
				return err
			}
			if messages, next = append(messages, m), e.Seq+1; len(messages) == toldAtOnce {
				return nil
			}
		}
		return nil
	})
	return messages, next, err
}

func (f *Feed) message(r store.Reader, e store.Entry) (feed.Message, error) {
	event := feed.Event{Seq: e.Seq, Leaf: e.Leaf, Decision: e.Decision, Log: f.Origin, Version: f.Version}
	id, err := store.Identities.Get(r, e.Decision.Subject)
	if err != nil && !errors.Is(err, schema.ErrNotFound) {
		return feed.Message{}, err
	}
	event.UserName = id.UserName
	return feed.MessageOf(f.Format, event)
}
