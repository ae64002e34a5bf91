package access

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// When a source was heard last is noted at the gate in memory, written down now and
// then, and looked at when its silence lasts too long, or is over.

// heardEvery is how exactly it is kept when a source was heard. A source that comes
// each second is written down so often.
const heardEvery = 5 * time.Minute

// A Hearing remembers when sources were heard last, in memory, until Keep writes it
// down. It is safe for concurrent use; a nil one remembers nothing.
type Hearing struct {
	mu      sync.Mutex
	last    map[string]time.Time
	written map[string]time.Time
}

// Heard is told of a request that a source's credential let in.
func (h *Hearing) Heard(source string, at time.Time) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last, h.written = map[string]time.Time{}, map[string]time.Time{}
	}
	if at.After(h.last[source]) {
		h.last[source] = at
	}
}

// Last returns when a source was heard last, as far as this process knows.
func (h *Hearing) Last(source string) time.Time {
	if h == nil {
		return time.Time{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last[source]
}

// Keep writes down which sources were heard since, all at once. One whose silence was
// too long is looked at.
func (h *Hearing) Keep(ctx context.Context, s *store.Store) error {
	if h == nil {
		return nil
	}
	due := map[string]time.Time{}
	h.mu.Lock()
	for source, at := range h.last {
		if was, known := h.written[source]; !known || at.Sub(was) >= heardEvery {
			due[source] = at
		}
	}
	h.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	err := s.Update(store.Background(ctx), func(tx store.Tx) error {
		for source, at := range due {
			if err := noteHeard(tx, source, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.written, due)
	return nil
}

// noteHeard writes down when a source was heard. What depends on it is looked at again
// if it was silent for too long.
func noteHeard(tx store.Tx, source string, at time.Time) error {
	feed, err := heardOf(tx, source)
	if err != nil || at.Before(feed.Heard) {
		return err
	}
	feed.Heard = at
	if err := store.Feeds.Put(tx, feed); err != nil || feed.Missed == 0 {
		return err
	}
	return tx.Wake(LaneSource, source, tx.Now())
}

// heardOf returns what is known of when a source was heard.
func heardOf(r store.Reader, source string) (schema.Feed, error) {
	feed, err := store.Feeds.Get(r, source, string(schema.TopicRecords), "")
	if schema.IsNotFound(err) {
		return schema.Feed{Source: source, Topic: schema.TopicRecords}, nil
	}
	return feed, err
}

// awaitSources has the sources looked at whose silence means something, from when a
// policy says so.
func awaitSources(tx store.Tx, book *policy.Book) error {
	for _, s := range book.Sources() {
		if s.Spec.Protocol == policy.ProtocolSignals {
			continue
		}
		if err := tx.Wake(LaneSource, s.Metadata.Name, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// Freshen looks at how long a source was silent. When that became too long for
// anything that depends on it, or is so no more, people are told, and everyone is
// looked at again.
func Freshen(_ context.Context, _ *store.Store, rules *Rules, item store.Item) (Finish, error) {
	return func(tx store.Tx) (time.Time, error) {
		book, err := inForce(tx, rules.Book())
		if err != nil {
			return time.Time{}, err
		}
		feed, err := heardOf(tx, item.ID)
		if err != nil {
			return time.Time{}, err
		}
		after := book.Silences(item.ID)
		waited := len(after) > 0 || book.ExpectEvery(item.ID) > 0
		if feed.Heard.IsZero() && feed.Since.IsZero() && waited { // it is waited for from now on
			feed.Since = tx.Now()
			if err := store.Feeds.Put(tx, feed); err != nil {
				return time.Time{}, err
			}
		}
		since := latest(feed.Heard, feed.Since)
		missed, next := 0, time.Time{}
		for _, silence := range after {
			if at := since.Add(silence); at.After(tx.Now()) {
				next = at
				break
			}
			missed++
		}
		if err := tellStale(tx, book, feed); err != nil {
			return next, err
		}
		if missed == feed.Missed {
			return next, nil
		}
		feed.Missed = missed
		if err := store.Feeds.Put(tx, feed); err != nil {
			return next, err
		}
		return next, wakeEveryone(tx)
	}, nil
}

// tellStale raises a finding about a source that is stale, and resolves that about one
// that is not.
func tellStale(tx store.Tx, book *policy.Book, feed schema.Feed) error {
	f := schema.Finding{Kind: findingStale, Subject: "source/" + feed.Source}
	if !Stale(book, feed, tx.Now()) {
		return resolve(tx, f)
	}
	limit := policy.Duration(book.StaleAfter(feed.Source))
	f.Reason = fmt.Sprintf("nothing was heard of it for %s", limit)
	if !feed.Heard.IsZero() {
		f.Reason += ", last at " + feed.Heard.UTC().Format(time.RFC3339)
	}
	return Report(tx, book, "bridge", f)
}

// Stale reports whether a source that tells of identities was silent for longer than
// its document allows.
func Stale(book *policy.Book, feed schema.Feed, now time.Time) bool {
	src, ok := book.Source(feed.Source)
	since := latest(feed.Heard, feed.Since)
	return ok && src.Spec.Freshness.StaleAfter > 0 && !since.IsZero() && now.Sub(since) >= book.StaleAfter(feed.Source)
}

// HeardOf returns when a source was heard last, as far as it is written down, and
// whether it is stale. The book may be nil.
func HeardOf(r store.Reader, book *policy.Book, source string) (heard time.Time, stale bool, err error) {
	feed, err := heardOf(r, source)
	if err != nil || book == nil {
		return feed.Heard, false, err
	}
	return feed.Heard, Stale(book, feed, r.Now()), nil
}

// KnownStale reports whether people were told that a source is stale, and nothing was
// heard of it since.
func KnownStale(r store.Reader, source string) (bool, error) {
	_, err := store.Findings.Get(r, findingStale, "", "source/"+source, "")
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}
