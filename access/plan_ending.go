package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/schema"
	"drawbridge/store"
)

// A PlanEnding is what of a plan cannot be undone at a connector: accounts that would be
// disabled, and that cannot be had back there.
type PlanEnding struct {
	Connector string `json:"connector"`
	Accounts  int    `json:"accounts"`
	Allowed   bool   `json:"allowed"` // by the configuration; otherwise each is parked, and a person ends it there
}

// ends marks the lines with which an identity's account is disabled for good, and counts
// the accounts for which the policy in force is not about to do the same.
func (p *planning) ends(r store.Reader, c *comparison, holds []schema.Assignment, lines []PlanLine, page *planned) error {
	for _, connector := range p.final {
		with := func(l PlanLine) bool { return l.Connector == connector && l.Change == PlanRevoke }
		if !slices.ContainsFunc(lines, with) {
			continue
		}
		ends, err := p.endsAt(r, connector, c, holds)
		if err != nil {
			return err
		}
		if !ends {
			continue
		}
		for i, line := range lines {
			lines[i].ForGood = line.ForGood || with(line)
		}
		if slices.ContainsFunc(lines, func(l PlanLine) bool { return with(l) && !l.Pending }) {
			page.endings[connector]++
		}
	}
	return nil
}

// endsAt reports whether an identity's account at a connector is to be disabled once it
// holds the lines.
func (p *planning) endsAt(r store.Reader, connector string, c *comparison, holds []schema.Assignment) (bool, error) {
	have, err := account(r, connector, c.facts.Identity.ID)
	if err != nil || !have.Exists() || !have.Active {
		return false, err
	}
	there := slices.DeleteFunc(slices.Clone(holds), func(l schema.Assignment) bool { return l.Connector != connector })
	attributes := map[string]string{"userName": c.facts.Identity.UserName}
	return !desired(p.protects, c.book, c.facts, attributes, there, have).Active, nil
}

// learn reads how accounts end, as the bridge noted it.
func (p *planning) learn(r store.Reader) error {
	noted, err := howAccountsEnd(r)
	if err != nil {
		return err
	}
	protected := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(noted)) {
		protected[name] = noted[name].Protected
		if noted[name].ForGood {
			p.final = append(p.final, name)
		}
	}
	p.endings, p.protects = noted, NewRules(p.to, protected)
	return nil
}

// unnoted notes that something ends at a connector of which nobody noted how.
func (p *planning) unnoted(line PlanLine) {
	_, known := p.endings[line.Connector]
	if at, there := slices.BinarySearch(p.plan.Unnoted, line.Connector); p.covers && !known && !there {
		p.plan.Unnoted = slices.Insert(p.plan.Unnoted, at, line.Connector)
	}
}

// addEndings adds up what cannot be undone, by connector.
func (p *planning) addEndings(n map[string]int) {
	for connector, accounts := range n {
		i := slices.IndexFunc(p.plan.Endings, func(e PlanEnding) bool { return e.Connector == connector })
		if i < 0 {
			i = len(p.plan.Endings)
			p.plan.Endings = append(p.plan.Endings, PlanEnding{Connector: connector, Allowed: p.endings[connector].Allowed})
		}
		p.plan.Endings[i].Accounts += accounts
	}
	slices.SortFunc(p.plan.Endings, func(a, b PlanEnding) int { return cmp.Compare(a.Connector, b.Connector) })
}

// String says it to people.
func (e PlanEnding) String() string {
	what, become := "accounts", "they cannot"
	if e.Accounts == 1 {
		what, become = "account", "it cannot"
	}
	text := fmt.Sprintf("%d %s at %s would be disabled for good: %s be had back", e.Accounts, what, e.Connector, become)
	if !e.Allowed {
		text += "; allowIrreversible is off, so that nothing is written and a person has to end them there"
	}
	return text
}

// movedEndings says where something else ends for good than did.
func movedEndings(was, now []PlanEnding) []string {
	if slices.Equal(was, now) {
		return nil
	}
	said := func(all []PlanEnding) string {
		var texts []string
		for _, e := range all {
			texts = append(texts, e.String())
		}
		return cmp.Or(strings.Join(texts, ", and "), "nothing")
	}
	return []string{"what cannot be undone: " + said(now) + "; it was: " + said(was)}
}
