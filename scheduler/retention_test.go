package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/access/pruning"
	"drawbridge/audit"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestRetention runs the sweep over years of decisions: it prunes what the policy no longer
// keeps, says before that it does, and has that signed. R-LOG-8.
func TestRetention(t *testing.T) {
	_, signer, verifier := signedLog(t)
	inspecting(t, func(w *inspectWorld) {
		w.keepFor("decisions: 730d, evidence: 365d")
		sign := func(ctx context.Context) error { return scheduler.Checkpoint(ctx, w.store, signer, "test") }
		sweep := scheduler.Sweep{Name: "retention", Run: scheduler.Retention(w.store, w.rules, sign)}
		const year = 365 * 24 * time.Hour
		for i := range 4 {
			w.decide(i, 700)
			time.Sleep(year) //nolint:forbidigo // of the bubble's own time
		}
		if err := sign(t.Context()); err != nil {
			t.Fatal(err)
		}
		watching := sweep
		watching.Mode = schema.Observe
		if run := w.run(watching); run.Proposed < 1400 || run.Done != 0 || w.entries("year 0") != 700 {
			t.Errorf("to look only: %+v, and %d entries are left", run, w.entries("year 0"))
		}
		run := w.run(sweep)
		if run.Done != 1400 || run.Problem != "" {
			t.Errorf("the run is %+v, want 1400 done", run)
		}
		for i, want := range []struct{ entries, details int }{{0, 0}, {0, 0}, {700, 0}, {700, 700}} {
			name := fmt.Sprintf("year %d", i)
			if n, d := w.entries(name), w.detailed(name); n != want.entries || d != want.details {
				t.Errorf("%s: %d entries with %d details, want %d with %d", name, n, d, want.entries, want.details)
			}
		}
		again := w.run(sweep)
		if again.Done != 0 || again.Found != 0 {
			t.Errorf("again: %+v", again)
		}
		if n := w.entries("are older than"); n != 1 {
			t.Errorf("%d decisions to prune entries, want 1", n)
		}
		if err := sign(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := w.store.View(t.Context(), func(r store.Reader) error {
			signed, err := store.Checkpoint(r)
			if err != nil {
				return err
			}
			report, err := audit.Verify(store.Leaves(r), verifier, signed)
			if err == nil && report.Pruned != 1400 {
				t.Errorf("verified: %+v", report)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if report, err := w.store.Check(t.Context()); err != nil || !report.OK() {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// TestRetentionUnsigned prunes nothing as long as it can not be signed that it is to be.
func TestRetentionUnsigned(t *testing.T) {
	inspecting(t, func(w *inspectWorld) {
		w.keepFor("decisions: 365d")
		w.decide(0, 10)
		time.Sleep(400 * 24 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.decide(1, 10)
		broken := fmt.Errorf("no key: %w", schema.ErrUnavailable)
		for name, sign := range map[string]func(context.Context) error{
			"it fails":         func(context.Context) error { return broken },
			"it signs nothing": func(context.Context) error { return nil },
		} {
			run := w.run(scheduler.Sweep{Name: "retention", Run: scheduler.Retention(w.store, w.rules, sign)})
			if n := w.entries("year 0"); n != 10 || run.Done != 0 {
				t.Errorf("%s: %d entries are left, and the run is %+v", name, n, run)
			}
		}
	})
}

// TestRetentionUnreadable prunes nothing as long as the policy in force cannot be read: it
// may keep the log for longer than where nothing is said, and what is pruned is gone.
// R-LOG-8, R-READY-2.
func TestRetentionUnreadable(t *testing.T) {
	_, signer, _ := signedLog(t)
	inspecting(t, func(w *inspectWorld) {
		w.decide(0, 10)
		time.Sleep(8 * 365 * 24 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.decide(1, 10)
		var old pruning.Retention
		w.update(func(tx store.Tx) (err error) {
			old, err = pruning.RetentionOf(tx, w.rules.Book())
			return err
		})
		if old.Before < 10 {
			t.Fatalf("by the policy that was, %d entries are too old, want 10 or more", old.Before)
		}
		text := strings.Replace(watched, "  mode: enforce\n", "  mode: enforce\n  retention: { decisions: 5479d, colour: red }\n", 1)
		set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
		if len(findings) == 0 {
			t.Fatal("the policy can be read")
		}
		w.rules.Use(policy.Salvage(set, "5479", findings[0].String()))
		sign := func(ctx context.Context) error { return scheduler.Checkpoint(ctx, w.store, signer, "test") }
		run := w.run(scheduler.Sweep{Name: "retention", Run: scheduler.Retention(w.store, w.rules, sign)})
		if n := w.entries("year 0"); n != 10 || run.Done != 0 || w.entries("are older than") != 0 {
			t.Errorf("%d entries are left, and the run is %+v", n, run)
		}
		if !strings.Contains(run.Problem, "cannot be read") || !strings.Contains(run.Problem, "colour") {
			t.Errorf("the run says %q, not why it did nothing", run.Problem)
		}
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			decided := pruning.Decide(tx, w.rules.Book(), "sweep/retention", old)
			_, pruned := pruning.Turn(tx, w.rules.Book(), old)
			if !errors.Is(decided, schema.ErrUnavailable) || !errors.Is(pruned, schema.ErrUnavailable) {
				t.Errorf("what another policy had begun goes on: %v, %v", decided, pruned)
			}
			return nil
		})
		if n := w.entries("year 0"); n != 10 || err != nil {
			t.Errorf("%d entries are left, %v", n, err)
		}
	})
}

// keepFor puts a policy in force that keeps the log for so long.
func (w *inspectWorld) keepFor(retention string) {
	w.t.Helper()
	text := strings.Replace(watched, "  mode: enforce\n", "  mode: enforce\n  retention: { "+retention+" }\n", 1)
	if text == watched {
		w.t.Fatal("the policy has no place for it")
	}
	w.rules.Use(booktest.Compile(w.t, text))
}

// decide records so many decisions of a year, with details.
func (w *inspectWorld) decide(year, n int) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		for i := range n {
			_, err := tx.Record(schema.Decision{
				Actor: "test", Verb: schema.Found, Subject: fmt.Sprintf("thing/%d", i%7), Object: "role/x",
				Reason: fmt.Sprintf("year %d", year), Detail: []byte(`{"reason":"words"}`),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// entries counts the entries whose reason says something.
func (w *inspectWorld) entries(says string) (n int) {
	n, _ = w.counted(says)
	return n
}

func (w *inspectWorld) detailed(says string) (n int) {
	_, n = w.counted(says)
	return n
}

func (w *inspectWorld) counted(says string) (entries, details int) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		entries, details = 0, 0
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			if !strings.Contains(e.Decision.Reason, says) {
				continue
			}
			entries++
			if _, err := store.Detail(r, e.Decision.ID); err == nil {
				details++
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return entries, details
}
