package access

import (
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// useTime is how much later a use must be for its identity to be looked at.
const useTime = time.Hour

// tellUse keeps when an account was used or disabled, and when its secret was changed.
func tellUse(tx store.Tx, p Provenance, sig schema.Signal) error {
	u := *sig.Use
	if _, ok := p.Book.Connector(u.Connector); !ok {
		return p.ignored(tx, "there is no connector "+u.Connector+"; signal "+sig.ID)
	}
	if u.Entitlement != "" {
		if _, ok := p.Book.Entitlement(u.Connector, u.Entitlement); !ok {
			return p.ignored(tx, "there is no entitlement "+u.Connector+"/"+u.Entitlement+"; signal "+sig.ID)
		}
	}
	who, err := accountHolders(tx, p.Book, sig)
	if err != nil {
		return err
	}
	if len(who) == 0 {
		return p.ignored(tx, "nobody has the account of signal "+sig.ID+" at "+u.Connector)
	}
	u.By = p.actor()
	for _, u.Identity = range who {
		if err := use(tx, u); err != nil {
			return err
		}
	}
	return nil
}

func use(tx store.Tx, u schema.Use) error {
	old, err := store.Uses.Get(tx, u.Identity, u.Connector, u.Entitlement)
	if err != nil && !schema.IsNotFound(err) {
		return err
	}
	told := u.Rotated.After(old.Rotated) || u.Interactive.After(old.Interactive) || u.Disabled.After(old.Disabled) || u.Enabled.After(old.Enabled)
	later := u.LastUsed.Sub(old.LastUsed) >= useTime
	if u.Unclear = old.Unclear; !u.LastUsed.After(old.LastUsed) {
		u.By = old.By
	}
	u.LastUsed, u.Rotated, u.Interactive = latest(old.LastUsed, u.LastUsed), latest(old.Rotated, u.Rotated), latest(old.Interactive, u.Interactive)
	u.Disabled, u.Enabled = latest(old.Disabled, u.Disabled), latest(old.Enabled, u.Enabled)
	if u.LastUsed.Equal(old.LastUsed) && !told {
		return nil
	}
	if err := store.Uses.Put(tx, u); err != nil || !later && !told {
		return err
	}
	return tx.Wake(LaneIdentity, u.Identity, tx.Now())
}

// accountHolders returns whose account a signal is about: by its id at the target,
// or by the subject that it names.
func accountHolders(r store.Reader, book *policy.Book, sig schema.Signal) ([]string, error) {
	if sig.Use.Account == "" {
		return subjects(r, book, sig.Subject)
	}
	var who []string
	for a, err := range store.Accounts.By(r, store.AccountRemote, sig.Use.Connector, sig.Use.Account) {
		if err != nil {
			return nil, err
		}
		who = append(who, a.Identity)
	}
	return who, nil
}
