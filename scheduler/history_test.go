package scheduler_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestAnyHistory has random things happen to people while their target fails at
// random, in all the ways in which one fails: it is down, refuses for a while, for
// good, asks for patience, or does half of what it was told and loses the line.
// Once it is well again it must come to hold exactly what the people should have,
// and what was said of leavers must have arrived while the rest still waited. R-PROV-2.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var raised any
		synctest.Test(t, func(t *testing.T) {
			defer func() { raised = recover() }() // it is raised again outside of the bubble, where rapid waits for it
			w := newWorldOn(t, enginetest.Again(someEngine(t, rapid.SampledFrom([]string{"memory", "memory", "several", "several", "bolt"}).Draw(r, "engine"))))
			defer w.stop()
			anyHistory(r, w)
		})
		if failed, ok := raised.(string); ok {
			r.Fatal(failed)
		} else if raised != nil {
			panic(raised)
		}
	})
}

func someEngine(t *testing.T, kind string) store.Engine {
	switch kind {
	case "memory":
		return enginetest.Memory(1)
	case "several":
		return enginetest.Memory(4)
	}
	return accesstest.Engine(t)
}

// A somebody is one person, as they should be.
type somebody struct {
	id, name, department string
	active, gone         bool
	until                time.Time // when the grant of editor ends
}

func (s *somebody) want(now time.Time) (active bool, entitlements []string) {
	if s.gone || !s.active || s.department != "Engineering" {
		return false, nil
	}
	if now.Before(s.until) {
		entitlements = append(entitlements, "Editors")
	}
	return true, append(entitlements, "Readers")
}

func anyHistory(r *rapid.T, w *world) {
	failures := rapid.SliceOfN(rapid.IntRange(0, 9), 8, 32).Draw(r, "failures")
	w.target.change(func(g *target) {
		g.fail = func(call int) error { return failure(failures[call%len(failures)]) }
	})
	people := make([]*somebody, 3)
	for i := range people {
		s := &somebody{name: fmt.Sprint("p", i), department: "Engineering", active: true}
		s.id = w.admitNamed(s.name, "", s.department, s.active)
		people[i] = s
	}
	for range rapid.IntRange(1, 10).Draw(r, "steps") {
		happen(r, w, people[rapid.IntRange(0, 2).Draw(r, "who")])
		settle(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(r, "pass"))
	}
	w.target.change(func(g *target) { g.fail, g.dead = nil, false })
	settle(time.Second)        // what is under way is written down
	for _, s := range people { // what was given up waits for a person's word, or a change
		w.update(func(tx store.Tx) error {
			err := access.Unpark(tx, "token/test", "wiki", s.id)
			if errors.Is(err, schema.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	settle(3 * time.Hour)
	for _, s := range people {
		wantActive, want := s.want(time.Now())
		active, got := w.target.holds(s.id)
		if !active {
			got = nil
		}
		if active != wantActive || !slices.Equal(got, want) {
			panic(fmt.Sprintf("%s: the target has active=%v %v, want active=%v %v", s.name, active, got, wantActive, want))
		}
	}
	if report, err := w.store.Check(w.t.Context()); err != nil || !report.OK() {
		panic(fmt.Sprint(report.Faults, err))
	}
}

// failure is one of the ways in which a step fails.
func failure(kind int) error {
	switch kind {
	case 0:
		return errors.New("the line broke")
	case 1:
		return &connectors.Error{After: time.Minute, Code: "429", Err: errors.New("too many requests")}
	case 2:
		return &connectors.Error{Kind: connectors.Permanent, Code: "400", Err: errors.New("no such plan")}
	case 3:
		return &connectors.Error{Kind: connectors.Gone, Code: "404", Err: errors.New("no such account")}
	}
	return nil
}

func happen(r *rapid.T, w *world, s *somebody) {
	switch rapid.IntRange(0, 5).Draw(r, "what") {
	case 0, 1:
		s.department = rapid.SampledFrom([]string{"Engineering", "Sales"}).Draw(r, "department")
	case 2:
		s.active = !s.active
	case 3:
		if !s.gone && rapid.Bool().Draw(r, "delete") {
			s.gone = true
			w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), s.id) })
		}
	case 4:
		if s.gone || !s.active || s.department != "Engineering" {
			return
		}
		grantEditor(w, s.id)
		s.until = time.Now().Add(8 * time.Hour)
	case 5:
		w.target.down(rapid.Bool().Draw(r, "down"))
	}
	if !s.gone {
		w.admitNamed(s.name, s.id, s.department, s.active)
	}
}
