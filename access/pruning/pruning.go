// Package pruning lets go of what of the decision log is older than the policy keeps it.
package pruning

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/audit"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The log is kept for as long as the policy says. What is older is pruned: bodies go and
// hashes stay. Those decisions stay whole by which somebody had something at the horizon,
// so that what was so after it is told as before, and nobody holds anything of which the
// log can not say since when and why.

// A Retention is what of the log is too old, as of a moment.
type Retention struct {
	Before, Plain int64     // numbers of the first entry that is kept, and of the first with its details
	Time          time.Time // whatever is pruned was decided before
}

// RetentionOf returns what of the log is too old under a policy; an error where that
// cannot be read.
func RetentionOf(r store.Reader, book *policy.Book) (rt Retention, err error) {
	keep, err := book.Retention()
	if err != nil {
		return rt, err
	}
	rt.Time = r.Now().Add(-time.Duration(keep.Decisions))
	if rt.Before, err = store.LogSince(r, rt.Time); err != nil {
		return rt, err
	}
	rt.Plain, err = store.LogSince(r, r.Now().Add(-time.Duration(keep.Evidence)))
	return rt, err
}

// Due returns how many entries are yet to be looked at.
func (rt Retention) Due(r store.Reader) (int64, error) {
	h, err := store.LogHorizon(r)
	return max(0, rt.Before-h.Before) + max(0, rt.Plain-max(h.Plain, rt.Before)), err
}

// Decide records that entries are to be pruned, where that was not decided before.
// It must be signed before any is: who verifies the log believes nobody else that an entry
// may be missing.
func Decide(tx store.Tx, book *policy.Book, actor string, rt Retention) error {
	keep, err := book.Retention()
	if err != nil {
		return err
	}
	h, err := store.LogHorizon(tx)
	if err != nil {
		return err
	}
	if rt.Before > h.Before {
		err := decide(tx, schema.Decision{
			Actor: actor, Object: audit.PruningObject(rt.Before), Policy: book.Digest(),
			Reason: fmt.Sprintf("entries before it are older than %s; their hashes stay, and the decisions that were in force then", keep.Decisions),
		})
		if err != nil {
			return err
		}
	}
	if rt.Plain > max(h.Plain, rt.Before) {
		return decide(tx, schema.Decision{
			Actor: actor, Object: fmt.Sprintf("detail/%d", rt.Plain), Policy: book.Digest(),
			Reason: fmt.Sprintf("what stands beside entries before it is older than %s", keep.Evidence),
		})
	}
	return nil
}

// decide records a decision about the log, once.
func decide(tx store.Tx, d schema.Decision) error {
	d.Verb, d.Subject = schema.Pruned, audit.PruningSubject
	_, err := store.LogLatest(tx, d.Subject, d.Object)
	if errors.Is(err, schema.ErrNotFound) {
		_, err = tx.Record(d)
	}
	return err
}

// mostPruned is how many entries one transaction looks at, so that nobody waits long.
const mostPruned = 500

// Turn takes one turn at pruning what is too old. The policy is the one in force now:
// where it cannot be read, what was decided by another waits.
func Turn(tx store.Tx, book *policy.Book, rt Retention) (store.Turn, error) {
	if _, err := book.Retention(); err != nil {
		return store.Turn{}, err
	}
	turn, err := store.Prune(tx, store.Pruning{Before: rt.Before, Time: rt.Time, Most: mostPruned, InForce: lasting})
	if err != nil || turn.More {
		return turn, err
	}
	plain, err := store.PruneDetails(tx, rt.Plain, mostPruned)
	turn.Looked, turn.More = turn.Looked+plain.Looked, plain.More
	return turn, err
}

// lasting returns which of the decisions about somebody, oldest first, say what they have
// at the end of them: the lines that began and did not end, each decision that made one
// what it is, what its target said to it, and the grants that did not end.
func lasting(about []store.Entry) []bool {
	stays := make([]bool, len(about))
	lines, grants := map[string][]int{}, map[string][]int{}
	drop := func(of map[string][]int, key string) {
		for _, i := range of[key] {
			stays[i] = false
		}
		delete(of, key)
	}
	agreed := map[int][]int{} // what a target said: the decisions it said it to
	for i, e := range about {
		d := e.Decision
		switch d.Verb { //nolint:exhaustive // the others change neither line nor grant
		case schema.Assigned:
			stays[i] = true
			lines[d.Object] = append(lines[d.Object], i)
		case schema.Unassigned:
			drop(lines, d.Object)
		case schema.Provisioned, schema.Verified:
			for j := range i {
				if stays[j] && about[j].Decision.Verb == schema.Assigned && slices.Contains(d.Because, about[j].Decision.ID) {
					agreed[i] = append(agreed[i], j)
				}
			}
		case schema.Granted:
			stays[i] = true
			key := grantNamed(d)
			grants[key] = append(grants[key], i)
		case schema.Revoked, schema.Expired:
			for _, key := range endedBy(d, grants) {
				drop(grants, key)
			}
		}
	}
	for i, lines := range agreed {
		stays[i] = slices.ContainsFunc(lines, func(j int) bool { return stays[j] })
	}
	return stays
}

// grantNamed is the grant that a decision is about, with its role.
func grantNamed(d schema.Decision) string {
	for _, ref := range d.Because {
		if strings.HasPrefix(ref, "grant/") {
			return d.Object + " " + ref
		}
	}
	return d.Object + " "
}

// endedBy are the grants that a decision ends: the one that it names, or all of its role.
func endedBy(d schema.Decision, grants map[string][]int) (keys []string) {
	if key := grantNamed(d); key != d.Object+" " {
		return []string{key}
	}
	for key := range grants {
		if strings.HasPrefix(key, d.Object+" ") {
			keys = append(keys, key)
		}
	}
	return keys
}
