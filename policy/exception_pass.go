package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Pass is what an exception allows one identity: to hold what a constraint forbids,
// to have a role whose rule does not match, or for longer than its template says, or
// that a trigger does not end it. Whom an exception is for, and whether it counts, is
// known to who gathers the facts.
type Pass struct {
	Exception string // exception/NAME of a document, exception/ID of one that was asked for
	Waives    Waiver
	Scope     Reach
	From      time.Time
	Until     time.Time
	Falls     bool // what it allowed stays at its end, as far as it needs no exception by then
}

// Live reports whether the pass allows anything at a time.
func (p Pass) Live(now time.Time) bool { return !now.Before(p.From) && now.Before(p.Until) }

// Admits reports whether its holder may have a role whose rule does not match.
func (p Pass) Admits(role string) bool { return p.Waives == Waiver{Role: role} }

// Extends reports for how long its holder may have a role, be it beyond what its
// template says.
func (p Pass) Extends(role string) (most time.Duration, ok bool) {
	w := p.Waives
	return time.Duration(w.Duration), w.Duration > 0 && w.Role == role
}

// Spares reports whether a trigger, by SET/NAME, does not end a role for its holder.
func (p Pass) Spares(trigger, role string) bool {
	w := p.Waives
	return w.Trigger == trigger && (w.Role == "" || w.Role == role)
}

// Rule names what is waived, as decisions name it: constraint/NAME, role/NAME,
// trigger/SET/NAME, gate/modes, lint/CODE/KIND/NAME or nhi/NAME/RISK. It is empty where nothing is,
// or several things at once.
func (w Waiver) Rule() string {
	switch w {
	case Waiver{}:
		return ""
	case Waiver{Constraint: w.Constraint}:
		return "constraint/" + w.Constraint
	case Waiver{Role: w.Role, Duration: w.Duration}, Waiver{Role: w.Role, Gate: w.Gate}:
		return "role/" + w.Role
	case Waiver{Trigger: w.Trigger, Role: w.Role}:
		return "trigger/" + w.Trigger
	case Waiver{Lint: w.Lint, Document: w.Document}:
		return "lint/" + string(w.Lint) + "/" + w.Document
	case Waiver{Gate: w.Gate, Document: w.Document}:
		return "gate/" + w.Gate
	case Waiver{NHI: w.NHI, Risk: w.Risk}:
		return "nhi/" + w.NHI + "/" + string(w.Risk)
	}
	return ""
}

// Personal reports whether what is waived is waived for somebody, and not of a document.
func (w Waiver) Personal() bool { return w.NHI == "" && w.Gate == "" && w.Lint == "" }

// admit returns the exception by which somebody may have a role whose rule does not
// match.
func (e *evaluation) admit(role string) (exception string, ok bool) {
	for _, p := range e.facts.Passes {
		if p.Admits(role) && p.Live(e.now) {
			return p.Exception, true
		}
	}
	return "", false
}

// spare reports whether an exception keeps a trigger from ending what somebody has. If it
// would have ended it, the exception is cited.
func (e *evaluation) spare(t *compiledTrigger, o occasion) bool {
	for _, p := range e.facts.Passes {
		if !p.Spares(t.name, o.role.Metadata.Name) || !p.Live(e.now) {
			continue
		}
		known, remembered := e.firing(o, t.name)
		holds := e.value(t, o, known, remembered) == yes
		if holds && t.passing { // what happened is asked about when the exception is over
			e.remember(schema.Firing{Trigger: t.name, Action: t.Action, Since: p.Until}, o)
		}
		if holds || e.silent(t, o) {
			e.cites = append(e.cites, p.Exception)
		}
		return true
	}
	return false
}

// PassesOf returns what the exceptions of the policy allow whoever goes by one of some
// names. Whether somebody is there who allowed them is not looked at.
func (b *Book) PassesOf(names ...string) (all []Pass) {
	for _, e := range b.exceptions {
		named := func(name string) bool {
			return slices.ContainsFunc(e.Spec.Subjects, func(s string) bool { return strings.EqualFold(s, name) })
		}
		if e.Spec.Waives.Personal() && slices.ContainsFunc(names, named) {
			all = append(all, e.Pass())
		}
	}
	return all
}

// Pass returns what an exception allows whom it is for.
func (e *Exception) Pass() Pass {
	return Pass{
		Exception: "exception/" + e.Metadata.Name, Waives: e.Spec.Waives, Scope: e.Spec.Scope,
		From: e.Spec.ApprovedAt, Until: e.Spec.Expires, Falls: e.Spec.OnExpiry == "fallback",
	}
}

// LookBy returns when an exception of the policy is to be looked at again, and until when
// somebody has time for it, given when somebody did last; again is false of one that says
// nothing of it.
func (e *Exception) LookBy(last time.Time) (due, late time.Time, again bool) {
	says := e.Spec.Review
	if says == nil || says.Every <= 0 {
		return due, late, false
	}
	within := time.Duration(says.Within)
	if within == 0 {
		within = ReviewWithin
	}
	due = later(e.Spec.ApprovedAt, last).Add(time.Duration(says.Every))
	return due, due.Add(within), true
}

// Lapses reports whether it allows nothing once nobody looked at it in time.
func (e *Exception) Lapses() bool {
	says := e.Spec.Review
	return says != nil && (says.Overdue == schema.OverdueRevoke || says.Overdue == schema.OverdueSuspend)
}

// waiver checks that an exception waives one thing, which is there and may be waived.
func (c *compiler) waiver(e *Exception) {
	w := e.Spec.Waives
	wrong := func(field, format string, args ...any) *reported {
		path := in("spec", "waives")
		if field != "" {
			path = append(path, field)
		}
		return c.report(&e.Header, CodeException, path, format, args...)
	}
	if w != (Waiver{}) && w.Rule() == "" {
		wrong("", "exception %q waives several things at once", e.Metadata.Name).hint("write an Exception for each: constraint, role (with duration, or gate), trigger, lint and document, or nhi and risk")
		return
	}
	if w.Constraint == "" && !e.Spec.Scope.everything() {
		c.report(&e.Header, CodeException, in("spec", "scope"), "exception %q has a scope, and only a constraint is waived of some entitlements alone", e.Metadata.Name).
			hint("leave scope out, or waive less: a role's duration, a trigger of one role")
	}
	switch {
	case w.Constraint != "":
		if !slices.ContainsFunc(c.set.Registers.Constraints, func(k *Constraint) bool { return k.Metadata.Name == w.Constraint }) {
			wrong("constraint", "there is no constraint %q", w.Constraint)
		}
	case w.Gate != "":
		c.ungated(w, wrong)
	case w.Duration != 0 && w.Role == "":
		wrong("duration", "exception %q must say which role may be held for longer", e.Metadata.Name).hint("write waives: { role: NAME, duration: 30d }")
	case w.Trigger != "":
		c.spared(w, wrong)
	case w.Lint != "" || w.Document != "":
		c.pardoned(w, wrong)
	case (w.NHI == "") != (w.Risk == ""):
		wrong("", "exception %q must say of which machine identity which risk is accepted", e.Metadata.Name).hint("write waives: { nhi: NAME, risk: NHI9:2025 }")
	case w.NHI != "" && !slices.ContainsFunc(c.set.Registers.NHIs, func(n *NHI) bool { return strings.EqualFold(n.Metadata.Name, w.NHI) }):
		wrong("nhi", "there is no NHI %q", w.NHI)
	}
	if w.Role == "" {
		return
	}
	switch r := c.roleNamed(w.Role); {
	case r == nil:
		wrong("role", "there is no role %q", w.Role)
	case r.Spec.Type == schema.BreakGlass && w.Gate == "":
		wrong("role", "role %q is taken by what it says of a bypass, and by no exception", w.Role)
	case w.Duration != 0 && r.Spec.Duration == nil:
		wrong("duration", "role %q is held without an end, and by nobody for longer", w.Role)
	}
}

// spared checks that a trigger is there that an exception keeps from firing, and that it
// is none by which leavers lose what they have: nobody is excepted from leaving.
func (c *compiler) spared(w Waiver, wrong func(field, format string, args ...any) *reported) {
	i := slices.IndexFunc(c.book.triggers, func(t *compiledTrigger) bool { return t.name == w.Trigger })
	if i < 0 || w.Trigger == bondName {
		wrong("trigger", "there is no trigger %q", w.Trigger).hint("write SET/NAME, as in leaver/on-leave")
		return
	}
	if t := c.book.triggers[i]; t.FailClosed || t.Action == actionRevoke && t.rule.readsAny("identity.employment.", "identity.active") {
		wrong("trigger", "by trigger %q whoever leaves loses what they have, and nobody is excepted from that", w.Trigger)
	}
	set, _, _ := strings.Cut(w.Trigger, "/")
	if r := c.roleNamed(w.Role); r != nil && !slices.Contains(r.Spec.Triggers, set) {
		wrong("role", "role %q has no trigger set %q", w.Role, set)
	}
}

// ungated checks that an exception says of which role which gate is passed, or of the policy
// set that it is of all.
func (c *compiler) ungated(w Waiver, wrong func(field, format string, args ...any) *reported) {
	switch {
	case w.Gate != GateModes || (w.Role == "") == (w.Document == ""):
		wrong("", "an exception must say of which role which gate is passed").hint("write waives: { gate: modes, role: NAME }, or of all of them { gate: modes, document: PolicySet/NAME }")
	case w.Document != "" && (c.set.Policy == nil || c.set.Policy.Ref() != w.Document):
		wrong("document", "there is no %s", w.Document).hint("write PolicySet/NAME")
	}
}

// pardoned checks that a warning about a document may be accepted. What refuses a
// document may not: that it is not automated is the point.
func (c *compiler) pardoned(w Waiver, wrong func(field, format string, args ...any) *reported) {
	switch {
	case w.Lint == "" || w.Document == "":
		wrong("", "an exception must say which warning about which document is accepted").hint("write waives: { lint: W-OVERLAP, document: Role/NAME }")
	case !slices.Contains(warnings, w.Lint):
		wrong("lint", "%s is no warning that could be accepted", w.Lint).hint("mend what an E code refuses; warnings are %s", joined(warnings))
	case !slices.ContainsFunc(c.set.documents(), func(d document) bool { return d.Ref() == w.Document }):
		wrong("document", "there is no %s", w.Document).hint("write KIND/NAME, as in Role/engineer")
	}
}

func joined(codes []Code) string {
	words := make([]string, len(codes))
	for i, code := range codes {
		words[i] = string(code)
	}
	return strings.Join(words, ", ")
}

func (c *compiler) roleNamed(name string) *Role {
	i := slices.IndexFunc(c.set.Roles, func(r *Role) bool { return r.Metadata.Name == name })
	if i < 0 {
		return nil
	}
	return c.set.Roles[i]
}

// warnings are the codes that somebody may accept of a document, for a time.
var warnings = []Code{
	CodeDeputy, CodeOverlap, CodeAlike, CodeRisk, CodeTicket, CodeUntested, CodeVendorReview, CodeFederate, CodeOverpowered, CodeStaticDeploy, CodeOldAge,
	CodeEnvironments, CodeReuse, CodeInteractively, CodeMatchesMost, CodeMatchesNone, CodeUnexplained, CodeNesting,
}

// An Acceptance is the exception by which a warning is accepted, and for how long.
type Acceptance struct {
	Exception string    `json:"exception"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
}

// Accept notes of warnings which exceptions accept them. Whether one does by now is for
// who reads them to see, who knows the time.
func (b *Book) Accept(all Findings) Findings {
	for i, f := range all {
		for _, e := range b.exceptions {
			if e.Spec.Waives != (Waiver{Lint: f.Code, Document: f.Object}) || b.Unanswered(e.Ref()) != "" {
				continue
			}
			if a := all[i].Accepted; a == nil || e.Spec.Expires.After(a.Until) {
				all[i].Accepted = &Acceptance{e.Metadata.Name, e.Spec.ApprovedAt, e.Spec.Expires}
			}
		}
	}
	return all
}

// Standing returns the findings that no exception accepts at a time.
func (fs Findings) Standing(now time.Time) Findings {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool {
		return f.Accepted != nil && !now.Before(f.Accepted.From) && now.Before(f.Accepted.Until)
	})
}

// words says by what a finding is accepted.
func (a *Acceptance) words() string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf(" [accepted until %s by exception %s]", a.Until.UTC().Format(time.DateOnly), a.Exception)
}

// Waiving returns who answers for what a waiver waives: the owner of the constraint, of
// the role, of the trigger's set or of the document; and false where there is no such.
func (b *Book) Waiving(w Waiver) (Owner, bool) {
	ref := w.Document
	set, _, _ := strings.Cut(w.Trigger, "/")
	switch {
	case w.Constraint != "":
		ref = "Constraint/" + w.Constraint
	case w.Trigger != "":
		ref = "TriggerSet/" + set
	case w.Role != "":
		ref = "Role/" + w.Role
	case w.NHI != "":
		ref = "NHI/" + w.NHI
	}
	for _, d := range b.set.documents() {
		if strings.EqualFold(d.Ref(), ref) {
			return d.header().Metadata.Owner, true
		}
	}
	return Owner{}, false
}

// Waivable returns nil where somebody may ask that something is waived for one identity.
func (b *Book) Waivable(w Waiver) error {
	c := &compiler{set: b.set, book: b, bad: map[string]bool{}}
	switch {
	case w == Waiver{}:
		return fmt.Errorf("say what is to be waived: a constraint, a role or a trigger: %w", schema.ErrInvalid)
	case w.Role != "" && b.byName[w.Role] == nil:
		return fmt.Errorf("role %s: %w", w.Role, schema.ErrNotFound)
	}
	c.waiver(&Exception{Header: Header{Kind: "Exception"}, Spec: ExceptionSpec{Waives: w}})
	switch {
	case len(c.found) == 0:
		return nil
	case strings.HasPrefix(c.found[0].Message, "there is no "):
		return fmt.Errorf("%s: %w", c.found[0].Message, schema.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", c.found[0].Message, schema.ErrForbidden)
}
