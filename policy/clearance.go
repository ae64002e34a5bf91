package policy

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Whoever may agree to policies could have one agreed to that gives somebody what is not
// theirs to give. So a policy may say for how much risk they are cleared who agree to the
// next one (publication.clearance), and who has to agree besides where that is about more
// (publication.escalate).
//
// What it is about is told by its documents, and not by what they say alone: a role is as
// much of a risk as the most that comes with what it gives, by this policy or by the next,
// and so is what it rests on, and what keeps it from somebody. Whatever says who somebody is,
// or what the next policy takes, is beyond any clearance: with it one could give all the rest.

// Escalation returns how many must agree besides where the next policy is about more than
// those are cleared for who agree to it; none where no clearance is said.
func (p Publication) Escalation() int {
	if p.Clearance == "" || p.Escalate.Group == "" {
		return 0
	}
	return max(1, p.Escalate.Min)
}

// Beyond returns of the documents in which another policy differs from this one those, as
// KIND/NAME, that are beyond what those are cleared for who agree to it by this one. One that
// says the same differs where what comes of it does: it comes into force, or goes out of it, by
// what another document says. There is none where this one says nothing of clearance.
func (b *Book) Beyond(to *Book) (refs []string) {
	if b.Publication().Clearance == "" {
		return nil
	}
	c := newClearance(b, to)
	was, is := b.set.byRef(), to.set.byRef()
	wrong := b.wrongOtherwise(to)
	for _, ref := range slices.Sorted(maps.Keys(merged(merged(was, is), wrong))) {
		_, differs := wrong[ref]
		differs = differs || said(was[ref]) != said(is[ref]) || b.comesOf(was[ref]) != to.comesOf(is[ref])
		if differs && c.beyond(was[ref], is[ref]) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// byRef returns the documents by kind and name.
func (s *Set) byRef() map[string]document {
	all := map[string]document{}
	for _, d := range s.documents() {
		all[d.header().Ref()] = d
	}
	return all
}

// wrongOtherwise returns of which documents something else is wrong in another policy. It is
// nil of what neither has, for it cannot be read; what is wrong with no document is not there.
func (b *Book) wrongOtherwise(to *Book) map[string]document {
	known, now := b.mistakes(), to.mistakes()
	was, is := b.set.byRef(), to.set.byRef()
	wrong := map[string]document{}
	for _, some := range []map[mistake]int{known, now} {
		for m := range some {
			if m.object != "" && known[m] != now[m] {
				wrong[m.object] = cmp.Or(was[m.object], is[m.object])
			}
		}
	}
	return wrong
}

// comesOf says what becomes of a role or a connector beside what it says: why the one is not
// in force, how far the other goes.
func (b *Book) comesOf(d document) string {
	switch d := d.(type) {
	case *Role:
		if r, refused := b.Refusal(d.Metadata.Name); refused {
			return r.Why()
		}
	case *Connector:
		if c, ok := b.connectors[d.Metadata.Name]; ok {
			return string(c.mode)
		}
	}
	return ""
}

func merged(some, more map[string]document) map[string]document {
	all := maps.Clone(some)
	maps.Copy(all, more)
	return all
}

// A clearance is what of two policies is beyond it.
type clearance struct {
	books        []*Book
	entitlements map[string]bool // connector/id, where it is itself
	roles        map[string]bool // by name
	rests        map[string]bool // ApprovalFlow/NAME and TriggerSet/NAME on which such a role rests
	along        map[string]bool // connector/id of all that comes with any of those
	barring      map[string]bool // connector/id of what a constraint names that is about any of those
}

func newClearance(books ...*Book) clearance {
	c := clearance{
		books: books, entitlements: beyondAt(books), roles: map[string]bool{}, rests: map[string]bool{},
		along: map[string]bool{}, barring: map[string]bool{},
	}
	for _, b := range books {
		c.comesAlong(slices.Collect(maps.Keys(c.entitlements)))
		for _, r := range b.set.Roles {
			if !slices.ContainsFunc(refsOf(r), c.reaches) {
				continue
			}
			c.roles[r.Metadata.Name] = true
			c.rests["ApprovalFlow/"+r.Spec.Approval] = true
			for _, set := range r.Spec.Triggers {
				c.rests["TriggerSet/"+set] = true
			}
			c.comesAlong(refsOf(r))
		}
	}
	for _, b := range books {
		for _, k := range b.set.Registers.Constraints {
			if c.constraint(k) {
				for _, ref := range k.names() {
					c.barring[ref] = true
				}
			}
		}
	}
	return c
}

// beyondAt returns the entries of catalogues, as connector/id, that are of more risk than those
// are cleared for who agree by the first of some policies. An entry may get another name: it is
// what it is called at its target.
func beyondAt(books []*Book) map[string]bool {
	cleared := RiskRank(books[0].Publication().Clearance)
	entries, targets := map[string]bool{}, map[string]bool{}
	each := func(look func(ref, target string, e Entitlement)) {
		for _, b := range books {
			for _, doc := range b.set.Connectors {
				for _, e := range doc.Spec.Entitlements {
					look(doc.Metadata.Name+"/"+e.ID, doc.Metadata.Name+"/"+plainly(e.Target), e)
				}
			}
		}
	}
	each(func(_, target string, e Entitlement) {
		if rank := RiskRank(e.Risk); e.Privileged || rank == 0 || rank > cleared {
			targets[target] = true
		}
	})
	each(func(ref, target string, _ Entitlement) {
		if targets[target] {
			entries[ref] = true
		}
	})
	return entries
}

// comesAlong notes all that comes with some entitlements, by any of the policies.
func (c clearance) comesAlong(refs []string) {
	for _, b := range c.books {
		for ref := range b.effective(refs...) {
			c.along[ref] = true
		}
	}
}

// reaches reports whether something beyond comes with an entitlement, by any of the policies.
func (c clearance) reaches(ref string) bool { return c.brings(ref, c.entitlements) }

// brings reports whether one of some entitlements comes with another, by any of the policies.
func (c clearance) brings(ref string, some map[string]bool) bool {
	return some[ref] || slices.ContainsFunc(c.books, func(b *Book) bool {
		for with := range b.effective(ref) {
			if some[with] {
				return true
			}
		}
		return false
	})
}

// beyond reports whether a document that was one thing and is another, or was not or is not
// there, is about more than they are cleared for.
func (c clearance) beyond(was, is document) bool {
	if was == nil && is == nil {
		return true // nobody can tell what it would have been
	}
	for _, d := range []document{was, is} {
		switch d := d.(type) {
		case nil:
		case *Role:
			return c.roles[d.Metadata.Name]
		case *Connector:
			return c.catalogue(was, is)
		case *ApprovalFlow, *TriggerSet:
			return c.rests[d.header().Ref()]
		case *Constraint:
			if c.constraint(d) {
				return true
			}
		case *Exception:
			if c.exception(d) {
				return true
			}
		default: // whoever says who somebody is says what they have
			return true
		}
	}
	return false
}

// catalogue reports whether something beyond is said otherwise at a connector, of the entry
// itself or of the connector that has it; or where nothing is, whether it has something. What
// keeps something beyond from somebody is an entry that a constraint names: that is another one
// where the entry is.
func (c clearance) catalogue(was, is document) bool {
	before, rest := entries(was)
	after, now := entries(is)
	all := rest != now || said(was) == said(is)
	for _, some := range []map[string]string{before, after} {
		for ref := range some {
			differs := before[ref] != after[ref]
			if (all || differs) && c.reaches(ref) || differs && c.brings(ref, c.barring) {
				return true
			}
		}
	}
	return false
}

// entries returns what a connector says of each entry of its catalogue, by connector/id, be it
// there twice; and what it says besides.
func entries(d document) (all map[string]string, rest string) {
	doc, ok := d.(*Connector)
	if !ok {
		return nil, ""
	}
	all = map[string]string{}
	for _, e := range doc.Spec.Entitlements {
		all[doc.Metadata.Name+"/"+e.ID] += said(e)
	}
	bare := *doc
	bare.Spec.Entitlements = nil
	return all, said(&bare)
}

// constraint reports whether one is about something beyond: it bars by all that comes with what
// somebody would get, so it is also by what comes along with that.
func (c clearance) constraint(k *Constraint) bool {
	return k.Spec.AppliesTo.Privileged || slices.ContainsFunc(k.names(), func(ref string) bool { return c.along[ref] || c.reaches(ref) })
}

// names returns the entitlements, as connector/id, that a constraint is about.
func (k *Constraint) names() []string {
	return slices.Concat(append(slices.Clone(k.Spec.Conflict), k.Spec.AppliesTo.Entitlements)...)
}

// exception reports whether one lets somebody have something beyond: of what it waives alone
// that cannot always be told, and then it is.
func (c clearance) exception(e *Exception) bool {
	w := e.Spec.Waives
	switch {
	case w.Constraint != "":
		return slices.ContainsFunc(c.books, func(b *Book) bool {
			return slices.ContainsFunc(b.set.Registers.Constraints, func(k *Constraint) bool { return k.Metadata.Name == w.Constraint && c.constraint(k) })
		})
	case w.Role != "":
		return c.roles[w.Role]
	case w.Trigger != "":
		set, _, _ := strings.Cut(w.Trigger, "/")
		return c.rests["TriggerSet/"+set]
	}
	return true
}

// clearance checks what a policy set says of it.
func (c *compiler) clearance(set *PolicySet) {
	p := set.Spec.Publication
	at := func(field ...string) []string { return append(in("spec", "publication"), field...) }
	switch {
	case p.Clearance != "" && p.Escalate.Group == "":
		c.report(&set.Header, CodeApprover, at("clearance"), "what is beyond it takes others to agree, and nobody is named who could").
			hint("name them: escalate: { group: Security, min: 1 }")
	case p.Clearance == "" && p.Escalate.Group != "":
		c.idle(&set.Header, at("escalate"), "nobody wrote what those who agree are cleared for", "write clearance: low, moderate or high")
	}
	c.denies(&set.Header, "who wrote or proposed it never agrees to it", at("escalate", "excludeAuthor")...)
	c.denies(&set.Header, "it is about nobody in particular", at("escalate", "excludeSubject")...)
}
