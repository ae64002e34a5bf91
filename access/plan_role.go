package access

import (
	"drawbridge/schema"
)

// A RoleCoverage says whom a role reaches, and of what it gives, who was observed to have it
// and how much of that the role explains.
type RoleCoverage struct {
	Holders  int `json:"holders"`  // identities that hold something by it
	Matches  int `json:"matches"`  // identities that hold it by its rule
	Eligible int `json:"eligible"` // identities that may ask for it, and do not hold it

	Entitlements []EntitlementCoverage `json:"entitlements,omitempty"`
}

// An EntitlementCoverage says of how many accounts that were last seen to have an
// entitlement a role explains that they do.
type EntitlementCoverage struct {
	Entitlement string `json:"entitlement"` // connector/id
	Observed    int    `json:"observed"`
	ByRole      int    `json:"byRole"`      // by this one, whether or not by others too
	ByOthers    int    `json:"byOthers"`    // by others alone
	Held        int    `json:"held"`        // nothing earns it, and it stays until somebody decides
	Unexplained int    `json:"unexplained"` // nothing explains it
}

// An observed is who was observed to have an entitlement, and how many of them by a role.
type observed struct {
	Coverage
	by map[string]int
}

// had counts that an account has something, as it was observed, by the roles that earn it.
func (p *planning) had(of *comparison, d difference, connector, target string, one Coverage) {
	e, catalogued := of.book.EntitlementByTarget(connector, target)
	if !catalogued {
		return
	}
	seen, known := p.observed[e.Ref()]
	if !known {
		seen = &observed{by: map[string]int{}}
		p.observed[e.Ref()] = seen
	}
	seen.add(one)
	if one.ByRoles+one.ByException == 0 {
		return
	}
	if i := index(d.lines, schema.Assignment{Connector: connector, Entitlement: e.ID}); i >= 0 {
		for _, role := range d.lines[i].Roles() {
			seen.by[role]++
		}
	}
}

// coverage is that of a role in the policy that was planned.
func (p *planning) coverage(name string) *RoleCoverage {
	var c RoleCoverage
	if reach, known := p.roles[name]; known {
		c.Holders, c.Matches, c.Eligible = reach.Holders, reach.Matches, reach.Eligible
	}
	for _, e := range p.to.Gives(name) {
		one := EntitlementCoverage{Entitlement: e.Ref()}
		if seen, known := p.observed[e.Ref()]; known {
			one.Observed, one.ByRole, one.Held, one.Unexplained = seen.Observed, seen.by[name], seen.Held, seen.Unexplained
			one.ByOthers = one.Observed - one.ByRole - one.Held - one.Unexplained
		}
		c.Entitlements = append(c.Entitlements, one)
	}
	return &c
}
