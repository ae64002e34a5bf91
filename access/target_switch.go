package access

import (
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A target's listing shows whether accounts are disabled. One that the bridge has enabled,
// and that is not, somebody disabled there: triggers look at it (account.disabled), and the
// drift sweep does with it what it does with anything that differs.

// Switched returns what the listing of an account says of that, as it would be kept; news
// is false where it says nothing new. While the bridge is about to change the account
// nothing is concluded: it may have been the bridge.
func Switched(r store.Reader, known, listed schema.Account) (u schema.Use, news bool, err error) {
	u = schema.Use{Identity: known.Identity, Connector: known.Connector, Account: known.RemoteID}
	if known.Identity == "" || known.State != schema.Settled && known.State != "" {
		return u, false, nil
	}
	old, err := store.Uses.Get(r, u.Identity, u.Connector, "")
	if err != nil && !schema.IsNotFound(err) {
		return u, false, err
	}
	switch disabled, _ := old.IsDisabled(); {
	case known.Active && !listed.Active && !disabled:
		u.Disabled = r.Now()
	case listed.Active && disabled:
		u.Enabled = r.Now()
	default:
		return u, false, nil
	}
	return u, true, nil
}

// TellSwitched keeps which accounts a listing showed to be disabled, or enabled again, and
// has their identities looked at again where anything depends on it.
func TellSwitched(tx store.Tx, book *policy.Book, all []schema.Use) error {
	for _, u := range all {
		if a, err := account(tx, u.Connector, u.Identity); err != nil {
			return err
		} else if !a.Exists() || a.RemoteID != u.Account {
			continue // it is not theirs any more
		}
		now, err := store.Uses.Get(tx, u.Identity, u.Connector, "")
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		now.Identity, now.Connector = u.Identity, u.Connector
		now.Disabled, now.Enabled = latest(now.Disabled, u.Disabled), latest(now.Enabled, u.Enabled)
		if err := store.Uses.Put(tx, now); err != nil {
			return err
		}
		if !book.Depends(schema.TopicUse) {
			continue
		}
		if err := tx.Wake(LaneIdentity, u.Identity, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}
