package store

import "hash/fnv"

const (
	tableMeetings = "meetings"
	meetings      = 1 << 12
)

// Meet makes transactions that meet under one name depend on each other, also where
// there is no row yet that both write: of two at once, one is run again. It costs
// nothing where they run one after the other.
func Meet(tx Tx, name ...string) error {
	t := tx.transaction()
	if t.store.engine.Writers() <= 1 {
		return nil
	}
	h := fnv.New64a()
	_, _ = h.Write(makeKey(name...)) // it fails never
	return t.put(tableMeetings, seqKey(int64(h.Sum64()%meetings)), nil)
}
