package access

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A ramp stops by itself when more than these fail: a share of the accounts that may
// be written to, and a number of them. Of one account none may.
const (
	rampFailPercent = 2
	rampFailMost    = 20
	rampFailTries   = 3 // how often one is tried before it counts
)

// place is where an account stands in the order in which a ramp comes to accounts.
// It depends on nothing but whose it is, so that it is the same every time.
func place(connector, identity string) uint64 {
	sum := sha256.Sum256([]byte("ramp\x00" + connector + "\x00" + identity))
	return binary.BigEndian.Uint64(sum[:])
}

// letsWrite reports whether a ramp lets the account be written to.
func letsWrite(r schema.Ramp, identity string) bool {
	return r.Stopped == "" && r.Stage != "" && (r.Stage == schema.RampAll || place(r.Connector, identity) <= r.Below)
}

// ramped returns what an account is to be as far as its target's ramp lets it. What
// takes access away from an account that the bridge manages is never held by a ramp:
// who leaves goes first here too.
func ramped(r store.Reader, have, want schema.Account) (schema.Account, error) {
	ramp, err := store.Ramps.Get(r, have.Connector)
	switch {
	case schema.IsNotFound(err), err == nil && letsWrite(ramp, have.Identity):
		return want, nil
	case err != nil:
		return want, err
	case have.Exists() && !want.Active:
		return want, nil
	}
	held := have
	held.Entitlements = slices.DeleteFunc(slices.Clone(have.Managed), func(target string) bool { return !slices.Contains(want.Entitlements, target) })
	return held, nil
}

// SetRamp has a target be written to as far as a goal, stage by stage. It only grows:
// who may be written to may be from then on.
func SetRamp(tx store.Tx, book *policy.Book, by, connector string, goal schema.RampStage, pause time.Duration) (schema.Ramp, error) {
	ramp, err := store.Ramps.Get(tx, connector)
	if err != nil && !schema.IsNotFound(err) {
		return ramp, err
	}
	switch {
	case goal.Before(ramp.Stage):
		return ramp, fmt.Errorf("the ramp of %s has come to %s already, and does not go back: stop it, and it stands still: %w", connector, ramp.Stage, schema.ErrConflict)
	case ramp.Stopped != "":
		return ramp, fmt.Errorf("the ramp of %s is stopped (%s): resume it first: %w", connector, ramp.Stopped, schema.ErrHeld)
	}
	ramp.Connector, ramp.Goal, ramp.Pause, ramp.By = connector, goal, pause, by
	reason := fmt.Sprintf("it is to be written to, up to %s, with a pause of %s between", goal, pause)
	return putRamp(tx, book, by, ramp, reason)
}

// StopRamp has a ramp stand still: nothing is written but what takes access away.
func StopRamp(tx store.Tx, book *policy.Book, by, connector string) (schema.Ramp, error) {
	ramp, err := store.Ramps.Get(tx, connector)
	if err != nil || ramp.Stopped != "" {
		return ramp, err
	}
	ramp.Stopped, ramp.Since = "a person stopped it", tx.Now()
	return putRamp(tx, book, by, ramp, ramp.Stopped)
}

// ResumeRamp has a ramp that was stopped go on where it was.
func ResumeRamp(tx store.Tx, book *policy.Book, by, connector string) (schema.Ramp, error) {
	ramp, err := store.Ramps.Get(tx, connector)
	if err != nil {
		return ramp, err
	}
	if ramp.Stopped == "" {
		return ramp, fmt.Errorf("the ramp of %s is not stopped: %w", connector, schema.ErrConflict)
	}
	ramp.Stopped, ramp.Since, ramp.Failed = "", time.Time{}, nil
	ramp.Handed, ramp.Cursor, ramp.Admitted, ramp.Population, ramp.Reached = false, "", 0, 0, time.Time{}
	if err := resolve(tx, schema.Finding{Kind: findingRamp, Connector: connector, Subject: "connector/" + connector}); err != nil {
		return ramp, err
	}
	return putRamp(tx, book, by, ramp, "it goes on")
}

// putRamp records why a ramp changed, stores it and has it looked at.
func putRamp(tx store.Tx, book *policy.Book, by string, ramp schema.Ramp, reason string) (schema.Ramp, error) {
	var because []string
	if ramp.Decision != "" {
		because = []string{ramp.Decision}
	}
	d, err := tx.Record(schema.Decision{
		Actor: by, Verb: schema.Ramped, Subject: "connector/" + ramp.Connector, Object: ramp.Connector, Because: because, Reason: reason, Policy: book.Digest(),
	})
	if err != nil {
		return ramp, err
	}
	ramp.Decision = d.ID
	if err := store.Ramps.Put(tx, ramp); err != nil {
		return ramp, err
	}
	return ramp, tx.Wake(LaneRamp, ramp.Connector, tx.Now())
}

// faltered counts an account of which it failed, and stops the ramp where those are
// too many. What is tried again counts once it was tried some times.
func faltered(tx store.Tx, book *policy.Book, item store.Item, o Outcome) error {
	if !o.Park && item.Attempt < rampFailTries {
		return nil
	}
	connector, identity := o.Work.Have.Connector, o.Work.Have.Identity
	ramp, err := store.Ramps.Get(tx, connector)
	switch {
	case schema.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case ramp.Done() || !letsWrite(ramp, identity) || slices.Contains(ramp.Failed, identity):
		return nil
	}
	ramp.Failed = append(ramp.Failed, identity)
	if len(ramp.Failed) <= min(rampFailMost, ramp.Admitted*rampFailPercent/100) {
		return store.Ramps.Put(tx, ramp)
	}
	ramp.Stopped, ramp.Since = fmt.Sprintf("it failed of %d of %d accounts at stage %s", len(ramp.Failed), max(ramp.Admitted, len(ramp.Failed)), ramp.Stage), tx.Now()
	if _, err := putRamp(tx, book, "bridge", ramp, ramp.Stopped+"; an operator resumes it: drawbridge connector ramp "+connector+" --resume"); err != nil {
		return err
	}
	return Report(tx, book, "bridge", schema.Finding{
		Kind: findingRamp, Connector: connector, Subject: "connector/" + connector, Reason: "the ramp stopped: " + ramp.Stopped,
	})
}

// recovered takes an account out of those of which it failed.
func recovered(tx store.Tx, connector, identity string) error {
	ramp, err := store.Ramps.Get(tx, connector)
	if schema.IsNotFound(err) || err == nil && !slices.Contains(ramp.Failed, identity) {
		return nil
	}
	if err != nil {
		return err
	}
	ramp.Failed = slices.DeleteFunc(ramp.Failed, func(id string) bool { return id == identity })
	return store.Ramps.Put(tx, ramp)
}

// rampLook is how soon a ramp is looked at again whose stage is being written, and
// rampWait one of a target where nobody is to have anything yet.
const (
	rampLook = 2 * time.Second
	rampWait = 10 * time.Second
)

// Climb takes a ramp further: to its next stage when the pause is over, which is
// handed out to the accounts that are new in it a chunk at a time, behind everyone
// else. As long as its target only observes, it waits. It remembers how far it came, so that a restart goes on from there.
func Climb(ctx context.Context, s *store.Store, rules *Rules, item store.Item) (Finish, error) {
	for {
		var ramp schema.Ramp
		var next time.Time
		more := false
		err := s.View(ctx, func(r store.Reader) (err error) {
			if ramp, err = store.Ramps.Get(r, item.ID); err != nil {
				return err
			}
			next = r.Now().Add(rampLook)
			return nil
		})
		switch {
		case schema.IsNotFound(err), err == nil && (ramp.Stopped != "" || ramp.Done()):
			return nil, nil
		case err != nil:
			return nil, err
		case rules.Book().Mode("", ramp.Connector) == schema.Observe: // nothing is written: it would run ahead of it
			return func(store.Tx) (time.Time, error) { return next, nil }, nil
		}
		switch pause := ramp.Reached.Add(ramp.Pause); {
		case ramp.Stage == "", ramp.Stage != ramp.Goal && !ramp.Reached.IsZero() && !next.Add(-rampLook).Before(pause):
			if more, err = beginStage(ctx, s, rules, ramp); !more {
				next = next.Add(rampWait - rampLook)
			}
		case !ramp.Handed:
			more, err = handOut(ctx, s, ramp)
		case ramp.Reached.IsZero():
			more, err = reach(ctx, s, rules, ramp)
		default:
			next = pause
		}
		if err != nil || !more {
			return func(store.Tx) (time.Time, error) { return next, nil }, err
		}
	}
}

// changeRamp changes a ramp that is still as it was looked at.
func changeRamp(ctx context.Context, s *store.Store, was schema.Ramp, change func(store.Tx, schema.Ramp) error) error {
	return s.Update(store.Background(ctx), func(tx store.Tx) error {
		now, err := store.Ramps.Get(tx, was.Connector)
		if err != nil || now.Stopped != "" || now.Stage != was.Stage || now.Decision != was.Decision {
			return err // somebody decided otherwise meanwhile: it is looked at again
		}
		return change(tx, now)
	})
}

// beginStage goes to the next stage, once there is anybody to begin with.
func beginStage(ctx context.Context, s *store.Store, rules *Rules, ramp schema.Ramp) (begun bool, err error) {
	stage := ramp.Stage.Next(ramp.Goal)
	first, err := firstPlace(ctx, s, ramp.Connector)
	if err != nil || first == math.MaxUint64 && stage != schema.RampAll {
		return false, err
	}
	below := max(ramp.Below, first)
	if share := stage.Percent() / 100; share > 0 {
		below = max(below, uint64(share*math.MaxUint64))
	}
	by := "bridge"
	if ramp.Stage == "" {
		by = ramp.By
	}
	return true, changeRamp(ctx, s, ramp, func(tx store.Tx, now schema.Ramp) error {
		now.Stage, now.Below, now.Began = stage, below, tx.Now()
		now.Cursor, now.Handed, now.Reached, now.Failed, now.Admitted, now.Population = "", false, time.Time{}, nil, 0, 0
		_, err := putRamp(tx, rules.Book(), by, now, fmt.Sprintf("stage %s begins", stage))
		return err
	})
}

// firstPlace returns the place of the first account that the ramp comes to.
func firstPlace(ctx context.Context, s *store.Store, connector string) (first uint64, err error) {
	first = math.MaxUint64
	err = eachThere(ctx, s, connector, func(_ store.Reader, id schema.Identity) error {
		first = min(first, place(connector, id.ID))
		return nil
	})
	return first, err
}

// eachThere calls look for every identity that has, or is to have, something at a
// connector, in many short snapshots.
func eachThere(ctx context.Context, s *store.Store, connector string, look func(store.Reader, schema.Identity) error) error {
	for after := ""; ; {
		last := ""
		err := s.View(ctx, func(r store.Reader) (err error) {
			last, err = pageThere(r, connector, after, look)
			return err
		})
		if err != nil || last == "" {
			return err
		}
		after = last
	}
}

// pageThere is one page of eachThere; an empty last is the end.
func pageThere(r store.Reader, connector, after string, look func(store.Reader, schema.Identity) error) (last string, err error) {
	n := 0
	for id, err := range store.Identities.From(r, after) {
		if err != nil {
			return "", err
		}
		if n++; n > chunk {
			return last, nil
		}
		last = id.ID
		if there, err := concerns(r, connector, id); err != nil {
			return "", err
		} else if there {
			if err := look(r, id); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

func concerns(r store.Reader, connector string, id schema.Identity) (bool, error) {
	if id.Of != "" {
		return false, nil
	}
	lines, err := linesAt(r, connector, id.ID)
	if err != nil || len(lines) > 0 {
		return len(lines) > 0, err
	}
	acc, err := account(r, connector, id.ID)
	return acc.Exists(), err
}

// handOut wakes the next of those whom the stage lets be written to, unless many are
// waiting already.
func handOut(ctx context.Context, s *store.Store, ramp schema.Ramp) (more bool, err error) {
	err = changeRamp(ctx, s, ramp, func(tx store.Tx, now schema.Ramp) error {
		more = false
		n, err := store.Backlog(tx, LaneIdentity, rolloutAhead)
		if err != nil || n >= rolloutAhead {
			return err
		}
		var wake []string
		last, err := pageThere(tx, now.Connector, now.Cursor, func(_ store.Reader, id schema.Identity) error {
			now.Population++
			if letsWrite(now, id.ID) {
				now.Admitted++
				wake = append(wake, id.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		more, now.Cursor, now.Handed = true, last, last == ""
		if err := tx.WakeAll(LaneIdentity, wake, tx.Now()); err != nil {
			return err
		}
		return store.Ramps.Put(tx, now)
	})
	return more, err
}

// reach notes that a stage is written, once nothing of it is due any more.
func reach(ctx context.Context, s *store.Store, rules *Rules, ramp schema.Ramp) (reached bool, err error) {
	err = changeRamp(ctx, s, ramp, func(tx store.Tx, now schema.Ramp) error {
		reached = false
		for _, lane := range []store.Lane{LaneIdentity, LaneAccount(now.Connector)} {
			n, err := store.Backlog(tx, lane, 1)
			if err != nil || n > 0 {
				return err
			}
		}
		reached, now.Reached = true, tx.Now()
		_, err := putRamp(tx, rules.Book(), "bridge", now, fmt.Sprintf("stage %s is written: %d accounts, of which %d failed", now.Stage, now.Admitted, len(now.Failed)))
		return err
	})
	return reached, err
}

// Forecast works out what it takes to bring a target to a stage: what is to be done,
// for those whom the stage lets be written to. Nothing is written.
func Forecast(ctx context.Context, s *store.Store, rules *Rules, connector string, stage schema.RampStage) (connectors.Tally, error) {
	tally := connectors.Tally{Members: map[string]int{}}
	first, err := firstPlace(ctx, s, connector)
	if err != nil {
		return tally, err
	}
	ramp := schema.Ramp{Connector: connector, Stage: stage, Below: max(first, uint64(stage.Percent()/100*math.MaxUint64))}
	book := rules.Book()
	err = eachThere(ctx, s, connector, func(r store.Reader, id schema.Identity) error {
		if !letsWrite(ramp, id.ID) {
			return nil
		}
		f, err := whole(r, book, id.ID, false)
		if err != nil {
			return err
		}
		have, err := account(r, connector, id.ID)
		if err != nil {
			return err
		}
		lines, err := linesAt(r, connector, id.ID)
		if err != nil {
			return err
		}
		want := have
		if want.Attributes, err = Attributes(f.Identity); err != nil {
			return err
		}
		want.Active, want.Entitlements = len(lines) > 0 && !isLeaver(f) || have.Unearned && have.Active, nil
		for _, line := range lines { // whatever mode they are in: it is asked before they are enforced
			if e, ok := book.Entitlement(connector, line.Entitlement); ok {
				want.Entitlements = append(want.Entitlements, e.Target)
			}
		}
		tally.Add(connectors.Plan(have, want))
		return nil
	})
	return tally, err
}
