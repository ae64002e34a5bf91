package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Stop everything. A halt keeps the bridge from writing to a target, or to all of
// them, from the commit on: what is under way ends, nothing new is begun. Deciding
// goes on, so that what is to be done is known when it is resumed. A halt is a row,
// so that it holds in every process and after a restart.
//
// What no rule of the policy has to be right about goes on (underHalt): the account
// of whoever left is disabled and emptied, and what rested on a grant that reached
// its end, or that people ended, is taken away.
//
// An account of which more is to be done waits in a lane of its own, once, as urgent
// as it was. Resumed, all that waits goes back to where it came from, what ends
// access first.

// A Halting stops what is written, or lets it go on: by whom, and why.
type Halting struct {
	Connector string   // schema.Everywhere for all of them
	Known     []string // the connectors there are
	By        string   // the actor
	Reason    string   // in their own words
}

func (h Halting) check(what string) error {
	switch {
	case h.By == "" || strings.TrimSpace(h.Reason) == "":
		return fmt.Errorf("%s: say who decided and why: %w", what, schema.ErrInvalid)
	case h.Connector != schema.Everywhere && !slices.Contains(h.Known, h.Connector):
		return fmt.Errorf("no connector is named %q; there are %s: %w", h.Connector, strings.Join(schema.Sorted(h.Known...), ", "), schema.ErrNotFound)
	}
	return nil
}

// Halt stops what is written to a target, or to all. One that is halted already
// stays so, as it is: it is never an error to stop.
func Halt(tx store.Tx, h Halting) (schema.Halt, error) {
	if err := h.check("halt"); err != nil {
		return schema.Halt{}, err
	}
	switch is, err := store.Halts.Get(tx, h.Connector); {
	case err == nil:
		return is, nil
	case !schema.IsNotFound(err):
		return is, err
	}
	halt := schema.Halt{Connector: h.Connector, By: h.By, Reason: h.Reason, At: tx.Now()}
	if err := recordHalt(tx, schema.Halted, h, "nothing is written to it but what ends the access of who left, or of a grant that is over"); err != nil {
		return halt, err
	}
	return halt, store.Halts.Put(tx, halt)
}

// Resume lets what was halted go on, and returns the halt that it ends. What is
// halted by another halt too stays halted by that.
func Resume(tx store.Tx, h Halting) (schema.Halt, error) {
	if err := h.check("resume"); err != nil {
		return schema.Halt{}, err
	}
	halt, err := store.Halts.Get(tx, h.Connector)
	if schema.IsNotFound(err) {
		return halt, notHalted(tx, h.Connector)
	}
	if err != nil {
		return halt, err
	}
	if err := store.Halts.Delete(tx, h.Connector); err != nil {
		return halt, err
	}
	if err := recordHalt(tx, schema.Resumed, h, "halted since "+halt.At.UTC().Format(time.RFC3339)+" by "+halt.By); err != nil {
		return halt, err
	}
	waiting, err := haltedConnectors(tx)
	if err != nil {
		return halt, err
	}
	for _, connector := range waiting {
		if h.Connector != schema.Everywhere && h.Connector != connector {
			continue
		}
		more, err := catchUp(tx, connector)
		if err != nil {
			return halt, err
		}
		if more {
			if err := tx.WakeUrgent(LaneResume, connector); err != nil {
				return halt, err
			}
		}
	}
	return halt, nil
}

// notHalted says that something is not halted, or not by itself.
func notHalted(r store.Reader, connector string) error {
	halts, err := Halts(r)
	if err != nil {
		return err
	}
	var are []string
	for _, h := range halts {
		are = append(are, h.Connector)
	}
	what := "connector " + connector + " is not halted"
	if connector == schema.Everywhere {
		what = "not everything is halted"
	}
	if len(are) > 0 {
		what += " by itself; halted: " + strings.Join(are, ", ")
	}
	return fmt.Errorf("%s: %w", what, schema.ErrNotFound)
}

// Halts returns what is halted now.
func Halts(r store.Reader) ([]schema.Halt, error) {
	halts := []schema.Halt{}
	for h, err := range store.Halts.All(r) {
		if err != nil {
			return nil, err
		}
		halts = append(halts, h)
	}
	return halts, nil
}

// HaltOf returns the halt that a connector is under, if it is: that of everything
// before its own.
func HaltOf(r store.Reader, connector string) (h schema.Halt, halted bool, err error) {
	for _, name := range []string{schema.Everywhere, connector} {
		h, err := store.Halts.Get(r, name)
		if err == nil {
			return h, true, nil
		}
		if !schema.IsNotFound(err) {
			return h, false, err
		}
	}
	return h, false, nil
}

func recordHalt(tx store.Tx, verb schema.Verb, h Halting, reason string) error {
	digest, err := store.PolicyInForce(tx)
	if err != nil {
		return err
	}
	words, err := json.Marshal(map[string]string{"reason": h.Reason})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: h.By, Verb: verb, Subject: "connector/" + h.Connector, Reason: reason, Policy: digest, Detail: words,
	})
	return err
}

// haltedConnectors are those of which accounts wait, or waited.
func haltedConnectors(r store.Reader) (names []string, err error) {
	stats, err := store.LaneStats(r)
	for lane := range stats {
		if name, ok := strings.CutPrefix(string(lane), haltedPrefix); ok {
			names = append(names, name)
		}
	}
	return schema.Sorted(names...), err
}

// CatchUp has the accounts of a connector looked at that waited while it was halted,
// a chunk at a time.
func CatchUp(ctx context.Context, s *store.Store, item store.Item) (Finish, error) {
	for more := true; more; {
		err := s.Update(ctx, func(tx store.Tx) (err error) {
			more, err = catchUp(tx, item.ID)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// catchUp has the first that wait looked at: the urgent before the others, as they
// stand in their lane. It reports whether there may be more.
func catchUp(tx store.Tx, connector string) (more bool, err error) {
	if _, halted, err := HaltOf(tx, connector); err != nil || halted {
		return false, err
	}
	items, err := tx.Lease(LaneHalted(connector), chunk, time.Minute)
	if err != nil {
		return false, err
	}
	for _, item := range items {
		if item.Urgent {
			err = tx.WakeUrgent(LaneAccount(connector), item.ID)
		} else {
			err = tx.Wake(LaneAccount(connector), item.ID, item.Due)
		}
		if err != nil {
			return false, err
		}
		if err := tx.Done(item, time.Time{}); err != nil {
			return false, err
		}
	}
	return len(items) == chunk, nil
}

// awaitResume has an account wait until its connector is resumed.
func awaitResume(tx store.Tx, item store.Item, connector string) error {
	if _, halted, err := HaltOf(tx, connector); err != nil {
		return err
	} else if !halted { // resumed since it was looked at
		return tx.Wake(item.Lane, item.ID, tx.Now())
	}
	if item.Urgent {
		return tx.WakeUrgent(LaneHalted(connector), item.ID)
	}
	return tx.Wake(LaneHalted(connector), item.ID, item.Due)
}

// halt leaves of some work what goes on while its connector is halted, if it is.
func (w *Work) halt(r store.Reader, book *policy.Book, f policy.Facts) error {
	h, halted, err := HaltOf(r, w.Have.Connector)
	if err != nil || !halted {
		return err
	}
	want := w.Want
	if f.Into != "" || !book.Ended(f, r.Now()) {
		over, err := overdue(r, book, w.Have)
		if err != nil {
			return err
		}
		want = underHalt(w.Have, w.Want, over)
	}
	plan := connectors.Plan(w.Have, want)
	begins := slices.ContainsFunc(plan, func(s connectors.Step) bool { return !s.Ends() }) // of one that may be there
	if !begins && slices.EqualFunc(plan, connectors.Plan(w.Have, w.Want), sameStep) {
		return nil // nothing is left that would have to wait
	}
	w.Want, w.Halted = want, "halted by "+h.By
	return nil
}

func sameStep(a, b connectors.Step) bool {
	return a.Verb == b.Verb && slices.Equal(a.Entitlements, b.Entitlements)
}

// underHalt returns what is wanted of an account while its connector is halted: as it
// is, but without what rested on what is over. It is disabled if that is all that
// the bridge would take away before it disables it.
func underHalt(have, want schema.Account, over []string) schema.Account {
	now := have
	now.Entitlements = policy.UnderHalt(have.Entitlements, want.Entitlements, over)
	left := slices.ContainsFunc(now.Entitlements, func(target string) bool { // something else is to be taken away
		return !want.Holds(target) && slices.Contains(have.Managed, target)
	})
	if !want.Active && !left && len(over) > 0 {
		return want
	}
	if plan := connectors.Plan(have, now); slices.ContainsFunc(plan, func(s connectors.Step) bool { return !s.Ends() }) {
		return have // nothing can be taken away without writing more, as from an account of which it is in doubt whether it is there
	}
	return now
}

// overdue returns the target's names of what an account has by grants that ended
// since its target was last up to date.
func overdue(r store.Reader, book *policy.Book, have schema.Account) (over []string, err error) {
	if have.Due.IsZero() {
		return nil, nil
	}
	for g, err := range store.Grants.All(r, have.Identity) {
		if err != nil {
			return nil, err
		}
		if !policy.EndsUnderHalt(g, have.Due.Received) {
			continue
		}
		role, ok := book.Role(g.Role)
		if !ok {
			continue
		}
		for _, h := range role.Spec.Grants {
			if e, ok := book.Entitlement(h.Connector, h.Entitlement); ok && h.Connector == have.Connector {
				over = append(over, e.Target)
			}
		}
	}
	return over, nil
}
