package access

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"drawbridge/schema"
	"drawbridge/store"
)

// An Adoption is a decision that a target's account is somebody's, to be managed from
// now on.
type Adoption struct {
	Match    Match
	Identity string // whose it is; left out, whom the match found
	Why      string // by what that is known, for the log
	Leavers  bool   // it may be of somebody who left: it is then disabled
}

// Adopt makes an account the bridge's to manage, as it is. Nothing is taken away by
// that: what it holds and no role gives its identity stays, and is nobody's; an
// account that no role gives anything is disabled only when its identity leaves.
// What its identity is to have there is given it as to anybody, and who is gone
// already is cut off, where that was said.
func Adopt(tx store.Tx, rules *Rules, by string, a Adoption) error {
	book, acc := rules.Book(), a.Match.account
	who := a.Identity
	if who == "" {
		who = a.Match.Identity
	}
	id, err := store.Identities.Get(tx, who)
	if err != nil {
		return err
	}
	facts, err := whole(tx, book, id.Base(), false)
	if err != nil {
		return err
	}
	if id = facts.Identity; isLeaver(facts) && !a.Leavers {
		return fmt.Errorf("account %s is of %s, who left: adopted, it is disabled, so that is to be said (leavers): %w", acc.Attributes["userName"], id.UserName, schema.ErrForbidden)
	}
	if err := adoptable(tx, rules, acc, id); err != nil {
		return err
	}
	lines, err := linesAt(tx, acc.Connector, id.ID)
	if err != nil {
		return err
	}
	acc.Identity, acc.Adopted, acc.Unearned = id.ID, true, true
	acc.Managed, acc.State, acc.Observed = nil, schema.Settled, tx.Now()
	acc, _ = claim(book, lines, acc)
	if err := store.Accounts.Put(tx, acc); err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]string{"account": acc.RemoteID, "userName": acc.Attributes["userName"]})
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Adopted, Subject: id.ID, Object: acc.Connector, Reason: a.Why, Policy: book.Digest(), Detail: detail,
	})
	if err != nil {
		return err
	}
	if err := resolve(tx, schema.Finding{Kind: findingOrphan, Connector: acc.Connector, Subject: acc.RemoteID}); err != nil {
		return err
	}
	return tx.Wake(LaneIdentity, id.ID, tx.Now())
}

// adoptable returns nil where an account may become an identity's.
func adoptable(r store.Reader, rules *Rules, acc schema.Account, id schema.Identity) error {
	name := acc.Attributes["userName"]
	if rules.Protected(acc.Connector, name) {
		return fmt.Errorf("account %s is protected by the configuration, and is not adopted: %w", name, schema.ErrForbidden)
	}
	for known, err := range store.Accounts.By(r, store.AccountRemote, acc.Connector, acc.RemoteID) {
		if err != nil {
			return err
		}
		return fmt.Errorf("account %s is managed already, as identity %s's: %w", name, known.Identity, schema.ErrConflict)
	}
	other, err := account(r, acc.Connector, id.ID)
	if err != nil {
		return err
	}
	if other.Exists() {
		return fmt.Errorf("%s has account %s at %s already: %w", id.UserName, other.RemoteID, acc.Connector, schema.ErrConflict)
	}
	return nil
}

// AdoptAll is Adopt for many, a chunk in each transaction, behind everyone else's
// writes; dry, nothing of it stays. Each, where it is not nil, is told of those that
// are done. Called again it goes on: what is managed already is no match any more.
func AdoptAll(ctx context.Context, s *store.Store, rules *Rules, by string, all iter.Seq2[Adoption, error], dry bool, each func(Match)) error {
	update := s.Update
	if dry {
		update = s.Try
	}
	var some []Adoption
	adopt := func() error {
		err := update(store.Background(ctx), func(tx store.Tx) error {
			for _, a := range some {
				if err := Adopt(tx, rules, by, a); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, a := range some {
			if each != nil {
				each(a.Match)
			}
		}
		some = some[:0]
		return nil
	}
	for a, err := range all {
		if err != nil {
			return err
		}
		if some = append(some, a); len(some) < chunk {
			continue
		}
		if err := adopt(); err != nil {
			return err
		}
	}
	return adopt()
}

// Disown undoes an adoption: the account is left as it is, and the bridge knows
// nothing of it. Only one that the bridge never wrote to can be disowned; from then
// on, what its roles gave would be nobody's. It reports whether there was one.
func Disown(tx store.Tx, rules *Rules, by, connector, identity string) (bool, error) {
	acc, err := store.Accounts.Get(tx, connector, identity)
	if schema.IsNotFound(err) || err == nil && !acc.Exists() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case !acc.Adopted:
		return false, fmt.Errorf("the account of %s at %s was not adopted: the bridge made it: %w", identity, connector, schema.ErrConflict)
	case !acc.Last.IsZero() || !acc.Due.Sent.IsZero() || acc.State == schema.Retrying:
		return false, fmt.Errorf("the account of %s at %s was written to since it was adopted: end what its roles give instead: %w", identity, connector, schema.ErrConflict)
	}
	if err := store.Accounts.Delete(tx, connector, identity); err != nil {
		return false, err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Disowned, Subject: identity, Object: connector,
		Reason: "its adoption is undone; it is left as it is", Policy: rules.Book().Digest(),
	})
	return err == nil, err
}

// MatchOf is the match of an account that a person says whose it is.
func MatchOf(a schema.Account) Match {
	return Match{Account: a.RemoteID, UserName: a.Attributes["userName"], Active: a.Active, account: a}
}
