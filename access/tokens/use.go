package tokens

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

const (
	// useEvery is how exactly it is kept when a credential was last used. A
	// sender that comes each second writes once an hour.
	useEvery = time.Hour
	// mostUses bounds what is remembered between two writes.
	mostUses = 10_000
)

// Uses remembers which credentials are shown, in memory, until Keep writes down
// those that were not within the hour. It is safe for concurrent use; a nil one
// remembers nothing.
type Uses struct {
	mu      sync.Mutex
	seen    map[string]schema.CredentialUse
	written map[string]time.Time // when each was last written down as used
}

// Saw is told of a credential that let somebody in, and when.
func (u *Uses) Saw(c schema.CredentialUse) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if at, ok := u.written[c.ID]; ok && c.Used.Sub(at) < useEvery || len(u.seen) >= mostUses {
		return
	}
	if u.seen == nil {
		u.seen = map[string]schema.CredentialUse{}
	}
	u.seen[c.ID] = c
}

// Keep writes down what was seen since, all of it at once. If nothing was, or it
// is written already, nothing is written.
func (u *Uses) Keep(ctx context.Context, s *store.Store) error {
	u.mu.Lock()
	seen := u.seen
	u.seen = nil
	u.mu.Unlock()
	if len(seen) == 0 {
		return nil
	}
	err := s.Update(store.Background(ctx), func(tx store.Tx) error {
		for _, c := range seen {
			if err := keepUse(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil { // another time
		maps.Copy(seen, u.seen)
		u.seen = seen
		return err
	}
	if u.written == nil || len(u.written) > mostUses {
		u.written = map[string]time.Time{}
	}
	for id, c := range seen {
		u.written[id] = c.Used
	}
	return nil
}

// keepUse writes down that a credential was used, unless it is known of the hour.
func keepUse(tx store.Tx, c schema.CredentialUse) error {
	was, err := store.CredentialUses.Get(tx, c.ID)
	switch {
	case err == nil && c.Used.Sub(was.Used) < useEvery:
		return nil
	case err == nil:
		c.Print, c.Since = was.Print, was.Since
	case !schema.IsNotFound(err):
		return err
	}
	return store.CredentialUses.Put(tx, c)
}

// A Configured is a secret that the configuration refers to.
type Configured struct {
	Holder string    // source/NAME or token/NAME
	Secret string    // which is not kept
	Since  time.Time // it was written down then, where that is known
}

// NoteConfigured takes note of the secrets that are configured, so that it is
// known since when each is the one it is: since its file was written, or, of one
// in the environment, since the bridge first met it. If none changed, nothing is
// written.
func NoteConfigured(ctx context.Context, s *store.Store, key Key, all []Configured) error {
	var changed []schema.CredentialUse
	gone := map[string]bool{} // those that are configured no more
	err := s.View(ctx, func(r store.Reader) error {
		changed = changed[:0]
		for u, err := range store.CredentialUses.All(r) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(u.ID, configuredPrefix) {
				gone[u.ID] = true
			}
		}
		for _, c := range all {
			id := ConfiguredID(c.Holder)
			delete(gone, id)
			mark := key.mac("configured", id, c.Secret)[:8]
			was, err := store.CredentialUses.Get(r, id)
			if err != nil && !schema.IsNotFound(err) {
				return err
			}
			if err == nil && string(was.Print) == string(mark) {
				continue
			}
			if c.Since.IsZero() || c.Since.After(r.Now()) {
				c.Since = r.Now()
			}
			changed = append(changed, schema.CredentialUse{ID: id, Holder: c.Holder, Print: mark, Since: c.Since})
		}
		return nil
	})
	if err != nil || len(changed)+len(gone) == 0 {
		return err
	}
	return s.Update(ctx, func(tx store.Tx) error {
		for id := range gone {
			if err := store.CredentialUses.Delete(tx, id); err != nil {
				return err
			}
		}
		for _, c := range changed {
			if err := store.CredentialUses.Put(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

const configuredPrefix = "configured/"

// ConfiguredID names the secret that is configured for a holder.
func ConfiguredID(holder string) string { return configuredPrefix + holder }
