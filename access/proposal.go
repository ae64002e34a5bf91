package access

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Where the mode is propose, each line that would begin or end is proposed, and nothing
// of it reaches a target before a person released it (proposal_choose.go). Reconcile keeps
// the proposals: it opens one for each line that is called for, leaves alone what was
// dismissed while it is decided from the same things, closes what nothing calls for any
// more, and carries out what was released. What was released once stays, as if it
// were enforced, until its end is released in its turn.
//
// That somebody left ends nothing by itself here either: it is proposed, urgently,
// and apart from the rest. The account of somebody who left goes by the mode of its
// connector, whatever the modes of roles.

// proposalsOf returns what is proposed about an identity, by connector/entitlement.
func proposalsOf(r store.Reader, identity string) (open map[string]schema.Proposal, err error) {
	for p, err := range store.Proposals.All(r, identity) {
		if err != nil {
			return nil, err
		}
		if open == nil {
			open = map[string]schema.Proposal{}
		}
		open[p.Ref()] = p
	}
	return open, nil
}

// released returns the decision by which a person released a line that is proposed;
// nothing if nobody did.
func (c *comparison) released(was, want schema.Assignment) string {
	if want.Mode != schema.Propose {
		return ""
	}
	if was.Released != "" {
		return was.Released
	}
	if p, ok := c.chosen(want, schema.ProposeGrant); ok {
		return p.Decision
	}
	return ""
}

// mayEnd reports whether a line may end whose mode is propose: a person released that,
// or its holder left and the account is disabled with all that it has.
func (c *comparison) mayEnd(line schema.Assignment) bool {
	if c.book.Mode("", line.Connector) == schema.Enforce && c.book.Ended(c.facts, c.now) {
		return true
	}
	_, ok := c.chosen(line, schema.ProposeRevoke)
	return ok
}

// chosen returns the proposal of a change that a person released, if it is decided from
// the same things still.
func (c *comparison) chosen(line schema.Assignment, change schema.ProposalChange) (schema.Proposal, bool) {
	p, ok := c.proposals[line.Ref()]
	return p, ok && p.State == schema.ProposalReleased && p.Change == change && p.Inputs == c.inputs(line, change)
}

// inputs is a hash over what a line's beginning or end is decided from: the same things
// decided anew make the same.
func (c *comparison) inputs(line schema.Assignment, change schema.ProposalChange) string {
	type one struct {
		Role, Outcome, Trigger string
		Read                   map[string]any
	}
	from := struct {
		Change  schema.ProposalChange
		Because []string
		Left    bool
		Roles   []one
	}{Change: change, Because: line.Because, Left: c.book.Ended(c.facts, c.now)}
	for _, role := range line.Roles() {
		i := slices.IndexFunc(c.access.Verdicts, func(v policy.Verdict) bool { return v.Role == role })
		if i < 0 {
			from.Roles = append(from.Roles, one{Role: role})
			continue
		}
		v := c.access.Verdicts[i]
		from.Roles = append(from.Roles, one{role, string(v.Outcome), v.Trigger, v.Inputs})
	}
	text, err := json.Marshal(from)
	if err != nil { // of a value that JSON has not: to propose it anew is right
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// propose makes the proposals about an identity those that are called for now.
func (l *look) propose(tx store.Tx, d difference) error {
	called := l.called(d)
	for _, was := range l.withdrawn(called) {
		if err := l.withdraw(tx, was); err != nil {
			return err
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(called)) {
		p := called[ref]
		p.ID, p.Opened, p.State = tx.NewID(), tx.Now(), schema.ProposalOpen
		if err := store.Proposals.Put(tx, p); err != nil {
			return err
		}
		if err := join(tx, p); err != nil {
			return err
		}
	}
	return nil
}

// called returns the proposals that a difference calls for, by connector/entitlement.
func (l *look) called(d difference) map[string]schema.Proposal {
	c := &comparison{book: l.book, facts: l.facts, access: l.access, now: l.now}
	called := map[string]schema.Proposal{}
	for _, line := range l.lines {
		if line.Mode == schema.Propose && line.Released == "" && index(l.access.Assignments, line) >= 0 {
			called[line.Ref()] = l.proposal(c, line, schema.ProposeGrant)
		}
	}
	for _, k := range d.kept {
		if k.proposed {
			called[k.line.Ref()] = l.proposal(c, k.line, schema.ProposeRevoke)
		}
	}
	return called
}

// withdrawn returns the proposals that nothing calls for any more, and takes out of
// those that are called for what is proposed already.
func (l *look) withdrawn(called map[string]schema.Proposal) (over []schema.Proposal) {
	for _, ref := range slices.Sorted(maps.Keys(l.open)) {
		was := l.open[ref]
		is, still := called[ref]
		if still && is.Change == was.Change && is.Inputs == was.Inputs || !still && l.delayed(was) {
			delete(called, ref)
			continue
		}
		over = append(over, was)
	}
	return over
}

// delayed reports whether what was released is yet to be done, because something else
// stands against it.
func (l *look) delayed(p schema.Proposal) bool {
	line := schema.Assignment{Connector: p.Connector, Entitlement: p.Entitlement}
	return p.State == schema.ProposalReleased && p.Change == schema.ProposeRevoke &&
		index(l.lines, line) >= 0 && index(l.access.Assignments, line) < 0
}

// releasedBy returns the decision by which a person released what becomes of a line.
func (l *look) releasedBy(line schema.Assignment) string {
	if line.Released != "" && index(l.lines, line) >= 0 && index(l.access.Assignments, line) >= 0 {
		return line.Released
	}
	if p := l.open[line.Ref()]; p.State == schema.ProposalReleased {
		return p.Decision
	}
	return ""
}

// proposal is what is proposed about a line.
func (l *look) proposal(c *comparison, line schema.Assignment, change schema.ProposalChange) schema.Proposal {
	roles := line.Roles()
	p := schema.Proposal{
		Identity: line.Identity, Connector: line.Connector, Entitlement: line.Entitlement, Change: change, Roles: roles,
		Urgent: change == schema.ProposeRevoke && l.book.Ended(l.facts, l.now), Inputs: c.inputs(line, change),
	}
	verb, kind := schema.Assigned, string(change)
	if change == schema.ProposeRevoke {
		verb = schema.Unassigned
	}
	if p.Urgent {
		kind = "leaver"
	}
	p.Group = kind + ":" + strings.Join(roles, "+")
	var reasons []string
	for _, role := range roles {
		if v, ok := l.verdict(role); ok {
			reasons = append(reasons, l.reason(verb, line, v))
			continue
		}
		reasons = append(reasons, "role "+role+" is no longer in the policy")
	}
	p.Reason = strings.Join(reasons, "; ")
	return p
}

// withdraw takes back a proposal that nothing calls for any more, or that was carried
// out.
func (l *look) withdraw(tx store.Tx, p schema.Proposal) error {
	if err := store.Proposals.Delete(tx, p.Identity, p.Connector, p.Entitlement); err != nil || p.State != schema.ProposalOpen {
		return err
	}
	if err := part(tx, p); err != nil {
		return err
	}
	l.rule(tx, ruling{l.withdrawal(p), p.Roles, []string{p.Ref()}})
	return nil
}

func (l *look) withdrawal(p schema.Proposal) schema.Decision {
	return schema.Decision{
		Actor: "bridge", Verb: schema.Withdrawn, Subject: p.Identity, Object: p.Ref(), Because: roleRefs(p.Roles),
		Reason: "to " + string(p.Change) + " it was proposed, and is not called for any more", Mode: schema.Propose, Policy: l.book.Digest(),
	}
}

func roleRefs(roles []string) []string {
	var refs []string
	for _, role := range roles {
		refs = append(refs, "role/"+role)
	}
	return refs
}

// join adds an open proposal to its group, and part takes one out of it. The plan is made
// anew with each, so that what people agree to is what they looked at.
func join(tx store.Tx, p schema.Proposal) error {
	g, err := store.ProposalGroups.Get(tx, p.Group)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	if schema.IsNotFound(err) {
		g = schema.ProposalGroup{ID: p.Group, Change: p.Change, Roles: p.Roles, Urgent: p.Urgent, Reason: p.Reason, Since: p.Opened}
	}
	lines := maps.Clone(g.Lines)
	if lines == nil {
		lines = map[string]int{}
	}
	lines[p.Ref()]++
	g.Count, g.Lines, g.Plan = g.Count+1, lines, planAfter(g.Plan, "open", p.ID, tx.Now())
	return store.ProposalGroups.Put(tx, g)
}

func part(tx store.Tx, p schema.Proposal) error {
	g, err := store.ProposalGroups.Get(tx, p.Group)
	if err != nil {
		return err
	}
	if g.Count <= 1 {
		return store.ProposalGroups.Delete(tx, g.ID)
	}
	lines := maps.Clone(g.Lines)
	if lines[p.Ref()]--; lines[p.Ref()] <= 0 {
		delete(lines, p.Ref())
	}
	g.Count, g.Lines, g.Plan = g.Count-1, lines, planAfter(g.Plan, "gone", p.ID, tx.Now())
	return store.ProposalGroups.Put(tx, g)
}
