package scim

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

var _ connectors.Examiner = (*Connector)(nil)

// Find returns the user that the profile's match attributes find.
func (c *Connector) Find(ctx context.Context, attributes map[string]string) (schema.Account, error) {
	found, err := c.find(ctx, c.fit(attributes))
	if err != nil || found == nil {
		return schema.Account{}, err
	}
	return c.account(ctx, found, c.groups.asksAbout())
}

// Delete removes the user.
func (c *Connector) Delete(ctx context.Context, remoteID string) error {
	return c.remove(ctx, remoteID)
}

// Examine reads how the provider describes itself, and tries paging and filters.
func (c *Connector) Examine(ctx context.Context, canary schema.Account, tell func(connectors.Fact)) error {
	x := examination{Connector: c, ctx: ctx, canary: canary, tell: tell}
	for _, look := range []func() error{x.discovery, x.paging, x.operators, x.memberships} {
		if err := look(); err != nil {
			return err
		}
	}
	return nil
}

// An examination is one Examine under way.
type examination struct {
	*Connector
	ctx    context.Context
	canary schema.Account
	tell   func(connectors.Fact)
}

// get returns what is at the path, and refused if the target refuses to say: that
// is a fact, and no error.
func (x *examination) get(path, query string) (r resource, refused bool, err error) {
	r, _, err = x.fetch(x.ctx, path, query)
	if err == nil {
		return r, false, nil
	}
	if statusOf(err) != 0 && connectors.KindOf(err) != connectors.Transient {
		return nil, true, nil
	}
	return nil, false, err
}

// providers are the paths at which a provider describes itself: the standard's, and
// one that some write.
var providers = []string{"/ServiceProviderConfig", "/ServiceProviderConfigs"}

func (x *examination) discovery() error {
	paths := append([]string{x.profile.Discovery}, providers...)
	for i, path := range paths {
		if path == "" || slices.Index(paths, path) < i {
			continue
		}
		config, refused, err := x.get(path, "")
		if errors.Is(err, connectors.ErrForeign) {
			refused, err = true, nil
		}
		if err != nil {
			return err
		}
		if refused {
			continue
		}
		x.tell(connectors.Fact{Key: "discovery", Profile: x.profile.Discovery, Target: path, Learned: true})
		x.described(config)
		return nil
	}
	x.tell(connectors.Fact{Key: "discovery", Profile: x.profile.Discovery, Target: "none", Note: "it does not describe itself where providers do"})
	return nil
}

// described tells what the provider says of itself.
func (x *examination) described(config resource) {
	says := func(feature, name string) (value any, ok bool) {
		f, _ := config[key(config, feature)].(map[string]any)
		value, ok = f[key(f, name)]
		return value, ok
	}
	if v, ok := says("patch", "supported"); ok {
		update := string(connectors.UpdatePut)
		if truth(v) {
			update = string(connectors.UpdatePatch)
		}
		f := connectors.Fact{Key: "update", Profile: string(x.profile.Update), Target: update, Learned: true, Note: "as it says itself"}
		if update == string(connectors.UpdatePatch) && x.profile.Update == connectors.UpdatePut {
			f.Target, f.Note = f.Profile, "it says that it supports PATCH as well" // PUT every provider must support
		}
		x.tell(f)
		if f.Key = "groups.update"; update == string(connectors.UpdatePut) {
			f.Profile = string(x.profile.Groups.Update)
			x.tell(f)
		}
	}
	if v, ok := says("filter", "maxResults"); ok && text(v) != "" && text(v) != "0" {
		size, err := strconv.Atoi(text(v))
		f := connectors.Fact{Key: "paging.size", Profile: strconv.Itoa(x.profile.Paging.Size), Target: text(v), Note: "the most it says that it returns"}
		if err == nil && size >= x.profile.Paging.Size {
			f.Target, f.Note = f.Profile, "it says that it returns up to "+text(v)
		}
		f.Learned = err == nil
		x.tell(f)
	}
	for _, feature := range []string{"bulk", "sort", "etag", "changePassword"} {
		if v, ok := says(feature, "supported"); ok {
			x.tell(connectors.Fact{Key: feature, Target: strconv.FormatBool(truth(v)), Note: "as it says itself; the bridge needs none of it"})
		}
	}
	var schemes []string
	list, _ := config[key(config, "authenticationSchemes")].([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		schemes = append(schemes, text(m[key(m, "type")]))
	}
	if len(schemes) > 0 {
		x.tell(connectors.Fact{Key: "authentication", Target: strings.Join(schemes, ", "), Note: "as it says itself"})
	}
}

// paging finds out how a second page is reached.
func (x *examination) paging() error {
	fact := connectors.Fact{Key: "paging.style", Profile: string(x.profile.Paging.Style), Learned: true}
	first, err := x.page(x.ctx, "/Users", "startIndex=1&count=1")
	if err != nil {
		return err
	}
	cursor, err := x.page(x.ctx, "/Users", "cursor=&count=1")
	if err != nil && statusOf(err) == 0 {
		return err
	}
	byCursor := err == nil && cursor.NextCursor != ""
	byIndex, err := x.turns(first)
	if err != nil {
		return err
	}
	switch {
	case byIndex && byCursor:
		fact.Note = "index and cursor are both understood"
		if fact.Target = fact.Profile; x.profile.Paging.Style == connectors.PagingNone {
			fact.Target = string(connectors.PagingIndex)
		}
	case byCursor:
		fact.Target = string(connectors.PagingCursor)
	case byIndex:
		fact.Target = string(connectors.PagingIndex)
	case first.total() < 2:
		fact.Note = "there are too few users to see it"
	default:
		all, err := x.page(x.ctx, "/Users", "")
		if err != nil && statusOf(err) == 0 {
			return err
		}
		fact.Note = "the second page repeats the first, or is empty"
		if err == nil && len(all.Resources) == all.total() {
			fact.Target, fact.Note = string(connectors.PagingNone), "all at once"
		}
	}
	x.tell(fact)
	return nil
}

// turns reports whether startIndex leads to a second page.
func (x *examination) turns(first listing) (bool, error) {
	if len(first.Resources) != 1 || first.total() < 2 {
		return false, nil
	}
	second, err := x.page(x.ctx, "/Users", "startIndex=2&count=1")
	if err != nil {
		if statusOf(err) == 0 {
			return false, err
		}
		return false, nil
	}
	return len(second.Resources) == 1 && second.Resources[0].id() != first.Resources[0].id(), nil
}

// operators finds out which filters are understood, and whether they are heeded.
func (x *examination) operators() error {
	name := x.canary.Attributes["userName"]
	if name == "" {
		name = "nobody-has-this-name"
	}
	filters := []struct{ operator, filter string }{
		{"eq", equals("userName", name)},
		{"and", equals("userName", name) + " and " + equals("userName", name)},
		{"or", equals("userName", name) + " or " + equals("userName", name)},
		{"sw", `userName sw "` + name + `"`},
		{"co", `userName co "` + name + `"`},
	}
	var understood, ignored []string
	for _, f := range filters {
		list, err := x.page(x.ctx, "/Users", "filter="+url.QueryEscape(f.filter)+"&count=2")
		switch {
		case err == nil && slices.ContainsFunc(list.Resources, func(r resource) bool { return !strings.EqualFold(r.get(parsePath("userName")), name) }):
			ignored = append(ignored, f.operator)
		case err == nil:
			understood = append(understood, f.operator)
		case statusOf(err) == 0 || statusOf(err) == http.StatusTooManyRequests:
			return err
		}
	}
	says := slices.Clone(x.profile.Filter.Operators)
	says = slices.DeleteFunc(says, func(o string) bool {
		return !slices.ContainsFunc(filters, func(f struct{ operator, filter string }) bool { return f.operator == o })
	})
	fact := connectors.Fact{Key: "filter.operators", Profile: join(says), Target: join(understood), Learned: len(understood) > 0}
	if missing := slices.DeleteFunc(slices.Clone(says), func(o string) bool { return slices.Contains(understood, o) }); len(missing) == 0 && len(understood) > 0 {
		fact.Target, fact.Learned = fact.Profile, true
		if len(understood) > len(says) {
			fact.Note, fact.Target = "it understands more than the bridge needs: "+join(understood), fact.Profile
		}
	}
	if len(ignored) > 0 {
		fact.Note = "ignored, so that everybody is found: " + join(ignored)
	}
	x.tell(fact)
	return nil
}

func join(words []string) string { return strings.Join(schema.Sorted(words...), " ") }

// memberships finds out where a user's groups are read, with a canary that is in one.
func (x *examination) memberships() error {
	fact := connectors.Fact{Key: "groups.of", Profile: string(x.profile.Groups.Of), Learned: true}
	if !x.canary.Exists() || len(x.canary.Entitlements) == 0 {
		fact.Note = "it takes a canary in a group to see it"
		x.tell(fact)
		return nil
	}
	user, refused, err := x.get(userPath(x.canary.RemoteID), "")
	if err != nil || refused {
		return err
	}
	if list, _ := user[key(user, "groups")].([]any); len(list) > 0 {
		fact.Target = string(connectors.GroupsOfUser)
	} else {
		found, err := x.page(x.ctx, "/Groups", "filter="+url.QueryEscape(equals("members.value", x.canary.RemoteID))+"&count=2")
		switch {
		case err == nil && len(found.Resources) == 1:
			fact.Target = string(connectors.GroupsOfFilter)
		case err != nil && statusOf(err) == 0:
			return err
		default:
			fact.Note = "neither the user nor a filter says so"
		}
	}
	if fact.Target == string(connectors.GroupsOfUser) && fact.Profile == string(connectors.GroupsOfFilter) {
		fact.Note = "the user says so itself, which saves a call"
	}
	x.tell(fact)
	return nil
}
