package goals

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

// lookups is G4: whether finding one user depends on how many there are.
func lookups(m *measure) {
	big, small := large(m), seeded(m, m.few)
	a := spawn(m, "bridge", part{Dir: small.dir, Connectors: connectorNames(3)})
	b := spawn(m, "bridge", part{Dir: big.dir, Connectors: connectorNames(3)})
	for _, way := range []struct {
		what string
		path func(s *seed, u int) string
	}{
		{"userName eq", func(_ *seed, u int) string { return byFilter("userName", userName(u)) }},
		{"externalId eq", func(_ *seed, u int) string { return byFilter("externalId", externalID(u)) }},
		{"id", func(s *seed, u int) string { return users + "/" + s.ids[u] }},
	} {
		var ratios []float64
		m.found(way.path, a, small, b, big) // to warm up
		for range m.rounds {
			ratios = append(ratios, ratio(m.found(way.path, b, big, a, small)))
		}
		m.atMost("G4", fmt.Sprintf("p50 of look-ups by %s among 1M users to that among 1k", way.what), median(ratios), 1.25, "x")
	}
	a.stop()
	b.stop()
}

// found measures finding one user in each of two stores, in turn and one at a time:
// whatever else the machine does, it does to both.
func (m *measure) found(path func(s *seed, u int) string, one *process, ofOne *seed, other *process, ofOther *seed) (took [2][]time.Duration) {
	second := dial(m, other.addr)
	defer second.Close()
	drive(m, one.addr, 1, 2*m.edits, func(first *conn, _ int) error {
		for i, c := range []*conn{first, second} {
			of := []*seed{ofOne, ofOther}[i]
			u := rand.N(len(of.ids))
			err := timed(&took[i], func() error {
				answer, err := c.want(200, "GET", path(of, u), nil)
				if err == nil && !bytes.Contains(answer, []byte(of.ids[u])) {
					err = fmt.Errorf("user %d was not found: %s", u, answer)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return took
}

// lookupsAgainstHello is G5 and G6: what a look-up costs beyond HTTP itself, and
// against the library's own parser.
func lookupsAgainstHello(m *measure) {
	of := seeded(m, m.few)
	s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
	h, l := spawn(m, "hello", part{}), spawn(m, "library", part{})
	eq := func(u int) string { return byFilter("userName", userName(u)) }
	id := func(u int) string { return users + "/" + of.ids[u] }
	var filter, parsed, get []float64
	for range m.rounds {
		limit := m.rate(h, len(of.ids), eq)
		found := m.rate(s, len(of.ids), eq)
		filter = append(filter, found/limit)
		parsed = append(parsed, found/m.rate(l, len(of.ids), eq))
		get = append(get, m.rate(s, len(of.ids), id)/m.rate(h, len(of.ids), id))
	}
	m.atLeast("G5", "userName eq, 32 at once, to echo hello", median(filter), 0.4)
	m.atLeast("G5", "userName eq, 32 at once, to the library alone", median(parsed), 5)
	m.atLeast("G6", "GET by id, 32 at once, to echo hello", median(get), 0.4)
}

// rate returns how many requests a second are answered, 32 at once.
func (m *measure) rate(s *process, n int, path func(u int) string) float64 {
	requests := 10 * m.edits
	took := drive(m, s.addr, writers, requests, func(c *conn, _ int) error {
		_, err := c.want(200, "GET", path(rand.N(n)), nil)
		return err
	})
	return float64(requests) / took.Seconds()
}
