package goals

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// wholeGroups is G9, a large group read with its members and without, and G10, a
// user read with the groups that it is in.
func wholeGroups(m *measure) {
	of, ids := m.withGroups(m.members, min(500, m.members/2))
	s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
	defer s.stop()
	inBoth, inNone := users+"/"+of.ids[0], users+"/"+of.ids[len(of.ids)-1]
	var without, with []float64
	var first, total []time.Duration
	grown := 0.0
	for range m.rounds {
		var took, user [2][]time.Duration
		drive(m, s.addr, 1, m.edits, func(c *conn, i int) error {
			way := i % 2
			err := timed(&took[way], func() error {
				_, err := c.want(200, "GET", groups+"/"+ids[way]+"?excludedAttributes=members", nil)
				return err
			})
			if err != nil {
				return err
			}
			return timed(&user[way], func() error {
				_, err := c.want(200, "GET", [2]string{inBoth, inNone}[way], nil)
				return err
			})
		})
		without, with = append(without, ratio(took)), append(with, ratio(user))
		before := s.anonymous()
		for range 5 {
			f, t := m.fetch(s, groups+"/"+ids[0], m.members*30)
			first, total = append(first, f), append(total, t)
			grown = max(grown, (s.anonymous()-before)/(1<<20))
		}
	}
	m.atMost("G9", "p50 of GET without members of 100k to that of 500", median(without), 1.2, "x")
	m.atMost("G9", "first byte of a group with 100k members", milliseconds(quantile(first, 0.5)), 10, "ms")
	m.atMost("G9", "all of it", milliseconds(quantile(total, 0.5)), 100, "ms")
	m.atMost("G9", "anonymous memory more after it", grown, 16, "MB")
	m.atMost("G10", "p50 of GET of a user in a 100k-member group to that of one in none", median(with), 1.5, "x")
}

// fetch reads one long answer, and returns when it began and when it ended.
func (m *measure) fetch(s *process, path string, atLeast int) (first, total time.Duration) {
	m.Helper()
	start := time.Now()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+sourceToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		m.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadFull(answer.Body, make([]byte, 1)); err != nil {
		m.Fatal(err)
	}
	first = time.Since(start)
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || n < int64(atLeast) {
		m.Fatalf("GET %s: status %d, %d bytes, %v", path, answer.StatusCode, n, err)
	}
	return first, time.Since(start)
}

// pages is G22: whether a page costs more of many users than of few.
func pages(m *measure) {
	sizes := [2]int{m.push, m.few}
	var servers [2]*process
	for i, n := range sizes {
		servers[i] = spawn(m, "bridge", part{Dir: seeded(m, n).dir, Connectors: connectorNames(3)})
		defer servers[i].stop()
	}
	count := min(100, m.few/2)
	var ratios []float64
	for range m.rounds {
		var took [2][]time.Duration
		for range m.edits / 10 {
			for i, s := range servers {
				_, total := m.fetch(s, fmt.Sprintf("%s?count=%d&startIndex=%d", users, count, 1+rand.N(sizes[i]-count)), 100*count)
				took[i] = append(took[i], total)
			}
		}
		ratios = append(ratios, ratio(took))
	}
	m.atMost("G22", "p50 of a page of 100 anywhere among 100k users to that among 1k", median(ratios), 1.5, "x")
}

// filteredRemovals is a thousand members removed by a filter each, in one PATCH, by
// the bridge, which does it and keeps it, and by the library, which only reads it.
// What their joining woke is done before either is asked.
func filteredRemovals(m *measure) {
	of := seeded(m, max(m.few, 2))
	s, l := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)}), spawn(m, "library", part{})
	defer s.stop()
	defer l.stop()
	var removals []string
	for _, id := range of.ids[:min(1000, len(of.ids))] {
		removals = append(removals, `{"op":"remove","path":"members[value eq \"`+id+`\"]"}`)
	}
	body := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(removals, ",") + `]}`)
	ours, theirs := dial(m, s.addr), dial(m, l.addr)
	if ours == nil || theirs == nil {
		m.Fatal("nobody answers")
	}
	defer ours.Close()
	defer theirs.Close()
	made, err := ours.want(201, "POST", groups, []byte(`{"displayName":"Emptied"}`))
	if err != nil {
		m.Fatal(err)
	}
	group := groups + "/" + idIn(slices.Clone(made))
	var took [2][]time.Duration
	for range 3 * m.rounds {
		if _, err = ours.want(204, "PATCH", group, joining(of.ids[:len(removals)]...)); err == nil {
			settled(m, s)
			err = timed(&took[1], func() error {
				_, err := ours.want(204, "PATCH", group, body)
				return err
			})
		}
		if err == nil {
			err = timed(&took[0], func() error {
				_, err := theirs.want(204, "PATCH", groups+"/1", body)
				return err
			})
		}
		if err != nil {
			m.Fatal(err)
		}
	}
	m.atLeast("PATCH", "1,000 filtered removals, done and kept, to the library only reading them", ratio(took), 30)
}
