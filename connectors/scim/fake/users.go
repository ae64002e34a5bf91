package fake

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"drawbridge/connectors"
)

const userURN = "urn:ietf:params:scim:schemas:core:2.0:User"

func (p *Provider) listUsers(r *http.Request) (reply, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.list(r, &p.users, p.userDoc)
}

func (p *Provider) readUser(r *http.Request) (reply, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, err := find(&p.users, r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, etag: etag(u), body: p.userDoc(u)}, nil
}

func (p *Provider) createUser(r *http.Request) (reply, error) {
	var doc map[string]any
	if _, err := body(r, &doc); err != nil {
		return reply{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	doc, err := p.clean(doc)
	if err != nil {
		return reply{}, err
	}
	if err := p.judge(nil, doc); err != nil {
		return reply{}, err
	}
	if doc["active"] == nil {
		doc["active"] = true
	}
	u := p.users.add(p.next("u"), doc)
	p.byName[folded(doc)] = u.id
	return reply{status: http.StatusCreated, etag: etag(u), at: "/Users/" + u.id, body: p.userDoc(u)}, nil
}

func (p *Provider) replaceUser(r *http.Request) (reply, error) {
	var doc map[string]any
	if _, err := body(r, &doc); err != nil {
		return reply{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u, err := find(&p.users, r)
	if err == nil {
		err = current(r, u)
	}
	if err == nil {
		doc, err = p.clean(doc)
	}
	if err != nil {
		return reply{}, err
	}
	if doc["active"] == nil {
		doc["active"] = true
	}
	return p.store(u, doc)
}

func (p *Provider) patchUser(r *http.Request) (reply, error) {
	if p.profile.Update == connectors.UpdatePut {
		return reply{}, refuse(http.StatusMethodNotAllowed, "", "PATCH is not supported: use PUT")
	}
	operations, _, err := p.operations(r)
	if err != nil {
		return reply{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u, err := find(&p.users, r)
	if err == nil {
		err = current(r, u)
	}
	if err != nil {
		return reply{}, err
	}
	doc := clone(u.doc)
	for _, o := range operations {
		if err := p.apply(doc, o); err != nil {
			return reply{}, err
		}
	}
	return p.store(u, doc)
}

// store makes the document the user's, if the target would.
func (p *Provider) store(u *entry, doc map[string]any) (reply, error) {
	if err := errors.Join(p.judge(u, doc), p.keeps(u.doc, doc)); err != nil {
		return reply{}, err
	}
	if was, is := u.doc["active"] != false, doc["active"] != false; was != is {
		if p.profile.Deactivate == connectors.DeactivateDelete {
			return reply{}, refuse(http.StatusBadRequest, "mutability", "active cannot be written: DELETE the user")
		}
		if p.profile.Irreversible && !is {
			p.drop(u)
			return reply{status: http.StatusNoContent}, nil
		}
	}
	p.unname(u)
	u.doc = doc
	u.version++
	p.byName[folded(doc)] = u.id
	return reply{status: http.StatusOK, etag: etag(u), body: p.userDoc(u)}, nil
}

func (p *Provider) deleteUser(r *http.Request) (reply, error) {
	if p.profile.Deactivate != connectors.DeactivateDelete && !p.o.Deletes {
		return reply{}, refuse(http.StatusMethodNotAllowed, "", "users are not deleted here: write active")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u, err := find(&p.users, r)
	if err != nil {
		return reply{}, err
	}
	p.drop(u)
	return reply{status: http.StatusNoContent}, nil
}

// signOut ends what the user is signed in with.
func (p *Provider) signOut(r *http.Request) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, err := find(&p.users, r)
	if err != nil {
		return reply{}, err
	}
	u.in = false
	return reply{status: http.StatusNoContent}, nil
}

func find(t *table, r *http.Request) (*entry, error) {
	e, ok := t.rows[r.PathValue("id")]
	if !ok || e.hidden {
		return nil, refuse(http.StatusNotFound, "", "there is no %s", r.PathValue("id"))
	}
	return e, nil
}

// userDoc returns the user as it is answered.
func (p *Provider) userDoc(u *entry) map[string]any {
	doc := maps.Clone(u.doc) // what is in it is never changed, only replaced
	if p.profile.BooleanText {
		doc = inWords(clone(u.doc))
	}
	doc["id"] = u.id
	doc["schemas"] = schemas(doc)
	doc["meta"] = map[string]any{"resourceType": "User", "version": etag(u)}
	if p.profile.Groups.Of == connectors.GroupsOfUser {
		groups := []any{}
		for _, id := range sortedKeys(u.links) {
			groups = append(groups, map[string]any{"value": id, "display": p.groups.rows[id].doc["displayName"], "type": "direct"})
		}
		doc["groups"] = groups
	}
	return doc
}

func schemas(doc map[string]any) []string {
	named := []string{userURN}
	for name := range doc {
		if isURN(name) {
			named = append(named, name)
		}
	}
	slices.Sort(named[1:])
	return named
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}
