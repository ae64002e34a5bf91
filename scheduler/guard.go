package scheduler

import (
	"errors"
	"fmt"

	"drawbridge/access"
	"drawbridge/schema"
)

// errLooking is why a run does nothing that is only to look.
var errLooking = errors.New("it only looks")

// A guard is one run's: it knows what people released of what earlier runs were
// held from, and remembers what this one came to. A nil one releases nothing.
type guard struct {
	released   map[string]string // plans, by the holds' ids
	held       []schema.Hold
	past       []string         // ids of holds that it let the run past
	incomplete bool             // the run did not come to everything
	troubles   []schema.Trouble // what became of the parts of it that it did not do
}

// bounded reports whether a run may do so much by itself, so that it need not be summed
// up first.
func (s Sweep) bounded(n, population int) bool {
	return !s.dry && s.mode() == schema.Enforce && !s.Limits.Stops(n, population)
}

func (s Sweep) mode() schema.Mode {
	if s.Mode == "" {
		return schema.Enforce
	}
	return s.Mode
}

// check looks at all that a run would do about one subject before any of it is done.
// Beyond its limits it is held, all of it, unless it is to the last thing what people
// released; so is anything where the sweep proposes. A run that only looks does nothing.
func (s Sweep) check(run *schema.Run, subject string, would *access.Intent, population int) error {
	why := s.Limits.Exceeds(would.Count(), population)
	switch {
	case would.Count() == 0:
		return nil
	case s.dry:
		s.guard.held = append(s.guard.held, would.Hold(schema.SweepHold, subject, why))
		run.Proposed += would.Count()
		return errLooking
	case s.mode() == schema.Observe:
		run.Proposed += would.Count()
		return errLooking
	case why == "" && s.mode() == schema.Enforce:
		return nil
	case why == "":
		why = fmt.Sprintf("%d changes are proposed, and wait for people", would.Count())
	}
	if s.guard != nil {
		h := would.Hold(schema.SweepHold, subject, why)
		if s.guard.released[h.ID] == h.Plan {
			s.guard.past = append(s.guard.past, h.ID)
			return nil
		}
		s.guard.held = append(s.guard.held, h)
	}
	return fmt.Errorf("%s: %w", why, schema.ErrHeld)
}

// missed notes that something could not be looked at.
func (s Sweep) missed() {
	if s.guard != nil {
		s.guard.incomplete = true
	}
}

// trouble notes why a part of a run was not done: its record is to say so too where it is
// cut off behind that part. What was not held could not be looked at.
func (s Sweep) trouble(err error) error {
	is := schema.Trouble{What: err.Error(), Held: errors.Is(err, schema.ErrHeld)}
	if !is.Held {
		s.missed()
	}
	if s.guard != nil {
		s.guard.troubles = append(s.guard.troubles, is)
	}
	return err
}

// troubles returns what was noted before the run was cut off.
func (s Sweep) troubles() (all []error) {
	if s.guard == nil {
		return nil
	}
	for _, t := range s.guard.troubles {
		all = append(all, earlierError(t))
	}
	return all
}

// An earlierError is a trouble of before the run was cut off.
type earlierError schema.Trouble

func (e earlierError) Error() string { return e.What }

// Is reports whether it is the error of what was held.
func (e earlierError) Is(target error) bool { return e.Held && target == schema.ErrHeld }
