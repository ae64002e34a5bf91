package fake

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"drawbridge/schema"
)

// Users returns every account, as somebody with the target's own console sees
// it, by id.
func (p *Provider) Users() []schema.Account {
	p.mu.RLock()
	defer p.mu.RUnlock()
	all := make([]schema.Account, 0, len(p.users.order))
	for _, id := range p.users.order {
		all = append(all, p.accountOf(p.users.rows[id]))
	}
	return all
}

// Accounts returns what Users does.
func (p *Provider) Accounts(context.Context) ([]schema.Account, error) { return p.Users(), nil }

// User returns the account with the user name, and whether there is one.
func (p *Provider) User(userName string) (schema.Account, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, ok := p.users.rows[p.byName[folded(map[string]any{"userName": userName})]]
	if !ok {
		return schema.Account{}, false
	}
	return p.accountOf(u), true
}

// Groups returns the names of the groups, in the order of their making.
func (p *Provider) Groups() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var names []string
	for _, id := range p.groups.order {
		names = append(names, text(p.groups.rows[id].doc["displayName"]))
	}
	return names
}

// Members returns the user names of the group's members, sorted.
func (p *Provider) Members(group string) []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	g := p.groupNamed(group)
	if g == nil {
		return nil
	}
	var names []string
	for id := range g.links {
		names = append(names, text(p.users.rows[id].doc["userName"]))
	}
	slices.Sort(names)
	return names
}

func (p *Provider) accountOf(u *entry) schema.Account {
	a := schema.Account{RemoteID: u.id, Active: u.doc["active"] != false, Attributes: map[string]string{}}
	for name, v := range u.doc {
		switch v := v.(type) {
		case string:
			a.Attributes[name] = v
		case map[string]any:
			for sub := range v {
				short := sub
				if name != enterpriseURN {
					short = name + "." + sub
				}
				if t := placeOf(short).value(u.doc); t != "" {
					a.Attributes[short] = t
				}
			}
		case []any:
			if t := placeOf(name + ".value").value(u.doc); t != "" {
				a.Attributes[name+".value"] = t
			}
		}
	}
	for id := range u.links {
		a.Entitlements = append(a.Entitlements, text(p.groups.rows[id].doc["displayName"]))
	}
	slices.Sort(a.Entitlements)
	return a
}

// Put makes the target have the account, past the protocol: one without a
// RemoteID is made, another becomes exactly what is given. What the profile
// refuses over the protocol is not refused here.
func (p *Provider) Put(_ context.Context, account schema.Account) (schema.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	doc := map[string]any{"active": account.Active}
	for _, name := range sortedKeys(account.Attributes) {
		write(doc, name, account.Attributes[name])
	}
	var groups []*entry
	for _, name := range account.Entitlements {
		g := p.groupNamed(name)
		if g == nil {
			return schema.Account{}, fmt.Errorf("group %q: %w", name, schema.ErrNotFound)
		}
		groups = append(groups, g)
	}
	u, ok := p.users.rows[account.RemoteID]
	switch {
	case account.RemoteID == "":
		u = p.users.add(p.next("u"), doc)
		u.hidden = p.profile.Hidden
	case !ok:
		return schema.Account{}, fmt.Errorf("user %s: %w", account.RemoteID, schema.ErrNotFound)
	default:
		p.unname(u)
		u.doc = doc
		u.in = u.in && account.Active // its console signs out whom it disables
		u.version++
	}
	p.byName[folded(doc)] = u.id
	for id := range maps.Clone(u.links) {
		p.link(p.groups.rows[id], u, false)
	}
	for _, g := range groups {
		p.link(g, u, true)
	}
	return p.accountOf(u), nil
}

func write(doc map[string]any, name, value string) {
	at := placeOf(name)
	switch {
	case value == "":
	case slices.Contains(several, at.name):
		doc[at.name] = []any{map[string]any{at.sub: value, "type": "work", "primary": true}}
	case at.sub != "":
		holder := at.holder(doc, true)
		inner, _ := holder[at.name].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			holder[at.name] = inner
		}
		inner[at.sub] = value
	default:
		at.holder(doc, true)[at.name] = value
	}
}

// Use has the user signed in, at a time that is written where the profile says that users
// have it.
func (p *Provider) Use(remoteID, at string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.users.rows[remoteID]
	if !ok || p.profile.LastUsed == "" {
		return fmt.Errorf("user %s, of whom the target tells when they were used: %w", remoteID, schema.ErrNotFound)
	}
	write(u.doc, p.profile.LastUsed, at)
	return nil
}

// SignIn has an active user be signed in, until somebody ends that.
func (p *Provider) SignIn(remoteID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u, ok := p.users.rows[remoteID]; ok {
		u.in = true
	}
}

// SignedIn reports whether a user is signed in.
func (p *Provider) SignedIn(remoteID string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, ok := p.users.rows[remoteID]
	return ok && u.in
}

// Remove removes the user, past the protocol.
func (p *Provider) Remove(_ context.Context, remoteID string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.users.rows[remoteID]
	if !ok {
		return fmt.Errorf("user %s: %w", remoteID, schema.ErrNotFound)
	}
	p.drop(u)
	return nil
}

// AddGroup makes a group, past the protocol.
func (p *Provider) AddGroup(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups.add(p.next("g"), map[string]any{"displayName": name})
}

// RemoveGroup removes the group and its memberships, past the protocol.
func (p *Provider) RemoveGroup(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.groupNamed(name)
	if g == nil {
		return
	}
	for _, id := range sortedKeys(g.links) {
		p.link(g, p.users.rows[id], false)
	}
	p.groups.remove(g.id)
}

// Fail makes the nth request from now, counted from one, fail: after it took
// effect, so that only the answer is lost, or before.
func (p *Provider) Fail(nth int, took bool) {
	p.fault.mu.Lock()
	defer p.fault.mu.Unlock()
	p.fault.in, p.fault.took, p.fault.spent = nth, took, false
}

// Spent disarms the fault and reports whether it happened.
func (p *Provider) Spent() bool {
	p.fault.mu.Lock()
	defer p.fault.mu.Unlock()
	p.fault.in = 0
	return p.fault.spent
}

// arrive counts a request, and returns how many are not answered yet.
func (p *Provider) arrive(method string) int {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.counts[method]++
	p.at++
	return p.at
}

func (p *Provider) leave() {
	p.counting.Lock()
	defer p.counting.Unlock()
	p.at--
}

// Requests returns how many requests of the method were received.
func (p *Provider) Requests(method string) int {
	p.counting.Lock()
	defer p.counting.Unlock()
	return p.counts[method]
}

// Writes returns how many requests to change something were received.
func (p *Provider) Writes() int {
	return p.Requests(http.MethodPost) + p.Requests(http.MethodPut) + p.Requests(http.MethodPatch) + p.Requests(http.MethodDelete)
}
