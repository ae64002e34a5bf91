package access

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Outcome is what came of provisioning one account.
type Outcome struct {
	Work     Work
	Steps    []connectors.Step
	Got      schema.Account // what is there now, also after a failure
	Err      error          // of the target; nil when it agreed
	Park     bool           // with Err: it is not tried again until something changes
	Sent     time.Time      // t3
	Acked    time.Time      // t4
	Verified time.Time      // t5; zero where the target was not read back
}

// Observe stores what provisioning found and left at a target, and records it.
// Failures are recorded when they begin and when they are given up, not each
// time. It returns the change that the target has now agreed to, if it has.
func Observe(tx store.Tx, rules *Rules, item store.Item, o Outcome) (schema.Change, error) {
	connector, identity := o.Work.Have.Connector, o.Work.Have.Identity
	now, err := account(tx, connector, identity) // Due may have been joined by a later change meanwhile
	if err != nil {
		return schema.Change{}, err
	}
	before := now
	if late, err := lateFor(tx, now, o); err != nil || late {
		return schema.Change{}, err
	}
	over, err := handOver(tx, rules.Book(), &now, &o)
	if err != nil {
		return schema.Change{}, err
	}
	now = merge(rules.Book(), now, o, tx.Now())
	if over {
		now.Attributes = nil // to be looked at once more
	}
	if o.Err != nil {
		return schema.Change{}, errors.Join(freed(tx, before, now), fail(tx, now, before.State, item.Attempt, o), faltered(tx, rules.Book(), item, o))
	}
	if err := errors.Join(freed(tx, before, now), recovered(tx, connector, identity)); err != nil {
		return schema.Change{}, err
	}
	stale, err := tx.Rewoken(item)
	if err != nil {
		return schema.Change{}, err
	}
	now.State, now.Problem, now.WaitsFor, now.Attempt = schema.Settled, "", "", 0
	if len(o.Steps) > 0 {
		now.Verified = !o.Verified.IsZero()
		now.Due.Sent, now.Due.Acknowledged, now.Due.Verified = o.Sent, o.Acked, o.Verified
	}
	told, done := now.Due, schema.Change{}
	switch {
	case stale || over || o.Work.Halted != "": // how far it came counts, should there be nothing left to tell
		now.State = schema.Pending
	case !told.Acknowledged.IsZero():
		now.Last, now.Due, done = told, schema.Change{}, told
	default:
		now.Due = schema.Change{}
	}
	if err := store.Accounts.Put(tx, now); err != nil {
		return done, err
	}
	if now.Due.IsZero() {
		if err := closeWindow(tx, rules.Book(), now, told, o); err != nil {
			return done, err
		}
	}
	if o.Work.Halted != "" {
		if err := awaitResume(tx, item, connector); err != nil {
			return done, err
		}
	}
	if len(o.Steps) == 0 {
		return done, nil
	}
	if err := relieve(tx, rules.Book(), now, o.Work.Have); err != nil {
		return done, err
	}
	return done, succeed(tx, now, told, o)
}

// merge returns the account as it is remembered from now on. What the bridge
// manages is what it managed before or was decided, as far as it is there.
func merge(book *policy.Book, now schema.Account, o Outcome, at time.Time) schema.Account {
	strays := strays(book, now, o)
	if o.Got.Exists() || now.Exists() || o.Err == nil && o.Work.Halted == "" {
		now.Attributes = o.Got.Attributes
	} // else they are what it is to be made as, and is yet (see toBeMade)
	now.RemoteID, now.Active = o.Got.RemoteID, o.Got.Active
	now.Entitlements = slices.DeleteFunc(schema.Sorted(o.Got.Entitlements...), func(e string) bool { return slices.Contains(strays, e) })
	now.Adopted = now.Adopted || o.Got.Adopted
	decided := slices.DeleteFunc(governed(book, now.Connector, o.Work.Want.Entitlements), func(target string) bool {
		return o.Work.Have.Holds(target) && !slices.Contains(o.Work.Have.Managed, target) // it was there before, and is not asked for by this
	})
	managed := slices.Concat(now.Managed, o.Work.Have.Managed, decided)
	doubtful := connectors.Doubtful(now)
	now.Managed = slices.DeleteFunc(schema.Sorted(managed...), func(target string) bool { return !doubtful && !now.Holds(target) })
	now.Observed = at
	return now
}

// strays returns what of the catalogue an account that was known turned out to hold
// beside what it was known or asked to hold: somebody else gave it. It is not
// remembered, so that the next drift sweep finds it and does what is to be done.
func strays(book *policy.Book, now schema.Account, o Outcome) []string {
	if !now.Exists() || now.RemoteID != o.Got.RemoteID {
		return nil // what it has was there before it was taken over
	}
	expected := slices.Concat(now.Entitlements, now.Managed, o.Work.Have.Entitlements, o.Work.Want.Entitlements)
	return slices.DeleteFunc(governed(book, now.Connector, o.Got.Entitlements), func(target string) bool {
		return slices.Contains(expected, target)
	})
}

func succeed(tx store.Tx, now schema.Account, told schema.Change, o Outcome) error {
	verb := schema.Provisioned
	if !o.Verified.IsZero() {
		verb = schema.Verified
	}
	if o.Got.Adopted && !o.Work.Have.Adopted {
		_, err := tx.Record(schema.Decision{
			Actor: "connector/" + now.Connector, Verb: schema.Adopted, Subject: now.Identity, Object: now.Connector,
			Because: o.Work.Have.Due.Because, Reason: "an account that matches was there already", Policy: o.Work.Policy,
		})
		if err != nil {
			return err
		}
	}
	times, err := json.Marshal(struct {
		Change schema.Change `json:"change"`
	}{told})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: "connector/" + now.Connector, Verb: verb, Subject: now.Identity, Object: now.Connector,
		Because: o.Work.Have.Due.Because, Reason: done(o), Mode: schema.Enforce, Policy: o.Work.Policy, Detail: times,
	})
	return err
}

// done says what was done.
func done(o Outcome) string {
	if o.Work.Halted != "" {
		return summary(o.Steps) + "; the rest waits: " + o.Work.Halted
	}
	return summary(o.Steps)
}

func fail(tx store.Tx, now schema.Account, was schema.State, attempt int, o Outcome) error {
	now.State, now.Problem, now.WaitsFor, now.Attempt = schema.Retrying, o.Err.Error(), "", attempt
	if o.Park {
		now.State, now.WaitsFor, now.Attempt = schema.Parked, waitsFor(o.Err), 0
	}
	if err := store.Accounts.Put(tx, now); err != nil {
		return err
	}
	if was == now.State {
		return nil
	}
	reason := summary(o.Steps)
	if o.Park {
		reason += "; given up until something changes: mend the target, and the next drift sweep tries it again, or drawbridge connector unpark " + now.Connector
	}
	detail, err := json.Marshal(map[string]string{"problem": o.Err.Error()})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: "connector/" + now.Connector, Verb: schema.Failed, Subject: now.Identity, Object: now.Connector,
		Because: o.Work.Have.Due.Because, Reason: reason, Mode: schema.Enforce, Policy: o.Work.Policy, Detail: detail,
	})
	return err
}
