package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A listing is one page of a list.
type listing struct {
	TotalResults *int       `json:"totalResults"`
	NextCursor   string     `json:"nextCursor"`
	Resources    []resource `json:"Resources"`
}

func (l listing) total() int {
	if l.TotalResults == nil {
		return len(l.Resources)
	}
	return *l.TotalResults
}

func (c *Connector) page(ctx context.Context, path, query string) (listing, error) {
	var l listing
	a, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query})
	if connectors.KindOf(err) == connectors.Gone {
		return l, astray(err)
	}
	if err != nil {
		return l, err
	}
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&l); err != nil {
		return l, connectors.Foreign(transient("GET %s: the target's answer is not a list: %w", path, err))
	}
	if l.TotalResults == nil && l.Resources == nil {
		return l, connectors.Foreign(permanent("GET %s: the target's answer is not a list: baseURL may be wrong", path))
	}
	return l, nil
}

// astray is the error of not finding what every target has. Perhaps it is being
// deployed, or baseURL is wrong: that nobody is there, it does not mean.
func astray(err error) error {
	return transient("is baseURL right? %w", err)
}

// List returns every account, or an error.
func (c *Connector) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		held, err := c.groups.everybody(ctx)
		if err != nil {
			yield(schema.Account{}, err)
			return
		}
		for r, err := range c.all(ctx, "/Users", "") {
			var account schema.Account
			switch {
			case err != nil:
			case held != nil:
				account = c.described(r, held[r.id()])
			default:
				account, err = c.account(ctx, r, c.groups.asksAbout())
			}
			if !yield(account, err) || err != nil {
				return
			}
		}
	}
}

// Entitlements returns the names of the groups, and what an account holds by being
// active.
func (c *Connector) Entitlements(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if name := c.profile.Account; name != "" && !yield(name, nil) || c.profile.Groups.Of == connectors.GroupsOfNone {
			return
		}
		for r, err := range c.all(ctx, "/Groups", "excludedAttributes=members") {
			name := ""
			if err == nil {
				name = c.groups.learn(r)
			}
			if !yield(name, err) || err != nil {
				return
			}
		}
	}
}

// everybody returns the names of the groups that each user is in, by the user's
// id, and nil where the users say so themselves.
func (g *groups) everybody(ctx context.Context) (map[string][]string, error) {
	switch g.c.profile.Groups.Of {
	case connectors.GroupsOfFilter, connectors.GroupsOfList:
	case connectors.GroupsOfPair:
		if err := ctx.Err(); err != nil || g.c.o.Catalogue != nil {
			return nil, err
		}
		return nil, permanent("the target does not say who is in a group, only whether one user is, and nobody says which groups matter: it cannot be listed")
	default:
		return nil, nil
	}
	held := map[string][]string{}
	for r, err := range g.c.all(ctx, "/Groups", "") {
		if err != nil {
			return nil, err
		}
		name := g.learn(r)
		for user := range members(r) {
			held[user] = append(held[user], name)
		}
	}
	for user, names := range held {
		slices.Sort(names)
		held[user] = slices.Compact(names)
	}
	return held, nil
}

// members returns the ids of the group's members.
func members(group resource) iter.Seq[string] {
	return func(yield func(string) bool) {
		list, _ := group[key(group, "members")].([]any)
		for _, v := range list {
			m, _ := v.(map[string]any)
			if !yield(text(m[key(m, "value")])) {
				return
			}
		}
	}
}

// maxPages is more than any target can need: it ends a listing that would go on
// for ever.
const maxPages = 1_000_000

// all returns every resource of the list, page by page, or an error: a list that
// repeats itself, shrinks, or ends before its total, is none.
func (c *Connector) all(ctx context.Context, path, query string) iter.Seq2[resource, error] {
	return func(yield func(resource, error) bool) {
		w := walk{style: c.profile.Paging.Style, size: c.profile.Paging.Size, path: path, seen: map[string]struct{}{}}
		for range maxPages {
			l, err := c.page(ctx, path, w.query(query))
			if err == nil {
				err = w.check(l)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range l.Resources {
				if !yield(r, nil) {
					return
				}
			}
			if w.done {
				return
			}
		}
		yield(nil, transient("GET %s: the list does not end", path))
	}
}

// A walk goes through the pages of a list.
type walk struct {
	style  connectors.PagingStyle
	size   int
	path   string
	cursor string
	total  int // of the page before; what seen must come to
	pages  int
	done   bool
	seen   map[string]struct{} // ids
}

// query returns the query of the next page.
func (w *walk) query(rest string) string {
	q := rest
	and := func(s string) {
		if q != "" {
			q += "&"
		}
		q += s
	}
	switch w.style {
	case connectors.PagingNone:
	case connectors.PagingCursor:
		and("cursor=" + url.QueryEscape(w.cursor))
		and("count=" + strconv.Itoa(w.size))
	case connectors.PagingIndex:
		and("startIndex=" + strconv.Itoa(len(w.seen)+1))
		and("count=" + strconv.Itoa(w.size))
	}
	return q
}

// check looks at a page before anybody else does.
func (w *walk) check(l listing) error {
	for _, r := range l.Resources {
		id := r.id()
		if id == "" {
			return w.incomplete("an entry has no id")
		}
		if _, twice := w.seen[id]; twice {
			return w.incomplete(fmt.Sprintf("%s is listed twice", id))
		}
		w.seen[id] = struct{}{}
	}
	if w.style != connectors.PagingCursor && l.TotalResults == nil {
		return w.incomplete("it does not say how many there are")
	}
	if l.TotalResults != nil {
		if w.pages > 0 && *l.TotalResults < w.total {
			return w.incomplete(fmt.Sprintf("it shrank from %d to %d", w.total, *l.TotalResults))
		}
		w.total = *l.TotalResults
	}
	w.pages++
	return w.end(l)
}

// end finds out whether the page was the last.
func (w *walk) end(l listing) error {
	if w.style == connectors.PagingCursor {
		if l.NextCursor != "" && l.NextCursor == w.cursor {
			return w.incomplete("a page leads back to itself")
		}
		w.cursor, w.done = l.NextCursor, l.NextCursor == ""
		if w.done && l.TotalResults != nil && len(w.seen) != w.total {
			return w.incomplete(fmt.Sprintf("it ended after %d of %d", len(w.seen), w.total))
		}
		return nil
	}
	switch {
	case len(w.seen) > w.total:
		return w.incomplete(fmt.Sprintf("it has %d entries and says %d", len(w.seen), w.total))
	case len(w.seen) == w.total:
		w.done = true
	case len(l.Resources) == 0 || w.style == connectors.PagingNone:
		return w.incomplete(fmt.Sprintf("it ended after %d of %d", len(w.seen), w.total))
	}
	return nil
}

func (w *walk) incomplete(why string) error {
	return transient("GET %s: the list is not complete: %s", w.path, why)
}

// quote returns the value as a string in a filter.
func quote(value string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return `""`
	}
	return strings.TrimSpace(b.String())
}

// equals returns the filter that the attribute is the value.
func equals(attribute, value string) string {
	return fmt.Sprintf("%s eq %s", attribute, quote(value))
}
