package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

func (w *world) ramp(change func(store.Tx) (schema.Ramp, error)) {
	w.t.Helper()
	w.update(func(tx store.Tx) error { _, err := change(tx); return err })
}

func (w *world) rampTo(goal schema.RampStage, pause time.Duration) {
	w.t.Helper()
	w.ramp(func(tx store.Tx) (schema.Ramp, error) {
		return access.SetRamp(tx, w.rules.Book(), "token/ops", "wiki", goal, pause)
	})
}

func (w *world) rampNow() (ramp schema.Ramp) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		ramp, err = store.Ramps.Get(r, "wiki")
		return err
	})
	return ramp
}

// written are those who have an account at the wiki, sorted.
func (w *world) written() (ids []string) {
	for id, a := range w.targets["wiki"] {
		if a.Active {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// TestRampGoesInStages has a target be written to one account first, then one in
// twenty, then all, with a pause between. Who once was among them stays.
func TestRampGoesInStages(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rampTo(schema.RampAll, time.Hour)
		w.lane(access.LaneRamp, func(item store.Item) (access.Finish, error) { // before there is anybody
			return access.Climb(t.Context(), w.store, w.rules, item)
		})
		const people = 240
		for n := range people {
			w.admit(person{name: fmt.Sprintf("p%03d", n), department: "Engineering"})
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // of the bubble's own time
		w.work()
		one := w.written()
		if ramp := w.rampNow(); len(one) != 1 || ramp.Stage != schema.RampOne || ramp.Reached.IsZero() || ramp.Population != people || ramp.Admitted != 1 {
			t.Fatalf("%d accounts are written to at first, want one: %+v", len(one), ramp)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		some := w.written()
		if ramp := w.rampNow(); ramp.Stage != "5%" || len(some) < 2 || len(some) > people/5 || len(some) != ramp.Admitted || !slices.Contains(some, one[0]) {
			t.Fatalf("%d accounts at 5%%, among them the first %v: %+v", len(some), slices.Contains(some, one[0]), ramp)
		}
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		if ramp := w.rampNow(); len(w.written()) != people || !ramp.Done() {
			t.Errorf("%d accounts in the end, want all %d: %+v", len(w.written()), people, ramp)
		}
		w.admit(person{name: "late", department: "Engineering"})
		w.work()
		if len(w.written()) != people+1 {
			t.Error("whoever comes later is held by a ramp that is done")
		}
		if verbs := w.verbs("connector/wiki"); len(verbs) != 7 { // asked for; three stages begun, and written
			t.Errorf("the log has %v of the ramp, want each step", verbs)
		}
	})
}

// TestRampWaitsForItsTarget sets a ramp where nothing is written yet. It does not run
// ahead: what is enforced a day later comes to one account first.
func TestRampWaitsForItsTarget(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, "  mode: enforce\n  authority: exclusive", "  mode: observe\n  authority: exclusive"))
		w.rampTo(schema.RampAll, time.Hour)
		for n := range 60 {
			w.admit(person{name: fmt.Sprintf("p%d", n), department: "Engineering"})
		}
		for range 24 {
			w.work()
			w.wait(time.Hour)
		}
		if ramp := w.rampNow(); ramp.Stage != "" || len(w.written()) > 0 {
			t.Fatalf("nothing is written there, and the ramp came to %q", ramp.Stage)
		}
		w.publish(book(t))
		w.wait(time.Minute)
		w.work()
		if ramp := w.rampNow(); ramp.Stage != schema.RampOne || len(w.written()) != 1 {
			t.Errorf("%d accounts are written to at first, at stage %q", len(w.written()), ramp.Stage)
		}
	})
}

// TestRampNeverHoldsALeaver has people leave, and lose roles, to whom the ramp has
// not come yet.
func TestRampNeverHoldsALeaver(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var ids []string
		for n := range 12 {
			ids = append(ids, w.admit(person{name: fmt.Sprintf("p%d", n), department: "Engineering"}))
		}
		w.work()
		w.rampTo(schema.RampOne, 0)
		w.work()
		for n, id := range ids {
			w.admit(person{id: id, name: fmt.Sprintf("p%d", n), department: "Sales", inactive: n%2 == 0})
		}
		joiner := w.admit(person{name: "joiner", department: "Engineering"})
		w.work()
		for n, id := range ids {
			w.want(id, "")
			if is := w.targets["wiki"]["r-"+id]; is.Active && n%2 == 0 || len(is.Entitlements) > 0 {
				t.Errorf("p%d left or moved, and has %+v", n, is)
			}
		}
		if _, there := w.targets["wiki"]["r-"+joiner]; there && w.rampNow().Admitted != 1 {
			t.Error("the ramp did not hold a joiner")
		}
	})
}

// TestRampStopsByItself has a target refuse. The ramp stops at the first account,
// says why, and goes on when somebody resumes it.
func TestRampStopsByItself(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rampTo(schema.RampAll, time.Minute)
		for n := range 30 {
			w.admit(person{name: fmt.Sprintf("p%d", n), department: "Engineering"})
		}
		w.missing = "Readers"
		w.work()
		time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		ramp := w.rampNow()
		if ramp.Stopped == "" || ramp.Stage != schema.RampOne || len(w.targets["wiki"]) != 1 {
			t.Fatalf("%d accounts were written to: %+v, want it stopped at the first", len(w.targets["wiki"]), ramp)
		}
		if len(w.findings("ramp")) != 1 {
			t.Error("there is no finding that it stopped")
		}
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.SetRamp(tx, w.rules.Book(), "token/ops", "wiki", schema.RampAll, 0)
			return err
		})
		if !errors.Is(err, schema.ErrHeld) {
			t.Errorf("%v, want that it is to be resumed first", err)
		}
		w.missing = ""
		w.ramp(func(tx store.Tx) (schema.Ramp, error) {
			return access.ResumeRamp(tx, w.rules.Book(), "token/ops", "wiki")
		})
		for range 3 {
			w.work()
			time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's own time
		}
		w.work()
		if ramp := w.rampNow(); !ramp.Done() || len(w.findings("ramp")) != 0 {
			t.Errorf("%+v, want it to have come to its goal", ramp)
		}
	})
}

// TestRampDoesNotGoBack refuses a goal that it has passed; stopped, it stands still.
func TestRampDoesNotGoBack(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rampTo("20%", 0)
		for n := range 60 {
			w.admit(person{name: fmt.Sprintf("p%d", n), department: "Engineering"})
		}
		w.work()
		before := len(w.written())
		if ramp := w.rampNow(); ramp.Stage != "20%" || !ramp.Done() || before < 2 || before == 60 {
			t.Fatalf("%d accounts: %+v", before, ramp)
		}
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.SetRamp(tx, w.rules.Book(), "token/ops", "wiki", schema.RampOne, 0)
			return err
		})
		if !errors.Is(err, schema.ErrConflict) {
			t.Errorf("back to one: %v, want it refused", err)
		}
		w.ramp(func(tx store.Tx) (schema.Ramp, error) {
			return access.StopRamp(tx, w.rules.Book(), "token/ops", "wiki")
		})
		for n := range 60 {
			w.admit(person{name: fmt.Sprintf("q%d", n), department: "Engineering"})
		}
		w.work()
		if len(w.written()) != before {
			t.Errorf("%d accounts, and stopped it had %d", len(w.written()), before)
		}
	})
}

// TestForecast counts what it takes, before anything is enforced.
func TestForecast(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		for n := range 50 {
			w.admit(person{name: fmt.Sprintf("p%d", n), department: "Sales"})
		}
		w.work()
		for stage, most := range map[schema.RampStage]int{schema.RampOne: 1, schema.RampAll: 50} {
			tally, err := access.Forecast(t.Context(), w.store, w.rules, "crm", stage) // which only observes
			if err != nil || tally.Creates != most || tally.Members["Sales"] != most {
				t.Errorf("%s: %+v, %v, want %d accounts", stage, tally, err, most)
			}
		}
	})
}
