package policy

import (
	"maps"
	"slices"
	"strings"

	"drawbridge/schema"
)

// catalogues reads what can be held at each connector. An entry that cannot be
// meant is left out, so that a role which relies on it is refused.
func (c *compiler) catalogues() {
	for _, doc := range c.set.Connectors {
		one := &connector{doc: doc, byID: map[string]schema.Entitlement{}, byTarget: map[string]schema.Entitlement{}}
		for i, e := range doc.Spec.Entitlements {
			c.entitlement(one, i, e)
		}
		c.alike(one)
		c.book.connectors[doc.Metadata.Name] = one
		c.book.names = append(c.book.names, doc)
	}
	for _, doc := range c.set.Connectors {
		for i, e := range doc.Spec.Entitlements {
			c.conferred(doc, i, e)
		}
		if one := c.book.connectors[doc.Metadata.Name]; c.sound(doc.Ref()) {
			one.mode = doc.Spec.Mode
		}
	}
}

// entitlement reads one entry of a catalogue. One without an owner of its own is
// its connector's owner's.
func (c *compiler) entitlement(one *connector, i int, e Entitlement) {
	h, path := &one.doc.Header, in("spec", "entitlements", nth(i))
	if e.ID == "" || e.Target == "" {
		return // reported when it was read
	}
	if strings.ContainsAny(e.Target, "*?") {
		c.report(h, CodeWildcard, append(path, "target"), "target %q is a pattern", e.Target).hint("name the one thing that is meant")
		return
	}
	if _, twice := one.byID[e.ID]; twice {
		c.report(h, CodeDup, append(path, "id"), "entitlement %q is in the catalogue twice", e.ID)
		return
	}
	if other, twice := one.byTarget[e.Target]; twice {
		c.report(h, CodeDup, append(path, "target"), "target %q is also entitlement %q", e.Target, other.ID)
		return
	}
	if e.Risk == "" {
		c.report(h, CodeRisk, path, "nobody wrote how much entitlement %q puts at risk", e.ID).hint("write risk: low, moderate, high or critical")
	}
	owner := e.Owner
	if owner == "" {
		owner = h.Metadata.Owner.User
	}
	entry := schema.Entitlement{
		Connector: h.Metadata.Name, ID: e.ID, Target: e.Target, Owner: owner,
		Risk: e.Risk, Privileged: e.Privileged, Confers: slices.Clone(e.Confers), Environment: e.Environment,
	}
	one.byID[e.ID], one.byTarget[e.Target] = entry, entry
}

// alike warns of entries of one catalogue that may be one thing at their target. Some targets
// tell such names apart, so that neither is refused; at others whoever gets the entry of
// little risk has the one of much, and what is said of that one does not hold for it.
func (c *compiler) alike(one *connector) {
	first := map[string]Entitlement{}
	for i, e := range one.doc.Spec.Entitlements {
		if kept, ok := one.byTarget[e.Target]; !ok || kept.ID != e.ID {
			continue // it was left out
		}
		name := plainly(e.Target)
		if other, ok := first[name]; ok && other.Target != e.Target {
			c.report(&one.doc.Header, CodeAlike, in("spec", "entitlements", nth(i), "target"), "target %q may be the same there as %q, which is entitlement %q", e.Target, other.Target, other.ID).
				hint("keep one of the two, or accept it where the target tells them apart")
			continue
		}
		first[name] = e
	}
}

// conferred checks what an entitlement says it brings along.
func (c *compiler) conferred(doc *Connector, i int, e Entitlement) {
	for j, ref := range e.Confers {
		if _, ok := c.book.byRef(ref); !ok {
			c.report(&doc.Header, CodeEntitlement, in("spec", "entitlements", nth(i), "confers", nth(j)), "confers %q, which no catalogue has", ref)
		}
	}
}

// byRef returns an entitlement by connector/id.
func (b *Book) byRef(ref string) (schema.Entitlement, bool) {
	connector, id, _ := strings.Cut(ref, "/")
	return b.Entitlement(connector, id)
}

// effective returns entitlements with all that they confer, directly or not, by
// connector/id. Circles end.
func (b *Book) effective(refs ...string) map[string]schema.Entitlement {
	all := map[string]schema.Entitlement{}
	for len(refs) > 0 {
		ref := refs[0]
		refs = refs[1:]
		if _, seen := all[ref]; seen {
			continue
		}
		if e, ok := b.byRef(ref); ok {
			all[ref] = e
			refs = append(refs, e.Confers...)
		}
	}
	return all
}

// RiskRank is how much a word for risk says is at risk, from 1; 0 of what is none.
func RiskRank(word string) int {
	return slices.Index([]string{"low", "moderate", "high", "critical"}, word) + 1
}

// Effective returns what who has some entitlements (connector/id) has: these, and all that
// they confer, directly or not, by name.
func (b *Book) Effective(refs ...string) []schema.Entitlement {
	return slices.SortedFunc(maps.Values(b.effective(refs...)), func(x, y schema.Entitlement) int { return strings.Compare(x.Ref(), y.Ref()) })
}

// Bringing returns the entitlements (connector/id) that confer one, directly or not, by
// name; the one itself is the first of them, also where no catalogue has it.
func (b *Book) Bringing(ref string) []string {
	all := []string{}
	for connector, c := range b.connectors {
		for id := range c.byID {
			if with := connector + "/" + id; with != ref && b.Confers(with, ref) {
				all = append(all, with)
			}
		}
	}
	slices.Sort(all)
	return append([]string{ref}, all...)
}

// path returns the way from entitlements (connector/id) to another that one of them
// confers, both ends included, the shortest there is; nothing where there is none.
func (b *Book) path(from []string, to string) []string {
	came := map[string]string{} // from which each was reached; itself where the way begins
	for _, ref := range from {
		came[ref] = ref
	}
	for next := slices.Clone(from); len(next) > 0; next = next[1:] {
		ref := next[0]
		if ref == to {
			way := []string{ref}
			for came[ref] != ref {
				ref = came[ref]
				way = append(way, ref)
			}
			slices.Reverse(way)
			return way
		}
		e, _ := b.byRef(ref)
		for _, with := range e.Confers {
			if _, seen := came[with]; !seen {
				came[with] = ref
				next = append(next, with)
			}
		}
	}
	return nil
}

// through says by way of what somebody who has some entitlements has another; nothing
// where it is one of them.
func (b *Book) through(from []string, to string) string {
	way := b.path(from, to)
	if len(way) < 2 {
		return ""
	}
	return " through " + strings.Join(way[:len(way)-1], " and ")
}

// effectiveOf returns all that a role gives, by connector/id.
func (b *Book) effectiveOf(r *Role) map[string]schema.Entitlement {
	return b.effective(refsOf(r)...)
}

// Conferring returns the roles that give an entitlement (connector/id), directly
// or by what they give conferring it, by name: those in force and those refused.
func (b *Book) Conferring(ref string) []*Role {
	var roles []*Role
	for _, r := range b.set.Roles {
		if _, gives := b.effectiveOf(r)[ref]; gives {
			roles = append(roles, r)
		}
	}
	return roles
}

// Confers reports whether who has one entitlement has the other with it; each
// has itself.
func (b *Book) Confers(ref, other string) bool {
	_, gives := b.effective(ref)[other]
	return gives || ref == other
}
