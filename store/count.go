package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Counts are kept, so that asking how many there are reads a row and not a
// table. What is counted, and of what, are the key. Where several writers are at
// work a count is spread over rows by what is counted, so that strangers do not
// meet in it, and is their sum. A transaction gathers what it adds to each of the
// rows, and writes them once, when its function has returned.
const (
	tableCounts = "counts"

	countRecords = "records" // of a collection
	countItems   = "items"   // of a lane
	countLeased  = "leased"  // of these, those at a worker

	shards = 64
)

// A counter is one row of counts.
type counter struct {
	what, of string
	shard    byte
}

func (c counter) key() []byte { return append(makeKey(c.what, c.of), c.shard) }

func (c counter) compare(d counter) int {
	return cmp.Or(cmp.Compare(c.what, d.what), cmp.Compare(c.of, d.of), cmp.Compare(c.shard, d.shard))
}

func (t *transaction) addCount(what, of string, key []byte, n int64) {
	if t.counted == nil {
		t.counted = map[counter]int64{}
	}
	t.counted[counter{what, of, t.shard(key)}] += n
}

// writeCounts writes what was gathered.
func (t *transaction) writeCounts() error {
	rows := slices.SortedFunc(maps.Keys(t.counted), counter.compare) // so that two writers never wait for each other
	for _, c := range rows {
		n, row := t.counted[c], c.key()
		if n == 0 {
			continue
		}
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
		if err := t.replace(tableCounts, row, value, seqKey(count+n)); err != nil {
			return err
		}
	}
	t.counted = nil
	return nil
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
	counts, err := t.counts(what, of)
	return counts[of], err
}

// counts returns what is kept, and what this transaction adds to it, by what it
// is of; of one thing, or of all.
func (t *transaction) counts(what string, of ...string) (map[string]int64, error) {
	counts := map[string]int64{}
	for c, n := range t.counted {
		if c.what == what && (len(of) == 0 || c.of == of[0]) {
			counts[c.of] += n
		}
	}
	prefix := makeKey(append([]string{what}, of...)...)
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
