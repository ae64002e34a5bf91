package access

import (
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A source that deletes somebody and tells of them again makes a new identity. What
// people took from the old one would come back by that, and nobody would have
// decided it.

// inheritTombstones puts the tombstones of whom a new identity follows against it
// too: of those of its externalId and of its userName that its source deleted, the
// last each. The ones before were followed by these, and what was granted since
// lifted theirs.
func inheritTombstones(tx store.Tx, p Provenance, id schema.Identity) error {
	if n, err := store.Tombstones.Count(tx); err != nil || n == 0 {
		return err
	}
	former, err := followed(tx, p, id)
	if err != nil {
		return err
	}
	for _, old := range former {
		for stone, err := range store.Tombstones.All(tx, old) {
			if err != nil {
				return err
			}
			_, err := store.Tombstones.Get(tx, id.Base(), stone.Role)
			if err == nil {
				continue
			}
			if !schema.IsNotFound(err) {
				return err
			}
			stone.Identity = id.Base()
			if err := store.Tombstones.Put(tx, stone); err != nil {
				return err
			}
			_, err = tx.Record(schema.Decision{
				Actor: "bridge", Verb: schema.Revoked, Subject: id.Base(), Object: "role/" + stone.Role, Because: because(p),
				Reason: "it was revoked from identity " + old + ", whom the source deleted and tells of again", Policy: p.Book.Digest(),
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// followed returns the ids of those that an identity follows, each once. Where its
// source vouches for nobody, only those are whom it alone knew: it could put what
// stands against one against whom it likes.
func followed(r store.Reader, p Provenance, id schema.Identity) ([]string, error) {
	var byExternalID, byName schema.Identity
	if id.ExternalID != "" {
		for old, err := range store.Identities.By(r, store.IdentityFormerExternalID, id.Source, id.ExternalID) {
			if err != nil {
				return nil, err
			}
			if old.Deleted.After(byExternalID.Deleted) {
				byExternalID = old
			}
		}
	}
	name := store.Fold(id.UserName)
	for old, err := range store.Identities.By(r, store.IdentityFormer, name) {
		if err != nil {
			return nil, err
		}
		if old.Source == id.Source && store.Fold(old.UserName) == name && old.Deleted.After(byName.Deleted) {
			byName = old
		}
	}
	var ids []string
	for _, old := range []schema.Identity{byExternalID, byName} {
		if old.ID == "" || old.Base() == id.Base() || old.Of != "" && p.Book.Trust(p.Source) != policy.Authoritative {
			continue
		}
		if base, err := store.Identities.Get(r, old.Base()); err != nil {
			return nil, err
		} else if base.Gone() { // else it goes on without the record
			ids = append(ids, base.ID)
		}
	}
	return schema.Sorted(ids...), nil
}
