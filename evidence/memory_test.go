package evidence_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"drawbridge/audit"
	"drawbridge/evidence"
	"drawbridge/evidence/pack"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// TestMemoryIsFlat makes packs of a small and of a large period, and exports the log: what
// lives meanwhile does not grow with the number of rows.
func TestMemoryIsFlat(t *testing.T) {
	const small, large = 10_000, 200_000
	w := newWorld(t)
	fill := func(from, to int) {
		const batch = 5000
		for at := from; at < to; at += batch {
			w.update(func(tx store.Tx) error {
				for i := at; i < at+batch; i++ {
					_, err := tx.Record(schema.Decision{Actor: "source/hr", Verb: schema.Admitted, Subject: fmt.Sprintf("id-%d", i), Reason: "created", Policy: w.rules.Book().Digest()})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		w.sign()
		w.catchUp()
		w.open(bolt.Options{NoSync: true}) // what the store does by itself after a write is over then
	}
	fill(0, small)
	few, fewExported := w.peak(small), w.exported(small)
	fill(small, large)
	many, manyExported := w.peak(large), w.exported(large)
	t.Logf("live heap: %d KiB with %d rows, %d KiB with %d", few>>10, small, many>>10, large)
	if many > few+(4<<20) {
		t.Errorf("with twenty times the rows %d KiB live at once, and before that %d KiB", many>>10, few>>10)
	}
	if held := w.held(); held < few+(4<<20) {
		t.Errorf("%d KiB live when the whole log is held: what grows with it would not be seen", held>>10)
	}
	t.Logf("exporting: %d KiB and %d KiB", fewExported>>10, manyExported>>10)
	if manyExported > fewExported+(4<<20) {
		t.Errorf("exporting twenty times the entries, %d KiB live at once, and before that %d KiB", manyExported>>10, fewExported>>10)
	}
}

// catchUp waits until the log's indexes, which are written some time after it, know it.
func (w *world) catchUp() {
	w.t.Helper()
	for behind := true; behind; runtime.Gosched() {
		err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
			behind, err = store.LogBehind(r)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// peak makes a pack of so many joiners, verifies it, and returns how much lived
// meanwhile at most.
func (w *world) peak(rows int) uint64 {
	w.t.Helper()
	dir := w.t.TempDir()
	return w.peakOf(func() {
		request := evidence.Request{Framework: "soc2", From: w.begun.Add(-time.Hour), To: time.Now().Add(time.Hour)}
		if err := w.makeIn(request, dir); err != nil {
			w.t.Fatal(err)
		}
		report, err := pack.Verify(os.DirFS(dir), w.public)
		if err != nil || report.Rows < rows {
			w.t.Fatalf("%d rows: %v", report.Rows, err)
		}
	})
}

// held reads the log and keeps all of it, as nothing should, and returns how much lived
// meanwhile at most.
func (w *world) held() uint64 {
	w.t.Helper()
	var all []store.Entry
	return w.peakOf(func() {
		err := w.store.View(w.t.Context(), func(r store.Reader) error {
			for e, err := range store.Log(r, 0) {
				if err != nil {
					return err
				}
				all = append(all, e)
			}
			return nil
		})
		if err != nil || len(all) == 0 {
			w.t.Fatalf("%d entries: %v", len(all), err)
		}
	})
}

// exported exports the log, of so many entries at least, verifies it as it comes, and
// returns how much lived meanwhile at most.
func (w *world) exported(entries int64) uint64 {
	w.t.Helper()
	return w.peakOf(func() {
		in, out := io.Pipe()
		go func() {
			out.CloseWithError(w.store.View(w.t.Context(), func(r store.Reader) error {
				return audit.Export(out, store.Leaves(r), store.Checkpoints(r))
			}))
		}()
		report, err := audit.VerifyExport(in, w.public)
		if err != nil || report.Entries < entries {
			w.t.Fatalf("%d entries: %v", report.Entries, err)
		}
	})
}

// peakOf returns how much lived at most while something was done, of what was not there
// before: the engine keeps a little for each page of its file.
func (w *world) peakOf(do func()) (most uint64) {
	w.t.Helper()
	before := live()
	w.engine.watchedBy(func() { most = max(most, live()) })
	do()
	w.engine.watchedBy(nil)
	return most - min(most, before)
}

// live is how much of the heap the collector finds in use. Whoever asks waits until it has
// looked, so that what is made meanwhile does not count.
func live() uint64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A watched engine has somebody look every so many rows that are walked: at the same
// points of the same work, however fast that goes.
type watched struct {
	store.Engine
	mu    sync.Mutex
	watch func() // nil: nobody looks
	rows  int
}

func (e *watched) watchedBy(watch func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch = watch
}

func (e *watched) walks() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rows++; e.watch != nil && e.rows%lookEvery == 0 {
		e.watch()
	}
}

// lookEvery is how many rows are walked before somebody looks again.
const lookEvery = 10_000

func (e *watched) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := e.Engine.Begin(ctx, write)
	if err != nil || write {
		return txn, err
	}
	return watchedTxn{txn, e}, nil
}

type watchedTxn struct {
	store.Txn
	engine *watched
}

func (t watchedTxn) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range t.Txn.Scan(table, from, to) {
			t.engine.walks()
			if !yield(row, err) {
				return
			}
		}
	}
}
