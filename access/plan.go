package access

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Plan is what a policy would change if it were put in force, for whom, as far
// as the store tells now. Everybody is looked at; how much memory it takes
// depends on the policy, not on how many people there are.
type Plan struct {
	From       string    `json:"from,omitempty"` // digest of the policy in force
	To         string    `json:"to"`
	At         time.Time `json:"at"`
	Identities int       `json:"identities"` // looked at
	Affected   int       `json:"affected"`   // of these, those with a line that begins or ends
	Held       int       `json:"held"`       // lines held now, by everybody

	Grants      int `json:"grants"`
	Revocations int `json:"revocations"`
	Remodes     int `json:"remodes"`    // held as before, in another mode or for other reasons
	Holds       int `json:"holds"`      // would end, and stays
	Undecided   int `json:"undecided"`  // roles not held that cannot be decided
	Suppressed  int `json:"suppressed"` // of grants and revocations, those whose mode keeps them from their target
	ByPolicy    int `json:"byPolicy"`   // of revocations, those that end by the policy alone: what its limit counts
	Pending     int `json:"pending"`    // of grants and revocations, those that the policy in force is about to make anyway

	Totals      []PlanTotal       `json:"totals,omitempty"`      // by change, role and entitlement
	Lines       []PlanLine        `json:"lines,omitempty"`       // the first, by identity
	More        int               `json:"more,omitempty"`        // lines beyond those
	Refused     []PlanRefusal     `json:"refused,omitempty"`     // roles that it would not automate
	Quarantined map[string]string `json:"quarantined,omitempty"` // roles that nobody new would get, and why
	Modes       []PlanMode        `json:"modes,omitempty"`       // connectors that only observe or propose, or whose mode changes
	Brakes      []PlanBrake       `json:"brakes,omitempty"`      // the policy's own limits on one run
}

// A PlanTotal counts the lines that are alike.
type PlanTotal struct {
	Change      PlanChange  `json:"change"`
	Role        string      `json:"role"`
	Entitlement string      `json:"entitlement,omitempty"` // connector/id
	Mode        schema.Mode `json:"mode,omitempty"`
	Lines       int         `json:"lines"`
	Reason      string      `json:"reason"` // of one of them
}

// A PlanRefusal is a role that the policy does not automate.
type PlanRefusal struct {
	Role  string   `json:"role"`
	Codes []string `json:"codes"`
	News  bool     `json:"news"` // the policy in force does
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
	Name     string  `json:"name"` // revokesPerRun, grantsPerRun
	Lines    int     `json:"lines"`
	Share    float64 `json:"share"` // percent of the lines held now
	Count    int     `json:"count,omitempty"`
	Percent  float64 `json:"percent,omitempty"`
	Exceeded bool    `json:"exceeded"`
}

// planLines is how many lines a plan keeps.
const planLines = 200

// PlanPolicy works out what another policy would change, against what is held.
// From is the policy in force, nil if there is none; what it is about to change
// anyway is marked as pending. It touches nothing.
func PlanPolicy(ctx context.Context, s *store.Store, from, to *policy.Book) (Plan, error) {
	return PlanEach(ctx, s, from, to, func(PlanLine) error { return nil })
}

// PlanEach is PlanPolicy, and calls each for every line, by identity, outside of
// any transaction. An error of each ends it.
func PlanEach(ctx context.Context, s *store.Store, from, to *policy.Book, each func(PlanLine) error) (Plan, error) {
	return newPlanning(from, to).run(ctx, s, each)
}

func newPlanning(from, to *policy.Book) *planning {
	p := &planning{from: from, to: to, totals: map[PlanTotal]*PlanTotal{}, suppressed: map[string]int{}}
	p.plan.To = to.Digest()
	if from != nil {
		p.plan.From, p.formers = from.Digest(), []*policy.Book{from}
	}
	return p
}

func (p *planning) run(ctx context.Context, s *store.Store, each func(PlanLine) error) (Plan, error) {
	if err := s.View(ctx, p.govern); err != nil {
		return p.plan, err
	}
	for after := ""; ; {
		page, last, err := p.page(ctx, s, after)
		if err != nil {
			return p.plan, err
		}
		for _, line := range page {
			p.count(line)
			if err := each(line); err != nil {
				return p.plan, err
			}
		}
		if last == "" {
			break
		}
		after = last
	}
	p.finish()
	return p.plan, nil
}

// A planning is a plan under way.
type planning struct {
	plan       Plan
	from, to   *policy.Book
	formers    []*policy.Book           // what to came after
	totals     map[PlanTotal]*PlanTotal // by what makes lines alike
	suppressed map[string]int           // by connector
}

// govern puts the roles into quarantine that are, or would be.
func (p *planning) govern(r store.Reader) error {
	g := governance{book: p.to}
	if err := g.look(r); err != nil {
		return err
	}
	if len(g.quarantined) > 0 {
		p.to, p.plan.Quarantined = p.to.With(g.quarantined), g.quarantined
	}
	if p.from == nil {
		return nil
	}
	var err error
	p.from, err = inForce(r, p.from)
	return err
}

// planPage is how many identities one snapshot is held for.
const planPage = 200

// page works out the lines of the next identities, and where to go on; an empty
// last is the end.
func (p *planning) page(ctx context.Context, s *store.Store, after string) (lines []PlanLine, last string, err error) {
	var looked, affected, held int
	err = s.View(ctx, func(r store.Reader) error {
		lines, last, looked, affected, held, p.plan.At = nil, "", 0, 0, 0, r.Now()
		for id, err := range store.Identities.From(r, after) {
			if err != nil {
				return err
			}
			if id.Of != "" { // what it says is looked at with the identity that it is of
				continue
			}
			some, n, err := p.identity(r, id)
			if err != nil {
				return err
			}
			held += n
			lines = append(lines, some...)
			if slices.ContainsFunc(some, func(l PlanLine) bool { return l.Change == PlanGrant || l.Change == PlanRevoke }) {
				affected++
			}
			if looked++; looked == planPage {
				last = id.ID
				break
			}
		}
		return nil
	})
	p.plan.Identities += looked
	p.plan.Affected += affected
	p.plan.Held += held
	return lines, last, err
}

// identity works out one identity's lines, and how many lines it holds. The
// policy in force is asked only where something would change.
func (p *planning) identity(r store.Reader, id schema.Identity) (lines []PlanLine, holds int, err error) {
	facts, _, err := gather(r, p.to, id.ID)
	if err != nil {
		return nil, 0, err
	}
	var held []schema.Assignment
	for a, err := range store.Assignments.All(r, id.ID) {
		if err != nil {
			return nil, 0, err
		}
		held = append(held, a)
	}
	facts.About = rolesHeld(held)
	c := comparison{book: p.to, facts: facts, held: held, now: r.Now(), formers: p.formers}
	var now []PlanLine
	for i, line := range c.planned() {
		if i == 0 && p.from != nil {
			c.book = p.from
			now = c.planned()
		}
		line.UserName = id.UserName
		line.Pending = slices.ContainsFunc(now, func(l PlanLine) bool {
			return l.Change == line.Change && l.Connector == line.Connector && l.Entitlement == line.Entitlement
		})
		lines = append(lines, line)
	}
	return lines, len(held), nil
}

// planned returns what reconciling an identity under a policy would change.
func (c *comparison) planned() []PlanLine {
	access := c.book.Evaluate(c.facts, c.now)
	c.access = access
	d := c.difference()
	var lines []PlanLine
	for _, a := range d.begun {
		change := PlanGrant
		if index(c.held, a) >= 0 {
			change = PlanRemode
		}
		lines = append(lines, planLine(change, a, access, ""))
	}
	for _, a := range d.ended {
		line := planLine(PlanRevoke, a, access, "")
		line.ByPolicy = index(d.plain, a) >= 0
		lines = append(lines, line)
	}
	for _, k := range d.kept {
		lines = append(lines, planLine(PlanHold, k.line, access, k.why))
	}
	slices.SortStableFunc(lines, func(x, y PlanLine) int {
		return cmp.Or(cmp.Compare(x.Connector, y.Connector), cmp.Compare(x.Entitlement, y.Entitlement))
	})
	for _, v := range access.Verdicts {
		if v.Outcome == policy.Indeterminate && !slices.ContainsFunc(lines, func(l PlanLine) bool { return slices.Contains(l.Roles, v.Role) }) {
			lines = append(lines, PlanLine{Identity: c.facts.Identity.ID, Change: PlanOpen, Roles: []string{v.Role}, Mode: v.Mode, Reason: v.Reason})
		}
	}
	return lines
}

// planLine is one line of a plan, with the reasons of its roles where none is given.
func planLine(change PlanChange, on schema.Assignment, access policy.Access, why string) PlanLine {
	l := PlanLine{
		Identity: on.Identity, Change: change, Roles: rolesOf(on), Connector: on.Connector, Entitlement: on.Entitlement, Mode: on.Mode, Reason: why,
	}
	if why != "" {
		return l
	}
	var reasons []string
	for _, role := range l.Roles {
		i := slices.IndexFunc(access.Verdicts, func(v policy.Verdict) bool { return v.Role == role })
		if i < 0 {
			reasons = append(reasons, "role "+role+" is not in force")
			continue
		}
		v := access.Verdicts[i]
		if change == PlanRevoke && v.Outcome == policy.Assigned {
			v.Reason = confersNoMore
		}
		reasons = append(reasons, v.Reason)
	}
	l.Reason = strings.Join(reasons, "; ")
	return l
}

// count adds a line to the totals.
func (p *planning) count(line PlanLine) {
	writes := line.Change == PlanGrant || line.Change == PlanRevoke
	switch line.Change {
	case PlanGrant:
		p.plan.Grants++
	case PlanRevoke:
		p.plan.Revocations++
	case PlanRemode:
		p.plan.Remodes++
	case PlanHold:
		p.plan.Holds++
	case PlanOpen:
		p.plan.Undecided++
	}
	if writes && line.Mode != schema.Enforce {
		p.plan.Suppressed++
		p.suppressed[line.Connector]++
	}
	if writes && line.Pending {
		p.plan.Pending++
	}
	if line.ByPolicy {
		p.plan.ByPolicy++
	}
	alike := PlanTotal{Change: line.Change, Role: strings.Join(line.Roles, ", "), Mode: line.Mode}
	if line.Connector != "" {
		alike.Entitlement = line.Connector + "/" + line.Entitlement
	}
	total, ok := p.totals[alike]
	if !ok {
		total = &PlanTotal{}
		*total, total.Reason = alike, line.Reason
		p.totals[alike] = total
	}
	total.Lines++
	if len(p.plan.Lines) < planLines {
		p.plan.Lines = append(p.plan.Lines, line)
		return
	}
	p.plan.More++
}

// finish adds what the policies say by themselves.
func (p *planning) finish() {
	for _, total := range p.totals {
		p.plan.Totals = append(p.plan.Totals, *total)
	}
	slices.SortFunc(p.plan.Totals, func(a, b PlanTotal) int {
		return cmp.Or(cmp.Compare(a.Change, b.Change), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Entitlement, b.Entitlement), cmp.Compare(a.Mode, b.Mode))
	})
	for _, r := range p.to.Refused() {
		_, before := bookRole(p.from, r.Role)
		p.plan.Refused = append(p.plan.Refused, PlanRefusal{Role: r.Role, Codes: r.Codes, News: before})
	}
	p.plan.Modes = p.modes()
	limits := p.to.Limits()
	p.brake("revokesPerRun", p.plan.ByPolicy, limits.RevokesPerRun)
	p.brake("grantsPerRun", p.plan.Grants, limits.GrantsPerRun)
}

func bookRole(book *policy.Book, name string) (*policy.Role, bool) {
	if book == nil {
		return nil, false
	}
	return book.Role(name)
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
