package scim

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

func createUser(q *request) error {
	var b wire.Body
	err := q.withBody(q.limits.UserBody, func(body []byte) (err error) {
		b, err = q.users.Parse(body, q.wireLimits())
		q.sent(body, b.Dropped)
		return err
	})
	if err != nil {
		return err
	}
	said := b.Record.Identity(schema.Identity{})
	p := q.provenance(b.Occurred, b.Modified, time.Time{})
	var got schema.Identity
	err = q.store.Update(q.c.Request().Context(), func(tx store.Tx) (err error) {
		if err := q.freeUser(tx, schema.Identity{}, said); err != nil {
			return err
		}
		if err := q.seal(tx, &p, said.ID); err != nil {
			return err
		}
		if got, err = access.Admit(tx, p, said); err != nil {
			return err
		}
		return q.keep(tx, p, got.ID)
	})
	q.report(q.users, got.ID)
	if err != nil {
		return q.taken(err, said)
	}
	return q.userNow(http.StatusCreated, got, b.Record.Said())
}

// userNow answers with a user that was made or changed, as it is now: groups that waited
// for it have it already.
func (q *request) userNow(status int, id schema.Identity, told wire.Said) error {
	p := q.projection(q.users).Answering(told)
	var in belonging
	err := q.store.View(q.c.Request().Context(), func(r store.Reader) (err error) {
		in, err = q.belonging(r, id.ID, p)
		return err
	})
	if err == nil {
		err = q.sumUp(&in)
	}
	if err != nil {
		return err
	}
	return q.user(status, id, in, p)
}

// taken says which of a user's names another one has.
func (q *request) taken(err error, said schema.Identity) error {
	var told *wire.Error
	if !errors.Is(err, schema.ErrConflict) || errors.As(err, &told) {
		return err
	}
	detail := "its userName or its externalId is taken"
	_ = q.store.View(q.c.Request().Context(), func(r store.Reader) error {
		if id, err := store.Identities.One(r, store.IdentityUserName, q.source, store.Fold(said.UserName)); err == nil && id.ID != said.ID {
			detail = fmt.Sprintf("userName: %q is taken by user %s", said.UserName, id.ID)
		} else if id, err := store.Identities.One(r, store.IdentityExternalID, q.source, said.ExternalID); err == nil && id.ID != said.ID {
			detail = fmt.Sprintf("externalId: %q is taken by user %s", said.ExternalID, id.ID)
		}
		return nil
	})
	return &wire.Error{Status: http.StatusConflict, Type: wire.Uniqueness, Detail: detail}
}

// ownUser returns a user of the source. Others are none of its business.
func (q *request) ownUser(r store.Reader, id string) (schema.Identity, error) {
	got, err := store.Identities.Get(r, id)
	if errors.Is(err, schema.ErrNotFound) || err == nil && (got.Source != q.source || got.Gone()) {
		return got, &wire.Error{Status: http.StatusNotFound, Detail: "there is no user " + id}
	}
	return got, err
}

func getUser(q *request) error {
	p := q.projection(q.users)
	var id schema.Identity
	var in belonging
	err := q.store.View(q.c.Request().Context(), func(r store.Reader) (err error) {
		if id, err = q.ownUser(r, q.param()); err != nil {
			return err
		}
		if err := q.matches(id.Version); err != nil {
			return err
		}
		in, err = q.belonging(r, id.ID, p)
		return err
	})
	if err == nil {
		err = q.sumUp(&in)
	}
	if err != nil {
		return err
	}
	s := q.storedUser(id)
	if s.beside = in.all.beside(); q.unchanged(s) {
		return q.notModified(s)
	}
	return q.user(http.StatusOK, id, in, p)
}

func replaceUser(q *request) error {
	var b wire.Body
	err := q.withBody(q.limits.UserBody, func(body []byte) (err error) {
		b, err = q.users.ParseReplacement(body, q.wireLimits())
		q.sent(body, b.Dropped)
		return err
	})
	if err != nil {
		return err
	}
	q.report(q.users, q.param())
	return q.change(b.Record.Said(), func(old schema.Identity) (schema.Identity, access.Provenance, error) {
		record, err := b.Record.Replacing(old.Resource)
		return record.Identity(old), q.provenance(b.Occurred, b.Modified, old.Modified), err
	})
}

func patchUser(q *request) error {
	var p wire.Patch
	err := q.withBody(q.limits.UserBody, func(body []byte) (err error) {
		p, err = q.users.ParsePatch(body, q.wireLimits())
		q.sent(body, p.Dropped)
		return err
	})
	if err != nil {
		return err
	}
	q.report(q.users, q.param())
	return q.change(p.Said(), func(old schema.Identity) (schema.Identity, access.Provenance, error) {
		from := q.provenance(p.Occurred, p.Modified, old.Modified)
		record, err := q.users.Decode(old.Resource)
		if err == nil {
			record, err = p.Apply(record)
		}
		if err != nil {
			return old, from, err
		}
		return record.Identity(old), from, nil
	})
}

// change changes the user that the path names, and answers with it.
func (q *request) change(told wire.Said, to func(old schema.Identity) (schema.Identity, access.Provenance, error)) error {
	var got, said schema.Identity
	err := q.store.Update(q.c.Request().Context(), func(tx store.Tx) error {
		old, err := q.ownUser(tx, q.param())
		if err != nil {
			return err
		}
		if err := q.matches(old.Version); err != nil {
			return err
		}
		var p access.Provenance
		if said, p, err = to(old); err != nil {
			return err
		}
		if err := q.freeUser(tx, old, said); err != nil {
			return err
		}
		if err := q.seal(tx, &p, said.ID); err != nil {
			return err
		}
		if got, err = access.Admit(tx, p, said); err != nil {
			return err
		}
		return q.keep(tx, p, got.ID)
	})
	if err != nil {
		return q.taken(err, said)
	}
	return q.userNow(http.StatusOK, got, told)
}

func deleteUser(q *request) error {
	err := q.store.Update(q.c.Request().Context(), func(tx store.Tx) error {
		old, err := q.ownUser(tx, q.param())
		if err != nil {
			return err
		}
		if err := q.matches(old.Version); err != nil {
			return err
		}
		return access.Remove(tx, q.provenance(time.Time{}, time.Time{}, old.Modified), old.ID)
	})
	if err != nil {
		return err
	}
	return q.c.NoContent(http.StatusNoContent)
}
