package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What is wrong with a policy that its documents do not tell: who answers for them is
// gone, a rule matches everybody, two roles may not be held together and somebody
// qualifies for both. Each has a code, as what lint finds has; a plan says it of a policy
// that is to come, readiness of the one in force.

// What to do about it, by code.
var liveHints = map[policy.Code]string{
	policy.CodeOwnerInactive:   "name somebody who is there",
	policy.CodeApproverSubject: "name another approver, or a group",
	policy.CodeBlast:           "publish it in parts, or have two people release it",
	policy.CodeSODLive:         "say which of the two they are to have, or make an exception",
	policy.CodeStaleSource:     "have the source tell of itself again; until then nothing is concluded from it",
	policy.CodePressure:        "mend the rule that so many are excepted from",
	policy.CodeMatchesMost:     "narrow the rule, or say matchPercentMax where it is meant",
	policy.CodeMatchesNone:     "mend the rule, or take the role away",
	policy.CodeUnexplained:     "give a role, make an exception, or take it away",
	policy.CodeNesting:         "add what is conferred to the catalogue, or undo it at the target",
}

// codeOf returns the code of what a finding in the store is about; empty where it has
// none. Why a role was withheld begins with it.
func codeOf(f schema.Finding) policy.Code {
	switch f.Kind {
	case findingQuarantine:
		code, _, _ := strings.Cut(f.Reason, ": ")
		if slices.Contains(policy.LiveCodes, policy.Code(code)) {
			return policy.Code(code)
		}
		if strings.HasPrefix(f.Reason, ofBypass) {
			return ""
		}
		return policy.CodeOwnerInactive
	case findingOwner:
		return policy.CodeOwnerInactive
	case findingPolicy:
		return policy.CodeBlast
	case noticeBlocked, noticeBreak:
		return policy.CodeSODLive
	case findingStale:
		return policy.CodeStaleSource
	case findingPressure:
		return policy.CodePressure
	case findingNesting:
		return policy.CodeNesting
	}
	return ""
}

// A liveness is a look for what only data tells of a policy.
type liveness struct {
	book   *policy.Book
	plan   *Plan
	reach  map[string]*PlanRole
	why    map[string]string // of a role that a constraint keeps from somebody
	reader store.Reader
	people governance
	found  policy.Findings
}

// live adds to a plan what only data tells of its policy.
func (p *planning) live(r store.Reader) error {
	l := liveness{book: p.sound, plan: &p.plan, reach: p.roles, why: p.blocked, reader: r, people: governance{book: p.sound, reader: r, known: map[string]presence{}}}
	for _, look := range []func() error{l.owners, l.roles, l.sources, l.exceptions, l.run, l.targets} {
		if err := look(); err != nil {
			return err
		}
	}
	slices.SortStableFunc(l.found, func(a, b policy.Finding) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Message, b.Message))
	})
	p.plan.Findings = p.to.Accept(l.found)
	return nil
}

func (l *liveness) say(code policy.Code, object, format string, args ...any) {
	l.found = append(l.found, policy.Live(code, object, liveHints[code], format, args...))
}

// owners are those who answer for documents and left. Of whom no source ever spoke is
// not known to have.
func (l *liveness) owners() error {
	for _, d := range l.book.Owned() {
		gone, err := l.people.gone(d.Owner)
		if err != nil {
			return err
		}
		if gone != "" {
			l.say(policy.CodeOwnerInactive, d.Ref, "%s", gone)
		}
	}
	return nil
}

// gone says who of those that answer for something left; nothing if nobody did.
func (g *governance) gone(owner policy.Owner) (string, error) {
	var left []string
	for _, one := range []struct{ as, name string }{{"its owner", owner.User}, {"its deputy", owner.Deputy}} {
		away, err := g.away(one.name)
		if err != nil {
			return "", err
		}
		if away {
			left = append(left, one.as+" "+one.name+" left")
		}
	}
	return strings.Join(left, ", and "), nil
}

// away reports whether somebody is known to have left.
func (g *governance) away(name string) (bool, error) {
	there, err := g.presence(name)
	return there == left, err
}

// roles are those that are wrong as people are.
func (l *liveness) roles() error {
	for _, role := range l.book.Roles() {
		name, ref := role.Metadata.Name, role.Ref()
		stages, err := l.people.unapproved(role)
		if err != nil {
			return err
		}
		if stages != "" {
			l.say(policy.CodeOwnerInactive, ref, "%s", stages)
		}
		alone, err := soleApprovers(l.reader, l.book, role)
		if err != nil {
			return err
		}
		if alone != "" {
			l.say(policy.CodeApproverSubject, ref, "%s", alone)
		}
		reach := l.reach[name]
		if reach == nil {
			reach = &PlanRole{}
		}
		if most := l.book.MostMatched(role); most > 0 && 100*reach.Matches > most*l.plan.Active {
			l.say(policy.CodeMatchesMost, ref, "its rule matches %d of %d, and the limit is %d%%", reach.Matches, l.plan.Active, most)
		}
		if _, withheld := l.plan.Quarantined[name]; !withheld && l.plan.Active > 0 && reach.Matches+reach.Eligible+reach.Holders+reach.Undecided+reach.Blocked == 0 {
			l.say(policy.CodeMatchesNone, ref, "of %d its rule matches nobody", l.plan.Active)
		}
		if reach.Blocked > 0 {
			l.say(policy.CodeSODLive, ref, "a constraint keeps it from %s whose rule matches: %s", people(reach.Blocked), l.why[name])
		}
	}
	return nil
}

// unapproved says which stages of a role's approval nobody is left for; nothing if there
// is somebody for each, or nobody was ever heard of.
func (g *governance) unapproved(role *policy.Role) (string, error) {
	for i, stage := range g.book.Stages(role) {
		gone, err := g.abandoned(stage)
		if err != nil {
			return "", err
		}
		if gone {
			return fmt.Sprintf("nobody is left who could approve it at stage %d", i+1), nil
		}
	}
	return "", nil
}

// soleApprovers names people who may ask for a role, and whom a stage of its approval
// cannot do without: nobody approves for themselves. A stage for managers has another
// approver for each who asks.
func soleApprovers(r store.Reader, book *policy.Book, role *policy.Role) (string, error) {
	flow, ok := book.Flow(role)
	if !ok {
		return "", nil
	}
	for i, stage := range flow.Spec.Stages {
		if slices.ContainsFunc(stage.Approvers, func(a policy.Approver) bool { return a.Manager }) {
			continue
		}
		p := panel{reader: r, book: book, role: role, flow: flow}
		able, err := p.deciders(stage, stage.Needs()+1)
		if err != nil {
			return "", err
		}
		if len(able) > stage.Needs() {
			continue
		}
		for _, id := range able {
			if alone, err := p.without(id, stage); alone || err != nil {
				return fmt.Sprintf("stage %d of its approval cannot do without %s, who may ask for it: nobody could approve it for them", i+1, id.UserName), err
			}
		}
	}
	return "", nil
}

// without reports whether too few could decide at a stage for somebody who may ask for
// the role.
func (p panel) without(id schema.Identity, stage policy.Stage) (bool, error) {
	f, err := Gather(p.reader, p.book, id.Base())
	if err != nil {
		return false, err
	}
	f.About = []string{p.role.Metadata.Name}
	may := slices.ContainsFunc(p.book.Evaluate(f, p.reader.Now()).Verdicts, func(v policy.Verdict) bool {
		return v.Role == p.role.Metadata.Name && (v.Outcome == policy.Eligible || v.Outcome == policy.Assigned)
	})
	if !may {
		return false, nil
	}
	p.subject, p.own = f, []someone{someoneOf(p.book, f)}
	able, err := p.deciders(stage, stage.Needs())
	return len(able) < stage.Needs(), err
}

// sources are those of which nothing was heard for too long.
func (l *liveness) sources() error {
	for _, s := range l.book.Sources() {
		heard, stale, err := HeardOf(l.reader, l.book, s.Metadata.Name)
		if err != nil {
			return err
		}
		switch {
		case !stale:
		case heard.IsZero():
			l.say(policy.CodeStaleSource, s.Ref(), "nothing was heard of it yet")
		default:
			l.say(policy.CodeStaleSource, s.Ref(), "nothing was heard of it since %s", instant(heard))
		}
	}
	return nil
}

// exceptions are the rules from which too many deviate.
func (l *liveness) exceptions() error {
	deviate, err := deviations(l.reader, l.book)
	if err != nil {
		return err
	}
	for _, rule := range deviate.Dominated() {
		l.say(policy.CodePressure, documentOf(rule), "%s", dominate(deviate.Of(rule)))
	}
	held := map[string]int{} // by constraint
	for f, err := range store.Findings.All(l.reader, noticeBreak) {
		if err != nil {
			return err
		}
		held[strings.TrimPrefix(f.Object, "constraint/")]++
	}
	for _, name := range slices.Sorted(maps.Keys(held)) {
		if k, ok := l.book.Constraint(name); ok {
			l.say(policy.CodeSODLive, k.Ref(), "%s hold together what it forbids", people(held[name]))
		}
	}
	return nil
}

// run is what the policy would do at once.
func (l *liveness) run() error {
	for _, b := range l.plan.Brakes {
		if b.Exceeded && b.Role == "" {
			l.say(policy.CodeBlast, "PolicySet/"+l.book.Name(), "%s would be exceeded: %d lines, %.1f%% of those held", b.Name, b.Lines, b.Share)
		}
	}
	return nil
}

// targets are those with access that nothing explains, or that confer what no catalogue
// says.
func (l *liveness) targets() error {
	for _, c := range l.book.Connectors() {
		cover := l.plan.Coverage.Connectors[c.Metadata.Name]
		if n := cover.Unexplained - cover.Ending; n > 0 {
			l.say(policy.CodeUnexplained, c.Ref(), "nothing explains %s of %d seen there", entitlements(n), cover.Observed)
		}
		for f, err := range store.Findings.All(l.reader, findingNesting, c.Metadata.Name) {
			if err != nil {
				return err
			}
			if why := undeclared(l.book, f.Connector, connectors.Nest{Group: f.Subject, In: f.Object}); why != "" {
				l.say(policy.CodeNesting, c.Ref(), "%s", why)
			}
		}
	}
	return nil
}
