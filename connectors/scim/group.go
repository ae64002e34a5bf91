package scim

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// remembered is how long a group's id is believed. A group that is gone is found
// out at once; one that was renamed, only then.
const remembered = 5 * time.Minute

// errNoGroup says that the target has no group of the name.
var errNoGroup = errors.New("the target has no such group")

// groups are the target's groups. An entitlement is the name of one: its
// displayName.
type groups struct {
	c *Connector

	mu      sync.Mutex
	ids     map[string]groupID // by name
	names   map[string]string  // by id
	writers map[string]*writer // of those groups that changes wait for, by id
}

type groupID struct {
	id    string
	until time.Time
}

func newGroups(c *Connector) *groups {
	return &groups{c: c, ids: map[string]groupID{}, names: map[string]string{}, writers: map[string]*writer{}}
}

// member makes the user a member of the group, or makes it none.
func (g *groups) member(ctx context.Context, name, user string, in bool) error {
	if g.c.profile.Groups.Of == connectors.GroupsOfNone {
		if in {
			return permanent("the target has no groups")
		}
		return nil
	}
	for again := false; ; again = true {
		id, err := g.id(ctx, name)
		if errors.Is(err, errNoGroup) && !in {
			return nil
		}
		if err != nil {
			return err
		}
		err = g.change(ctx, id, user, in)
		if err == nil || connectors.KindOf(err) != connectors.Gone {
			return err
		}
		if again {
			return &connectors.Error{Kind: connectors.Permanent, Err: err}
		}
		g.forget(name) // it may have been made anew, under another id
	}
}

// id returns the id of the group with the name.
func (g *groups) id(ctx context.Context, name string) (string, error) {
	g.mu.Lock()
	known, ok := g.ids[name]
	g.mu.Unlock()
	if ok && g.c.o.Now().Before(known.until) {
		return known.id, nil
	}
	var found []string
	for r, err := range g.named(ctx, name) {
		if err != nil {
			return "", err
		}
		if g.learn(r) == name {
			found = append(found, r.id())
		}
	}
	switch len(found) {
	case 0:
		g.forget(name)
		return "", &connectors.Error{Kind: connectors.Permanent, Err: errNoGroup}
	case 1:
		return found[0], nil
	}
	g.forget(name)
	return "", permanent("the target has %d groups of this name", len(found))
}

// learn remembers the group and returns its name.
func (g *groups) learn(r resource) string {
	name, id := text(r[key(r, "displayName")]), r.id()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids[name] = groupID{id: id, until: g.c.o.Now().Add(remembered)}
	g.names[id] = name
	return name
}

func (g *groups) forget(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.names, g.ids[name].id)
	delete(g.ids, name)
}

// of returns the names of the groups that the user is in, sorted. Groups it is
// in by way of other groups are not its own.
func (g *groups) of(ctx context.Context, user resource) ([]string, error) {
	var held []string
	switch g.c.profile.Groups.Of {
	case connectors.GroupsOfNone:
	case connectors.GroupsOfFilter:
		filter := equals("members.value", user.id())
		for r, err := range g.c.all(ctx, "/Groups", "excludedAttributes=members&filter="+url.QueryEscape(filter)) {
			if err != nil {
				return nil, err
			}
			held = append(held, g.learn(r))
		}
	default:
		list, _ := user[key(user, "groups")].([]any)
		for _, v := range list {
			m, _ := v.(map[string]any)
			if strings.EqualFold(text(m[key(m, "type")]), "indirect") {
				continue
			}
			name := text(m[key(m, "display")])
			if name == "" {
				var err error
				if name, err = g.name(ctx, text(m[key(m, "value")])); err != nil {
					return nil, err
				}
			}
			held = append(held, name)
		}
	}
	return schema.Sorted(held...), nil
}

// name returns the name of the group with the id.
func (g *groups) name(ctx context.Context, id string) (string, error) {
	g.mu.Lock()
	name, ok := g.names[id]
	known := ok && g.c.o.Now().Before(g.ids[name].until)
	g.mu.Unlock()
	if known {
		return name, nil
	}
	r, _, err := g.c.fetch(ctx, groupPath(id), "excludedAttributes=members")
	if err != nil {
		return "", err
	}
	return g.learn(r), nil
}

// filters reports whether the target's groups can be filtered by name.
func (g *groups) filters() bool {
	may := g.c.profile.Filter.Attributes
	return len(may) == 0 || slices.Contains(may, "displayName")
}
