package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// A Fault is a row that is not what the others make it, or that is missing.
type Fault struct {
	Table   string
	Key     string
	Problem string
}

// String says it in one line.
func (f Fault) String() string { return fmt.Sprintf("%s %q: %s", f.Table, f.Key, f.Problem) }

// A CheckReport says what a check went through and what it found.
type CheckReport struct {
	Records      int64 // in all collections
	IndexEntries int64 // that they are found by
	Items        int64 // in all lanes
	Decisions    int64 // in the log
	Faults       []Fault
	More         int // faults that were found beyond those in Faults
}

// OK reports whether nothing is wrong.
func (r CheckReport) OK() bool { return len(r.Faults) == 0 }

const maxFaults = 100

// Check makes every index, every lane's order, every kept count and the log's
// tree anew and compares them with what is stored, in one snapshot. It changes
// nothing and holds little in memory. An engine that can look for damage of its
// own does that first; what it finds is the error.
func (s *Store) Check(ctx context.Context) (CheckReport, error) {
	var report CheckReport
	if c, ok := s.engine.(Checker); ok {
		if err := c.Check(ctx); err != nil {
			return report, err
		}
	}
	err := s.View(ctx, func(r Reader) error {
		c := checking{transaction: r.transaction(), report: &report}
		for _, collection := range everything() {
			if err := collection.check(&c); err != nil {
				return err
			}
		}
		if err := c.lanes(); err != nil {
			return err
		}
		return c.decisions()
	})
	return report, err
}

// checked is what a collection of any type can do.
type checked interface{ check(c *checking) error }

// A checking is a check under way.
type checking struct {
	*transaction
	report *CheckReport
}

func (c *checking) fault(table string, key []byte, format string, args ...any) {
	if len(c.report.Faults) == maxFaults {
		c.report.More++
		return
	}
	c.report.Faults = append(c.report.Faults, Fault{table, readableKey(key), fmt.Sprintf(format, args...)})
}

func readableKey(key []byte) string {
	if parts, ok := splitKey(key); ok {
		return string(bytes.Join(byteParts(parts), []byte(" ")))
	}
	return string(key)
}

func byteParts(parts []string) [][]byte {
	all := make([][]byte, len(parts))
	for i, p := range parts {
		all[i] = []byte(p)
	}
	return all
}

// holds reports a fault if a row does not hold the value, where nil is no row.
func (c *checking) holds(table string, key, want []byte, problem string) error {
	got, err := c.get(table, key)
	if err != nil {
		return err
	}
	if (got == nil) != (want == nil) || !bytes.Equal(got, want) {
		c.fault(table, key, "%s", problem)
	}
	return nil
}

// kept reports a fault if a kept count is not what was counted.
func (c *checking) kept(what, of string, counted int64) error {
	kept, err := c.count(what, of)
	if err == nil && kept != counted {
		c.fault(tableCounts, makeKey(what, of), "says %d, and there are %d", kept, counted)
	}
	return err
}

// size counts the rows of a table.
func (c *checking) size(table string) (n int64, err error) {
	for _, err := range c.rows(table, nil, nil) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (c *Collection[R]) check(k *checking) error { return c.all.check(k) }

// check compares a collection's records with their index entries.
func (c *records) check(k *checking) error {
	entries := make([]int64, len(c.indexes)) // that there should be
	below := make([]map[string]int64, len(c.indexes))
	var records int64
	for row, err := range k.rows(c.name, nil, nil) {
		if err != nil {
			return err
		}
		records++
		rec := c.fresh()
		if err := c.parse(row.Key, row.Value, rec); err != nil {
			k.fault(c.name, row.Key, "%v", err)
			continue
		}
		if !bytes.Equal(makeKey(c.key(rec)...), row.Key) {
			k.fault(c.name, row.Key, "the record says that its key is %q", c.key(rec))
		}
		for i, x := range c.indexes {
			n, err := x.checkRecord(k, rec, row.Key)
			if err != nil {
				return err
			}
			entries[i] += n
			if x.kept && n > 0 {
				if below[i] == nil {
					below[i] = map[string]int64{}
				}
				below[i][x.of(rec)[0][0]] += n
			}
		}
	}
	k.report.Records += records
	for i, x := range c.indexes {
		if err := c.checkIndex(k, x, entries[i]); err != nil {
			return err
		}
		if err := k.keptAll(entriesOf(x.name), below[i]); err != nil {
			return err
		}
		if x.marked {
			if err := k.milestones(x.name); err != nil {
				return err
			}
		}
	}
	return k.kept(countRecords, c.name, records)
}

// checkRecord looks for a record's entries in the index.
func (x *entries) checkRecord(k *checking, rec any, key []byte) (entries int64, err error) {
	values := x.of(rec)
	for i, value := range values {
		if contains(values[:i], value) {
			continue
		}
		entries++
		entry, holds := x.entry(nil, value, key)
		if err := k.holds(x.name, entry, holds, "should point to "+readableKey(key)); err != nil {
			return entries, err
		}
	}
	return entries, nil
}

// checkIndex looks for entries that no record made. It asks the records only if
// there are more than there should be.
func (c *records) checkIndex(k *checking, x *entries, want int64) error {
	n, err := k.size(x.name)
	k.report.IndexEntries += n
	if err != nil || n == want {
		return err
	}
	for row, err := range k.rows(x.name, nil, nil) {
		if err != nil {
			return err
		}
		key, ok := x.points(row)
		if !ok {
			k.fault(x.name, row.Key, "is not an entry of an index")
			continue
		}
		rec := c.fresh()
		ok, err = c.load(k.transaction, key, rec)
		if err != nil {
			continue // the record's own fault, found above
		}
		if !ok || !x.has(rec, key, row.Key) {
			k.fault(x.name, row.Key, "points to %s, which is not so", readableKey(key))
		}
	}
	return nil
}

func (x *entries) has(rec any, key, entry []byte) bool {
	for _, value := range x.of(rec) {
		if e, _ := x.entry(nil, value, key); bytes.Equal(e, entry) {
			return true
		}
	}
	return false
}

// lanes compares the items of all lanes with their order and their counts.
func (c *checking) lanes() error {
	items, leased := map[string]int64{}, map[string]int64{}
	var all int64
	for row, err := range c.rows(tableLanes, nil, nil) {
		if err != nil {
			return err
		}
		item, err := readItem(row)
		if err != nil {
			c.fault(tableLanes, row.Key, "%v", err)
			continue
		}
		all++
		items[string(item.Lane)]++
		if !item.Leased.IsZero() {
			leased[string(item.Lane)]++
		}
		s, _ := decodeState(row.Value)
		if err := c.holds(tableReady, s.readyKey(nil, item.Lane, item.ID), []byte{}, "is missing: its item is never looked at"); err != nil {
			return err
		}
	}
	c.report.Items = all
	n, err := c.size(tableReady)
	if err != nil {
		return err
	}
	if n != all {
		c.fault(tableReady, nil, "%d rows for %d items", n, all)
	}
	if err := c.bundles(items); err != nil {
		return err
	}
	return errors.Join(c.keptAll(countItems, items), c.keptAll(countLeased, leased))
}

// keptAll reports a fault for each kept count that is not what was counted.
func (c *checking) keptAll(what string, counted map[string]int64) error {
	kept, err := c.counts(what)
	if err != nil {
		return err
	}
	for of := range counted {
		kept[of] += 0 // looked at also where nothing is kept
	}
	for of, n := range kept {
		if n != counted[of] {
			c.fault(tableCounts, makeKey(what, of), "says %d, and there are %d", n, counted[of])
		}
	}
	return nil
}

// milestones counts the entries between the milestones of an index again.
func (c *checking) milestones(index string) error {
	if !c.keepsMilestones() {
		return nil
	}
	table := milestonesOf(index)
	counted := int64(0)
	var before []byte
	for row, err := range c.rows(table, nil, nil) {
		if err != nil {
			return err
		}
		m, err := readMilestone(table, row)
		if err != nil {
			c.fault(table, row.Key, "%v", err)
			continue
		}
		parts, ok := splitKey(m.from)
		if first := ok && len(parts) == 1; !first && !bytes.Equal(m.from, before) {
			c.fault(table, row.Key, "does not begin where the one before it ends")
		}
		n := int64(0)
		for _, err := range c.rows(index, m.begin(), append(m.at, 0)) {
			if err != nil {
				return err
			}
			n++
		}
		if n != m.n {
			c.fault(table, row.Key, "says %d, and there are %d", m.n, n)
		}
		counted, before = counted+n, row.Key
	}
	n, err := c.size(index)
	if err == nil && n != counted {
		c.fault(table, nil, "%d entries of %d are before none", n-counted, n)
	}
	return err
}
