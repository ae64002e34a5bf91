package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"drawbridge/schema"
)

// Compile makes a book of a set. Its findings are those beyond what Load found;
// for what is refused, both count. A role with an error is refused by itself:
// the others are in force. So is a source. A connector or policy set with an
// error observes, whatever mode it asks for. CodeIdle refuses roles alone.
func Compile(set *Set) (*Book, Findings) { return newCompiler(set).compile() }

func newCompiler(set *Set) *compiler {
	return &compiler{set: set, bad: map[string]bool{}, read: map[string]reading{}, book: &Book{
		set: set, digest: digest(set), sources: map[string]*Source{}, scopes: map[string]*rule{}, views: map[string]view{},
		connectors: map[string]*connector{}, byName: map[string]*compiledRole{}, ending: map[string]*compiledRole{},
		conditions: map[string]*rule{}, requirements: map[string]*rule{}, valid: map[string]*rule{}, admitting: map[string]*rule{},
	}}
}

func (c *compiler) compile() (*Book, Findings) {
	set, misread := c.set, map[string]bool{}
	for _, f := range set.found {
		misread[f.Object] = misread[f.Object] || f.Severity == Error
	}
	maps.Copy(c.bad, misread)
	for _, d := range set.documents() {
		c.owned(d.header())
	}
	c.policySet()
	c.catalogues()
	c.sources()
	c.flows()
	sets := c.triggerSets()
	for _, r := range set.Roles {
		c.role(r, sets)
	}
	c.registers()
	c.register()
	c.overlaps()
	c.tests()
	// What a document seems to lack is not said of one that was not read as written.
	c.found = slices.DeleteFunc(c.found, func(f Finding) bool { return f.Object != "" && misread[f.Object] })
	c.book.wrong = slices.Concat(set.found, c.found).decisive()
	c.admit(misread)
	c.enrol()
	c.book.govern()
	c.book.settleTold()
	c.book.settleNeeds()
	c.book.settleBarriers()
	c.book.places, c.book.index = map[string]int{}, newIndex(c.book.roles)
	for i, r := range c.book.roles {
		c.book.places[r.Metadata.Name] = i
	}
	return c.book, c.book.Accept(c.found.sorted())
}

// A compiler gathers what is wrong on the way from a set to a book.
type compiler struct {
	set      *Set
	book     *Book
	found    Findings
	bad      map[string]bool // documents with an error, by Kind/NAME
	salvages bool            // sources and targets are as they are written, and no role is in force
	compiled []*compiledRole
	read     map[string]reading // the rules, by what they may read and their text
}

// report adds a finding about a document, at a path in it.
func (c *compiler) report(h *Header, code Code, path []string, format string, args ...any) *reported {
	f := h.at.at(finding(code, h.Ref(), format, args...), path...)
	c.found = append(c.found, f)
	c.bad[h.Ref()] = c.bad[h.Ref()] || f.Severity == Error && (code != CodeIdle || h.Kind == "Role")
	return (*reported)(&c.found[len(c.found)-1])
}

func in(path ...string) []string { return path }

func nth(i int) string { return strconv.Itoa(i) }

// rule compiles the rule at a path of a document, and reports what is wrong.
func (c *compiler) rule(h *Header, path []string, text string, variables ...string) *rule {
	r, faults := c.once(text, variables)
	for _, f := range faults {
		message := path[len(path)-1] + ": " + f.message
		finding := h.at.inside(finding(f.code, h.Ref(), "%s", message), h.at.find(path...), f.line, f.col)
		finding.Hint = f.hint
		c.found = append(c.found, finding)
		c.bad[h.Ref()] = true
	}
	return r
}

// A reading is what came of compiling a rule.
type reading struct {
	rule   *rule
	faults []fault
}

// once compiles a rule that several documents may say.
func (c *compiler) once(text string, variables []string) (*rule, []fault) {
	key := strings.Join(variables, " ") + "\n" + text
	read, known := c.read[key]
	if !known {
		read.rule, read.faults = c.book.language.compile(text, variables...)
		c.read[key] = read
	}
	return read.rule, read.faults
}

// policySet reads the ceiling over everything. Without one there is nothing that
// rules may read but the fixed attributes, and nothing more than observe.
func (c *compiler) policySet() {
	if c.book.language == nil {
		c.book.language = newLanguage(c.book.declared())
	}
	p := c.set.Policy
	if p == nil {
		f := finding(CodeKind, "PolicySet/", "there is no PolicySet").hint("one document of the folder is to say what rules may read")
		f.File = "."
		c.found = append(c.found, f)
		return
	}
	for name := range p.Spec.Identity {
		if slices.Contains(fixedAttributes, name) {
			c.report(&p.Header, CodeDup, in("spec", "identity", name), "attribute %q is always there", name)
		}
	}
	c.publication(p)
	c.clocks(p)
	c.retention(p)
	if c.sound(p.Ref()) {
		c.book.mode = p.Spec.Mode
	}
}

// owned reports a document that nobody answers for.
func (c *compiler) owned(h *Header) {
	switch owner := h.Metadata.Owner; {
	case owner.User == "":
		c.report(h, CodeOwner, in("metadata"), "nobody owns %s", h.Ref()).hint("name metadata.owner.user, and a deputy")
	case owner.Deputy == "":
		c.report(h, CodeDeputy, in("metadata", "owner"), "nobody stands in for the owner of %s", h.Ref()).hint("name metadata.owner.deputy")
	}
}

// sources approves the sources whose documents are in order.
func (c *compiler) sources() {
	b := c.book
	for _, s := range c.set.Sources {
		if s.Spec.Scope != "" {
			if scope := c.rule(&s.Header, in("spec", "scope"), s.Spec.Scope, "identity", "workload"); scope != nil {
				c.constant(&s.Header, in("spec", "scope"), scope, "")
				b.scopes[s.Metadata.Name] = scope
			}
		}
		if s.Metadata.Name == RegisterSource {
			c.report(&s.Header, CodeDup, in("metadata", "name"), "source %q is the register of machine identities", RegisterSource).hint("give it another name")
		}
		if ref := s.Spec.Credential.Ref; ref != "" && !referenceForm.MatchString(ref) { // what stands there may be the secret itself
			c.report(&s.Header, CodeSecret, in("spec", "credential", "ref"), "ref of the credential of source %q is no reference", s.Metadata.Name).
				hint("write where the secret is kept, as in env:HR_TOKEN, and change the secret if this was it")
		}
		c.topics(s)
		c.idleSource(s)
		c.zones(s)
		if c.sound(s.Ref()) {
			b.sources[s.Metadata.Name] = s
		}
	}
	b.sources[RegisterSource] = registerSource()
	for name := range b.sources {
		b.views[name] = b.viewOf(name)
		b.brakes = b.brakes || b.Braked(name)
	}
	if c.set.Policy == nil {
		return
	}
	for attribute, a := range c.set.Policy.Spec.Identity {
		for i, from := range a.From {
			if !slices.ContainsFunc(c.set.Sources, func(s *Source) bool { return s.Metadata.Name == from }) {
				c.report(&c.set.Policy.Header, CodeSource, in("spec", "identity", attribute, "from", nth(i)), "attribute %s is from source %q, and there is none", attribute, from).
					hint("write a Source document of that name")
			}
		}
	}
}

// topics checks what a source of signals tells of.
func (c *compiler) topics(s *Source) {
	if s.Spec.Protocol != ProtocolSignals {
		return
	}
	known := []string{"*", string(schema.TopicTicket), string(schema.TopicWorkload), string(schema.TopicRisk), string(schema.TopicUse)}
	if len(s.Spec.AuthoritativeFor) == 0 {
		c.report(&s.Header, CodeEmpty, in("spec"), "source %q tells of nothing", s.Metadata.Name).hint("write authoritativeFor: ticket, workload, risk or use")
	}
	for i, topic := range s.Spec.AuthoritativeFor {
		if !slices.Contains(known, topic) {
			c.report(&s.Header, CodeDecode, in("spec", "authoritativeFor", nth(i)), "no signal is about %q", topic).hint("ticket, workload, risk or use")
		}
	}
}

// flows checks who approves, as far as it can be seen without identities.
func (c *compiler) flows() {
	for _, f := range c.set.Flows {
		if len(f.Spec.Stages) == 0 {
			c.report(&f.Header, CodeApprover, in("spec", "stages"), "nobody approves")
		}
		for i, stage := range f.Spec.Stages {
			if len(stage.Approvers) == 0 || slices.Contains(stage.Approvers, Approver{}) {
				c.report(&f.Header, CodeApprover, in("spec", "stages", nth(i)), "stage %d has nobody who approves", i+1)
			} else if most, open := stage.most(); !open && stage.Needs() > most {
				c.report(&f.Header, CodeApprover, in("spec", "stages", nth(i), "min"), "stage %d needs %d to agree, and names %d at most", i+1, stage.Needs(), most).
					hint("name more, or a group")
			}
		}
		if f.Spec.Rules.SelfApproval {
			c.report(&f.Header, CodeSelf, in("spec", "rules", "selfApproval"), "people may approve what they ask for themselves")
		}
		c.idleFlow(f)
		if text := f.Spec.Rules.ApproverMustBe; text != "" {
			if condition := c.rule(&f.Header, in("spec", "rules", "approverMustBe"), text, "approver", "identity", "now"); condition != nil {
				c.constant(&f.Header, in("spec", "rules", "approverMustBe"), condition, CodeEveryone)
				c.book.conditions[f.Metadata.Name] = condition
			}
		}
	}
}

// triggerSets compiles what ends access. A set with an error is nil: roles that
// rely on it are refused.
func (c *compiler) triggerSets() map[string][]*compiledTrigger {
	sets := map[string][]*compiledTrigger{}
	for _, set := range c.set.Triggers {
		var triggers []*compiledTrigger
		if set.Spec.Triggers != nil && len(set.Spec.Triggers) == 0 {
			c.report(&set.Header, CodeEmpty, in("spec", "triggers"), "trigger set %q ends nothing", set.Metadata.Name).hint("write a trigger with when and action")
		}
		for i, t := range set.Spec.Triggers {
			if t.When == "" {
				c.bad[set.Ref()] = true // that it is missing was reported when it was read
				continue
			}
			path := in("spec", "triggers", nth(i), "when")
			r := c.rule(&set.Header, path, t.When, "identity", "grant", "ticket", "workload", "risk", "account", "event", "now")
			if r == nil {
				continue
			}
			c.constant(&set.Header, path, r, CodeEveryone)
			if t.On != nil && len(t.On) == 0 {
				c.report(&set.Header, CodeDecode, in("spec", "triggers", nth(i), "on"), "trigger %q is asked at no time", t.Name).hint("write on: [event, sweep]")
			}
			if r.names["event"] && !slices.Equal(t.On, []string{"event"}) {
				c.report(&set.Header, CodeEvent, path, "trigger %q reads an event, and also runs when there is none", t.Name).hint("write on: [event]")
			}
			compiled := c.trigger(t, set.Metadata.Name+"/"+t.Name, r)
			c.idleTrigger(set, i, compiled)
			triggers = append(triggers, compiled)
		}
		if c.bad[set.Ref()] {
			triggers = nil
		}
		sets[set.Metadata.Name] = triggers
	}
	return sets
}

// admit puts the roles without an error into force, and lists the others.
func (c *compiler) admit(misread map[string]bool) {
	for _, r := range c.compiled {
		if c.bad[r.Ref()] || c.salvages {
			c.refuse(r, misread[r.Ref()])
			continue
		}
		c.book.roles = append(c.book.roles, r)
		c.book.byName[r.Metadata.Name] = r
	}
}
