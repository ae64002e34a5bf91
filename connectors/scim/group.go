package scim

import (
	"context"
	"errors"
	"maps"
	"net/http"
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

// A noGroupError says that the target has no group of the name, in the word that it
// has for one.
type noGroupError string

func (e noGroupError) Error() string { return "the target has no such " + string(e) }

func lacks(err error) bool {
	_, is := errors.AsType[noGroupError](err)
	return is
}

// groups are the target's groups. An entitlement is the name of one: its
// displayName.
type groups struct {
	c *Connector

	mu      sync.Mutex
	ids     map[string]groupID // by name
	names   map[string]string  // by id
	looks   map[string]*lookup // under way, by name
	writers map[string]*writer // of those groups that changes wait for, by id
	joined  map[string][]joins // in the last hour, by id, where that is limited
}

type groupID struct {
	id    string
	until time.Time
}

func newGroups(c *Connector) *groups {
	return &groups{c: c, ids: map[string]groupID{}, names: map[string]string{}, looks: map[string]*lookup{}, writers: map[string]*writer{}, joined: map[string][]joins{}}
}

// member makes the user a member of the group, or makes it none.
func (g *groups) member(ctx context.Context, name, user string, in bool) error {
	if err := connectors.Named(user); err != nil {
		return err // it would go out in one request with what is meant for others
	}
	if g.c.profile.Groups.Of == connectors.GroupsOfNone {
		if in {
			return permanent("the target has no groups")
		}
		return nil
	}
	for again := false; ; again = true {
		id, err := g.id(ctx, name)
		if lacks(err) && !in {
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

// id returns the id of the group with the name. Of several who ask for the same
// at once, one asks the target.
func (g *groups) id(ctx context.Context, name string) (string, error) {
	for {
		g.mu.Lock()
		if known, ok := g.ids[name]; ok && g.c.o.Now().Before(known.until) {
			g.mu.Unlock()
			return known.id, nil
		}
		look, looking := g.looks[name]
		if !looking {
			look = &lookup{done: make(chan struct{})}
			g.looks[name] = look
		}
		g.mu.Unlock()
		if !looking {
			look.id, look.err = g.find(ctx, name)
			g.mu.Lock()
			delete(g.looks, name)
			g.mu.Unlock()
			close(look.done)
			return look.id, look.err
		}
		select {
		case <-look.done:
			if !errors.Is(look.err, context.Canceled) && !errors.Is(look.err, context.DeadlineExceeded) {
				return look.id, look.err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// A lookup is one under way; its outcome is there when done is closed.
type lookup struct {
	done chan struct{}
	id   string
	err  error
}

// find asks the target for the id of the group with the name.
func (g *groups) find(ctx context.Context, name string) (string, error) {
	found, err := g.named(ctx, name, g.filters())
	if statusOf(err) == http.StatusBadRequest && g.filters() {
		// It cannot look for this name: quotes in filters are not understood by all.
		found, err = g.named(ctx, name, false)
	}
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		g.forget(name)
		return "", &connectors.Error{Kind: connectors.Permanent, Err: noGroupError(g.c.profile.Groups.Noun())}
	case 1:
		return found[0], nil
	}
	g.forget(name)
	return "", permanent("the target has %d %ss of this name", len(found), g.c.profile.Groups.Noun())
}

// named returns the ids of the groups with the name: of those that the target
// finds by it, or of all.
func (g *groups) named(ctx context.Context, name string, filtered bool) (ids []string, err error) {
	query := "excludedAttributes=members"
	if filtered {
		query += "&filter=" + url.QueryEscape(equals("displayName", name))
	}
	for r, err := range g.c.all(ctx, "/Groups", query) {
		if err != nil {
			return nil, err
		}
		if g.learn(r) == name {
			ids = append(ids, r.id())
		}
	}
	return ids, nil
}

// asksAbout returns the names of the groups that a target is asked about which says
// no more than whether one user is in one: those that the bridge had to do with, and
// those that it may give to somebody. What else somebody is in, nobody can find out.
func (g *groups) asksAbout() []string {
	if g.c.profile.Groups.Of != connectors.GroupsOfPair {
		return nil
	}
	g.mu.Lock()
	names := slices.Collect(maps.Keys(g.ids))
	g.mu.Unlock()
	if g.c.o.Catalogue != nil {
		names = append(names, g.c.o.Catalogue()...)
	}
	return schema.Sorted(names...)
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

// of returns the names of the groups that the user is in, sorted.
func (g *groups) of(ctx context.Context, user resource, names []string) ([]string, error) {
	var held []string
	var err error
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
	case connectors.GroupsOfList:
		for r, err := range g.c.all(ctx, "/Groups", "") {
			if err != nil {
				return nil, err
			}
			name := g.learn(r)
			for member := range members(r) {
				if member == user.id() {
					held = append(held, name)
				}
			}
		}
	case connectors.GroupsOfPair:
		held, err = g.asked(ctx, user.id(), schema.Sorted(names...))
	default:
		held, err = g.said(ctx, user)
	}
	return schema.Sorted(held...), err
}

// said returns the groups that the user itself names. Groups it is in by way of
// other groups are not its own.
func (g *groups) said(ctx context.Context, user resource) (held []string, err error) {
	list, _ := user[key(user, "groups")].([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		if strings.EqualFold(text(m[key(m, "type")]), "indirect") {
			continue
		}
		name := text(m[key(m, "display")])
		if name == "" {
			if name, err = g.name(ctx, text(m[key(m, "value")])); err != nil {
				return nil, err
			}
		}
		held = append(held, name)
	}
	return held, nil
}

// atOnce is how many groups a user is asked about at once.
const atOnce = 4

// asked returns those of the groups that the user is in, asking for one by one.
func (g *groups) asked(ctx context.Context, user string, names []string) ([]string, error) {
	in, errs := make([]bool, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, name := range names {
		places <- struct{}{}
		wg.Go(func() {
			in[i], errs[i] = g.has(ctx, name, user)
			<-places
		})
	}
	wg.Wait()
	var held []string
	for i, name := range names {
		if in[i] {
			held = append(held, name)
		}
	}
	return held, connectors.Worst(slices.DeleteFunc(errs, func(err error) bool { return err == nil }))
}

// has asks whether the user is in the group with the name.
func (g *groups) has(ctx context.Context, name, user string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	id, err := g.id(ctx, name)
	if lacks(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l, err := g.c.page(ctx, "/Groups", "filter="+url.QueryEscape(equals("id", id)+" and "+equals("members", user)))
	return err == nil && slices.ContainsFunc(l.Resources, func(r resource) bool { return r.id() == id }), err
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
