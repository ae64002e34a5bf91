package policy

import (
	"slices"

	"drawbridge/schema"
)

// A field may be one of its kind, and still be read by nothing where it stands: a birthright
// role that names who approves it is given to whoever matches, and nobody is asked. And one
// may say that something does not hold which always does. Either looks as if it had an
// effect, and is an error. But it refuses roles alone: what else says so does all that it did
// before, for a set of triggers that ended nothing, or a service desk that nobody believed,
// would leave people what they are to lose.

// idle reports a field that says what nothing goes by.
func (c *compiler) idle(h *Header, path []string, because, instead string) {
	c.report(h, CodeIdle, path, "%s of %s has no effect: %s", path[len(path)-1], h.Ref(), because).hint("%s", instead)
}

// idleRole reports what a role of its type does not go by.
func (c *compiler) idleRole(r *Role) {
	s := r.Spec
	for _, f := range []struct {
		field            string
		written          bool
		because, instead string
	}{
		{"assign", s.Assign != "", "it is asked for, by whom eligible says", "leave it out, or write type: birthright"},
		{"eligible", s.Eligible != "", "whoever matches assign has it, and nobody asks", "leave it out, or write type: requestable"},
		{"approval", s.Approval != "", "nobody is asked before it is given", "leave it out, or write type: requestable"},
		{"ticket", s.Ticket != nil, "nobody asks for it, with a ticket or without", "leave it out; what ends with a ticket is asked for: type: jit"},
		{"bypass", s.Bypass != nil, "only break-glass roles are taken before anyone approves", "leave it out, or write type: break-glass"},
		{"duration", s.Duration != nil, "it is held for as long as its rule matches", "write permanent: { because: ... }; what has an end is asked for"},
		{"concurrent", s.Concurrent != nil, "whoever matches has it, however many they are", "leave it out; matchPercentMax says when so many are too many"},
	} {
		if f.written && s.Type != "" && !slices.Contains(readBy[f.field], s.Type) {
			c.idle(&r.Header, in("spec", f.field), f.because, f.instead)
		}
	}
	if s.Duration != nil && s.Permanent != nil && !s.ByRule() {
		c.idle(&r.Header, in("spec", "permanent"), "it has a duration, and ends", "leave one of the two out")
	}
	if s.Duration != nil && s.Duration.Renewable && s.Type == schema.BreakGlass {
		c.idle(&r.Header, in("spec", "duration", "renewable"), "who needs it for longer takes it again", "leave it out")
	}
	if t := s.Ticket; t != nil && t.Silence != nil && !t.ExpiresWithTicket && !s.ByRule() {
		c.idle(&r.Header, in("spec", "ticket", "silence"), "the ticket is looked at when it is asked for, and never again", "write expiresWithTicket: true")
	}
	if e := s.OnEnd; e != nil && len(e.Rotate) > 0 && s.Type != schema.BreakGlass {
		c.idle(&r.Header, in("spec", "onEnd", "rotate"), "only what a break-glass role opened is changed at its end", "leave it out, or write a trigger that rotates")
	}
	if says := s.Review; says != nil && says.Grace > 0 && s.ByRule() {
		c.idle(&r.Header, in("spec", "review", "grace"), "no grant could end by it", "write what becomes of what nobody decides: overdue: revoke")
	}
	if s.Type != schema.BreakGlass { // of which it is said that it lacks it
		c.denies(&r.Header, "targets are read back all the same, unless the connector says verify: never or cannot read", "spec", "onEnd", "verifyRemoved")
	}
	c.denies(&r.Header, "who takes it never reviews it", "spec", "bypass", "reviewers", "excludeSubject")
	c.denies(&r.Header, "who takes it never reviews it", "spec", "bypass", "reviewers", "excludeAuthor")
}

// The types of role that are held by rule, and those that people ask for.
var (
	byRule   = []schema.RoleType{schema.Birthright, schema.NHI}
	byAsking = []schema.RoleType{schema.Requestable, schema.JIT, schema.BreakGlass}
)

// readBy says of which types of role a field is read that not all read.
var readBy = map[string][]schema.RoleType{
	"assign": byRule, "eligible": byAsking, "ticket": byAsking, "duration": byAsking, "concurrent": byAsking,
	"approval": {schema.Requestable, schema.JIT}, "bypass": {schema.BreakGlass},
}

// denies reports a field that is written as false, of what is true in any case.
func (c *compiler) denies(h *Header, because string, path ...string) {
	above := h.at.find(path[:len(path)-1]...)
	if n := child(above, path[len(path)-1]); n != nil && n.Value == "false" && h.at.find(path...) == n {
		c.idle(h, path, because, "write true, or leave it out")
	}
}

// idleFlow reports what no approval goes by.
func (c *compiler) idleFlow(f *ApprovalFlow) {
	c.denies(&f.Header, "nobody agrees twice", "spec", "rules", "distinctApprovers")
}

// idleTrigger reports what a trigger does not go by.
func (c *compiler) idleTrigger(set *TriggerSet, i int, t *compiledTrigger) {
	path := func(field string) []string { return in("spec", "triggers", nth(i), field) }
	if t.Silence != nil && len(t.topics) == 0 {
		c.idle(&set.Header, path("silence"), "nothing that it looks at is told by signals", "leave it out; of sources that fall silent freshness tells")
	}
	if t.Grace > 0 && slices.Contains([]string{actionHold, actionRotate}, t.Action) {
		c.idle(&set.Header, path("grace"), "it takes nothing away that could be left for a time", "leave it out")
	}
	if t.FailClosed && slices.Equal(t.On, []string{"event"}) {
		c.idle(&set.Header, path("failClosed"), "it fires on what happens, and not on what is so", "leave it out, or write on: [event, sweep]")
	}
}

// idleSource reports what a source of signals, which tells of nobody, does not go by.
func (c *compiler) idleSource(s *Source) {
	if s.Spec.Protocol != ProtocolSignals {
		return
	}
	for _, f := range []struct {
		field   string
		written bool
	}{
		{"scope", s.Spec.Scope != ""},
		{"correlateBy", len(s.Spec.CorrelateBy) > 0},
		{"timeZone", s.Spec.TimeZone != ""},
	} {
		if f.written {
			c.idle(&s.Header, in("spec", f.field), "signals tell of tickets, machines and risks, and of nobody's being there", "leave it out")
		}
	}
}
