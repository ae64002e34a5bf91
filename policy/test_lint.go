package policy

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// tests checks what tests name, and reports roles of which none expects that
// somebody has them, or none that somebody does not. One that is refused has more
// urgent needs.
func (c *compiler) tests() {
	var tested trials
	for _, t := range c.set.Tests {
		c.testFacts(t)
		c.testFeeds(t, in("spec"), t.Spec.Heard, t.Spec.Changed)
		c.testActs(t, in("spec"), t.Spec.When, t.Spec.Holders)
		c.testRegisters(t, in("spec"), t.Spec.Waived, t.Spec.Taken)
		c.testExpects(t, in("spec", "expect"), t.Spec.Expect)
		for i, m := range t.Spec.Then {
			path := in("spec", "then", nth(i))
			c.testFeeds(t, path, m.Heard, m.Changed)
			c.testActs(t, path, m.When, m.Holders)
			c.testRegisters(t, path, m.Waived, m.Taken)
			c.testExpects(t, append(path, "expect"), m.Expect)
		}
		for i, role := range t.Spec.Buried {
			c.testRole(t, in("spec", "buried", nth(i)), role)
		}
		for i, f := range t.Spec.Firing {
			c.testRole(t, in("spec", "firing", nth(i), "role"), f.Role)
			c.testTrigger(t, in("spec", "firing", nth(i), "trigger"), f.Trigger)
		}
		for i, g := range t.Spec.Grants {
			c.testRole(t, in("spec", "grants", nth(i), "role"), g.Role)
		}
		if !tested.add(t) {
			c.report(&t.Header, CodeEmpty, in("spec", "expect"), "test %q expects nothing", t.Metadata.Name).hint("write what must come of it in spec.expect")
		}
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
	c.known(&t.Header, under("reaches"), x.Reaches)
	c.known(&t.Header, under("targets"), x.Targets)
	for ref := range x.Modes {
		if _, ok := c.book.byRef(ref); !ok {
			c.report(&t.Header, CodeEntitlement, under("modes", ref), "no catalogue has %q", ref)
		}
	}
	for role := range x.Until {
		c.testRole(t, under("until", role), role)
	}
	for field, fired := range map[string][]TestFired{"fired": x.Fired, "pending": x.Pending} {
		for i, f := range fired {
			c.testRole(t, under(field, nth(i), "role"), f.Role)
			c.testTrigger(t, under(field, nth(i), "trigger"), f.Trigger)
		}
	}
	for i, name := range x.Breaks {
		c.testConstraint(t, under("breaks", nth(i)), name)
	}
	for field, names := range map[string][]string{"excepted": x.Excepted, "lookAgain": x.LookAgain} {
		for i, name := range names {
			c.testException(t, under(field, nth(i)), name)
		}
	}
	for i, rule := range x.Dominated {
		c.testRule(t, under("dominated", nth(i)), rule)
	}
	for i, role := range x.Undrilled {
		c.testGlass(t, under("undrilled", nth(i)), role)
	}
	for i, id := range x.Risks {
		if !slices.Contains(RiskIDs(), id) {
			c.report(&t.Header, CodeDecode, under("risks", nth(i)), "there is no risk %q", id).hint("NHI1:2025 to NHI10:2025")
		}
	}
}

func (c *compiler) testConstraint(t *Test, path []string, name string) {
	if !slices.ContainsFunc(c.set.Registers.Constraints, func(k *Constraint) bool { return k.Metadata.Name == name }) {
		c.report(&t.Header, CodeDecode, path, "there is no constraint %q", name)
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
		"indeterminate": x.Indeterminate, "suspended": x.Suspended, "held": x.Held, "blocked": x.Blocked, "quarantined": x.Quarantined,
	}
}

// trials are the roles that tests expect of somebody, and of somebody not. An
// expectation of all that somebody has says of every other role that they do not.
type trials struct {
	got, lost []string
	all       [][]string
}

// add reports whether a test expects anything at all.
func (s *trials) add(t *Test) (said bool) {
	said = s.expects(t.Spec.Expect)
	for _, m := range t.Spec.Then {
		said = s.expects(m.Expect) || said
	}
	return said
}

// expects reports whether anything is expected.
func (s *trials) expects(x Expectation) bool {
	s.got = append(s.got, slices.Concat(x.Assigned, x.Eligible)...)
	s.lost = append(s.lost, slices.Concat(x.NotAssigned, x.NotEligible, x.Suspended, x.Blocked)...)
	for _, f := range x.Fired {
		s.lost = append(s.lost, f.Role)
	}
	if x.Assigned != nil {
		s.all = append(s.all, x.Assigned)
	}
	return !reflect.ValueOf(x).IsZero()
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
	for _, name := range slices.Sorted(maps.Keys(t.Spec.People)) {
		c.testPart(t, in("spec", "people", name), "identity", s.identity, t.Spec.People[name])
	}
	for i, m := range t.Spec.Then {
		path := func(name string) []string { return in("spec", "then", nth(i), name) }
		c.testPart(t, path("identity"), "identity", s.identity, m.Identity)
		c.testPart(t, path("ticket"), "ticket", s.ticket, m.Ticket)
		c.testPart(t, path("workload"), "workload", s.workload, m.Workload)
		c.testPart(t, path("account"), "account", s.account, m.Account)
		c.testPart(t, path("risk"), "risk", s.risk, m.Risk)
		c.testMachine(t, path("nhi"), m.NHI)
		for _, name := range slices.Sorted(maps.Keys(m.People)) {
			c.testPart(t, append(path("people"), name), "identity", s.identity, m.People[name])
		}
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
	_, unknown, wrong := objectOf(s, values, time.UTC) // in any zone the same can be read
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

// machineTriggers are the triggers that no TriggerSet has to write.
var machineTriggers = []string{
	bondName, reviewName, SourceDeleted, triggerStopped, triggerRefused, triggerUnowned, triggerOrphaned, triggerGone,
	triggerClaims, triggerContract, triggerRotate,
}

// testTrigger checks that there is a trigger of a name.
func (c *compiler) testTrigger(t *Test, path []string, name string) {
	names := slices.Clone(machineTriggers)
	for _, set := range c.set.Triggers {
		for _, one := range set.Spec.Triggers {
			names = append(names, set.Metadata.Name+"/"+one.Name)
		}
	}
	if name == "" || slices.Contains(names, name) {
		return // that it is missing was reported when it was read
	}
	r := c.report(&t.Header, CodeDecode, path, "there is no trigger %q", name)
	if near := nearest(name, names); near != "" {
		r.hint("did you mean %q?", near)
	}
}

// testFeeds checks what a test says of who was heard, and of what changed.
func (c *compiler) testFeeds(t *Test, path []string, heard map[string]time.Time, changed []string) {
	for name := range heard {
		topic, of, _ := strings.Cut(name, "/")
		_, connected := c.book.connectors[of]
		_, approved := c.book.sources[of]
		switch {
		case of == "" && slices.Contains([]string{"ticket", "workload", "risk"}, topic):
		case topic == "use" && connected, topic == "source" && approved:
		default:
			c.report(&t.Header, CodeDecode, append(slices.Clone(path), "heard", name), "nobody is heard of %q", name).
				hint("ticket, workload, risk, use/CONNECTOR or source/NAME")
		}
	}
	names := c.book.language.shapes.identity.names()
	for i, name := range changed {
		if !slices.Contains(names, name) {
			c.report(&t.Header, CodeField, append(slices.Clone(path), "changed", nth(i)), "identity has no attribute %q", name)
		}
	}
}
