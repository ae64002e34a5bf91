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
	Hash       string    `json:"hash"` // names the policies, what changes, and what was seen of those for whom it does
	At         time.Time `json:"at"`
	Identities int       `json:"identities"` // looked at
	Active     int       `json:"active"`     // of these, those that are there
	Affected   int       `json:"affected"`   // of these, those with a line that begins or ends
	Held       int       `json:"held"`       // lines held now, by everybody

	Grants      int `json:"grants"`
	Revocations int `json:"revocations"`
	Remodes     int `json:"remodes"`    // held as before, in another mode or for other reasons
	Holds       int `json:"holds"`      // would end, and stays
	Undecided   int `json:"undecided"`  // roles not held that cannot be decided
	Suppressed  int `json:"suppressed"` // of grants and revocations, those whose mode keeps them from their target
	ByPolicy    int `json:"byPolicy"`   // of revocations, those that end by the policy alone: what its limit counts
	Given       int `json:"given"`      // of grants, those that begin by the policy alone: what its limit counts
	Pending     int `json:"pending"`    // of grants and revocations, those that the policy in force is about to make anyway
	Blocked     int `json:"blocked"`    // roles that a constraint keeps from somebody whose rule matches

	Anew PlanAnew `json:"anew"` // what the policy in force would not do, or keep, as well

	Coverage    Coverage          `json:"coverage"`              // of what is observed, how much the policy would explain
	Roles       []PlanRole        `json:"roles,omitempty"`       // how far each role reaches that changes something, by name
	Orphaned    []PlanOrphan      `json:"orphaned,omitempty"`    // exceptions that nothing would rest on, or that nobody answers for
	Totals      []PlanTotal       `json:"totals,omitempty"`      // by change, role and entitlement
	Lines       []PlanLine        `json:"lines,omitempty"`       // the first, by identity
	More        int               `json:"more,omitempty"`        // lines beyond those
	Refused     []PlanRefusal     `json:"refused,omitempty"`     // roles that it would not automate
	Quarantined map[string]string `json:"quarantined,omitempty"` // roles that nobody new would get, and why
	Modes       []PlanMode        `json:"modes,omitempty"`       // connectors that only observe or propose, or whose mode changes
	Brakes      []PlanBrake       `json:"brakes,omitempty"`      // the policy's own limits on one run
	Endings     []PlanEnding      `json:"endings,omitempty"`     // what of it cannot be undone, by connector
	Unnoted     []string          `json:"unnoted,omitempty"`     // connectors where something ends, and no bridge noted whether that can be undone
	Findings    policy.Findings   `json:"findings,omitempty"`    // what only data tells of its documents, by code
}

// A PlanAnew counts what comes of the policies' difference, and not of what is about to
// happen, or cannot be decided, under either.
type PlanAnew struct {
	Grants      int `json:"grants"`
	Revocations int `json:"revocations"`
	Holds       int `json:"holds"`
	Undecided   int `json:"undecided"`
	Quarantined int `json:"quarantined"` // roles of both
}

// A PlanRefusal is a role that the policy does not automate.
type PlanRefusal struct {
	Role  string   `json:"role"`
	Codes []string `json:"codes"`
	News  bool     `json:"news"` // the policy in force does
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
	p := newPlanning(from, to)
	p.covers = true
	return p.run(ctx, s, each)
}

func newPlanning(from, to *policy.Book) *planning {
	p := &planning{
		from: from, to: to, sound: to, totals: map[likeness]*PlanTotal{}, suppressed: map[string]int{}, roles: map[string]*PlanRole{}, last: map[string]string{},
		blocked: map[string]string{}, observed: map[string]*observed{},
		sum: NewIntent("plan"),
	}
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
	if p.covers {
		if err := s.View(ctx, p.learn); err != nil {
			return p.plan, err
		}
	}
	for after, more := "", true; more; {
		page, err := p.page(ctx, s, after)
		if err != nil {
			return p.plan, err
		}
		if err := p.take(page, each); err != nil {
			return p.plan, err
		}
		after, more = page.last, page.last != ""
	}
	page, err := p.newcomers(ctx, s)
	if err == nil {
		err = p.take(page, each)
	}
	if err != nil {
		return p.plan, err
	}
	if p.covers {
		if err := s.View(ctx, p.exceptions); err != nil {
			return p.plan, err
		}
	}
	p.finish()
	if p.covers {
		return p.plan, s.View(ctx, p.live)
	}
	return p.plan, nil
}

// take adds what some identities add, and hands on their lines.
func (p *planning) take(page planned, each func(PlanLine) error) error {
	p.add(page)
	for _, line := range page.lines {
		p.count(line)
		if err := each(line); err != nil {
			return err
		}
	}
	return nil
}

// A planning is a plan under way.
type planning struct {
	plan       Plan
	from, to   *policy.Book
	sound      *policy.Book             // to, as if no role were in quarantine
	formers    []*policy.Book           // what to came after
	totals     map[likeness]*PlanTotal  // by what makes lines alike
	suppressed map[string]int           // by connector
	roles      map[string]*PlanRole     // by name
	last       map[string]string        // role to the identity that was counted for it last
	blocked    map[string]string        // role to why a constraint keeps it from somebody
	stakes     []PlanStake              // the first
	sum        *Intent                  // over all stakes
	observed   map[string]*observed     // by connector/entitlement
	covers     bool                     // what is observed is looked at, and the exceptions
	endings    map[string]schema.Ending // how accounts end, by connector, where that is looked at
	final      []string                 // connectors where they end for good
	protects   *Rules                   // whose accounts do not
	named      []string                 // connectors of both policies, by name, once they are asked for
}

// govern puts the roles into quarantine that are, or would be.
func (p *planning) govern(r store.Reader) error {
	g := governance{book: p.to, coming: true}
	if err := g.look(r); err != nil {
		return err
	}
	if len(g.quarantined) > 0 {
		p.to, p.plan.Quarantined = p.to.With(g.quarantined), rolesAmong(g.quarantined)
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

// A planned is what some identities add to a plan.
type planned struct {
	at                     time.Time
	last                   string // the identity to go on behind; empty is the end
	looked, affected, held int
	active                 int
	lines                  []PlanLine
	stakes                 []PlanStake
	holders, matches       map[string]int // by role
	eligible               map[string]int
	endings                map[string]int // accounts that end for good, by connector
	coverage               Coverage
}

// reach counts whom the rules of roles match.
func (p *planned) reach(access policy.Access) {
	for _, v := range access.Verdicts {
		switch {
		case v.Outcome == policy.Assigned && v.Grant == "":
			p.matches[v.Role]++
		case v.Outcome == policy.Eligible:
			p.eligible[v.Role]++
		}
	}
}

// page works out the next identities.
func (p *planning) page(ctx context.Context, s *store.Store, after string) (page planned, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		page = planned{at: r.Now(), holders: map[string]int{}, matches: map[string]int{}, eligible: map[string]int{}, endings: map[string]int{}}
		for id, err := range store.Identities.From(r, after) {
			if err != nil {
				return err
			}
			if id.Of != "" { // what it says is looked at with the identity that it is of
				continue
			}
			if err := p.identity(r, id, &page); err != nil {
				return err
			}
			if page.looked++; page.looked == planPage {
				page.last = id.ID
				break
			}
		}
		return nil
	})
	return page, err
}

// identity adds one identity to a page. The policy in force is asked only where
// something would change.
func (p *planning) identity(r store.Reader, id schema.Identity, page *planned) error {
	c, err := compare(r, p.to, id.ID)
	if err != nil {
		return err
	}
	c.formers = p.formers
	seen := ""
	if id.Source == policy.RegisterSource {
		seen = saw(c) // and not when it is taken off, which is now
		if err := p.reenrol(c); err != nil {
			return err
		}
	}
	page.held += len(c.held)
	if !id.Gone() && !p.to.Ended(c.facts, c.now) {
		page.active++
	}
	for _, role := range c.facts.About {
		page.holders[role]++
	}
	lines, d := c.planned()
	page.reach(c.access)
	if p.covers {
		if err := p.cover(r, c, d, &page.coverage); err != nil {
			return err
		}
	}
	if len(lines) == 0 {
		return nil
	}
	var now []PlanLine
	if p.from != nil {
		before, err := compare(r, p.from, id.ID)
		if err != nil {
			return err
		}
		now, _ = before.planned()
	}
	for i, line := range lines {
		lines[i].UserName = id.UserName
		lines[i].Pending = slices.ContainsFunc(now, line.like)
	}
	if err := p.ends(r, c, d.lines, lines, page); err != nil {
		return err
	}
	does := slices.DeleteFunc(slices.Clone(lines), func(l PlanLine) bool { return !l.does() || l.Pending })
	if slices.ContainsFunc(lines, PlanLine.writes) {
		page.affected++
	}
	if len(does) > 0 {
		page.stakes = append(page.stakes, PlanStake{Identity: id.ID, UserName: id.UserName, Saw: cmp.Or(seen, saw(c)), Does: sumOf(does)})
	}
	page.lines = append(page.lines, lines...)
	return nil
}

// compare gathers all that an identity's difference under a policy depends on, but
// for what the policy was held from, and came after.
func compare(r store.Reader, book *policy.Book, identity string) (*comparison, error) {
	facts, _, err := GatherAll(r, book, identity)
	if err != nil {
		return nil, err
	}
	if _, err := takeUnfounded(r, book, &facts, r.Now()); err != nil {
		return nil, err
	}
	c := &comparison{book: book, now: r.Now()}
	for a, err := range store.Assignments.All(r, identity) {
		if err != nil {
			return nil, err
		}
		c.held = append(c.held, a)
	}
	facts.About = schema.RolesHeld(c.held)
	c.facts = facts
	c.losses, err = lossesOf(r, book, identity)
	return c, err
}

// planned returns what reconciling an identity under a policy would change.
func (c *comparison) planned() ([]PlanLine, difference) {
	access := evaluate(c.book, c.facts, c.held, c.now)
	c.access = access
	d := c.brakedBy(c.difference())
	var lines []PlanLine
	for _, a := range d.begun {
		change := PlanGrant
		if index(c.held, a) >= 0 {
			change = PlanRemode
		}
		line := c.planLine(change, a, "")
		line.ByPolicy = index(d.given, a) >= 0
		lines = append(lines, line)
	}
	for _, a := range d.ended {
		line := c.planLine(PlanRevoke, a, "")
		line.ByPolicy = index(d.plain, a) >= 0
		lines = append(lines, line)
	}
	for _, k := range d.kept {
		lines = append(lines, c.planLine(PlanHold, k.line, k.why))
	}
	slices.SortStableFunc(lines, func(x, y PlanLine) int {
		return cmp.Or(cmp.Compare(x.Connector, y.Connector), cmp.Compare(x.Entitlement, y.Entitlement))
	})
	for _, v := range access.Verdicts {
		if v.Outcome == policy.Blocked {
			lines = append(lines, PlanLine{Identity: c.facts.Identity.ID, Change: PlanBlock, Roles: []string{v.Role}, Mode: v.Mode, Reason: v.Reason})
		}
		if v.Outcome == policy.Indeterminate && !slices.ContainsFunc(lines, func(l PlanLine) bool { return slices.Contains(l.Roles, v.Role) }) {
			lines = append(lines, PlanLine{Identity: c.facts.Identity.ID, Change: PlanOpen, Roles: []string{v.Role}, Mode: v.Mode, Reason: v.Reason})
		}
	}
	return lines, d
}

// planLine is one line of a plan, with the reasons of its roles where none is given.
func (c *comparison) planLine(change PlanChange, on schema.Assignment, why string) PlanLine {
	l := PlanLine{
		Identity: on.Identity, Change: change, Roles: on.Roles(), Connector: on.Connector, Entitlement: on.Entitlement, Mode: on.Mode, Reason: why,
		Reaches: comesAlong(c.book, on),
	}
	if why != "" {
		return l
	}
	var reasons []string
	for _, role := range l.Roles {
		i := slices.IndexFunc(c.access.Verdicts, func(v policy.Verdict) bool { return v.Role == role })
		if i < 0 {
			reasons = append(reasons, "role "+role+" is not in force")
			continue
		}
		v := c.access.Verdicts[i]
		if change == PlanRevoke && v.Outcome == policy.Assigned {
			v.Reason = confersNoMore
		}
		reasons = append(reasons, v.Reason)
	}
	l.Reason = strings.Join(reasons, "; ")
	return l
}
