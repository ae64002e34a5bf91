package access

import (
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// renewal is how old a finding's last sight may become before one that is seen
// again is written again: sweeps come by many times a day.
const renewal = 24 * time.Hour

// Report raises a finding, or renews it. It is recorded when it is new.
func Report(tx store.Tx, book *policy.Book, actor string, f schema.Finding) error {
	f.First, f.Last, f.Code = tx.Now(), tx.Now(), string(codeOf(f))
	old, err := store.Findings.Get(tx, f.Kind, f.Connector, f.Subject, f.Object)
	switch {
	case err == nil && old.Reason == f.Reason && f.Last.Sub(old.Last) < renewal:
		return nil
	case err == nil:
		f.First, f.Settled = old.First, old.Settled
		return store.Findings.Put(tx, f)
	case !schema.IsNotFound(err):
		return err
	}
	if err := store.Findings.Put(tx, f); err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: actor, Verb: schema.Found, Subject: f.Subject, Object: f.Connector,
		Reason: f.Kind + ": " + f.Reason, Policy: book.Digest(),
	})
	if err != nil {
		return err
	}
	return notifyFound(tx, book, f)
}

// resolve ends a finding that no longer holds.
func resolve(tx store.Tx, f schema.Finding) error {
	return store.Findings.Delete(tx, f.Kind, f.Connector, f.Subject, f.Object)
}

// findings returns the open findings of a kind, by subject.
func findings(r store.Reader, kind schema.FindingKind) (map[string]schema.Finding, error) {
	open := map[string]schema.Finding{}
	for f, err := range store.Findings.All(r, kind) {
		if err != nil {
			return nil, err
		}
		open[f.Subject] = f
	}
	return open, nil
}
