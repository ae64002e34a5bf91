// Package course is the course of one Apply at a target that is written to step by
// step: what is remembered is believed until the target contradicts it, then it is
// looked at and the steps are planned anew; and what came of a call that got no answer
// is looked at, or left in doubt for the next Apply.
//
// It knows no protocol: a Target takes the steps.
package course

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

const (
	attempts  = 4               // at planning one Apply, each because the target was not as remembered
	lookAfter = 5 * time.Second // how long to look at what came of a call that got no answer
)

// ErrAgain says that the target is not as remembered, that the course now knows how it
// is, and that the steps have to be planned anew.
var ErrAgain = errors.New("plan again")

// A Target is where one account is, as its course sees it.
type Target interface {
	// Look finds out what is there, and tells the course by Become, Gone or Nobody.
	Look(ctx context.Context) error
	// Plan returns the steps that are left; Course.Plan does, for most.
	Plan() []connectors.Step
	// Step takes one step, and tells the course what is there then. The error may be
	// ErrAgain.
	Step(ctx context.Context, step connectors.Step) error
	// Settle is told of a step that failed, to find out what came of it where that is
	// not certain; Course.Settle does.
	Settle(ctx context.Context, step connectors.Step, err error)
	// Refuses reports whether the target refused, rather than failed.
	Refuses(err error) bool
}

// A Course is one Apply under way.
type Course struct {
	Is   schema.Account // what is there, as far as is known
	Want schema.Account
	Seen bool // the account was looked at in this course, or made

	// What it holds is taken before it is disabled: see connectors.DisableLast.
	DisableLast bool

	// It began with an account that may have been made, by a call that nobody heard
	// the answer of.
	unheard bool
}

// Unheard reports whether it began with an account that may have been made, by a call
// that nobody heard the answer of.
func (c *Course) Unheard() bool { return c.unheard }

// Run takes the steps between what is there and what is wanted.
func (c *Course) Run(ctx context.Context, t Target) error {
	have := c.Is
	c.unheard = connectors.IsUnnamed(have.RemoteID)
	err := c.run(ctx, t)
	if err != nil && c.unheard && !c.Is.Exists() {
		c.Is = have // what one search did not show may be there all the same
	}
	return err
}

func (c *Course) run(ctx context.Context, t Target) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if connectors.Doubtful(c.Is) {
		if err := t.Look(ctx); err != nil {
			return c.endUnseen(ctx, t, err)
		}
	}
	for range attempts {
		steps := t.Plan()
		if len(steps) == 0 && c.Is.Exists() && !c.Seen {
			// Asked although there is nothing to do: what is remembered must be
			// what is doubted.
			if err := t.Look(ctx); err != nil {
				return err
			}
			continue
		}
		if err := c.take(ctx, t, steps); !errors.Is(err, ErrAgain) {
			return err
		}
	}
	return &connectors.Error{Kind: connectors.Transient, Err: errors.New("the account changed at the target each time it was written to")}
}

// endUnseen ends access at an account that cannot be looked at, for the reason that is
// given: what takes something away does not wait for a target to be readable again.
func (c *Course) endUnseen(ctx context.Context, t Target, unseen error) error {
	if connectors.Named(c.Is.RemoteID) != nil {
		return unseen
	}
	steps := slices.DeleteFunc(t.Plan(), func(s connectors.Step) bool { return !s.Ends() })
	if err := c.take(ctx, t, steps); err != nil && !errors.Is(err, ErrAgain) {
		return connectors.Worst([]error{unseen, err})
	}
	return unseen
}

// Plan returns the steps that are left.
func (c *Course) Plan() []connectors.Step {
	steps := connectors.Plan(c.Is, c.Want)
	if c.DisableLast {
		return connectors.DisableLast(steps)
	}
	return steps
}

// take takes the steps. What ends access is tried whole, whatever of it fails;
// nothing else is done unless all of it succeeded. The steps are of the account that is
// there: once a look shows that it is gone, or another, none of them is right any longer,
// and what failed was about nobody.
func (c *Course) take(ctx context.Context, t Target, steps []connectors.Step) error {
	var failed []error
	for _, step := range steps {
		if !step.Ends() && len(failed) > 0 {
			break
		}
		err := t.Step(ctx, step)
		if errors.Is(err, ErrAgain) {
			return err
		}
		if err != nil {
			of := c.Is.RemoteID
			t.Settle(ctx, step, err)
			if connectors.Named(of) == nil && c.Is.RemoteID != of {
				return ErrAgain
			}
			failed = append(failed, err)
		}
	}
	return connectors.Worst(failed)
}

// Hold has the account hold each of the entitlements, or none of them any more, by
// what writes one. One that is refused does not keep the others from being written.
func (c *Course) Hold(ctx context.Context, t Target, kind string, names []string, in bool, write func(name string) error) error {
	var failed []error
	for _, name := range names {
		err := write(name)
		if err != nil && t.Refuses(err) {
			// Perhaps because the account is not there any longer, or holds it, or
			// holds it not, as is wanted: that alone is no failure.
			if lookErr := t.Look(ctx); lookErr == nil && !c.Is.Exists() {
				return ErrAgain
			} else if lookErr == nil && c.Is.Holds(name) == in {
				err = nil
			}
		}
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("%s %q: %w", kind, name, err))
		case in:
			c.Is.Entitlements = schema.Sorted(append(slices.Clone(c.Is.Entitlements), name)...)
		default:
			c.Is.Entitlements = slices.DeleteFunc(slices.Clone(c.Is.Entitlements), func(e string) bool { return e == name })
		}
	}
	return connectors.Worst(failed)
}

// Become takes over what is there.
func (c *Course) Become(there schema.Account) {
	c.Is.RemoteID, c.Is.Active = there.RemoteID, there.Active
	c.Is.Attributes, c.Is.Entitlements = there.Attributes, there.Entitlements
	c.Seen = true
}

// Unshown is what a target means that has an account already, and shows none: somebody
// else has the name, unless what it has may be what was made before and not heard of.
// That is to be looked for again, however long the target takes to show it.
func (c *Course) Unshown(err error) error {
	if !c.unheard {
		return err
	}
	return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf("the account was made, it seems, and is not shown yet: %w", err)}
}

// Nobody says that a search found nobody. Where that was for one that may have been made
// by another name than it is to have now, its target would make the same person anew, and
// agree: then it has to say so twice.
func (c *Course) Nobody() error {
	renamed := c.Want.Active && c.Is.Attributes["userName"] != c.Want.Attributes["userName"]
	if c.unheard && renamed && !connectors.NotShown(c.Is) {
		return connectors.ErrNotShown
	}
	c.Gone()
	return nil
}

// Gone forgets an account that is not there.
func (c *Course) Gone() {
	c.Is.Adopted = false
	c.Become(schema.Account{})
}

// Settle finds out what came of a step of which nobody knows whether it took effect.
// If that cannot be found out now, the account is left in doubt.
func (c *Course) Settle(ctx context.Context, t Target, step connectors.Step) {
	if step.Verb == connectors.Create {
		c.unnamed()
	}
	looking, cancel := context.WithTimeout(ctx, lookAfter)
	defer cancel()
	switch err := t.Look(looking); {
	case err != nil:
		c.Doubt(step)
	case step.Verb == connectors.Create && !c.Is.Exists():
		// A search may be behind what was made just now: the next Apply looks again
		// before it believes that there is nobody.
		c.unnamed()
		c.Doubt(step)
	}
}

// unnamed makes the account one that may have been made.
func (c *Course) unnamed() {
	c.Is.RemoteID, c.Is.Attributes = connectors.Unnamed(c.Want.Attributes["userName"]), maps.Clone(c.Want.Attributes)
}

// Doubt makes the account one of which it is not known what is there. It says
// so by being active, so that a wish to have it disabled is a step to take, and
// by having no attributes, so that any other wish is; and it holds whatever it
// may hold, so that all of it stays managed. Only an account without a known id
// keeps its attributes, to be found by.
func (c *Course) Doubt(step connectors.Step) {
	c.Is.Active = true
	if !connectors.IsUnnamed(c.Is.RemoteID) {
		c.Is.Attributes = nil
	}
	if step.Verb == connectors.Grant {
		c.Is.Entitlements = append(slices.Clone(c.Is.Entitlements), step.Entitlements...)
	}
}
