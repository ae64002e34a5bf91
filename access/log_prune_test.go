package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/access/pruning"
	"drawbridge/access/search"
	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestPrune lets a log grow while people come, move, are granted roles and lose them, and
// prunes it up to one moment after the other. What was so after that moment is told as
// before, the log verifies, and what was so earlier is refused and not guessed. R-LOG-8.
func TestPrune(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.verifies = true
		signer, verifier := keys(t)
		people, moments := w.history(40)
		first := w.standsNow()
		w.sign(signer)
		var told []string
		for _, at := range moments {
			told = append(told, w.told(people, at))
		}
		whole := w.logLength()
		for _, i := range []int{3, 11, 25, len(moments) - 1} {
			w.prune(moments[i], signer)
			report := w.verified(verifier)
			if report.Pruned == 0 || report.Entries-report.Pruned != w.bodies() {
				t.Fatalf("up to moment %d: %+v of %d entries", i, report, w.bodies())
			}
			for j, at := range moments {
				if j < i {
					w.refused(people[0], at)
				} else if got := w.told(people, at); got != told[j] {
					t.Errorf("pruned up to %d, moment %d is told as\n%s\nand was\n%s", i, j, got, told[j])
				}
			}
			w.check()
		}
		if n := w.bodies(); n > whole/4 {
			t.Errorf("%d of %d entries are left", n, whole)
		}
		if got := w.standsNow(); got != first {
			t.Errorf("what people hold now is told as\n%s\nand was\n%s", got, first)
		}
	})
}

// history has things happen to some people, and returns moments between.
func (w *world) history(steps int) (people []string, moments []time.Time) {
	w.t.Helper()
	w.publish(w.rules.Book())
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"ada", "bob", "cyd"}
	for _, name := range names {
		people = append(people, w.admit(person{name: name, department: "Engineering"}))
	}
	for range steps {
		i := r.IntN(len(people))
		switch r.IntN(4) {
		case 0:
			w.admit(person{id: people[i], name: names[i], department: "Sales"})
		case 1:
			w.admit(person{id: people[i], name: names[i], department: "Engineering"})
		case 2:
			_ = w.try(func(tx store.Tx) error { // somebody in Sales may not have it
				_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
					Identity: people[i], Role: "editor", By: "token/test", Reason: "to write", Until: tx.Now().Add(48 * time.Hour),
				})
				return err
			})
		case 3:
			w.update(func(tx store.Tx) error {
				return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: people[i], Role: "editor", By: "token/test", Reason: "enough"})
			})
		}
		w.work()
		moments = append(moments, w.passing(10*time.Hour))
	}
	return people, moments
}

// told is all that is told of a moment.
func (w *world) told(people []string, at time.Time) string {
	var b strings.Builder
	refs := []string{"wiki/readers", "wiki/editors", "crm/sales"}
	w.view(func(r store.Reader) error {
		b.Reset()
		for _, who := range people {
			lines, err := access.HeldAt(r, who, at)
			if err != nil {
				return err
			}
			for _, l := range lines {
				fmt.Fprintf(&b, "%s %s since %s, agreed %s, #%d %s %v\n", who, l.Ref(), l.Since, l.Agreed, l.Seq, l.Reason, l.Because)
			}
		}
		for _, ref := range refs {
			for l, err := range access.HoldersAt(r, ref, at, "") {
				if err != nil {
					return err
				}
				fmt.Fprintf(&b, "%s: %s since %s\n", ref, l.Identity, l.Since)
			}
		}
		return nil
	})
	return b.String()
}

// standsNow is what is told of now.
func (w *world) standsNow() string {
	var b strings.Builder
	for _, who := range []string{"ada", "bob", "cyd"} {
		for _, ref := range []string{"wiki/readers", "wiki/editors"} {
			w.view(func(r store.Reader) error {
				e, err := access.Explain(r, w.rules, who, ref)
				if e.Standing == access.Holds {
					fmt.Fprintln(&b, e.Answer)
				}
				return err
			})
		}
	}
	return b.String()
}

func (w *world) refused(who string, at time.Time) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		if _, err := access.HeldAt(r, who, at); !errors.Is(err, schema.ErrPruned) {
			w.t.Errorf("what somebody had before the horizon: %v, want ErrPruned", err)
		}
		if _, err := access.ExplainAt(r, w.rules.Book(), who, "wiki/readers", at); !errors.Is(err, schema.ErrPruned) {
			w.t.Errorf("why somebody had something before the horizon: %v, want ErrPruned", err)
		}
		for _, err := range access.HoldersAt(r, "wiki/readers", at, "") {
			if !errors.Is(err, schema.ErrPruned) {
				w.t.Errorf("who had something before the horizon: %v, want ErrPruned", err)
			}
		}
		return nil
	})
}

// prune prunes what was decided before a moment, as the sweep does.
func (w *world) prune(at time.Time, signer note.Signer) {
	w.t.Helper()
	var old pruning.Retention
	w.view(func(r store.Reader) (err error) {
		old.Time = at
		old.Before, err = store.LogSince(r, at)
		old.Plain = old.Before
		return err
	})
	w.update(func(tx store.Tx) error { return pruning.Decide(tx, w.rules.Book(), "sweep/retention", old) })
	w.sign(signer)
	if err := w.store.IndexLog(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	for more := true; more; {
		w.update(func(tx store.Tx) error {
			turn, err := pruning.Turn(tx, w.rules.Book(), old)
			more = turn.More
			return err
		})
	}
}

func (w *world) sign(signer note.Signer) {
	w.t.Helper()
	for moved := 1; moved > 0; {
		var err error
		if moved, err = w.store.Sequence(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.store.SignCheckpoint(w.t.Context(), signer, "test"); err != nil {
		w.t.Fatal(err)
	}
}

// verified verifies the store's log, and an export of it, which say the same.
func (w *world) verified(verifier note.Verifier) (report audit.Report) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		signed, err := store.Checkpoint(r)
		if err != nil {
			return err
		}
		if report, err = audit.Verify(store.Leaves(r), verifier, signed); err != nil {
			return err
		}
		var out bytes.Buffer
		if err := audit.Export(&out, store.Leaves(r), store.Checkpoints(r)); err != nil {
			return err
		}
		exported, err := audit.VerifyExport(&out, verifier)
		if err == nil && (exported.Entries != report.Entries || exported.Pruned != report.Pruned) {
			w.t.Errorf("the log is %+v, and the export %+v", report, exported)
		}
		return err
	})
	return report
}

func (w *world) logLength() (n int64) {
	w.view(func(r store.Reader) (err error) {
		n, err = store.LogSize(r)
		return err
	})
	return n
}

// bodies counts the entries that are there whole.
func (w *world) bodies() (n int64) {
	w.view(func(r store.Reader) error {
		n = 0
		for _, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n
}

func keys(t *testing.T) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, "test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// TestPrunedIsSaid meets what was pruned in every way in which the log is read.
func TestPrunedIsSaid(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		signer, _ := keys(t)
		_, moments := w.history(30)
		w.sign(signer)
		const gone, id = 1, "00d00000-0000-7000-8000-000000000000" // made before the bubble's time began
		w.prune(moments[20], signer)
		w.view(func(r store.Reader) error {
			for name, read := range map[string]func() error{
				"by its number": func() error { _, err := store.EntryAt(r, gone); return err },
				"by its id":     func() error { _, err := store.FindEntry(r, id); return err },
				"its proof":     func() error { _, err := store.Prove(r, gone); return err },
				"made again":    func() error { _, _, err := access.Span{ID: id}.Bounds(r); return err },
			} {
				if err := read(); !errors.Is(err, schema.ErrPruned) || !strings.Contains(err.Error(), "pruned") {
					t.Errorf("%s: %v, want ErrPruned", name, err)
				}
			}
			var unknown int
			err := access.NewRemaker(w.rules.Book()).All(r, 0, w.logLength(), func(a access.Again) error {
				if a.Sameness == access.Unknown {
					if unknown++; !strings.Contains(a.Why, "pruned") {
						t.Errorf("#%d can not be made again: %s", a.Seq, a.Why)
					}
				}
				if a.Sameness == access.Differs {
					t.Errorf("#%d differs: %s", a.Seq, a.Why)
				}
				return nil
			})
			if err != nil || unknown == 0 {
				t.Errorf("%d decisions can not be made again, %v", unknown, err)
			}
			found := 0
			for before := int64(-1); ; {
				entries, next, err := search.Query{Text: "engineer", Until: time.Now()}.Page(r, before, 7)
				if err != nil {
					return err
				}
				found += len(entries)
				if before = next; before < 0 {
					break
				}
			}
			all := 0
			for e, err := range store.Log(r, 0) {
				if err != nil {
					return err
				}
				if strings.Contains(e.Decision.Reason, "engineer") {
					all++
				}
			}
			if found != all || all == 0 {
				t.Errorf("found %d of %d", found, all)
			}
			return nil
		})
		w.forged = true // check has everything made again, and not all can be
	})
}

// A touching engine counts what each transaction that writes reads and writes.
type touching struct {
	store.Engine
	most atomic.Int64 // of one of them
}

func (e *touching) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := e.Engine.Begin(ctx, write)
	if err != nil || !write {
		return txn, err
	}
	return &touched{Txn: txn, engine: e}, nil
}

type touched struct {
	store.Txn
	engine *touching
	rows   int64
}

func (t *touched) touch(n int) {
	t.rows += int64(n)
	if most := t.engine.most.Load(); t.rows > most { // there is one writer
		t.engine.most.Store(t.rows)
	}
}

func (t *touched) Get(table string, keys ...[]byte) ([][]byte, error) {
	t.touch(len(keys))
	return t.Txn.Get(table, keys...)
}

func (t *touched) Scan(table string, from, to []byte) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range t.Txn.Scan(table, from, to) {
			if t.touch(1); !yield(row, err) {
				return
			}
		}
	}
}

func (t *touched) Put(table string, key, value []byte) error {
	t.touch(1)
	return t.Txn.Put(table, key, value)
}

func (t *touched) Delete(table string, key []byte) error {
	t.touch(1)
	return t.Txn.Delete(table, key)
}

// TestPruneTouchesLittleAtOnce prunes a log and one four times as long, of many people and
// of one: no transaction touches more of the longer one. R-LOG-8.
func TestPruneTouchesLittleAtOnce(t *testing.T) {
	const short, turn = 3_000, 500
	for name, subject := range map[string]func(i int) string{
		"of many people": func(i int) string { return fmt.Sprint("id-", i) },
		"of one":         func(int) string { return "id" },
	} {
		t.Run(name, func(t *testing.T) {
			signer, _ := keys(t)
			rules := book(t)
			pruned := func(entries int) (most int64) {
				engine := &touching{Engine: accesstest.Engine(t)}
				s := accesstest.StoreOn(t, engine)
				for from := 0; from < entries; from += 1000 {
					accesstest.Update(t, s, func(tx store.Tx) error {
						for i := from; i < from+1000; i++ {
							d := schema.Decision{Actor: "source/hr", Verb: schema.Admitted, Subject: subject(i), Object: "x", Reason: "told", Detail: []byte(`{"x":1}`)}
							if _, err := tx.Record(d); err != nil {
								return err
							}
						}
						return nil
					})
				}
				for moved := 1; moved > 0; {
					var err error
					if moved, err = s.Sequence(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := s.SignCheckpoint(t.Context(), signer, "test"); err != nil {
					t.Fatal(err)
				}
				if err := s.IndexLog(t.Context()); err != nil {
					t.Fatal(err)
				}
				engine.most.Store(0)
				looked := 0
				for more := true; more; {
					accesstest.Update(t, s, func(tx store.Tx) error {
						turn, err := pruning.Turn(tx, rules, pruning.Retention{Before: int64(entries), Plain: int64(entries), Time: time.Now()})
						looked, more = looked+turn.Looked, turn.More
						return err
					})
				}
				if looked < entries {
					t.Errorf("%d entries of %d were looked at", looked, entries)
				}
				return engine.most.Load()
			}
			few, many := pruned(short), pruned(4*short)
			const slack = turn / 10 // some rows are of the turn itself, and of the store's own work; none of the log's length
			if many > few+slack || many > 20*turn {
				t.Errorf("a transaction touches %d rows of %d entries and %d of %d, want no more and %d at most", few, short, many, 4*short, 20*turn)
			}
		})
	}
}
