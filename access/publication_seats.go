package access

import (
	"fmt"
	"math/bits"
	"strings"

	"drawbridge/policy"
)

// A seat is a group of which so many people must agree to a policy.
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
	words := make([]string, len(s))
	for i, one := range s {
		words[i] = fmt.Sprintf("%d of the group %s", one.needs, one.group)
	}
	return strings.Join(words, " and ")
}

// groups names them: the group Board.
func (s seats) groups() string {
	words := make([]string, len(s))
	for i, one := range s {
		words[i] = "the group " + one.group
	}
	return strings.Join(words, " and ")
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
