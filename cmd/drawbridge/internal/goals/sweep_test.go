package goals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing/fstest"
	"time"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// sweepOfMany is what a large store is like to live with: its size on disk
// (G19), how soon it answers (G20), its memory (G18), and a sweep over millions of
// grants of which one in a hundred is due (G11), with people at work meanwhile
// (G12).
func sweepOfMany(m *measure) {
	of := large(m)
	m.atMost("G19", "store of 1M users with all indexes to their JSON", float64(of.size)/float64(of.body), 1.7, "x")
	yesterday, later := time.Now().Add(-time.Hour), time.Now().Add(1000*time.Hour)
	oneInAHundred := func(i int) time.Time {
		if i%100 == 0 {
			return yesterday.Add(time.Duration(i))
		}
		return later.Add(time.Duration(i))
	}
	of.grant(m, m.grants/10, oneInAHundred)
	m.look(of, "1M")
	of.grant(m, m.grants-m.grants/10, oneInAHundred)
	m.life(of)
	m.look(of, "10M")
	m.sweep(of)
	of.grant(m, m.grants/100, func(i int) time.Time { return yesterday.Add(time.Duration(i)) })
	m.sweepAtWork(of)
}

// life starts a bridge on the store: G20 and G18.
func (m *measure) life(of *seed) {
	start := time.Now()
	s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
	until(m, 5*time.Millisecond, "the first user is found", func() bool {
		c := dial(m, s.addr)
		defer c.Close()
		_, err := c.want(200, "GET", users+"/"+of.ids[len(of.ids)/2], nil)
		return err == nil
	})
	m.atMost("G20", "start to the first 200 with 1M users and 10M grants", time.Since(start).Seconds(), 4, "s")
	drive(m, s.addr, 1, 2*m.edits, func(c *conn, _ int) error {
		_, err := c.want(200, "GET", users+"/"+of.ids[rand.N(len(of.ids))], nil)
		return err
	})
	m.atMost("G18", "anonymous memory with 1M users, at rest", s.anonymous()/(1<<20), 100, "MB")
	most := 0.0
	drive(m, s.addr, writers, m.first/2, func(c *conn, i int) error {
		_, err := push(c, len(of.ids)+i)
		if i%100 == 0 {
			most = max(most, s.anonymous())
		}
		return err
	})
	m.atMost("G18", "the same at most, while users are pushed, 32 at once", most/(1<<20), 256, "MB")
	s.stop()
}

// look is the half of G11 that finds what is due, beside reading every grant of the
// same file for it.
func (m *measure) look(of *seed, grants string) {
	st, expiry := m.expiryOf(of)
	defer st.Close()
	due, now := of.grants/100, time.Now()
	var found, scanned []time.Duration
	for range m.rounds {
		err := timed(&found, func() error {
			return expiry(context.Background(), scheduler.Sweep{Limits: policy.Brake{Count: due - 1, Percent: 100}}, &schema.Run{})
		})
		if !errors.Is(err, schema.ErrHeld) {
			m.Fatalf("the sweep was not held: %v", err)
		}
	}
	n := 0
	err := timed(&scanned, func() error {
		return st.View(context.Background(), func(r store.Reader) error {
			for g, err := range store.Grants.All(r) {
				if err != nil {
					return err
				}
				if g.Until.Before(now) {
					n++
				}
			}
			return nil
		})
	})
	if err != nil || n != due {
		m.Fatalf("a scan found %d of %d grants due: %v", n, due, err)
	}
	m.atMost("G11", "finding the 1 % of "+grants+" grants that are due", milliseconds(quantile(found, 0.5)), 10, "ms")
	m.atLeast("G11", "how many times faster than a scan of the same "+grants+" grants", float64(scanned[0])/float64(quantile(found, 0.5)), 100)
}

// expiryOf opens a store, and returns the sweep over it.
func (m *measure) expiryOf(of *seed) (*store.Store, func(context.Context, scheduler.Sweep, *schema.Run) error) {
	m.Helper()
	p, err := bridge.ReadPolicy(fstest.MapFS{"policy.yaml": {Data: []byte(policyOf(connectorNames(3), false))}})
	if err != nil {
		m.Fatal(err)
	}
	st := of.open(m, bolt.Options{})
	return st, scheduler.Expiry(st, access.NewRules(p.Book, nil))
}

// sweep is the other half of G11, that ends what is due, without anything else at work.
func (m *measure) sweep(of *seed) {
	defer bridge.CollectSeldom()()
	ctx, due := context.Background(), m.grants/100
	limits := policy.Brake{Count: 1e9, Percent: 100}
	inOrder, apart := grouped(m, m.first), groupedApart(m, of, "grants", 100, m.first)
	st, expiry := m.expiryOf(of)
	defer func() { st.Close() }()
	var took, idle []time.Duration
	var run schema.Run
	if err := timed(&took, func() error { return expiry(ctx, scheduler.Sweep{Limits: limits}, &run) }); err != nil {
		m.Fatal(err)
	}
	if run.Done != due {
		m.Fatalf("%d of %d grants ended", run.Done, due)
	}
	m.atMost("G11", "ending all 100k of them, durably", took[0].Seconds()/float64(due)*1e5, 8, "s")
	st.Close() // bare bbolt has the file to itself
	inOrder, apart = (inOrder+grouped(m, m.first))/2, (apart+groupedApart(m, of, "grants", 100, m.first))/2
	ended := float64(due) / took[0].Seconds()
	m.atLeast("G11", "that a second, to rows a second by bare group commit, one in 100 of the same grants", ended/apart, 0.5)
	m.atLeast("G11", "the same to rows that are appended to an empty file", ended/inOrder, 0.5)
	st, expiry = m.expiryOf(of)
	for range 100 * m.rounds {
		if err := timed(&idle, func() error { return expiry(ctx, scheduler.Sweep{Limits: limits}, &run) }); err != nil {
			m.Fatal(err)
		}
	}
	m.atMost("G11", "looking when nothing is due", float64(quantile(idle, 0.5))/1e3, 100, "us")
}

// sweepAtWork is G12: people's changes while a sweep runs, and all that it wakes.
func (m *measure) sweepAtWork(of *seed) {
	s := spawn(m, "bridge", part{Dir: of.dir, Connectors: connectorNames(3)})
	settledSoon := time.Now()
	quiet := m.changes(s, of)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+s.addr+"/api/v1/sweeps/expiry/run", http.NoBody)
	if err != nil {
		m.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		m.Fatalf("the sweep was not started: %s", resp.Status)
	}
	busy := m.changes(s, of)
	s.kill() // there is work for minutes, and nobody waits for it
	m.Logf("%v in all", time.Since(settledSoon).Round(time.Second))
	m.atMost("G12", "p99 of PATCH while the sweep runs to that at rest", float64(busy)/float64(quiet), 3, "x")
	m.atMost("G12", "p99 of PATCH while the sweep runs", milliseconds(busy), 100, "ms")
}

// changes returns the p99 of changing one user, at a hundred a second.
func (m *measure) changes(s *process, of *seed) time.Duration {
	const perSecond = 100
	n := int(m.window.Seconds() * perSecond)
	took := make([]time.Duration, n)
	paced(m, s.addr, perSecond, n, func(c *conn, i int) error {
		body := fmt.Appendf(nil, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"T%d"}]}`, rand.N(1<<30))
		start := time.Now()
		answer, err := c.want(200, "PATCH", users+"/"+of.ids[rand.N(len(of.ids))], body)
		took[i] = time.Since(start)
		if err == nil && !bytes.Contains(answer, []byte("title")) {
			err = fmt.Errorf("not a user: %s", answer)
		}
		return err
	})
	return quantile(took, 0.99)
}
