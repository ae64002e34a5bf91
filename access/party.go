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

// gather collects everybody who goes with a record, of those that are in within where
// that is not nil.
func (c *correlation) gather(first schema.Identity, within map[string]bool) (p party, err error) {
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
			if seen[m.id] || m.by != "" && within != nil && !within[m.id] {
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

// apart takes a party to pieces that is not of one identity for certain. Those whose
// sources are trusted least go first, so that what they say parts nobody whom others
// agree about: each of them is then of those with whom it agrees itself, if these are
// of one identity.
func (c *correlation) apart(p party) ([]party, error) {
	why, err := c.against(p.records)
	if err != nil || why == "" || len(p.records) > maxAlike {
		return []party{p}, err
	}
	units, err := c.units(p)
	if err != nil {
		return nil, err
	}
	var least, parties []party
	var heads []schema.Identity
	for _, one := range units {
		heads = append(heads, one.records[0])
	}
	within := map[string]bool{}
	for _, one := range units {
		if head := one.records[0]; c.lesser(head, heads) {
			if p.by[head.ID] != "" && one.why[head.ID] == "" {
				one.why[head.ID] = why
			}
			least = append(least, one)
		} else {
			within[head.ID] = true
		}
	}
	if len(within) == 0 {
		return least, nil
	}
	for _, one := range units {
		if !within[one.records[0].ID] || slices.ContainsFunc(parties, func(p party) bool { return p.has(one.records[0].ID) }) {
			continue
		}
		some, err := c.gather(one.records[0], within)
		if err != nil {
			return nil, err
		}
		pieces, err := c.apart(some)
		if err != nil {
			return nil, err
		}
		parties = append(parties, pieces...)
	}
	return c.rejoin(parties, least)
}

// against says why records are not of one identity for certain, if that is so: two of
// them are of one source, or people gave something to more than one of the
// identities that would become one.
func (c *correlation) against(records []schema.Identity) (why string, err error) {
	sources, given := map[string]bool{}, map[string]bool{}
	for _, rec := range records {
		if sources[rec.Source] {
			return "it would bring two records of source " + rec.Source + " together", nil
		}
		sources[rec.Source] = true
		granted, err := c.granted(rec.Base())
		if err != nil {
			return "", err
		}
		if granted {
			given[rec.Base()] = true
		}
	}
	if len(given) > 1 {
		why = "people gave roles to each of the identities that would become one"
	}
	return why, nil
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
		one := party{records: []schema.Identity{rec}, by: p.by, why: map[string]string{}}
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

// rejoin adds each of those whose sources are trusted least to the one party with
// which it agrees itself, where nothing speaks against that and no other one of its
// source would be added too.
func (c *correlation) rejoin(parties, least []party) ([]party, error) {
	added := map[int][]int{} // to which party, of least
	for n, one := range least {
		mates, why, err := c.mates(one.records[0])
		if err != nil {
			return nil, err
		}
		to := -1
		for i, p := range parties {
			if !slices.ContainsFunc(mates, func(m mate) bool { return p.has(m.id) }) {
				continue
			}
			if to >= 0 || why != "" {
				to = -1
				break
			}
			to = i
		}
		if to >= 0 {
			added[to] = append(added[to], n)
		}
	}
	joined := map[int]bool{}
	for i := range parties {
		for _, n := range added[i] {
			source := least[n].records[0].Source
			twice := slices.ContainsFunc(added[i], func(o int) bool { return o != n && least[o].records[0].Source == source })
			together := slices.Concat(parties[i].records, least[n].records)
			against, err := c.against(together)
			if err != nil {
				return nil, err
			}
			if twice || against != "" {
				continue
			}
			joined[n], parties[i].records = true, together
		}
	}
	for n, one := range least {
		if !joined[n] {
			parties = append(parties, one)
		}
	}
	return parties, nil
}

func (p party) has(id string) bool {
	return slices.ContainsFunc(p.records, func(r schema.Identity) bool { return r.ID == id })
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
