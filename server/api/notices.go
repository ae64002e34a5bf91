package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/notice"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerNotices registers what people are told.
func (a *API) registerNotices(h huma.API) {
	add(a, h, get("/notices", "What people are to be told, and what they were told"), a.listNotices)
	add(a, h, post("/notices/test", "Send one person, or the operators, a trial by every way there is, now"), a.tryNotices)
}

// A NoticeView is a notice with the name of who is told.
type NoticeView struct {
	schema.Notice
	UserName string `json:"userName,omitempty"`
}

type noticesInput struct {
	Paging
	To      string `query:"to" doc:"Only of this person: me, an id, a userName or an email address; operators; or mailto:ADDRESS."`
	Waiting bool   `query:"waiting" doc:"Only what is yet to be told."`
}

func (a *API) listNotices(ctx context.Context, in *noticesInput) (*Reply[List[NoticeView]], error) {
	after, err := in.after(3)
	if err != nil {
		return nil, err
	}
	views := List[NoticeView]{}
	err = a.Store.View(ctx, func(r store.Reader) error {
		views = List[NoticeView]{Items: []NoticeView{}}
		wanted := pick[schema.Notice]{
			keep: func(n schema.Notice) bool { return !in.Waiting || n.Told.IsZero() },
			key:  func(n schema.Notice) []string { return []string{n.To, n.Kind, n.Subject} },
		}
		from := after
		if in.To != "" {
			who, err := a.addressee(ctx, r, in.To)
			if err != nil {
				return err
			}
			wanted.within = func(n schema.Notice) bool { return n.To == who.To }
			if from == nil {
				from = []string{who.To}
			}
		}
		list, err := page(in.Paging, store.Notices.From(r, from...), wanted)
		views.Next = list.Next
		for _, n := range list.Items {
			v := NoticeView{Notice: n}
			if v.UserName, err = nameOf(r, n.To); err != nil {
				return err
			}
			views.Items = append(views.Items, v)
		}
		return err
	})
	return reply(views), err
}

// addressee returns who is meant by a name, as notices have it.
func (a *API) addressee(ctx context.Context, r store.Reader, name string) (access.Addressee, error) {
	who, err := access.AddresseeOf(r, a.Rules.Book(), name)
	if err == nil {
		return who, nil
	}
	id, err := a.meant(ctx, r, name)
	if err != nil {
		return who, err
	}
	return access.AddresseeOf(r, a.Rules.Book(), id.Base())
}

type tryNoticesInput struct {
	Body struct {
		To string `json:"to,omitempty" maxLength:"500" doc:"Whom to send it to: me, an id, a userName or an email address. Left out: the operators."`
	}
}

// tryNotices sends a trial. It changes nothing, and is not held back by what was sent
// before.
func (a *API) tryNotices(ctx context.Context, in *tryNoticesInput) (*Reply[List[notice.Trial]], error) {
	if a.Trial == nil {
		return nil, fmt.Errorf("this bridge tells nobody anything: %w", schema.ErrUnavailable)
	}
	if in.Body.To == "" {
		in.Body.To = access.Operators
	}
	var who access.Addressee
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		if who, err = a.addressee(ctx, r, in.Body.To); err != nil || !strings.HasPrefix(who.To, "mailto:") {
			return err
		}
		tells, err := access.Tells(r, a.Rules.Book(), who.To)
		if err == nil && !tells {
			err = fmt.Errorf("%s: nobody is known by that address, and no policy names it: %w", in.Body.To, schema.ErrNotFound)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return reply(List[notice.Trial]{Items: a.Trial(ctx, who)}), nil
}
