package issuer

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// mostKnown is how many tokens are remembered at once.
const mostKnown = 10_000

// known are the tokens that were verified, by their SHA-256, so that each is
// verified once and not at every request. The one that was shown longest ago makes
// room. Only right ones are in it: whoever makes tokens up fills nothing.
type known struct {
	most int

	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*list.Element
	recent *list.List // of entry, the last shown first
}

// An entry is good until its token ends, and for as long as the keys that
// verified it are the issuer's.
type entry struct {
	hash   [sha256.Size]byte
	holder Holder
	until  time.Time
	issuer *trusted
	keys   *keys
}

func newKnown(most int) *known {
	return &known{most: most, byHash: map[[sha256.Size]byte]*list.Element{}, recent: list.New()}
}

func (k *known) get(hash [sha256.Size]byte) (entry, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.byHash[hash]
	if !ok {
		return entry{}, false
	}
	k.recent.MoveToFront(e)
	return e.Value.(entry), true //nolint:errcheck // nothing else is in the list
}

func (k *known) put(hash [sha256.Size]byte, e entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e.hash = hash
	if was, ok := k.byHash[hash]; ok {
		was.Value = e
		k.recent.MoveToFront(was)
		return
	}
	if k.recent.Len() >= k.most {
		oldest := k.recent.Back()
		delete(k.byHash, oldest.Value.(entry).hash) //nolint:errcheck // the same
		k.recent.Remove(oldest)
	}
	k.byHash[hash] = k.recent.PushFront(e)
}
