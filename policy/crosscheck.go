package policy

import (
	"maps"
	"slices"
	"strings"
)

// maxException is how long an exception may last.
const maxException = 366 * day

// registers checks the documents that evaluation does not act on yet, for what
// they refer to and for what they must not lack.
func (c *compiler) registers() {
	for _, k := range c.set.Registers.Constraints {
		for i, side := range k.Spec.Conflict {
			c.known(&k.Header, in("spec", "conflict", nth(i)), side)
		}
		c.known(&k.Header, in("spec", "appliesTo", "entitlements"), k.Spec.AppliesTo.Entitlements)
		if k.Spec.Require != "" {
			if require := c.rule(&k.Header, in("spec", "require"), k.Spec.Require, "identity", "workload", "now"); require != nil {
				c.book.requirements[k.Metadata.Name] = require
			}
		}
		c.separated(k)
	}
	for _, e := range c.set.Registers.Exceptions {
		c.known(&e.Header, in("spec", "scope", "entitlements"), e.Spec.Scope.Entitlements)
		c.exception(e)
		if !c.bad[e.Ref()] {
			c.book.exceptions = append(c.book.exceptions, e)
		}
	}
}

// known reports entitlements that no catalogue has.
func (c *compiler) known(h *Header, path, refs []string) {
	for i, ref := range refs {
		if _, ok := c.book.byRef(ref); !ok {
			c.report(h, CodeEntitlement, append(slices.Clone(path), nth(i)), "no catalogue has %q", ref)
		}
	}
}

// separated refuses a role that by itself gives something of every side of a
// separation of duties, inherited entitlements included.
func (c *compiler) separated(k *Constraint) {
	if len(k.Spec.Conflict) < 2 {
		return
	}
	for _, r := range c.compiled {
		gives := c.book.effectiveOf(r.Role)
		breaks := !slices.ContainsFunc(k.Spec.Conflict, func(side []string) bool {
			return !slices.ContainsFunc(side, func(ref string) bool { _, ok := gives[ref]; return ok })
		})
		if breaks {
			c.report(&r.Header, CodeSOD, in("spec", "grants"), "role %q by itself breaks %q", r.Metadata.Name, k.Metadata.Name)
		}
	}
}

func (c *compiler) exception(e *Exception) {
	s := e.Spec
	switch {
	case s.Expires.IsZero():
		c.report(&e.Header, CodeExpiry, in("spec"), "exception %q never expires", e.Metadata.Name)
	case s.Expires.Sub(s.ApprovedAt) > maxException:
		c.report(&e.Header, CodeExpiry, in("spec", "expires"), "exception %q lasts longer than %s", e.Metadata.Name, Duration(maxException))
	}
	if len(s.Subjects) == 0 && s.Waives.Personal() || s.Reason == "" || len(s.ApprovedBy) == 0 || s.Waives == (Waiver{}) {
		c.report(&e.Header, CodeException, in("spec"), "exception %q must say what is waived, for whom, why, and who approved", e.Metadata.Name)
	}
	for i, approver := range s.ApprovedBy {
		same := func(name string) bool { return strings.EqualFold(name, approver) }
		if slices.ContainsFunc(s.Subjects, same) || same(e.Metadata.Owner.User) {
			c.report(&e.Header, CodeException, in("spec", "approvedBy", nth(i)), "exception %q is approved by whom it is for, or by its author", e.Metadata.Name).
				hint("name somebody else who allowed it")
		}
	}
	c.waiver(e)
}

func (c *compiler) isRole(name string) bool { return c.roleNamed(name) != nil }

// tests checks what tests name, and reports roles of which none expects that
// somebody has them, or none that somebody does not. One that is refused has more
// urgent needs.
func (c *compiler) tests() {
	var tested trials
	for _, t := range c.set.Tests {
		c.testFacts(t)
		c.testExpects(t, in("spec", "expect"), t.Spec.Expect)
		for i, m := range t.Spec.Then {
			c.testExpects(t, in("spec", "then", nth(i), "expect"), m.Expect)
		}
		for i, f := range t.Spec.Firing {
			c.testRole(t, in("spec", "firing", nth(i), "role"), f.Role)
		}
		for i, g := range t.Spec.Grants {
			c.testRole(t, in("spec", "grants", nth(i), "role"), g.Role)
		}
		tested.add(t)
	}
	for _, r := range c.set.Roles {
		if lacks, what := tested.lack(r.Metadata.Name); lacks != "" && !c.bad[r.Ref()] {
			c.report(&r.Header, CodeUntested, in("metadata", "name"), "no test expects %s role %q", lacks, r.Metadata.Name).
				hint("write a Test with it in expect.%s", what)
		}
	}
}

// testExpects checks what a test expects at one of its moments.
func (c *compiler) testExpects(t *Test, path []string, x Expectation) {
	under := func(steps ...string) []string { return append(slices.Clone(path), steps...) }
	for field, names := range x.named() {
		for i, name := range names {
			c.testRole(t, under(field, nth(i)), name)
		}
	}
	c.known(&t.Header, under("entitlements"), x.Entitlements)
	for i, f := range x.Fired {
		c.testRole(t, under("fired", nth(i), "role"), f.Role)
	}
	for i, f := range x.Pending {
		c.testRole(t, under("pending", nth(i), "role"), f.Role)
	}
	for i, id := range x.Risks {
		if !slices.Contains(RiskIDs(), id) {
			c.report(&t.Header, CodeDecode, under("risks", nth(i)), "there is no risk %q", id).hint("NHI1:2025 to NHI10:2025")
		}
	}
}

func (c *compiler) testRole(t *Test, path []string, name string) {
	if !c.isRole(name) {
		c.report(&t.Header, CodeDecode, path, "there is no role %q", name)
	}
}

// named returns what is expected of roles, by field.
func (x Expectation) named() map[string][]string {
	return map[string][]string{
		"assigned": x.Assigned, "notAssigned": x.NotAssigned, "eligible": x.Eligible, "notEligible": x.NotEligible,
		"indeterminate": x.Indeterminate, "suspended": x.Suspended, "held": x.Held,
	}
}

// trials are the roles that tests expect of somebody, and of somebody not. An
// expectation of all that somebody has says of every other role that they do not.
type trials struct {
	got, lost []string
	all       [][]string
}

func (s *trials) add(t *Test) {
	s.expects(t.Spec.Expect)
	for _, m := range t.Spec.Then {
		s.expects(m.Expect)
	}
}

func (s *trials) expects(x Expectation) {
	s.got = append(s.got, slices.Concat(x.Assigned, x.Eligible)...)
	s.lost = append(s.lost, slices.Concat(x.NotAssigned, x.NotEligible, x.Suspended)...)
	for _, f := range x.Fired {
		s.lost = append(s.lost, f.Role)
	}
	if x.Assigned != nil {
		s.all = append(s.all, x.Assigned)
	}
}

// lack returns what no test expects of a role, and the fields that would.
func (s *trials) lack(role string) (what, fields string) {
	got := slices.Contains(s.got, role)
	lost := slices.Contains(s.lost, role) || slices.ContainsFunc(s.all, func(all []string) bool { return !slices.Contains(all, role) })
	switch {
	case !got && !lost:
		return "anything of", "assigned, and one in expect.notAssigned"
	case !got:
		return "that anybody has", "assigned, or eligible"
	case !lost:
		return "that anybody loses, or does not get,", "notAssigned, or notEligible"
	}
	return "", ""
}

// testFacts checks that a test's facts are such as rules read.
func (c *compiler) testFacts(t *Test) {
	s := c.book.language.shapes
	for _, source := range slices.Sorted(maps.Keys(t.Spec.Sources)) {
		if _, approved := c.book.sources[source]; !approved {
			c.report(&t.Header, CodeSource, in("spec", "sources", source), "there is no source %q", source)
		}
		c.testPart(t, in("spec", "sources", source), "identity", s.identity, t.Spec.Sources[source])
	}
	for _, part := range []struct {
		name   string
		shape  *shape
		values map[string]any
	}{
		{"identity", s.identity, t.Spec.Identity}, {"ticket", s.ticket, t.Spec.Ticket},
		{"workload", s.workload, t.Spec.Workload}, {"account", s.account, t.Spec.Account}, {"risk", s.risk, t.Spec.Risk},
	} {
		c.testPart(t, in("spec", part.name), part.name, part.shape, part.values)
	}
	c.testMachine(t, in("spec", "nhi"), t.Spec.NHI)
	for i, m := range t.Spec.Then {
		path := func(name string) []string { return in("spec", "then", nth(i), name) }
		c.testPart(t, path("identity"), "identity", s.identity, m.Identity)
		c.testPart(t, path("ticket"), "ticket", s.ticket, m.Ticket)
		c.testPart(t, path("workload"), "workload", s.workload, m.Workload)
		c.testPart(t, path("account"), "account", s.account, m.Account)
		c.testPart(t, path("risk"), "risk", s.risk, m.Risk)
		c.testMachine(t, path("nhi"), m.NHI)
	}
}

// testMachine checks that the register has the machine that a test is about.
func (c *compiler) testMachine(t *Test, path []string, m *TestMachine) {
	if m == nil || m.Name == "" {
		return
	}
	names := []string{}
	for _, n := range c.set.Registers.NHIs {
		names = append(names, n.Metadata.Name)
	}
	if !slices.Contains(names, m.Name) {
		r := c.report(&t.Header, CodeDecode, append(path, "name"), "there is no NHI %q", m.Name)
		r.hint("write an NHI document of that name")
		if near := nearest(m.Name, names); near != "" {
			r.hint("did you mean %q?", near)
		}
	}
}

// testPart checks what a test says of one of the things that rules read.
func (c *compiler) testPart(t *Test, path []string, what string, s *shape, values map[string]any) {
	_, unknown, wrong := objectOf(s, values)
	for _, name := range unknown {
		r := c.report(&t.Header, CodeField, append(slices.Clone(path), name), "%s has no attribute %q", what, name)
		if near := nearest(name, s.names()); near != "" {
			r.hint("did you mean %q?", near)
		}
	}
	if wrong != nil {
		c.report(&t.Header, CodeDecode, path, "%v", wrong)
	}
}

// readsAny reports whether the rule reads an attribute whose name begins so.
func (r *rule) readsAny(prefixes ...string) bool {
	return slices.ContainsFunc(r.reads, func(read read) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(read.name, p) })
	})
}
