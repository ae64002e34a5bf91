package scheduler

import (
	"context"
	"maps"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// Why an account is not compared with a listing.
const (
	passedOwed      = "their target has yet to agree to what was decided"
	passedUnnamed   = "they may be there, under an id that nobody knows"
	passedMeanwhile = "they were written to since the listing began"
)

// tellAfter is how long an account may be passed over before people are told.
const tellAfter = 24 * time.Hour

// A drifted is how a target differs from what is remembered, by a listing.
type drifted struct {
	listed
	before  time.Time                                           // when the listing began
	resumed time.Time                                           // of a run that was cut off, when it began
	whom    func(r store.Reader, identity string) (bool, error) // whose accounts are looked at; nil: everybody's

	differing []difference
	lacking   []schema.Account  // as they are remembered, those that are not in the listing
	would     *access.Agenda    // sums up both
	known     int               // accounts that are remembered
	looked    int               // those of them that were compared
	passed    map[string]int    // how many were not, by why
	unlooked  []access.Unlooked // those of them that people are to know of
	halted    bool              // they wait because somebody halted the target
}

// A difference is an account that is not as it is remembered: as the target has it, and how
// it differs, as the plan says it.
type difference struct {
	account schema.Account
	how     []string
}

// notListed is how an account differs that a listing lacks.
const notListed = "is not listed"

// compare finds how the target differs from what is remembered. An account in parked state
// is about to be written to by nobody, and may stay so for long: what somebody gives it by
// hand is found as elsewhere.
func (d *drifted) compare(ctx context.Context, s *store.Store, subject, name string) error {
	return s.View(ctx, func(r store.Reader) (err error) {
		if _, d.halted, err = access.HaltOf(r, name); err != nil {
			return err
		}
		d.would, d.passed = access.NewAgenda(subject), map[string]int{}
		d.differing, d.lacking, d.unlooked, d.known, d.looked = nil, nil, nil, 0, 0
		for known, err := range store.Accounts.All(r, name) {
			if err != nil {
				return err
			}
			look := d.look
			if !known.Exists() {
				look = d.lookForOneBack
			}
			if err := look(r, known); err != nil {
				return err
			}
		}
		return nil
	})
}

// look compares one account, or passes it over. Where it is said whose are looked at, what
// differs of others is left alone.
func (d *drifted) look(r store.Reader, known schema.Account) error {
	why := passedOver(known, d.before)
	if why != passedUnnamed {
		d.known++
	}
	acted := d.acted(known, why)
	if why == "" || acted {
		d.looked++
	}
	account, other := d.others[known.RemoteID]
	listed := d.seen.Has(known.RemoteID)
	if why == "" && listed && !other {
		return nil
	}
	if is, err := d.within(r, known.Identity); err != nil || !is {
		return err
	}
	switch {
	case acted:
	case why != "":
		d.pass(known, why, r.Now())
	case !listed && len(access.Differences(known, schema.Account{})) > 0:
		d.lacking = append(d.lacking, known)
		d.would.Add(known.Identity, notListed)
	case listed:
		account.Identity = known.Identity
		if how := access.Differences(known, account); len(how) > 0 {
			d.differing = append(d.differing, difference{account, how})
			d.would.Add(known.Identity, how...)
		}
	}
	return nil
}

// lookForOneBack compares somebody who has no account with the one that was made for them, if
// the target has it after all. One who is owed something finds it when that is done.
func (d *drifted) lookForOneBack(r store.Reader, known schema.Account) error {
	account, is := d.back[known.Identity]
	if !is || passedOver(known, d.before) != "" {
		return nil
	}
	if within, err := d.within(r, known.Identity); err != nil || !within {
		return err
	}
	d.looked++
	account.Identity = known.Identity
	if how := access.Differences(known, account); len(how) > 0 {
		how = append(how, "is there after all")
		d.differing = append(d.differing, difference{account, how})
		d.would.Add(known.Identity, how...)
	}
	return nil
}

// passedOver says why an account is not compared with a listing that began at a time;
// nothing if it is. Of one that is about to be written to, or was since, the listing is
// older than what is known. One that may be there and has no known id no listing tells of:
// it is looked for when it is tried again.
func passedOver(known schema.Account, before time.Time) string {
	switch {
	case connectors.IsUnnamed(known.RemoteID):
		return passedUnnamed
	case !known.Due.IsZero() && known.State != schema.Parked:
		return passedOwed
	case !known.Observed.Before(before):
		return passedMeanwhile
	}
	return ""
}

// acted reports whether this run seems to have acted on an account before it was cut off:
// then it was looked at, and waits for what came of that.
func (d *drifted) acted(known schema.Account, why string) bool {
	return why == passedOwed && !d.resumed.IsZero() && !known.Observed.Before(d.resumed)
}

// pass counts an account that is passed over.
func (d *drifted) pass(known schema.Account, why string, now time.Time) {
	d.passed[why]++
	if !known.Due.IsZero() && now.Sub(known.Due.Received) > tellAfter {
		d.unlooked = append(d.unlooked, access.Unlooked{Identity: known.Identity, Since: known.Due.Received})
	}
}

// within reports whether somebody's account is looked at at all.
func (d *drifted) within(r store.Reader, identity string) (bool, error) {
	if d.whom == nil {
		return true, nil
	}
	return d.whom(r, identity)
}

// but returns a function that reports whether somebody's account was looked at, and is
// none of those that are not as they should be.
func (d *drifted) but(name string, wrong []difference) func(store.Reader, string) (bool, error) {
	are := map[string]bool{}
	for _, w := range wrong {
		are[w.account.Identity] = true
	}
	return func(r store.Reader, identity string) (bool, error) {
		if are[identity] {
			return false, nil
		}
		known, err := store.Accounts.Get(r, name, identity)
		if schema.IsNotFound(err) {
			return d.within(r, identity)
		}
		if err != nil || passedOver(known, d.before) != "" {
			return false, err
		}
		return d.within(r, identity)
	}
}

// sums adds up counts by their names.
func sums(a, b map[string]int) map[string]int {
	if len(b) == 0 {
		return a
	}
	all := maps.Clone(a)
	if all == nil {
		all = map[string]int{}
	}
	for name, n := range b {
		all[name] += n
	}
	return all
}
