package access

import (
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The last administrator. A privileged entitlement is not taken from the last
// active holder by a rule or a policy that changed: a system that nobody can look
// after is not to be made by automation. It is held, as a finding, and ends when
// there is another holder.
//
// What ends for a reason of the holder's own is not held: who left is no
// administrator to rely on, and leavers go before everything (an account kept for
// its sake would be an open door); and a grant that was given for some hours, on
// which a privileged entitlement mostly rests, ends when it said it would. That
// nobody is left then is a finding too.

// last reports whether a line that is to end has to stay, because it is the last
// of its entitlement.
func (l *look) last(tx store.Tx, line schema.Assignment) (bool, error) {
	e, ok := l.book.Entitlement(line.Connector, line.Entitlement)
	if !ok || !e.Privileged || !line.Reaches() {
		return false, nil
	}
	another, err := anotherHolder(tx, e, line.Identity)
	if err != nil || another {
		return false, err
	}
	switch {
	case slices.ContainsFunc(line.Because, func(b string) bool { return strings.HasPrefix(b, "grant/") }):
		return false, nil // that nobody holds it is how it mostly is
	case !ended(l.book, l.facts, l.now) && byPolicy(l.facts, l.access, line, l.now):
		l.lasts = append(l.lasts, line.Ref())
		return true, l.notice(tx, lastOf(line))
	}
	return false, Report(tx, l.book, "bridge", schema.Finding{
		Kind: findingNobody, Connector: line.Connector, Subject: line.Ref(), Reason: "its last active holder is gone",
	})
}

// lastOf is the notice of a line that stays because nobody else holds it.
func lastOf(line schema.Assignment) notice {
	return notice{noticeLast, schema.Held, line.Ref(), "nobody else is active who holds it", line.Roles()}
}

// anotherHolder reports whether somebody else is active at the target and holds
// the entitlement. It touches their line, so that of two who go at once one finds
// that the other went.
func anotherHolder(tx store.Tx, e schema.Entitlement, identity string) (bool, error) {
	for other, err := range store.Assignments.By(tx, store.AssignmentHeld, e.Connector, e.ID) {
		if err != nil {
			return false, err
		}
		if other.Identity == identity || !other.Reaches() {
			continue
		}
		a, err := account(tx, e.Connector, other.Identity)
		if err != nil {
			return false, err
		}
		if a.Active && a.Holds(e.Target) {
			return true, store.Assignments.Touch(tx, other.Identity, other.Connector, other.Entitlement)
		}
	}
	return false, nil
}

// relieve has those looked at who hold a privileged entitlement only because they
// were the last, once an account has it too.
func relieve(tx store.Tx, book *policy.Book, now, before schema.Account) error {
	for _, target := range now.Entitlements {
		if before.Holds(target) {
			continue
		}
		e, ok := book.EntitlementByTarget(now.Connector, target)
		if !ok || !e.Privileged {
			continue
		}
		if err := resolve(tx, schema.Finding{Kind: findingNobody, Connector: e.Connector, Subject: e.Ref()}); err != nil {
			return err
		}
		for f, err := range store.Findings.All(tx, noticeLast) {
			if err != nil {
				return err
			}
			if f.Object != e.Ref() || f.Subject == now.Identity {
				continue
			}
			if err := tx.Wake(LaneIdentity, f.Subject, tx.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}
