package scim

import (
	"errors"
	"net/http"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

func (q *request) groupBody(parse func([]byte, wire.Limits) (wire.Body, error)) (wire.Body, error) {
	var b wire.Body
	err := q.withBody(q.limits.GroupBody, func(body []byte) (err error) {
		b, err = parse(body, q.wireLimits())
		q.sent(body, b.Dropped)
		return err
	})
	return b, err
}

func createGroup(q *request) error {
	b, err := q.groupBody(q.groups.Parse)
	if err != nil {
		return err
	}
	said := b.Record.Group(schema.Group{})
	p := q.provenance(b.Occurred, b.Modified, time.Time{})
	g, err := q.edit(p, "", wire.Edits{Join: b.Members}, func(tx store.Tx) (schema.Group, error) {
		if err := q.retried(tx, said); err != nil {
			return said, err
		}
		if err := q.freeGroup(tx, schema.Group{}, said); err != nil {
			return said, err
		}
		return q.admitGroup(tx, p, said)
	})
	q.report(q.groups, g.ID)
	if err != nil {
		return groupTaken(err)
	}
	return q.group(http.StatusCreated, g, q.projection(q.groups).Answering(b.Record.Said()))
}

// admitGroup stores what was said of a group, and its raw copy beside it.
func (q *request) admitGroup(tx store.Tx, p access.Provenance, said schema.Group) (schema.Group, error) {
	if err := q.seal(tx, &p, said.ID); err != nil {
		return said, err
	}
	g, err := access.AdmitGroup(tx, p, said)
	if err != nil {
		return g, err
	}
	return g, q.keep(tx, p, g.ID)
}

// maxNamesakes is how many groups of one name a create looks at.
const maxNamesakes = 1000

// retried returns an error if a group can not be told from one that is there: it
// has the same name, and neither has an externalId. Senders who heard no answer
// send it again; two groups may share a name otherwise. Where very many share it,
// they are not looked through while everyone else's changes wait.
func (q *request) retried(r store.Reader, said schema.Group) error {
	if said.ExternalID != "" {
		return nil
	}
	n := 0
	for g, err := range store.Groups.By(r, store.GroupName, q.source, store.Fold(said.DisplayName)) {
		if err != nil {
			return err
		}
		if n++; n > min(maxNamesakes, q.limits.Scan) {
			return &wire.Error{Status: http.StatusConflict, Type: wire.Uniqueness,
				Detail: "displayName: very many groups have it; give the group an externalId to tell it from them"}
		}
		if g.ExternalID == "" {
			return &wire.Error{Status: http.StatusConflict, Type: wire.Uniqueness, Detail: "displayName: it is taken by group " + g.ID}
		}
	}
	return nil
}

// groupTaken says of a conflict what another group has.
func groupTaken(err error) error {
	var told *wire.Error
	if !errors.Is(err, schema.ErrConflict) || errors.As(err, &told) {
		return err
	}
	return &wire.Error{Status: http.StatusConflict, Type: wire.Uniqueness, Detail: "externalId: it is taken by another group"}
}

// ownGroup returns a group of the source. Others are none of its business.
func (q *request) ownGroup(r store.Reader, id string) (schema.Group, error) {
	g, err := store.Groups.Get(r, id)
	if errors.Is(err, schema.ErrNotFound) || err == nil && g.Source != q.source {
		return g, &wire.Error{Status: http.StatusNotFound, Detail: "there is no group " + id}
	}
	return g, err
}

func getGroup(q *request) error {
	var g schema.Group
	err := q.store.View(q.c.Request().Context(), func(r store.Reader) (err error) {
		if g, err = q.ownGroup(r, q.param()); err != nil {
			return err
		}
		return q.matches(g.Version)
	})
	if err != nil {
		return err
	}
	p := q.projection(q.groups)
	if !p.Members().Display && q.unchanged(q.storedGroup(g)) { // a member's new name makes no new version
		return q.notModified(q.storedGroup(g))
	}
	return q.group(http.StatusOK, g, p)
}

func replaceGroup(q *request) error {
	b, err := q.groupBody(q.groups.ParseReplacement)
	if err != nil {
		return err
	}
	q.report(q.groups, q.param())
	g, err := q.changeGroup(b.Edits(), func(old schema.Group) (schema.Group, access.Provenance, error) {
		record, err := b.Record.Replacing(old.Resource)
		return record.Group(old), q.provenance(b.Occurred, b.Modified, old.Modified), err
	})
	if err != nil {
		return err
	}
	return q.group(http.StatusOK, g, q.projection(q.groups).Answering(b.Record.Said()))
}

// patchGroup answers without a body, unless the sender asks for attributes: a
// body would be as long as the group is large.
func patchGroup(q *request) error {
	var p wire.Patch
	err := q.withBody(q.limits.GroupBody, func(body []byte) (err error) {
		p, err = q.groups.ParsePatch(body, q.wireLimits())
		q.sent(body, p.Dropped)
		return err
	})
	if err != nil {
		return err
	}
	q.report(q.groups, q.param())
	if err := q.choose(&p); err != nil {
		return err
	}
	g, err := q.changeGroup(p.Edits(), func(old schema.Group) (schema.Group, access.Provenance, error) {
		from := q.provenance(p.Occurred, p.Modified, old.Modified)
		record, err := q.groups.Decode(old.Resource)
		if err == nil {
			record, err = p.Apply(record)
		}
		if err != nil {
			return old, from, err
		}
		return record.Group(old), from, nil
	})
	if err != nil {
		return err
	}
	if q.query.Get("attributes") != "" {
		return q.group(http.StatusOK, g, q.projection(q.groups))
	}
	q.head(q.storedGroup(g))
	return q.c.NoContent(http.StatusNoContent)
}

// changeGroup changes the group that the path names, and who is in it.
func (q *request) changeGroup(e wire.Edits, to func(old schema.Group) (schema.Group, access.Provenance, error)) (schema.Group, error) {
	id := q.param()
	p := q.provenance(time.Time{}, time.Time{}, time.Time{})
	g, err := q.edit(p, id, e, func(tx store.Tx) (schema.Group, error) {
		old, err := q.ownGroup(tx, id)
		if err != nil {
			return old, err
		}
		if err := q.matches(old.Version); err != nil {
			return old, err
		}
		said, from, err := to(old)
		if err != nil {
			return old, err
		}
		if err := q.freeGroup(tx, old, said); err != nil {
			return old, err
		}
		return q.admitGroup(tx, from, said)
	})
	return g, groupTaken(err)
}

func deleteGroup(q *request) error {
	err := q.store.Update(q.c.Request().Context(), func(tx store.Tx) error {
		old, err := q.ownGroup(tx, q.param())
		if err != nil {
			return err
		}
		if err := q.matches(old.Version); err != nil {
			return err
		}
		return access.RemoveGroup(tx, q.provenance(time.Time{}, time.Time{}, old.Modified), old.ID)
	})
	if err != nil {
		return err
	}
	return q.c.NoContent(http.StatusNoContent)
}
