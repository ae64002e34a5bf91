package policy

import (
	"fmt"
	"time"

	"drawbridge/schema"
)

// Exceptions that somebody asks for, beside those that are documents: what may be asked
// for, what renews what, who decides, and what time does to it. Who is there is for those
// to say who know that: package access, and a Test.

const (
	mostException = 366 * day // how long an exception lasts at most
	decideWithin  = 7 * day   // how long one that was asked for waits
)

// WaiverOf is what an exception waives that was asked for.
func WaiverOf(e schema.Exception) Waiver {
	return Waiver{Constraint: e.Constraint, Role: e.Role, Trigger: e.Trigger, Duration: Duration(time.Duration(e.Seconds) * time.Second)}
}

// PassOf is what one allows whom it is for, while it holds.
func PassOf(e schema.Exception) Pass {
	return Pass{Exception: "exception/" + e.ID, Waives: WaiverOf(e), Scope: Reach{Entitlements: e.Entitlements}, Until: e.Expires}
}

// Except opens an exception that somebody asks for, which waits to be decided about,
// unless nobody may allow such a one.
func (b *Book) Except(e *schema.Exception, now time.Time) error {
	if err := b.Waivable(WaiverOf(*e)); err != nil {
		return err
	}
	rule := e.Rule()
	switch {
	case e.Constraint == "" && len(e.Entitlements) > 0:
		return fmt.Errorf("exception to %s: only a constraint is waived of some entitlements alone: %w", rule, schema.ErrInvalid)
	case !e.Expires.After(now):
		return fmt.Errorf("exception to %s: say when it ends: %w", rule, schema.ErrInvalid)
	case e.Expires.Sub(now) > mostException:
		return fmt.Errorf("exception to %s: it lasts for 366 days at most: %w", rule, schema.ErrForbidden)
	}
	e.Made, e.Due, e.State = now, now.Add(decideWithin), schema.ExceptionOpen
	return nil
}

// Renew notes of an exception that is asked for that it continues another one of the same
// identity, if it does: be it one that was ended by whom it was for, who would be asking
// anew for ever. One that waits is not asked for twice.
func Renew(e *schema.Exception, other schema.Exception) error {
	switch {
	case other.Rule() != e.Rule():
	case other.State == schema.ExceptionOpen:
		return fmt.Errorf("an exception to %s is asked for already, by %s: %w", e.Rule(), other.ID, schema.ErrConflict)
	case other.State != schema.ExceptionDenied && !other.Approval.At.IsZero() && other.Renewal >= e.Renewal:
		e.Renews, e.Renewal = other.ID, other.Renewal+1
	}
	return nil
}

// MayExcept returns nil where somebody answers for what an exception waives: its owner, or
// the deputy. Who renews for the second time, or more often, needs the owner.
func (b *Book) MayExcept(e schema.Exception, called func(name string) bool) error {
	owner, ok := b.Waiving(WaiverOf(e))
	switch {
	case !ok:
		return fmt.Errorf("%s is in the policy no more: %w", e.Rule(), schema.ErrForbidden)
	case owner.User != "" && called(owner.User):
		return nil
	case e.Renewal >= 2:
		return fmt.Errorf("exception to %s: it is renewed again, and that takes the owner: %w", e.Rule(), schema.ErrForbidden)
	case owner.Deputy != "" && called(owner.Deputy):
		return nil
	}
	return fmt.Errorf("exception to %s is for those to decide who answer for that: %w", e.Rule(), schema.ErrForbidden)
}

// PassTime ends an exception whose time is over, to be decided or to hold, and reports
// whether it was.
func PassTime(e *schema.Exception, now time.Time) bool {
	switch {
	case e.State == schema.ExceptionOpen && !now.Before(e.Due):
		e.State, e.Outcome = schema.ExceptionDenied, "nobody decided about it in time"
	case e.State == schema.ExceptionApproved && !now.Before(e.Expires):
		e.State, e.Outcome = schema.ExceptionExpired, "reached its end at "+e.Expires.UTC().Format(time.RFC3339)
	default:
		return false
	}
	e.Ended = now
	return true
}
