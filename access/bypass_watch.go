package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

const (
	lookForRemoval     = 15 * time.Second // how often targets are looked at while a removal is to be confirmed
	lookForRemovalLate = 10 * time.Minute // likewise, once it is late
	confirmWithin      = 15 * time.Minute // when it is late, where the role does not say
)

// Watch looks at a bypass of which something is owed or to be confirmed: that its
// access ended, that every target confirmed it, that evidence came, that it was
// reviewed in time.
func Watch(_ context.Context, _ *store.Store, rules *Rules, item store.Item) (Finish, error) {
	return func(tx store.Tx) (time.Time, error) {
		y, err := store.Bypasses.Get(tx, item.ID)
		if err != nil || y.Settled() {
			if schema.IsNotFound(err) {
				err = nil
			}
			return time.Time{}, err
		}
		was := y
		w := watch{Tx: tx, book: rules.Book(), y: &y}
		looks := []func() error{w.end, w.confirm, w.evidence, w.review}
		if w.book.Unreadable() != "" { // what it gave cannot be told
			looks = []func() error{w.end, w.evidence, w.review}
		}
		for _, look := range looks {
			if err := look(); err != nil {
				return time.Time{}, err
			}
		}
		if was.State == y.State && was.Ended.Equal(y.Ended) && was.Removed.Equal(y.Removed) {
			return nextLook(y, tx.Now()), nil
		}
		return nextLook(y, tx.Now()), keepBypass(tx, y)
	}, nil
}

// nextLook is when to look at a bypass again by itself; zero if only people can do
// more about it.
func nextLook(y schema.Bypass, now time.Time) (next time.Time) {
	soon := func(at time.Time) {
		if at.After(now) {
			next = earlier(next, at)
		}
	}
	switch {
	case y.Ended.IsZero():
		soon(y.Until)
		soon(now.Add(lookAtRequests)) // it may be ended before its time
	case y.Removed.IsZero() && now.Before(y.Ended.Add(confirmWithin)):
		soon(now.Add(lookForRemoval))
	case y.Removed.IsZero():
		soon(now.Add(lookForRemovalLate))
	}
	if len(y.Owed) > 0 {
		soon(y.OwedBy)
	}
	if y.State == schema.BypassOpen {
		soon(y.ReviewBy)
	}
	return next
}

// A watch is one look at a bypass.
type watch struct {
	store.Tx
	book *policy.Book
	y    *schema.Bypass
}

func (w watch) record(verb schema.Verb, reason string) error {
	return recordBypass(w.Tx, w.book, *w.y, verb, "bridge", reason, nil)
}

func (w watch) report(kind schema.FindingKind, reason string) error {
	return Report(w.Tx, w.book, "bridge", schema.Finding{Kind: kind, Subject: w.y.Identity, Object: bypassRef(w.y.ID), Reason: reason})
}

// end notes that the access ended, by its time or before, and that the credentials
// which its holder could read are to be rotated.
func (w watch) end() error {
	if !w.y.Ended.IsZero() {
		return nil
	}
	g, err := store.Grants.Get(w.Tx, w.y.Identity, w.y.Grant)
	if err != nil {
		return err
	}
	if g.Ended.IsZero() {
		if done, err := Expire(w.Tx, "bridge", w.book.Digest(), g); err != nil || !done {
			return err
		}
		if g, err = store.Grants.Get(w.Tx, w.y.Identity, w.y.Grant); err != nil {
			return err
		}
	}
	w.y.Ended, w.y.EndedBy = g.Ended, g.EndedBy
	for _, credential := range w.y.Rotate {
		err := Report(w.Tx, w.book, "bridge", schema.Finding{
			Kind: findingRotate, Subject: w.y.Identity, Object: rotateRef(*w.y, credential),
			Reason: fmt.Sprintf("whoever held role %s could read %s: rotate it", w.y.Role, credential),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func rotateRef(y schema.Bypass, credential string) string { return bypassRef(y.ID) + "/" + credential }

// confirm looks whether every target confirms that what the role gave is gone.
func (w watch) confirm() error {
	if w.y.Ended.IsZero() || !w.y.Removed.IsZero() {
		return nil
	}
	left, err := w.left()
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return w.confirmed("every target was read back, and has it no more")
	}
	within := confirmWithin
	if role, ok := w.book.Role(w.y.Role); ok && role.Spec.OnEnd != nil && role.Spec.OnEnd.Within > 0 {
		within = time.Duration(role.Spec.OnEnd.Within)
	}
	if w.Now().Before(w.y.Ended.Add(within)) {
		return nil
	}
	return w.report(findingUnconfirmed, fmt.Sprintf("role %s ended, and its removal is not confirmed: %s", w.y.Role, strings.Join(left, "; ")))
}

func (w watch) confirmed(reason string) error {
	w.y.Removed = w.Now()
	err := resolve(w.Tx, schema.Finding{Kind: findingUnconfirmed, Subject: w.y.Identity, Object: bypassRef(w.y.ID)})
	if err != nil {
		return err
	}
	return w.record(schema.Verified, "removal confirmed: "+reason)
}

// left says where what the role gave may still be. What another role gives too stays,
// and is not the bypass's.
func (w watch) left() (left []string, err error) {
	for _, ref := range w.y.Gives {
		connector, id, _ := strings.Cut(ref, "/")
		e, catalogued := w.book.Entitlement(connector, id)
		if !catalogued || w.book.Mode(w.y.Role, connector) != schema.Enforce {
			continue
		}
		line, err := store.Assignments.Get(w.Tx, w.y.Identity, connector, id)
		switch {
		case err == nil && slices.Contains(line.Because, "grant/"+w.y.Grant):
			left = append(left, ref+" is not decided yet")
			continue
		case err == nil:
			continue
		case !schema.IsNotFound(err):
			return nil, err
		}
		acc, err := store.Accounts.Get(w.Tx, connector, w.y.Identity)
		switch {
		case schema.IsNotFound(err):
		case err != nil:
			return nil, err
		case acc.Holds(e.Target):
			left = append(left, connector+" still has "+ref)
		case !acc.Due.IsZero():
			left = append(left, connector+" has yet to agree")
		case acc.Exists() && !acc.Verified:
			left = append(left, connector+" agreed, and was not read back")
		}
	}
	return left, nil
}

// evidence reports what is owed and did not come in time.
func (w watch) evidence() error {
	if len(w.y.Owed) == 0 || w.Now().Before(w.y.OwedBy) {
		return nil
	}
	return w.report(findingOwed, fmt.Sprintf("of role %s, which was taken before anybody agreed, %s did not come in time", w.y.Role, strings.Join(w.y.Owed, ", ")))
}

// review ends what nobody reviewed in time, and suspends the role.
func (w watch) review() error {
	if w.y.State != schema.BypassOpen || w.Now().Before(w.y.ReviewBy) {
		return nil
	}
	w.y.State = schema.BypassOverdue
	reason := "nobody reviewed it by " + w.y.ReviewBy.UTC().Format(time.RFC3339)
	if err := w.record(schema.Denied, reason+"; the role is suspended until somebody does"); err != nil {
		return err
	}
	if err := w.report(findingUnreviewed, fmt.Sprintf("role %s was taken before anybody agreed, and %s", w.y.Role, reason)); err != nil {
		return err
	}
	if err := cutShort(w.Tx, w.book, w.y, "unreviewed", "its bypass was not reviewed in time"); err != nil {
		return err
	}
	return wakeGovernance(w.Tx)
}

// cutShort ends the access of a bypass before its time, if it has not ended.
func cutShort(tx store.Tx, book *policy.Book, y *schema.Bypass, by, reason string) error {
	g, err := store.Grants.Get(tx, y.Identity, y.Grant)
	if err != nil || !g.Ended.IsZero() {
		return err
	}
	if err := endGrant(tx, book.Digest(), ending{g, "bridge", schema.Revoked, by, reason}); err != nil {
		return err
	}
	if err := tx.Wake(LaneBypass, y.ID, tx.Now().Add(lookForRemoval)); err != nil {
		return err
	}
	return tx.WakeUrgent(LaneIdentity, y.Identity)
}

// keepBypass writes a bypass, and resolves what was found about it once nothing of it
// is left to do.
func keepBypass(tx store.Tx, y schema.Bypass) error {
	if err := store.Bypasses.Put(tx, y); err != nil {
		return err
	}
	var kinds []schema.FindingKind
	if len(y.Owed) == 0 {
		kinds = append(kinds, findingOwed)
	}
	if y.State == schema.BypassReviewed {
		kinds = append(kinds, findingUnreviewed)
	}
	if y.Settled() {
		kinds = append(kinds, findingBypass)
	}
	for _, kind := range kinds {
		if err := resolve(tx, schema.Finding{Kind: kind, Subject: y.Identity, Object: bypassRef(y.ID)}); err != nil {
			return err
		}
	}
	return nil
}
