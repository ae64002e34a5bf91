package console

import (
	"context"
	"net/http"
	"strconv"

	"drawbridge/schema"
)

// inboxPage is what waits for a decision of whoever is logged in.
type inboxPage struct {
	Requests   []requestView
	Exceptions []exceptionView
	Bypasses   []bypassView
	Items      []itemView
	More       string   // where the rest of the items is
	Problems   []string // what could not be looked at: an inbox that cannot be read is not an empty one
	Holds      int
	Proposals  int
	Nobody     string // why they can decide nothing
}

// Empty reports whether nothing waits, and that is known.
func (p inboxPage) Empty() bool {
	return len(p.Requests)+len(p.Exceptions)+len(p.Bypasses)+len(p.Items)+len(p.Problems) == 0 && p.Nobody == ""
}

// mostItems is how many items of reviews the inbox shows.
const mostItems = 20

func showInbox(v *visit) (any, error) {
	var p inboxPage
	var status statusView
	if err := v.get(v.ctx, "/status", &status); err != nil {
		return nil, err
	}
	p.Holds, p.Proposals = status.Holds, status.Proposals
	var requests list[requestView]
	switch err := v.get(v.ctx, "/requests", &requests, "approver", "me"); {
	case err != nil && statusOf(err) < http.StatusInternalServerError:
		p.Nobody = err.Error() // who is nobody decides nothing else either
		return p, nil
	case err != nil:
		p.Problems = append(p.Problems, "Requests: "+err.Error())
	}
	p.Requests = requests.Items
	var bypasses list[bypassView]
	p.look(v.get(v.ctx, "/bypasses", &bypasses, "reviewer", "me"), "Broken glass")
	p.Bypasses = bypasses.Items
	var items list[itemView]
	p.look(v.get(v.ctx, "/review-items", &items, "limit", strconv.Itoa(mostItems)), "Reviews")
	if p.Items = items.Items; items.Next != "" {
		p.More = v.link("reviews", "mine")
	}
	var err error
	p.Exceptions, err = all[exceptionView](v.ctx, v.client, "/exceptions", "state", string(schema.ExceptionOpen), "approver", "me")
	p.look(err, "Exceptions")
	return p, nil
}

// look keeps what could not be looked at, to be told.
func (p *inboxPage) look(err error, what string) {
	if err != nil {
		p.Problems = append(p.Problems, what+": "+err.Error())
	}
}

// mostPages is how many pages of a list are read for one page of ours.
const mostPages = 20

// all reads a list page by page: a page of it may be short, or empty, and not the last.
func all[T any](ctx context.Context, c client, path string, query ...string) (found []T, err error) {
	cursor := ""
	for range mostPages {
		var page list[T]
		if err := c.get(ctx, path, &page, append([]string{"cursor", cursor}, query...)...); err != nil {
			return found, err
		}
		if found, cursor = append(found, page.Items...), page.Next; cursor == "" {
			break
		}
	}
	return found, nil
}

// mostInbox is how many of the things that wait for somebody are counted.
const mostInbox = 99

// inbox counts what waits for the person's decision. Where that cannot be told, the
// pages are as useful without.
func (v *visit) inbox() (n int) {
	if !v.who.May(schema.Approver) {
		return 0
	}
	for _, what := range [][]string{
		{"/requests", "approver", "me"}, {"/review-items", "limit", "100"}, {"/bypasses", "reviewer", "me"}, {"/exceptions", "state", string(schema.ExceptionOpen), "approver", "me"},
	} {
		var waiting list[struct{}]
		if err := v.get(v.ctx, what[0], &waiting, what[1:]...); err != nil {
			continue
		}
		n += len(waiting.Items)
	}
	return min(n, mostInbox+1)
}
