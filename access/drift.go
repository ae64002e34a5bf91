package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Drift records that a target has an account otherwise than is remembered. Where
// the bridge is the only one to write there, what was seen becomes what is
// remembered, what the catalogue governs counts as managed, and the account is
// woken so that what nobody decided is undone; while a bypass there awaits its review
// that waits, for a person may have done it. Elsewhere it is a finding, and nothing is
// touched. It reports whether the account was woken.
func Drift(tx store.Tx, rules *Rules, run string, seen schema.Account) (bool, error) {
	book := rules.Book()
	acc, err := store.Accounts.Get(tx, seen.Connector, seen.Identity)
	if err != nil {
		return false, err
	}
	differences := Differences(acc, seen)
	if len(differences) == 0 {
		return false, nil
	}
	if is, err := someoneElses(tx, acc, seen); err != nil || is {
		return false, err
	}
	what := joinLimited(differences, 5)
	if c, ok := book.Connector(seen.Connector); !ok || c.Spec.Authority != policy.Exclusive || book.Mode("", seen.Connector) != schema.Enforce {
		return false, Report(tx, book, sweepDrift, schema.Finding{
			Kind: findingDrift, Connector: seen.Connector, Subject: seen.Identity, Reason: what,
		})
	}
	bypass, err := underBypass(tx, book, acc, seen)
	if err != nil {
		return false, err
	}
	if bypass != "" {
		return false, Report(tx, book, sweepDrift, schema.Finding{
			Kind: findingDrift, Connector: seen.Connector, Subject: seen.Identity, Reason: what + "; left until " + bypass + " is reviewed",
		})
	}
	d, err := tx.Record(schema.Decision{
		Actor: sweepDrift, Verb: schema.Drifted, Subject: seen.Identity, Object: seen.Connector,
		Because: []string{"run/" + run}, Reason: what, Policy: book.Digest(),
	})
	if err != nil {
		return false, err
	}
	foreign, err := strangers(tx, book, acc, seen)
	if err != nil {
		return false, err
	}
	acc.RemoteID, acc.Active, acc.Attributes = seen.RemoteID, seen.Active, seen.Attributes
	acc.Entitlements = schema.Sorted(seen.Entitlements...)
	acc.Managed = slices.DeleteFunc(schema.Sorted(governed(book, seen.Connector, acc.Entitlements)...), func(target string) bool {
		return slices.Contains(foreign, target) // it was there when the account was taken over, and nobody decided about it
	})
	acc.Observed, acc.State = tx.Now(), schema.Pending
	acc.Due = acc.Due.Join(schema.Change{Received: tx.Now(), Decided: tx.Now(), Ends: true, Because: []string{d.ID}})
	if err := store.Accounts.Put(tx, acc); err != nil {
		return false, err
	}
	return true, tx.WakeUrgent(LaneAccount(seen.Connector), seen.Identity)
}

// someoneElses reports whether an account that was seen, and was not known to be that of its
// identity, went over to another one meanwhile.
func someoneElses(r store.Reader, acc, seen schema.Account) (bool, error) {
	if !seen.Exists() || acc.RemoteID == seen.RemoteID {
		return false, nil
	}
	for other, err := range store.Accounts.By(r, store.AccountRemote, seen.Connector, seen.RemoteID) {
		if err != nil || other.Identity != seen.Identity {
			return true, err
		}
	}
	return false, nil
}

// strangers returns what an account holds that was there when it was taken over, and nobody
// decided about. Of one that was taken for gone, and of which nothing is remembered, that is
// what nobody ever decided.
func strangers(r store.Reader, book *policy.Book, acc, seen schema.Account) (all []string, err error) {
	if acc.Exists() {
		return slices.DeleteFunc(slices.Clone(acc.Entitlements), func(target string) bool { return slices.Contains(acc.Managed, target) }), nil
	}
	for _, target := range seen.Entitlements {
		e, ok := book.EntitlementByTarget(seen.Connector, target)
		if !ok {
			continue
		}
		if _, err := store.LogLatest(r, seen.Identity, seen.Connector+"/"+e.ID); schema.IsNotFound(err) {
			all = append(all, target)
		} else if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Differences says how what was seen of an account differs from what is
// remembered, in terms of what the bridge writes; nothing if it does not. Of one that was
// given up in doubt is remembered what it may have: only what it has beyond that counts.
func Differences(acc, seen schema.Account) []string {
	var what []string
	doubted := acc.State == schema.Parked && connectors.Doubtful(acc)
	switch {
	case doubted && !seen.Exists():
		return nil
	case acc.Exists() && !seen.Exists():
		return []string{"the account is gone"}
	case acc.Active != seen.Active && (seen.Active || !doubted):
		what = append(what, fmt.Sprintf("active is %v", seen.Active))
	}
	for _, target := range seen.Entitlements {
		if !acc.Holds(target) {
			what = append(what, "has "+target)
		}
	}
	for _, target := range acc.Entitlements {
		if !doubted && !seen.Holds(target) {
			what = append(what, "lacks "+target)
		}
	}
	for name, value := range acc.Attributes {
		if got, ok := seen.Attributes[name]; ok && got != value {
			what = append(what, name+" differs")
		}
	}
	slices.Sort(what)
	return what
}

// sweepDrift is who finds drift.
const sweepDrift = "sweep/drift"

// An Unlooked is whose account could not be compared with its target, and since when that
// has not agreed to what was decided.
type Unlooked struct {
	Identity string
	Since    time.Time
}

// mostUnlooked is how many accounts of a connector are named each that could not be looked
// at: where there are more, it is not the accounts that people are to look at.
const mostUnlooked = 100

// ReportUnlooked reports the accounts of a connector that no drift sweep could look at for
// so long that people are to know: whatever somebody does there by hand is not seen. Of very
// many it is the connector that is reported. What was said before, and is over by whose it
// is, is resolved.
func ReportUnlooked(
	ctx context.Context, s *store.Store, book *policy.Book, connector string, unlooked []Unlooked, over func(r store.Reader, identity string) (bool, error),
) error {
	found := unlookedFindings(connector, unlooked)
	err := reportAll(ctx, s, book, sweepDrift, found, func(f schema.Finding) schema.Finding { return f })
	if err != nil {
		return err
	}
	still := map[string]bool{}
	for _, f := range found {
		still[f.Subject] = true
	}
	for _, a := range unlooked { // those that were named before there were too many
		still[a.Identity] = true
	}
	return settleAll(ctx, s, book, sweepDrift, findingUnlooked, connector, func(r store.Reader, subject string) (bool, error) {
		switch {
		case still[subject]:
			return false, nil
		case subject == "connector/"+connector: // they are few now
			return true, nil
		}
		return over(r, subject)
	})
}

// unlookedFindings are what is found of accounts that could not be looked at: of each, or of
// their connector. They are few enough for one transaction.
func unlookedFindings(connector string, unlooked []Unlooked) (found []schema.Finding) {
	about := func(subject, reason string) {
		found = append(found, schema.Finding{Kind: findingUnlooked, Connector: connector, Subject: subject, Reason: reason})
	}
	if len(unlooked) > mostUnlooked {
		first := slices.MinFunc(unlooked, func(a, b Unlooked) int { return a.Since.Compare(b.Since) })
		about("connector/"+connector, fmt.Sprintf("it has not agreed to what was decided about %d accounts, of the first since %s: until then nobody can tell who changed them", len(unlooked), day(first.Since)))
		return found
	}
	for _, a := range unlooked {
		about(a.Identity, "its target has not agreed since "+day(a.Since)+" to what was decided: until then nobody can tell who changed it")
	}
	return found
}

// SettleDrift resolves what was found to have drifted at a connector and is as it should
// be again, as over says by whose it is.
func SettleDrift(ctx context.Context, s *store.Store, book *policy.Book, connector string, over func(r store.Reader, identity string) (bool, error)) error {
	return settleAll(ctx, s, book, sweepDrift, findingDrift, connector, over)
}
