package access

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"drawbridge/policy"
)

// A seat is a group of which so many people must agree to a policy; none where that is waived.
type seat struct {
	group string
	needs int
}

// The seats at which people sit who must agree: those whom the policy in force names, and
// others besides where a policy is about more than those are cleared for. One person sits
// at one of them, whichever it is.
type seats []seat

// seatsOf returns the seats for a policy of which some documents are beyond those who agree.
func seatsOf(rules policy.Publication, beyond []string) (all seats) {
	if n := rules.Needs(); n > 0 {
		all = append(all, seat{rules.Approvers.Group, n})
	}
	if n := rules.Escalation(); n > 0 && len(beyond) > 0 {
		all = append(all, seat{rules.Escalate.Group, n})
	}
	return all
}

// needed is how many must agree.
func (s seats) needed() (n int) {
	for _, one := range s {
		n += one.needs
	}
	return n
}

// must says of whom how many must agree: 2 of the group Board.
func (s seats) must() string {
	return s.each(" and ", func(_ int, one seat) string { return one.must() })
}

func (s seat) must() string { return fmt.Sprintf("%d of the group %s", s.needs, s.group) }

// groups names them: the group Board.
func (s seats) groups() string {
	return s.each(" and ", func(_ int, one seat) string { return "the group " + one.group })
}

// short says of how many of those who must agree, or had to, how many could.
func (s seats) short(must string, could []sitting) string {
	return s.each("; ", func(i int, one seat) string {
		n := 0
		for _, at := range could {
			if at.has(i) {
				n++
			}
		}
		return fmt.Sprintf("%s %s agree, and %d could", one.must(), must, n)
	})
}

// each says something of each seat of which somebody must agree.
func (s seats) each(between string, say func(int, seat) string) string {
	var words []string
	for i, one := range s {
		if one.needs > 0 {
			words = append(words, say(i, one))
		}
	}
	return strings.Join(words, between)
}

// waive returns the same seats, of which nobody must agree at some, by their groups; and those
// that are waived by it.
func (s seats) waive(groups []string) (kept, waived seats) {
	kept, waived = slices.Clone(s), slices.Clone(s)
	groups = slices.Clone(groups)
	for i, one := range s {
		if at := slices.Index(groups, one.group); at >= 0 {
			kept[i].needs, groups = 0, slices.Delete(groups, at, at+1)
		} else {
			waived[i].needs = 0
		}
	}
	return kept, waived
}

// vacant returns the groups whose seats have to be waived for people to fill the others: as few
// as may be by how many must agree, and of two that are as good the first, for those further on
// may agree to more.
func (s seats) vacant(could []sitting) (groups []string) {
	most := -1
	for some := range sitting(1) << len(s) {
		var without []string
		for i, one := range s {
			if some.has(i) {
				without = append(without, one.group)
			}
		}
		if kept, _ := s.waive(without); kept.lack(could) == 0 && kept.needed() > most {
			groups, most = without, kept.needed()
		}
	}
	return groups
}

// A sitting is at which of the seats somebody may sit, a bit each.
type sitting uint

func (at sitting) has(seat int) bool { return at>>seat&1 == 1 }

// lack returns how many more must agree besides some. Who may sit at two seats takes one, and
// it is whichever serves best: of any of the seats together there must be as many people as
// these take (Hall's theorem).
func (s seats) lack(agreed []sitting) (n int) {
	for some := sitting(1); bits.Len(uint(some)) <= len(s); some++ {
		lacks := 0
		for i, one := range s {
			if some.has(i) {
				lacks += one.needs
			}
		}
		for _, at := range agreed {
			if at&some != 0 {
				lacks--
			}
		}
		n = max(n, lacks)
	}
	return n
}
