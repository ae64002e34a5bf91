package access

import (
	"context"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// settingCursor names, before the digest of a policy, how far its rollout has come.
const settingCursor = "rollout/"

// Publish records that a policy came into force, which roles it refuses to
// automate, and has everyone looked at again. The policy that is in force
// already changes nothing. It asks nobody whether it may: see PublishNow and TakeUp.
func Publish(tx store.Tx, book *policy.Book, by string, files map[string]string) (bool, error) {
	_, changed, err := putInForce(tx, book, files, schema.Publication{}, Decider{Actor: by})
	return changed, err
}

// wakeEveryone has every identity looked at again under the policy in force.
func wakeEveryone(tx store.Tx) error {
	digest, err := store.PolicyInForce(tx)
	if err != nil || digest == "" { // none was published: nothing is held by one
		return err
	}
	if err := store.Settings.Delete(tx, settingCursor+digest); err != nil {
		return err
	}
	return tx.Wake(LaneRollout, digest, tx.Now())
}

// LookAgain has everybody looked at again, as things are now. Where they are being looked at
// already, that goes on.
func LookAgain(tx store.Tx) error {
	digest, err := store.PolicyInForce(tx)
	if err != nil || digest == "" {
		return err
	}
	return tx.Wake(LaneRollout, digest, tx.Now())
}

// How a rollout gives way: it wakes some people in one transaction, no more while so
// many are waiting, and looks again a little later. Who joins meanwhile is woken alone,
// and so before those. To wake somebody takes microseconds; where their records are
// correlated anew, a hundred times as long.
const (
	fewestWoken, firstWoken, mostWoken = 16, 64, 500

	rolloutAhead = 4000
	rolloutPause = 50 * time.Millisecond
)

// Rollout weighs a new policy, and wakes every identity for it, some at a time
// behind everyone else's writes. It remembers how far it came, so that a restart
// goes on from there; a policy that was superseded meanwhile is left off.
func Rollout(ctx context.Context, s *store.Store, rules *Rules, item store.Item) (Finish, error) {
	if err := weigh(ctx, s, rules, item.ID); err != nil {
		return nil, err
	}
	for pace := s.Pace(fewestWoken, firstWoken, mostWoken); ; {
		busy, more, some := false, false, pace.Rows()
		err := pace.Update(store.Background(ctx), some, func(tx store.Tx) error {
			n, err := store.Backlog(tx, LaneIdentity, rolloutAhead)
			if busy = n >= rolloutAhead; err != nil || busy {
				return err
			}
			more, err = rollOn(tx, rules.Book(), item.ID, some)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case busy:
			return func(tx store.Tx) (time.Time, error) { return tx.Now().Add(rolloutPause), nil }, nil
		case !more:
			return func(tx store.Tx) (time.Time, error) {
				if err := store.Settings.Delete(tx, settingCursor+item.ID); err != nil {
					return time.Time{}, err
				}
				return time.Time{}, correlated(tx, rules.Book(), item.ID)
			}, nil
		}
	}
}

// rollOn wakes the next some, and reports whether there may be more.
func rollOn(tx store.Tx, book *policy.Book, digest string, some int) (more bool, err error) {
	current, err := store.Settings.Get(tx, store.SettingPolicy)
	if err != nil {
		return false, err
	}
	if current.Value != digest {
		return false, nil
	}
	cursor, err := store.Settings.Get(tx, settingCursor+digest)
	if err != nil && !schema.IsNotFound(err) {
		return false, err
	}
	var batch []string
	var rows []schema.Identity
	for id, err := range store.Identities.From(tx, cursor.Value) {
		if err != nil {
			return false, err
		}
		batch, rows = append(batch, id.ID), append(rows, id)
		if len(batch) == some {
			break
		}
	}
	if len(batch) == 0 {
		return false, nil
	}
	if book.Digest() == digest {
		if err := correlateAll(tx, book, rows); err != nil {
			return false, err
		}
	}
	if err := tx.WakeAll(LaneIdentity, batch, tx.Now()); err != nil {
		return false, err
	}
	return len(batch) == some, store.Settings.Put(tx, store.Setting{Name: settingCursor + digest, Value: batch[len(batch)-1]})
}
