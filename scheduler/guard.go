package scheduler

import (
	"errors"
	"fmt"
	"slices"

	"drawbridge/access"
	"drawbridge/schema"
)

// errLooking is why a run does nothing that is only to look.
var errLooking = errors.New("it only looks")

// A guard is one run's: it knows what people released of what earlier runs were
// held from, and remembers what this one came to. A nil one releases nothing.
type guard struct {
	plans      map[string]string // that people released, by the holds' ids
	held       []schema.Hold
	past       []string          // ids of holds that it let the run past, or behind which nothing was left
	incomplete bool              // the run did not come to everything
	troubles   []schema.Trouble  // what became of the parts of it that it did not do
	parts      []schema.PlanPart // what is done of released plans that it has yet to come to the end of
}

// acts reports whether a run does by itself what is within its limits, so that it need not
// be summed up first.
func (s Sweep) acts() bool { return !s.dry && s.mode() == schema.Enforce }

func (s Sweep) mode() schema.Mode {
	if s.Mode == "" {
		return schema.Enforce
	}
	return s.Mode
}

// check looks at all that a run would do about one subject before any of it is done.
// Beyond its limits it is held, all of it, unless it is to the last thing what people
// released, with what was done of that before the run was cut off; so is anything where the
// sweep proposes. A run that only looks does nothing.
func (s Sweep) check(run *schema.Run, would *access.Agenda, population int) error {
	return s.checkFor(run, would, s.Limits.Exceeds(would.Count(), population))
}

// checkFor is check where it is known why people are to be asked; nothing if they are not.
func (s Sweep) checkFor(run *schema.Run, would *access.Agenda, why string) error {
	switch {
	case would.Count() == 0:
		s.guard.over(would.HoldID())
		return nil
	case s.dry:
		s.guard.held = append(s.guard.held, would.Hold(why))
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
		if is, err := s.guard.released(would); is || err != nil {
			return err
		}
		s.guard.held = append(s.guard.held, would.Hold(why))
		s.guard.drop(would.HoldID()) // what was released is void
	}
	return fmt.Errorf("%s: %w", why, schema.ErrHeld)
}

// released reports whether people released what a run would do, and has the run be at that.
func (g *guard) released(would *access.Agenda) (bool, error) {
	id := would.HoldID()
	whole, part := *would, g.partOf(id)
	if err := whole.AddPart(part); err != nil {
		return false, err
	}
	if g.plans[id] != whole.Plan() {
		return false, nil
	}
	g.past = append(g.past, id)
	part.Hold = id
	g.at(part)
	return true, nil
}

// partOf is what is done of a hold's plan.
func (g *guard) partOf(hold string) schema.PlanPart {
	if g != nil {
		for _, p := range g.parts {
			if p.Hold == hold {
				return p
			}
		}
	}
	return schema.PlanPart{}
}

// at has a run be at a part of a plan.
func (g *guard) at(part schema.PlanPart) {
	g.drop(part.Hold)
	g.parts = append(g.parts, part)
}

// over notes that a run came to the end of what a hold is about: its release is spent, also
// where nothing was left to do, or so little that nobody has to be asked.
func (g *guard) over(hold string) {
	if g == nil {
		return
	}
	g.drop(hold)
	if g.plans[hold] != "" && !slices.Contains(g.past, hold) {
		g.past = append(g.past, hold)
	}
}

// drop forgets what is done of a hold's plan.
func (g *guard) drop(hold string) {
	g.parts = slices.DeleteFunc(slices.Clone(g.parts), func(p schema.PlanPart) bool { return p.Hold == hold })
}

// did adds to what is done of the plan that the run is at, from where it was; nothing if
// it is at none. It may be called again for the same, by a transaction that is run again.
func (g *guard) did(before schema.PlanPart, done *access.Agenda) error {
	if before.Hold == "" || before.Hold != done.HoldID() {
		return nil
	}
	if err := done.AddPart(before); err != nil {
		return err
	}
	now := done.Part()
	now.Hold, now.Before, now.Until = before.Hold, before.Before, before.Until
	g.at(now)
	return nil
}

// undid has the run be where it was before did: the transaction came to nothing.
func (g *guard) undid(before schema.PlanPart) {
	if before.Hold != "" {
		g.at(before)
	}
}

// left is what a run that failed did of released plans that it did not come to the end of.
// The next one goes on under the same release: for it, all of that was before.
func (g *guard) left() (parts []schema.PlanPart) {
	if !g.incomplete { // what it did not come to is no more
		return nil
	}
	for _, p := range g.parts {
		p.Before = p.Count
		parts = append(parts, p)
	}
	return parts
}

// settled are the holds of which people released the plan and that the run is done with.
func (g *guard) settled() []string {
	return slices.DeleteFunc(schema.Sorted(g.past...), func(hold string) bool { return g.partOf(hold).Hold != "" })
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
