package access

import (
	"fmt"
	"maps"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Records of several sources are of one identity where policy says by what
// (correlateBy) and what they say agrees: by the strongest attribute that two
// sources have in common, each has the other, and no third one. Which records
// those are depends on what they say now and not on who came first, so that it is
// worked out anew for all whom a value concerns, whenever one comes, goes or
// changes. Where a value is that of several, all of them are kept apart, and a
// person says who is whose (Attach, Detach); from then on no value does.
//
// An identity goes by the id of one of its records, and keeps it, also when that
// record is deleted while an authoritative source still tells of it by another.

// maxAlike is how many records of one source with one value are looked at. More are
// not told apart.
const maxAlike = 32

// A correlation is records being brought together, for a change of one of them.
type correlation struct {
	tx      store.Tx
	book    *policy.Book
	actor   string
	because []string

	settled map[string]bool
}

func newCorrelation(tx store.Tx, book *policy.Book, actor string, because []string) *correlation {
	return &correlation{tx: tx, book: book, actor: actor, because: because, settled: map[string]bool{}}
}

// correlate settles which identity a record is of, and with it all others that its
// values concern. The record is stored already; it is returned as it then is.
func correlate(tx store.Tx, p Provenance, rec schema.Identity) (schema.Identity, error) {
	c := newCorrelation(tx, p.Book, p.actor(), because(p))
	touched, err := c.keep(rec)
	if err != nil || len(touched) == 0 && rec.Place == placeAlone(p.Book, rec) {
		return rec, err
	}
	return rec, c.look(&rec, touched)
}

// look settles a record and all whom its values concern: those who have a value that
// came or went, those who have any with these in common, since who goes with one of
// them does not go with another, and all others of their identities.
func (c *correlation) look(rec *schema.Identity, touched []store.Correlation) error {
	concerned, walked := map[string]bool{}, map[[2]string]bool{}
	if err := c.concern(concerned, walked, rec.ID); err != nil {
		return err
	}
	for _, value := range touched {
		ids, err := c.everybody(value.Attribute, value.Value)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := c.concern(concerned, walked, id); err != nil {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(concerned)) {
		if err := c.settle(id); err != nil {
			return err
		}
	}
	is, err := store.Identities.Get(c.tx, rec.ID)
	if err == nil {
		*rec = is
	}
	return err
}

// concern adds a record, those who have a value with it in common, and those who are
// of one identity with any of them. Who has a value is looked up once.
func (c *correlation) concern(concerned map[string]bool, walked map[[2]string]bool, id string) error {
	with := []string{id}
	for value, err := range store.Correlations.By(c.tx, store.CorrelationRecord, id) {
		if err != nil {
			return err
		}
		at := [2]string{value.Attribute, value.Value}
		if walked[at] {
			continue
		}
		walked[at] = true
		ids, err := c.everybody(value.Attribute, value.Value)
		if err != nil {
			return err
		}
		with = append(with, ids...)
	}
	for _, id := range with {
		if concerned[id] {
			continue
		}
		rec, err := store.Identities.Get(c.tx, id)
		if err != nil {
			return err
		}
		concerned[id], concerned[rec.Base()] = true, true
		for row, err := range store.Identities.By(c.tx, store.IdentityOf, rec.Base()) {
			if err != nil {
				return err
			}
			concerned[row.ID] = true
		}
	}
	return nil
}

// keep makes the values by which a record is found those that it has, and returns
// the ones that came or went.
func (c *correlation) keep(rec schema.Identity) (touched []store.Correlation, err error) {
	keys := c.book.CorrelationKeys(rec)
	if n, err := store.Correlations.Count(c.tx); err != nil || n == 0 && len(keys) == 0 {
		return nil, err
	}
	had := map[store.Correlation]bool{}
	for row, err := range store.Correlations.By(c.tx, store.CorrelationRecord, rec.ID) {
		if err != nil {
			return nil, err
		}
		had[row] = true
	}
	free, err := c.free(rec)
	if err != nil {
		return nil, err
	}
	if free {
		for _, key := range keys {
			for _, value := range c.book.CorrelationValues(rec, key) {
				row := store.Correlation{Attribute: key, Value: value, Source: rec.Source, Record: rec.ID}
				if had[row] {
					delete(had, row)
					continue
				}
				touched = append(touched, row)
				if err := store.Correlations.Put(c.tx, row); err != nil {
					return nil, err
				}
			}
		}
	}
	for row := range had {
		touched = append(touched, row)
		if err := store.Correlations.Delete(c.tx, row.Attribute, row.Value, row.Source, row.Record); err != nil {
			return nil, err
		}
	}
	for _, row := range touched { // two that say the same at once meet in this row
		if err := store.Correlations.Put(c.tx, store.Correlation{Attribute: row.Attribute, Value: row.Value}); err != nil {
			return nil, err
		}
	}
	return touched, nil
}

// free reports whether what a record says decides of whom it is.
func (c *correlation) free(rec schema.Identity) (bool, error) {
	if _, approved := c.book.Source(rec.Source); !approved || rec.Bound || rec.Apart || !c.book.InScope(rec) {
		return false, nil
	}
	return c.lives(rec)
}

// lives reports whether a record is there, as policy goes by it.
func (c *correlation) lives(rec schema.Identity) (bool, error) {
	if !rec.Gone() {
		return true, nil
	}
	_, err := store.WithheldIdentities.Get(c.tx, rec.ID)
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// alike returns the records of a source that have a value, at most one more than are
// looked at. They are counted by source, so that what one of them tells of by the
// dozen hides nobody of another.
func (c *correlation) alike(attribute, value, source string) (ids []string, err error) {
	for row, err := range store.Correlations.All(c.tx, attribute, value, source) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, row.Record); len(ids) > maxAlike {
			break
		}
	}
	return ids, nil
}

// everybody returns the records of all sources that have a value.
func (c *correlation) everybody(attribute, value string) (ids []string, err error) {
	for _, source := range c.book.Correlating() {
		alike, err := c.alike(attribute, value, source.Metadata.Name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, alike...)
	}
	return ids, nil
}

// best returns which records of a source agree with a record, by the strongest
// attribute in which any does.
func (c *correlation) best(rec schema.Identity, source string) (by string, ids []string, err error) {
	for _, key := range c.book.CorrelateBy(rec.Source, source) {
		for _, value := range c.book.CorrelationValues(rec, key) {
			alike, err := c.alike(key, value, source)
			if err != nil {
				return "", nil, err
			}
			ids = append(ids, alike...)
		}
		if ids = schema.Sorted(ids...); len(ids) > 0 {
			return key, ids, nil
		}
	}
	return "", nil, nil
}

// A mate is a record of another source that is of the same identity.
type mate struct {
	id, by, source string // by is empty of one that is bound to it
}

// mates returns the records that go with a free one, and why it is ambiguous, if it
// is.
func (c *correlation) mates(rec schema.Identity) (mates []mate, why string, err error) {
	for _, other := range c.book.Correlating() {
		source := other.Metadata.Name
		by, ids, err := c.best(rec, source)
		if err != nil || len(ids) == 0 {
			if err != nil {
				return nil, "", err
			}
			continue
		}
		below := c.book.TrustedMore(rec.Source, source)
		if len(ids) > 1 {
			if !below {
				why = fmt.Sprintf("its %s is that of records %s", by, joinLimited(ids, 5))
			}
			continue
		}
		one, err := store.Identities.Get(c.tx, ids[0])
		if err != nil {
			return nil, "", err
		}
		_, back, err := c.best(one, rec.Source)
		if err != nil {
			return nil, "", err
		}
		switch {
		case slices.Equal(back, []string{rec.ID}):
			mates = append(mates, mate{one.ID, by, source})
		case !below:
			why = fmt.Sprintf("its %s is that of record %s, which agrees with others of source %s too", by, one.ID, rec.Source)
		}
	}
	return mates, why, nil
}

// bound returns the records that stay with a record whatever they say: those that a
// person joined to its identity, and those of it that their source may not speak of
// any more.
func (c *correlation) bound(rec schema.Identity) (with []mate, err error) {
	base := rec.Base()
	if base != rec.ID { // they stay with whom it began with, while that one is there
		first, err := store.Identities.Get(c.tx, base)
		if err != nil {
			return nil, err
		}
		if there, err := c.lives(first); err != nil || there && first.Of == "" {
			return nil, err
		}
	}
	leads := rec.ID
	for row, err := range store.Identities.By(c.tx, store.IdentityOf, base) {
		if err != nil {
			return nil, err
		}
		free, err := c.free(row)
		if err != nil {
			return nil, err
		}
		if free && base != rec.ID && row.ID < leads {
			leads = row.ID
		}
		if there, err := c.lives(row); err != nil {
			return nil, err
		} else if there && !free && row.ID != rec.ID {
			with = append(with, mate{id: row.ID, source: row.Source})
		}
	}
	if leads != rec.ID {
		return nil, nil
	}
	return with, nil
}

// settle brings everybody together who goes with a record.
func (c *correlation) settle(id string) error {
	rec, err := store.Identities.Get(c.tx, id)
	if schema.IsNotFound(err) || c.settled[id] {
		return nil
	}
	if err != nil {
		return err
	}
	if there, err := c.lives(rec); err != nil || !there {
		return err
	}
	if free, err := c.free(rec); err != nil || !free && rec.Of != "" {
		return err // it stays with whom it is with, who are settled by themselves
	}
	parties, err := c.parties(rec)
	if err != nil {
		return err
	}
	for _, one := range parties {
		if err := c.join(one); err != nil {
			return err
		}
	}
	return nil
}
