package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What is proposed, people release or dismiss: one by one, or all of one cause at once.
// One person is enough, but to end more at once than the policy's limit on one run takes
// two. Nobody chooses about themselves.

// A Choosing is somebody's decision about what is proposed.
type Choosing struct {
	Of     string // id of a group, or of one proposal
	Plan   string // of a group: as they looked at it
	By     string // the actor
	Reason string // in their own words
	Own    func(r store.Reader, identity string) (bool, error)
}

// Chosen is what came of it.
type Chosen struct {
	Of     string `json:"of"`
	Count  int    `json:"count"`            // proposals that were released or dismissed
	Own    int    `json:"own,omitempty"`    // left for others, because they are about whoever chose
	Awaits int    `json:"awaits,omitempty"` // other people who have to agree first
}

// ProposalGroups returns what is proposed, by cause: people who left first, then the
// oldest.
func ProposalGroups(r store.Reader) ([]schema.ProposalGroup, error) {
	groups := []schema.ProposalGroup{}
	for g, err := range store.ProposalGroups.All(r) {
		if err != nil {
			return nil, err
		}
		for p, err := range store.Proposals.By(r, store.ProposalsOpen, g.ID) {
			if err != nil {
				return nil, err
			}
			id, err := store.Identities.Get(r, p.Identity)
			if err != nil && !schema.IsNotFound(err) {
				return nil, err
			}
			g.First = append(g.First, schema.Deed{Identity: p.Identity, UserName: id.UserName, What: string(p.Change) + " " + p.Ref()})
			if len(g.First) == firstDeeds {
				break
			}
		}
		g.Agreed = agreedToPlan(g)
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b schema.ProposalGroup) int {
		if a.Urgent != b.Urgent {
			if a.Urgent {
				return -1
			}
			return 1
		}
		return a.Since.Compare(b.Since)
	})
	return groups, nil
}

func agreedToPlan(g schema.ProposalGroup) []schema.Agreement {
	return slices.DeleteFunc(slices.Clone(g.Agreed), func(a schema.Agreement) bool { return a.Plan != g.Plan })
}

// Choose releases or dismisses what is proposed. Of a group it is done a chunk at a
// time: if it is cut off, the rest stays proposed. The errors are ErrNotFound (nothing of
// it is open), ErrConflict (it is not what they looked at), ErrForbidden and ErrInvalid.
func Choose(ctx context.Context, s *store.Store, rules *Rules, c Choosing, release bool) (Chosen, error) {
	out := Chosen{Of: c.Of}
	if c.By == "" || strings.TrimSpace(c.Reason) == "" {
		return out, fmt.Errorf("%s: say who decided and why: %w", c.Of, schema.ErrInvalid)
	}
	asOf, after := time.Time{}, []string(nil)
	for more := true; more; {
		var some Chosen
		var next []string
		var at time.Time
		err := s.Update(ctx, func(tx store.Tx) (err error) {
			at, next = asOf, after
			if some, more, err = c.begin(tx, rules.Book(), release, at.IsZero()); err != nil || some.Awaits > 0 {
				return err
			}
			if at.IsZero() {
				at = tx.Now()
			}
			var n Chosen
			n, next, more, err = c.some(tx, rules.Book(), release, at, after)
			some = n
			return err
		})
		if err != nil {
			return out, err
		}
		out.Count, out.Own, out.Awaits = out.Count+some.Count, out.Own+some.Own, some.Awaits
		more = more && some.Awaits == 0
		asOf, after = at, next
	}
	if out.Count == 0 && out.Own > 0 {
		return out, fmt.Errorf("%s: nobody decides what is proposed about themselves: %w", c.Of, schema.ErrForbidden)
	}
	return out, nil
}

// begin looks at the group that is meant, if it is one, the first time.
func (c Choosing) begin(tx store.Tx, book *policy.Book, release, first bool) (out Chosen, more bool, err error) {
	if !first {
		return out, true, nil
	}
	g, err := store.ProposalGroups.Get(tx, c.Of)
	if schema.IsNotFound(err) {
		return out, false, nil // one proposal, or nothing
	}
	if err != nil {
		return out, false, err
	}
	if len(c.Plan) < leastPlan || !strings.HasPrefix(g.Plan, c.Plan) {
		return out, false, fmt.Errorf("%s: something else is proposed by now, %d lines; look at it again, and name its plan as it is: %w", g.ID, g.Count, schema.ErrConflict)
	}
	held, err := store.Assignments.Count(tx)
	if err != nil {
		return out, false, err
	}
	limit := book.Limits().RevokesPerRun
	if !release || g.Change != schema.ProposeRevoke || !limit.Stops(g.Count, int(held)) {
		return out, true, nil
	}
	g.Agreed = agreedToPlan(g)
	agreed, err := alsoOf(tx, book, g.Agreed, c.By)
	if err != nil {
		return out, false, err
	}
	if len(g.Agreed) > 0 && !agreed {
		return out, true, nil
	}
	out.Awaits = 1
	if agreed {
		return out, false, fmt.Errorf("%s: you agreed already; it ends more than %s at once, and a second person has to: %w", g.ID, limit, schema.ErrForbidden)
	}
	g.Agreed = append(g.Agreed, schema.Agreement{By: c.By, At: tx.Now(), Plan: g.Plan})
	words, err := c.words()
	if err != nil {
		return out, false, err
	}
	_, err = tx.Record(schema.Decision{
		Actor: c.By, Verb: schema.Agreed, Subject: "proposals/" + g.ID, Because: roleRefs(g.Roles), Mode: schema.Propose, Policy: book.Digest(), Detail: words,
		Reason: fmt.Sprintf("agreed to end %d lines, and the limit is %s; a second person has to", g.Count, limit),
	})
	if err != nil {
		return out, false, err
	}
	return out, false, store.ProposalGroups.Put(tx, g)
}

func (c Choosing) words() (json.RawMessage, error) {
	return json.Marshal(map[string]string{"reason": c.Reason})
}

// some settles the next chunk of those that were open at a time.
func (c Choosing) some(tx store.Tx, book *policy.Book, release bool, asOf time.Time, after []string) (out Chosen, next []string, more bool, err error) {
	var open []schema.Proposal
	one, err := store.Proposals.One(tx, store.ProposalID, c.Of)
	switch {
	case err == nil && one.State == schema.ProposalOpen:
		open = append(open, one)
	case err == nil:
		return out, nil, false, fmt.Errorf("%s is %s already, by %s: %w", c.Of, one.State, one.By, schema.ErrConflict)
	case !schema.IsNotFound(err):
		return out, nil, false, err
	default:
		for p, err := range store.Proposals.ByFrom(tx, store.ProposalsOpen, []string{c.Of}, after...) {
			if err != nil {
				return out, nil, false, err
			}
			open = append(open, p)
			if len(open) == chunk {
				break
			}
		}
		if len(open) == 0 && after == nil {
			return out, nil, false, fmt.Errorf("nothing is proposed as %s: %w", c.Of, schema.ErrNotFound)
		}
		more = len(open) == chunk
	}
	for _, p := range open {
		next = []string{p.Identity, p.Connector, p.Entitlement}
		own, err := c.own(tx, p)
		switch {
		case err != nil:
			return out, nil, false, err
		case own:
			out.Own++
			continue
		case p.Opened.After(asOf):
			continue // it came since they looked
		}
		if err := c.settle(tx, book, p, release); err != nil {
			return out, nil, false, err
		}
		out.Count++
	}
	return out, next, more, nil
}

func (c Choosing) own(r store.Reader, p schema.Proposal) (bool, error) {
	if c.Own == nil {
		return false, nil
	}
	return c.Own(r, p.Identity)
}

// settle writes one choice, and has whom it is about looked at.
func (c Choosing) settle(tx store.Tx, book *policy.Book, p schema.Proposal, release bool) error {
	verb, state := schema.Dismissed, schema.ProposalDismissed
	if release {
		verb, state = schema.Released, schema.ProposalReleased
	}
	words, err := c.words()
	if err != nil {
		return err
	}
	d, err := tx.Record(schema.Decision{
		Actor: c.By, Verb: verb, Subject: p.Identity, Object: p.Ref(), Because: roleRefs(p.Roles),
		Reason: "proposed: to " + string(p.Change) + " it", Mode: schema.Propose, Policy: book.Digest(), Detail: words,
	})
	if err != nil {
		return err
	}
	if err := part(tx, p); err != nil {
		return err
	}
	p.State, p.By, p.Decision = state, c.By, d.ID
	if err := store.Proposals.Put(tx, p); err != nil || !release {
		return err
	}
	if p.Change == schema.ProposeRevoke {
		return tx.WakeUrgent(LaneIdentity, p.Identity)
	}
	return tx.Wake(LaneIdentity, p.Identity, tx.Now())
}

// Would says how many proposals a choice is about, and chooses nothing.
func (c Choosing) Would(r store.Reader) (Chosen, error) {
	out := Chosen{Of: c.Of}
	g, err := store.ProposalGroups.Get(r, c.Of)
	switch {
	case err == nil && !strings.HasPrefix(g.Plan, c.Plan):
		return out, fmt.Errorf("%s: something else is proposed by now; look at it again: %w", g.ID, schema.ErrConflict)
	case err == nil:
		out.Count = g.Count
		return out, nil
	case !schema.IsNotFound(err):
		return out, err
	}
	p, err := store.Proposals.One(r, store.ProposalID, c.Of)
	if err == nil && p.State == schema.ProposalOpen {
		out.Count = 1
		return out, nil
	}
	if err != nil && !schema.IsNotFound(err) {
		return out, err
	}
	return out, fmt.Errorf("nothing is proposed as %s: %w", c.Of, schema.ErrNotFound)
}
