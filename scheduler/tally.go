package scheduler

import (
	"drawbridge/schema"
	"drawbridge/store"
)

// A tally is what a run is known to have come to while it is in the middle of a part of
// it, which begins anew where it is cut off. What it acted on is found no more then, so it
// counts from the moment that it is done; what it only looked at is looked at again.
type tally struct {
	sweep Sweep
	run   schema.Run
	once  bool // what it acted on is not looked at again either
}

// act acts on some of what was found, and notes that in the transaction that does. It
// returns how much it was.
func (t *tally) act(update func(func(store.Tx) error) error, do func(store.Tx) (int, error)) (acted int, err error) {
	var is schema.Run
	err = update(func(tx store.Tx) (err error) {
		if acted, err = do(tx); err != nil {
			return err
		}
		is = t.run
		is.Found, is.Done = is.Found+acted, is.Done+acted
		if t.once {
			is.Looked += acted
		}
		return t.sweep.note(tx, is, t.sweep.after...)
	})
	if err == nil {
		t.run = is
	}
	return acted, err
}
