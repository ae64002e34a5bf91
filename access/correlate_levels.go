package access

import (
	"cmp"
	"maps"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Who goes with whom is settled a level of trust at a time. First those whose sources
// are trusted most are sorted into identities, as though nobody else said anything.
// Those of the next level then join these, together with those of their own level whom
// they agree with, where that is one identity for certain. So what is said by whom
// people trust less brings nobody together, and parts nobody, whom they trust more.
//
// Among equals nobody's word is better than another's: of records that would bring two
// of one source together, all that lie between those two are kept apart, and a person
// says who is whose. Those that merely agree with one of them stay with it.

// Why records are kept apart.
const (
	severalIdentities = "it agrees with records of several identities, and those are trusted more than it"
	rolesToEach       = "people gave roles to each of the identities that would become one"
	tooManyAgree      = "too many records agree with each other, one after another, to tell whose it is"
)

// parties returns the identities that a record and those who go with it are of. Where
// these are too many to be looked at, it is those that are trusted as much and more,
// or only the record's own: the others are settled in their turn.
func (c *correlation) parties(rec schema.Identity) ([]party, error) {
	own := c.book.TrustRank(rec.Source)
	for level := policy.LeastTrust; level >= own; level-- {
		p, err := c.gather(rec, level)
		if err != nil {
			return nil, err
		}
		if len(p.records) <= maxAlike {
			return c.assort(p)
		}
	}
	return c.crowded(rec, own)
}

// An assortment is records that go with each other in some way, being sorted into
// identities.
type assortment struct {
	*correlation
	with    map[string][]mate
	parties []party // of the levels that are settled
}

// assort sorts those who go with each other in some way into identities.
func (c *correlation) assort(p party) ([]party, error) {
	units, err := c.units(p)
	if err != nil {
		return nil, err
	}
	s := assortment{correlation: c, with: p.with}
	for level := range policy.LeastTrust + 1 {
		peers := slices.DeleteFunc(slices.Clone(units), func(one party) bool { return c.book.TrustRank(one.head().Source) != level })
		if err := s.level(peers); err != nil {
			return nil, err
		}
	}
	return s.parties, nil
}

// head is the record that a unit is about.
func (p party) head() schema.Identity { return p.records[0] }

// level adds those of one level to the identities of the levels above: each circle of
// those who agree as a whole, and where that can not be, each of them by itself.
func (s *assortment) level(peers []party) error {
	whole, left, err := s.place(s.circles(peers, nil))
	if err != nil {
		return err
	}
	var single [][]party
	for _, circle := range left {
		for _, one := range circle {
			single = append(single, []party{one})
		}
	}
	parts, left, err := s.place(single)
	if err != nil {
		return err
	}
	s.parties = slices.Concat(s.parties, whole, parts)
	for _, circle := range left {
		s.parties = append(s.parties, circle...)
	}
	return nil
}

// place has each circle join the one identity that any of it agrees with. Of those
// that agree with none it returns the identities that they are themselves; and it
// returns those that are left, because several identities would be theirs or what
// they would join is none for certain.
func (s *assortment) place(circles [][]party) (own []party, left [][]party, err error) {
	joining := map[int][]int{} // which of the circles would join each identity
	for i, circle := range circles {
		switch to := s.touched(circle); {
		case len(to) > 1:
			left = append(left, doubted(circle, severalIdentities))
		case len(to) == 1:
			joining[to[0]] = append(joining[to[0]], i)
		default:
			some, err := s.uncontested(circle)
			if err != nil {
				return nil, nil, err
			}
			own = append(own, some...)
		}
	}
	for _, to := range slices.Sorted(maps.Keys(joining)) {
		one := s.parties[to]
		for _, i := range joining[to] {
			others := [][]party{circles[i], {s.parties[to]}} // also two of its own
			for _, j := range joining[to] {
				if j != i {
					others = append(others, circles[j])
				}
			}
			why, err := s.clashing(circles[i], others)
			switch {
			case err != nil:
				return nil, nil, err
			case why != "":
				left = append(left, doubted(circles[i], why))
			default:
				one = united(append([]party{one}, circles[i]...)...)
			}
		}
		s.parties[to] = one
	}
	return own, left, nil
}

// clashing says why a circle can not be of one identity with others, if that is so.
func (s *assortment) clashing(circle []party, others [][]party) (why string, err error) {
	for _, other := range others {
		for _, one := range circle {
			for _, two := range other {
				if one.head().ID == two.head().ID {
					continue
				}
				if why, err = s.clash(one, two); why != "" || err != nil {
					return why, err
				}
			}
		}
	}
	return "", nil
}

// touched returns which of the identities of the levels above a circle agrees with.
func (s *assortment) touched(circle []party) (to []int) {
	for i, p := range s.parties {
		if slices.ContainsFunc(circle, func(one party) bool {
			return slices.ContainsFunc(s.with[one.head().ID], func(m mate) bool { return p.has(m.id) })
		}) {
			to = append(to, i)
		}
	}
	return to
}

// An edge joins two units that agree, by the ids of their heads in order.
type edge [2]string

func edgeOf(one, two string) edge { return edge{min(one, two), max(one, two)} }

// circles are the units that agree with each other, one after another, but for the
// edges that are cut.
func (s *assortment) circles(units []party, cut map[edge]bool) (circles [][]party) {
	seen := map[string]bool{}
	for _, first := range units {
		if seen[first.head().ID] {
			continue
		}
		seen[first.head().ID] = true
		circle := []party{first}
		for i := 0; i < len(circle); i++ {
			for _, next := range units {
				from, to := circle[i].head().ID, next.head().ID
				if !seen[to] && !cut[edgeOf(from, to)] && s.agree(from, to) {
					seen[to], circle = true, append(circle, next)
				}
			}
		}
		circles = append(circles, circle)
	}
	return circles
}

func (s *assortment) agree(one, two string) bool {
	return slices.ContainsFunc(s.with[one], func(m mate) bool { return m.id == two }) ||
		slices.ContainsFunc(s.with[two], func(m mate) bool { return m.id == one })
}

// uncontested takes a circle of equals apart where it would bring together what is
// not of one identity: it cuts what lies between those, and of what can not be told
// apart by that, everything.
func (s *assortment) uncontested(circle []party) (own []party, err error) {
	cut, why := map[edge]bool{}, map[string]string{}
	for i, one := range circle {
		for _, two := range circle[i+1:] {
			from, to := one.head().ID, two.head().ID
			if !s.agree(from, to) {
				continue
			}
			sides := s.circles(circle, map[edge]bool{edgeOf(from, to): true})
			if len(sides) < 2 {
				continue
			}
			clash, err := s.clashing(sides[0], sides[1:])
			if err != nil {
				return nil, err
			}
			if clash != "" {
				cut[edgeOf(from, to)], why[from], why[to] = true, clash, clash
			}
		}
	}
	for _, some := range s.circles(circle, cut) {
		clash, err := s.clashing(some, [][]party{some})
		if err != nil {
			return nil, err
		}
		for i, one := range some {
			some[i] = doubted([]party{one}, cmp.Or(clash, why[one.head().ID]))[0]
		}
		if clash == "" {
			some = []party{united(some...)}
		}
		own = append(own, some...)
	}
	return own, nil
}

// clash says why two can not be of one identity, if that is so: there are records of
// one source in both, or people gave something to each of the identities that would
// become one.
func (c *correlation) clash(one, two party) (why string, err error) {
	for _, x := range one.records {
		for _, y := range two.records {
			if x.Source == y.Source {
				return "it would bring two records of source " + x.Source + " together", nil
			}
			if x.Base() == y.Base() {
				continue
			}
			given := true
			for _, base := range []string{x.Base(), y.Base()} {
				if granted, err := c.granted(base); err != nil {
					return "", err
				} else if !granted {
					given = false
				}
			}
			if given {
				return rolesToEach, nil
			}
		}
	}
	return "", nil
}

// doubted notes why units are kept apart, where nothing says so already.
func doubted(units []party, why string) []party {
	doubted := slices.Clone(units)
	for i, one := range doubted {
		if id := one.head().ID; why != "" {
			doubted[i].why = map[string]string{id: cmp.Or(one.why[id], why)}
		}
	}
	return doubted
}

// united makes one party of several.
func united(some ...party) party {
	one := party{by: some[0].by, with: some[0].with, why: map[string]string{}}
	for _, p := range some {
		one.records = append(one.records, p.records...)
		maps.Copy(one.why, p.why)
	}
	return one
}

// crowded returns the identity of a record that agrees with very many, one after
// another: that of those which are trusted more, where it agrees with one such alone
// and nobody else of its source does; and else it is kept apart.
func (c *correlation) crowded(rec schema.Identity, own int) ([]party, error) {
	alone, err := c.gather(rec, -1)
	if err != nil {
		return nil, err
	}
	apart := doubted([]party{{records: alone.records, by: alone.by, why: alone.why}}, tooManyAgree)
	slices.SortStableFunc(apart[0].records, func(x, y schema.Identity) int { return cmp.Compare(rankIf(x.ID != rec.ID), rankIf(y.ID != rec.ID)) })
	if len(alone.records) > maxAlike {
		return apart, nil
	}
	above := slices.DeleteFunc(slices.Clone(alone.with[rec.ID]), func(m mate) bool { return c.book.TrustRank(m.source) >= own })
	if len(above) == 0 {
		return apart, nil
	}
	first, err := store.Identities.Get(c.tx, above[0].id)
	if err != nil {
		return nil, err
	}
	p, err := c.gather(first, own-1)
	if err != nil || len(p.records) > maxAlike {
		return apart, err
	}
	parties, err := c.assort(p)
	if err != nil {
		return nil, err
	}
	for _, one := range parties {
		if slices.ContainsFunc(above, func(m mate) bool { return !one.has(m.id) }) {
			continue
		}
		only, err := c.onlyOne(one, rec)
		if err != nil {
			return nil, err
		}
		if why, err := c.clash(one, apart[0]); why != "" || !only || err != nil {
			return apart, err
		}
		return []party{united(one, party{records: alone.records, why: alone.why})}, nil
	}
	return apart, nil
}

// onlyOne reports whether no other record of its source agrees with a party.
func (c *correlation) onlyOne(p party, rec schema.Identity) (bool, error) {
	for _, one := range p.records {
		mates, _, err := c.mates(one)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(mates, func(m mate) bool { return m.source == rec.Source && m.id != rec.ID }) {
			return false, nil
		}
	}
	return true, nil
}

func rankIf(later bool) int {
	if later {
		return 1
	}
	return 0
}
