package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
)

// Drift reads every target back and compares it with what is remembered. A
// listing that is not complete proves nothing, and nothing is done for it; nor
// does an empty one where accounts are known. What a listing lacks is gone only if
// it can not be read either, where the target can be read. Where the guard lets it
// go on, what was given up is tried again too. What a target says of when its accounts
// were used is kept, whatever becomes of the rest. What it can not look at it counts, and
// reports where that stays so at a target that nobody halted. Bound to some people, it leaves the
// accounts of others alone, and what is no person's.
func Drift(s *store.Store, rules *access.Rules, targets map[string]connectors.Connector) func(context.Context, Sweep, *schema.Run) error {
	return eachLister(targets, func(ctx context.Context, sweep Sweep, run *schema.Run, name string, lister connectors.Lister) error {
		before := time.Now()
		whom, err := sweep.whom(rules.Book())
		if err != nil {
			return err
		}
		if whom == nil {
			if err := nesting(ctx, s, rules, sweep, name, lister); err != nil {
				return err
			}
		}
		used := &usage{store: s, rules: rules, connector: name, tells: connectors.TellsUse(lister), dry: sweep.dry}
		listed, err := differing(ctx, s, name, lister, used)
		if err != nil {
			return err
		}
		if err := used.heard(ctx); err != nil {
			return err
		}
		subject := "sweep/" + sweep.Name + "/" + name
		d := &drifted{listed: listed, before: before, whom: whom}
		if run.Resumed > 0 {
			d.resumed = run.Started
		}
		if err := d.compare(ctx, s, subject, name); err != nil {
			return err
		}
		if d.seen.Len() == 0 && d.known > 0 {
			return fmt.Errorf("connector %s: its listing is empty, and %d accounts are known there: nothing is concluded", name, d.known)
		}
		if !sweep.dry && !d.halted {
			if err := access.ReportUnlooked(ctx, s, rules.Book(), name, d.unlooked, d.within); err != nil {
				return err
			}
		}
		t := &tally{sweep: sweep, about: subject, run: *run}
		run.Looked += d.looked
		run.PassedOver = sums(run.PassedOver, d.passed)
		run.Found += d.would.Count()
		run.First = some(run.First, d.would.First())
		t.run.First = run.First
		if err := sweep.check(run, d.would, d.known); err != nil {
			return fmt.Errorf("connector %s: %w", name, err)
		}
		gone, err := confirm(ctx, lister, d.lacking)
		if err != nil {
			return fmt.Errorf("connector %s: %w", name, err)
		}
		all := append(d.differing, gone...)
		if err := undo(ctx, s, rules, t, run, all); err != nil {
			return err
		}
		if !sweep.dry {
			if err := access.SettleDrift(ctx, s, rules.Book(), name, d.but(name, all)); err != nil {
				return err
			}
		}
		return retry(ctx, s, sweep, run, name, whom)
	})
}

// undo has what differs undone or reported, some of it in a transaction.
func undo(ctx context.Context, s *store.Store, rules *access.Rules, t *tally, run *schema.Run, all []difference) error {
	for differing := range slices.Chunk(all, 100) {
		woken, err := t.act(updating(ctx, s), func(tx store.Tx, done *access.Agenda) error {
			for _, d := range differing {
				acted, err := access.Drift(tx, rules, run.ID, d.account)
				if err != nil {
					return err
				}
				if acted {
					done.Add(d.account.Identity, d.how...)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		run.Done += woken
		run.Reported += len(differing) - woken
	}
	t.over()
	return nil
}

// updating is how a sweep writes: behind whoever waits for an answer.
func updating(ctx context.Context, s *store.Store) func(func(store.Tx) error) error {
	return func(fn func(store.Tx) error) error { return s.Update(store.Background(ctx), fn) }
}

// Orphans reports the accounts that no identity explains. They are not touched:
// the bridge neither made nor adopted them.
func Orphans(s *store.Store, rules *access.Rules, targets map[string]connectors.Connector) func(context.Context, Sweep, *schema.Run) error {
	return eachLister(targets, func(ctx context.Context, sweep Sweep, run *schema.Run, name string, lister connectors.Lister) error {
		looked, orphans, madeFor, err := unexplained(ctx, s, name, lister)
		if err != nil {
			return err
		}
		run.Looked += looked
		run.Found += len(orphans)
		for _, o := range orphans {
			run.First = some(run.First, []schema.Deed{{Identity: o, What: "nobody explains it at " + name}})
		}
		if sweep.dry {
			return nil
		}
		run.Reported += len(orphans)
		return access.ReportOrphans(ctx, s, rules.Book(), name, orphans, madeFor)
	})
}

// eachLister runs one look for every target that can be listed and is within the scope.
// One that fails does not keep the others from being looked at. A run that was cut off
// goes on with the target that it was at.
func eachLister(
	targets map[string]connectors.Connector,
	look func(ctx context.Context, sweep Sweep, run *schema.Run, name string, lister connectors.Lister) error,
) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		problems := sweep.troubles()
		for _, name := range slices.Sorted(maps.Keys(targets)) {
			lister, ok := targets[name].(connectors.Lister)
			if !ok || !sweep.Scope.at(name) || len(sweep.after) > 0 && name <= sweep.after[0] {
				continue
			}
			if err := look(ctx, sweep, run, name, lister); err != nil && !errors.Is(err, errLooking) {
				problems = append(problems, sweep.trouble(err))
			}
			if ctx.Err() != nil {
				return errors.Join(append(problems, ctx.Err())...)
			}
			sweep.after = []string{name}
			if err := sweep.came(ctx, run, sweep.after...); err != nil {
				return errors.Join(append(problems, err)...)
			}
		}
		return errors.Join(problems...)
	}
}

// confirm reads those accounts that a listing lacks, as they are remembered, and
// returns them as the target has them: those that are gone without anything but
// whose they are, and those that are there after all if they differ.
func confirm(ctx context.Context, lister connectors.Lister, lacking []schema.Account) (differing []difference, err error) {
	reader, reads := lister.(connectors.Reader)
	for _, known := range lacking {
		var account schema.Account
		if reads {
			account, err = reader.Read(ctx, known.RemoteID)
			if err != nil && connectors.KindOf(err) != connectors.Gone {
				return nil, fmt.Errorf("account %s is not listed: %w", known.RemoteID, err)
			}
			if err != nil {
				account = schema.Account{}
			}
			account.Entitlements = schema.Sorted(account.Entitlements...)
		}
		account.Connector, account.Identity = known.Connector, known.Identity
		if len(access.Differences(known, account)) > 0 {
			differing = append(differing, difference{account, []string{notListed}})
		}
	}
	return differing, nil
}

// mostFirst is how much of what a run found its record tells of.
const mostFirst = 10

// some is some of what a run found, each once: what it did not come to before it was cut
// off it finds again.
func some(first, more []schema.Deed) []schema.Deed {
	for _, d := range more {
		if len(first) < mostFirst && !slices.Contains(first, d) {
			first = append(slices.Clip(first), d)
		}
	}
	return first
}
