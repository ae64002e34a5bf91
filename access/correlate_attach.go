package access

import (
	"encoding/json"
	"fmt"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Attachment is a person's word on whose a record is: by whom, and why.
type Attachment struct {
	Record   string // its id
	Identity string // the id of the identity that it is to be of; nothing to take it from the one it is of
	By       string
	Reason   string
}

// Attach makes a record one of an identity, by the word of a person, and no value of
// it parts them again. What people gave to an identity that the record was by itself
// goes with it.
//
// A record that its source deleted is ErrNotFound; one of the identity already, or
// of a source that has one of it, is ErrConflict.
func Attach(tx store.Tx, book *policy.Book, a Attachment) error {
	rec, err := attachable(tx, a)
	if err != nil {
		return err
	}
	base, err := store.Identities.Get(tx, a.Identity)
	if err == nil && base.Of != "" {
		base, err = store.Identities.Get(tx, base.Of)
	}
	if err != nil {
		return err
	}
	c := newCorrelation(tx, book, a.By, nil)
	if err := c.takes(base, rec); err != nil {
		return err
	}
	was, place := rec.Base(), rec.Place
	rec.Of, rec.Bound, rec.Apart, rec.Place = base.ID, true, false, schema.Counts
	if !book.InScope(rec) {
		rec.Place = schema.OutOfScope
	}
	if err := c.carryGrants(was, rec); err != nil {
		return err
	}
	return c.attach(rec, was, place, schema.Correlated, a)
}

// Detach takes a record from the identity that it is of, by the word of a person, and
// no value of it joins it to any again. It is an identity of its own then. Of a
// record that was kept apart it settles that.
func Detach(tx store.Tx, book *policy.Book, a Attachment) error {
	rec, err := attachable(tx, a)
	if err != nil {
		return err
	}
	for _, err := range store.Identities.By(tx, store.IdentityOf, rec.ID) {
		if err == nil {
			err = fmt.Errorf("record %s is the one that its identity goes by; split the others from it: %w", rec.ID, schema.ErrConflict)
		}
		return err
	}
	if rec.Apart {
		return fmt.Errorf("record %s is split off already: %w", rec.ID, schema.ErrConflict)
	}
	was, place := rec.Base(), rec.Place
	rec.Of, rec.Bound, rec.Apart, rec.Place = "", false, true, schema.Counts
	rec.Place = placeAlone(book, rec)
	return newCorrelation(tx, book, a.By, nil).attach(rec, was, place, schema.Split, a)
}

// attachable returns the record that a person speaks of.
func attachable(r store.Reader, a Attachment) (schema.Identity, error) {
	if a.By == "" || a.Reason == "" {
		return schema.Identity{}, fmt.Errorf("record %s: say who decided and why: %w", a.Record, schema.ErrInvalid)
	}
	rec, err := store.Identities.Get(r, a.Record)
	if err == nil && rec.Gone() {
		err = fmt.Errorf("record %s: its source deleted it: %w", a.Record, schema.ErrNotFound)
	}
	return rec, err
}

// takes returns an error if a record can not become one of an identity.
func (c *correlation) takes(base, rec schema.Identity) error {
	if rec.Base() == base.ID && (rec.Bound || rec.ID == base.ID) {
		return fmt.Errorf("record %s is one of identity %s already: %w", rec.ID, base.ID, schema.ErrConflict)
	}
	for _, err := range store.Identities.By(c.tx, store.IdentityOf, rec.ID) {
		if err == nil {
			err = fmt.Errorf("other records are of identity %s; join them first: %w", rec.ID, schema.ErrConflict)
		}
		return err
	}
	f, err := whole(c.tx, c.book, base.ID, false)
	if err != nil {
		return err
	}
	records := f.Records
	if len(records) == 0 {
		records = []policy.Record{{Identity: f.Identity}}
	}
	for _, r := range records {
		if r.Source == rec.Source && r.ID != rec.ID && !r.Gone() {
			return fmt.Errorf("source %s has record %s of identity %s, and one of its own is not another one's: %w", r.Source, r.ID, base.ID, schema.ErrConflict)
		}
	}
	if f.Identity.Gone() {
		return fmt.Errorf("identity %s: its source deleted it: %w", base.ID, schema.ErrNotFound)
	}
	return nil
}

// attach stores where a person put a record, and settles everybody whom that concerns.
func (c *correlation) attach(rec schema.Identity, was string, place schema.Place, verb schema.Verb, a Attachment) error {
	detail, err := json.Marshal(map[string]string{"reason": a.Reason})
	if err != nil {
		return err
	}
	if err := store.Identities.Put(c.tx, rec); err != nil {
		return err
	}
	if err := c.report(rec, place, ""); err != nil {
		return err
	}
	if err := c.move(rec, was, verb, a.By, "by a person", detail); err != nil {
		return err
	}
	touched, err := c.keep(rec)
	if err != nil {
		return err
	}
	c.settled[rec.ID] = true
	if err := c.look(&rec, touched); err != nil {
		return err
	}
	return c.settle(was)
}

// carryGrants hands the live grants of an identity that becomes a record of another
// over to that.
func (c *correlation) carryGrants(was string, rec schema.Identity) error {
	if was != rec.ID {
		return nil
	}
	for g, err := range store.Grants.All(c.tx, was) {
		if err != nil {
			return err
		}
		if !g.Live(c.tx.Now()) {
			continue
		}
		carried := g
		carried.Identity = rec.Base()
		if !carried.Bounded() {
			carried.Permanent = "it was given before a grant had to have an end, or to say why it needs none"
		}
		if err := endGrant(c.tx, c.book.Digest(), ending{g, c.actor, schema.Revoked, "joined", "it goes over to identity " + rec.Base()}); err != nil {
			return err
		}
		if err := store.Grants.Put(c.tx, carried); err != nil {
			return err
		}
		_, err := c.tx.Record(schema.Decision{
			Actor: c.actor, Verb: schema.Granted, Subject: carried.Identity, Object: "role/" + g.Role, Because: []string{"grant/" + g.ID},
			Reason: "it was given to identity " + was + ", which is this one", Policy: c.book.Digest(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// WhyAmbiguous says what speaks against joining a record to an identity by itself.
func WhyAmbiguous(r store.Reader, rec schema.Identity) (string, error) {
	f, err := store.Findings.Get(r, findingAmbiguous, "", rec.ID, "source/"+rec.Source)
	if schema.IsNotFound(err) {
		return "", nil
	}
	return f.Reason, err
}
