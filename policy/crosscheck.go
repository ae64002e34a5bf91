package policy

import (
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
				c.constant(&k.Header, in("spec", "require"), require, CodeEveryone)
				c.book.requirements[k.Metadata.Name] = require
			}
		}
		c.constraint(k)
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

// constraint refuses one that forbids nothing, or of which nobody wrote why it stands.
func (c *compiler) constraint(k *Constraint) {
	s, name := k.Spec, k.Metadata.Name
	if s.Rationale == "" {
		c.report(&k.Header, CodeIntent, in("spec"), "nobody wrote why constraint %q stands", name).hint("write spec.rationale, one sentence")
	}
	if s.Risk == "" {
		c.report(&k.Header, CodeRisk, in("spec"), "nobody wrote what is at risk where constraint %q is broken", name).hint("write spec.risk: low, moderate, high or critical")
	}
	switch {
	case s.Type == "separation-of-duties" && (len(s.Conflict) < 2 || slices.ContainsFunc(s.Conflict, func(side []string) bool { return len(side) == 0 })):
		c.report(&k.Header, CodeEmpty, in("spec", "conflict"), "constraint %q keeps nothing apart", name).hint("write spec.conflict with two sides or more")
	case s.Type == "invariant" && s.Require == "":
		c.report(&k.Header, CodeEmpty, in("spec"), "constraint %q demands nothing", name).hint("write spec.require")
	case s.Type == "invariant" && !s.AppliesTo.Privileged && len(s.AppliesTo.Entitlements) == 0:
		c.report(&k.Header, CodeEmpty, in("spec"), "constraint %q is about nothing", name).hint("write spec.appliesTo: { privileged: true }, or which entitlements")
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
		if sides := c.book.sidesOf(r.Role, k); len(sides) == len(k.Spec.Conflict) {
			c.report(&r.Header, CodeSOD, in("spec", "grants"), "role %q by itself breaks %q: it gives %s", r.Metadata.Name, k.Metadata.Name, strings.Join(sides, ", and "))
		}
	}
}

// sidesOf says of each side of a constraint that a role gives something of what that is,
// and through what.
func (b *Book) sidesOf(r *Role, k *Constraint) (sides []string) {
	gives := b.effectiveOf(r)
	for _, side := range k.Spec.Conflict {
		if i := slices.IndexFunc(side, func(ref string) bool { _, ok := gives[ref]; return ok }); i >= 0 {
			sides = append(sides, side[i]+b.through(refsOf(r), side[i]))
		}
	}
	return sides
}

func (c *compiler) exception(e *Exception) {
	s := e.Spec
	switch {
	case s.Expires.IsZero():
		c.report(&e.Header, CodeExpiry, in("spec"), "exception %q never expires", e.Metadata.Name)
	case !s.Expires.After(s.ApprovedAt):
		c.report(&e.Header, CodeExpiry, in("spec", "expires"), "exception %q is over before it is approved", e.Metadata.Name)
	case s.Expires.Sub(s.ApprovedAt) > maxException:
		c.report(&e.Header, CodeExpiry, in("spec", "expires"), "exception %q lasts longer than %s", e.Metadata.Name, Duration(maxException))
	}
	if len(s.Subjects) == 0 && s.Waives.Personal() || s.Reason == "" || len(s.ApprovedBy) == 0 || s.Waives == (Waiver{}) || s.Waives.Constraint != "" && len(s.Compensating) == 0 {
		c.report(&e.Header, CodeException, in("spec"), "exception %q must say what is waived, for whom, why, who approved, and of a constraint what is done instead", e.Metadata.Name)
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

// readsAny reports whether the rule reads an attribute whose name begins so.
func (r *rule) readsAny(prefixes ...string) bool {
	return slices.ContainsFunc(r.reads, func(read read) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(read.name, p) })
	})
}
