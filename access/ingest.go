package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Provenance says where a change comes from.
type Provenance struct {
	Source   string
	Occurred time.Time    // t0: the source's own time; zero is unknown
	Received time.Time    // t1
	Request  string       // id of the request, for the log
	Book     *policy.Book // the policy in force, which says what the source may say
}

func (p Provenance) actor() string { return "source/" + p.Source }

// approved returns the source's document, or ErrForbidden where policy has none.
func (p Provenance) approved() (*policy.Source, error) {
	src, ok := p.Book.Source(p.Source)
	if !ok {
		return nil, fmt.Errorf("source %s: no Source document approves it: %w", p.Source, schema.ErrForbidden)
	}
	return src, nil
}

// Admit stores what a source says of an identity: a new one where ID is empty,
// its whole record otherwise. What is stored already changes nothing. Only an
// authoritative source may bring an identity into being; what any source says
// beyond its authority is kept in its record, where no rule reads it, and logged
// as ignored.
//
// The errors are ErrForbidden, ErrNotFound (no such identity of this source) and
// ErrConflict (its userName or externalId is taken).
func Admit(tx store.Tx, p Provenance, id schema.Identity) (schema.Identity, error) {
	src, err := p.approved()
	if err != nil {
		return id, err
	}
	if id.ID == "" {
		if src.Spec.Trust != policy.Authoritative {
			return id, fmt.Errorf("source %s: only an authoritative source creates identities: %w", p.Source, schema.ErrForbidden)
		}
		return create(tx, p, id)
	}
	old, err := ownIdentity(tx, p, id.ID)
	if err != nil {
		return id, err
	}
	return change(tx, p, old, id)
}

func create(tx store.Tx, p Provenance, id schema.Identity) (schema.Identity, error) {
	if err := makeWay(tx, p, id.UserName); err != nil {
		return id, err
	}
	now := tx.Now()
	id.ID, id.Source, id.Version, id.Created, id.Modified = tx.NewID(), p.Source, 1, now, now
	id.Occurred, id.Deleted = p.Occurred, time.Time{}
	if err := store.Identities.Put(tx, id); err != nil {
		return id, err
	}
	err := admitted(tx, p, schema.Decision{Verb: schema.Admitted, Subject: id.ID, Reason: "created"}, schema.Identity{}, id)
	if err != nil {
		return id, err
	}
	if err := inheritTombstones(tx, p, id); err != nil {
		return id, err
	}
	return id, arrived(tx, p, schema.Member{Member: id.ID}, id.ID, id.ExternalID)
}

func change(tx store.Tx, p Provenance, old, id schema.Identity) (schema.Identity, error) {
	id.Source, id.Created, id.Deleted = old.Source, old.Created, old.Deleted
	changed, err := changedAttributes(old, id)
	if err != nil {
		return id, err
	}
	if len(changed) == 0 {
		return old, nil
	}
	if ignored := beyond(p, changed); len(ignored) > 0 {
		if slices.Contains(ignored, "active") {
			id.Active = old.Active
		}
		_, err := tx.Record(schema.Decision{
			Actor: p.actor(), Verb: schema.Ignored, Subject: id.ID, Policy: p.Book.Digest(),
			Reason: "no authority for " + strings.Join(ignored, ", "), Because: because(p),
		})
		if err != nil {
			return id, err
		}
	}
	id.Version, id.Modified, id.Occurred = old.Version+1, tx.Now(), p.Occurred
	if err := store.Identities.Put(tx, id); err != nil {
		return id, err
	}
	d := schema.Decision{Verb: schema.Admitted, Subject: id.ID, Reason: "changed " + strings.Join(changed, ", ")}
	if old.Active && !id.Active {
		d.Verb, d.Reason = schema.Left, "deactivated by its source"
	}
	if err := admitted(tx, p, d, old, id); err != nil || old.ExternalID == id.ExternalID {
		return id, err
	}
	return id, arrived(tx, p, schema.Member{Member: id.ID}, id.ExternalID)
}

// Remove records that a source deleted an identity: its memberships end, and its
// access with it. History stays. Where the source has no authority over who
// exists, the deletion is logged as ignored, and nothing else happens.
func Remove(tx store.Tx, p Provenance, identity string) error {
	src, err := p.approved()
	if err != nil {
		return err
	}
	old, err := ownIdentity(tx, p, identity)
	if err != nil {
		return err
	}
	if src.Spec.Trust != policy.Authoritative {
		_, err := tx.Record(schema.Decision{
			Actor: p.actor(), Verb: schema.Ignored, Subject: old.ID, Policy: p.Book.Digest(),
			Reason: "only an authoritative source ends an identity", Because: because(p),
		})
		return err
	}
	id := old
	id.Deleted, id.Active, id.Modified, id.Occurred, id.Version = tx.Now(), false, tx.Now(), p.Occurred, id.Version+1
	if err := store.Identities.Put(tx, id); err != nil {
		return err
	}
	if err := admitted(tx, p, schema.Decision{Verb: schema.Left, Subject: id.ID, Reason: "deleted by its source"}, old, id); err != nil {
		return err
	}
	return partAll(tx, p, id.ID)
}

// settleTime is how soon after a change the next one waits, so that a burst of
// edits of one identity is looked at when it begins and when it is over, and not
// at each of them. Where access may end nothing waits.
const settleTime = time.Second

// admitted records what a source did and has the identity looked at, before
// everyone else where access may end, unless the brake on its source holds that.
// Old is zero of one that is new.
func admitted(tx store.Tx, p Provenance, d schema.Decision, old, id schema.Identity) error {
	d.Actor, d.Because, d.Policy = p.actor(), because(p), p.Book.Digest()
	if _, err := tx.Record(d); err != nil {
		return err
	}
	if governs(p.Book, old, id) {
		if err := wakeGovernance(tx); err != nil {
			return err
		}
	}
	if err := wakeOwned(tx, id); err != nil {
		return err
	}
	ends := ended(p.Book, id, tx.Now()) && old.ID != "" && !ended(p.Book, old, tx.Now())
	withheld, err := withhold(tx, p, old, id, ends)
	switch {
	case err != nil:
		return err
	case ends && !withheld:
		return tx.WakeUrgent(LaneIdentity, id.ID)
	case tx.Now().Sub(old.Modified) < settleTime:
		return tx.Wake(LaneIdentity, id.ID, tx.Now().Add(settleTime))
	}
	return tx.Wake(LaneIdentity, id.ID, tx.Now())
}

// wakeOwned has the machines looked at that somebody answers for of whom something
// is new: they may have come, or left.
func wakeOwned(tx store.Tx, id schema.Identity) error {
	for _, name := range schema.Sorted(id.ID, store.Fold(id.UserName), store.Fold(id.Email)) {
		if name == "" {
			continue
		}
		for o, err := range store.Ownership.All(tx, name) {
			if err != nil {
				return err
			}
			if err := tx.Wake(LaneIdentity, o.Machine, tx.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// governs reports whether roles may depend on what changed of an identity.
func governs(book *policy.Book, old, id schema.Identity) bool {
	return book.Responsible(id.Email) || book.Responsible(id.UserName) ||
		book.Responsible(old.Email) || book.Responsible(old.UserName) ||
		old.ID != "" && old.Active != id.Active && book.Approves()
}

// ended reports whether an identity is one whose access ends.
func ended(book *policy.Book, id schema.Identity, now time.Time) bool {
	return !id.Active || book.Ended(id, now)
}

func because(p Provenance) []string {
	if p.Request == "" {
		return nil
	}
	return []string{"request/" + p.Request}
}

// ownIdentity returns a living identity of the source; those of others are none
// of its business.
func ownIdentity(r store.Reader, p Provenance, id string) (schema.Identity, error) {
	got, err := store.Identities.Get(r, id)
	if err != nil {
		return got, err
	}
	if got.Source != p.Source || got.Gone() {
		return got, fmt.Errorf("identity %s of source %s: %w", id, p.Source, schema.ErrNotFound)
	}
	return got, nil
}

// changedAttributes names what differs between two versions of a record, sorted;
// attributes of an extension go by their own name.
func changedAttributes(old, id schema.Identity) ([]string, error) {
	if old.Active == id.Active && bytes.Equal(old.Resource, id.Resource) {
		return nil, nil
	}
	was, err := flatten(old.Resource)
	if err != nil {
		return nil, fmt.Errorf("identity %s: stored record: %w", id.ID, err)
	}
	is, err := flatten(id.Resource)
	if err != nil {
		return nil, fmt.Errorf("identity %s: %w: %w", id.ID, schema.ErrInvalid, err)
	}
	var changed []string
	for name, value := range is {
		if !bytes.Equal(was[name], value) {
			changed = append(changed, name)
		}
	}
	for name := range was {
		if _, still := is[name]; !still {
			changed = append(changed, name)
		}
	}
	if old.Active != id.Active {
		changed = append(changed, "active")
	}
	return schema.Sorted(changed...), nil
}

// flatten returns a resource's attributes, those of its extensions among them.
func flatten(resource json.RawMessage) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if len(resource) == 0 {
		return all, nil
	}
	if err := json.Unmarshal(resource, &all); err != nil {
		return nil, err
	}
	for name, value := range all {
		if !strings.HasPrefix(name, "urn:") {
			continue
		}
		delete(all, name)
		var extension map[string]json.RawMessage
		if err := json.Unmarshal(value, &extension); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		maps.Copy(all, extension)
	}
	return all, nil
}

// beyond returns those of the attributes that the source has no authority for.
func beyond(p Provenance, attributes []string) []string {
	var names []string
	for _, a := range attributes {
		if !p.Book.Authority(p.Source, a) {
			names = append(names, a)
		}
	}
	return names
}
