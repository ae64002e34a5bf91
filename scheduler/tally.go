package scheduler

import (
	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A tally is what a run is known to have come to while it is in the middle of a part of
// it, which begins anew where it is cut off. What it acted on is found no more then, so it
// counts from the moment that it is done; what it only looked at is looked at again. Of a
// plan that people released it is the part that is done.
type tally struct {
	sweep Sweep
	about string // as its plan has it
	run   schema.Run
	once  bool // what it acted on is not looked at again either
}

// over notes that all of it is done.
func (t *tally) over() { t.sweep.guard.over(access.HoldID(t.about)) }

// act acts on some of what was found, and notes that in the transaction that does. Do adds
// what it acted on, in the words of the plan. It returns how much that was.
func (t *tally) act(update func(func(store.Tx) error) error, do func(tx store.Tx, done *access.Agenda) error) (acted int, err error) {
	var is schema.Run
	before := t.sweep.guard.partOf(access.HoldID(t.about))
	err = update(func(tx store.Tx) (err error) {
		done := access.NewAgenda(t.about)
		if err = do(tx, done); err != nil {
			return err
		}
		is, acted = t.run, done.Count()
		is.Found, is.Done = is.Found+acted, is.Done+acted
		if t.once {
			is.Looked += acted
		}
		if err := t.sweep.guard.did(before, done); err != nil {
			return err
		}
		return t.sweep.note(tx, is, t.sweep.after...)
	})
	if err != nil {
		t.sweep.guard.undid(before)
		return 0, err
	}
	t.run = is
	return acted, nil
}
