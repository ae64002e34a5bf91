package access

import (
	"errors"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Coverage says how much of the access that was observed at targets a policy explains:
// each entitlement that an account was last seen to have is counted once. Accounts of
// nobody are not among them, for what they have is not kept, but they are told of.
type Coverage struct {
	Observed    int `json:"observed"`
	ByRoles     int `json:"byRoles"`
	ByException int `json:"byException"` // by grants that rest on an exception
	Held        int `json:"held"`        // nothing earns it, and it stays until somebody decides
	Unexplained int `json:"unexplained"`

	Uncatalogued int `json:"uncatalogued"` // of what is unexplained, what no catalogue names
	Ending       int `json:"ending"`       // of what is unexplained, what is about to be taken away
	Ungoverned   int `json:"ungoverned"`   // accounts that no identity explains, as the sweep orphans found

	Connectors map[string]Coverage `json:"connectors,omitempty"` // the same of each
}

// Share is a part of what is observed, in percent.
func (c Coverage) Share(part int) float64 {
	if c.Observed == 0 {
		return 0
	}
	return 100 * float64(part) / float64(c.Observed)
}

// at adds what was observed at a connector.
func (c *Coverage) at(connector string, one Coverage) {
	c.add(Coverage{Connectors: map[string]Coverage{connector: one}})
	c.add(one)
}

func (c *Coverage) add(other Coverage) {
	c.Observed += other.Observed
	c.ByRoles += other.ByRoles
	c.ByException += other.ByException
	c.Held += other.Held
	c.Unexplained += other.Unexplained
	c.Uncatalogued += other.Uncatalogued
	c.Ending += other.Ending
	c.Ungoverned += other.Ungoverned
	for name, one := range other.Connectors {
		sum := c.Connectors[name]
		sum.add(one)
		if c.Connectors == nil {
			c.Connectors = map[string]Coverage{}
		}
		c.Connectors[name] = sum
	}
}

// cover counts what an identity was observed to have, and what would explain it.
func (p *planning) cover(r store.Reader, c *comparison, d difference, sum *Coverage) error {
	for _, connector := range p.connectors() {
		acc, err := store.Accounts.Get(r, connector, c.facts.Identity.ID)
		if errors.Is(err, schema.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if !acc.Exists() {
			continue
		}
		one := Coverage{}
		for _, target := range acc.Entitlements {
			var single Coverage
			single.observe(c, d, connector, target)
			p.had(c, d, connector, target, single)
			one.add(single)
		}
		sum.at(connector, one)
	}
	return nil
}

// connectors are those of both policies, by name.
func (p *planning) connectors() []string {
	if p.named != nil {
		return p.named
	}
	var names []string
	for _, book := range []*policy.Book{p.from, p.to} {
		if book == nil {
			continue
		}
		for _, c := range book.Connectors() {
			names = append(names, c.Metadata.Name)
		}
	}
	p.named = schema.Sorted(names...)
	return p.named
}

// observe counts one entitlement by its name at the target.
func (c *Coverage) observe(of *comparison, d difference, connector, target string) {
	c.Observed++
	e, catalogued := of.book.EntitlementByTarget(connector, target)
	if !catalogued {
		c.Unexplained++
		c.Uncatalogued++
		return
	}
	line := schema.Assignment{Connector: connector, Entitlement: e.ID}
	i := index(d.lines, line)
	switch {
	case i < 0:
		c.Unexplained++
		if index(d.ended, line) >= 0 {
			c.Ending++
		}
	case slices.ContainsFunc(d.kept, func(k keptLine) bool { return k.line.Ref() == e.Ref() }):
		c.Held++
	case excepts(of.facts, d.lines[i]):
		c.ByException++
	default:
		c.ByRoles++
	}
}

// excepts reports whether a line rests on grants that an exception allows, and on
// nothing else.
func excepts(f policy.Facts, line schema.Assignment) bool {
	some, other := false, len(line.Roles())
	if slices.ContainsFunc(line.Because, func(ref string) bool { return strings.HasPrefix(ref, "exception/") }) {
		return true
	}
	for _, ref := range line.Because {
		id, ok := strings.CutPrefix(ref, "grant/")
		if !ok {
			continue
		}
		if slices.ContainsFunc(f.Grants, func(g schema.Grant) bool { return g.ID == id && len(g.Excepted) > 0 }) {
			some = true
			other--
		}
	}
	return some && other <= 0
}
