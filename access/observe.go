package access

import (
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
	was := now.State
	now = merge(rules.Book(), now, o, tx.Now())
	if o.Err != nil {
		return schema.Change{}, fail(tx, now, was, o)
	}
	stale, err := tx.Rewoken(item)
	if err != nil {
		return schema.Change{}, err
	}
	now.State, now.Problem, now.Verified = schema.Settled, "", !o.Verified.IsZero()
	done := now.Due
	done.Sent, done.Acknowledged, done.Verified = o.Sent, o.Acked, o.Verified
	if stale {
		now.State = schema.Pending
	} else {
		now.Last, now.Due = done, schema.Change{}
	}
	if err := store.Accounts.Put(tx, now); err != nil {
		return schema.Change{}, err
	}
	if len(o.Steps) == 0 || stale {
		done = schema.Change{}
	}
	if len(o.Steps) == 0 {
		return done, nil
	}
	if err := relieve(tx, rules.Book(), now, o.Work.Have); err != nil {
		return done, err
	}
	return done, succeed(tx, now, o)
}

// merge returns the account as it is remembered from now on. What the bridge
// manages is what it managed before or was decided, as far as it is there.
func merge(book *policy.Book, now schema.Account, o Outcome, at time.Time) schema.Account {
	now.RemoteID, now.Active, now.Attributes = o.Got.RemoteID, o.Got.Active, o.Got.Attributes
	now.Entitlements = schema.Sorted(o.Got.Entitlements...)
	now.Adopted = now.Adopted || o.Got.Adopted
	ours := append(slices.Clone(now.Managed), governed(book, now.Connector, o.Work.Want.Entitlements)...)
	now.Managed = slices.DeleteFunc(schema.Sorted(ours...), func(target string) bool { return !now.Holds(target) })
	now.Observed = at
	return now
}

func succeed(tx store.Tx, now schema.Account, o Outcome) error {
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
	times, err := json.Marshal(map[string]any{"change": now.Last})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: "connector/" + now.Connector, Verb: verb, Subject: now.Identity, Object: now.Connector,
		Because: o.Work.Have.Due.Because, Reason: summary(o.Steps), Mode: schema.Enforce, Policy: o.Work.Policy, Detail: times,
	})
	return err
}

func fail(tx store.Tx, now schema.Account, was schema.State, o Outcome) error {
	now.State, now.Problem = schema.Retrying, o.Err.Error()
	if o.Park {
		now.State = schema.Parked
	}
	if err := store.Accounts.Put(tx, now); err != nil {
		return err
	}
	if was == now.State {
		return nil
	}
	reason := summary(o.Steps)
	if o.Park {
		reason += "; given up until something changes"
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

// Drift records that a target has an account otherwise than is remembered. Where
// the bridge is the only one to write there, what was seen becomes what is
// remembered, what the catalogue governs counts as managed, and the account is
// woken so that what nobody decided is undone. Elsewhere it is a finding, and
// nothing is touched. It reports whether the account was woken.
func Drift(tx store.Tx, rules *Rules, run string, seen schema.Account) (bool, error) {
	book := rules.Book()
	acc, err := store.Accounts.Get(tx, seen.Connector, seen.Identity)
	if err != nil {
		return false, err
	}
	what := differences(acc, seen)
	if what == "" {
		return false, nil
	}
	if c, ok := book.Connector(seen.Connector); !ok || c.Spec.Authority != policy.Exclusive || book.Mode("", seen.Connector) != schema.Enforce {
		return false, Report(tx, book, "sweep/drift", schema.Finding{
			Kind: "drift", Connector: seen.Connector, Subject: seen.Identity, Reason: what,
		})
	}
	d, err := tx.Record(schema.Decision{
		Actor: "sweep/drift", Verb: schema.Drifted, Subject: seen.Identity, Object: seen.Connector,
		Because: []string{"run/" + run}, Reason: what, Policy: book.Digest(),
	})
	if err != nil {
		return false, err
	}
	acc.RemoteID, acc.Active, acc.Attributes = seen.RemoteID, seen.Active, seen.Attributes
	acc.Entitlements = schema.Sorted(seen.Entitlements...)
	acc.Managed = schema.Sorted(governed(book, seen.Connector, acc.Entitlements)...)
	acc.Observed, acc.State = tx.Now(), schema.Pending
	acc.Due = acc.Due.Join(schema.Change{Received: tx.Now(), Decided: tx.Now(), Ends: true, Because: []string{d.ID}})
	if err := store.Accounts.Put(tx, acc); err != nil {
		return false, err
	}
	return true, tx.WakeUrgent(LaneAccount(seen.Connector), seen.Identity)
}

// differences says how what was seen differs from what is remembered, in terms
// of what the bridge writes; nothing if it does not.
func differences(acc, seen schema.Account) string {
	var what []string
	switch {
	case acc.Exists() && !seen.Exists():
		return "the account is gone"
	case acc.Active != seen.Active:
		what = append(what, fmt.Sprintf("active is %v", seen.Active))
	}
	for _, target := range seen.Entitlements {
		if !acc.Holds(target) {
			what = append(what, "has "+target)
		}
	}
	for _, target := range acc.Entitlements {
		if !seen.Holds(target) {
			what = append(what, "lacks "+target)
		}
	}
	for name, value := range acc.Attributes {
		if got, ok := seen.Attributes[name]; ok && got != value {
			what = append(what, name+" differs")
		}
	}
	slices.Sort(what)
	return joinLimited(what, 5)
}

func count(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }

// joinLimited joins the first n of the words, and says how many more there are.
func joinLimited(words []string, n int) string {
	text := strings.Join(words[:min(n, len(words))], "; ")
	if more := len(words) - n; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// Report raises a finding, or renews it. It is recorded when it is new.
func Report(tx store.Tx, book *policy.Book, actor string, f schema.Finding) error {
	f.First, f.Last = tx.Now(), tx.Now()
	old, err := store.Findings.Get(tx, f.Kind, f.Connector, f.Subject, f.Object)
	switch {
	case err == nil:
		f.First = old.First
		return store.Findings.Put(tx, f)
	case !notFound(err):
		return err
	}
	if err := store.Findings.Put(tx, f); err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: actor, Verb: schema.Found, Subject: f.Subject, Object: f.Connector,
		Reason: f.Kind + ": " + f.Reason, Policy: book.Digest(),
	})
	return err
}

// Resolve ends a finding that no longer holds.
func Resolve(tx store.Tx, f schema.Finding) error {
	return store.Findings.Delete(tx, f.Kind, f.Connector, f.Subject, f.Object)
}

// Differs reports whether a target has an account otherwise than is remembered.
func Differs(acc, seen schema.Account) bool { return differences(acc, seen) != "" }
