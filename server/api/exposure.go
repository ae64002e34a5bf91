package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access/exposure"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerExposure registers how long access outlives what ends it.
func (a *API) registerExposure(h huma.API) {
	add(a, h, get("/exposure", "How long access outlived the changes that ended it, of a period"), a.readExposure)
	add(a, h, get("/exposure/latest", "How long access outlived the changes that ended it, of the newest: of a day, or of less where so many ended"), a.readLatestExposure)
	add(a, h, get("/exposure/open", "The exposure windows that are open now, by connector, the oldest first"), a.listOpenWindows)
	add(a, h, get("/exposure/windows", "The exposure windows that were opened in a period: those that closed, then those that are open"), a.listWindows)
}

// Period is a span of time: from one moment on, and before another.
type Period struct {
	From time.Time `query:"from" required:"true" doc:"From this moment on (RFC 3339)."`
	To   time.Time `query:"to" required:"true" doc:"Before this moment (RFC 3339)."`
}

type exposureInput struct {
	Period
	By string `query:"by" enum:"connector,trigger,person" default:"connector"`
}

func (a *API) readExposure(ctx context.Context, in *exposureInput) (*Reply[exposure.Report], error) {
	var out exposure.Report
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		out, err = a.Exposure.Measure(r, in.From, in.To, in.By)
		return err
	})
	return reply(out), err
}

func (a *API) readLatestExposure(ctx context.Context, _ *struct{}) (*Reply[exposure.Recent], error) {
	var out exposure.Recent
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		out, err = exposure.Latest(r)
		return err
	})
	return reply(out), err
}

func (a *API) listOpenWindows(ctx context.Context, in *struct{ Paging }) (*Reply[List[exposure.Window]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	list := List[exposure.Window]{Items: []exposure.Window{}}
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		if list, err = openWindows(r, in.Paging, after, nil); list.Next != "" {
			list.Next = cursor([]string{list.Next})
		}
		return err
	})
	return reply(list), err
}

// openWindows is a page of those that are open and asked for. Its next is not a
// cursor yet.
func openWindows(r store.Reader, p Paging, after []string, asked func(schema.Change) bool) (List[exposure.Window], error) {
	list := List[exposure.Window]{Items: []exposure.Window{}}
	var last store.Place
	if len(after) > 0 {
		place, err := base64.RawURLEncoding.DecodeString(after[0])
		if err != nil {
			return list, fmt.Errorf("cursor: it is none of this list's: %w", schema.ErrInvalid)
		}
		last = store.Place(place)
	}
	looked := 0
	for a, err := range store.Accounts.Walk(r, store.AccountOpen, last) {
		if err != nil {
			return list, err
		}
		if len(list.Items) == p.Limit || looked == p.most() {
			list.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
			return list, nil
		}
		if looked, last = looked+1, a.Place; asked != nil && !asked(a.Record.Due) {
			continue
		}
		v, err := exposure.ViewOpen(r, a.Record)
		if err != nil {
			return list, err
		}
		list.Items = append(list.Items, v)
	}
	return list, nil
}

type windowsInput struct {
	Paging
	Period
}

// listWindows lists those that closed, in the order in which they were opened, and
// then those that are open.
func (a *API) listWindows(ctx context.Context, in *windowsInput) (*Reply[List[exposure.Window]], error) {
	const closed, open = "closed", "open"
	after, err := in.after(3)
	if err != nil {
		return nil, err
	}
	var list List[exposure.Window]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		if len(after) == 0 || after[0] == closed {
			var last []string
			if list, last, err = closedWindows(r, in, after); len(last) == 0 {
				list.Next = cursor([]string{open, "", ""})
			} else {
				list.Next = cursor(append([]string{closed}, last...))
			}
			return err
		}
		var from []string
		if after[1] != "" {
			from = after[1:2]
		}
		list, err = openWindows(r, in.Paging, from, func(c schema.Change) bool {
			return !c.Received.Before(in.From) && c.Received.Before(in.To)
		})
		if list.Next != "" {
			list.Next = cursor([]string{open, list.Next, ""})
		}
		return err
	})
	return reply(list), err
}

// closedWindows is a page of those that closed, and behind which of them the next one
// begins: when that was opened, and its id.
func closedWindows(r store.Reader, in *windowsInput, after []string) (list List[exposure.Window], last []string, err error) {
	list.Items = []exposure.Window{}
	from := in.From
	if len(after) > 0 {
		if from, err = time.Parse(time.RFC3339Nano, after[1]); err != nil {
			return list, nil, fmt.Errorf("cursor: it is none of this list's: %w", schema.ErrInvalid)
		}
	}
	for w, err := range store.Windows.Between(r, store.WindowReceived, from, in.To) {
		if err != nil {
			return list, nil, err
		}
		if len(after) > 0 && w.Change.Received.Equal(from) && w.ID <= after[2] {
			continue
		}
		if len(list.Items) == in.Limit {
			return list, last, nil
		}
		v, err := exposure.View(r, w)
		if err != nil {
			return list, nil, err
		}
		list.Items = append(list.Items, v)
		last = []string{w.Change.Received.Format(time.RFC3339Nano), w.ID}
	}
	return list, nil, nil
}
