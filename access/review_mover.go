package access

import (
	"maps"
	"slices"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// Who moves is looked at at once, where the roles that they keep say so. Each role says who
// is asked about it, and what becomes of it; those that give the same time are one review.
// What is still to be decided since an earlier move nobody is asked again: whoever decides
// sees who they are now.

// reviewMoved opens reviews of what somebody holds whose roles say that they are reviewed
// when something about them changes.
func (l *look) reviewMoved(tx store.Tx) error {
	if len(l.facts.Changed) == 0 || l.facts.Into != "" || isLeaver(l.facts) {
		return nil
	}
	roles := l.book.ReviewedOn(l.facts.Changed, l.rolesHeld())
	if len(roles) == 0 {
		return nil
	}
	asked, err := askedOfMover(tx, l.facts.Identity.ID)
	if err != nil {
		return err
	}
	within := map[time.Duration][]string{}
	for _, role := range roles {
		if terms, ok := l.book.ReviewOf(role, nil, l.now); ok && !asked(role) {
			within[terms.Within] = append(within[terms.Within], role)
		}
	}
	for _, long := range slices.Sorted(maps.Keys(within)) {
		if err := l.openMoved(tx, long, within[long]); err != nil {
			return err
		}
	}
	return nil
}

// rolesHeld returns the roles that somebody has, by rule or by a grant.
func (l *look) rolesHeld() []string {
	held := schema.RolesHeld(l.held)
	for _, g := range l.facts.Grants {
		if g.Live(l.now) {
			held = append(held, g.Role)
		}
	}
	return schema.Sorted(held...)
}

// openMoved opens the review of some roles of a mover, if they are held still.
func (l *look) openMoved(tx store.Tx, within time.Duration, roles []string) error {
	o := Opening{
		Kind: schema.ReviewChange, Of: l.facts.Identity.ID, Roles: roles, Within: within, By: Decider{Actor: "bridge"},
		Reason: "attributes of the holder changed: " + joinLimited(l.facts.Changed, firstDeeds),
	}
	v, err := o.review(tx, l.book)
	if err != nil {
		return err
	}
	if _, err = beginReview(tx, l.book, v, o.By); schema.IsNotFound(err) {
		return nil
	}
	return err
}

// askedOfMover tells of roles whether reviews of a mover ask about them as it is.
func askedOfMover(r store.Reader, identity string) (func(role string) bool, error) {
	roles, all := map[string]bool{}, false
	for v, err := range store.Reviews.By(r, store.ReviewOf, string(schema.ReviewChange), identity) {
		switch {
		case err != nil:
			return nil, err
		case v.State == schema.ReviewPreparing:
			all = all || len(v.Roles) == 0
			for _, role := range v.Roles {
				roles[role] = true
			}
		case v.State == schema.ReviewOpen:
			if err := waitingIn(r, v.ID, identity, roles); err != nil {
				return nil, err
			}
		}
	}
	return func(role string) bool { return all || roles[role] }, nil
}

// waitingIn notes of which roles it is to be decided in a review whether somebody keeps them.
func waitingIn(r store.Reader, review, identity string, roles map[string]bool) error {
	for i, err := range store.ReviewItems.All(r, review, identity) {
		if err != nil {
			return err
		}
		if role, is := roleOf(i.Holding); is && i.Awaited() {
			roles[role] = true
		}
	}
	return nil
}
