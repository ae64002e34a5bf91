package policy

import (
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
// and so is what it rests on. Whatever says who somebody is, or what the next policy takes,
// is beyond any clearance: with it one could give all the rest.

// severities are the words for how much something puts at risk, from the least.
var severities = []string{"low", "moderate", "high", "critical"}

// severity is where a word for risk stands among them; of what nobody wrote, last.
func severity(word string) int {
	if i := slices.Index(severities, word); i >= 0 {
		return i
	}
	return len(severities)
}

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
// says the same, and of which something else is wrong, differs: it comes into force, or goes
// out of it, by what another document says. There is none where this one says nothing of
// clearance.
func (b *Book) Beyond(to *Book) (refs []string) {
	if b.Publication().Clearance == "" {
		return nil
	}
	c := newClearance(b, to)
	was, is := b.set.byRef(), to.set.byRef()
	wrong, now := b.codes(), to.codes()
	for _, ref := range slices.Sorted(maps.Keys(merged(was, is))) {
		differs := said(was[ref]) != said(is[ref]) || wrong[ref] != now[ref]
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

// codes returns of the documents with errors the codes of these.
func (b *Book) codes() map[string]string {
	codes := map[string][]string{}
	for _, f := range b.wrong {
		codes[f.Object] = append(codes[f.Object], string(f.Code))
	}
	refs := map[string]string{}
	for ref, some := range codes {
		slices.Sort(some)
		refs[ref] = strings.Join(some, " ")
	}
	return refs
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
}

func newClearance(books ...*Book) clearance {
	c := clearance{books: books, entitlements: map[string]bool{}, roles: map[string]bool{}, rests: map[string]bool{}}
	cleared := severity(books[0].Publication().Clearance)
	targets := map[string]bool{} // by connector and what it is called there: an entry may get another name
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
		if e.Privileged || severity(e.Risk) > cleared {
			targets[target] = true
		}
	})
	each(func(ref, target string, _ Entitlement) {
		if targets[target] {
			c.entitlements[ref] = true
		}
	})
	for _, b := range books {
		for _, r := range b.set.Roles {
			if !slices.ContainsFunc(refsOf(r), c.reaches) {
				continue
			}
			c.roles[r.Metadata.Name] = true
			c.rests["ApprovalFlow/"+r.Spec.Approval] = true
			for _, set := range r.Spec.Triggers {
				c.rests["TriggerSet/"+set] = true
			}
		}
	}
	return c
}

// plainly writes what something is called at its target as targets compare it that care for
// neither case nor spaces.
func plainly(target string) string { return strings.ToLower(strings.Join(strings.Fields(target), "")) }

// reaches reports whether something beyond comes with an entitlement, by any of the policies.
func (c clearance) reaches(ref string) bool {
	return slices.ContainsFunc(c.books, func(b *Book) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(b.effective(ref))), func(ref string) bool { return c.entitlements[ref] })
	})
}

// beyond reports whether a document that was one thing and is another, or was not or is not
// there, is about more than they are cleared for.
func (c clearance) beyond(was, is document) bool {
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
// itself or of the connector that has it; or where nothing is, whether it has something.
func (c clearance) catalogue(was, is document) bool {
	entries := func(d document) (map[string]Entitlement, string) {
		doc, ok := d.(*Connector)
		if !ok {
			return nil, ""
		}
		all := map[string]Entitlement{}
		for _, e := range doc.Spec.Entitlements {
			all[doc.Metadata.Name+"/"+e.ID] = e
		}
		rest := *doc
		rest.Spec.Entitlements = nil
		return all, said(&rest)
	}
	before, rest := entries(was)
	after, now := entries(is)
	all := rest != now || said(was) == said(is)
	for _, some := range []map[string]Entitlement{before, after} {
		for ref := range some {
			if c.reaches(ref) && (all || said(before[ref]) != said(after[ref])) {
				return true
			}
		}
	}
	return false
}

// constraint reports whether one is about something beyond.
func (c clearance) constraint(k *Constraint) bool {
	about := slices.Concat(append(slices.Clone(k.Spec.Conflict), k.Spec.AppliesTo.Entitlements)...)
	return k.Spec.AppliesTo.Privileged || slices.ContainsFunc(about, c.reaches)
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
