package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Except with a register: what a rule forbids is allowed to one identity, for a time,
// because somebody who answers for the rule said so. What a grant breaks by an exception
// it cites, and ends with it.

// An Excepting is an exception that somebody asks for, from one rule: a constraint; who
// may have a role, or for how long; or a trigger, of one role if that is named.
type Excepting struct {
	Constraint, Role, Trigger string
	Lasts                     time.Duration // for which the role may be held
	Identity                  string        // by id
	Entitlements              []string
	Reason, Ticket            string
	Compensating              []string
	Expires                   time.Time
	Review                    time.Duration // after which it is to be looked at again, each time; zero: it is not
	By                        Decider
}

// Except asks for an exception. One that lives already for the same identity and rule is
// renewed by it.
func Except(tx store.Tx, book *policy.Book, x Excepting) (schema.Exception, error) {
	e := schema.Exception{
		Constraint: x.Constraint, Role: x.Role, Trigger: x.Trigger, Seconds: int64(x.Lasts / time.Second),
		Identity: x.Identity, Entitlements: schema.Sorted(x.Entitlements...), Reason: x.Reason, Ticket: x.Ticket,
		Compensating: x.Compensating, By: x.By.Actor, Requester: x.By.Identity, Expires: x.Expires, Review: int64(x.Review / time.Second),
	}
	if err := book.Except(&e, tx.Now()); err != nil {
		return e, err
	}
	rule := e.Rule()
	switch {
	case e.By == "" || strings.TrimSpace(e.Reason) == "" || len(e.Compensating) == 0:
		return e, fmt.Errorf("exception to %s: say who asks, why, and what is done instead: %w", rule, schema.ErrInvalid)
	case e.Review < 0 || x.Review > 0 && e.Review == 0:
		return e, fmt.Errorf("exception to %s: say after how long it is to be looked at again: %w", rule, schema.ErrInvalid)
	}
	if _, err := store.Identities.Get(tx, e.Identity); err != nil {
		return e, err
	}
	for other, err := range store.Exceptions.By(tx, store.ExceptionIdentity, e.Identity) {
		if err == nil {
			err = policy.Renew(&e, other)
		}
		if err != nil {
			return e, err
		}
	}
	e.ID = tx.NewID()
	if err := recordException(tx, book, e, schema.Requested, x.By, "asked for, until "+e.Expires.UTC().Format(time.RFC3339), e.Reason); err != nil {
		return e, err
	}
	if err := store.Exceptions.Put(tx, e); err != nil {
		return e, err
	}
	id, err := store.Identities.Get(tx, e.Identity)
	if err == nil {
		err = notifyExcepting(tx, book, e, id.UserName)
	}
	if err != nil {
		return e, err
	}
	return e, tx.Wake(LaneRequest, e.ID, e.Due)
}

// DecideException takes the decision of somebody who answers for the rule: its owner, or
// the deputy. Who renews for the second time, or more often, needs the
// owner. Neither whoever asked nor whom it is for decides.
func DecideException(tx store.Tx, book *policy.Book, c Choice, agree bool) (schema.Exception, error) {
	e, err := store.Exceptions.Get(tx, c.Request)
	switch {
	case err != nil:
		return e, err
	case e.State != schema.ExceptionOpen || !tx.Now().Before(e.Due):
		return e, fmt.Errorf("exception %s is %s, and not to be decided any more: %w", e.ID, e.State, schema.ErrConflict)
	case c.By.Identity == "" || e.Requester == "" && c.By.Actor == e.By:
		return e, fmt.Errorf("exception %s is for people to decide who did not ask for it: %w", e.ID, schema.ErrForbidden)
	case strings.TrimSpace(c.Reason) == "":
		return e, fmt.Errorf("exception %s: say why: %w", e.ID, schema.ErrInvalid)
	}
	if err := mayExcept(tx, book, e, c.By.Identity); err != nil {
		return e, err
	}
	e.Approval = schema.Approval{By: identityActor(c.By.Identity), At: tx.Now(), Reason: c.Reason, Auth: c.By.Auth}
	if !agree {
		e.State, e.Outcome, e.Ended = schema.ExceptionDenied, "refused by a person", tx.Now()
		return e, endException(tx, book, e, schema.Denied, c.By, c.Reason)
	}
	e.State, e.Outcome, e.Due = schema.ExceptionApproved, "allowed until "+e.Expires.UTC().Format(time.RFC3339), time.Time{}
	if err := recordException(tx, book, e, schema.Excepted, c.By, e.Outcome+"; known by "+c.By.Auth, c.Reason); err != nil {
		return e, err
	}
	if err := store.Exceptions.Put(tx, e); err != nil {
		return e, err
	}
	if err := wakeGovernance(tx); err != nil { // so many may deviate by now that the rule is wrong
		return e, err
	}
	if err := tx.Wake(LaneIdentity, e.Identity, tx.Now()); err != nil { // what a rule would give them is no more kept from them
		return e, err
	}
	if err := notifySettled(tx, book, e); err != nil {
		return e, err
	}
	return e, tx.Wake(LaneRequest, e.ID, tx.Now())
}

// MayDecideException reports whether an exception waits for a person's decision.
func MayDecideException(r store.Reader, book *policy.Book, e schema.Exception, person string) bool {
	return e.State == schema.ExceptionOpen && r.Now().Before(e.Due) && mayExcept(r, book, e, person) == nil
}

// mayExcept returns nil where a person may decide about an exception.
func mayExcept(r store.Reader, book *policy.Book, e schema.Exception, person string) error {
	f, err := present(r, book, person)
	if err != nil {
		return err
	}
	who := someoneOf(book, f)
	for _, id := range []string{e.Identity, e.Requester} {
		if id == "" {
			continue
		}
		other, err := whole(r, book, id, false)
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		if err == nil && who.is(someoneOf(book, other)) {
			return fmt.Errorf("nobody decides about an exception that they asked for, or that is for themselves: %w", schema.ErrForbidden)
		}
	}
	return book.MayExcept(e, func(name string) bool { return who.id == name || slices.Contains(who.names, store.Fold(name)) })
}

// EndException ends an exception before its time, and all that was granted by it: by
// somebody who answers for the constraint, by whoever asked, or whom it is for. One that
// is a document is named by that, and allows nothing until it is allowed anew.
func EndException(tx store.Tx, book *policy.Book, c Choice) (schema.Exception, error) {
	if doc, ok := exceptionCalled(book, c.Request); ok {
		return lookedOver(tx, book, doc, c, true)
	}
	e, err := store.Exceptions.Get(tx, c.Request)
	switch {
	case err != nil:
		return e, err
	case e.State != schema.ExceptionApproved && e.State != schema.ExceptionOpen:
		return e, fmt.Errorf("exception %s is %s already: %w", e.ID, e.State, schema.ErrConflict)
	case strings.TrimSpace(c.Reason) == "":
		return e, fmt.Errorf("exception %s: say why: %w", e.ID, schema.ErrInvalid)
	case c.By.Actor == e.By || c.By.Identity != "" && (c.By.Identity == e.Requester || c.By.Identity == e.Identity):
	case c.By.Identity == "":
		return e, fmt.Errorf("exception %s is for people to end: %w", e.ID, schema.ErrForbidden)
	default:
		if err := mayExcept(tx, book, e, c.By.Identity); err != nil {
			return e, err
		}
	}
	e.State, e.Outcome, e.Ended = schema.ExceptionEnded, "ended by a person", tx.Now()
	return e, endException(tx, book, e, schema.Revoked, c.By, c.Reason)
}

// endException writes an exception that holds no more, and has whom it was for
// looked at before others.
func endException(tx store.Tx, book *policy.Book, e schema.Exception, verb schema.Verb, by Decider, words string) error {
	if err := recordException(tx, book, e, verb, by, e.Outcome, words); err != nil {
		return err
	}
	if err := store.Exceptions.Put(tx, e); err != nil {
		return err
	}
	if err := wakeGovernance(tx); err != nil {
		return err
	}
	if err := notifySettled(tx, book, e); err != nil {
		return err
	}
	return tx.WakeUrgent(LaneIdentity, e.Identity)
}

// attendException ends an exception whose time is over: to be decided, or to hold.
func attendException(tx store.Tx, book *policy.Book, id string) (next time.Time, err error) {
	e, err := store.Exceptions.Get(tx, id)
	switch {
	case schema.IsNotFound(err):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	}
	verb := map[schema.ExceptionState]schema.Verb{schema.ExceptionOpen: schema.Denied, schema.ExceptionApproved: schema.Expired}[e.State]
	switch over := policy.PassTime(&e, tx.Now()); {
	case over:
		return time.Time{}, endException(tx, book, e, verb, Decider{Actor: "bridge"}, "")
	case e.State == schema.ExceptionOpen:
		return e.Due, nil
	case e.State == schema.ExceptionApproved:
		return forewarnException(tx, book, e)
	}
	return time.Time{}, nil
}

func recordException(tx store.Tx, book *policy.Book, e schema.Exception, verb schema.Verb, by Decider, reason, words string) error {
	because := []string{exceptionRef(e.ID)}
	if by.Identity != "" {
		because = append(because, identityActor(by.Identity))
	}
	detail, err := json.Marshal(map[string]any{"reason": words, "ticket": e.Ticket, "compensating": e.Compensating})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by.Actor, Verb: verb, Subject: e.Identity, Object: e.Rule(), Because: schema.Sorted(because...),
		Reason: reason, Policy: book.Digest(), Detail: detail,
	})
	return err
}

// refusable reports whether an error says that somebody is not to do something, or is
// nobody.
func refusable(err error) bool {
	return schema.IsNotFound(err) || errors.Is(err, schema.ErrForbidden) || errors.Is(err, schema.ErrConflict)
}
