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

// An exposure window is open from when the bridge was told that access ends until
// the target has ended it. An open one is on the account, as what is due; one that
// closed is a record of its own, written by the transaction that closes it.

// leastKept is how long a window that closed is kept at least: seven years. Where
// decisions are kept for longer, windows are for as long as these.
const leastKept = 7 * 366 * 24 * time.Hour

// keepWindows is how long a window that closed is kept; an error where the policy cannot
// say how long decisions are.
func keepWindows(book *policy.Book) (time.Duration, error) {
	keep, err := book.Retention()
	return max(leastKept, time.Duration(keep.Decisions)), err
}

// An urge is what demands that access ends in time: the triggers that fired, and the
// shortest time that one of them gives.
type urge struct {
	triggers []string
	within   time.Duration
}

// urge notes why a line at a connector ends, and how soon that is to take effect: as
// the triggers say that demand it or, where none does, the role about its end.
func (l *look) urge(connector string, v policy.Verdict) {
	u := l.urged[connector]
	fired := l.demanding(v)
	for _, f := range fired {
		u.by(f.Trigger, f.Within)
	}
	role, ok := l.book.Role(v.Role)
	switch {
	case len(fired) > 0:
	case v.Trigger != "":
		u.by(v.Trigger, 0)
	case ok && role.Spec.OnEnd != nil:
		u.by("role/"+v.Role, time.Duration(role.Spec.OnEnd.Within))
	}
	l.urged[connector] = u
}

// demanding are the triggers that demand that a role ends: also those that did not need to,
// because its rule does not match any more.
func (l *look) demanding(v policy.Verdict) (fired []policy.Fired) {
	if v.Trigger == "" && v.Grant == "" && v.Outcome == policy.NotEligible {
		found, looked := l.demanded[v.Role]
		if !looked { // once for all that the role gives
			found = l.book.Demanding(l.facts, v.Role, l.now)
			l.demanded[v.Role] = found
		}
		return found
	}
	for _, f := range l.access.Fired {
		if f.Role == v.Role && f.Takes() {
			fired = append(fired, f)
		}
	}
	return fired
}

// by adds what demands it.
func (u *urge) by(name string, within time.Duration) {
	u.triggers = append(u.triggers, name)
	if within > 0 && (u.within == 0 || within < u.within) {
		u.within = within
	}
}

// time says of a change that ends access what it takes away, why, and by when.
func (l *look) time(change *schema.Change, acc, want schema.Account) {
	u := l.urged[acc.Connector]
	change.Loses = lost(l.book, acc, want)
	change.Triggers = schema.Sorted(u.triggers...)
	change.Left = isLeaver(l.facts) || l.book.Ended(l.facts, l.now)
	if u.within > 0 {
		change.Objective = change.Received.Add(u.within)
	}
}

// lost is what an account that was one way gives no more once it is another:
// connector/entitlement, and the connector itself where it is disabled.
func lost(book *policy.Book, was, is schema.Account) (refs []string) {
	if !was.Active {
		return nil
	}
	for _, target := range was.Entitlements {
		if is.Active && is.Holds(target) {
			continue
		}
		id := target // in no catalogue: by its target's name
		if e, ok := book.EntitlementByTarget(was.Connector, target); ok {
			id = e.ID
		}
		refs = append(refs, was.Connector+"/"+id)
	}
	if !is.Active {
		refs = append(refs, was.Connector)
	}
	return schema.Sorted(refs...)
}

// watchObjective has an account looked at when its access is to have ended. Of a
// connector one item is enough: it is due at the first objective.
func watchObjective(tx store.Tx, acc schema.Account) error {
	if !acc.Due.Ends || acc.Due.Objective.IsZero() || acc.Due.Missed {
		return nil
	}
	return tx.Wake(LaneExposure, acc.Connector, acc.Due.Objective)
}

// closeWindow keeps how long access outlived a change, if it ended some, now that
// nothing of it is due any more.
func closeWindow(tx store.Tx, book *policy.Book, now schema.Account, change schema.Change, o Outcome) error {
	if !change.Ends {
		return nil
	}
	change.Loses = slices.DeleteFunc(schema.Sorted(slices.Concat(change.Loses, lost(book, o.Work.Have, o.Got))...), func(ref string) bool {
		return effective(book, now, ref)
	})
	w := schema.Window{ID: tx.NewID(), Connector: now.Connector, Identity: now.Identity, Change: change, Closed: tx.Now(), Moot: change.End().IsZero()}
	late := Late(w)
	w.Change.Missed = late > 0
	if err := store.Windows.Put(tx, w); err != nil {
		return err
	}
	if change.Missed {
		if err := resolve(tx, schema.Finding{Kind: findingOverrun, Connector: w.Connector, Subject: w.Identity}); err != nil {
			return err
		}
	}
	if late > 0 {
		err := Report(tx, book, "bridge", schema.Finding{
			Kind: findingMissed, Connector: w.Connector, Subject: w.Identity,
			Reason: fmt.Sprintf("%s: access was to end at %s within %s, and ended %s later", strings.Join(change.Triggers, ", "), w.Connector,
				policy.Duration(change.Objective.Sub(change.Received)), late.Round(time.Second)),
		})
		if err != nil {
			return err
		}
	}
	return tx.Wake(LaneExposure, schema.Everywhere, change.Received.Add(leastKept))
}

// Late is how long after its objective a window closed; not positive where it did
// not, or has none. One that nothing was left to tell of closed when that was seen.
func Late(w schema.Window) time.Duration {
	if w.Change.Objective.IsZero() {
		return 0
	}
	end := w.Change.End()
	if w.Moot {
		end = w.Closed
	}
	return end.Sub(w.Change.Objective)
}

// effective reports whether an account gives what a window's line names.
func effective(book *policy.Book, acc schema.Account, ref string) bool {
	connector, id, isEntitlement := strings.Cut(ref, "/")
	if !isEntitlement || !acc.Active {
		return acc.Active
	}
	if e, ok := book.Entitlement(connector, id); ok {
		id = e.Target
	}
	return acc.Holds(id)
}

// mostAlarms is how many windows one transaction looks at.
const mostAlarms = 100

// Alarm raises a finding about each window at a connector that is open past its
// objective. The item that names none drops the windows that are old.
func Alarm(_ context.Context, _ *store.Store, rules *Rules, item store.Item) (Finish, error) {
	if item.ID == schema.Everywhere {
		return func(tx store.Tx) (time.Time, error) { return dropWindows(tx, rules.Book()) }, nil
	}
	return func(tx store.Tx) (next time.Time, err error) {
		var overdue []schema.Account
		for a, err := range store.Accounts.By(tx, store.AccountObjective, item.ID, store.OpenObjective(false)) {
			if err != nil {
				return next, err
			}
			if next = a.Due.Objective; next.After(tx.Now()) || len(overdue) == mostAlarms {
				break
			}
			overdue, next = append(overdue, a), time.Time{}
		}
		for _, a := range overdue {
			if err := overrun(tx, rules.Book(), a); err != nil {
				return next, err
			}
		}
		return next, nil
	}, nil
}

// overrun notes that the objective of an open window has passed.
func overrun(tx store.Tx, book *policy.Book, a schema.Account) error {
	a.Due.Missed = true
	if err := store.Accounts.Put(tx, a); err != nil {
		return err
	}
	reason := fmt.Sprintf("%s: access was to end at %s by %s, and it has yet to agree", strings.Join(a.Due.Triggers, ", "), a.Connector,
		a.Due.Objective.UTC().Format(time.RFC3339))
	return Report(tx, book, "bridge", schema.Finding{Kind: findingOverrun, Connector: a.Connector, Subject: a.Identity, Reason: reason})
}

// dropWindows deletes windows that were kept long enough, some at a time. None is while
// the policy cannot be read.
func dropWindows(tx store.Tx, book *policy.Book) (next time.Time, err error) {
	keep, err := keepWindows(book)
	if err != nil {
		return tx.Now().Add(24 * time.Hour), nil // that it cannot be read is told where it is read
	}
	var old []string
	for w, err := range store.Windows.Until(tx, store.WindowReceived, tx.Now().Add(-keep)) {
		if err != nil {
			return next, err
		}
		if old = append(old, w.ID); len(old) == mostAlarms {
			break
		}
	}
	for _, id := range old {
		if err := store.Windows.Delete(tx, id); err != nil {
			return next, err
		}
	}
	for w, err := range store.Windows.Until(tx, store.WindowReceived, tx.Now()) {
		return w.Change.Received.Add(keep), err
	}
	return next, nil
}
