package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// A Breach is a constraint that somebody would break by a role that they have not.
type Breach struct {
	Constraint   string
	Reason       string   // which entitlements, and through what
	Entitlements []string // connector/id of those of the constraint that meet
}

// Breaches returns the constraints that somebody would break who holds
// entitlements (connector/id) and is given a role, by name. It looks at what comes
// with what is held and given, too. Constraints that only detect are not asked.
func (b *Book) Breaches(f Facts, held []string, r *Role, now time.Time) []Breach {
	return b.breaches(b.bearer(f), held, r, now)
}

// A bearer returns what rules read of whoever holds something. It is asked only where a
// constraint demands something of them.
type bearer func() inputs

func (b *Book) bearer(f Facts) bearer {
	return func() inputs {
		a, _, _ := b.known(f)
		return inputs{identity: a.identity, workload: a.workload}
	}
}

func (b *Book) breaches(who bearer, held []string, r *Role, now time.Time) []Breach {
	var breaches []Breach
	gains := b.effectiveOf(r)
	for _, k := range b.set.Registers.Constraints {
		if k.Spec.Enforcement == "detect" {
			continue
		}
		if reason, refs := b.separates(k, held, r, gains); reason != "" {
			breaches = append(breaches, Breach{k.Metadata.Name, reason, refs})
		}
		if reason, ref := b.demands(k, who, gains, now); reason != "" {
			breaches = append(breaches, Breach{k.Metadata.Name, reason, []string{ref}})
		}
	}
	return breaches
}

// separates says how a role and what is held conflict, if the role adds to it.
func (b *Book) separates(k *Constraint, held []string, r *Role, gains map[string]schema.Entitlement) (reason string, refs []string) {
	if len(k.Spec.Conflict) < 2 {
		return "", nil
	}
	var sides []string
	adds := false
	for _, side := range k.Spec.Conflict {
		words := ""
		for _, ref := range side {
			if _, ok := gains[ref]; ok {
				words, adds, refs = ref+" by role "+r.Metadata.Name+b.through(refsOf(r), ref), true, append(refs, ref)
				break
			}
			if through := slices.IndexFunc(held, func(h string) bool { return b.Confers(h, ref) }); through >= 0 {
				words, refs = ref+", which is held"+b.through(held[through:through+1], ref), append(refs, ref)
				break
			}
		}
		if words == "" {
			return "", nil
		}
		sides = append(sides, words)
	}
	if !adds {
		return "", nil
	}
	return strings.Join(sides, "; and "), refs
}

// demands says what a constraint demands of whoever holds what the role gives, if
// somebody does not meet it, or it is not known whether they do.
func (b *Book) demands(k *Constraint, who bearer, gains map[string]schema.Entitlement, now time.Time) (reason, ref string) {
	require, ok := b.requirements[k.Metadata.Name]
	if !ok {
		return "", ""
	}
	reach := k.Spec.AppliesTo
	for _, ref := range slices.Sorted(maps.Keys(gains)) {
		reaches := reach.Privileged && gains[ref].Privileged || slices.Contains(reach.Entitlements, ref)
		if !reaches {
			continue
		}
		in := who()
		in.at(now)
		switch value, err := require.eval(&in); value {
		case yes:
			return "", ""
		case unknown:
			return fmt.Sprintf("whether they may hold %s is not known: %v", ref, err), ref
		default:
			return "they are not who may hold " + ref, ref
		}
	}
	return "", ""
}

// Constraint returns a constraint by name.
func (b *Book) Constraint(name string) (*Constraint, bool) {
	for _, k := range b.set.Registers.Constraints {
		if k.Metadata.Name == name {
			return k, true
		}
	}
	return nil, false
}

// Meanwhile says what is done where a constraint is broken, for whoever reads that it is;
// nothing where nobody wrote it.
func (b *Book) Meanwhile(constraint string) string {
	k, ok := b.Constraint(constraint)
	if !ok || len(k.Spec.Mitigations) == 0 {
		return ""
	}
	return "; meanwhile: " + strings.Join(k.Spec.Mitigations, "; ")
}

// Constraints returns the constraints, by name.
func (b *Book) Constraints() []*Constraint { return b.set.Registers.Constraints }

// Exceptions returns the exceptions that are documents in order, by name, whether
// they have expired or not.
func (b *Book) Exceptions() []*Exception { return b.exceptions }

// Covers reports whether a scope is about all of some entitlements (connector/id);
// one that names none is about all there are.
func (b *Book) Covers(scope Reach, refs []string) bool {
	if !scope.Privileged && len(scope.Entitlements) == 0 {
		return true
	}
	for _, ref := range refs {
		e, _ := b.byRef(ref)
		if !slices.Contains(scope.Entitlements, ref) && (!scope.Privileged || !e.Privileged) {
			return false
		}
	}
	return true
}
