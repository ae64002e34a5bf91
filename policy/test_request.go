package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/schema"
)

// Requests, as a Test rehearses them: who may ask, who may agree, in which order and by
// when, and what stands against it all the same.

// A rehearsedRequest is a request for a role.
type rehearsedRequest struct {
	role    *Role
	flow    *ApprovalFlow
	grant   schema.Grant // as it would be given
	asked   string       // who asked for it
	agreed  []consent
	state   schema.RequestState
	outcome string
	stage   int
	due     time.Time
}

// A consent is who agreed, at which stage.
type consent struct {
	who   string
	stage int
}

// act does what somebody does at this moment, or says why that is refused.
func (r *rehearsal) act(a TestAct) error {
	a.Who = r.called(a.Who)
	switch a.Does {
	case "ask":
		return r.ask(a)
	case "approve", "deny":
		if r.excepting {
			return r.allow(a.Who, a.Does == "approve")
		}
		return r.decide(a.Who, a.Does == "approve")
	case "except":
		return r.except(a)
	case "end":
		if a.Exception != "" {
			return r.look(a.Exception, a.Who, true)
		}
		return r.endException(r.asked(), a.Who)
	case "keep":
		if a.Exception != "" {
			return r.look(a.Exception, a.Who, false)
		}
		return r.keep(a)
	case "halt", "resume":
		return r.halt(a.Connector, a.Does == "halt")
	case "withdraw":
		return r.withdraw(a.Who)
	case "revoke":
		r.revoke(a.Role)
		return nil
	case "take":
		return r.take(a)
	case "furnish", "rotate":
		return r.furnish(a)
	case "review", "reject":
		return r.review(a.Who, a.Does == "review")
	}
	return nil // lint refuses it
}

// ask opens a request, unless it could not come to a grant.
func (r *rehearsal) ask(a TestAct) error {
	role, ok := r.governed.Role(a.Role)
	early, _ := r.book.Skew()
	switch {
	case !ok:
		return fmt.Errorf("role %s is not in force", a.Role)
	case role.Spec.ByRule():
		return fmt.Errorf("role %s is held by rule, and is not asked for", a.Role)
	case role.Spec.Type == schema.BreakGlass:
		return fmt.Errorf("role %s is for emergencies, and is taken without asking", a.Role)
	case !a.From.IsZero() && a.From.Before(r.spec.Now.Add(-early)):
		return fmt.Errorf("request of role %s begins in the past", a.Role)
	case slices.ContainsFunc(r.requests, func(q *rehearsedRequest) bool { return q.pending() && q.role == role }):
		return fmt.Errorf("role %s is asked for already", a.Role)
	}
	q := &rehearsedRequest{role: role, asked: a.Who, grant: r.grantOf(a)}
	for _, g := range r.held.Grants {
		over := g.Over(r.spec.Now) || !g.Until.IsZero() && g.Until.Before(q.grant.From)
		if g.Role == a.Role && !over && (role.Spec.Duration == nil || !role.Spec.Duration.Renewable) {
			return fmt.Errorf("role %s is held already, and is not renewable", a.Role)
		}
	}
	g := q.grant
	if err := r.may(role, &g); err != nil {
		return err
	}
	if q.flow, ok = r.governed.Flow(role); !ok {
		return fmt.Errorf("role %s: nobody is named who could approve it", a.Role)
	}
	for i, stage := range q.flow.Spec.Stages {
		if able := q.deciders(r, stage); len(able) < stage.Needs() {
			return fmt.Errorf("role %s: stage %d needs %d to agree, and %d could", a.Role, i+1, stage.Needs(), len(able))
		}
	}
	q.open(r, 0)
	r.request, r.requests, r.excepting = q, append(r.requests, q), false
	return nil
}

// grantOf is what is asked for, or taken, as a grant that begins now at the soonest.
func (r *rehearsal) grantOf(a TestAct) schema.Grant {
	g := schema.Grant{Identity: r.held.Identity.ID, Role: a.Role, From: later(r.spec.Now, a.From), Ticket: a.Ticket}
	if a.For > 0 {
		g.Until = g.From.Add(time.Duration(a.For))
	}
	return g
}

// may returns nil where the identity may hold a role for so long: it is eligible, on
// that ticket, and no constraint stands against it, or an exception lets it. The grant
// ends with that.
func (r *rehearsal) may(role *Role, g *schema.Grant) error {
	g.Excepted = nil
	if err := role.Bound(g, r.held.Passes, r.spec.Now); err != nil {
		return err
	}
	f := r.held
	f.Tombstones = slices.DeleteFunc(slices.Clone(f.Tombstones), func(t schema.Tombstone) bool { return t.Role == g.Role })
	for _, v := range r.evaluate(f).Verdicts {
		if v.Role == g.Role && v.Outcome != Eligible && v.Outcome != Assigned {
			return fmt.Errorf("role %s: %s (%s)", g.Role, v.Outcome, v.Reason)
		}
		for _, p := range f.Passes {
			if v.Role == g.Role && p.Admits(g.Role) && slices.Contains(v.Cites, p.Exception) {
				p.Bear(g)
			}
		}
	}
	if role.Spec.Ticket != nil {
		if g.Ticket == "" {
			return fmt.Errorf("role %s is given for a ticket: name it", g.Role)
		}
		if valid, ok := r.book.valid[g.Role]; ok {
			if why := r.onTicket(valid, g.Ticket); why != "" {
				return fmt.Errorf("role %s: its ticket is not as it demands (%s)", g.Role, why)
			}
		}
	}
	if err := r.breaks(role, g); err != nil {
		return err
	}
	if _, longer := r.book.Skew(); !g.Until.IsZero() {
		g.Until = g.Until.Add(longer)
	}
	for _, p := range f.Passes { // no clock lets what an exception allows outlive it
		if slices.Contains(g.Excepted, p.Exception) {
			p.Bear(g)
		}
	}
	return nil
}

// onTicket says why a rule over the ticket does not match; nothing if it does.
func (r *rehearsal) onTicket(rule *rule, ticket string) string {
	in := r.with(ticket)
	_, why := ticketed(rule, &in)
	return why
}

// with is what rules read now of whoever names a ticket: nobody told of another one than that
// of the test.
func (r *rehearsal) with(ticket string) inputs {
	in := r.in
	in.at(r.spec.Now)
	if told, ok := r.spec.Ticket["id"].(string); ok && !strings.EqualFold(told, ticket) {
		in.ticket = r.book.language.shapes.ticket.new()
	}
	return in
}

// breaks says which constraints a grant would break; what exceptions allow it cites.
func (r *rehearsal) breaks(role *Role, g *schema.Grant) error {
	var refs, breaks []string
	for _, line := range slices.Concat(r.held.Held, r.access(r.held).Assignments) {
		refs = append(refs, line.Ref())
	}
	for _, other := range r.held.Grants {
		if given, ok := r.governed.Role(other.Role); ok && other.Ended.IsZero() && (other.Until.IsZero() || r.spec.Now.Before(other.Until)) {
			refs = append(refs, refsOf(given)...)
		}
	}
	for _, b := range r.governed.breaches(r.bearer, schema.Sorted(refs...), role, r.spec.Now) {
		if p, ok := r.waiver(b); ok {
			p.Bear(g)
			continue
		}
		breaks = append(breaks, fmt.Sprintf("constraint %s: %s", b.Constraint, b.Reason))
	}
	if len(breaks) > 0 {
		return fmt.Errorf("role %s: %s", g.Role, strings.Join(breaks, "; "))
	}
	return nil
}

// decide takes somebody's yes or no to the request.
func (r *rehearsal) decide(who string, agrees bool) error {
	q := r.request
	if q == nil || q.state != schema.RequestOpen {
		return errors.New("no request is open")
	}
	if err := q.may(r, who, q.flow.Spec.Stages[q.stage]); err != nil {
		return err
	}
	if !agrees {
		q.close(schema.RequestDenied, "refused by a person")
		return nil
	}
	q.agreed = append(q.agreed, consent{who, q.stage})
	q.advance(r)
	return nil
}

func (r *rehearsal) withdraw(who string) error {
	q := r.request
	switch {
	case !q.pending():
		return errors.New("no request is open")
	case who != q.asked && who != r.self():
		return errors.New("a request is for those to withdraw who asked, or whom it is for")
	}
	q.close(schema.RequestWithdrawn, "taken back")
	return nil
}

// revoke has a person take a role away, until a new decision.
func (r *rehearsal) revoke(role string) {
	r.end(func(g schema.Grant) bool { return g.Role == role })
	r.held.Tombstones = append(r.held.Tombstones, schema.Tombstone{Identity: r.held.Identity.ID, Role: role})
}

// end ends grants.
func (r *rehearsal) end(which func(schema.Grant) bool) {
	r.held.Grants = slices.Clone(r.held.Grants)
	for i, g := range r.held.Grants {
		if g.Ended.IsZero() && which(g) {
			r.held.Grants[i].Ended = r.spec.Now
		}
	}
}

// give makes a grant, if the role has a place left among those who may hold it at once.
func (r *rehearsal) give(role *Role, g schema.Grant) (schema.Grant, error) {
	if c := role.Spec.Concurrent; c != nil && r.spec.Holders[g.Role] >= c.Max {
		return g, fmt.Errorf("role %s: %d hold it, which is as many as may at once", g.Role, c.Max)
	}
	g.ID = strconv.Itoa(len(r.held.Grants) + 1)
	r.held.Grants = append(slices.Clone(r.held.Grants), g)
	r.held.Tombstones = slices.DeleteFunc(slices.Clone(r.held.Tombstones), func(t schema.Tombstone) bool { return t.Role == g.Role })
	return g, nil
}

// attend is what time does to what people did: exceptions end, and nobody decides too late, who agreed and
// left did not agree, and a place that is free is given to who waits for it.
func (r *rehearsal) attend() {
	for i := range r.exceptions {
		PassTime(&r.exceptions[i], r.spec.Now)
	}
	for _, q := range r.requests {
		if q.pending() {
			q.attend(r)
		}
	}
	if r.bypass != nil {
		r.bypass.attend(r)
	}
}
