package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

var (
	seeds  = flag.Int("seeds", usually, "how many seeds to try")
	first  = flag.Uint64("first", 1, "the first of them")
	one    = flag.Uint64("seed", 0, "the one to try again, with its history")
	within = flag.Duration("within", 0, "begin no other seed after so long")
)

// TestSimulation proves R-PROV-1, R-PROV-2, R-DRIFT-1, R-INH-6.
func TestSimulation(t *testing.T) {
	if *one != 0 {
		simulate(t, *one)
		return
	}
	began, tried := time.Now(), 0
	for seed := *first; seed < *first+uint64(*seeds) && !t.Failed() && (*within == 0 || time.Since(began) < *within); seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, seed) })
		tried++
	}
	t.Logf("%d seeds from %d in %v", tried, *first, time.Since(began).Round(time.Second))
}

// TestMain has goroutines take turns, so that what happened can happen again.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}

func simulate(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, seed)
		defer func() {
			if err := s.life.end(); err != nil && !errors.Is(err, schema.ErrUnavailable) {
				t.Error(err)
			}
			s.report()
		}()
		s.run()
	})
}

// A simulation is one history.
type simulation struct {
	t       *testing.T
	seed    uint64
	r       *rand.Rand
	engine  store.Engine
	ids     *rand.ChaCha8
	books   []*policy.Book
	oracle  *oracle
	targets []*target
	life    *life
	group   string // id of the group of writers; empty: there is none
	owner   string // id of who decides about requests
	names   int    // how many were made up
	halted  map[string]bool

	mu      sync.Mutex
	history []string
	broken  []string
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	var key [32]byte
	copy(key[:], fmt.Sprint("simulation ", seed))
	all, err := books()
	if err != nil {
		t.Fatal(err)
	}
	s := &simulation{
		t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 1)), ids: rand.NewChaCha8(key), books: all,
		engine: engineFor(t, seed), oracle: newOracle(time.Now()), halted: map[string]bool{},
	}
	s.targets = newTargets(seed, s.r, s.oracle)
	for _, target := range s.targets {
		target.broke, target.told = s.broke, s.told
		if target.vendor != nil {
			target.vendor.broke = s.broke
		}
	}
	s.start()
	s.tell("publish", func(tx store.Tx) error {
		_, err := access.Publish(tx, s.life.rules.Book(), "token/test", nil)
		return err
	})
	s.appoint()
	s.makeGroup()
	for range 3 {
		s.hire()
	}
	return s
}

// engineFor is what a seed's bridge stands on: one writer or several, in memory or in a
// file, and also one that has every other transaction run again.
func engineFor(t *testing.T, seed uint64) store.Engine {
	switch seed % 6 {
	case 1, 2:
		return enginetest.Memory(4)
	case 3:
		return enginetest.Again(enginetest.Memory(1))
	case 4:
		return enginetest.Again(enginetest.Memory(4))
	case 5:
		e, err := bolt.Open(filepath.Join(t.TempDir(), "store.db"), bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
		return e
	}
	return enginetest.Memory(1)
}

// broke notes what must not be.
func (s *simulation) broke(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, s.oracle.nameless(fmt.Sprintf(format, args...)))
	s.history = append(s.history, stamp(time.Now())+"  BROKEN "+s.broken[len(s.broken)-1])
}

func (s *simulation) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.broken) > 0
}

func (s *simulation) told(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history = append(s.history, stamp(time.Now())+" "+s.oracle.nameless(fmt.Sprintf(format, args...)))
}

// report says what was broken, and how it came to that.
func (s *simulation) report() {
	if *one != 0 && testing.Verbose() {
		s.t.Log("\n" + strings.Join(s.history, "\n"))
	}
	if len(s.broken) == 0 {
		return
	}
	history := s.history
	if n := len(history) - 60; n > 0 && *one == 0 {
		history = history[n:]
	}
	s.t.Errorf("seed %d: %s\n\nhistory:\n%s\n\nagain: make simulate SEED=%d", s.seed, strings.Join(s.broken[:min(8, len(s.broken))], "\n"), strings.Join(history, "\n"), s.seed)
}

func (s *simulation) start() {
	log := slog.New(slog.DiscardHandler)
	if *one != 0 {
		log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) { s.told("    %s", strings.TrimSpace(string(p))); return len(p), nil }), &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))
	}
	var err error
	if s.life, err = begin(s.t.Context(), s.engine, s.ids, s.books[s.oracle.variant], s.targets, log); err != nil {
		s.t.Fatal(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// run lets all of it happen, and then looks at what came of it.
func (s *simulation) run() {
	s.pass(10 * time.Second)
	for range 15 + s.r.IntN(25) {
		for range 1 + s.r.IntN(3) {
			s.happen()
		}
		s.pass([]time.Duration{0, 50 * time.Millisecond, time.Second, 20 * time.Second, 3 * time.Minute, 15 * time.Minute, 50 * time.Minute}[s.r.IntN(7)])
		if s.isBroken() {
			return
		}
	}
	s.told("the faults cease")
	s.life.disarm()
	for _, t := range s.targets {
		t.calm()
	}
	for _, name := range slices.Sorted(maps.Keys(s.halted)) {
		s.resume(name)
	}
	s.pass(6 * time.Hour)
	s.agrees()
}

// pass lets time pass, and starts the bridge again should it die.
func (s *simulation) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			synctest.Wait()
			s.passed()
			if s.life.isDead() {
				s.restart()
			}
			return
		case <-s.life.died:
			s.restart()
		}
	}
}

// passed has the oracle look at the clock.
func (s *simulation) passed() { s.oracle.know(func() { s.oracle.pass(time.Now()) }) }

func (s *simulation) restart() {
	s.told("the bridge died")
	if err := s.life.end(); err != nil && !errors.Is(err, schema.ErrUnavailable) {
		s.broke("end: %v", err)
	}
	if s.r.IntN(2) == 0 {
		time.Sleep(time.Duration(s.r.IntN(1800)) * time.Second) //nolint:forbidigo // of the bubble's own time
	}
	s.passed()
	s.told("the bridge starts again")
	s.start()
}

// tell runs what somebody outside does. It reports whether it was done.
func (s *simulation) tell(what string, fn func(store.Tx) error) bool {
	s.passed()
	err := s.life.tell(s.t.Context(), fn)
	s.told("%s: %v", what, err)
	return err == nil
}

func (s *simulation) hr() access.Provenance {
	return access.Provenance{Source: "hr", Received: time.Now(), Book: s.life.rules.Book()}
}

// admit tells of somebody as they are.
func (s *simulation) admit(p person) (id string, ok bool) {
	resource, err := json.Marshal(map[string]any{
		"userName": p.name, "displayName": "The " + p.name,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": p.department},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var got schema.Identity
	ok = s.tell(fmt.Sprintf("hr tells of %s %s: %s inactive=%v", p.id, p.name, p.department, p.inactive), func(tx store.Tx) (err error) {
		got, err = access.Admit(tx, s.hr(), schema.Identity{ID: p.id, UserName: p.name, Email: p.name + "@example.com", Active: !p.inactive, Resource: resource})
		return err
	})
	return got.ID, ok
}

// agrees looks at everything, once all is quiet.
func (s *simulation) agrees() {
	ctx := context.WithoutCancel(s.t.Context())
	left, err := s.life.settled(ctx)
	if err != nil || len(left) > 0 {
		s.broke("not settled: %v %v", err, strings.Join(left, "; "))
	}
	for _, t := range s.targets {
		var err error
		if t.holder, t.waits, err = s.life.holders(ctx, t.name); err != nil {
			s.broke("%s: whose accounts are whose: %v", t.name, err)
		}
		if t.said, err = s.life.orphans(ctx, t.name); err != nil {
			s.broke("%s: which accounts nobody explains: %v", t.name, err)
		}
		t.agrees()
	}
	for {
		if n, err := s.life.store.Sequence(ctx); err != nil || n == 0 {
			break
		}
	}
	if report, err := s.life.store.Check(ctx); err != nil || !report.OK() {
		s.broke("the store is not as it should be: %v %v", err, report.Faults)
	}
	s.explained()
	s.orphans()
}

// explained looks for writes that nobody decided, and decisions without a reason.
func (s *simulation) explained() {
	known := map[string]bool{}
	err := s.life.store.View(s.t.Context(), func(r store.Reader) error {
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			d := e.Decision
			known[d.ID] = true
			if d.Actor == "" || d.Policy == "" || d.Reason == "" {
				s.broke("a decision without actor, policy or reason: %+v", d)
			}
			if d.Verb != schema.Provisioned && d.Verb != schema.Verified {
				continue
			}
			if len(d.Because) == 0 || slices.ContainsFunc(d.Because, func(id string) bool { return !known[id] }) {
				s.broke("a write without a decision: %+v", d)
			}
		}
		return nil
	})
	if err != nil {
		s.broke("the log: %v", err)
	}
}

// orphans compares what was reported of accounts that nobody explains with those that
// the bridge does not know.
func (s *simulation) orphans() {
	known := map[string]bool{}
	err := s.life.store.View(s.t.Context(), func(r store.Reader) error {
		for a, err := range store.Accounts.All(r) {
			if err != nil {
				return err
			}
			known[a.Connector+"/"+a.RemoteID] = a.Exists()
		}
		return nil
	})
	if err != nil {
		s.broke("the accounts: %v", err)
	}
	for _, t := range s.targets {
		t.mu.Lock()
		for id, a := range t.is {
			is, said := known[t.name+"/"+id], t.said[id]
			if is == (said != "") || t.nobodys[id] && is || t.owner[id] != "" && !is && !t.mayBeAnOrphan(a) {
				s.broke("account %s/%s, which is of %q: known %v, reported as an orphan %q", t.name, id, t.owner[id], is, said)
			}
		}
		t.mu.Unlock()
	}
}
