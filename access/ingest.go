package access

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	Raw      string       // digest of the raw copy of what was sent, where one is kept
	Book     *policy.Book // the policy in force, which says what the source may say

	published bool // it is the register, which speaks by being published and in no other way
}

func (p Provenance) actor() string { return "source/" + p.Source }

// approved returns the source's document, or ErrForbidden where policy has none.
func (p Provenance) approved() (*policy.Source, error) {
	src, ok := p.Book.Source(p.Source)
	if !ok {
		return nil, fmt.Errorf("source %s: no Source document approves it: %w", p.Source, schema.ErrForbidden)
	}
	if src.Spec.Protocol == policy.ProtocolSignals {
		return nil, fmt.Errorf("source %s: it tells signals, and of no identities: %w", p.Source, schema.ErrForbidden)
	}
	if src.Spec.Protocol == policy.ProtocolRegister && !p.published {
		return nil, fmt.Errorf("source %s: it is the register of machine identities, which is published: %w", p.Source, schema.ErrForbidden)
	}
	return src, nil
}

// Admit stores what a source says of an identity: a new record where ID is empty,
// the whole of its record otherwise. What is stored already changes nothing.
//
// The record is what its source said, word for word, so that the source reads back
// what it wrote and does not say it again. What in it is beyond the source's
// authority is where no rule reads it, and is logged as ignored. A record that no
// authoritative source vouches for waits, and holds nothing, until one does.
//
// The errors are ErrForbidden, ErrNotFound (no such identity of this source) and
// ErrConflict (its userName or externalId is taken).
func Admit(tx store.Tx, p Provenance, id schema.Identity) (schema.Identity, error) {
	if _, err := p.approved(); err != nil {
		return id, err
	}
	if id.ID == "" {
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
	id.Of, id.Bound, id.Apart, id.Lapsed = "", false, false, false
	id.Place = placeAlone(p.Book, id)
	if err := store.Identities.Put(tx, id); err != nil {
		return id, err
	}
	if err := sharedByUsers.changed(tx, p.Book, p.actor(), schema.Identity{}, id); err != nil {
		return id, err
	}
	id, err := correlate(tx, p, id)
	if err != nil {
		return id, err
	}
	beyond := beyondAuthority
	if id.Place == schema.OutOfScope {
		beyond = beyondScope
	}
	if err := beyond(tx, p, id); err != nil {
		return id, err
	}
	err = admitted(tx, p, schema.Decision{Verb: schema.Admitted, Reason: "created"}, schema.Identity{}, id)
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
	id.Of, id.Place, id.Bound, id.Apart, id.Lapsed = old.Of, old.Place, old.Bound, old.Apart, old.Lapsed
	changed, err := changedAttributes(old, id)
	if err != nil {
		return id, err
	}
	if len(changed) == 0 {
		return old, nil
	}
	names := beyond(p, changed)
	if len(names) > 0 {
		if err := ignored(tx, p, id, "no authority for "+strings.Join(names, ", ")); err != nil {
			return id, err
		}
	}
	if len(names) < len(changed) {
		if err := affects(tx, p.Book, p.Source, id.Base()); err != nil {
			return id, err
		}
	}
	id.Version, id.Modified, id.Occurred = old.Version+1, tx.Now(), p.Occurred
	if err := store.Identities.Put(tx, id); err != nil {
		return id, err
	}
	if err := sharedByUsers.changed(tx, p.Book, p.actor(), old, id); err != nil {
		return id, err
	}
	if id, err = correlate(tx, p, id); err != nil {
		return id, err
	}
	if id.Place == schema.OutOfScope && old.Place != id.Place {
		if err := beyondScope(tx, p, id); err != nil {
			return id, err
		}
	}
	d := schema.Decision{Verb: schema.Admitted, Reason: "changed " + strings.Join(changed, ", ")}
	if old.Active && !id.Active && p.Book.Authority(p.Source, "active") {
		d.Verb, d.Reason = schema.Left, "deactivated by its source"
	}
	if err := admitted(tx, p, d, old, id); err != nil {
		return id, err
	}
	if old.UserName != id.UserName || old.ExternalID != id.ExternalID {
		if err := inheritTombstones(tx, p, id); err != nil {
			return id, err
		}
	}
	if old.ExternalID == id.ExternalID {
		return id, nil
	}
	return id, arrived(tx, p, schema.Member{Member: id.ID}, id.ExternalID)
}

// Remove records that a source deleted an identity: its record ends, and the
// memberships of that. Of an authoritative source it is the end of the identity's
// access, of which what another authoritative source vouches for is left. History
// stays. Of any other it is no more than that: the identity goes on without it.
func Remove(tx store.Tx, p Provenance, identity string) error {
	src, err := p.approved()
	if err != nil {
		return err
	}
	old, err := ownIdentity(tx, p, identity)
	if err != nil {
		return err
	}
	id := old
	id.Deleted, id.Active, id.Modified, id.Occurred, id.Version = tx.Now(), false, tx.Now(), p.Occurred, id.Version+1
	id.Lapsed = src.Spec.Trust == policy.Authoritative
	d := schema.Decision{Verb: schema.Left, Reason: "deleted by its source"}
	if !id.Lapsed {
		d.Verb, d.Reason = schema.Ignored, "only an authoritative source ends an identity; its record ended, and nothing else"
	}
	if err := store.Identities.Put(tx, id); err != nil {
		return err
	}
	if err := sharedByUsers.changed(tx, p.Book, p.actor(), old, id); err != nil {
		return err
	}
	if err := admitted(tx, p, d, old, id); err != nil {
		return err
	}
	if err := affects(tx, p.Book, p.Source, id.Base()); err != nil {
		return err
	}
	if err := agree(tx, id.Base()); err != nil {
		return err
	}
	if _, err := correlate(tx, p, id); err != nil {
		return err
	}
	return partAll(tx, p, id.ID)
}

// recordOf names one of several records in the log; where a decision is about the
// identity that the record itself is, nothing.
func recordOf(id schema.Identity) string {
	if id.Of == "" {
		return ""
	}
	return "record/" + id.ID
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
	d.Subject, d.Object = id.Base(), recordOf(id)
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
	now := tx.Now()
	ends := old.ID != "" && p.Book.Leaves(id, now.Add(foresight)) && !p.Book.Leaves(old, now.Add(foresight))
	withheld, err := withhold(tx, p, old, id, ends)
	switch {
	case err != nil:
		return err
	case !withheld && old.ID != "" && p.Book.Leaves(id, now) && !p.Book.Leaves(old, now):
		return tx.WakeUrgent(LaneIdentity, id.Base())
	case now.Sub(old.Modified) < settleTime:
		return tx.Wake(LaneIdentity, id.Base(), now.Add(settleTime))
	}
	return tx.Wake(LaneIdentity, id.Base(), now)
}

// foresight is how far ahead an end counts for the brake on its source, so that a
// last day that is a minute away does not go past it.
const foresight = 24 * time.Hour

// wakeOwned has the machines looked at that somebody answers for of whom something
// is new: they may have come, or left.
func wakeOwned(tx store.Tx, id schema.Identity) error {
	for _, name := range schema.Sorted(id.Base(), store.Fold(id.UserName), store.Fold(id.Email)) {
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
func ended(book *policy.Book, f policy.Facts, now time.Time) bool {
	return !f.Identity.Active || book.Ended(f, now)
}

func because(p Provenance) []string {
	var all []string
	if p.Request != "" {
		all = append(all, "request/"+p.Request)
	}
	if p.Raw != "" {
		all = append(all, "raw/"+p.Raw)
	}
	return all
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
	for path, value := range is {
		if !bytes.Equal(was[path], value) {
			changed = append(changed, nameAt(path))
		}
	}
	for path := range was {
		if _, still := is[path]; !still {
			changed = append(changed, nameAt(path))
		}
	}
	if old.Active != id.Active {
		changed = append(changed, "active")
	}
	return schema.Sorted(changed...), nil
}

// flatten returns a resource's attributes by their paths, those of its extensions
// among them: two schemas may have one of the same name.
func flatten(resource json.RawMessage) (map[string]json.RawMessage, error) {
	var said map[string]json.RawMessage
	if len(resource) == 0 {
		return said, nil
	}
	if err := json.Unmarshal(resource, &said); err != nil {
		return nil, err
	}
	all := make(map[string]json.RawMessage, len(said))
	for name, value := range said {
		if !strings.Contains(name, ":") { // an extension goes by its URN, in whatever case that is
			all[name] = value
			continue
		}
		var extension map[string]json.RawMessage
		if err := json.Unmarshal(value, &extension); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for part, value := range extension {
			all[name+":"+part] = value
		}
	}
	return all, nil
}

// nameAt returns the name of the attribute at a path.
func nameAt(path string) string { return path[strings.LastIndexByte(path, ':')+1:] }
