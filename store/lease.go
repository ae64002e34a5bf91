package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"drawbridge/schema"
)

func (t *transaction) Lease(lane Lane, n int, ttl time.Duration) ([]Item, error) {
	return t.lease(lane, n, ttl, []string{classPressing, classLeased, classUrgent, classDue}, classUrgent, classDue)
}

func (t *transaction) LeaseUrgent(lane Lane, n int, ttl time.Duration) ([]Item, error) {
	return t.lease(lane, n, ttl, []string{classPressing, classUrgent}, classUrgent)
}

// lease leases what is due of some classes, and of the bundles of others.
func (t *transaction) lease(lane Lane, n int, ttl time.Duration, classes []string, bundles ...string) ([]Item, error) {
	if ttl <= 0 {
		return nil, fmt.Errorf("lane %s: a lease of %v: %w", lane, ttl, schema.ErrInvalid)
	}
	due, err := t.due(lane, n, classes...)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(due))
	for _, class := range bundles {
		same := 0
		for same < len(due) && due[same].work.urgent == (class == classUrgent) {
			same++
		}
		if items, err = t.fill(lane, items, n, ttl, due[:same], class); err != nil {
			return nil, err
		}
		due = due[same:]
	}
	return items, nil
}

// take leases one item for the work that waits of it.
func (t *transaction) take(lane Lane, id string, was *state, work state, ttl time.Duration) (Item, error) {
	is := state{
		since: work.due, pressing: work.urgent, until: t.now.Add(ttl), fence: rand.Uint64(),
		attempt: work.attempt + 1,
	}
	return is.item(lane, id), t.move(lane, id, was, &is)
}

// A candidate is an item that may be leased: its row, and the work that waits.
type candidate struct {
	id        string
	was, work state
}

// due returns up to n items of some classes that are due, the most urgent first.
// Those whose lease ended stand where their work stood before it was leased.
func (t *transaction) due(lane Lane, n int, classes ...string) ([]candidate, error) {
	var all []candidate
	for _, class := range classes {
		from, to := makeKey(string(lane), class), after(makeKey(string(lane), class, timePart(t.now)))
		rows, err := t.txn.Claim(tableReady, from, to, n)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			_, id, err := readPlace(tableReady, row.Key)
			if err != nil {
				return nil, err
			}
			s, err := t.state(lane, id)
			if err == nil && s == nil {
				err = broken(tableReady, row.Key)
			}
			if err != nil {
				return nil, err
			}
			all = append(all, candidate{id: id, was: *s, work: s.returned()})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		if a.work.urgent != b.work.urgent {
			if a.work.urgent {
				return -1
			}
			return 1
		}
		return a.work.due.Compare(b.work.due)
	})
	return all[:min(n, len(all))], nil
}

// returned is the item's state without its lease: what a worker had waits again,
// joined with what woke it meanwhile.
func (s state) returned() state {
	is := state{due: s.due, urgent: s.urgent, attempt: s.attempt}
	if s.leased() {
		is.join(s.since, s.pressing)
	}
	return is
}

// leased returns the state of an item that the caller has leased.
func (t *transaction) leased(item Item) (*state, error) {
	s, err := t.state(item.Lane, item.ID)
	if err == nil && (s == nil || !s.leased() || s.fence != item.fence) {
		err = ErrLeaseLost
	}
	return s, err
}

func (t *transaction) Renew(item Item, ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("lane %s: a lease of %v: %w", item.Lane, ttl, schema.ErrInvalid)
	}
	was, err := t.leased(item)
	if err != nil {
		return err
	}
	is := *was
	is.until = t.now.Add(ttl)
	return t.move(item.Lane, item.ID, was, &is)
}

func (t *transaction) Done(item Item, next time.Time) error {
	was, err := t.leased(item)
	if err != nil {
		return err
	}
	is := state{due: was.due, urgent: was.urgent}
	if !next.IsZero() {
		is.join(next, false)
	}
	return t.settle(item, was, is)
}

func (t *transaction) Retry(item Item, at time.Time) error {
	was, err := t.leased(item)
	if err != nil {
		return err
	}
	attempt := was.attempt
	if !was.due.IsZero() && !at.Before(was.due) {
		attempt = 0 // a change came first: patience begins anew
	}
	return t.again(item, was, at, attempt)
}

func (t *transaction) Postpone(item Item, at time.Time) error {
	was, err := t.leased(item)
	if err != nil {
		return err
	}
	return t.again(item, was, at, was.attempt-1)
}

// again settles an item that is to come back, after so many attempts.
func (t *transaction) again(item Item, was *state, at time.Time, attempts int) error {
	if at.IsZero() {
		return fmt.Errorf("lane %s: %s is tried again at no time: %w", item.Lane, item.ID, schema.ErrInvalid)
	}
	is := state{due: was.due, urgent: was.urgent, attempt: attempts}
	is.join(at, was.pressing)
	return t.settle(item, was, is)
}

func (t *transaction) settle(item Item, was *state, is state) error {
	if is.due.IsZero() {
		return t.move(item.Lane, item.ID, was, nil)
	}
	t.hint(item.Lane)
	return t.move(item.Lane, item.ID, was, &is)
}

func (t *transaction) Rewoken(item Item) (bool, error) {
	s, err := t.leased(item)
	if err != nil {
		return false, err
	}
	return !s.due.IsZero(), nil
}

// leasedLanes returns the lanes that have leased items.
func (t *transaction) leasedLanes() ([]Lane, error) {
	leased, err := t.counts(countLeased)
	var lanes []Lane
	for lane, n := range leased {
		if n != 0 {
			lanes = append(lanes, Lane(lane))
		}
	}
	return lanes, err
}

// releaseLeases gives back what a dead process had leased: it reads the leased
// and nothing else.
func (t *transaction) releaseLeases() (released int, err error) {
	lanes, err := t.leasedLanes()
	if err != nil {
		return 0, err
	}
	for _, lane := range lanes {
		from, to := makeKey(string(lane), classLeased), after(makeKey(string(lane), classPressing))
		for row, err := range t.rows(tableReady, from, to) {
			if err != nil {
				return released, err
			}
			_, id, err := readPlace(tableReady, row.Key)
			if err != nil {
				return released, err
			}
			was, err := t.state(lane, id)
			if err != nil {
				return released, err
			}
			if was == nil {
				return released, broken(tableReady, row.Key)
			}
			is := was.returned()
			if err := t.move(lane, id, was, &is); err != nil {
				return released, err
			}
			released++
		}
	}
	return released, nil
}
