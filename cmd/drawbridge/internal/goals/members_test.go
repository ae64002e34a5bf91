package goals

import (
	"fmt"
	"strings"
	"time"

	"drawbridge/store/bolt"
)

// oneMember is G7: one member more or less, in a large group and in a small one.
func oneMember(m *measure) {
	of, ids := m.withGroups(m.members, 10)
	s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
	var more, less []float64
	for range m.rounds {
		var took [2][2][]time.Duration // by verb and by size
		drive(m, s.addr, 1, m.edits/2, func(c *conn, i int) error {
			member := of.ids[m.members+i]
			for verb, body := range [][]byte{joining(member), parting(member)} {
				for size, group := range ids {
					err := timed(&took[verb][size], func() error {
						_, err := c.want(204, "PATCH", groups+"/"+group, body)
						return err
					})
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		more = append(more, ratio(took[0]))
		less = append(less, ratio(took[1]))
	}
	s.stop()
	m.atMost("G7", "p50 of adding a member to a 100k-member group to that of 10 members", median(more), 1.2, "x")
	m.atMost("G7", "p50 of removing a member likewise", median(less), 1.2, "x")
}

// ratio is how the median in the first is to that in the second.
func ratio(took [2][]time.Duration) float64 {
	return float64(quantile(took[0], 0.5)) / float64(quantile(took[1], 0.5))
}

// hundredMembers is G8: a hundred members more in one PATCH.
func hundredMembers(m *measure) {
	var ratios []float64
	for range m.rounds {
		of, ids := m.withGroups(m.members/2, 0)
		s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
		var took [2][]time.Duration
		at := min(100, m.edits/2)
		rest := of.ids[m.members:]
		drive(m, s.addr, 1, min(m.edits/2/at, len(rest)/at), func(c *conn, i int) error {
			for size, group := range ids {
				err := timed(&took[size], func() error {
					_, err := c.want(204, "PATCH", groups+"/"+group, joining(rest[i*at:(i+1)*at]...))
					return err
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		s.stop()
		ratios = append(ratios, ratio(took))
	}
	m.atMost("G8", "p50 of adding 100 members to a 50k-member group to an empty one", median(ratios), 1.2, "x")
}

// withGroups returns a store with more users than the large group has members,
// and two groups.
func (m *measure) withGroups(large, small int) (*seed, [2]string) {
	of := seeded(m, m.members+m.edits)
	st := of.open(m, bolt.Options{NoSync: true})
	ids := [2]string{of.group(m, st, "Large", large), of.group(m, st, "Small", small)}
	of.close(m, st)
	return of, ids
}

func joining(ids ...string) []byte {
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":"%s"}]}]}`,
		strings.Join(ids, `"},{"value":"`))
}

func parting(id string) []byte {
	return fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"%s\"]"}]}`, id)
}
