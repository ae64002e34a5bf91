package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Readiness says how far decisions carry what is to be automated: of each role and
// connector what is still to be decided, by whom, and what of it first. It measures
// nobody's diligence. A role that works and of which nobody knows who answers for it is
// not ready; one in mode observe may well be.
type Readiness struct {
	Policy     string      `json:"policy"` // digest of the one in force
	At         time.Time   `json:"at"`
	Coverage   Coverage    `json:"coverage"`
	Roles      []Readied   `json:"roles" nullable:"false"`      // the least ready first
	Connectors []Readied   `json:"connectors" nullable:"false"` // likewise
	Gaps       []RankedGap `json:"gaps" nullable:"false"`       // of all of them, what weighs most first
}

// A Readied is a role or a connector.
type Readied struct {
	Name  string      `json:"name"`
	Mode  schema.Mode `json:"mode"`
	Score int         `json:"score"` // 100 is that nothing is to be decided; of what is refused it is 0
	Gaps  []Gap       `json:"gaps,omitempty"`

	Coverage *RoleCoverage `json:"coverage,omitempty"` // of a role in force
}

// A Gap is one thing that somebody is to decide.
type Gap struct {
	Code   string `json:"code,omitempty"` // of the mistake that it is, where it is one
	What   string `json:"what"`
	Who    string `json:"who"`    // by email address or name, as the policy names them
	Weight int    `json:"weight"` // what it takes from the score
}

// A RankedGap is a gap with what it is about: role/NAME or connector/NAME, or another
// document as it is called.
type RankedGap struct {
	About string `json:"about"`
	Gap
}

// What a gap takes from the score.
const (
	weighsAll    = 100 // it is not automated at all
	weighsMost   = 40  // nobody answers for it, or most of it is unexplained
	weighsMuch   = 20  // somebody else has to, soon
	weighsSome   = 10
	weighsLittle = 5
)

const (
	mostRanked = 100  // how many gaps are ranked
	mostParked = 1000 // how many are counted
)

// Ready works out how ready the policy in force is, as things are now. It looks at
// everybody, as a plan does, and touches nothing.
func Ready(ctx context.Context, s *store.Store, rules *Rules) (Readiness, error) {
	book := rules.Book()
	p := newPlanning(nil, book)
	p.covers = true
	plan, err := p.run(ctx, s, func(PlanLine) error { return nil })
	if err != nil {
		return Readiness{}, err
	}
	a := assessment{book: book, plan: plan, covers: p.coverage, reach: map[string]PlanRole{}, set: book.Owner()}
	for name, role := range p.roles {
		a.reach[name] = *role
	}
	if err := a.findings(ctx, s); err != nil {
		return Readiness{}, err
	}
	err = s.View(ctx, a.assess)
	return a.ready(), err
}

// An assessment is readiness under way.
type assessment struct {
	book   *policy.Book
	plan   Plan
	reach  map[string]PlanRole
	covers func(role string) *RoleCoverage
	set    policy.Owner    // who answers where nobody else does
	lint   policy.Findings // of the documents in force
	people governance      // who is there
	result Readiness
}

// findings are what lint says of the documents in force; of those that were put in force
// without their text only what refuses a role is known.
func (a *assessment) findings(ctx context.Context, s *store.Store) error {
	for _, r := range a.book.Refused() {
		a.lint = append(a.lint, r.Findings...)
	}
	var version store.PolicyVersion
	err := s.View(ctx, func(r store.Reader) (err error) {
		version, err = store.Policies.Get(r, a.book.Digest())
		return err
	})
	if errors.Is(err, schema.ErrNotFound) || err == nil && len(version.Files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	draft, err := DraftOf(version.Files)
	if err == nil {
		a.lint = draft.Findings
	}
	return err
}

func (a *assessment) assess(r store.Reader) error {
	a.people = governance{book: a.book, reader: r, known: map[string]presence{}}
	a.result = Readiness{Policy: a.book.Digest(), At: r.Now(), Coverage: a.plan.Coverage, Roles: []Readied{}, Connectors: []Readied{}}
	for _, role := range a.book.Roles() {
		one := Readied{Name: role.Metadata.Name, Mode: a.book.Mode(role.Metadata.Name, ""), Coverage: a.covers(role.Metadata.Name)}
		if err := a.role(&one, role); err != nil {
			return err
		}
		a.told(&one, role.Ref(), role.Metadata.Owner.User)
		a.result.Roles = append(a.result.Roles, one.scored())
	}
	for _, refused := range a.book.Refused() {
		one := Readied{Name: refused.Role, Mode: schema.Observe}
		a.linted(&one, "Role/"+refused.Role, a.set.User)
		one.lacks(weighsAll, a.set.User, "it is refused, and nobody new gets it: mend what lint says of it")
		a.result.Roles = append(a.result.Roles, one.scored())
	}
	for _, c := range a.book.Connectors() {
		one := Readied{Name: c.Metadata.Name, Mode: a.book.Mode("", c.Metadata.Name)}
		if err := a.connector(r, &one, c); err != nil {
			return err
		}
		a.told(&one, c.Ref(), c.Metadata.Owner.User)
		a.result.Connectors = append(a.result.Connectors, one.scored())
	}
	return nil
}

func (one *Readied) lacks(weight int, who, format string, args ...any) {
	one.errs("", weight, who, format, args...)
}

// errs is lacks, of a mistake that has a code.
func (one *Readied) errs(code policy.Code, weight int, who, format string, args ...any) {
	one.Gaps = append(one.Gaps, Gap{Code: string(code), What: fmt.Sprintf(format, args...), Who: who, Weight: weight})
}

// told adds what only data tells of a document and nothing else said yet.
func (a *assessment) told(one *Readied, ref, who string) {
	known := slices.Clone(one.Gaps)
	for _, f := range a.plan.Findings.Standing(a.result.At) {
		if f.Object != ref || slices.ContainsFunc(known, func(g Gap) bool { return g.Code == string(f.Code) }) {
			continue
		}
		one.errs(f.Code, weighsByCode[f.Severity], cmp.Or(who, a.set.User), "%s: %s", f.Message, f.Hint)
	}
}

// weighsByCode is what a mistake takes from the score that only data tells.
var weighsByCode = map[policy.Severity]int{policy.Error: weighsMuch, policy.Warning: weighsSome}

// scored ranks its gaps and takes what they weigh from 100.
func (one Readied) scored() Readied {
	one.Score = weighsAll
	for _, g := range one.Gaps {
		one.Score = max(0, one.Score-g.Weight)
	}
	slices.SortStableFunc(one.Gaps, func(a, b Gap) int { return cmp.Compare(b.Weight, a.Weight) })
	return one
}

// role looks for what is to be decided of a role in force.
func (a *assessment) role(one *Readied, role *policy.Role) error {
	name, owner := role.Metadata.Name, role.Metadata.Owner
	a.linted(one, role.Ref(), owner.User)
	if why, ok := a.plan.Quarantined[name]; ok {
		one.errs(codeOf(schema.Finding{Kind: findingQuarantine, Reason: why}), weighsMost, a.set.User, "it is in quarantine: %s", why)
	} else if err := a.owned(one, owner); err != nil {
		return err
	}
	drill, err := store.Findings.Get(a.people.reader, findingDrill, "", "role/"+name, "")
	if err == nil {
		one.lacks(weighsMuch, owner.User, "it is not ready: %s", drill.Reason)
	} else if !schema.IsNotFound(err) {
		return err
	}
	for i, stage := range a.book.Stages(role) {
		if err := a.stage(one, owner, i, stage); err != nil {
			return err
		}
	}
	reach := a.reach[name]
	if reach.Undecided > 0 {
		one.lacks(a.part(reach.Undecided), owner.User, "for %s it cannot be decided: somebody is to supply what its rule reads", people(reach.Undecided))
	}
	if reach.Holds > 0 {
		one.lacks(a.part(reach.Holds), owner.User, "%s stay that nothing earns: say whether they are to", entitlements(reach.Holds))
	}
	if reach.Blocked > 0 {
		one.errs(policy.CodeSODLive, a.part(reach.Blocked), owner.User, "a constraint keeps it from %s whose rule matches: say which of the two they are to have", people(reach.Blocked))
	}
	return nil
}

// part weighs how many of all identities something is about.
func (a *assessment) part(n int) int {
	return max(weighsLittle, min(weighsMost, a.share(n)*weighsMost/100))
}

func (a *assessment) share(n int) int {
	if a.plan.Identities == 0 {
		return 0
	}
	return 100 * n / a.plan.Identities
}

// linted adds what lint says of a document.
func (a *assessment) linted(one *Readied, object, who string) {
	for _, f := range a.lint.Standing(a.result.At) {
		if f.Object != object {
			continue
		}
		weight := weighsLittle
		if f.Severity == policy.Error {
			weight = weighsMost
		}
		what := string(f.Code) + ": " + f.Message
		if f.Hint != "" {
			what += " (" + f.Hint + ")"
		}
		one.errs(f.Code, weight, cmp.Or(who, a.set.User), "%s", what)
	}
}

// owned looks whether those who answer for something are there.
func (a *assessment) owned(one *Readied, owner policy.Owner) error {
	user, err := a.people.presence(owner.User)
	if err != nil {
		return err
	}
	deputy, err := a.people.presence(owner.Deputy)
	if err != nil {
		return err
	}
	switch {
	case user == left && deputy == here:
		one.errs(policy.CodeOwnerInactive, weighsMuch, owner.Deputy, "its owner %s left: name another", owner.User)
	case user == left:
		one.errs(policy.CodeOwnerInactive, weighsMost, a.set.User, "its owner %s left, and no deputy is there: name another", owner.User)
	case user == unheard:
		one.lacks(weighsSome, a.set.User, "no source knows its owner %s", owner.User)
	}
	switch {
	case owner.Deputy == "" || user == left:
	case deputy == left:
		one.errs(policy.CodeOwnerInactive, weighsSome, owner.User, "its deputy %s left: name another", owner.Deputy)
	case deputy == unheard:
		one.lacks(weighsLittle, owner.User, "no source knows its deputy %s", owner.Deputy)
	}
	return nil
}

// stage looks whether those are there who are to agree.
func (a *assessment) stage(one *Readied, owner policy.Owner, n int, stage policy.Stage) error {
	for _, approver := range stage.Approvers {
		there, err := here, error(nil)
		switch {
		case approver.User != "":
			there, err = a.people.presence(approver.User)
		case approver.Group != "":
			there, err = a.people.group(approver.Group)
		}
		if err != nil {
			return err
		}
		if there != here {
			one.lacks(weighsMuch, owner.User, "stage %d of its approval is for %s, and nobody is there", n+1, cmp.Or(approver.User, approver.Group))
		}
	}
	return nil
}

// connector looks for what is to be decided of a target.
func (a *assessment) connector(r store.Reader, one *Readied, c *policy.Connector) error {
	name, owner := c.Metadata.Name, c.Metadata.Owner
	a.linted(one, c.Ref(), owner.User)
	if err := a.owned(one, owner); err != nil {
		return err
	}
	cover := a.plan.Coverage.Connectors[name]
	if unknown := cover.Unexplained - cover.Uncatalogued; unknown > 0 {
		one.errs(policy.CodeUnexplained, max(weighsLittle, int(cover.Share(unknown))*weighsMost/100), owner.User,
			"no role explains %s of %d seen there: give a role, make an exception, or take them away", entitlements(unknown), cover.Observed)
	}
	if cover.Uncatalogued > 0 {
		one.errs(policy.CodeUnexplained, max(weighsLittle, int(cover.Share(cover.Uncatalogued))*weighsMost/100), owner.User,
			"no catalogue names %s of %d seen there: name them, with their risk and owner", entitlements(cover.Uncatalogued), cover.Observed)
	}
	if cover.Ungoverned > 0 {
		one.lacks(weighsMuch, owner.User, "%d accounts there are of nobody: say whose they are, or take them away", cover.Ungoverned)
	}
	parked, err := store.AccountState.Count(r, mostParked, name, string(schema.Parked))
	if err != nil {
		return err
	}
	if parked > 0 {
		one.lacks(weighsSome, owner.User, "%d accounts were given up there: mend what their problem says", parked)
	}
	var risky []string
	for _, e := range c.Spec.Entitlements {
		if e.Risk == "" {
			risky = append(risky, e.ID)
		}
	}
	if len(risky) > 0 {
		one.lacks(weighsLittle, owner.User, "nobody said what the risk is of %s", strings.Join(risky, ", "))
	}
	return nil
}

func people(n int) string {
	if n == 1 {
		return "1 identity"
	}
	return fmt.Sprintf("%d identities", n)
}

func entitlements(n int) string {
	if n == 1 {
		return "1 entitlement"
	}
	return fmt.Sprintf("%d entitlements", n)
}

// ready ranks what was found.
func (a *assessment) ready() Readiness {
	r := a.result
	r.Gaps = a.elsewhere()
	for kind, some := range map[string][]Readied{"role/": r.Roles, "connector/": r.Connectors} {
		slices.SortStableFunc(some, func(x, y Readied) int { return cmp.Or(cmp.Compare(x.Score, y.Score), cmp.Compare(x.Name, y.Name)) })
		for _, one := range some {
			for _, g := range one.Gaps {
				r.Gaps = append(r.Gaps, RankedGap{kind + one.Name, g})
			}
		}
	}
	slices.SortFunc(r.Gaps, func(x, y RankedGap) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.About, y.About), cmp.Compare(x.What, y.What))
	})
	r.Gaps = r.Gaps[:min(len(r.Gaps), mostRanked)]
	return r
}

// elsewhere is what only data tells of documents that are neither role nor connector.
func (a *assessment) elsewhere() []RankedGap {
	gaps, owners := []RankedGap{}, map[string]policy.Owner{}
	for _, d := range a.book.Owned() {
		owners[d.Ref] = d.Owner
	}
	for _, f := range a.plan.Findings.Standing(a.result.At) {
		if strings.HasPrefix(f.Object, "Role/") || strings.HasPrefix(f.Object, "Connector/") {
			continue
		}
		gaps = append(gaps, RankedGap{f.Object, Gap{
			Code: string(f.Code), What: f.Message + ": " + f.Hint, Who: cmp.Or(owners[f.Object].User, a.set.User), Weight: weighsByCode[f.Severity],
		}})
	}
	return gaps
}
