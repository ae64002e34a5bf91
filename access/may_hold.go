package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// mayHold returns nil where a role may be given to an identity now: it is eligible,
// nothing that it holds conflicts with what the role gives, and it is who the
// constraints say may hold that, and it lasts no longer than it may; or an exception
// allows it all the same: then the grant cites that, and ends with it.
func mayHold(r store.Reader, book *policy.Book, role *policy.Role, g *schema.Grant) error {
	governed, err := inForce(r, book)
	if err != nil {
		return err
	}
	facts, _, err := GatherAll(r, governed, g.Identity)
	if err != nil {
		return err
	}
	now := r.Now()
	g.Excepted = nil
	if err := role.Bound(g, facts.Passes, now); err != nil {
		return err
	}
	by, err := eligible(governed, facts, g.Role, now)
	if err != nil {
		return err
	}
	for _, p := range by {
		p.Bear(g)
	}
	if err := onTicket(r, governed, role, facts, *g); err != nil {
		return err
	}
	held, err := heldOrComing(r, governed, facts, now)
	if err != nil {
		return err
	}
	var breaks []string
	for _, b := range excepted(governed, facts, governed.Breaches(facts, held, role, now), g, now) {
		breaks = append(breaks, fmt.Sprintf("constraint %s: %s", b.Constraint, b.Reason))
	}
	if len(breaks) > 0 {
		return fmt.Errorf("role %s: %s: %w", g.Role, strings.Join(breaks, "; "), schema.ErrForbidden)
	}
	if _, longer := governed.Skew(); !g.Until.IsZero() {
		g.Until = g.Until.Add(longer)
	}
	for _, p := range facts.Passes { // no clock lets what an exception allows outlive it
		if slices.Contains(g.Excepted, p.Exception) {
			p.Bear(g)
		}
	}
	return nil
}

// onTicket returns nil where a role is not given for a ticket, or for one that is as
// it demands. What nobody told of a ticket is not so.
func onTicket(r store.Reader, book *policy.Book, role *policy.Role, f policy.Facts, g schema.Grant) error {
	if role.Spec.Ticket == nil {
		return nil
	}
	if g.Ticket == "" {
		return fmt.Errorf("role %s is given for a ticket: name it: %w", g.Role, schema.ErrInvalid)
	}
	f, err := withTicket(r, f, g.Ticket)
	if err != nil {
		return err
	}
	if outcome, why := book.Ticketed(role, f, g.Ticket, r.Now()); outcome != policy.Eligible {
		return fmt.Errorf("role %s: its ticket is not as it demands (%s): %w", g.Role, why, schema.ErrForbidden)
	}
	return nil
}

// heldOrComing returns the entitlements (connector/id) that an identity has, should
// have, or will have by a grant that is yet to begin.
func heldOrComing(r store.Reader, book *policy.Book, f policy.Facts, now time.Time) ([]string, error) {
	var refs []string
	for line, err := range store.Assignments.All(r, f.Identity.ID) {
		if err != nil {
			return nil, err
		}
		refs = append(refs, line.Ref())
	}
	for _, line := range book.Evaluate(f, now).Assignments {
		refs = append(refs, line.Ref())
	}
	for _, g := range f.Grants {
		role, ok := book.Role(g.Role)
		if !ok || g.Over(now) {
			continue
		}
		for _, h := range role.Spec.Grants {
			refs = append(refs, h.Connector+"/"+h.Entitlement)
		}
	}
	return schema.Sorted(refs...), nil
}

// A fullError says that as many hold a role as may at once, and when the first of
// them will not any more.
type fullError struct {
	role string
	most int
	free time.Time
}

func (e *fullError) Error() string {
	return fmt.Sprintf("role %s: %d hold it, which is as many as may at once: %v", e.role, e.most, schema.ErrHeld)
}

func (e *fullError) Unwrap() error { return schema.ErrHeld }

// settingHolders names, before a role, the newest grant of a role of which not more
// than some may hold it at once.
const settingHolders = "holders/"

// takePlace returns a fullError where the grant would have more hold its role at
// once than may, at any moment of its time. Of two that would take the last place one
// is run again: both write the role's row.
func takePlace(tx store.Tx, role *policy.Role, g schema.Grant) error {
	if role.Spec.Concurrent == nil {
		return nil
	}
	full := &fullError{role: g.Role, most: role.Spec.Concurrent.Max}
	var others []schema.Grant
	for other, err := range store.Grants.By(tx, store.GrantRole, g.Role) {
		if err != nil {
			return err
		}
		over := !other.Until.IsZero() && (!tx.Now().Before(other.Until) || !g.From.Before(other.Until))
		later := !g.Until.IsZero() && !other.From.Before(g.Until)
		if other.Identity == g.Identity || over || later {
			continue
		}
		others = append(others, other)
		if !other.Until.IsZero() {
			full.free = earlier(full.free, other.Until)
		}
	}
	if most(others, g.From) >= full.most {
		return full
	}
	return store.Settings.Put(tx, store.Setting{Name: settingHolders + g.Role, Value: g.ID})
}

// most returns how many hold some grants at once, at the moment from a time on at which
// most do: when it begins, or one of them does.
func most(grants []schema.Grant, from time.Time) (n int) {
	at := func(moment time.Time) int {
		holders := map[string]bool{}
		for _, g := range grants {
			if !moment.Before(g.From) && (g.Until.IsZero() || moment.Before(g.Until)) {
				holders[g.Identity] = true
			}
		}
		return len(holders)
	}
	n = at(from)
	for _, g := range grants {
		if g.From.After(from) {
			n = max(n, at(g.From))
		}
	}
	return n
}
