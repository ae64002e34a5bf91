package policy

import (
	"errors"
	"fmt"
	"slices"

	"drawbridge/schema"
)

// Who may decide about a request, as a Test rehearses it.

// pending reports whether a request may still come to a grant.
func (q *rehearsedRequest) pending() bool {
	return q != nil && (q.state == schema.RequestOpen || q.state == schema.RequestApproved)
}

func (q *rehearsedRequest) close(state schema.RequestState, outcome string) {
	q.state, q.outcome = state, outcome
}

// open has the request wait for those who decide at a stage.
func (q *rehearsedRequest) open(r *rehearsal, stage int) {
	q.state, q.stage, q.due = schema.RequestOpen, stage, r.spec.Now.Add(q.flow.Spec.Stages[stage].Time())
	q.outcome = fmt.Sprintf("stage %d is open", stage+1)
}

// attend is what time does to a request.
func (q *rehearsedRequest) attend(r *rehearsal) {
	switch {
	case !r.spec.Now.Before(q.due):
		q.close(schema.RequestExpired, fmt.Sprintf("nobody decided about stage %d in time", q.stage+1))
		return
	case r.departed(r.in.identity):
		q.close(schema.RequestDenied, "whom it is for has left")
		return
	}
	for _, v := range r.by(r.book, r.held.Ungranted(q.role.Metadata.Name)).Verdicts {
		if v.Role == q.role.Metadata.Name && (v.Outcome == NotEligible || v.Outcome == Withdrawn) {
			q.close(schema.RequestDenied, v.Reason)
			return
		}
	}
	q.agreed = slices.DeleteFunc(q.agreed, func(c consent) bool { return r.present(c.who) != nil })
	q.advance(r)
}

// advance opens the first stage that lacks somebody, or makes the request a grant.
func (q *rehearsedRequest) advance(r *rehearsal) {
	for n, stage := range q.flow.Spec.Stages {
		agreed := 0
		for _, c := range q.agreed {
			if c.stage == n {
				agreed++
			}
		}
		if agreed >= stage.Needs() {
			continue
		}
		if n != q.stage || q.state != schema.RequestOpen {
			q.open(r, n)
		}
		return
	}
	g := q.grant
	g.From = later(g.From, r.spec.Now)
	if !q.grant.Until.IsZero() && g.From.After(q.grant.From) { // it lasts as long as was asked for
		g.Until = g.From.Add(q.grant.Until.Sub(q.grant.From))
	}
	if err := r.may(q.role, &g); err != nil {
		q.close(schema.RequestDenied, err.Error())
		return
	}
	if _, err := r.give(q.role, g); err != nil {
		if q.state != schema.RequestApproved {
			q.due = r.spec.Now.Add(q.flow.Spec.Stages[len(q.flow.Spec.Stages)-1].Time())
		}
		q.close(schema.RequestApproved, err.Error())
		return
	}
	q.close(schema.RequestFulfilled, "everybody agreed")
}

// may returns nil where somebody may decide at a stage.
func (q *rehearsedRequest) may(r *rehearsal, who string, stage Stage) error {
	if err := q.free(r, who); err != nil {
		return err
	}
	if !slices.ContainsFunc(stage.Approvers, func(a Approver) bool { return slices.Contains(q.candidates(r, a), who) }) {
		return fmt.Errorf("role %s: the open stage is for others to decide", q.role.Metadata.Name)
	}
	return nil
}

// free returns nil where somebody could decide if the flow named them.
func (q *rehearsedRequest) free(r *rehearsal, who string) error {
	if err := r.present(who); err != nil {
		return err
	}
	switch {
	case who == r.self() || who == q.asked:
		return errors.New("nobody decides about what they asked for, or what is for themselves")
	case slices.ContainsFunc(q.agreed, func(c consent) bool { return c.who == who }):
		return errors.New("whoever agreed to it already does not agree twice")
	}
	condition, ok := r.book.conditions[q.flow.Metadata.Name]
	if !ok {
		return nil
	}
	in := inputs{approver: r.person(who), identity: r.in.identity}
	in.at(r.spec.Now)
	switch value, err := condition.eval(&in); value {
	case yes:
		return nil
	case unknown:
		return fmt.Errorf("flow %s demands of its approvers what is not known of this one: %w", q.flow.Metadata.Name, err)
	default:
		return fmt.Errorf("flow %s demands something else of its approvers", q.flow.Metadata.Name)
	}
}

// candidates are who an approver may be. An owner's deputy is one where the owner cannot
// decide.
func (q *rehearsedRequest) candidates(r *rehearsal, a Approver) []string {
	one := func(name string) []string {
		if name == "" {
			return nil
		}
		return []string{r.called(name)}
	}
	switch owner := q.role.Metadata.Owner; {
	case a.User != "":
		return one(a.User)
	case a.Manager:
		return one(r.manager())
	case a.RoleOwner && q.free(r, r.called(owner.User)) == nil:
		return one(owner.User)
	case a.RoleOwner:
		return one(owner.Deputy)
	}
	return r.members(a.Group)
}

// deciders are who may decide at a stage now.
func (q *rehearsedRequest) deciders(r *rehearsal, stage Stage) (able []string) {
	for _, a := range stage.Approvers {
		for _, who := range q.candidates(r, a) {
			if q.free(r, who) == nil {
				able = append(able, who)
			}
		}
	}
	return schema.Sorted(able...)
}

// stand says how the request stands.
func (q *rehearsedRequest) stand(r *rehearsal, s *Standing) {
	s.Request, s.Because = q.state, q.outcome
	if q.state == schema.RequestOpen {
		s.Stage, s.MayDecide = q.stage+1, append(s.MayDecide, q.deciders(r, q.flow.Spec.Stages[q.stage])...)
	}
}
