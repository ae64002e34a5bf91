package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/schema"
)

// What registers say of themselves, as a Test rehearses it: exceptions that are to be looked
// at again, rules from which too many are excepted, and break-glass roles that nobody tried.

// A rehearsedLook is what somebody said who looked at an exception of the policy again.
type rehearsedLook struct {
	at    time.Time
	ended bool
}

// lookedAt returns what was said of an exception since it was allowed as it is.
func (r *rehearsal) lookedAt(e *Exception) rehearsedLook {
	if is := r.looked[e.Metadata.Name]; !e.Spec.ApprovedAt.After(is.at) {
		return is
	}
	return rehearsedLook{}
}

// lapsed reports whether an exception of the policy allows nothing any more, because
// somebody ended it, or nobody looked at it in time.
func (r *rehearsal) lapsed(e *Exception) bool {
	is := r.lookedAt(e)
	_, late, again := e.LookBy(is.at)
	return is.ended || again && e.Lapses() && !r.spec.Now.Before(late)
}

// lookAgain returns the exceptions that are to be looked at again by now.
func (r *rehearsal) lookAgain() (names []string) {
	for _, e := range r.book.Exceptions() {
		is := r.lookedAt(e)
		due, _, again := e.LookBy(is.at)
		if again && !is.ended && !r.spec.Now.Before(due) && r.spec.Now.Before(e.Spec.Expires) {
			names = append(names, e.Metadata.Name)
		}
	}
	for _, e := range r.exceptions {
		if due := e.LookAgain(); !due.IsZero() && e.Live(r.spec.Now) && !r.spec.Now.Before(due) {
			names = append(names, e.ID)
		}
	}
	return schema.Sorted(names...)
}

// look takes the word of somebody about an exception: it is kept, or it ends.
func (r *rehearsal) look(name, who string, ends bool) error {
	if i := slices.IndexFunc(r.exceptions, func(e schema.Exception) bool { return e.ID == name }); i >= 0 {
		e := &r.exceptions[i]
		switch {
		case ends:
			return r.endException(e, who)
		case !e.Live(r.spec.Now) || e.Review == 0:
			return fmt.Errorf("exception %s is %s, and not to be looked at again", name, e.State)
		}
		err := r.mayExcept(*e, who)
		if err == nil {
			e.Reviewed = r.spec.Now
		}
		return err
	}
	i := slices.IndexFunc(r.book.Exceptions(), func(e *Exception) bool { return e.Metadata.Name == name })
	if i < 0 {
		return errors.New("no exception is to be looked at")
	}
	e := r.book.Exceptions()[i]
	if _, _, again := e.LookBy(time.Time{}); !again && !ends {
		return fmt.Errorf("exception %s says nothing of being looked at again", name)
	}
	if err := r.mayLook(e, who, ends); err != nil {
		return err
	}
	if r.lookedAt(e).ended || !r.spec.Now.Before(e.Spec.Expires) {
		return fmt.Errorf("exception %s has ended already", name)
	}
	r.looked[name] = rehearsedLook{r.spec.Now, ends}
	return nil
}

// mayLook returns nil where somebody may say what becomes of an exception of the policy.
func (r *rehearsal) mayLook(e *Exception, who string, ends bool) error {
	if err := r.present(who); err != nil {
		return err
	}
	named := func(name string) bool { return name != "" && r.called(name) == who }
	rule, _ := r.book.Waiving(e.Spec.Waives)
	own, subject := e.Metadata.Owner, slices.ContainsFunc(e.Spec.Subjects, named)
	switch {
	case subject && !ends:
		return errors.New("nobody keeps an exception that is for themselves")
	case subject, slices.ContainsFunc([]string{own.User, own.Deputy, rule.User, rule.Deputy}, named):
		return nil
	}
	return fmt.Errorf("exception %s is for those to look at who answer for it", e.Metadata.Name)
}

// dominated returns the rules from which so many are excepted that they are wrong: others,
// as the test says, and the identity.
func (r *rehearsal) dominated() []string {
	d := r.book.Deviations(r.spec.Now)
	for _, e := range r.exceptions {
		d.Asked(e)
	}
	for _, g := range r.held.Grants {
		d.Granted(g)
	}
	for rule, n := range r.spec.Waived {
		d.n[rule] += n
	}
	return d.Dominated()
}

// undrilled returns the break-glass roles that nobody took for too long, not even to see
// whether they can be.
func (r *rehearsal) undrilled() (roles []string) {
	for _, role := range r.book.Roles() {
		name := role.Metadata.Name
		if due, demanded := role.DrillDue(later(r.spec.Taken[name], r.tookAt[name])); demanded && !r.spec.Now.Before(due) {
			roles = append(roles, name)
		}
	}
	return roles
}
