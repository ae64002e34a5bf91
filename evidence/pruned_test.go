package evidence_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/access/pruning"
	"drawbridge/evidence/pack"
	"drawbridge/store"
)

// TestPackOfPruned makes a pack of a period of which the log has only hashes: it says so,
// has what was in force, and verifies. R-LOG-8.
func TestPackOfPruned(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		request := w.request("soc2")
		whole, err := pack.ReadManifest(os.DirFS(w.make(request)))
		if err != nil || whole.Pruned != 0 {
			t.Fatalf("%d of a whole log were pruned, %v", whole.Pruned, err)
		}
		const years = 8 * 365 * 24 * time.Hour
		time.Sleep(years) //nolint:forbidigo // of the bubble's own time
		w.prune()
		dir := w.make(request)
		report, err := pack.Verify(os.DirFS(dir), w.public)
		if err != nil {
			t.Fatal(err)
		}
		entries := whole.Next - whole.First
		if m := report.Manifest; m.Pruned == 0 || m.Pruned >= entries {
			t.Errorf("%d of %d were pruned", m.Pruned, entries)
		}
		files := tree(t, dir)
		if !strings.Contains(files["README.md"], "What was pruned") {
			t.Error("the page does not say that something was pruned")
		}
		if n := strings.Count(files["populations/additions.csv"], "\n"); n != 10 { // 9 are still there, and the heading
			t.Errorf("%d lines that were in force, want 10", n)
		}
		later := w.request("soc2")
		later.From = time.Now().Add(-24 * time.Hour)
		if m, err := pack.ReadManifest(os.DirFS(w.make(later))); err != nil || m.Pruned != 0 {
			t.Errorf("of a period that is there, %d were pruned, %v", m.Pruned, err)
		}
	})
}

func (w *world) prune() {
	w.t.Helper()
	var old pruning.Retention
	w.update(func(tx store.Tx) (err error) {
		if old, err = pruning.RetentionOf(tx, w.rules.Book()); err != nil {
			return err
		}
		return pruning.Decide(tx, w.rules.Book(), "sweep/retention", old)
	})
	w.sign()
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
