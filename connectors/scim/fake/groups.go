package fake

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"drawbridge/connectors"
)

const groupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"

func (p *Provider) listGroups(r *http.Request) (reply, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.profile.Groups.Of == connectors.GroupsOfNone {
		return reply{}, refuse(http.StatusNotFound, "", "there are no groups here")
	}
	return p.list(r, &p.groups, p.groupDoc(r))
}

func (p *Provider) readGroup(r *http.Request) (reply, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	g, err := find(&p.groups, r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, etag: etag(g), body: p.groupDoc(r)(g)}, nil
}

// groupDoc returns how groups are answered to the request.
func (p *Provider) groupDoc(r *http.Request) func(*entry) map[string]any {
	short := r.URL.Query().Get("excludedAttributes") == "members"
	return func(g *entry) map[string]any {
		doc := clone(g.doc)
		doc["id"], doc["schemas"] = g.id, []string{groupURN}
		doc["meta"] = map[string]any{"resourceType": "Group", "version": etag(g)}
		if short {
			return doc
		}
		if p.profile.Groups.Of == connectors.GroupsOfPair {
			doc["members"] = []any{}
			return doc
		}
		members := make([]any, 0, len(g.links))
		for _, id := range sortedKeys(g.links) {
			members = append(members, map[string]any{"value": id, "type": "User"})
		}
		doc["members"] = members
		return doc
	}
}

// A member is one in a body.
type member struct {
	Value string `json:"value"`
}

func (p *Provider) replaceGroup(r *http.Request) (reply, error) {
	var doc struct {
		DisplayName string   `json:"displayName"`
		Members     []member `json:"members"`
	}
	size, err := body(r, &doc)
	if err != nil {
		return reply{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := find(&p.groups, r)
	if err == nil {
		err = current(r, g)
	}
	if err == nil {
		err = p.fits(0, size)
	}
	if err != nil {
		return reply{}, err
	}
	if doc.DisplayName != text(g.doc["displayName"]) {
		return reply{}, refuse(http.StatusBadRequest, "mutability", "a group cannot be renamed")
	}
	users, err := p.members(doc.Members)
	if err != nil {
		return reply{}, err
	}
	if err := p.joins(g, users); err != nil {
		return reply{}, err
	}
	for _, id := range sortedKeys(g.links) {
		if u := p.users.rows[id]; !slices.Contains(users, u) {
			p.link(g, u, false)
		}
	}
	n, broken := p.liar.half(len(users))
	for _, u := range users[:n] {
		p.link(g, u, true)
	}
	if broken != nil {
		return reply{}, broken
	}
	return reply{status: http.StatusOK, etag: etag(g), body: p.groupDoc(r)(g)}, nil
}

func (p *Provider) patchGroup(r *http.Request) (reply, error) {
	if p.profile.Groups.Update == connectors.UpdatePut {
		return reply{}, refuse(http.StatusMethodNotAllowed, "", "PATCH is not supported: use PUT")
	}
	operations, size, err := p.operations(r)
	if err != nil {
		return reply{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g, err := find(&p.groups, r)
	if err == nil {
		err = current(r, g)
	}
	if err != nil {
		return reply{}, err
	}
	var moves []movement
	for _, o := range operations {
		some, err := p.movements(o)
		if err != nil {
			return reply{}, err
		}
		moves = append(moves, some...)
	}
	if err := errors.Join(p.fits(len(moves), size), p.joins(g, joining(moves))); err != nil {
		return reply{}, err
	}
	n, broken := p.liar.half(len(moves))
	for _, m := range moves[:n] {
		p.link(g, m.user, m.in)
	}
	if broken != nil {
		return reply{}, broken
	}
	return reply{status: http.StatusNoContent, etag: etag(g)}, nil
}

// fits refuses what is above the target's caps.
func (p *Provider) fits(changes, size int) error {
	limits := p.profile.Groups
	if limits.MaxMembers > 0 && changes > limits.MaxMembers {
		return invalid("%d members are changed, and at most %d may be", changes, limits.MaxMembers)
	}
	if limits.MaxBytes > 0 && size > limits.MaxBytes {
		return refuse(http.StatusRequestEntityTooLarge, "", "the body has %d bytes, and at most %d may be sent", size, limits.MaxBytes)
	}
	return nil
}

// A movement is one user into a group, or out of it.
type movement struct {
	user *entry
	in   bool
}

// joining are those who come in.
func joining(moves []movement) (users []*entry) {
	for _, m := range moves {
		if m.in {
			users = append(users, m.user)
		}
	}
	return users
}

// movements returns what the operation does to a group's members.
func (p *Provider) movements(o operation) ([]movement, error) {
	byValue := p.profile.Groups.MemberRemove == connectors.RemoveByValue
	if o.Path != "members" {
		id, ok := filteredMember(o.Path)
		switch {
		case !ok || o.Op != "remove":
			return nil, refuse(http.StatusBadRequest, "invalidPath", "%s %s is not supported", o.Op, o.Path)
		case byValue:
			return nil, refuse(http.StatusBadRequest, "invalidPath", "members are removed by value here")
		}
		u, there := p.users.rows[id]
		if !there || u.hidden {
			return nil, refuse(http.StatusBadRequest, "noTarget", "%s is no member", id)
		}
		return []movement{{u, false}}, nil
	}
	if o.Op == "replace" {
		return nil, refuse(http.StatusBadRequest, "invalidPath", "all members at once cannot be replaced")
	}
	if o.Op == "remove" && !byValue {
		return nil, refuse(http.StatusBadRequest, "invalidPath", "members are removed by a path with a filter here")
	}
	var sent []member
	if err := json.Unmarshal(o.Value, &sent); err != nil || len(sent) == 0 {
		return nil, invalid("%s members names nobody", o.Op)
	}
	users, err := p.members(sent)
	var moves []movement
	for _, u := range users {
		moves = append(moves, movement{u, o.Op == "add"})
	}
	return moves, err
}

// members returns the users who are named. A group has only members that exist,
// unless the target does not care.
func (p *Provider) members(named []member) ([]*entry, error) {
	var users []*entry
	for _, m := range named {
		u, ok := p.users.rows[m.Value]
		switch {
		case ok && !u.hidden:
			users = append(users, u)
		case p.profile.Order == connectors.UsersFirst:
			return nil, invalid("there is no user %s", m.Value)
		}
	}
	return users, nil
}
