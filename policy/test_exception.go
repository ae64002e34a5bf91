package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// Exceptions that are asked for, as a Test rehearses them, and answers to what triggers ask.

// except asks for an exception, for the identity of the test.
func (r *rehearsal) except(a TestAct) error {
	e := schema.Exception{
		ID: fmt.Sprintf("asked-%d", len(r.exceptions)+1), Constraint: a.Constraint, Role: a.Role, Trigger: a.Trigger,
		Seconds: int64(time.Duration(a.Lasts) / time.Second), Identity: r.held.Identity.ID, Entitlements: schema.Sorted(a.Scope...),
		By: a.Who, Requester: a.Who, Ticket: a.Ticket, Expires: r.spec.Now.Add(time.Duration(a.For)),
		Review: int64(time.Duration(a.Review) / time.Second),
	}
	if err := r.book.Except(&e, r.spec.Now); err != nil {
		return err
	}
	for _, other := range r.exceptions {
		if err := Renew(&e, other); err != nil {
			return err
		}
	}
	r.exceptions, r.excepting = append(r.exceptions, e), true
	return nil
}

// asked is the exception that was asked for last; nil where none was.
func (r *rehearsal) asked() *schema.Exception {
	if len(r.exceptions) == 0 {
		return nil
	}
	return &r.exceptions[len(r.exceptions)-1]
}

// mayExcept returns nil where somebody may decide about an exception.
func (r *rehearsal) mayExcept(e schema.Exception, who string) error {
	if err := r.present(who); err != nil {
		return err
	}
	if who == r.self() || who == e.Requester {
		return errors.New("nobody decides about an exception that they asked for, or that is for themselves")
	}
	return r.book.MayExcept(e, func(name string) bool { return r.called(name) == who })
}

// allow takes the decision of somebody who answers for what is waived.
func (r *rehearsal) allow(who string, agrees bool) error {
	e := r.asked()
	if e.State != schema.ExceptionOpen {
		return fmt.Errorf("exception %s is %s, and not to be decided any more", e.ID, e.State)
	}
	if err := r.mayExcept(*e, who); err != nil {
		return err
	}
	e.Approval = schema.Approval{By: who, At: r.spec.Now}
	if e.State = schema.ExceptionApproved; !agrees {
		e.State, e.Ended = schema.ExceptionDenied, r.spec.Now
	}
	return nil
}

// endException ends one before its time: whoever asked may, whom it is for, and who
// answers for what is waived.
func (r *rehearsal) endException(e *schema.Exception, who string) error {
	if e == nil || e.State != schema.ExceptionOpen && e.State != schema.ExceptionApproved {
		return errors.New("no exception is to be ended")
	}
	if who != e.Requester && who != r.self() {
		if err := r.mayExcept(*e, who); err != nil {
			return err
		}
	}
	e.State, e.Ended = schema.ExceptionEnded, r.spec.Now
	return nil
}

// allowed works out what exceptions allow now, and ends the grants that rest on one which
// allows nothing any more.
func (r *rehearsal) allowed(alone map[string]string) {
	r.held.Passes = r.passes(alone)
	r.blank.Passes = r.held.Passes
	stays := func(ref string) bool {
		live := func(p Pass) bool { return p.Exception == ref && p.Live(r.spec.Now) }
		falls := func(e *Exception) bool { return e.Pass().Falls && "exception/"+e.Metadata.Name == ref }
		return slices.ContainsFunc(r.held.Passes, live) || slices.ContainsFunc(r.book.Exceptions(), falls)
	}
	r.end(func(g schema.Grant) bool {
		return slices.ContainsFunc(g.Excepted, func(ref string) bool { return !stays(ref) })
	})
}

// standException says how the exception stands that was asked for last.
func (r *rehearsal) standException(s *Standing) {
	e := r.asked()
	if e == nil {
		return
	}
	s.Exception = e.State
	if e.State != schema.ExceptionOpen || !r.excepting {
		return
	}
	owner, _ := r.book.Waiving(WaiverOf(*e))
	for _, name := range []string{owner.User, owner.Deputy} {
		if who := r.called(name); name != "" && r.mayExcept(*e, who) == nil {
			s.MayDecide = append(s.MayDecide, who)
		}
	}
}

// keep answers what triggers ask about a role: that it stays.
func (r *rehearsal) keep(a TestAct) error {
	if a.Who == r.self() {
		return fmt.Errorf("role %s: nobody reapproves what is their own", a.Role)
	}
	answered := []string{}
	r.held.Firings = slices.Clone(r.held.Firings)
	for i, f := range r.held.Firings {
		if f.Role == a.Role && r.book.Answers(f, a.Trigger) && !r.tooLate(f.Grant) {
			r.held.Firings[i].Settled, r.held.Firings[i].By = r.spec.Now, a.Who
			answered = append(answered, f.Grant)
		}
	}
	if len(answered) == 0 {
		return fmt.Errorf("nothing is asked about role %s", a.Role)
	}
	r.held.Grants = slices.Clone(r.held.Grants)
	for i, g := range r.held.Grants {
		if g.Ended.IsZero() && slices.Contains(answered, g.ID) {
			r.held.Grants[i].Reviewed = r.spec.Now
		}
	}
	return nil
}

// tooLate reports whether a grant is over: it is too late to say that it stays.
func (r *rehearsal) tooLate(grant string) bool {
	return grant != "" && !slices.ContainsFunc(r.held.Grants, func(g schema.Grant) bool { return g.ID == grant && !g.Over(r.spec.Now) })
}

// isAsked reports whether a name is that of an exception which a test asks for.
func isAsked(name string) bool { return strings.HasPrefix(name, "asked-") }
