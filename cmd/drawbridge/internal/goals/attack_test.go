package goals

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"
)

// attacks is what others wait for while a source sends what would cost most
// (docs/hostile-input.md): an honest sender patches, reads and finds one user, in calm and
// during each.
func attacks(m *measure) {
	of := seeded(m, m.few)
	s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
	defer s.stop()
	calm := m.honest(s, of, func() {})
	m.atMost("attack", "p99 of an honest sender's answers in calm", milliseconds(quantile(calm, 0.99)), 1000, "ms")
	before, most := s.anonymous(), 0.0
	for _, a := range []struct {
		name, method, path string
		body               []byte
	}{
		{"100,000 parentheses in a filter", "POST", users + "/.search", []byte(`{"filter":"` + strings.Repeat("(", 100_000) + `"}`)},
		{"a million members", "POST", groups, crowdOf(1_000_000)},
		{"100,000 operations", "PATCH", groups + "/x", []byte(`{"Operations":[` + strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"members[value eq \"x\"]"},`, 100_000), ",") + `]}`)},
		{"filters that no index serves", "GET", users + "?filter=title+co+%22x%22+or+nickName+pr", nil},
	} {
		var others sync.WaitGroup
		done := make(chan struct{})
		for range 4 {
			others.Go(func() {
				c := dial(m, s.addr)
				for c != nil {
					select {
					case <-done:
						_ = c.Close()
						return
					default:
					}
					if _, _, err := c.do(a.method, a.path, a.body); err != nil { // the bridge may end what it refuses unread
						_ = c.Close()
						if c = dial(m, s.addr); c == nil {
							return
						}
					}
				}
			})
		}
		here := 0.0
		took := m.honest(s, of, func() { here = max(here, (s.anonymous()-before)/(1<<20)) })
		close(done)
		others.Wait()
		m.atMost("attack", "p99 during "+a.name, milliseconds(quantile(took, 0.99)), 1000, "ms")
		m.Logf("%.0f MB more during %s", here, a.name)
		most = max(most, here)
	}
	m.atMost("attack", "anonymous memory more during them", most, 256, "MB")
}

// honest patches, reads and finds one user, and returns how long each took.
func (m *measure) honest(s *process, of *seed, between func()) (took []time.Duration) {
	path := users + "/" + of.ids[0]
	drive(m, s.addr, 1, max(20, m.edits/4), func(c *conn, i int) error {
		for _, one := range []struct {
			method, path string
			body         []byte
		}{
			{"PATCH", path, fmt.Appendf(nil, `{"Operations":[{"op":"replace","path":"title","value":"t%d"}]}`, i)}, {"GET", path, nil},
			{"GET", byFilter("userName", userName(0)), nil},
		} {
			err := timed(&took, func() error {
				answer, err := c.want(200, one.method, one.path, one.body)
				if err == nil && !bytes.Contains(answer, []byte(of.ids[0])) {
					err = fmt.Errorf("an honest request is answered %s", answer)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		if i%10 == 0 {
			between()
		}
		return nil
	})
	return took
}

// crowdOf is a group of very many.
func crowdOf(n int) []byte {
	return []byte(`{"displayName":"crowd","members":[` + strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") + `]}`)
}
