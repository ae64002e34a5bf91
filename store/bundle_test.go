package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// numbered returns so many ids.
func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%04d", prefix, i))
	}
	return ids
}

func idsOf(items []store.Item) (ids []string) {
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return ids
}

// TestBundlesGoBehind wakes very many at once, and somebody alone: who is alone
// overtakes those who are as urgent, and keeps them waiting no longer than three
// quarters of the workers; who is urgent goes first, bundled or not. R-SLO-2.
func TestBundlesGoBehind(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		t.Run(fmt.Sprint(urgent), func(t *testing.T) {
			s := open(t)
			update(t, s, func(tx store.Tx) error {
				if urgent {
					return errors.Join(tx.WakeAll("lane", numbered("b", 120), tx.Now().Add(-time.Hour)), tx.WakeAllUrgent("lane", numbered("a", 120)))
				}
				return tx.WakeAll("lane", numbered("a", 120), tx.Now().Add(-time.Hour))
			})
			update(t, s, func(tx store.Tx) error {
				for _, id := range numbered("z", 8) {
					if err := wake(tx, id, urgent); err != nil {
						return err
					}
				}
				items, err := tx.Lease("lane", 1, time.Hour)
				if got := idsOf(items); !slices.Equal(got, numbered("z", 1)) {
					t.Errorf("leased %v first, %v; want who was woken alone", got, err)
				}
				if items, err = tx.Lease("lane", 8, time.Hour); err != nil || len(items) != 8 {
					t.Fatalf("leased %v, %v; want 8", items, err)
				}
				got := idsOf(items)
				slices.Sort(got)
				if want := append(numbered("a", 2), numbered("z", 7)[1:]...); !slices.Equal(got, want) {
					t.Errorf("leased %v, want %v", got, want)
				}
				take := tx.Lease
				if urgent {
					take = tx.LeaseUrgent
				}
				if items, err = take("lane", 300, time.Hour); err != nil || len(items) < 119 {
					t.Errorf("leased %d more, %v; want all", len(items), err)
				}
				for i, item := range items {
					if item.Urgent != urgent && i < 119 {
						t.Errorf("leased %+v, which is not as urgent as others, in place %d", item, i)
					}
				}
				return err
			})
		})
	}
}

func wake(tx store.Tx, id string, urgent bool) error {
	if urgent {
		return tx.WakeUrgent("lane", id)
	}
	return tx.Wake("lane", id, tx.Now())
}

// TestBundledIsCounted looks at a lane with many in bundles by every way there is.
func TestBundledIsCounted(t *testing.T) {
	s := open(t)
	var at time.Time
	update(t, s, func(tx store.Tx) error {
		at = tx.Now()
		return errors.Join(tx.WakeAll("lane", numbered("a", 230), at), tx.Wake("lane", "a0007", at.Add(time.Hour)), tx.Wake("lane", "z", at))
	})
	view(t, s, func(r store.Reader) error {
		stats, err := store.LaneStats(r)
		if got := stats["lane"]; err != nil || got.Items != 232 || got.Leased != 0 || !got.Oldest.Equal(at) {
			t.Errorf("%+v, %v; want 232 items since %v", got, err, at)
		}
		for limit, want := range map[int]int{1000: 231, 150: 150, 1: 1} {
			if n, err := store.Backlog(r, "lane", limit); err != nil || n != want {
				t.Errorf("%d wait, %v; want %d", n, err, want)
			}
		}
		if next, ok, err := store.NextDue(r, "lane"); err != nil || !ok || !next.Equal(at) {
			t.Errorf("next is due %v, %v %v; want %v", next, ok, err, at)
		}
		if _, ok, err := store.NextUrgent(r, "lane"); err != nil || ok {
			t.Errorf("something is urgent: %v", err)
		}
		seen := map[string]bool{}
		for item, err := range store.Items(r, "lane") {
			if err != nil || seen[item.ID] {
				t.Errorf("%+v, %v", item, err)
			}
			seen[item.ID] = true
		}
		if len(seen) != 231 {
			t.Errorf("%d items, want 231", len(seen))
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error {
		items, err := tx.Lease("lane", 150, time.Hour)
		if err != nil || len(items) != 150 {
			t.Errorf("leased %d, %v", len(items), err)
		}
		return err
	})
	if report, err := s.Check(t.Context()); err != nil || !report.OK() || report.Items < 231 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestBundledWhileLeased wakes very many at once of whom a worker has one: its work is
// out of date, and it is due again.
func TestBundledWhileLeased(t *testing.T) {
	s := open(t)
	ids := numbered("a", 50)
	var mine store.Item
	update(t, s, func(tx store.Tx) error {
		if err := tx.Wake("lane", ids[20], tx.Now()); err != nil {
			return err
		}
		items, err := tx.Lease("lane", 1, time.Hour)
		mine = items[0]
		return err
	})
	update(t, s, func(tx store.Tx) error { return tx.WakeAllUrgent("lane", ids) })
	update(t, s, func(tx store.Tx) error {
		if again, err := tx.Rewoken(mine); err != nil || !again {
			t.Errorf("woken meanwhile: %v, %v", again, err)
		}
		if err := tx.Done(mine, time.Time{}); err != nil {
			return err
		}
		items, err := tx.LeaseUrgent("lane", 1, time.Hour)
		if err != nil || len(items) != 1 || items[0].ID != ids[20] {
			t.Errorf("leased %v, %v; want %s again", items, err, ids[20])
		}
		return err
	})
}

// A crowded lane is one in which many are woken at once, with what is known of each id: how
// often it was woken, and how often it had been when somebody last began, and ended, to
// work on it.
type crowded struct {
	*rapid.T
	store        *store.Store
	sizes        []int // of what is woken at once
	woken, ended map[string]int
	held         map[string]held
}

type held struct {
	item store.Item
	seen int
}

// TestBundlesLoseNobody makes random histories of a lane, with crashes: whoever is woken
// is leased after it, and counts are true. R-ENG-6.
func TestBundlesLoseNobody(t *testing.T) {
	for name, open := range map[string]func(t *rapid.T, dir string) *store.Store{
		"bolt, again":                func(t *rapid.T, dir string) *store.Store { return onBolt(t, dir, true) },
		"several writers, and again": onMemory(),
		"memory": func() func(t *rapid.T, dir string) *store.Store {
			engines := map[string]store.Engine{}
			return func(t *rapid.T, dir string) *store.Store {
				if engines[dir] == nil {
					engines[dir] = enginetest.Memory(1)
				}
				s, err := store.Open(engines[dir])
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				dir := t.TempDir()
				c := &crowded{T: r, store: open(r, dir), sizes: []int{1, 15, 16, 120}, woken: map[string]int{}, ended: map[string]int{}, held: map[string]held{}}
				if name == "several writers, and again" { // where nothing is bundled
					c.sizes = []int{1, 20}
				}
				defer func() { _ = c.store.Close() }()
				for range rapid.IntRange(1, 12).Draw(r, "steps") {
					switch rapid.IntRange(0, 9).Draw(r, "step") {
					case 0:
						if name == "bolt, again" {
							_ = c.store.Close()
						}
						c.store = open(r, dir)
					case 1, 2, 3:
						c.wakeSome()
					case 4, 5, 6:
						c.leaseSome()
					default:
						c.settleSome()
					}
				}
				c.check()
				c.drain()
			})
		})
	}
}

func (c *crowded) update(fn func(store.Tx) error) {
	if err := c.store.Update(context.Background(), fn); err != nil {
		c.Fatal(err)
	}
}

func (c *crowded) wakeSome() {
	from, n := rapid.IntRange(0, 60).Draw(c.T, "from"), rapid.SampledFrom(c.sizes).Draw(c.T, "n")
	urgent := rapid.Bool().Draw(c.T, "urgent")
	ids := numbered("", from+n)[from:]
	c.update(func(tx store.Tx) error {
		if urgent {
			return tx.WakeAllUrgent("lane", ids)
		}
		return tx.WakeAll("lane", ids, tx.Now())
	})
	for _, id := range ids {
		c.woken[id]++
	}
}

func (c *crowded) leaseSome() {
	n := rapid.SampledFrom([]int{1, 3, 8, 64}).Draw(c.T, "lease")
	ttl := rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Hour}).Draw(c.T, "ttl")
	var items []store.Item
	c.update(func(tx store.Tx) (err error) {
		items, err = tx.Lease("lane", n, ttl)
		return err
	})
	if len(items) > n {
		c.Fatalf("leased %d of %d", len(items), n)
	}
	seen := map[string]bool{}
	for _, item := range items {
		if seen[item.ID] {
			c.Fatalf("leased %s twice at once", item.ID)
		}
		seen[item.ID] = true
		c.held[item.ID] = held{item, c.woken[item.ID]}
	}
}

func (c *crowded) settleSome() {
	for _, id := range slices.Sorted(maps.Keys(c.held)) {
		if rapid.Bool().Draw(c.T, "settle") {
			c.settle(id)
		}
	}
}

func (c *crowded) settle(id string) {
	h := c.held[id]
	delete(c.held, id)
	var lost error
	c.update(func(tx store.Tx) error {
		again, err := tx.Rewoken(h.item)
		if err == nil && !again && c.woken[id] > h.seen {
			c.Fatalf("%s was woken while it was leased, and nobody knows", id)
		}
		if lost = err; err == nil {
			lost = tx.Done(h.item, time.Time{})
		}
		if errors.Is(lost, store.ErrLeaseLost) {
			return nil
		}
		return lost
	})
	if lost == nil {
		c.ended[id] = max(c.ended[id], h.seen)
	}
}

func (c *crowded) check() {
	report, err := c.store.Check(context.Background())
	if err != nil || !report.OK() {
		c.Fatalf("check: %v %v", report.Faults, err)
	}
}

// drain works on all that is left, and looks whether anybody was passed over.
func (c *crowded) drain() {
	for more := true; more; {
		for id := range maps.Clone(c.held) {
			c.settle(id)
		}
		more = false
		c.update(func(tx store.Tx) error {
			items, err := tx.Lease("lane", 64, time.Hour)
			for _, item := range items {
				c.held[item.ID], more = held{item, c.woken[item.ID]}, true
			}
			return err
		})
	}
	for id, n := range c.woken {
		if c.ended[id] < n {
			c.left(id, n)
		}
	}
	c.check()
}

// left is who was passed over, unless a worker has it whom a crash took away.
func (c *crowded) left(id string, n int) {
	err := c.store.View(context.Background(), func(r store.Reader) error {
		for item, err := range store.Items(r, "lane") {
			if err != nil {
				return err
			}
			if item.ID == id && !item.Leased.IsZero() {
				return nil
			}
		}
		c.Errorf("%s was woken %d times, and worked on after %d", id, n, c.ended[id])
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
}

// TestBundlesTakeTurns leases few at once while others are woken one by one all the time:
// those in bundles have a quarter of the leases. R-SLO-2.
func TestBundlesTakeTurns(t *testing.T) {
	for n := 1; n <= 3; n++ {
		s := open(t)
		update(t, s, func(tx store.Tx) error { return tx.WakeAll("lane", numbered("a", 120), tx.Now()) })
		bundled, all := 0, 0
		for i := range 24 {
			update(t, s, func(tx store.Tx) error {
				for _, id := range numbered(fmt.Sprint("z", i, "-"), n) {
					if err := tx.Wake("lane", id, tx.Now()); err != nil {
						return err
					}
				}
				items, err := tx.Lease("lane", n, time.Hour)
				for _, item := range items {
					all++
					if item.ID[0] == 'a' {
						bundled++
					}
				}
				return err
			})
		}
		if all != 24*n || bundled < 6*n-1 || bundled > 6*n+1 {
			t.Errorf("%d at once: of %d, %d were from bundles, want a quarter", n, all, bundled)
		}
	}
}

// TestBundledAgain wakes the same many again and again, while workers take some: each is
// in the lane once.
func TestBundledAgain(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		s := open(t)
		ids := numbered("a", 250)
		for round := range 5 {
			update(t, s, func(tx store.Tx) error {
				if urgent {
					return tx.WakeAllUrgent("lane", ids)
				}
				return tx.WakeAll("lane", ids, tx.Now())
			})
			view(t, s, func(r store.Reader) error {
				stats, err := store.LaneStats(r)
				if got := stats["lane"].Items; err != nil || got != len(ids) {
					t.Errorf("round %d: %d items, %v; want %d", round, got, err, len(ids))
				}
				return err
			})
			update(t, s, func(tx store.Tx) error {
				items, err := tx.Lease("lane", 130, time.Hour)
				for _, item := range items[:len(items)/2] {
					err = errors.Join(err, tx.Done(item, time.Time{}))
				}
				return err
			})
		}
		if report, err := s.Check(t.Context()); err != nil || !report.OK() {
			t.Errorf("%+v, %v", report, err)
		}
	}
}
