package access

import (
	"context"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// enrol makes the records of the register of machine identities what the policy in
// force says: it tells of those that are new or changed, and ends those that somebody
// took off it. One whose entry has a mistake in it stays as it was. A policy that is
// not the one that was published is not the register's to tell.
func enrol(ctx context.Context, s *store.Store, book *policy.Book) error {
	var admit, remove []schema.Identity
	err := s.View(ctx, func(r store.Reader) (err error) {
		admit, remove, err = unenrolled(r, book)
		return err
	})
	if err != nil {
		return err
	}
	tell := func(rows []schema.Identity, one func(store.Tx, Provenance, schema.Identity) error) error {
		for some := range slices.Chunk(rows, chunk) {
			err := s.Update(store.Background(ctx), func(tx store.Tx) error {
				p := Provenance{Source: policy.RegisterSource, Received: tx.Now(), Book: book, published: true}
				for _, row := range some {
					if err := one(tx, p, row); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	err = tell(admit, func(tx store.Tx, p Provenance, row schema.Identity) error {
		if row.ID == "" { // it may be told of by now
			if known, err := store.Identities.One(tx, store.IdentityUserName, p.Source, store.Fold(row.UserName)); err == nil {
				row.ID = known.ID
			} else if !schema.IsNotFound(err) {
				return err
			}
		}
		_, err := Admit(tx, p, row)
		return err
	})
	if err != nil {
		return err
	}
	return tell(remove, func(tx store.Tx, p Provenance, row schema.Identity) error {
		if err := Remove(tx, p, row.ID); !schema.IsNotFound(err) {
			return err
		}
		return nil
	})
}

// unenrolled compares the records of the register with what the policy says.
func unenrolled(r store.Reader, book *policy.Book) (admit, remove []schema.Identity, err error) {
	if digest, err := store.PolicyInForce(r); err != nil || digest != "" && digest != book.Digest() {
		return nil, nil, err
	}
	known := map[string]schema.Identity{}
	for row, err := range store.Identities.By(r, store.IdentityModified, policy.RegisterSource) {
		if err != nil {
			return nil, nil, err
		}
		known[store.Fold(row.UserName)] = row
		if !book.Enrolled(row.UserName) {
			remove = append(remove, row)
		}
	}
	for _, n := range book.Machines() {
		rec, err := n.Record()
		if err != nil {
			return nil, nil, err
		}
		row, there := known[store.Fold(rec.UserName)]
		rec.ID = row.ID
		changed, err := changedAttributes(row, rec)
		if err != nil {
			return nil, nil, err
		}
		if !there || len(changed) > 0 {
			admit = append(admit, rec)
		}
	}
	return admit, remove, nil
}
