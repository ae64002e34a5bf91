package access

import (
	"errors"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A version of the program may read more strictly than the one that put a policy in
// force, and refuse it. Then the bridge runs all the same, by what policy.Salvage makes of
// it: nobody gets anything new, what people hold stays, and what is to end ends: of whom a
// source says that they left, of a grant that reached its end, of what a person revoked.
// Clocks, requests and who answers for what wait until the policy can be read again.

// settingUnreadable is the digest of a policy that could not be read.
const settingUnreadable = "policyUnreadable"

// untilReadable is how soon what waits for a policy that can be read is looked at again.
const untilReadable = time.Hour

// InForceAnyhow is InForce of a policy that may be one that cannot be read: then its book
// is salvaged, and says so (policy.Book.Unreadable).
func InForceAnyhow(r store.Reader) (*Draft, error) {
	d, err := InForce(r)
	if d == nil || !errors.Is(err, schema.ErrInvalid) {
		return d, err
	}
	digest, wrong := store.PolicyInForce(r)
	if wrong != nil {
		return nil, wrong
	}
	version, wrong := store.Policies.Get(r, digest)
	if wrong != nil {
		return nil, wrong
	}
	d.Book, d.Files = policy.Salvage(d.Set, digest, err.Error()), version.Files
	return d, nil
}

// NoteReadable keeps the finding about a policy in force that cannot be read. Once it can
// be read everybody is looked at again, of whom too little was decided meanwhile.
func NoteReadable(tx store.Tx, book *policy.Book) error {
	was, err := store.Settings.Get(tx, settingUnreadable)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	why := book.Unreadable()
	if why != "" {
		if was.Value != book.Digest() {
			if err := store.Settings.Put(tx, store.Setting{Name: settingUnreadable, Value: book.Digest()}); err != nil {
				return err
			}
		}
		return Report(tx, book, "bridge", schema.Finding{
			Kind: findingUnreadable, Subject: "policy/" + book.Digest(),
			Reason: "this version of the program cannot read the policy in force: nobody gets anything new; mend it and publish it, or start the version before; " + why,
		})
	}
	if was.Value == "" {
		return nil
	}
	if err := store.Settings.Delete(tx, settingUnreadable); err != nil {
		return err
	}
	if err := resolve(tx, schema.Finding{Kind: findingUnreadable, Subject: "policy/" + was.Value}); err != nil {
		return err
	}
	if err := wakeGovernance(tx); err != nil {
		return err
	}
	return wakeEveryone(tx)
}

// Unreadable reports whether the policy in force is one that this version of the program
// cannot read.
func Unreadable(r store.Reader) (bool, error) {
	_, err := store.Settings.Get(r, settingUnreadable)
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// salvage writes of a look what is decided while the policy cannot be read: what ends.
func (l *look) salvage(tx store.Tx, d difference) (time.Time, error) {
	if err := l.endGrants(tx); err != nil {
		return time.Time{}, err
	}
	d.kept = nil // that everything stays is one finding, and not one for each line
	if err := l.apply(tx, d); err != nil {
		return time.Time{}, err
	}
	for _, r := range l.rulings { // no rule made them, so that none can make them again
		if _, err := tx.Record(r.decision); err != nil {
			return time.Time{}, err
		}
	}
	return l.access.Next, l.wakeAccounts(tx)
}
