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
}

// gather collects everybody who goes with a record.
func (c *correlation) gather(first schema.Identity) (p party, err error) {
	p = party{by: map[string]string{}, why: map[string]string{}}
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
			with = append(with, mates...)
		}
		for _, m := range with {
			if seen[m.id] {
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

// apart takes a party to pieces that is not of one identity for certain: because two
// of its records are of one source, or because people gave something to more than
// one of the identities that would become one.
func (c *correlation) apart(p party) ([]party, error) {
	why := ""
	sources := map[string]bool{}
	given := map[string]bool{}
	for _, rec := range p.records {
		if sources[rec.Source] {
			why = "it would bring two records of source " + rec.Source + " together"
		}
		sources[rec.Source] = true
		granted, err := c.granted(rec.Base())
		if err != nil {
			return nil, err
		}
		if granted {
			given[rec.Base()] = true
		}
	}
	if why == "" && len(given) > 1 {
		why = "people gave roles to each of the identities that would become one"
	}
	if why == "" || len(p.records) > maxAlike {
		return []party{p}, nil
	}
	var parties []party
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
		one := party{records: []schema.Identity{rec}, by: p.by, why: map[string]string{}}
		for _, m := range with {
			i := slices.IndexFunc(p.records, func(r schema.Identity) bool { return r.ID == m.id })
			if i >= 0 {
				one.records = append(one.records, p.records[i])
			}
		}
		if p.by[rec.ID] != "" && c.lesser(rec, p.records) {
			one.why[rec.ID] = why
		}
		if p.why[rec.ID] != "" {
			one.why[rec.ID] = p.why[rec.ID]
		}
		parties = append(parties, one)
	}
	return parties, nil
}

// lesser reports whether none of the records is of a source that is trusted less.
func (c *correlation) lesser(rec schema.Identity, among []schema.Identity) bool {
	return !slices.ContainsFunc(among, func(r schema.Identity) bool { return c.book.TrustedMore(rec.Source, r.Source) })
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
