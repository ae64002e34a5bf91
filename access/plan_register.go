package access

import (
	"context"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The register of machine identities is a part of the policy, so that another policy may
// bring machines of which the store knows nothing yet, change what is said of one, or take
// it off. A plan tells of that too. Of a machine that other sources tell of as well it says
// what they say: how their records and the register's would go together is found out when
// it is.

// reenrol has a comparison go by what the register of the policy to come says.
func (p *planning) reenrol(c *comparison) error {
	id := &c.facts.Identity
	if id.Source != policy.RegisterSource || len(c.facts.Records) > 0 || id.Gone() {
		return nil
	}
	n, wrong := p.to.Machine(id.UserName)
	switch {
	case wrong != nil: // it stays as it is
		return nil
	case n == nil:
		id.Deleted = c.now
		return nil
	}
	rec, err := n.Record()
	if err == nil {
		id.Kind, id.Resource = rec.Kind, rec.Resource
	}
	return err
}

// newcomers adds the machines that the policy would put on the register.
func (p *planning) newcomers(ctx context.Context, s *store.Store) (page planned, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		page = planned{at: r.Now(), holders: map[string]int{}, matches: map[string]int{}, eligible: map[string]int{}}
		for _, n := range p.to.Machines() {
			rec, err := n.Record()
			if err != nil {
				return err
			}
			known, err := byUserName(r, store.Fold(rec.UserName))
			if err != nil {
				return err
			}
			if len(known) > 0 {
				continue
			}
			if err := p.newcomer(r, rec, &page); err != nil {
				return err
			}
		}
		return nil
	})
	return page, err
}

func (p *planning) newcomer(r store.Reader, rec schema.Identity, page *planned) error {
	rec.ID, rec.Source = policy.RegisterSource+"/"+rec.UserName, policy.RegisterSource
	c := &comparison{book: p.to, now: r.Now(), formers: p.formers, facts: policy.Facts{Identity: rec}}
	if _, err := answered(r, p.to, &c.facts); err != nil {
		return err
	}
	seen := saw(c)
	c.facts.Identity.Created = c.now
	lines, _ := c.planned()
	pending := p.from != nil && p.from.Enrolled(rec.UserName)
	page.looked, page.active = page.looked+1, page.active+1
	for i := range lines {
		lines[i].UserName, lines[i].Pending = rec.UserName, pending
	}
	for _, v := range c.access.Verdicts {
		if v.Outcome == policy.Assigned {
			page.matches[v.Role]++
		}
	}
	if len(lines) > 0 && !pending {
		page.affected++
		page.stakes = append(page.stakes, PlanStake{Identity: rec.ID, UserName: rec.UserName, Saw: seen, Does: sumOf(lines)})
	}
	page.lines = append(page.lines, lines...)
	return nil
}
