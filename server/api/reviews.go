package api

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerReviews registers the campaigns in which people look at who holds what.
func (a *API) registerReviews(h huma.API) {
	add(a, h, created(post("/reviews", "Begin a review: of a role, of a connector, or of what managers' people hold")), a.openReview)
	add(a, h, get("/reviews", "List reviews, oldest first"), a.listReviews)
	add(a, h, get("/reviews/{id}", "A review, and how far it has come"), a.readReview)
	add(a, h, get("/reviews/{id}/items", "What is to be decided in a review, with what a reviewer should know"), a.listReviewItems)
	add(a, h, get("/review-items", "What waits for somebody's decision, in all reviews"), a.listMyItems)
	for verdict, summary := range map[schema.ItemState]string{
		schema.ItemKept:     "Let somebody keep what they hold",
		schema.ItemRevoked:  "Take away what somebody holds; it does not come back by a rule",
		schema.ItemModified: "Let somebody keep what they hold until an earlier end",
	} {
		add(a, h, post("/reviews/{id}/"+verbOf(verdict), summary), a.judge(verdict))
	}
	add(a, h, post("/reviews/{id}/delegate", "Have somebody else decide about an item too"), a.delegateItem)
	add(a, h, post("/reviews/{id}/escalate", "Have whoever comes next decide about an item too"), a.escalateItem)
	add(a, h, post("/reviews/{id}/close", "End a review before everything is decided"), a.campaign(access.CloseReview))
	add(a, h, post("/reviews/{id}/sign", "Acknowledge what came of a review, for management"), a.campaign(access.SignReview))
	add(a, h, answers(get("/reviews/{id}/result", "What came of a review as JSON Lines: the review, and then each item"), linesType), a.exportReview)
}

// verbOf is how the API calls what makes an item so.
func verbOf(verdict schema.ItemState) string {
	return map[schema.ItemState]string{schema.ItemKept: "keep", schema.ItemRevoked: "revoke", schema.ItemModified: "modify"}[verdict]
}

// A ReviewView is a review with how far it has come.
type ReviewView struct {
	schema.Review
	OfName string                   `json:"ofName,omitempty" doc:"The userName of whose access it is of, or whose people's."`
	Counts map[schema.ItemState]int `json:"counts" doc:"How many items are in each state."`
	DryRun bool                     `json:"dryRun,omitempty"`
}

// viewReview is a review as the caller may see it, with how far it has come: people's own
// words are for auditors, and for whoever spoke them.
func (a *API) viewReview(ctx context.Context, r store.Reader, v schema.Review) (view ReviewView, err error) {
	view.Review, view.Cursor = v, nil
	if c := callerOf(ctx); !c.Role.AtLeast(seesDetail) {
		if v.By != c.Actor() {
			view.Reason = ""
		}
		if s := v.Signature; s != nil && s.By != c.Actor() {
			signed := *s
			signed.Reason = ""
			view.Signature = &signed
		}
	}
	if view.Counts, err = access.ReviewCounts(r, v.ID); err != nil {
		return view, err
	}
	if v.Kind == schema.ReviewManager || v.Kind == schema.ReviewChange {
		view.OfName, err = nameOf(r, v.Of)
	}
	return view, err
}

// A ReviewItemView is an item with the name of whose access it is.
type ReviewItemView struct {
	schema.ReviewItem
	UserName string `json:"userName"`
	Intent   string `json:"intent,omitempty" doc:"What it is for, where it is a role."`
	DryRun   bool   `json:"dryRun,omitempty"`
}

// viewItem is an item as the caller may see it: people's own words are for auditors, and
// for whoever spoke them.
func (a *API) viewItem(ctx context.Context, r store.Reader, i schema.ReviewItem) (v ReviewItemView, err error) {
	v.ReviewItem = i
	if role, is := strings.CutPrefix(i.Holding, "role/"); is {
		v.Intent = intentOf(a.Rules.Book(), role)
	}
	if c := callerOf(ctx); !c.Role.AtLeast(seesDetail) && i.By != c.Actor() {
		v.Reason = ""
	}
	v.UserName, err = nameOf(r, i.Identity)
	return v, err
}

type openReviewInput struct {
	DryRun
	Body struct {
		Kind     string   `json:"kind" enum:"role,connector,manager,change"`
		Of       string   `json:"of,omitempty" maxLength:"500" doc:"A role, a connector, or whose: an id, a userName or an email address. Left out, of managers: everybody who has one."`
		Roles    []string `json:"roles,omitempty" maxItems:"1000" doc:"Only these."`
		Within   string   `json:"within,omitempty" doc:"How long reviewers have, such as 14d. Left out: as the role says."`
		Reviewer string   `json:"reviewer,omitempty" enum:"owner,manager,entitlementOwner"`
		Overdue  string   `json:"overdue,omitempty" enum:"escalate,suspend,revoke" doc:"What becomes of what nobody decides in time."`
		Reason   string   `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

func (a *API) openReview(ctx context.Context, in *openReviewInput) (*Reply[ReviewView], error) {
	o := access.Opening{
		Kind: schema.ReviewKind(in.Body.Kind), Of: in.Body.Of, Roles: in.Body.Roles,
		Reviewer: schema.Reviewer(in.Body.Reviewer), Overdue: in.Body.Overdue, Reason: in.Body.Reason,
	}
	if in.Body.Within != "" {
		within, err := policy.ParseDuration(in.Body.Within)
		if err != nil || within <= 0 {
			return nil, fmt.Errorf("within is %q: write how long, as in 14d: %w", in.Body.Within, schema.ErrInvalid)
		}
		o.Within = time.Duration(within)
	}
	var out ReviewView
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		o := o
		var err error
		if o.By, _, err = a.decider(ctx, tx); err != nil {
			return err
		}
		if o.Of != "" && (o.Kind == schema.ReviewManager || o.Kind == schema.ReviewChange) {
			id, err := access.FindCalled(tx, a.Rules.Book(), o.Of)
			if err != nil {
				return err
			}
			o.Of = id.ID
		}
		v, err := access.OpenReview(tx, a.Rules, o)
		if err != nil {
			return err
		}
		out, err = a.viewReview(ctx, tx, v)
		return err
	})
	out.DryRun = in.Dry
	return reply(out), err
}

type reviewsInput struct {
	Paging
	Kind  string `query:"kind" enum:"role,connector,manager,change"`
	Of    string `query:"of"`
	State string `query:"state" enum:"preparing,open,closed,signed,empty"`
}

func (a *API) listReviews(ctx context.Context, in *reviewsInput) (*Reply[List[ReviewView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	views := List[ReviewView]{}
	err = a.Store.View(ctx, func(r store.Reader) error {
		views = List[ReviewView]{Items: []ReviewView{}}
		walk := store.Reviews.From(r, after...)
		if in.State != "" {
			walk = store.Reviews.ByFrom(r, store.ReviewState, []string{in.State}, after...)
		}
		list, err := page(in.Paging, walk, pick[schema.Review]{
			keep: func(v schema.Review) bool {
				return (in.Kind == "" || string(v.Kind) == in.Kind) && (in.Of == "" || v.Of == in.Of)
			},
			key: func(v schema.Review) []string { return []string{v.ID} },
		})
		views.Next = list.Next
		for _, v := range list.Items {
			view, err := a.viewReview(ctx, r, v)
			if err != nil {
				return err
			}
			views.Items = append(views.Items, view)
		}
		return err
	})
	return reply(views), err
}

type campaignInput struct {
	ID string `path:"id" maxLength:"100"`
}

func (a *API) readReview(ctx context.Context, in *campaignInput) (*Reply[ReviewView], error) {
	var out ReviewView
	err := a.Store.View(ctx, func(r store.Reader) error {
		v, err := store.Reviews.Get(r, in.ID)
		if err != nil {
			return err
		}
		out, err = a.viewReview(ctx, r, v)
		return err
	})
	return reply(out), err
}

type reviewItemsInput struct {
	Paging
	ID    string `path:"id" maxLength:"100"`
	State string `query:"state" enum:"open,suspended,kept,modified,revoked,lapsed,undecided"`
}

func (a *API) listReviewItems(ctx context.Context, in *reviewItemsInput) (*Reply[List[ReviewItemView]], error) {
	return a.itemPage(ctx, in.Paging, func(r store.Reader, after []string) (iter.Seq2[schema.ReviewItem, error], pick[schema.ReviewItem], error) {
		if _, err := store.Reviews.Get(r, in.ID); err != nil {
			return nil, pick[schema.ReviewItem]{}, err
		}
		if in.State != "" {
			where := []string{store.ItemsIn(in.ID, schema.ItemState(in.State))}
			return store.ReviewItems.ByFrom(r, store.ItemState, where, after...), pick[schema.ReviewItem]{}, nil
		}
		if after == nil {
			after = []string{in.ID}
		}
		within := func(i schema.ReviewItem) bool { return i.Review == in.ID }
		return store.ReviewItems.From(r, after...), pick[schema.ReviewItem]{within: within}, nil
	})
}

type myItemsInput struct {
	Paging
	Reviewer string `query:"reviewer" default:"me" doc:"Whose decision they wait for: me, or an id, a userName or an email address."`
}

func (a *API) listMyItems(ctx context.Context, in *myItemsInput) (*Reply[List[ReviewItemView]], error) {
	return a.itemPage(ctx, in.Paging, func(r store.Reader, after []string) (iter.Seq2[schema.ReviewItem, error], pick[schema.ReviewItem], error) {
		who, err := a.meant(ctx, r, in.Reviewer)
		if err != nil {
			return nil, pick[schema.ReviewItem]{}, err
		}
		return access.ItemsFor(r, who.ID, after...), pick[schema.ReviewItem]{}, nil
	})
}

// itemPage is a page of a walk over items.
func (a *API) itemPage(
	ctx context.Context, p Paging, walk func(r store.Reader, after []string) (iter.Seq2[schema.ReviewItem, error], pick[schema.ReviewItem], error),
) (*Reply[List[ReviewItemView]], error) {
	after, err := p.after(3)
	if err != nil {
		return nil, err
	}
	views := List[ReviewItemView]{}
	err = a.Store.View(ctx, func(r store.Reader) error {
		views = List[ReviewItemView]{Items: []ReviewItemView{}}
		items, wanted, err := walk(r, after)
		if err != nil {
			return err
		}
		wanted.key = itemKey
		list, err := page(p, items, wanted)
		views.Next = list.Next
		for _, i := range list.Items {
			v, err := a.viewItem(ctx, r, i)
			if err != nil {
				return err
			}
			views.Items = append(views.Items, v)
		}
		return err
	})
	return reply(views), err
}

type judgeInput struct {
	ID string `path:"id" maxLength:"100"`
	DryRun
	Body struct {
		Identity string    `json:"identity" minLength:"1" doc:"Whose access: an id, a userName or an email address."`
		Holding  string    `json:"holding,omitempty" maxLength:"1000" doc:"role/NAME, or entitlement/CONNECTOR/TARGET. Left out: the only one that waits."`
		Reason   string    `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
		Until    time.Time `json:"until,omitzero" doc:"Of modify: when it is to end."`
		To       string    `json:"to,omitempty" doc:"Of delegate: who is to decide."`
	}
}

// judge returns the handler of a reviewer's decision about an item.
func (a *API) judge(verdict schema.ItemState) func(context.Context, *judgeInput) (*Reply[ReviewItemView], error) {
	return func(ctx context.Context, in *judgeInput) (*Reply[ReviewItemView], error) {
		return a.aboutItem(ctx, in, func(tx store.Tx, j access.Judgement) (schema.ReviewItem, error) {
			j.Verdict = verdict
			return access.Judge(tx, a.Rules, j)
		})
	}
}

func (a *API) delegateItem(ctx context.Context, in *judgeInput) (*Reply[ReviewItemView], error) {
	return a.aboutItem(ctx, in, func(tx store.Tx, j access.Judgement) (schema.ReviewItem, error) {
		to, err := access.PersonOf(tx, a.Rules.Book(), in.Body.To)
		if err != nil {
			return schema.ReviewItem{}, err
		}
		return access.Delegate(tx, a.Rules.Book(), access.Delegation{
			Review: j.Review, Identity: j.Identity, Holding: j.Holding, To: to.ID, By: j.By, Reason: j.Reason,
		})
	})
}

func (a *API) escalateItem(ctx context.Context, in *judgeInput) (*Reply[ReviewItemView], error) {
	return a.aboutItem(ctx, in, func(tx store.Tx, j access.Judgement) (schema.ReviewItem, error) {
		return access.Escalate(tx, a.Rules.Book(), j)
	})
}

// aboutItem does something about the item that is meant, as the caller.
func (a *API) aboutItem(ctx context.Context, in *judgeInput, do func(store.Tx, access.Judgement) (schema.ReviewItem, error)) (*Reply[ReviewItemView], error) {
	var out ReviewItemView
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		by, why, err := a.decider(ctx, tx)
		if err != nil {
			return err
		}
		id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.Identity)
		if err != nil {
			return err
		}
		j := access.Judgement{Review: in.ID, Identity: id.ID, Holding: in.Body.Holding, By: by, Reason: in.Body.Reason, Until: in.Body.Until}
		if j.Holding == "" {
			if j.Holding, err = access.OnlyHolding(tx, in.ID, id.ID); err != nil {
				return err
			}
		}
		i, err := do(tx, j)
		if errors.Is(err, schema.ErrForbidden) && why != nil {
			return fmt.Errorf("%w; %w", err, why)
		}
		if err != nil {
			return err
		}
		out, err = a.viewItem(ctx, tx, i)
		return err
	})
	out.DryRun = in.Dry
	return reply(out), err
}

// campaign returns the handler of a person's decision about a review as a whole.
func (a *API) campaign(verb func(store.Tx, *policy.Book, access.Choice) (schema.Review, error)) func(context.Context, *decideInput) (*Reply[ReviewView], error) {
	return func(ctx context.Context, in *decideInput) (*Reply[ReviewView], error) {
		var out ReviewView
		err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
			by, why, err := a.decider(ctx, tx)
			if err != nil {
				return err
			}
			v, err := verb(tx, a.Rules.Book(), access.Choice{Request: in.ID, By: by, Reason: in.Body.Reason})
			if errors.Is(err, schema.ErrForbidden) && why != nil {
				return fmt.Errorf("%w; %w", err, why)
			}
			if err != nil {
				return err
			}
			out, err = a.viewReview(ctx, tx, v)
			return err
		})
		out.DryRun = in.Dry
		return reply(out), err
	}
}
