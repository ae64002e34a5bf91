package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// A mortal engine dies at a commit, before or after it is durable. What was committed
// stays with the engine that it stands on.
type mortal struct {
	store.Engine

	mu     sync.Mutex
	left   int  // commits until it dies; 0: it does not
	after  bool // the last of them is durable
	spared bool // it does not die now
	dead   bool
	died   chan struct{}
}

var errDead = fmt.Errorf("the process is dead: %w", schema.ErrUnavailable)

func (m *mortal) Begin(ctx context.Context, write bool) (store.Txn, error) {
	m.mu.Lock()
	dead := m.dead
	m.mu.Unlock()
	if dead {
		return nil, errDead
	}
	txn, err := m.Engine.Begin(ctx, write)
	if err != nil || !write {
		return txn, err
	}
	return &mortalTxn{Txn: txn, engine: m}, nil
}

// Close leaves what was committed to the next life.
func (m *mortal) Close() error { return nil }

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.dead {
		m.dead = true
		close(m.died)
	}
}

type mortalTxn struct {
	store.Txn
	engine *mortal
}

func (t *mortalTxn) Commit() error {
	m := t.engine
	m.mu.Lock()
	dead, last := m.dead, false
	if m.left > 0 && !m.spared {
		m.left--
		last = m.left == 0
	}
	m.mu.Unlock()
	switch {
	case dead:
		return errors.Join(t.Rollback(), errDead)
	case last && m.after:
		err := t.Txn.Commit()
		m.die()
		return errors.Join(err, errDead)
	case last:
		m.die()
		return errors.Join(t.Rollback(), errDead)
	}
	return t.Txn.Commit()
}

// backoff is without chance, for what happens is to happen again.
var backoff = scheduler.Backoff{First: time.Second, Most: time.Minute, Chance: func(n int64) int64 { return n / 3 }}

// A life is one process of the bridge, from its start to its death.
type life struct {
	*mortal
	store  *store.Store
	rules  *access.Rules
	rates  connectors.Rates
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// begin starts a bridge on what the one before left.
func begin(ctx context.Context, e store.Engine, ids *rand.ChaCha8, book *policy.Book, targets []*target, log *slog.Logger) (*life, error) {
	l := &life{mortal: &mortal{Engine: e, died: make(chan struct{})}, rates: connectors.Rates{}}
	var err error
	if l.store, err = store.Open(l.mortal, store.WithRand(ids)); err != nil {
		return nil, err
	}
	l.rules = access.NewRules(book, map[string][]string{"wiki": {guarded}})
	ctx, l.cancel = context.WithCancel(ctx)
	open := map[string]connectors.Connector{}
	for _, t := range targets {
		if open[t.name], err = t.connect(l); err != nil {
			return nil, err
		}
	}
	sweeper := l.sweeper(open)
	if err := sweeper.Plan(ctx); err != nil {
		return nil, err
	}
	for _, loop := range l.lanes(open, sweeper) {
		loop.Store, loop.Log, loop.Grace, loop.Backoff = l.store, log, 5*time.Second, backoff
		l.loops.Go(func() {
			if err := loop.Run(ctx); err != nil {
				log.Error("loop", "lane", loop.Lane, "error", err)
			}
		})
	}
	return l, nil
}

// lanes are those that the bridge serves.
func (l *life) lanes(open map[string]connectors.Connector, sweeper *scheduler.Sweeper) []*scheduler.Loop {
	type work = func(ctx context.Context, s *store.Store, rules *access.Rules, item store.Item) (access.Finish, error)
	handler := func(do work) scheduler.Handler {
		return func(ctx context.Context, item store.Item) (access.Finish, error) {
			return do(ctx, l.store, l.rules, item)
		}
	}
	loops := []*scheduler.Loop{
		{Lane: access.LaneIdentity, Handle: handler(access.Reconcile), HandleCrowd: func(ctx context.Context, items []store.Item) ([]access.Finish, error) {
			return access.ReconcileAll(ctx, l.store, l.rules, items)
		}, Workers: 4, Calm: 3, TTL: time.Minute},
		{Lane: access.LaneGroup, Handle: handler(access.Regroup), Workers: 2, TTL: 3 * time.Minute, Renews: true},
		{Lane: access.LaneGovernance, Handle: handler(access.Govern), Workers: 1, TTL: 3 * time.Minute, Renews: true},
		{Lane: access.LaneRequest, Handle: handler(access.Attend), Workers: 2, TTL: time.Minute},
		{Lane: access.LaneSource, Handle: handler(access.Freshen), Workers: 1, TTL: time.Minute},
		{Lane: access.LaneRelease, Handle: handler(access.CarryOut), Workers: 1, TTL: 3 * time.Minute, Renews: true},
		{Lane: access.LaneRollout, Handle: handler(access.Rollout), Workers: 1, TTL: 3 * time.Minute, Renews: true},
		{Lane: access.LaneRamp, Handle: handler(access.Climb), Workers: 1, TTL: 3 * time.Minute, Renews: true},
		{Lane: access.LaneResume, Workers: 1, TTL: 3 * time.Minute, Renews: true, Handle: func(ctx context.Context, item store.Item) (access.Finish, error) {
			return access.CatchUp(ctx, l.store, item)
		}},
		{Lane: access.LaneSweep, Handle: sweeper.Handle, Workers: 3, TTL: 3 * time.Minute, Renews: true},
	}
	for name, c := range open {
		breaker := scheduler.NewBreaker(8, backoff)
		p := scheduler.Provision{Store: l.store, Rules: l.rules, Name: name, Connector: c, Breaker: breaker}
		loops = append(loops, &scheduler.Loop{
			Lane: access.LaneAccount(name), Workers: 4, Calm: 3, TTL: 4 * time.Minute, Breaker: breaker,
			Handle: func(ctx context.Context, item store.Item) (access.Finish, error) {
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				return p.Handle(ctx, item)
			},
		})
	}
	return loops
}

func (l *life) sweeper(open map[string]connectors.Connector) *scheduler.Sweeper {
	w := &scheduler.Sweeper{Store: l.store, Rules: l.rules, Sweeps: map[string]scheduler.Sweep{}}
	for _, s := range []scheduler.Sweep{
		{Name: "expiry", Run: scheduler.Expiry(l.store, l.rules), Schedule: cron.Every(37 * time.Minute)},
		{Name: "drift", Run: scheduler.Drift(l.store, l.rules, open), Schedule: cron.Every(40 * time.Minute)},
		{Name: "orphans", Run: scheduler.Orphans(l.store, l.rules, open), Schedule: cron.Every(43 * time.Minute)},
	} {
		s.Limits = policy.Brake{Count: 1000, Percent: 100}
		w.Sweeps[s.Name] = s
	}
	return w
}

// arm has it die within so many commits.
func (l *life) arm(r *rand.Rand) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.after = 1+r.IntN(25), r.IntN(2) == 0
}

// disarm lets it live.
func (l *life) disarm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = 0
}

// end waits until nothing of it is running any more.
func (l *life) end() error {
	l.die()
	l.cancel()
	l.loops.Wait()
	return l.store.Close()
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// tell runs what somebody outside does, who never dies of it.
func (l *life) tell(ctx context.Context, fn func(store.Tx) error) error {
	l.mu.Lock()
	l.spared = true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.spared = false
		l.mu.Unlock()
	}()
	return l.store.Update(ctx, fn)
}

// holders says whose the accounts of a target are, by their ids, and who waits there for
// people.
func (l *life) holders(ctx context.Context, connector string) (all map[string]string, waits map[string]bool, err error) {
	all, waits = map[string]string{}, map[string]bool{}
	err = l.store.View(ctx, func(r store.Reader) error {
		for a, err := range store.Accounts.All(r, connector) {
			if err != nil {
				return err
			}
			all[a.RemoteID] = a.Identity
			waits[a.Identity] = isNamesake(a)
		}
		return nil
	})
	return all, waits, err
}

// orphans is what is said of accounts of a target that nobody explains, by their ids.
func (l *life) orphans(ctx context.Context, connector string) (map[string]string, error) {
	said := map[string]string{}
	err := l.store.View(ctx, func(r store.Reader) error {
		for f, err := range store.Findings.All(r, "orphan", connector) {
			if err != nil {
				return err
			}
			said[f.Subject] = f.Reason
		}
		return nil
	})
	return said, err
}

// namesakes are the words of problems with names that an account of somebody else has,
// who is away or gone: people have to settle that.
var namesakes = []string{"userName is taken", "is that of identity", "has the user name", "has several users with this"}

// isNamesake reports whether an account is given up for a name that somebody else has.
func isNamesake(a schema.Account) bool {
	return a.State == schema.Parked && slices.ContainsFunc(namesakes, func(s string) bool { return strings.Contains(a.Problem, s) })
}

// settled says what is left to do, once all is quiet.
func (l *life) settled(ctx context.Context) (left []string, err error) {
	err = l.store.View(ctx, func(r store.Reader) error {
		left = nil
		for a, err := range store.Accounts.All(r) {
			if err != nil {
				return err
			}
			if isNamesake(a) {
				continue // which agrees looks at
			}
			if a.State != schema.Settled || !a.Due.IsZero() {
				left = append(left, fmt.Sprintf("%s of %s at %s is %s: %s", a.RemoteID, a.Identity, a.Connector, a.State, a.Problem))
			}
		}
		return nil
	})
	slices.Sort(left)
	return left, err
}
