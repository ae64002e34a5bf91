package access

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
)

// A PlanTotal counts the lines that are alike.
type PlanTotal struct {
	Change      PlanChange  `json:"change"`
	Role        string      `json:"role"`
	Entitlement string      `json:"entitlement,omitempty"` // connector/id
	Reaches     []string    `json:"reaches,omitempty"`     // connector/id of all that comes with it
	Mode        schema.Mode `json:"mode,omitempty"`
	ForGood     bool        `json:"forGood,omitempty"` // see PlanLine
	Lines       int         `json:"lines"`
	Reason      string      `json:"reason"` // of one of them
}

// A likeness is what makes lines alike.
type likeness struct {
	change            PlanChange
	role, entitlement string
	mode              schema.Mode
	forGood           bool
}

// add adds a page to the plan, but for its lines.
func (p *planning) add(page planned) {
	p.plan.At = page.at
	p.plan.Identities += page.looked
	p.plan.Active += page.active
	p.plan.Affected += page.affected
	p.plan.Held += page.held
	p.plan.Coverage.add(page.coverage)
	p.addEndings(page.endings)
	for _, stake := range page.stakes {
		p.sum.write(stake.Identity, stake.Saw, stake.Does)
		if len(p.stakes) < planStakes {
			p.stakes = append(p.stakes, stake)
		}
	}
	for role, n := range page.holders {
		p.role(role).Holders += n
	}
	for role, n := range page.matches {
		p.role(role).Matches += n
	}
	for role, n := range page.eligible {
		p.role(role).Eligible += n
	}
}

// count adds a line to the totals.
func (p *planning) count(line PlanLine) {
	p.countRoles(line)
	switch line.Change {
	case PlanGrant:
		p.plan.Grants++
	case PlanRevoke:
		p.plan.Revocations++
		p.unnoted(line)
	case PlanRemode:
		p.plan.Remodes++
	case PlanHold:
		p.plan.Holds++
	case PlanOpen:
		p.plan.Undecided++
	case PlanBlock:
		p.plan.Blocked++
	}
	if !line.Pending {
		p.plan.Anew.count(line.Change)
	}
	if line.writes() && line.Mode != schema.Enforce {
		p.plan.Suppressed++
		p.suppressed[line.Connector]++
	}
	if line.writes() && line.Pending {
		p.plan.Pending++
	}
	switch {
	case line.ByPolicy && line.Change == PlanRevoke:
		p.plan.ByPolicy++
	case line.ByPolicy:
		p.plan.Given++
	}
	alike := likeness{line.Change, strings.Join(line.Roles, ", "), line.Ref(), line.Mode, line.ForGood}
	total, ok := p.totals[alike]
	if !ok {
		total = &PlanTotal{Change: alike.change, Role: alike.role, Entitlement: alike.entitlement, Reaches: line.Reaches, Mode: alike.mode, ForGood: alike.forGood, Reason: line.Reason}
		p.totals[alike] = total
	}
	total.Lines++
	if len(p.plan.Lines) < planLines {
		p.plan.Lines = append(p.plan.Lines, line)
		return
	}
	p.plan.More++
}

func (n *PlanAnew) count(change PlanChange) {
	switch change {
	case PlanGrant:
		n.Grants++
	case PlanRevoke:
		n.Revocations++
	case PlanHold:
		n.Holds++
	case PlanOpen:
		n.Undecided++
	case PlanRemode, PlanBlock:
	}
}

// A PlanRole is how far a role reaches.
type PlanRole struct {
	Role        string  `json:"role"`
	Holders     int     `json:"holders"`    // identities that hold something by it now
	Matches     int     `json:"matches"`    // identities that would hold it by its rule
	Eligible    int     `json:"eligible"`   // identities that may ask for it, and do not hold it
	Identities  int     `json:"identities"` // for which it changes something, or is held or undecided
	Grants      int     `json:"grants"`
	Revocations int     `json:"revocations"`
	Remodes     int     `json:"remodes"`
	Holds       int     `json:"holds"`
	Undecided   int     `json:"undecided"`
	Blocked     int     `json:"blocked"`
	Share       float64 `json:"share"` // of all identities, those for which it changes something, in percent
}

func (p *planning) role(name string) *PlanRole {
	role, ok := p.roles[name]
	if !ok {
		role = &PlanRole{Role: name}
		p.roles[name] = role
	}
	return role
}

// countRoles counts a line for each of its roles. Lines come identity by identity.
func (p *planning) countRoles(line PlanLine) {
	for _, name := range line.Roles {
		role := p.role(name)
		switch line.Change {
		case PlanGrant:
			role.Grants++
		case PlanRevoke:
			role.Revocations++
		case PlanRemode:
			role.Remodes++
		case PlanHold:
			role.Holds++
		case PlanOpen:
			role.Undecided++
		case PlanBlock:
			role.Blocked++
			p.blocked[name] = line.Reason
		}
		if p.last[name] != line.Identity {
			p.last[name] = line.Identity
			role.Identities++
		}
	}
}

// name gives the plan its hash.
func (p *planning) name() {
	p.sum.write(p.plan.From, p.plan.To)
	p.sum.write(slices.Sorted(maps.Keys(p.plan.Quarantined))...)
	for _, e := range p.plan.Endings {
		p.sum.write("ends for good", e.Connector, fmt.Sprint(e.Accounts), fmt.Sprint(e.Allowed))
	}
	p.plan.Hash = hex.EncodeToString(p.sum.sum.Sum(nil))
}

// finish adds what the policies say by themselves.
func (p *planning) finish() {
	p.name()
	for _, role := range p.roles {
		if p.plan.Identities > 0 {
			role.Share = 100 * float64(role.Identities) / float64(p.plan.Identities)
		}
		if role.Identities > 0 {
			p.plan.Roles = append(p.plan.Roles, *role)
		}
	}
	slices.SortFunc(p.plan.Roles, func(a, b PlanRole) int { return cmp.Compare(a.Role, b.Role) })
	for _, total := range p.totals {
		p.plan.Totals = append(p.plan.Totals, *total)
	}
	slices.SortFunc(p.plan.Totals, func(a, b PlanTotal) int {
		return cmp.Or(cmp.Compare(a.Change, b.Change), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Entitlement, b.Entitlement), cmp.Compare(a.Mode, b.Mode), cmp.Compare(fmt.Sprint(a.ForGood), fmt.Sprint(b.ForGood)))
	})
	for _, r := range p.to.Refused() {
		p.plan.Refused = append(p.plan.Refused, PlanRefusal{Role: r.Role, Codes: r.Codes, News: inBook(p.from, r.Role)})
	}
	for role := range p.plan.Quarantined {
		if !inBook(p.from, role) {
			continue
		}
		if _, already := p.from.Quarantined(role); !already {
			p.plan.Anew.Quarantined++
		}
	}
	p.plan.Modes = p.modes()
	limits := p.to.Limits()
	p.brake("revokesPerRun", p.plan.ByPolicy, limits.RevokesPerRun)
	p.brake("grantsPerRun", p.plan.Given, limits.GrantsPerRun)
	p.broad()
}

// broad adds the roles whose rule matches more of those who are there than it should.
func (p *planning) broad() {
	for _, role := range p.to.Roles() {
		reach, known := p.roles[role.Metadata.Name]
		most := p.to.MostMatched(role)
		if known && most > 0 && 100*reach.Matches > most*p.plan.Active {
			p.plan.Brakes = append(p.plan.Brakes, PlanBrake{
				Name: "roleMatchPercent", Role: role.Metadata.Name, Lines: reach.Matches,
				Share: 100 * float64(reach.Matches) / float64(max(1, p.plan.Active)), Percent: float64(most), Exceeded: true,
			})
		}
	}
}

// inBook reports whether a role is in force under a policy, if there is one.
func inBook(book *policy.Book, name string) bool {
	if book == nil {
		return false
	}
	_, ok := book.Role(name)
	return ok
}

// A PlanMode is a connector's effective mode, before and after.
type PlanMode struct {
	Connector  string      `json:"connector"`
	From       schema.Mode `json:"from,omitempty"`
	To         schema.Mode `json:"to,omitempty"`
	Suppressed int         `json:"suppressed"` // writes that the mode keeps from it
}

// A PlanBrake is a limit, and how much of it the plan takes.
type PlanBrake struct {
	Name     string  `json:"name"` // revokesPerRun, grantsPerRun; roleMatchPercent, where it is exceeded
	Role     string  `json:"role,omitempty"`
	Lines    int     `json:"lines"` // of a role, identities that its rule matches
	Share    float64 `json:"share"` // percent of the lines held now; of a role, of all identities
	Count    int     `json:"count,omitempty"`
	Percent  float64 `json:"percent,omitempty"`
	Exceeded bool    `json:"exceeded"`
}

// modes lists the connectors that are not enforced, or whose mode changes.
func (p *planning) modes() []PlanMode {
	modes := map[string]PlanMode{}
	if p.from != nil {
		for _, c := range p.from.Connectors() {
			modes[c.Metadata.Name] = PlanMode{Connector: c.Metadata.Name, From: p.from.Mode("", c.Metadata.Name)}
		}
	}
	for _, c := range p.to.Connectors() {
		m := modes[c.Metadata.Name]
		m.Connector, m.To = c.Metadata.Name, p.to.Mode("", c.Metadata.Name)
		modes[c.Metadata.Name] = m
	}
	var list []PlanMode
	for name, m := range modes {
		m.Suppressed = p.suppressed[name]
		if m.From != m.To || m.To != schema.Enforce || m.Suppressed > 0 {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b PlanMode) int { return cmp.Compare(a.Connector, b.Connector) })
	return list
}

// brake adds a limit of the policy, if it sets one.
func (p *planning) brake(name string, lines int, limit policy.Brake) {
	if limit == (policy.Brake{}) {
		return
	}
	b := PlanBrake{Name: name, Lines: lines, Count: limit.Count, Percent: limit.Percent, Exceeded: limit.Stops(lines, p.plan.Held)}
	if p.plan.Held > 0 {
		b.Share = 100 * float64(lines) / float64(p.plan.Held)
	}
	p.plan.Brakes = append(p.plan.Brakes, b)
}
