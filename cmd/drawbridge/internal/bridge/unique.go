package bridge

import (
	"context"
	"fmt"
	"time"

	"drawbridge/access"
	"drawbridge/schema/scim"
	"drawbridge/store"
)

// uniqueAgain is when it is tried again to look at what is to be unique.
const uniqueAgain = time.Minute

// keepUnique has what was stored be found by what the configuration says is unique, where
// it says another than it did.
func (b *Bridge) keepUnique(ctx context.Context) error {
	for {
		err := b.findUnique(ctx)
		if err == nil {
			<-ctx.Done()
			return nil
		}
		if ctx.Err() == nil {
			b.Log.ErrorContext(ctx, "what is to be unique could not be looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(uniqueAgain):
		}
	}
}

func (b *Bridge) findUnique(ctx context.Context) error {
	users, err := scim.Users(b.cfg.Extensions...)
	if err != nil {
		return err
	}
	groups, err := scim.Groups(b.cfg.GroupExtensions...)
	if err != nil {
		return err
	}
	for of, t := range map[string]*scim.Type{access.UniqueUsers: users, access.UniqueGroups: groups} {
		u := access.Uniqueness{Of: of, Attributes: t.Unique(), Values: t.Found}
		turns := 0
		for more := true; more; turns++ {
			var unread []error
			err := b.store.Update(store.Background(ctx), func(tx store.Tx) (err error) {
				more, unread, err = access.KeepUnique(tx, b.rules.Book(), u)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", of, err)
			}
			for _, why := range unread {
				b.Log.ErrorContext(ctx, "a record can not be read, and is not found by what is to be unique: have its source send it again", "of", of, "record", why)
			}
		}
		if turns > 1 {
			b.Log.InfoContext(ctx, "looked at what is to be unique", "of", of, "attributes", u.Attributes)
		}
	}
	return nil
}
