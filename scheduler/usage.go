package scheduler

import (
	"context"
	"errors"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A usage is what one listing says of when its accounts were used, and of which somebody
// disabled there. That somebody used one
// is so, however the listing ends; that somebody did not only counts once it was complete,
// and said of at least one account that it was used: a target that shows such times to
// nobody, or to others than the bridge, has told nothing.
type usage struct {
	store     *store.Store
	rules     *access.Rules
	connector string
	tells     bool // what the target is said to do
	dry       bool

	told bool         // it said so of one account at least, which is somebody's and not a protected one
	news []schema.Use // to be kept

	switched []schema.Use // accounts that are disabled, or enabled again
}

// see looks at what the listing says of an account.
func (u *usage) see(r store.Reader, known, listed schema.Account) error {
	if u.dry {
		return nil
	}
	is, switched, err := access.Switched(r, known, listed)
	if switched {
		u.switched = append(u.switched, is)
	}
	if err != nil || !u.tells {
		return err
	}
	if !listed.LastUsed.IsZero() && known.Identity != "" && !u.rules.Protected(u.connector, listed.Attributes["userName"]) {
		u.told = true
	}
	use, news, err := access.UseListed(r, known, listed)
	if news {
		u.news = append(u.news, use)
	}
	return err
}

// keep writes down what is new so far.
func (u *usage) keep(ctx context.Context) error {
	if len(u.news)+len(u.switched) == 0 {
		return nil
	}
	err := u.store.Update(store.Background(ctx), func(tx store.Tx) error {
		return errors.Join(access.TellListed(tx, u.rules.Book(), u.news), access.TellSwitched(tx, u.rules.Book(), u.switched))
	})
	u.news, u.switched = u.news[:0], u.switched[:0]
	return err
}

// heard notes, after a listing that was complete, that the target told of use, or that it is
// none that does.
func (u *usage) heard(ctx context.Context) error {
	if u.dry || u.tells && !u.told {
		return nil
	}
	var known bool
	err := u.store.View(ctx, func(r store.Reader) (err error) {
		known, err = access.TargetTold(r, u.connector)
		return err
	})
	if err != nil || !u.tells && !known {
		return err
	}
	return u.store.Update(ctx, func(tx store.Tx) error {
		if u.tells {
			return access.TargetHeard(tx, u.rules.Book(), u.connector)
		}
		return access.TargetSilent(tx, u.connector)
	})
}
