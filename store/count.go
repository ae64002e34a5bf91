package store

import "fmt"

// Counts are kept, so that asking how many there are reads a row and not a
// table. What is counted, and of what, are the key. Where several writers are at
// work a count is spread over rows by what is counted, so that strangers do not
// meet in it, and is their sum.
const (
	tableCounts = "counts"

	countRecords = "records" // of a collection
	countItems   = "items"   // of a lane
	countLeased  = "leased"  // of these, those at a worker

	shards = 64
)

func (t *transaction) addCount(what, of string, key []byte, n int64) error {
	row := append(makeKey(what, of), t.shard(key))
	value, err := t.get(tableCounts, row)
	if err != nil {
		return err
	}
	var count int64
	if value != nil {
		var ok bool
		if count, ok = keySeq(value); !ok {
			return broken(tableCounts, row)
		}
	}
	return t.replace(tableCounts, row, value, seqKey(count+n))
}

func (t *transaction) shard(key []byte) byte {
	if t.store.engine.Writers() <= 1 {
		return 0
	}
	hash := uint32(2166136261) // FNV-1a
	for _, b := range key {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return byte(hash % shards)
}

func (t *transaction) count(what, of string) (n int64, err error) {
	counts, err := t.counts(makeKey(what, of))
	return counts[of], err
}

// counts returns what is kept under a prefix, by what it is of.
func (t *transaction) counts(prefix []byte) (map[string]int64, error) {
	counts := map[string]int64{}
	for row, err := range t.txn.Scan(tableCounts, prefix, after(prefix)) {
		if err != nil {
			return nil, err
		}
		parts, ok := splitKey(row.Key[:len(row.Key)-1])
		n, is := keySeq(row.Value)
		if !ok || len(parts) != 2 || !is {
			return nil, broken(tableCounts, row.Key)
		}
		counts[parts[1]] += n
	}
	return counts, nil
}

// broken is what is said of a row that this code did not write, or a disk did
// not keep.
func broken(table string, key []byte) error {
	return fmt.Errorf("table %s: row %q is not what it should be; check the store, and restore a backup", table, key)
}
