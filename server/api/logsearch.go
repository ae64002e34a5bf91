package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/access/search"
	"drawbridge/schema"
	"drawbridge/store"
)

type searchInput struct {
	Paging
	Subject     string    `query:"subject" doc:"An identity's id, userName or email address, or kind/NAME."`
	By          string    `query:"by" doc:"Who decided: a person's id, userName or email address, or as the log names them: token/NAME, identity/ID, local/NAME, source/NAME, trigger/SET/NAME, bridge."`
	Verb        []string  `query:"verb" doc:"Any of these verbs."`
	Role        string    `query:"role" doc:"A role that it is about, or because of which it was decided."`
	Entitlement string    `query:"entitlement" doc:"connector/id"`
	Connector   string    `query:"connector" doc:"What is about the connector, or about what it has."`
	Request     string    `query:"request" doc:"The id of a request that it belongs to."`
	Ticket      string    `query:"ticket" doc:"The ticket that was named. For auditors."`
	Text        string    `query:"text" maxLength:"200" doc:"In its reason, in any case; for auditors, in people's own words too."`
	Since       time.Time `query:"since" doc:"Decided at this time or later."`
	Until       time.Time `query:"until" doc:"Decided before this time."`
}

// searchLog looks for decisions, newest first.
func (a *API) searchLog(ctx context.Context, in *searchInput) (*Reply[List[EntryView]], error) {
	before := int64(-1)
	if after, err := in.after(1); err != nil {
		return nil, err
	} else if after != nil {
		if before, err = strconv.ParseInt(after[0], 10, 64); err != nil {
			return nil, fmt.Errorf("cursor: it is none of this list's: %w", schema.ErrInvalid)
		}
	}
	words := callerOf(ctx).Role.AtLeast(seesDetail)
	q := search.Query{
		Subject: in.Subject, By: in.By, Role: in.Role, Entitlement: in.Entitlement, Connector: in.Connector, Request: in.Request,
		Ticket: in.Ticket, Text: in.Text, Since: in.Since, Until: in.Until, Words: words,
	}
	for _, verb := range in.Verb {
		q.Verbs = append(q.Verbs, schema.Verb(verb))
	}
	list := List[EntryView]{Items: []EntryView{}}
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		if q, err = q.Named(r); err != nil {
			return err
		}
		entries, next, err := q.Page(r, before, in.Limit)
		if err != nil {
			return err
		}
		if next >= 0 {
			list.Next = cursor([]string{strconv.FormatInt(next, 10)})
		}
		for _, e := range entries {
			v, err := a.viewOf(r, e, words)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, v)
		}
		return nil
	})
	return reply(list), err
}

// ViewEntry is an entry without its detail.
func ViewEntry(r store.Reader, intents *access.Intents, e store.Entry) (EntryView, error) {
	v := EntryView{Seq: e.Seq, Decision: e.Decision}
	var err error
	if v.Intents, err = intents.Of(r, e.Decision); err != nil || strings.Contains(e.Decision.Subject, "/") {
		return v, err // of another kind
	}
	v.UserName, err = nameOf(r, e.Decision.Subject)
	return v, err
}

// viewOf is an entry with its detail, where that may be seen.
func (a *API) viewOf(r store.Reader, e store.Entry, words bool) (EntryView, error) {
	v, err := ViewEntry(r, &a.intents, e)
	of := detailOf(e.Decision)
	if of == "" || !words || err != nil {
		return v, err
	}
	if v.Detail, err = store.Detail(r, of); errors.Is(err, schema.ErrNotFound) {
		err = nil
	}
	return v, err
}
