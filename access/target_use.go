package access

import (
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A target that tells when its accounts were used last tells it of all of them each time
// that they are listed: it is kept as what sources tell is, and seldom.

// UseListed returns what the listing of an account says of its use, as it would be kept;
// news is false where nothing of it is to be. A time that is yet to come is none, and nor is
// no time where the target told of one before: of such an account nothing is known, and that
// it was not used means nothing.
func UseListed(r store.Reader, known, listed schema.Account) (u schema.Use, news bool, err error) {
	u = schema.Use{
		Identity: known.Identity, Connector: known.Connector, Account: known.RemoteID,
		LastUsed: listed.LastUsed, Unclear: listed.UseUnclear, By: schema.OfTarget + known.Connector,
	}
	switch now := r.Now(); {
	case u.LastUsed.After(now.Add(clockSkew)):
		u.LastUsed, u.Unclear = time.Time{}, true
	case u.LastUsed.After(now):
		u.LastUsed = now
	}
	old, err := store.Uses.Get(r, u.Identity, u.Connector, "")
	if err != nil && !schema.IsNotFound(err) {
		return u, false, err
	}
	u.Unclear = u.Unclear || u.LastUsed.IsZero() && !old.LastUsed.IsZero() && old.By == u.By
	return u, u.Unclear != old.Unclear || usedLater(r.Now(), old.LastUsed, u.LastUsed), nil
}

// usedLater reports whether a use is to be kept in the place of an older one.
func usedLater(now, old, use time.Time) bool {
	return use.Sub(old) >= policy.TargetUseStep || use.After(old) && now.Sub(use) >= policy.TargetUseStep
}

// TellListed keeps what a listing said of the use of accounts, and has their identities
// looked at again where anything depends on it. What is not theirs any more is passed over.
func TellListed(tx store.Tx, book *policy.Book, uses []schema.Use) error {
	for _, u := range uses {
		if a, err := account(tx, u.Connector, u.Identity); err != nil {
			return err
		} else if !a.Exists() || a.RemoteID != u.Account {
			continue
		}
		now, err := store.Uses.Get(tx, u.Identity, u.Connector, "")
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		now.Identity, now.Connector, now.Unclear = u.Identity, u.Connector, u.Unclear
		if u.LastUsed.After(now.LastUsed) {
			now.LastUsed, now.By = u.LastUsed, u.By
		}
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

// TargetHeard notes that a target told when its accounts were used, in a listing that was
// complete.
func TargetHeard(tx store.Tx, book *policy.Book, connector string) error {
	return heard(tx, book, targetFeed(connector))
}

// TargetSilent forgets that a target told when its accounts were used: it is one of those
// now that do not.
func TargetSilent(tx store.Tx, connector string) error {
	f := targetFeed(connector)
	return store.Feeds.Delete(tx, f.Source, string(f.Topic), f.Connector)
}

// TargetTold reports whether a target is known to have told.
func TargetTold(r store.Reader, connector string) (bool, error) {
	f := targetFeed(connector)
	return store.Feeds.Has(r, f.Source, string(f.Topic), f.Connector)
}

func targetFeed(connector string) schema.Feed {
	return schema.Feed{Source: schema.OfTarget, Topic: schema.TopicUse, Connector: connector}
}

// asTold says who told of a use, for people.
func asTold(by string) string {
	if by == "" {
		return ""
	}
	kind, name := cutRef(by)
	return ", as " + kind + " " + name + " says"
}
