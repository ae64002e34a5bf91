package access_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/access"
	"drawbridge/access/exposure"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// withObjective is the policy of the tests, in which leavers are to be gone in time.
var withObjective = []string{`when: 'identity.active == false', action: suspend }`, `when: 'identity.active == false', action: suspend, within: 10m }`}

// wait passes time.
func (w *world) wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // of the bubble's own time
}

// alarms does what is due in the lane of exposure.
func (w *world) alarms() {
	w.t.Helper()
	for w.lane(access.LaneExposure, func(item store.Item) (access.Finish, error) {
		return access.Alarm(w.t.Context(), w.store, w.rules, item)
	}) {
	}
}

// windows are those that closed, in the order in which they were opened.
func (w *world) windows() (all []schema.Window) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		all = nil
		for win, err := range store.Windows.Between(r, store.WindowReceived, time.Time{}, time.Now().Add(time.Hour)) {
			if err != nil {
				return err
			}
			all = append(all, win)
		}
		return nil
	})
	return all
}

// leaves has somebody leave at the source, which says when that was.
func (w *world) leaves(p person, occurred time.Time) {
	w.t.Helper()
	p.inactive = true
	hr := w.hr()
	hr.Occurred = occurred
	w.update(func(tx store.Tx) error {
		_, err := access.Admit(tx, hr, p.identity(w.t))
		return err
	})
}

// TestWindow follows a window from the source's own time to what was read back.
// R-SLO-1, R-SLO-3.
func TestWindow(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, withObjective...))
		w.verifies = true
		p := person{name: "ada", department: "Engineering"}
		p.id = w.admit(p)
		w.work()
		if got := w.windows(); len(got) != 0 {
			t.Fatalf("nothing ended, and there are windows: %+v", got)
		}
		left := time.Now().Add(-time.Hour)
		w.leaves(p, left)
		w.work()
		all := w.windows()
		if len(all) != 1 {
			t.Fatalf("got %d windows, want 1: %+v", len(all), all)
		}
		c := all[0].Change
		times := []time.Time{c.Occurred, c.Received, c.Decided, c.Sent, c.Acknowledged, c.Verified}
		if !slices.IsSortedFunc(times, time.Time.Compare) || !c.Occurred.Equal(left) || all[0].Closed.Before(c.Decided) {
			t.Errorf("the times are not in order: %v", times)
		}
		if want := []string{"wiki", "wiki/readers"}; !slices.Equal(c.Loses, want) {
			t.Errorf("it took %v, want %v", c.Loses, want)
		}
		if !c.Left || c.Missed || !slices.Equal(c.Triggers, []string{"leaver/suspended"}) || c.Objective.Sub(c.Received) != 10*time.Minute {
			t.Errorf("left %v, missed %v, triggers %v, objective after %v", c.Left, c.Missed, c.Triggers, c.Objective.Sub(c.Received))
		}
		w.wait(time.Hour)
		w.alarms()
		if got := w.findings("overdue-removal"); len(got) > 0 {
			t.Errorf("an alarm about %v, whose access ended in time", got)
		}
	})
}

// TestObjectiveMissed has a window stay open past its objective: there is an alarm
// when it passes, and a finding stays when it closed at last. R-SLO-1.
func TestObjectiveMissed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, withObjective...))
		p := person{name: "ada", department: "Engineering"}
		p.id = w.admit(p)
		w.work()
		w.leaves(p, time.Time{})
		w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			return access.Reconcile(w.t.Context(), w.store, w.rules, item)
		})
		w.wait(9 * time.Minute)
		w.alarms()
		if got := w.findings("overdue-removal"); len(got) > 0 {
			t.Fatalf("an alarm about %v before the objective", got)
		}
		w.wait(2 * time.Minute)
		w.alarms()
		if got := w.findings("overdue-removal"); !slices.Equal(got, []string{p.id}) {
			t.Fatalf("alarms about %v, want one about %s", got, p.id)
		}
		w.view(func(r store.Reader) error {
			if n, err := store.AccountObjective.Count(r, 10, "wiki", store.OpenObjective(true)); n != 1 || err != nil {
				t.Errorf("%d windows are known to be late, want 1 (%v)", n, err)
			}
			return nil
		})
		w.work()
		if got := w.findings("overdue-removal"); len(got) > 0 {
			t.Errorf("the alarm about %v goes on though the window closed", got)
		}
		if got := w.findings("missed-objective"); !slices.Equal(got, []string{p.id}) {
			t.Errorf("findings about %v, want one about %s", got, p.id)
		}
		all := w.windows()
		if len(all) != 1 || !all[0].Change.Missed || !all[0].Change.Occurred.IsZero() {
			t.Fatalf("windows: %+v, want one that missed its objective, of a time that the source did not say", all)
		}
	})
}

// TestObjectivesAreOfWhatEnds asks how soon access is to be gone, by what ends it: as each
// trigger says, the soonest of several; as a role says where none fired; and else nobody does.
// Reports by trigger tell them apart. R-SLO-1, R-SLO-3.
func TestObjectivesAreOfWhatEnds(t *testing.T) {
	const editor, engineer = "  duration: { default: 8h, max: 24h }\n", "  triggers: [leaver]\n  permanent: { because: Held for the length of employment. }\n  review: { every: 365d }\n---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: seller"
	const mover = `---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: mover, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers: [{ name: moved, on: [event, sweep], when: 'identity.department == "Sales"', action: revoke, within: 2h }]
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
`
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, append(slices.Clone(withObjective),
			editor, editor+"  onEnd: { within: 30m }\n",
			engineer, strings.Replace(engineer, "[leaver]", "[leaver, mover]", 1),
			"---\napiVersion: drawbridge/v1\nkind: ApprovalFlow\n", mover)...))
		begun := time.Now()
		id := map[string]string{}
		for _, name := range []string{"moves", "leaves", "both", "deleted", "revoked", "expires", "sells"} {
			department := "Engineering"
			if name == "sells" {
				department = "Operations"
			}
			id[name] = w.admit(person{name: name, department: department})
		}
		w.work()
		w.grant(id["revoked"], "editor")
		w.grant(id["expires"], "editor")
		w.work()
		w.admit(person{id: id["moves"], name: "moves", department: "Sales"})
		w.admit(person{id: id["leaves"], name: "leaves", department: "Engineering", inactive: true})
		w.admit(person{id: id["both"], name: "both", department: "Sales", inactive: true})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id["deleted"]) })
		for name, role := range map[string]string{"revoked": "editor", "sells": "admin"} {
			w.update(func(tx store.Tx) error {
				return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: id[name], Role: role, By: "token/test", Reason: "enough"})
			})
		}
		w.work()
		w.wait(9 * time.Hour) // the grant's time is over
		w.work()
		want := map[string]struct {
			triggers []string
			within   time.Duration
		}{
			"moves": {[]string{"mover/moved"}, 2 * time.Hour}, "leaves": {[]string{"leaver/suspended"}, 10 * time.Minute},
			"both":    {[]string{"leaver/suspended", "mover/moved"}, 10 * time.Minute},
			"deleted": {[]string{"leaver/ended", "leaver/suspended"}, 10 * time.Minute},
			"revoked": {[]string{"role/editor"}, 30 * time.Minute}, "expires": {[]string{"role/editor"}, 30 * time.Minute}, "sells": {nil, 0},
		}
		all := w.windows()
		if len(all) != len(want) {
			t.Errorf("%d windows, want %d", len(all), len(want))
		}
		for _, win := range all {
			for name, is := range want {
				within := time.Duration(0)
				if c := win.Change; !c.Objective.IsZero() {
					within = c.Objective.Sub(c.Received)
				}
				if id[name] == win.Identity && (within != is.within || !slices.Equal(win.Change.Triggers, is.triggers)) {
					t.Errorf("%s: it is to be gone within %s, because of %q; want %s, %q", name, within, win.Change.Triggers, is.within, is.triggers)
				}
			}
		}
		counts := map[string]string{}
		w.view(func(r store.Reader) error {
			report, err := exposure.Measure(r, begun, time.Now(), exposure.ByTrigger)
			clear(counts)
			for _, g := range report.Groups {
				counts[g.Name] = fmt.Sprintf("%d, %d without an objective", g.Windows, g.NoObjective)
			}
			return err
		})
		if diff := cmp.Diff(map[string]string{
			"mover/moved": "2, 0 without an objective", "leaver/suspended": "3, 0 without an objective", "leaver/ended": "1, 0 without an objective", "role/editor": "2, 0 without an objective", "(none)": "1, 1 without an objective",
		}, counts); diff != "" {
			t.Errorf("by trigger (-want +got):\n%s", diff)
		}
	})
}

// TestMootWindow has somebody come back before any target was told: the window is
// kept as one of which nothing was left to tell, and not as access that ended.
// R-LOG-7.
func TestMootWindow(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		p := person{name: "ada", department: "Engineering"}
		p.id = w.admit(p)
		w.work()
		reconcile := func() {
			w.wait(time.Second)
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(w.t.Context(), w.store, w.rules, item)
			})
		}
		w.leaves(p, time.Time{})
		reconcile()
		w.admit(p)
		reconcile()
		w.work()
		w.want(p.id, "Readers")
		all := w.windows()
		if len(all) != 1 || !all[0].Moot || len(all[0].Change.Loses) > 0 {
			t.Errorf("windows: %+v, want a moot one that took nothing", all)
		}
	})
}

// TestOldWindows proves that windows are dropped when they were kept long enough,
// by an item that waits for that, and not before.
func TestOldWindows(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		p := person{name: "ada", department: "Engineering"}
		p.id = w.admit(p)
		w.work()
		w.leaves(p, time.Time{})
		w.work()
		w.wait(6 * 365 * 24 * time.Hour)
		w.alarms()
		if got := len(w.windows()); got != 1 {
			t.Fatalf("%d windows after six years, want 1", got)
		}
		w.wait(2 * 365 * 24 * time.Hour)
		w.alarms()
		if got := len(w.windows()); got != 0 {
			t.Errorf("%d windows after eight years, want none", got)
		}
	})
}

// TestWindowsOfLongRetention proves that windows are kept for as long as decisions are,
// where that is longer than they would be: a report is of the whole of it.
func TestWindowsOfLongRetention(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, "spec:\n  mode: enforce\n", "spec:\n  mode: enforce\n  retention: { decisions: 3650d }\n"))
		p := person{name: "ada", department: "Engineering"}
		p.id = w.admit(p)
		w.work()
		w.leaves(p, time.Time{})
		w.work()
		w.wait(9 * 365 * 24 * time.Hour)
		w.alarms()
		if got := len(w.windows()); got != 1 {
			t.Fatalf("%d windows after nine years, of ten that decisions are kept: want 1", got)
		}
		w.wait(2 * 365 * 24 * time.Hour)
		w.alarms()
		if got := len(w.windows()); got != 0 {
			t.Errorf("%d windows after eleven years, want none", got)
		}
	})
}

// TestExposureReport counts what is known apart from what is not. R-LOG-7, R-SLO-3.
func TestExposureReport(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, withObjective...))
		begun := time.Now()
		var all []person
		for _, name := range []string{"ada", "bob", "cy", "dee"} {
			p := person{name: name, department: "Engineering"}
			p.id = w.admit(p)
			all = append(all, p)
		}
		w.work()
		w.verifies = true
		w.leaves(all[0], time.Now().Add(-time.Minute))
		w.work() // read back
		w.verifies = false
		w.leaves(all[1], time.Time{})
		w.work() // acknowledged, and nobody knows
		reconcile := func() {
			w.wait(time.Second)
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(w.t.Context(), w.store, w.rules, item)
			})
		}
		w.leaves(all[2], time.Time{})
		reconcile()
		w.admit(all[2])
		reconcile()
		w.work() // back before anybody was told
		w.leaves(all[3], time.Time{})
		reconcile()
		w.wait(11 * time.Minute) // open, and late
		var report exposure.Report
		w.view(func(r store.Reader) (err error) {
			report, err = exposure.Measure(r, begun, time.Now().Add(time.Second), exposure.ByPerson)
			return err
		})
		got := report.Total
		got.Told, got.Source, got.Stages, got.OpenSince = exposure.Took{}, exposure.Took{}, nil, exposure.Took{}
		want := exposure.Line{
			Name: "all", Windows: 4, Left: 4, Verified: 1, Acknowledged: 1, Moot: 1, Open: 1,
			Met: 1, Unverified: 1, Void: 1, Missed: 1, UnknownSource: 3,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want, got: %s", diff)
		}
		if n := report.Total.Source.Count; n != 1 {
			t.Errorf("%d windows are timed from the source's time, and one source said it", n)
		}
		if len(report.Worst) != 3 || report.Worst[0].UserName != "dee" || report.Worst[0].Basis != exposure.StillOpen {
			t.Errorf("the worst are %+v, want the open one first and no moot one", report.Worst)
		}
		if len(report.Groups) != 4 || report.Groups[0].Name != "dee" {
			t.Errorf("groups: %+v", report.Groups)
		}
	})
}

// BenchmarkExposureReport reports on a period of very many windows.
func BenchmarkExposureReport(b *testing.B) {
	e, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, e)
	b.Cleanup(func() { _ = w.store.Close() })
	const many = 20_000
	from := time.Now().Add(-time.Hour)
	for at := 0; at < many; at += 500 {
		w.update(func(tx store.Tx) error {
			for i := at; i < at+500; i++ {
				id := fmt.Sprintf("p%06d", i)
				c := schema.Change{Received: from.Add(time.Duration(i) * time.Millisecond), Acknowledged: from.Add(time.Minute), Ends: true, Triggers: []string{"leaver/ended"}}
				err := errors.Join(store.Identities.Put(tx, schema.Identity{ID: id, Source: "hr", UserName: id, Resource: []byte(`{}`)}),
					store.Windows.Put(tx, schema.Window{ID: tx.NewID(), Connector: "wiki", Identity: id, Change: c, Closed: from.Add(time.Minute)}))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, by := range []string{exposure.ByConnector, exposure.ByPerson} {
		b.Run("by "+by, func(b *testing.B) {
			for b.Loop() {
				w.view(func(r store.Reader) error {
					_, err := exposure.Measure(r, from, time.Now(), by)
					return err
				})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/window")
		})
	}
}
