package scim

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	urlpath "path"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// Read returns the account with the id at the target.
func (c *Connector) Read(ctx context.Context, remoteID string) (schema.Account, error) {
	r, err := c.get(ctx, remoteID)
	if err != nil {
		return schema.Account{}, err
	}
	return c.account(ctx, r, c.groups.asksAbout())
}

// account returns the user as an account, with the groups it is in: of those
// with the names where the target says no more than that.
func (c *Connector) account(ctx context.Context, r resource, names []string) (schema.Account, error) {
	held, err := c.groups.of(ctx, r, names)
	if err != nil {
		return schema.Account{}, err
	}
	return c.described(r, held), nil
}

// described returns the user as an account in the groups.
func (c *Connector) described(r resource, held []string) schema.Account {
	a := schema.Account{
		RemoteID: r.id(), Active: r.active(), Attributes: r.attributes(), Entitlements: c.withAccount(held, r.active()),
	}
	if c.TellsUse() {
		used := parsePath(c.profile.LastUsed)
		maps.DeleteFunc(a.Attributes, func(name, _ string) bool { return strings.EqualFold(parsePath(name).String(), used.String()) })
		connectors.SetLastUsed(&a, r.get(used), c.profile.UsedBehind, c.o.Now())
	}
	return a
}

// TellsUse reports whether the profile says where users have when they were used last.
func (c *Connector) TellsUse() bool { return c.profile.LastUsed != "" }

// withAccount returns what an account holds: with what it holds by being active,
// if it is, and without it if it is not.
func (c *Connector) withAccount(held []string, active bool) []string {
	if c.profile.Account == "" {
		return held
	}
	held = slices.DeleteFunc(slices.Clone(held), func(e string) bool { return e == c.profile.Account })
	if active {
		held = append(held, c.profile.Account)
	}
	return schema.Sorted(held...)
}

// find returns the one user that the first attribute to match by finds that finds one
// alone, and nil if none of them finds any. Of several it is the one that we made; if there
// is none, nobody can tell which of them is meant, and that is an error.
func (c *Connector) find(ctx context.Context, attributes map[string]string) (resource, error) {
	var ambiguous error
	for _, name := range c.profile.Match {
		value := attributes[name]
		if value == "" {
			continue
		}
		p := parsePath(name)
		filter := "filter=" + url.QueryEscape(equals(p.String(), value))
		list, err := c.page(ctx, "/Users", filter+"&count=2")
		if err != nil {
			return nil, err
		}
		for _, r := range list.Resources {
			if !strings.EqualFold(r.get(p), value) {
				return nil, permanent("the target answers a filter by %s with users who have another: it cannot be matched by", name)
			}
		}
		switch {
		case len(list.Resources) > 1 || list.total() > 1:
			if made, err := c.made(ctx, filter, attributes["externalId"]); err != nil || made != nil {
				return made, err
			}
			if ambiguous == nil {
				ambiguous = &connectors.Error{Kind: connectors.Exists, Err: ambiguousError(name)}
			}
		case len(list.Resources) == 1:
			return list.Resources[0], nil
		case list.total() > 0:
			return nil, transient("GET /Users: the target says that it found a user with this %s, and shows none", name)
		}
	}
	return nil, ambiguous
}

// made returns, of all users that the filter finds, the one that was made with the
// externalId, which only we give, and nil if none was. Where several were, because the
// target did not show the first, it is one that is active, so that who leaves loses that.
func (c *Connector) made(ctx context.Context, filter, externalID string) (made resource, err error) {
	if externalID == "" {
		return nil, nil
	}
	for r, err := range c.all(ctx, "/Users", filter) {
		if err != nil {
			return nil, err
		}
		if r.get(path{name: "externalId"}) == externalID && (made == nil || r.active() && !made.active()) {
			made = r
		}
	}
	return made, nil
}

// An ambiguousError says by which attribute more than one user was found.
type ambiguousError string

func (e ambiguousError) Error() string {
	return "the target has several users with this " + string(e) + ": none of them is adopted"
}

func (c *Connector) get(ctx context.Context, id string) (resource, error) {
	if err := connectors.Named(id); err != nil {
		return nil, err
	}
	r, _, err := c.fetch(ctx, userPath(id), "")
	return r, c.certain(ctx, err)
}

// certain returns the error of a call for one user, and a transient one where
// "not found" is not to be believed, because the target does not find its list
// of users either: then it is the way there that is broken, and nobody is gone.
func (c *Connector) certain(ctx context.Context, err error) error {
	if err == nil || connectors.KindOf(err) != connectors.Gone {
		return err
	}
	if _, pageErr := c.page(ctx, "/Users", "count=1"); pageErr != nil {
		return transient("a user was not found, which is not believed: %w", pageErr)
	}
	return err
}

func (c *Connector) fetch(ctx context.Context, path, query string) (resource, string, error) {
	a, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, "", err
	}
	r, err := decode(a.body)
	return r, a.etag, err
}

// post makes a user and returns its id.
func (c *Connector) post(ctx context.Context, attributes map[string]string) (string, error) {
	a, err := c.do(ctx, call{method: http.MethodPost, path: "/Users", body: c.user(attributes)})
	if connectors.KindOf(err) == connectors.Gone {
		return "", astray(err)
	}
	if err != nil {
		return "", err
	}
	if r, err := decode(a.body); err == nil && r.id() != "" {
		return r.id(), nil
	}
	if u, err := url.Parse(a.location); err == nil && a.location != "" {
		return urlpath.Base(u.Path), nil
	}
	return "", transient("POST /Users: the target says that it made the user, and not its id")
}

func (c *Connector) remove(ctx context.Context, id string) error {
	if err := connectors.Named(id); err != nil {
		return err
	}
	_, err := c.do(ctx, call{method: http.MethodDelete, path: userPath(id)})
	return c.certain(ctx, err)
}

// activate writes whether the user is active, and nothing else.
func (c *Connector) activate(ctx context.Context, id string, active bool) error {
	if err := connectors.Named(id); err != nil {
		return err
	}
	var a answer
	var err error
	if c.profile.Update == connectors.UpdatePut {
		a, err = c.replace(ctx, userPath(id), func(r resource) { r[key(r, "active")] = c.boolean(active) })
	} else {
		a, err = c.patch(ctx, userPath(id), "", []operation{{Op: "replace", Path: "active", Value: c.boolean(active)}})
	}
	if err != nil {
		return c.certain(ctx, err)
	}
	if r, err := decode(a.body); err == nil && r.id() == id && r.active() != active && !c.profile.Irreversible {
		return transient("%s: the target answers that it is done, and that active is still %v", userPath(id), !active)
	}
	return nil
}

// write writes the attributes that changed, and nothing else.
func (c *Connector) write(ctx context.Context, id string, changed map[string]string) error {
	if err := connectors.Named(id); err != nil {
		return err
	}
	if c.profile.Update == connectors.UpdatePut {
		_, err := c.replace(ctx, userPath(id), func(r resource) {
			for _, name := range slices.Sorted(maps.Keys(changed)) {
				r.set(parsePath(name), changed[name], c.boolean(true))
			}
		})
		return c.certain(ctx, err)
	}
	return c.certain(ctx, c.current(func() error {
		operations, etag, err := c.operations(ctx, id, changed)
		if err == nil {
			_, err = c.patch(ctx, userPath(id), etag, operations)
		}
		return err
	}))
}

// operations returns the operations that write the changes. One value of several
// is written by writing all of them, so the others are read first: paths with a
// filter in them are understood by too few, and not the same way.
func (c *Connector) operations(ctx context.Context, id string, changed map[string]string) (all []operation, etag string, err error) {
	var now resource
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		p, value := parsePath(name), changed[name]
		if !p.several() {
			all = append(all, written(p.String(), value))
			continue
		}
		if now == nil {
			now = resource{}
			if !slices.Contains(c.profile.Attributes.SingleValued, p.name) {
				if now, etag, err = c.fetch(ctx, userPath(id), ""); err != nil {
					return nil, "", err
				}
			}
		}
		now.set(p, value, c.boolean(true))
		all = slices.DeleteFunc(all, func(o operation) bool { return o.Path == p.name })
		if list, ok := now[key(now, p.name)].([]any); ok {
			all = append(all, operation{Op: "replace", Path: p.name, Value: list})
		} else {
			all = append(all, operation{Op: "remove", Path: p.name})
		}
	}
	return all, etag, nil
}

// An operation is one of a PATCH.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func written(path, value string) operation {
	if value == "" {
		return operation{Op: "remove", Path: path}
	}
	return operation{Op: "replace", Path: path, Value: value}
}

func (c *Connector) patch(ctx context.Context, path, etag string, operations []operation) (answer, error) {
	body := map[string]any{"schemas": []string{patchURN}, "Operations": operations}
	return c.do(ctx, call{method: http.MethodPatch, path: path, body: body, ifMatch: etag})
}

// replace reads the resource, changes it and writes it back, again if somebody
// else wrote it meanwhile and the target can tell.
func (c *Connector) replace(ctx context.Context, path string, change func(resource)) (a answer, err error) {
	err = c.current(func() error {
		r, etag, err := c.fetch(ctx, path, "")
		if err != nil {
			return err
		}
		for _, name := range []string{"meta", "groups"} {
			delete(r, key(r, name))
		}
		change(r)
		a, err = c.do(ctx, call{method: http.MethodPut, path: path, body: r, ifMatch: etag})
		return err
	})
	return a, err
}

// current does it again while the target says that what was read is not current.
func (c *Connector) current(do func() error) error {
	err := do()
	for range 3 {
		if statusOf(err) != http.StatusPreconditionFailed {
			break
		}
		err = do()
	}
	return err
}

func userPath(id string) string  { return "/Users/" + url.PathEscape(id) }
func groupPath(id string) string { return "/Groups/" + url.PathEscape(id) }
