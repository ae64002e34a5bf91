package access

import (
	"context"
	"fmt"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// RecordRun keeps the record of a sweep's run. A quiet run, which found nothing
// and had no problem, replaces the quiet run before it, and one that came to the
// same as the run before it becomes that run: that a sweep ran is evidence, a year
// of nothing new is not.
func RecordRun(tx store.Tx, book *policy.Book, run schema.Run) error {
	if run.Found == 0 && run.Held == "" && run.Problem == "" {
		run.ID = quiet(run.Sweep)
		return store.Runs.Put(tx, run)
	}
	switch last, err := LastRun(tx, run.Sweep, func(schema.Run) bool { return true }); {
	case err != nil && !schema.IsNotFound(err):
		return err
	case err == nil && nothingNew(last, run):
		if run.Since = last.Since; run.Since.IsZero() {
			run.Since = last.Started
		}
		run.ID, run.Again = last.ID, last.Again+1
		return store.Runs.Put(tx, run)
	}
	if err := store.Runs.Put(tx, run); err != nil {
		return err
	}
	d := schema.Decision{
		Actor: "sweep/" + run.Sweep, Verb: schema.Swept, Subject: "run/" + run.ID, Policy: book.Digest(),
		Reason: joinLimited([]string{
			count(run.Looked, "looked at"), count(run.Found, "found"), count(run.Done, "acted on"), count(run.Reported, "reported"),
		}, 4),
	}
	for _, id := range run.Released {
		d.Because = append(d.Because, "hold/"+id)
	}
	switch {
	case run.Held != "":
		d.Verb, d.Reason = schema.Held, run.Held
	case run.Problem != "":
		d.Verb, d.Reason = schema.Failed, run.Problem
	}
	_, err := tx.Record(d)
	return err
}

// nothingNew reports whether a run came to the same as the last one. What is found
// for the first time is recorded by itself; what is acted on, or was let past by
// people, is always new.
func nothingNew(last, run schema.Run) bool {
	return run.Done == 0 && len(run.Released) == 0 && last.Done == 0 && last.ID != quiet(last.Sweep) &&
		run.Found == last.Found && run.Reported == last.Reported && run.Retried == last.Retried &&
		run.Held == last.Held && run.Problem == last.Problem
}

// ReportOrphans makes the findings of one connector's orphans, by the ids of their
// accounts, those of a complete listing: new ones are raised, those that are gone are
// resolved. Of some it is known for which identity the bridge made them.
func ReportOrphans(ctx context.Context, s *store.Store, book *policy.Book, connector string, orphans []string, madeFor map[string]string) error {
	const actor = "sweep/orphans"
	there := map[string]bool{}
	for some := range slices.Chunk(orphans, chunk) {
		for _, id := range some {
			there[id] = true
		}
		err := reportAll(ctx, s, book, actor, some, func(id string) schema.Finding {
			reason := "no identity explains this account"
			if identity := madeFor[id]; identity != "" {
				reason = "it has the id of identity " + identity + ", who is not known to have it: of several that were made for them one is theirs, so disable it or delete it at the target"
			}
			return schema.Finding{Kind: findingOrphan, Connector: connector, Subject: id, Reason: reason}
		})
		if err != nil {
			return err
		}
	}
	return settleAll(ctx, s, book, actor, findingOrphan, connector, func(_ store.Reader, id string) (bool, error) { return !there[id], nil })
}

// reportAll reports a finding about each of some, in one transaction.
func reportAll[T any](ctx context.Context, s *store.Store, book *policy.Book, actor string, some []T, about func(T) schema.Finding) error {
	return s.Update(store.Background(ctx), func(tx store.Tx) error {
		for _, one := range some {
			if err := Report(tx, book, actor, about(one)); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleAll resolves the findings of a kind at a connector that are over, as is said of
// each by its subject.
func settleAll(
	ctx context.Context, s *store.Store, book *policy.Book, actor string, kind schema.FindingKind, connector string,
	over func(r store.Reader, subject string) (bool, error),
) error {
	var resolved []schema.Finding
	err := s.View(ctx, func(r store.Reader) error {
		resolved = nil
		for f, err := range store.Findings.All(r, kind, connector) {
			if err != nil {
				return err
			}
			is, err := over(r, f.Subject)
			if err != nil {
				return err
			}
			if is {
				resolved = append(resolved, f)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(resolved, chunk) {
		err := s.Update(store.Background(ctx), func(tx store.Tx) error {
			for _, f := range some {
				if err := mended(tx, book, actor, f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func count(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }
