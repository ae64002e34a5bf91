package rest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// maxPages is more than any target can need: it ends a listing that would go on
// for ever.
const maxPages = 1_000_000

// all returns every item of the listing, page by page, or an error: one that repeats
// itself, shrinks, or ends before its total, is none. No two items have one key.
func (c *Connector) all(ctx context.Context, l *listing, in variables, key func(any) (string, error)) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		w := newWalk(l)
		w.check = func(items []any) error { return w.once(items, key) }
		c.walk(ctx, w, in, yield)
	}
}

// walk yields every item, and reports whether it came to the end of them.
func (c *Connector) walk(ctx context.Context, w *walk, in variables, yield func(any, error) bool) bool {
	for range maxPages {
		items, err := c.page(ctx, w.l, w, in)
		if err == nil {
			err = w.check(items)
		}
		if err != nil {
			yield(nil, err)
			return false
		}
		for _, item := range items {
			counts, err := c.counts(w.l, item)
			if err != nil {
				yield(nil, err)
				return false
			}
			if counts && !yield(item, nil) {
				return false
			}
		}
		if w.done {
			return true
		}
	}
	yield(nil, transient("%s: the list does not end", w.l.name()))
	return false
}

// counts reports whether the item is one that the declaration wants.
func (c *Connector) counts(l *listing, item any) (bool, error) {
	if !l.Only.given() {
		return true, nil
	}
	yes, err := l.Only.truth(c.vars(variables{"item": item}))
	if err != nil {
		return false, permanent("%s: only: %w", l.name(), err)
	}
	return yes, nil
}

// A walk goes through the pages of a listing.
type walk struct {
	l      *listing
	pages  int
	seen   int // items so far
	total  int64
	token  string
	next   string // the link to the next page
	done   bool
	tokens map[string]struct{}
	check  func(items []any) error // whether a page is one that comes after those before

	known  map[string]struct{} // keys of the items so far; of lines, the pages
	before []string            // keys of the page before
	last   string              // its last item
	moved  bool                // a page began with what the one before had
	read   hash.Hash           // of the keys
}

func newWalk(l *listing) *walk {
	return &walk{l: l, total: -1, known: map[string]struct{}{}, tokens: map[string]struct{}{}, read: sha256.New()}
}

// vars returns what expressions read as page.
func (w *walk) vars() map[string]string {
	return map[string]string{
		"token": w.token, "offset": strconv.Itoa(w.seen), "number": strconv.Itoa(w.l.Page.First + w.pages), "size": strconv.Itoa(w.l.Page.Size),
	}
}

// page asks for the next page, checks it before anybody else does, and finds out
// whether it is the last.
func (c *Connector) page(ctx context.Context, l *listing, w *walk, in variables) ([]any, error) {
	in = c.vars(in)
	in["page"] = w.vars()
	var got reply
	var err error
	if w.next != "" {
		got, err = c.follow(ctx, l, w.next)
	} else {
		got, err = c.ask(ctx, &l.request, in)
	}
	if err != nil {
		return nil, err
	}
	answer := c.vars(variables{"body": got.body, "headers": got.headers, "page": in["page"]})
	if got.link == nil {
		return nil, w.ended() // there is no such list, which the declaration says is an answer
	}
	items, err := l.Items.list(answer)
	if err != nil {
		return nil, w.incomplete("its items are not where they should be: " + err.Error())
	}
	w.pages++
	w.seen += len(items)
	if err := w.count(answer); err != nil {
		return nil, err
	}
	if err := w.turn(answer, got.link, len(items)); err != nil {
		return nil, err
	}
	return items, nil
}

func (w *walk) ended() error {
	w.done = true
	if w.pages > 0 {
		return w.incomplete("a page of it is gone")
	}
	return nil
}

func (c *Connector) follow(ctx context.Context, l *listing, link string) (reply, error) {
	q, err := c.web.Follow(link)
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", l.name(), err)
	}
	q.Name, q.Method, q.Header = l.name(), l.method, c.header
	return c.send(ctx, &l.request, q)
}

// count reads how many there are in all, if the target says so.
func (w *walk) count(answer variables) error {
	if !w.l.Page.Total.given() {
		return nil
	}
	text, err := w.l.Page.Total.words(answer)
	total, numErr := strconv.ParseInt(text, 10, 64)
	if err != nil || numErr != nil {
		return w.incomplete("it does not say how many there are")
	}
	if total < w.total {
		return w.incomplete(fmt.Sprintf("it shrank from %d to %d", w.total, total))
	}
	w.total = total
	return nil
}

// turn finds the next page.
func (w *walk) turn(answer variables, header http.Header, items int) error {
	switch w.l.Page.Style {
	case pageLink:
		w.next = nextLink(header)
		w.done = w.next == ""
		if err := w.again(w.next); err != nil {
			return err
		}
	case pageToken:
		token, err := w.l.Page.Next.words(answer)
		if err != nil {
			return w.incomplete("it does not say what the next page is: " + err.Error())
		}
		w.token, w.done = token, token == ""
		if err := w.again(token); err != nil {
			return err
		}
	case pageOffset, pageNumber:
		w.done = items == 0 || w.total >= 0 && int64(w.seen) >= w.total
	default:
		w.done = true
	}
	if w.done && w.total >= 0 && int64(w.seen) != w.total {
		return w.incomplete(fmt.Sprintf("it has %d entries and says %d", w.seen, w.total))
	}
	return nil
}

// again refuses a page that was there before.
func (w *walk) again(token string) error {
	if token == "" {
		return nil
	}
	if _, before := w.tokens[token]; before {
		return w.incomplete("a page leads back to one before")
	}
	w.tokens[token] = struct{}{}
	return nil
}

// once refuses items that were there before.
func (w *walk) once(items []any, key func(any) (string, error)) error {
	for _, item := range items {
		k, err := key(item)
		if err != nil {
			return w.incomplete("an entry cannot be read: " + err.Error())
		}
		if _, twice := w.known[k]; twice {
			return w.incomplete("an entry is listed twice")
		}
		w.known[k] = struct{}{}
	}
	return nil
}

func (w *walk) incomplete(why string) error {
	return transient("%s: the list is not complete: %s", w.l.name(), why)
}

// nextLink returns the target of rel=next (RFC 8288), or nothing.
func nextLink(header http.Header) string {
	for _, line := range header.Values("Link") {
		for line != "" {
			open := strings.IndexByte(line, '<')
			end := strings.IndexByte(line, '>')
			if open < 0 || end < open {
				break
			}
			link := line[open+1 : end]
			params := line[end+1:]
			if next := strings.Index(params, ",<"); next >= 0 {
				params, line = params[:next], params[next+1:]
			} else if next := strings.Index(params, ", <"); next >= 0 {
				params, line = params[:next], params[next+1:]
			} else {
				line = ""
			}
			if isNext(params) {
				return link
			}
		}
	}
	return ""
}

func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(name, "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(value, `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// astray is the error of not finding what every target has. Perhaps it is being
// deployed, or baseURL is wrong: that nobody is there, it does not mean.
func astray(err error) error {
	if !isMissing(err) {
		return err
	}
	return transient("is baseURL right? %w", err)
}

// certain returns the error of a request about one account, and a transient one
// where "gone" is not to be believed, because what every target has is not found
// either.
func (c *Connector) certain(ctx context.Context, err error) error {
	if !isMissing(err) {
		return err
	}
	if reachErr := c.reachable(ctx); reachErr != nil {
		return transient("an account was not found, which is not believed: %w", reachErr)
	}
	return err
}
