package exposure

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"drawbridge/access/accesstest"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// A counting engine counts the rows that are looked up by their keys, and the walks.
type counting struct {
	store.Engine
	gets, scans atomic.Int64
}

func (e *counting) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := e.Engine.Begin(ctx, write)
	return countingTxn{txn, e}, err
}

type countingTxn struct {
	store.Txn
	count *counting
}

func (t countingTxn) Get(table string, keys ...[]byte) ([][]byte, error) {
	t.count.gets.Add(int64(len(keys)))
	return t.Txn.Get(table, keys...)
}

func (t countingTxn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	t.count.scans.Add(1)
	return t.Txn.Scan(table, from, to)
}

// TestMeterAgrees has windows close, early and late and in hours that were counted
// before, and some of them dropped: a meter always reports what is reported without
// one. R-SLO-3.
func TestMeterAgrees(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		e, err := bolt.Open(filepath.Join(dir, fmt.Sprint(time.Now().UnixNano())), bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx := context.Background()
		var m Meter
		var ids []string
		now := time.Now().UTC()
		moment := func(what string) time.Time {
			return now.Add(-time.Duration(rapid.IntRange(-60, 10*24*60).Draw(t, what)) * time.Minute)
		}
		closes := func(t *rapid.T) {
			at := moment("opened")
			after := func(what string) time.Time {
				return at.Add(time.Duration(rapid.IntRange(0, 9999).Draw(t, what)) * time.Second)
			}
			c := schema.Change{Ends: true, Received: at, Decided: at, Acknowledged: after("acknowledged"), Left: rapid.Bool().Draw(t, "left")}
			if rapid.Bool().Draw(t, "verified") {
				c.Verified = after("verified")
			}
			if rapid.Bool().Draw(t, "known") {
				c.Occurred = at.Add(-time.Minute)
			}
			if rapid.Bool().Draw(t, "objective") {
				c.Objective, c.Triggers = after("by"), []string{rapid.SampledFrom([]string{"leaver/ended", "ticket/closed"}).Draw(t, "trigger")}
			}
			err := s.Update(ctx, func(tx store.Tx) error {
				w := schema.Window{ID: tx.NewID(), Connector: rapid.SampledFrom([]string{"wiki", "git", "crm"}).Draw(t, "connector"), Identity: "i", Change: c, Moot: rapid.IntRange(0, 9).Draw(t, "moot") == 0}
				ids = append(ids, w.ID)
				return store.Windows.Put(tx, w)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"close": closes,
			"crowd": func(t *rapid.T) {
				for range 10 {
					closes(t)
				}
			},
			"drop": func(t *rapid.T) {
				if len(ids) == 0 {
					return
				}
				id := rapid.SampledFrom(ids).Draw(t, "id")
				if err := s.Update(ctx, func(tx store.Tx) error { return store.Windows.Delete(tx, id) }); err != nil {
					t.Fatal(err)
				}
			},
			"measure": func(t *rapid.T) {
				from, to := moment("from"), moment("to")
				by := rapid.SampledFrom([]string{ByConnector, ByTrigger, ByPerson}).Draw(t, "by")
				err := s.View(ctx, func(r store.Reader) error {
					want, wanted := Measure(r, from, to, by)
					got, err := m.Measure(r, from, to, by)
					if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wanted == nil) {
						t.Errorf("%v, %v: %s", wanted, err, diff)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// TestMeterRemembers asks twice of many windows: the second time those alone are read
// that closed meanwhile, with their hour, and those of the hours that are not whole.
func TestMeterRemembers(t *testing.T) {
	engine := &counting{Engine: accesstest.Engine(t)}
	s := accesstest.StoreOn(t, engine)
	const hours, each = 24, 50
	closes := func(n int, at time.Time) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range n {
				c := schema.Change{Ends: true, Received: at.Add(time.Duration(i) * time.Second), Acknowledged: at.Add(time.Hour)}
				if err := store.Windows.Put(tx, schema.Window{ID: tx.NewID(), Connector: "wiki", Identity: "i", Change: c}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UTC()
	first := now.Truncate(5 * time.Minute).Add(-hours * time.Hour)
	for h := range hours {
		closes(each, first.Add(time.Duration(h)*time.Hour))
	}
	var m Meter
	reads := func(want int) int64 {
		t.Helper()
		before := engine.gets.Load()
		err := s.View(t.Context(), func(r store.Reader) error {
			report, err := m.Measure(r, first, now, ByConnector)
			if report.Total.Windows != want {
				t.Errorf("%d windows, want %d", report.Total.Windows, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return engine.gets.Load() - before
	}
	const others = mostWorst + 10 // whose the worst are, and how many are held
	if err := s.View(t.Context(), m.CountAhead); err != nil {
		t.Fatal(err)
	}
	if n := engine.gets.Load(); n < hours*each {
		t.Errorf("%d rows were read of %d windows", n, hours*each)
	}
	if n := reads(hours * each); n > each+others { // of the hour that the period begins in
		t.Errorf("%d rows are read of what was counted ahead, want %d at most", n, each+others)
	}
	if n := reads(hours * each); n > others {
		t.Errorf("once more, %d rows are read, want %d at most", n, others)
	}
	closes(1, first.Add(4*time.Hour))
	if n := reads(hours*each + 1); n < each+1 || n > 2*each+1+others {
		t.Errorf("%d rows are read once one more closed in an hour of %d", n, each)
	}
}

// TestMeterForgets asks while two days pass: pieces that nobody asks for any more are not
// remembered.
func TestMeterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := accesstest.Store(t)
		var m Meter
		for range 48 * 4 {
			if err := s.View(t.Context(), m.CountAhead); err != nil {
				t.Fatal(err)
			}
			<-time.After(15 * time.Minute)
		}
		short := 0
		for p := range m.pieces {
			if p.lasts < time.Hour {
				short++
			}
		}
		// Both ends of the period move on, with all the five minutes of an hour at most.
		if most := 2 * 2 * (unasked + 24); short > most || short == 0 {
			t.Errorf("%d pieces of five minutes are remembered, want some and %d at most", short, most)
		}
	})
}

// BenchmarkMeter reports on very many windows of a day, again and again, and on the newest.
func BenchmarkMeter(b *testing.B) {
	s := accesstest.Store(b)
	const many, day = 50_000, 24 * time.Hour
	now := time.Now().UTC()
	for from := 0; from < many; from += 1000 {
		err := s.Update(b.Context(), func(tx store.Tx) error {
			for i := from; i < from+1000; i++ {
				at := now.Add(-day * time.Duration(i) / many)
				c := schema.Change{Ends: true, Received: at, Decided: at, Sent: at, Acknowledged: at, Verified: at, Triggers: []string{"leaver/ended"}}
				if err := store.Windows.Put(tx, schema.Window{ID: tx.NewID(), Connector: fmt.Sprint("c", i%20), Identity: fmt.Sprint(i), Change: c}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	var m Meter
	for name, measure := range map[string]func(r store.Reader, from, to time.Time, by string) (Report, error){"remembers": m.Measure, "reads": Measure} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				err := s.View(b.Context(), func(r store.Reader) error {
					_, err := measure(r, now.Add(-7*day), now.Add(time.Minute), ByConnector)
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("latest", func(b *testing.B) {
		for b.Loop() {
			if err := s.View(b.Context(), func(r store.Reader) error { _, err := Latest(r); return err }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestMeterOfAnyPeriod asks of periods that nothing bounds, with nothing to report: what
// is remembered of them is what was of late, and they cost no more than that.
func TestMeterOfAnyPeriod(t *testing.T) {
	engine := &counting{Engine: accesstest.Engine(t)}
	s := accesstest.StoreOn(t, engine)
	const ofLate = int(remembered/time.Hour) + 2*11 // hours, and five minutes at both ends
	var m Meter
	for _, c := range []struct {
		name     string
		from, to int // in years from now
		most     int // pieces that are remembered behind it
	}{
		{"to come", 0, 100, 0},
		{"to come, and not soon", 1, 2, 0},
		{"long ago", -100, -1, 0},
		{"until now", -100, 0, ofLate},
		{"of all times", -1000, 1000, ofLate},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := engine.scans.Load()
			err := s.View(t.Context(), func(r store.Reader) error {
				now := r.Now()
				_, err := m.Measure(r, now.AddDate(c.from, 0, 0), now.AddDate(c.to, 0, 0), ByConnector)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(m.pieces) > c.most {
				t.Errorf("%d pieces are remembered, want %d at most", len(m.pieces), c.most)
			}
			if n, most := engine.scans.Load()-before, int64(2*ofLate+9); n > most {
				t.Errorf("%d walks are begun, want %d at most", n, most)
			}
		})
	}
}
