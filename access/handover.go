package access

import (
	"cmp"
	"errors"
	"fmt"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// One account at a target is one identity's. A source that deletes somebody and
// tells of them again makes a new identity, who finds the account of the old one
// there by its name. Were both to go on about it, the one who is gone would have
// it disabled at each sweep, and the other enabled again.

// handOver settles whose an account is that was found to be there, if another
// identity was known to have it. From one that ended it goes over, with all that
// is managed of it, so that what only the former holder should have is taken away.
// That of one who is there stays theirs, and the outcome is a failure for people
// to look at. It reports whether the account went over: what was under way for the
// former holder may have reached it since it was found.
func handOver(tx store.Tx, book *policy.Book, now *schema.Account, o *Outcome) (over bool, err error) {
	remote := o.Got.RemoteID
	if remote == "" || remote == now.RemoteID || connectors.IsUnnamed(remote) { // of one that may be there nobody knows which it is
		return false, nil
	}
	for other, err := range store.Accounts.By(tx, store.AccountRemote, now.Connector, remote) {
		if err != nil {
			return over, err
		}
		if other.Identity == now.Identity {
			continue
		}
		there, err := isThere(tx, book, other)
		if err != nil {
			return over, err
		}
		if there {
			o.Got, o.Err = o.Work.Have, theirs(other)
			o.Park = connectors.KindOf(o.Err) == connectors.Permanent
			return false, nil
		}
		now.Managed = schema.Sorted(append(now.Managed, other.Managed...)...)
		now.RemoteID, now.Entitlements = remote, other.Entitlements // what it has beyond that somebody gave it since
		if rec, err := store.Identities.Get(tx, other.Identity); err == nil && rec.Base() == now.Identity {
			now.From = cmp.Or(other.From, other.Identity)
		} else if err != nil && !schema.IsNotFound(err) {
			return over, err
		}
		if err := letAccountGo(tx, o.Work.Policy, other, now.Identity); err != nil {
			return over, err
		}
		if err := tx.WakeUrgent(LaneAccount(now.Connector), now.Identity); err != nil {
			return over, err
		}
		over = true
	}
	return over, nil
}

// MayTake says why an identity may not take over an account that was found at a
// target, if it may not: another has it, who is there, or it was made for another, and
// nobody has heard of that yet.
func MayTake(r store.Reader, rules *Rules, connector, identity string, found schema.Account) error {
	for other, err := range store.Accounts.By(r, store.AccountRemote, connector, found.RemoteID) {
		if err != nil {
			return err
		}
		if other.Identity == identity {
			continue
		}
		if there, err := isThere(r, rules.Book(), other); err != nil {
			return err
		} else if there {
			return theirs(other)
		}
	}
	return madeFor(r, rules, connector, identity, found)
}

// madeFor says whom an account was made for that has another identity's id, which only
// the bridge gives: as long as that one is there and is to be made an account, of which
// nothing is known, it may be that.
func madeFor(r store.Reader, rules *Rules, connector, identity string, found schema.Account) error {
	id := found.Attributes["externalId"]
	if id == "" || id == identity {
		return nil
	}
	other, err := account(r, connector, id)
	if err != nil || other.Due.IsZero() || other.Exists() && !connectors.IsUnnamed(other.RemoteID) {
		return err
	}
	there, err := isThere(r, rules.Book(), other)
	if err != nil || !there {
		return err
	}
	return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf(
		"account %s has the id of identity %s, and may have been made for them: it is theirs until that is known", found.RemoteID, id)}
}

// theirs is the error of finding an account that is another identity's. As long as
// something is to be done to it, that may be to give it another name, unless it was given
// up: then people have to settle it, and whoever waits is woken once the name is free.
func theirs(other schema.Account) error {
	e := &connectors.Error{Kind: connectors.Permanent, Err: takenError{account: other.RemoteID, identity: other.Identity}}
	if !other.Due.IsZero() && other.State != schema.Parked {
		e.Kind = connectors.Transient
	}
	return e
}

// A takenError says whose an account is that was found for another.
type takenError struct{ account, identity string }

func (e takenError) Error() string {
	return fmt.Sprintf("account %s is that of identity %s: give one of them another name, or take the account from the other", e.account, e.identity)
}

// waitsFor is the identity whose account is the problem, if it is that.
func waitsFor(problem error) string {
	e, _ := errors.AsType[takenError](problem)
	return e.identity
}

// freed has those tried again who wait for an account that has another name now, or is
// disabled, or gone. Nobody waits for one that was not there.
func freed(tx store.Tx, was, now schema.Account) error {
	same := was.RemoteID == now.RemoteID && was.Active == now.Active && was.Attributes["userName"] == now.Attributes["userName"]
	if same || !was.Exists() {
		return nil
	}
	return retryWaiting(tx, now.Identity)
}

// retryWaiting has those tried again who wait for an account of an identity.
func retryWaiting(tx store.Tx, identity string) error {
	for a, err := range store.Accounts.By(tx, store.AccountWaits, identity) {
		if err != nil {
			return err
		}
		if err := wakeTo(tx, a); err != nil {
			return err
		}
	}
	return nil
}

// isThere reports whether an account is that of an identity that may have access, or
// that has another name now: a disabled account is not renamed, and whoever gets the
// name meanwhile is not to get the account of somebody who is away.
func isThere(r store.Reader, book *policy.Book, a schema.Account) (bool, error) {
	f, err := whole(r, book, a.Identity, false)
	if schema.IsNotFound(err) {
		return false, nil
	}
	gone := f.Identity.Gone() || f.Into != ""
	renamed := !gone && store.Fold(f.Identity.UserName) != store.Fold(a.Attributes["userName"])
	return err == nil && (renamed || !ended(book, f, r.Now())), err
}

// letAccountGo forgets that an identity has an account.
func letAccountGo(tx store.Tx, digest string, a schema.Account, to string) error {
	_, err := tx.Record(schema.Decision{
		Actor: "connector/" + a.Connector, Verb: schema.Updated, Subject: a.Identity, Object: a.Connector,
		Because: a.Due.Because, Reason: "its account " + a.RemoteID + " went over to identity " + to, Policy: digest,
	})
	if err != nil {
		return err
	}
	if err := retryWaiting(tx, a.Identity); err != nil {
		return err
	}
	return store.Accounts.Put(tx, schema.Account{
		Connector: a.Connector, Identity: a.Identity, State: schema.Settled, Observed: tx.Now(), Last: a.Last,
	})
}

// lateFor settles what was still under way for an account that went over to
// another identity meanwhile: how it was left is how its new holder has it, who is
// looked at again. It reports whether that was so.
func lateFor(tx store.Tx, now schema.Account, o Outcome) (bool, error) {
	if now.Exists() || !o.Work.Have.Exists() || connectors.IsUnnamed(o.Work.Have.RemoteID) || len(o.Steps) == 0 {
		return false, nil
	}
	for a, err := range store.Accounts.By(tx, store.AccountRemote, now.Connector, o.Work.Have.RemoteID) {
		if err != nil {
			return false, err
		}
		d, err := tx.Record(schema.Decision{
			Actor: "connector/" + now.Connector, Verb: schema.Drifted, Subject: a.Identity, Object: now.Connector, Policy: o.Work.Policy,
			Reason: "what was under way for identity " + now.Identity + ", whose account it was, reached it late: " + summary(o.Steps),
		})
		if err != nil {
			return false, err
		}
		a.Active, a.Entitlements, a.State = o.Got.Active, schema.Sorted(o.Got.Entitlements...), schema.Pending
		a.Due = a.Due.Join(schema.Change{Received: tx.Now(), Decided: tx.Now(), Because: []string{d.ID}})
		if err := store.Accounts.Put(tx, a); err != nil {
			return false, err
		}
		return true, tx.WakeUrgent(LaneAccount(now.Connector), a.Identity)
	}
	return false, nil
}
