package access

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// RunSweep makes a sweep due now, whatever its schedule says. It runs where it
// always runs, and by its schedule again afterwards. Which sweeps there are is
// for the caller to know.
func RunSweep(tx store.Tx, name string) error {
	return tx.Wake(LaneSweep, name, tx.Now())
}

// A Preview is what a run of a sweep would come to.
type Preview struct {
	Run   schema.Run    `json:"run"`
	Plans []schema.Hold `json:"plans,omitempty" doc:"What it would do: how much, some of it, by which plan, and why the guard would hold it."`
}

// QuietRun returns the record of the last run of a sweep that found nothing; of
// those only the last is kept.
func QuietRun(r store.Reader, sweep string) (schema.Run, error) {
	return store.Runs.Get(r, quiet(sweep))
}

// LastRun returns the newest run of a sweep that is as asked for, or ErrNotFound.
func LastRun(r store.Reader, sweep string, asked func(schema.Run) bool) (schema.Run, error) {
	var last schema.Run
	if run, err := QuietRun(r, sweep); err == nil && asked(run) {
		last = run
	} else if err != nil && !schema.IsNotFound(err) {
		return last, err
	}
	runs, err := runsBefore(r, sweep, "", 1, asked)
	if err != nil {
		return last, err
	}
	if len(runs) == 1 && runs[0].Started.After(last.Started) {
		last = runs[0]
	}
	if last.Sweep == "" {
		return last, fmt.Errorf("run of sweep %s: %w", sweep, schema.ErrNotFound)
	}
	return last, nil
}

// RunsBefore returns up to n runs, newest first: of one sweep or, where it is
// empty, of all; those before a run's id or, where that is empty, from the newest
// on. Quiet runs are not among them.
func RunsBefore(r store.Reader, sweep, before string, n int) ([]schema.Run, error) {
	return runsBefore(r, sweep, before, n, func(schema.Run) bool { return true })
}

// runsBefore looks further and further back until it has n runs or has seen the
// first: ids tell the time they were made at, and the store walks forward only.
// What it walks is a few times what it returns.
func runsBefore(r store.Reader, sweep, before string, n int, asked func(schema.Run) bool) ([]schema.Run, error) {
	const first, last, factor = 15 * time.Minute, 50 * 365 * 24 * time.Hour, 4
	at := r.Now()
	if before != "" {
		var ok bool
		if at, ok = madeAt(before); !ok {
			return nil, fmt.Errorf("run %s: that is no id of one: %w", before, schema.ErrInvalid)
		}
	}
	for back := first; ; back *= factor {
		runs, err := runsSince(r, sweep, idAt(at.Add(-back)), before, n, asked)
		if err != nil || len(runs) == n || back > last {
			slices.Reverse(runs)
			return runs, err
		}
	}
}

// runsSince returns the last n of the runs between two ids, oldest first.
func runsSince(r store.Reader, sweep, from, before string, n int, asked func(schema.Run) bool) ([]schema.Run, error) {
	walk := store.Runs.From(r, from)
	if sweep != "" {
		walk = store.Runs.ByFrom(r, store.RunSweep, []string{sweep}, from)
	}
	var runs []schema.Run
	for run, err := range walk {
		if err != nil {
			return nil, err
		}
		if run.ID == quiet(run.Sweep) || before != "" && run.ID >= before {
			break // quiet runs stand behind all others
		}
		if !asked(run) {
			continue
		}
		if len(runs) == n {
			runs = slices.Delete(runs, 0, 1)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func quiet(sweep string) string { return "quiet/" + sweep }

// idAt is before every id made at the time or after it: a UUIDv7 begins with its
// milliseconds.
func idAt(t time.Time) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(0, t.UnixMilli())))
	s := hex.EncodeToString(b[2:])
	return s[:8] + "-" + s[8:]
}

// madeAt is when an id was made; ok is false of what is no UUIDv7.
func madeAt(id string) (t time.Time, ok bool) {
	if len(id) != 36 || id[8] != '-' {
		return t, false
	}
	b, err := hex.DecodeString("0000" + id[:8] + id[9:13])
	if err != nil {
		return t, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))), true
}

// SweepLateness is how much later than its schedule a sweep may end.
const SweepLateness = time.Hour

// SweepLate reports whether a sweep is late: it waits since long after it was due by its
// item, has none, or was found not to have run to its end.
func SweepLate(r store.Reader, sweep string, due time.Time) (bool, error) {
	if due.IsZero() || r.Now().After(due.Add(SweepLateness)) {
		return true, nil
	}
	_, err := store.Findings.Get(r, findingSweep, "", "sweep/"+sweep, "")
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// WatchSweep reports a sweep that did not run to its end when it was due after its last
// run, or after it was first looked for, and some time more. It reports whether that is
// so. Due is the schedule's.
func WatchSweep(tx store.Tx, book *policy.Book, sweep string, due func(time.Time) time.Time) (bool, error) {
	f := schema.Finding{Kind: findingSweep, Subject: "sweep/" + sweep}
	since, err := ranSince(tx, sweep)
	if err != nil {
		return false, err
	}
	at := due(since)
	if at.IsZero() || !tx.Now().After(at.Add(SweepLateness)) {
		return false, mended(tx, book, "sweep/watch", f)
	}
	f.Reason = "it has not run to its end since " + minute(since) + ", and was due at " + minute(at)
	return true, Report(tx, book, "sweep/watch", f)
}

// ranSince is when a sweep last ran to its end, or was first looked for.
func ranSince(tx store.Tx, sweep string) (time.Time, error) {
	last, err := LastRun(tx, sweep, func(run schema.Run) bool { return run.Problem == "" })
	if err == nil || !schema.IsNotFound(err) {
		return last.Ended, err
	}
	name := "sweep.awaited." + sweep
	row, err := store.Settings.Get(tx, name)
	if schema.IsNotFound(err) {
		now := tx.Now()
		return now, store.Settings.Put(tx, store.Setting{Name: name, Value: now.Format(time.RFC3339)})
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, row.Value)
}
