package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerRequests registers what people ask for, and what others decide about it.
func (a *API) registerRequests(h huma.API) {
	add(a, h, created(post("/requests", "Ask for a role, for oneself or for somebody else")), a.ask)
	add(a, h, get("/requests", "List requests: of an inbox, of somebody, of a role, or in a state"), a.listRequests)
	add(a, h, get("/requests/{id}", "A request, and who may decide about it now"), a.readRequest)
	add(a, h, post("/requests/{id}/approve", "Agree to a request, as the person behind the credential"), a.decide(access.Approve))
	add(a, h, post("/requests/{id}/deny", "Refuse a request, which ends it"), a.decide(access.Refuse))
	add(a, h, post("/requests/{id}/withdraw", "Take a request back"), a.decide(access.Withdraw))
}

// A RequestView is a request with the names of the people in it.
type RequestView struct {
	schema.Request
	UserName      string   `json:"userName" doc:"Whom it is for."`
	RequesterName string   `json:"requesterName,omitempty" doc:"Who asked, where that is a person whom a source knows."`
	Intent        string   `json:"intent,omitempty" doc:"What the role is for."`
	Deciders      []string `json:"deciders,omitempty" doc:"Some of those who may decide now."`
	DryRun        bool     `json:"dryRun,omitempty"`
}

// intentOf is what a role in force is for.
func intentOf(book *policy.Book, name string) string {
	role, ok := book.Role(name)
	if !ok {
		return ""
	}
	return strings.TrimSpace(role.Spec.Intent)
}

// mostDeciders is how many of those who may decide are named.
const mostDeciders = 5

// ViewRequest returns a request with the names of the people in it, who are looked
// up as they are now.
func ViewRequest(r store.Reader, book *policy.Book, q schema.Request) (RequestView, error) {
	v := RequestView{Request: q, Intent: intentOf(book, q.Role)}
	var err error
	if v.UserName, err = nameOf(r, q.Identity); err != nil {
		return v, err
	}
	if v.RequesterName, err = nameOf(r, q.Requester); err != nil {
		return v, err
	}
	able, err := access.Deciders(r, book, q, mostDeciders)
	for _, id := range able {
		v.Deciders = append(v.Deciders, id.UserName)
	}
	return v, err
}

// nameOf is the userName of an identity; nothing of nobody.
func nameOf(r store.Reader, identity string) (string, error) {
	if identity == "" {
		return "", nil
	}
	id, err := store.Identities.Get(r, identity)
	if errors.Is(err, schema.ErrNotFound) {
		err = nil
	}
	return id.UserName, err
}

// decider is the caller as somebody who decides. Where the credential stands for
// nobody whom a source knows it is a program's, which may ask and not decide; why
// says so.
func (a *API) decider(ctx context.Context, r store.Reader) (by access.Decider, why, err error) {
	c := callerOf(ctx)
	by = access.Decider{Actor: c.Actor(), Auth: c.Auth}
	id, err := access.PersonOf(r, a.Rules.Book(), c.Person)
	switch {
	case err == nil:
		by.Identity = id.ID
		return by, nil, nil
	case errors.Is(err, schema.ErrNotFound), errors.Is(err, schema.ErrConflict), errors.Is(err, schema.ErrForbidden):
		return by, fmt.Errorf("the credential %s stands for no person who could decide (%s): %w", c.Name, err.Error(), schema.ErrForbidden), nil
	}
	return by, nil, err
}

type askInput struct {
	DryRun
	Body struct {
		Role     string    `json:"role" minLength:"1"`
		Identity string    `json:"identity,omitempty" doc:"Whom it is for: an id, a userName or an email address. Left out: the caller."`
		Reason   string    `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
		Ticket   string    `json:"ticket,omitempty" maxLength:"200"`
		From     time.Time `json:"from,omitzero" doc:"Left out: once everybody agreed."`
		Until    time.Time `json:"until,omitzero"`
		Lasts    string    `json:"lasts,omitempty" doc:"Instead of until: how long, from when it begins, such as 4h. Left out: as long as the role says."`
	}
}

func (a *API) ask(ctx context.Context, in *askInput) (*Reply[RequestView], error) {
	book := a.Rules.Book()
	asking := access.Asking{Role: in.Body.Role, Reason: in.Body.Reason, Ticket: in.Body.Ticket, From: in.Body.From, Until: in.Body.Until}
	if in.Body.Lasts != "" {
		lasts, err := policy.ParseDuration(in.Body.Lasts)
		if err != nil || lasts <= 0 {
			return nil, fmt.Errorf("lasts is %q: write how long, as in 4h or 7d: %w", in.Body.Lasts, schema.ErrInvalid)
		}
		asking.Lasts = time.Duration(lasts)
	}
	var out RequestView
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		by, why, err := a.decider(ctx, tx)
		switch asking.By = by; {
		case err != nil:
			return err
		case in.Body.Identity == "" && why != nil:
			return fmt.Errorf("say whom it is for: %w", why)
		case in.Body.Identity == "":
			asking.Identity = by.Identity
		default:
			id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.Identity)
			if err != nil {
				return err
			}
			asking.Identity = id.ID
		}
		q, err := access.Request(tx, book, asking)
		if err != nil {
			return err
		}
		out, err = ViewRequest(tx, book, q)
		return err
	})
	if errors.Is(err, schema.ErrForbidden) && !in.Dry && asking.Identity != "" {
		if noted := a.deny(ctx, book, callerOf(ctx), asking.Identity, asking.Role, err); noted != nil {
			return nil, noted
		}
	}
	out.DryRun = in.Dry
	return reply(out), err
}

type decideInput struct {
	ID string `path:"id" maxLength:"100"`
	DryRun
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// decide returns the handler of a person's decision about a request.
func (a *API) decide(verb func(store.Tx, *policy.Book, access.Choice) (schema.Request, error)) func(context.Context, *decideInput) (*Reply[RequestView], error) {
	return func(ctx context.Context, in *decideInput) (*Reply[RequestView], error) {
		book := a.Rules.Book()
		var out RequestView
		err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
			by, why, err := a.decider(ctx, tx)
			if err != nil {
				return err
			}
			q, err := verb(tx, book, access.Choice{Request: in.ID, By: by, Reason: in.Body.Reason})
			if errors.Is(err, schema.ErrForbidden) && why != nil {
				return fmt.Errorf("%w; %w", err, why)
			}
			if err != nil {
				return err
			}
			out, err = ViewRequest(tx, book, q)
			return err
		})
		out.DryRun = in.Dry
		return reply(out), err
	}
}

type requestsInput struct {
	Paging
	Approver string `query:"approver" doc:"Those that wait for this person's decision: me, or an id, a userName or an email address. Not a page at a time."`
	Identity string `query:"identity" doc:"Those for somebody: me, or an id, a userName or an email address."`
	Role     string `query:"role"`
	State    string `query:"state" enum:"open,approved,fulfilled,denied,expired,withdrawn"`
}

func (a *API) listRequests(ctx context.Context, in *requestsInput) (*Reply[List[RequestView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	views := List[RequestView]{Items: []RequestView{}}
	err = a.Store.View(ctx, func(r store.Reader) error {
		list, err := a.requests(ctx, r, in, after)
		if err != nil {
			return err
		}
		views.Next = list.Next
		for _, q := range list.Items {
			v, err := ViewRequest(r, a.Rules.Book(), q)
			if err != nil {
				return err
			}
			views.Items = append(views.Items, a.masked(ctx, r, v))
		}
		return nil
	})
	return reply(views), err
}

// requests takes the page from the store, by the index that answers.
func (a *API) requests(ctx context.Context, r store.Reader, in *requestsInput, after []string) (list List[schema.Request], err error) {
	wanted := pick[schema.Request]{
		keep: func(q schema.Request) bool {
			return (in.Role == "" || q.Role == in.Role) && (in.State == "" || string(q.State) == in.State)
		},
		key: func(q schema.Request) []string { return []string{q.ID} },
	}
	switch {
	case in.Approver != "":
		who, err := a.meant(ctx, r, in.Approver)
		if err != nil {
			return list, err
		}
		all, err := access.Awaiting(r, a.Rules.Book(), who)
		for _, q := range all {
			if wanted.keep(q) && (in.Identity == "" || in.Identity == q.Identity) {
				list.Items = append(list.Items, q)
			}
		}
		return list, err
	case in.Identity != "":
		who, err := a.meant(ctx, r, in.Identity)
		if err != nil {
			return list, err
		}
		return page(in.Paging, store.Requests.ByFrom(r, store.RequestIdentity, []string{who.ID}, after...), wanted)
	case in.Role != "":
		return page(in.Paging, store.Requests.ByFrom(r, store.RequestRole, []string{in.Role}, after...), wanted)
	case in.State != "":
		return page(in.Paging, store.Requests.ByFrom(r, store.RequestState, []string{in.State}, after...), wanted)
	}
	return page(in.Paging, store.Requests.From(r, after...), wanted)
}

// meant is whom a name in a query means; me is the caller.
func (a *API) meant(ctx context.Context, r store.Reader, name string) (schema.Identity, error) {
	if name == "me" {
		return access.PersonOf(r, a.Rules.Book(), callerOf(ctx).Person)
	}
	return access.FindIdentity(r, name)
}

type requestInput struct {
	ID string `path:"id" maxLength:"100"`
}

func (a *API) readRequest(ctx context.Context, in *requestInput) (*Reply[RequestView], error) {
	var out RequestView
	err := a.Store.View(ctx, func(r store.Reader) error {
		q, err := store.Requests.Get(r, in.ID)
		if err != nil {
			return err
		}
		v, err := ViewRequest(r, a.Rules.Book(), q)
		out = a.masked(ctx, r, v)
		return err
	})
	return reply(out), err
}

// masked takes out people's own words, and the ticket that they named, for those who are neither auditors nor part
// of it.
func (a *API) masked(ctx context.Context, r store.Reader, v RequestView) RequestView {
	c := callerOf(ctx)
	if c.Role.AtLeast(seesDetail) || v.By == c.Actor() {
		return v
	}
	if who, err := access.PersonOf(r, a.Rules.Book(), c.Person); err == nil && (who.ID == v.Identity || who.ID == v.Requester) {
		return v
	}
	v.Reason, v.Ticket = "", ""
	v.Approvals = append([]schema.Approval(nil), v.Approvals...)
	for i := range v.Approvals {
		v.Approvals[i].Reason = ""
	}
	return v
}
