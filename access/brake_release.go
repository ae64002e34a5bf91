package access

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What is held goes on when two people say so, of the same plan. The first
// agreement is kept, the second wakes the work; whoever does it works the plan out
// again, and does it only if it is the one that was released. Each step is a
// decision.

// needed is how many people release what is held.
const needed = 2

// A Releasing is one person's yes to a plan.
type Releasing struct {
	Hold, Plan string
	By, Reason string // the actor, and why in their own words
}

// Release takes one person's yes to what is held. It returns the hold as it is
// now: of the second person's it is Released, and what it was held from is about
// to be done. A plan that is not the present one is ErrConflict; one who agreed
// already, or caused it, is ErrForbidden.
func Release(tx store.Tx, book *policy.Book, r Releasing) (schema.Hold, error) {
	if r.By == "" || r.Reason == "" {
		return schema.Hold{}, fmt.Errorf("release of %s: say who decided and why: %w", r.Hold, schema.ErrInvalid)
	}
	h, err := releasable(tx, r.Hold)
	if err != nil {
		return h, err
	}
	h.Agreed = agreedTo(h)
	agreed, err := alsoOf(tx, book, h.Agreed, r.By)
	if err != nil {
		return h, err
	}
	caused, err := onePerson(tx, book, h.By, r.By)
	if err != nil {
		return h, err
	}
	switch {
	case !h.Released.IsZero():
		return h, fmt.Errorf("%s is released already, and about to be done: %w", h.ID, schema.ErrConflict)
	case h.Plan != r.Plan:
		return h, fmt.Errorf("%s: what it would do has changed; look at it again, and release its plan as it is now: %w", h.ID, schema.ErrConflict)
	case caused:
		return h, fmt.Errorf("%s: whoever caused it does not release it: %w", h.ID, schema.ErrForbidden)
	case agreed:
		return h, fmt.Errorf("%s: you agreed already; a second person has to: %w", h.ID, schema.ErrForbidden)
	}
	h.Agreed = append(h.Agreed, schema.Agreement{By: r.By, At: tx.Now(), Plan: r.Plan})
	detail, err := json.Marshal(releaseBasis{Reason: r.Reason, Plan: h.Plan, Count: h.Count, Agreed: h.Agreed})
	if err != nil {
		return h, err
	}
	verb, reason := comesTo(h)
	if verb == schema.Released {
		h.Released = tx.Now()
	}
	_, err = tx.Record(schema.Decision{
		Actor: r.By, Verb: verb, Subject: h.Subject, Reason: reason, Policy: book.Digest(), Detail: detail,
	})
	if err != nil {
		return h, err
	}
	if h.Released.IsZero() {
		return h, store.Holds.Put(tx, h)
	}
	return h, release(tx, h)
}

// A releaseBasis is what stands beside somebody's yes: their words, and what it was decided
// from that it comes to.
type releaseBasis struct {
	Reason string             `json:"reason"`
	Plan   string             `json:"plan,omitempty"` // empty where an older version recorded it
	Count  int                `json:"count,omitempty"`
	Agreed []schema.Agreement `json:"agreed,omitempty"` // to that plan, this one the last
}

// comesTo says what the yeses to the plan of a hold come to.
func comesTo(h schema.Hold) (schema.Verb, string) {
	if len(h.Agreed) < needed {
		return schema.Agreed, fmt.Sprintf("agreed to plan %s; a second person has to", h.Plan)
	}
	return schema.Released, fmt.Sprintf("plan %s, of %d, %s%s", h.Plan, h.Count, agreedBy, actors(h))
}

// Beginnings of what is said before who agreed: of a release, and of what is done by it.
const (
	agreedBy   = "was agreed to by "
	releasedBy = "two people released it: "
)

// Awaits returns how many more people have to agree before a hold is released.
func Awaits(h schema.Hold) int {
	if !h.Released.IsZero() {
		return 0
	}
	return max(0, needed-len(agreedTo(h)))
}

// releasable returns a hold that people can release.
func releasable(r store.Reader, id string) (schema.Hold, error) {
	h, err := store.Holds.Get(r, id)
	if !schema.IsNotFound(err) {
		return h, err
	}
	standing, err := standing(r)
	if err != nil {
		return h, err
	}
	for _, s := range standing {
		if s.ID == id {
			return s, fmt.Errorf("%s is for nobody to release; it ends when %s: %w", id, s.Ends, schema.ErrForbidden)
		}
	}
	return h, fmt.Errorf("nothing is held as %s: %w", id, schema.ErrNotFound)
}

// actors names who agreed.
func actors(h schema.Hold) string {
	var names []string
	for _, a := range h.Agreed {
		names = append(names, a.By)
	}
	return strings.Join(names, " and ")
}

// release wakes what a hold was kept from.
func release(tx store.Tx, h schema.Hold) error {
	if h.Kind == schema.SourceHold || h.Kind == schema.LossHold { // what its source ends from now on is not part of it
		h.Round, h.Count = h.Round+1, 0
	}
	if err := store.Holds.Put(tx, h); err != nil {
		return err
	}
	if h.Kind == schema.SweepHold {
		return RunSweep(tx, sweepOf(h))
	}
	return tx.WakeUrgent(LaneRelease, h.ID)
}

// CarryOut does what two people released of a source or of a policy. A sweep does
// its own.
func CarryOut(ctx context.Context, s *store.Store, rules *Rules, item store.Item) (Finish, error) {
	var h schema.Hold
	err := s.View(ctx, func(r store.Reader) (err error) {
		h, err = store.Holds.Get(r, item.ID)
		return err
	})
	switch {
	case schema.IsNotFound(err):
		return nil, nil // it is held no more
	case err != nil:
		return nil, err
	case h.Released.IsZero() && h.Kind == schema.SourceHold:
		return stragglers(rules.Book(), sourceOf(h)), nil
	case h.Released.IsZero() && h.Kind == schema.LossHold:
		return lossStragglers(rules.Book(), sourceOf(h)), nil
	case h.Released.IsZero():
		return nil, nil // held anew
	}
	switch h.Kind { //nolint:exhaustive // no other comes here
	case schema.SourceHold:
		return carryOutEnds(ctx, s, rules.Book(), h)
	case schema.LossHold:
		return carryOutLosses(ctx, s, h)
	case schema.PolicyHold:
		return carryOutPolicy(ctx, s, rules, h)
	}
	return nil, nil
}

// carryOutEnds lets the ends through that were withheld of a source when it was
// released, a chunk at a time. Those that came to be held since stay so.
func carryOutEnds(ctx context.Context, s *store.Store, book *policy.Book, h schema.Hold) (Finish, error) {
	for after := ""; ; {
		looked, last := 0, after
		err := s.Update(ctx, func(tx store.Tx) error {
			looked, last = 0, after
			for held, err := range store.WithheldIdentities.ByFrom(tx, store.WithheldSource, []string{sourceOf(h)}, after) {
				if err != nil {
					return err
				}
				if held.Round < h.Round {
					if err := letGo(tx, book, "bridge", held, releasedBy+actors(h)); err != nil {
						return err
					}
				}
				last = held.Identity.ID
				if looked++; looked == chunk {
					break
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if after = last; looked < chunk {
			return func(tx store.Tx) (time.Time, error) {
				if err := reopen(tx, h); err != nil {
					return time.Time{}, err
				}
				return afterTheHour(tx, sourceOf(h))
			}, nil
		}
	}
}

// reopen has what came to be held while a source's release was carried out wait
// for people in its turn.
func reopen(tx store.Tx, done schema.Hold) error {
	h, err := store.Holds.Get(tx, done.ID)
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil || h.Round != done.Round {
		return err
	}
	if h.Count == 0 {
		return store.Holds.Delete(tx, h.ID)
	}
	h.Released, h.Agreed = time.Time{}, nil
	return store.Holds.Put(tx, h)
}

// carryOutPolicy works out again what the policy takes away by itself, and lets it
// if that is what was released, or less. Of so many somebody leaves or moves every
// hour, so that to ask for the same people would be to ask for ever; what was
// agreed to is this policy, for at most so many lines.
func carryOutPolicy(ctx context.Context, s *store.Store, rules *Rules, h schema.Hold) (Finish, error) {
	book := rules.Book()
	if h.Subject != "policy/"+book.Digest() {
		return nil, fmt.Errorf("%s is not in use yet: %w", h.Subject, schema.ErrUnavailable)
	}
	now, heavy, err := weighed(ctx, s, rules)
	if err != nil {
		return nil, err
	}
	return func(tx store.Tx) (time.Time, error) {
		is, err := store.Holds.Get(tx, h.ID)
		switch {
		case schema.IsNotFound(err):
			return time.Time{}, nil // another policy is in force
		case err != nil:
			return time.Time{}, err
		case is.Released.IsZero() || is.Plan != h.Plan:
			return time.Time{}, nil // held anew meanwhile
		case heavy && now.Plan != h.Plan && now.Count > h.Count:
			now.By = is.By
			return time.Time{}, keepHold(tx, book, now)
		}
		return time.Time{}, releasePolicy(tx, book, "bridge", releasedBy+actors(h))
	}, nil
}
