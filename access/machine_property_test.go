package access_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestNoMachineOutlivesItsOwner makes random histories of owners, deputies, assignments
// and time (R-NHI-2, R-NHI-8): no machine has access whose owner is not there, past
// the clock that began when they were there last.
func TestNoMachineOutlivesItsOwner(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(1)))
		defer w.store.Close()
		anyOwners(r, w)
		w.alike()
	})
}

func anyOwners(r *rapid.T, w *world) {
	machine, lead, second := withRegister(w)
	there := map[string]bool{lead: true, second: true}
	owner, last := lead, time.Now()
	for range rapid.IntRange(1, 8).Draw(r, "steps") {
		who := rapid.SampledFrom([]string{lead, second}).Draw(r, "who")
		name := map[string]string{lead: "lead", second: "second"}[who]
		switch rapid.IntRange(0, 2).Draw(r, "what") {
		case 0:
			there[who] = !there[who]
			w.admit(person{id: who, name: name, inactive: !there[who]})
		case 1:
			err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
				_, err := access.Assign(tx, w.rules.Book(), change(machine), who, "")
				return err
			})
			if err == nil {
				owner = who
			}
		case 2:
			w.pass(time.Duration(rapid.IntRange(1, 20).Draw(r, "days")) * 24 * time.Hour)
		}
		w.work()
		if there[owner] {
			last = time.Now()
		}
		if w.holds(machine) != "" && time.Since(last) > 14*24*time.Hour+time.Hour {
			violated("it has %q, and its owner was there last %s ago", w.holds(machine), time.Since(last))
		}
	}
}
