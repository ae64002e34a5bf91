package policy

import (
	"slices"
	"strings"

	"drawbridge/schema"
)

// A role that is refused gives nothing to anybody new, and its rule takes nothing: what
// people hold by it stays until it is mended or removed. But nobody holds it beyond the
// reasons to end it that its document states, and that are sound: a set of triggers with an
// error is no reason, and neither is a role whose triggers would take it from everybody.

// A Refusal is a role that is not automated, for what its template lacks.
type Refusal struct {
	Role     string
	Codes    []string // sorted
	Findings Findings
}

// Why says that the role is refused, and for what.
func (r Refusal) Why() string {
	why := "role " + r.Role + " is refused"
	if len(r.Codes) > 0 {
		why += " (" + strings.Join(r.Codes, ", ") + ")"
	}
	return why
}

// Refused returns the roles that are not in force, by name, and why.
func (b *Book) Refused() []Refusal { return b.refused }

// Refusal returns why a role is not in force, if it is in the policy. Of a policy that
// cannot be read no role is.
func (b *Book) Refusal(role string) (Refusal, bool) {
	i := slices.IndexFunc(b.refused, func(r Refusal) bool { return r.Role == role })
	if i < 0 {
		return Refusal{Role: role}, b.unreadable != ""
	}
	return b.refused[i], true
}

// refuse lists a role as refused, with what still ends it.
func (c *compiler) refuse(r *compiledRole, misread bool) {
	refusal := Refusal{Role: r.Metadata.Name}
	for _, f := range slices.Concat(c.set.found, c.found) {
		if f.Object == r.Ref() && f.Severity == Error {
			refusal.Findings = append(refusal.Findings, f)
			refusal.Codes = append(refusal.Codes, string(f.Code))
		}
	}
	refusal.Codes = schema.Sorted(refusal.Codes...)
	refusal.Findings = refusal.Findings.sorted()
	c.book.refused = append(c.book.refused, refusal)
	if !c.salvages {
		c.book.ending[refusal.Role] = r.onlyEnding(misread)
	}
}

// onlyEnding returns a refused role with nothing but what takes it away. What its own
// document says of tickets counts only if that could be read.
func (r *compiledRole) onlyEnding(misread bool) *compiledRole {
	role, only := *r.Role, *r
	role.Spec.Review = nil // whose answers would give it anew
	only.Role, only.rule = &role, nil
	only.triggers = slices.DeleteFunc(slices.Clone(r.triggers), func(t *compiledTrigger) bool {
		return r.flaps || misread && t.name == bondName || t.Action != actionRevoke && t.Action != actionSuspend
	})
	return &only
}

// compiled returns a role in force, or a refused one with what still ends it; nil if the
// policy has neither.
func (b *Book) compiled(role string) *compiledRole {
	if r, ok := b.byName[role]; ok {
		return r
	}
	return b.ending[role]
}

// end applies what ends refused roles to whoever has them.
func (e *evaluation) end() {
	names := e.refused()
	for _, name := range names {
		r := e.book.ending[name]
		v := Verdict{Role: name, Type: r.Spec.Type, Mode: r.mode}
		e.cites, e.in.grant = nil, e.nothing
		if _, vetoed := e.held(r, &v, yes); vetoed {
			v.Cites = schema.Sorted(e.cites...)
			e.access.Verdicts = append(e.access.Verdicts, v)
		}
	}
	if len(names) > 0 {
		slices.SortStableFunc(e.access.Verdicts, func(a, b Verdict) int { return strings.Compare(a.Role, b.Role) })
		for _, fired := range [][]Fired{e.access.Fired, e.access.Pending} {
			slices.SortStableFunc(fired, func(a, b Fired) int { return strings.Compare(a.Role, b.Role) })
		}
	}
}

// refused returns the refused roles that the identity may have, by name.
func (e *evaluation) refused() (names []string) {
	if len(e.book.ending) == 0 {
		return nil
	}
	asked := slices.Clone(e.facts.About)
	for _, g := range e.facts.Grants {
		asked = append(asked, g.Role)
	}
	if e.only != nil {
		asked = e.asked
	}
	for _, name := range schema.Sorted(asked...) {
		if _, ok := e.book.ending[name]; ok {
			names = append(names, name)
		}
	}
	return names
}
