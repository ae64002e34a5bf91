package access

import (
	"cmp"
	"slices"

	"drawbridge/schema"
	"drawbridge/store"
)

// A party is the records of one identity.
type party struct {
	records []schema.Identity
	by      map[string]string // record to the attribute that brought it in
	why     map[string]string // record to why it is ambiguous
	with    map[string][]mate // free record to those that go with it by what they say
}

// gather collects everybody who goes with a record, of those whose sources are trusted
// at least so much; one more than are looked at, where there are so many.
func (c *correlation) gather(first schema.Identity, atLeast int) (p party, err error) {
	p = party{by: map[string]string{}, why: map[string]string{}, with: map[string][]mate{}}
	seen := map[string]bool{first.ID: true}
	for queue := []schema.Identity{first}; len(queue) > 0 && len(p.records) <= maxAlike; queue = queue[1:] {
		rec := queue[0]
		p.records = append(p.records, rec)
		with, err := c.bound(rec)
		if err != nil {
			return p, err
		}
		free, err := c.free(rec)
		if err != nil {
			return p, err
		}
		if free {
			mates, why, err := c.mates(rec)
			if err != nil {
				return p, err
			}
			if why != "" {
				p.why[rec.ID] = why
			}
			p.with[rec.ID], with = mates, append(with, mates...)
		}
		for _, m := range with {
			if seen[m.id] || m.by != "" && c.book.TrustRank(m.source) > atLeast {
				continue
			}
			seen[m.id] = true
			one, err := store.Identities.Get(c.tx, m.id)
			if err != nil {
				return p, err
			}
			if m.by != "" {
				p.by[m.id], p.by[rec.ID] = m.by, cmp.Or(p.by[rec.ID], m.by)
			}
			queue = append(queue, one)
		}
	}
	slices.SortFunc(p.records, func(x, y schema.Identity) int { return cmp.Compare(x.ID, y.ID) })
	return p, nil
}

// units are the parts of a party that nothing parts: each free record first, with
// those that are bound to it.
func (c *correlation) units(p party) (units []party, err error) {
	for _, rec := range p.records {
		free, err := c.free(rec)
		if err != nil {
			return nil, err
		}
		if !free && rec.Of != "" {
			continue
		}
		with, err := c.bound(rec)
		if err != nil {
			return nil, err
		}
		one := party{records: []schema.Identity{rec}, by: p.by, why: map[string]string{}, with: p.with}
		for _, m := range with {
			i := slices.IndexFunc(p.records, func(r schema.Identity) bool { return r.ID == m.id })
			if i >= 0 {
				one.records = append(one.records, p.records[i])
			}
		}
		if p.why[rec.ID] != "" {
			one.why[rec.ID] = p.why[rec.ID]
		}
		units = append(units, one)
	}
	return units, nil
}

func (p party) has(id string) bool {
	return slices.ContainsFunc(p.records, func(r schema.Identity) bool { return r.ID == id })
}

// granted reports whether people gave an identity something that it still has.
func (c *correlation) granted(identity string) (bool, error) {
	for g, err := range store.Grants.All(c.tx, identity) {
		if err != nil || g.Live(c.tx.Now()) {
			return err == nil, err
		}
	}
	return false, nil
}
