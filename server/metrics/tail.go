package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"drawbridge/schema"
	"drawbridge/store"
)

// A tail counts the decisions that were added to the log since the process began,
// by verb. Each scrape reads those that are new since the scrape before, so that
// no decision is counted twice or missed, and nothing is counted that was not
// committed. Like every counter it begins at zero with the process.
type tail struct {
	known  bool  // next is
	next   int64 // number of the first entry that is not counted yet
	counts map[schema.Verb]int64

	ignored map[string]int64 // what sources said beyond what they may, by source
}

// mostSources is how many sources are counted by themselves, so that what once was
// one makes no series without end.
const mostSources = 200

// otherSources stands for those that are counted together.
const otherSources = "(others)"

// verbs are all there are. Each is there from the start, at zero: of a series that
// begins with its first event, Prometheus does not see that event.
var verbs = []schema.Verb{
	schema.Admitted, schema.Left, schema.Joined, schema.Parted, schema.Awaited, schema.Ignored, schema.Signalled, schema.Granted, schema.Reapproved, schema.Revoked, schema.Expired,
	schema.Assigned, schema.Unassigned, schema.Updated, schema.Kept, schema.Denied, schema.Held, schema.Dismissed, schema.Undecided,
	schema.Provisioned, schema.Verified, schema.Notified, schema.Tasked, schema.Confirmed, schema.Replayed, schema.Failed, schema.Adopted, schema.Disowned, schema.Ramped, schema.Drifted, schema.Found, schema.Swept,
	schema.Proposed, schema.Published, schema.Refused, schema.Quarantined, schema.Agreed, schema.Released, schema.Tokened, schema.Forgotten, schema.Pruned,
	schema.Correlated, schema.Split, schema.Lifted,
	schema.Halted, schema.Resumed, schema.Reassigned, schema.Rotated, schema.Stopped, schema.Started, schema.Answered,
	schema.Opened, schema.Delegated, schema.Escalated, schema.Closed, schema.Signed, schema.Suspended, schema.Resolved,
	schema.Requested, schema.Approved, schema.Withdrawn, schema.Bypassed, schema.Furnished, schema.Replayed, schema.Excepted,
}

// mostAtOnce bounds what one scrape reads. A bridge that nobody scraped for long
// catches up over several.
const mostAtOnce = 200_000

// count counts what is new and returns the counts so far, by verb, and of what was
// ignored by source.
func (m *Metrics) count(ctx context.Context) (verbs map[schema.Verb]int64, ignored map[string]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// What cannot be read now is read at the next scrape: counts never fall.
	_ = m.store.View(ctx, func(r store.Reader) (err error) {
		if !m.tail.known {
			m.tail.next, err = store.LogSize(r)
			m.tail.known = err == nil
			return err
		}
		return m.tail.read(r)
	})
	return maps.Clone(m.tail.counts), maps.Clone(m.tail.ignored)
}

func (t *tail) read(r store.Reader) error {
	first := t.next
	for leaf, err := range store.LeavesFrom(r, t.next) {
		if err != nil || t.next-first == mostAtOnce {
			return err
		}
		verb := verbOf(leaf.Body)
		if t.counts[verb]++; verb == schema.Ignored {
			t.ignore(leaf.Body)
		}
		t.next++
	}
	return nil
}

// ignore counts what a source said in vain.
func (t *tail) ignore(leaf []byte) {
	var said struct{ Actor string }
	if err := json.Unmarshal(leaf, &said); err != nil {
		return
	}
	source, ok := strings.CutPrefix(said.Actor, "source/")
	if !ok {
		return
	}
	if _, known := t.ignored[source]; !known && len(t.ignored) >= mostSources {
		source = otherSources
	}
	t.ignored[source]++
}

// verbOf reads the verb of a leaf without decoding it. Within a string of JSON
// there is no bare quotation mark, so that what it looks for is nowhere else.
func verbOf(leaf []byte) schema.Verb {
	const key = `,"verb":"`
	_, rest, found := bytes.Cut(leaf, []byte(key))
	verb, _, ends := bytes.Cut(rest, []byte(`"`))
	if !found || !ends || len(verb) > 32 {
		return "unknown"
	}
	return schema.Verb(verb)
}

func isNotFound(err error) bool { return errors.Is(err, schema.ErrNotFound) }
