package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// Bypasses, as a Test rehearses them: a break-glass role is taken first, and what is owed
// for it comes after.

// A rehearsedBypass is a break-glass role that was taken.
type rehearsedBypass struct {
	role     *Role
	grant    string // its id
	state    schema.BypassState
	owed     []string
	rotate   []string
	reviewed []string
	reviewBy time.Time
	ended    bool
}

// take gives a break-glass role at once, while its condition holds.
func (r *rehearsal) take(a TestAct) error {
	role, ok := r.governed.Role(a.Role)
	switch {
	case !ok:
		return fmt.Errorf("role %s is not in force", a.Role)
	case role.Spec.Type != schema.BreakGlass || role.Spec.Bypass == nil:
		return fmt.Errorf("role %s is not for emergencies: ask for it", a.Role)
	case a.Who != r.self():
		return fmt.Errorf("role %s is taken by whom it is for", a.Role)
	case time.Duration(a.For) > hardEnd:
		return fmt.Errorf("role %s is taken for %s at most", a.Role, Duration(hardEnd))
	}
	rules := role.Spec.Bypass
	for _, kind := range rules.EvidenceBefore {
		if !a.shows(kind) {
			return fmt.Errorf("role %s demands %s before it is taken", a.Role, kind)
		}
	}
	if slices.ContainsFunc(r.held.Grants, func(g schema.Grant) bool { return g.Role == a.Role && g.Live(r.spec.Now) }) {
		return fmt.Errorf("role %s is held already", a.Role)
	}
	if err := r.present(a.Who); err != nil {
		return err
	}
	in := r.with(a.Ticket)
	outcome, why := ticketed(r.book.admitting[a.Role], &in)
	if err := role.Takes(outcome, why, a.Unverified); err != nil {
		return err
	}
	g := r.grantOf(a)
	err := r.may(role, &g)
	if err == nil {
		g, err = r.give(role, g)
	}
	if err != nil {
		return err
	}
	r.tookAt[a.Role] = r.spec.Now
	r.bypass = &rehearsedBypass{
		role: role, grant: g.ID, state: schema.BypassOpen, owed: schema.Sorted(rules.EvidenceAfter...),
		reviewBy: r.spec.Now.Add(time.Duration(rules.ReviewWithin)),
	}
	return nil
}

// shows reports whether there is evidence of a kind. A reason is always given.
func (a TestAct) shows(kind string) bool {
	switch kind {
	case "reason":
		return true
	case "incident", "ticket", "change":
		return a.Ticket != ""
	}
	return slices.Contains(a.Evidence, kind)
}

// furnish takes evidence, of which that a credential was rotated is one kind.
func (r *rehearsal) furnish(a TestAct) error {
	y := r.bypass
	switch {
	case y == nil:
		return errors.New("no bypass is known")
	case a.Does == "rotate" && a.Who == r.self():
		return errors.New("that it was rotated is for somebody else to say")
	case a.Does == "rotate" && !slices.Contains(y.rotate, a.Credential):
		return fmt.Errorf("no credential %q is to be rotated now", a.Credential)
	}
	y.rotate = slices.DeleteFunc(y.rotate, func(name string) bool { return a.Does == "rotate" && name == a.Credential })
	y.owed = slices.DeleteFunc(y.owed, func(kind string) bool { return slices.Contains(a.Evidence, kind) })
	return nil
}

// review takes one reviewer's judgement, once all evidence is there.
func (r *rehearsal) review(who string, agrees bool) error {
	y := r.bypass
	if y == nil || y.state != schema.BypassOpen && y.state != schema.BypassOverdue {
		return errors.New("no bypass is to be reviewed")
	}
	if err := y.may(r, who); err != nil {
		return err
	}
	if len(y.owed) > 0 {
		return fmt.Errorf("%s is still owed, and is what there is to review", strings.Join(y.owed, ", "))
	}
	if !agrees {
		y.state = schema.BypassRejected
		r.end(y.grants)
		y.note(r)
		return nil
	}
	if y.reviewed = append(y.reviewed, who); len(y.reviewed) >= r.book.ReviewersOf(y.role) {
		y.state = schema.BypassReviewed
	}
	return nil
}

func (y *rehearsedBypass) grants(g schema.Grant) bool { return g.ID == y.grant }

// may returns nil where somebody may review the bypass.
func (y *rehearsedBypass) may(r *rehearsal, who string) error {
	if err := r.present(who); err != nil {
		return err
	}
	switch {
	case who == r.self():
		return errors.New("nobody reviews what they took themselves")
	case slices.Contains(y.reviewed, who):
		return errors.New("whoever reviewed it already does not review it twice")
	case !r.inGroup(who, y.role.Spec.Bypass.Reviewers.Group):
		return errors.New("the bypass is for others to review")
	}
	return nil
}

// attend is what time does to a bypass: its access ends, and what nobody reviewed in
// time is overdue, which ends it too.
func (y *rehearsedBypass) attend(r *rehearsal) {
	if y.state == schema.BypassOpen && !r.spec.Now.Before(y.reviewBy) {
		y.state = schema.BypassOverdue
		r.end(y.grants)
	}
	y.note(r)
}

// note notes that the access ended, and what is to be rotated for it.
func (y *rehearsedBypass) note(r *rehearsal) {
	live := slices.ContainsFunc(r.held.Grants, func(g schema.Grant) bool { return y.grants(g) && g.Live(r.spec.Now) })
	if live || y.ended {
		return
	}
	y.ended = true
	if y.role.Spec.OnEnd != nil {
		y.rotate = schema.Sorted(y.role.Spec.OnEnd.Rotate...)
	}
}

// suspend adds a role of which a bypass was not reviewed in time.
func (r *rehearsal) suspend(alone map[string]string) {
	y := r.bypass
	if y == nil {
		return
	}
	if y.state == schema.BypassOverdue || y.state == schema.BypassOpen && !r.spec.Now.Before(y.reviewBy) {
		alone[y.role.Metadata.Name] = "its bypass was not reviewed in time"
	}
}

// stand says how the bypass stands.
func (y *rehearsedBypass) stand(r *rehearsal, s *Standing) {
	s.Bypass, s.Owed, s.Rotate = y.state, append(s.Owed, y.owed...), append(s.Rotate, y.rotate...)
	if y.state != schema.BypassOpen && y.state != schema.BypassOverdue || len(y.owed) > 0 {
		return
	}
	for _, who := range r.members(y.role.Spec.Bypass.Reviewers.Group) {
		if y.may(r, who) == nil {
			s.MayDecide = append(s.MayDecide, who)
		}
	}
}
