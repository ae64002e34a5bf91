package goals

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// costCentres is how many there are among users.
const costCentres = 1000

// rolesOf is a policy of a role for everybody and of one for each cost centre, so many in
// all; what everybody gets is as it is told. Nothing is enforced: what targets do with it
// is not what is measured.
func rolesOf(n int, everybody string) string {
	docs := []string{policyOf(connectorNames(1), false)}
	docs[0] = strings.Replace(docs[0], "  mode: enforce\n  identity:", "  mode: observe\n  identity:", 1)
	docs[0] = strings.Replace(docs[0], "grants: [{ connector: c00, entitlement: seat }]", "grants: ["+everybody+"]", 1)
	for i := range n - 1 {
		docs = append(docs, birthright(fmt.Sprintf("centre-%04d", i),
			fmt.Sprintf(`identity.kind == "human" && identity.userType == "employee" && identity.costCenter == "CC-%03d"`, i%costCentres),
			"{ connector: c00, entitlement: support }"))
	}
	return strings.Join(docs, "---\n")
}

// A republisher is a store of users, and the lanes that a publication keeps busy.
type republisher struct {
	*measure
	store *store.Store
	rules *access.Rules
	ids   []string
}

// publicationForMany is G17: a role that everybody has is changed, and everybody is
// evaluated against all roles anew, and written. Then the others are changed, and people who
// leave meanwhile overtake everybody else: each of them is some commits, which is why that is
// another publication than the one that is timed.
func publicationForMany(m *measure) {
	defer bridge.CollectSeldom()()
	roles := max(20, m.edits/2)
	const seat, support, extra = "{ connector: c00, entitlement: seat }", "{ connector: c00, entitlement: support }", "{ connector: c00, entitlement: extra }"
	more := rolesOf(roles, seat+", "+extra)
	before, after, last := compiled(m, rolesOf(roles, seat)), compiled(m, more), compiled(m, strings.ReplaceAll(more, support, support+", "+extra))
	r := &republisher{measure: m, rules: access.NewRules(before, nil), ids: make([]string, m.push)}
	dir := onDisk(m)
	r.open(filepath.Join(dir, "bridge.db"), true)
	r.fill()
	r.publish(before)
	stop := r.work()
	r.idle()
	stop()
	r.close()
	r.open(filepath.Join(dir, "bridge.db"), false)
	defer r.close()

	memory := r.computed(after)
	r.publish(after)
	began := time.Now()
	defer r.work()()
	r.idle()
	alone := time.Since(began)

	r.publish(last)
	began = time.Now()
	until(m, time.Millisecond, "some have it for two reasons", func() bool { return r.reasons(r.ids[len(r.ids)/10], "extra") > 1 })
	late := r.leave()
	r.idle()
	took := time.Since(began)
	for _, id := range r.ids[:m.leavers] {
		if r.holds(id) == 0 {
			m.Fatal("who should stay lost something")
		}
	}
	n := float64(m.push)
	m.atMost("G17", fmt.Sprintf("what 100k should hold by %d roles is worked out, of what is read already", roles), memory*1e5, 1, "s")
	m.atMost("G17", "a role that 100k hold is changed: all of them decided, durably", alone.Seconds()/n*1e5, 8, "s")
	m.atMost("G17", "the slowest of those who leave meanwhile, to all of it", late.Seconds()/took.Seconds(), 0.1, "x")
}

func compiled(m *measure, text string) *policy.Book {
	p, err := access.DraftOf(map[string]string{"policy.yaml": text})
	if err != nil {
		m.Fatal(err)
	}
	if refused := p.Book.Refused(); len(refused) > 0 {
		m.Fatal(refused[0].Findings)
	}
	return p.Book
}

func (r *republisher) open(path string, noSync bool) {
	engine, err := bolt.Open(path, bolt.Options{NoSync: noSync})
	if err != nil {
		r.Fatal(err)
	}
	if r.store, err = store.Open(engine); err != nil {
		r.Fatal(err)
	}
}

func (r *republisher) close() {
	if err := r.store.Close(); err != nil {
		r.Error(err)
	}
}

func (r *republisher) update(fn func(store.Tx) error) {
	r.Helper()
	if err := r.store.Update(context.Background(), fn); err != nil {
		r.Fatal(err)
	}
}

// fill writes the users as the bridge would have stored them.
func (r *republisher) fill() {
	for from := 0; from < len(r.ids); from += perCommit {
		some, _ := people(r, from, min(perCommit, len(r.ids)-from))
		r.update(func(tx store.Tx) error {
			for i, id := range some {
				id.ID, id.Created, id.Modified = tx.NewID(), tx.Now(), tx.Now()
				r.ids[from+i] = id.ID
				if err := store.Identities.Put(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func (r *republisher) publish(book *policy.Book) {
	r.rules.Use(book)
	r.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, book, "token/bench", nil)
		return err
	})
}

// work does what the lanes of a bridge do with a publication, until it is told to stop.
func (r *republisher) work() (stop func()) {
	const workers = 64
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for lane, handle := range map[store.Lane]scheduler.Handler{
		access.LaneIdentity: func(ctx context.Context, item store.Item) (access.Finish, error) {
			return access.Reconcile(ctx, r.store, r.rules, item)
		},
		access.LaneRollout: func(ctx context.Context, item store.Item) (access.Finish, error) {
			return access.Rollout(ctx, r.store, r.rules, item)
		},
	} {
		loop := &scheduler.Loop{
			Store: r.store, Lane: lane, Handle: handle, Workers: workers, Calm: workers - workers/4, TTL: time.Hour,
			Backoff: scheduler.Backoff{First: time.Second, Most: time.Minute}, Log: slog.New(slog.DiscardHandler),
		}
		if lane == access.LaneIdentity {
			loop.HandleCrowd = func(ctx context.Context, items []store.Item) ([]access.Finish, error) {
				return access.ReconcileAll(ctx, r.store, r.rules, items)
			}
		}
		running.Go(func() {
			if err := loop.Run(ctx); err != nil {
				r.Error(err)
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// idle waits until everybody was looked at.
func (r *republisher) idle() {
	until(r, 5*time.Millisecond, "nobody is left to be looked at", func() bool {
		n := 0
		err := r.store.View(context.Background(), func(tx store.Reader) error {
			stats, err := store.LaneStats(tx)
			n = stats[access.LaneIdentity].Items + stats[access.LaneRollout].Items
			return err
		})
		if err != nil {
			r.Fatal(err)
		}
		return n == 0
	})
}

// holds is how many lines somebody holds.
func (r *republisher) holds(id string) (n int) {
	err := r.store.View(context.Background(), func(tx store.Reader) error {
		n = 0
		for _, err := range store.Assignments.All(tx, id) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// reasons is for how many reasons somebody holds an entitlement.
func (r *republisher) reasons(id, entitlement string) (n int) {
	err := r.store.View(context.Background(), func(tx store.Reader) error {
		line, err := store.Assignments.Get(tx, id, connectorNames(1)[0], entitlement)
		n = len(line.Because)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// leave has people leave, the last of all, and returns how long the slowest of them held
// anything after that.
func (r *republisher) leave() (slowest time.Duration) {
	gone := r.ids[len(r.ids)-r.leavers:]
	for i, id := range gone {
		u := len(r.ids) - r.leavers + i
		some, _ := people(r, u, 1)
		some[0].ID, some[0].Active = id, false
		began := time.Now()
		r.update(func(tx store.Tx) error {
			_, err := access.Admit(tx, access.Provenance{Source: source, Received: tx.Now(), Book: r.rules.Book()}, some[0])
			return err
		})
		until(r, time.Millisecond, "who left holds nothing", func() bool { return r.holds(id) == 0 })
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}

// computed is how long it takes to work out what everybody should hold, by the policy
// alone, on all processors: of people who are read already, for each.
func (r *republisher) computed(book *policy.Book) (seconds float64) {
	var all []policy.Facts
	err := r.store.View(context.Background(), func(tx store.Reader) error {
		all = nil
		for _, id := range r.ids[:min(len(r.ids), 1000)] {
			f, err := access.Gather(tx, book, id)
			if err != nil {
				return err
			}
			all = append(all, f)
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	now, rounds := time.Now(), r.rounds
	took := together(runtime.GOMAXPROCS(0), rounds*len(all), func(i int) {
		if len(book.Evaluate(all[i%len(all)], now).Assignments) == 0 {
			r.Error("nobody holds anything")
		}
	})
	return took.Seconds() / float64(rounds*len(all))
}
