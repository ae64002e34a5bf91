package policy

import (
	"maps"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// maxPrivileged is how long a privileged entitlement may be held at most.
const maxPrivileged = 24 * time.Hour

// role compiles a role, and reports whatever its template lacks.
func (c *compiler) role(r *Role, sets map[string][]*compiledTrigger) {
	compiled := &compiledRole{Role: r, mode: schema.Least(c.book.mode, r.Spec.Mode)}
	if r.Spec.Intent == "" {
		c.report(&r.Header, CodeIntent, in("spec"), "nobody wrote what role %q is for", r.Metadata.Name).hint("write spec.intent, one sentence")
	}
	compiled.holdings = c.holdings(r)
	compiled.rule = c.roleRule(r)
	compiled.triggers = c.roleTriggers(r, compiled.rule, sets)
	c.approved(r)
	c.bounded(r)
	c.idleRole(r)
	if r.Spec.Review == nil {
		c.report(&r.Header, CodeReview, in("spec"), "nobody looks again at who holds role %q", r.Metadata.Name).hint("write spec.review: { every: 180d }")
	}
	c.reviewed(&r.Header, r.Spec.Review)
	c.flaps(compiled)
	if bond := c.ticketed(r); bond != nil {
		compiled.triggers = append(compiled.triggers, bond)
	}
	compiled.uses = slices.ContainsFunc(compiled.triggers, func(t *compiledTrigger) bool { return t.depends(schema.TopicUse) })
	c.compiled = append(c.compiled, compiled)
	c.machined(compiled)
}

// holdings resolves what the role gives.
func (c *compiler) holdings(r *Role) []holding {
	if len(r.Spec.Grants) == 0 {
		c.report(&r.Header, CodeEmpty, in("spec"), "role %q grants nothing", r.Metadata.Name)
	}
	var holdings []holding
	for i, g := range r.Spec.Grants {
		path := in("spec", "grants", nth(i))
		if g.Connector == "" || g.Entitlement == "" {
			continue // reported when it was read
		}
		one, ok := c.book.connectors[g.Connector]
		if !ok {
			rep := c.report(&r.Header, CodeConnector, append(path, "connector"), "there is no connector %q", g.Connector)
			rep.hint("write a Connector document of that name")
			if near := nearest(g.Connector, slices.Collect(maps.Keys(c.book.connectors))); near != "" {
				rep.hint("did you mean %q?", near)
			}
			continue
		}
		e, ok := one.byID[g.Entitlement]
		if !ok {
			rep := c.report(&r.Header, CodeEntitlement, append(path, "entitlement"), "the catalogue of %q has no entitlement %q that can be used", g.Connector, g.Entitlement)
			rep.hint("add it to spec.entitlements there, or mend what is wrong with it")
			if near := nearest(g.Entitlement, slices.Collect(maps.Keys(one.byID))); near != "" {
				rep.hint("did you mean %q?", near)
			}
			continue
		}
		holdings = append(holdings, holding{e, schema.Least(c.book.mode, r.Spec.Mode, one.mode)})
	}
	return holdings
}

// roleRule compiles who qualifies, and refuses a rule that says nothing about
// who does.
func (c *compiler) roleRule(r *Role) *rule {
	field, text := r.Spec.rule()
	if text == "" {
		c.report(&r.Header, CodeNobody, in("spec"), "role %q has no rule for who may hold it", r.Metadata.Name).hint("write spec.%s", field)
		return nil
	}
	path := in("spec", field)
	compiled := c.rule(&r.Header, path, text, "identity", "workload", "now")
	switch {
	case compiled == nil:
		return nil
	case compiled.fixed == types.False || compiled.contradictory():
		c.report(&r.Header, CodeNobody, path, "%s of %q is false whatever the identity", field, r.Metadata.Name)
	case compiled.fixed == types.True || !compiled.names["identity"] && !compiled.names["workload"]:
		c.report(&r.Header, CodeEveryone, path, "%s of %q is true whatever the identity", field, r.Metadata.Name)
	case !compiled.positive:
		c.report(&r.Header, CodeOpen, path, "%s of %q has no positive condition that every match must meet: it matches by default", field, r.Metadata.Name).
			hint("say what somebody must be, not only what they must not be")
	default:
		for _, name := range compiled.denies {
			c.report(&r.Header, CodeMissing, path, "%s of %q says what %s must not be, and nothing of who has none", field, r.Metadata.Name, name).
				hint("write has(%s) && before it", name)
		}
	}
	return compiled
}

// roleTriggers resolves what ends the role.
func (c *compiler) roleTriggers(r *Role, qualifies *rule, sets map[string][]*compiledTrigger) []*compiledTrigger {
	var triggers []*compiledTrigger
	ends, unusable := false, false
	for i, name := range r.Spec.Triggers {
		set, ok := sets[name]
		if len(set) == 0 {
			unusable = true
			what, advice := "there is no trigger set %q", "write a TriggerSet document of that name"
			if ok {
				what, advice = "trigger set %q can not be used: it is empty, or has an error", "mend that one"
			}
			c.report(&r.Header, CodeTrigger, in("spec", "triggers", nth(i)), what, name).hint("%s", advice)
		}
		for _, t := range set {
			ends = ends || t.Action == actionRevoke
		}
		triggers = append(triggers, set...)
	}
	switch {
	case unusable:
	case !ends:
		c.report(&r.Header, CodeTrigger, in("spec", "triggers"), "nothing ends role %q", r.Metadata.Name).hint("name a trigger set with a trigger that revokes")
	case r.Spec.Type != schema.NHI:
		c.leaves(r, qualifies, triggers)
	}
	return triggers
}

// approved checks that somebody decides who gets a role that is asked for.
func (c *compiler) approved(r *Role) {
	name := r.Spec.Approval
	switch {
	case r.Spec.ByRule():
		return
	case r.Spec.Type == schema.BreakGlass:
		c.bypassed(r)
		return
	case name == "":
		c.report(&r.Header, CodeApprover, in("spec"), "role %q can be asked for, and nobody approves", r.Metadata.Name).hint("name an ApprovalFlow in spec.approval")
		return
	}
	i := slices.IndexFunc(c.set.Flows, func(f *ApprovalFlow) bool { return f.Metadata.Name == name })
	switch {
	case i < 0:
		c.report(&r.Header, CodeApprover, in("spec", "approval"), "there is no approval flow %q", name)
	case c.bad[c.set.Flows[i].Ref()]:
		c.report(&r.Header, CodeApprover, in("spec", "approval"), "approval flow %q has an error", name)
	}
}

// bypassed checks that a role which is taken before anyone approves is paid for
// afterwards.
func (c *compiler) bypassed(r *Role) {
	b := r.Spec.Bypass
	if b == nil {
		c.report(&r.Header, CodeBypass, in("spec"), "break-glass role %q does not say when it may be taken, nor what is owed", r.Metadata.Name).hint("write spec.bypass")
		return
	}
	lacks := func(missing bool, what string) {
		if missing {
			c.report(&r.Header, CodeBypass, in("spec", "bypass"), "break-glass role %q has no %s", r.Metadata.Name, what)
		}
	}
	lacks(b.When == "", "when")
	lacks(len(b.EvidenceBefore) == 0, "evidenceBefore")
	lacks(len(b.EvidenceAfter) == 0 || b.EvidenceWithin == 0, "evidenceAfter with evidenceWithin")
	lacks(b.Reviewers.Group == "" || b.Reviewers.Min < 1 || b.ReviewWithin == 0, "reviewers with reviewWithin")
	lacks(len(b.Notify) == 0, "notify")
	lacks(b.DrillEvery == 0, "drillEvery")
	lacks(r.Spec.OnEnd == nil || !r.Spec.OnEnd.VerifyRemoved, "onEnd.verifyRemoved")
	if b.When != "" {
		if when := c.rule(&r.Header, in("spec", "bypass", "when"), b.When, "identity", "ticket", "now"); when != nil {
			c.constant(&r.Header, in("spec", "bypass", "when"), when, CodeBypass)
			c.book.admitting[r.Metadata.Name] = when
		}
	}
	lacks(r.Spec.Duration == nil, "duration")
	if d := r.Spec.Duration; d != nil && max(d.Default, d.Max) > Duration(hardEnd) {
		c.report(&r.Header, CodeBypass, in("spec", "duration"), "break-glass role %q is held for longer than %s", r.Metadata.Name, Duration(hardEnd))
	}
}

// bounded checks that a role ends, or says why it need not.
func (c *compiler) bounded(r *Role) {
	d := r.Spec.Duration
	switch {
	case d == nil && r.Spec.Permanent == nil:
		c.report(&r.Header, CodeUnbounded, in("spec"), "role %q has neither a duration nor a stated reason to have none", r.Metadata.Name).
			hint("write spec.duration, or spec.permanent.because")
		return
	case d != nil && d.Default == 0:
		c.report(&r.Header, CodeUnbounded, in("spec", "duration"), "role %q does not say how long it is given for", r.Metadata.Name).hint("write duration.default")
		return
	case d != nil && d.Max != 0 && d.Default > d.Max:
		c.report(&r.Header, CodeDecode, in("spec", "duration", "default"), "the default of %s is longer than the most, %s", d.Default, d.Max)
	}
	if d != nil && r.Spec.Permanent == nil && max(d.Default, d.Max) <= Duration(maxPrivileged) {
		return
	}
	all := c.book.effectiveOf(r)
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		if all[ref].Privileged {
			c.report(&r.Header, CodeStanding, in("spec", "grants"), "role %q holds privileged %s for longer than %s", r.Metadata.Name, ref, Duration(maxPrivileged))
		}
	}
}

// ticketed compiles what a ticket must be for the role to be granted on it, and
// returns the trigger that ends the grant when it is so no longer, if one does.
func (c *compiler) ticketed(r *Role) *compiledTrigger {
	t := r.Spec.Ticket
	if t == nil {
		return nil
	}
	if t.Valid == "" {
		c.report(&r.Header, CodeTicket, in("spec", "ticket"), "role %q is given for a ticket, and any is good enough", r.Metadata.Name).hint("write spec.ticket.valid, a rule over the ticket")
		return nil
	}
	valid := c.rule(&r.Header, in("spec", "ticket", "valid"), t.Valid, "identity", "ticket", "now")
	if valid != nil {
		c.constant(&r.Header, in("spec", "ticket", "valid"), valid, CodeTicket)
		c.book.valid[r.Metadata.Name] = valid
	}
	if valid == nil || !t.ExpiresWithTicket {
		return nil
	}
	return c.bond(t, valid)
}
