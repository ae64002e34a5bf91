package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerBypasses registers how the glass is broken, and what comes after.
func (a *API) registerBypasses(h huma.API) {
	add(a, h, created(post("/bypasses", "Take a break-glass role at once; what is owed for it comes after")), a.breakGlass)
	add(a, h, get("/bypasses", "List bypasses: those a person may review, of somebody, or of a role"), a.listBypasses)
	add(a, h, get("/bypasses/{id}", "A bypass, with what is owed and confirmed"), a.readBypass)
	add(a, h, post("/bypasses/{id}/evidence", "Give evidence about a bypass; of kind rotated or removed it settles that"), a.furnish)
	add(a, h, post("/bypasses/{id}/review", "Agree to a bypass afterwards, or not, as the person behind the credential"), a.review)
}

// A BypassView is a bypass with the name of whoever took it.
type BypassView struct {
	schema.Bypass
	UserName string `json:"userName"`
	Intent   string `json:"intent,omitempty" doc:"What the role is for."`
	DryRun   bool   `json:"dryRun,omitempty"`
}

// ViewBypass returns a bypass with the name of whoever took it.
func ViewBypass(r store.Reader, y schema.Bypass) (v BypassView, err error) {
	v.Bypass = y
	v.UserName, err = nameOf(r, y.Identity)
	return v, err
}

// viewBypass is ViewBypass, with what the role is for.
func (a *API) viewBypass(r store.Reader, y schema.Bypass) (BypassView, error) {
	v, err := ViewBypass(r, y)
	v.Intent = intentOf(a.Rules.Book(), y.Role)
	return v, err
}

type breakInput struct {
	DryRun
	Body struct {
		Role       string            `json:"role" minLength:"1"`
		Reason     string            `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
		Ticket     string            `json:"ticket,omitempty" maxLength:"200" doc:"The incident."`
		Evidence   map[string]string `json:"evidence,omitempty" doc:"By kind, what else the role demands before."`
		Lasts      string            `json:"lasts,omitempty" doc:"How long, such as 1h. Left out: as long as the role says."`
		Drill      bool              `json:"drill,omitempty" doc:"It is taken to see that it can be."`
		Unverified string            `json:"unverified,omitempty" maxLength:"2000" doc:"Why the role's condition cannot be verified now: what says so is down. It is in the log, and for the reviewers to judge."`
	}
}

func (a *API) breakGlass(ctx context.Context, in *breakInput) (*Reply[BypassView], error) {
	b := access.Breaking{
		Role: in.Body.Role, Reason: in.Body.Reason, Ticket: in.Body.Ticket, Evidence: in.Body.Evidence, Drill: in.Body.Drill, Unverified: in.Body.Unverified,
	}
	if in.Body.Lasts != "" {
		lasts, err := policy.ParseDuration(in.Body.Lasts)
		if err != nil || lasts <= 0 {
			return nil, fmt.Errorf("lasts is %q: write how long, as in 1h or 30m: %w", in.Body.Lasts, schema.ErrInvalid)
		}
		b.Lasts = time.Duration(lasts)
	}
	out, err := a.bypass(ctx, in.DryRun, func(tx store.Tx, by access.Decider) (schema.Bypass, error) {
		b.By = by
		return access.BreakGlass(tx, a.Rules.Book(), b)
	})
	if errors.Is(err, schema.ErrForbidden) && !in.Dry && b.By.Identity != "" {
		if noted := a.deny(ctx, a.Rules.Book(), callerOf(ctx), b.By.Identity, b.Role, err); noted != nil {
			return nil, noted
		}
	}
	return out, err
}

// bypass does something about a bypass, as the caller.
func (a *API) bypass(ctx context.Context, dry DryRun, do func(store.Tx, access.Decider) (schema.Bypass, error)) (*Reply[BypassView], error) {
	var out BypassView
	err := a.change(ctx, dry, func(tx store.Tx) error {
		by, why, err := a.decider(ctx, tx)
		if err != nil {
			return err
		}
		y, err := do(tx, by)
		if errors.Is(err, schema.ErrForbidden) && why != nil {
			return fmt.Errorf("%w; %w", err, why)
		}
		if err != nil {
			return err
		}
		out, err = ViewBypass(tx, y)
		return err
	})
	out.DryRun = dry.Dry
	return reply(out), err
}

type furnishInput struct {
	ID string `path:"id" maxLength:"100"`
	DryRun
	Body struct {
		Kind string `json:"kind" minLength:"1" maxLength:"100" doc:"What the bypass owes; or rotated, with the credential's name; or removed, where no target can be read back."`
		Text string `json:"text" minLength:"1" maxLength:"4000" doc:"What it is, or where it is."`
	}
}

func (a *API) furnish(ctx context.Context, in *furnishInput) (*Reply[BypassView], error) {
	return a.bypass(ctx, in.DryRun, func(tx store.Tx, by access.Decider) (schema.Bypass, error) {
		return access.Furnish(tx, a.Rules.Book(), access.Furnishing{Bypass: in.ID, Kind: in.Body.Kind, Text: in.Body.Text, By: by})
	})
}

type reviewInput struct {
	ID string `path:"id" maxLength:"100"`
	DryRun
	Body struct {
		Agree  bool   `json:"agree"`
		Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

func (a *API) review(ctx context.Context, in *reviewInput) (*Reply[BypassView], error) {
	return a.bypass(ctx, in.DryRun, func(tx store.Tx, by access.Decider) (schema.Bypass, error) {
		return access.ReviewBypass(tx, a.Rules.Book(), access.Choice{Request: in.ID, By: by, Reason: in.Body.Reason}, in.Body.Agree)
	})
}

type bypassesInput struct {
	Paging
	Reviewer string `query:"reviewer" doc:"Those that this person may review: me, or an id, a userName or an email address. Not a page at a time."`
	Identity string `query:"identity" doc:"Those of somebody: me, or an id, a userName or an email address."`
	Role     string `query:"role"`
}

func (a *API) listBypasses(ctx context.Context, in *bypassesInput) (*Reply[List[BypassView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	views := List[BypassView]{Items: []BypassView{}}
	err = a.Store.View(ctx, func(r store.Reader) error {
		list, err := a.bypasses(ctx, r, in, after)
		if err != nil {
			return err
		}
		views = List[BypassView]{Items: []BypassView{}, Next: list.Next}
		for _, y := range list.Items {
			v, err := a.viewBypass(r, y)
			if err != nil {
				return err
			}
			views.Items = append(views.Items, a.maskedBypass(ctx, v))
		}
		return nil
	})
	return reply(views), err
}

func (a *API) bypasses(ctx context.Context, r store.Reader, in *bypassesInput, after []string) (list List[schema.Bypass], err error) {
	wanted := pick[schema.Bypass]{
		keep: func(y schema.Bypass) bool { return in.Role == "" || y.Role == in.Role },
		key:  func(y schema.Bypass) []string { return []string{y.ID} },
	}
	switch {
	case in.Reviewer != "":
		who, err := a.meant(ctx, r, in.Reviewer)
		if err != nil {
			return list, err
		}
		list.Items, err = access.AwaitingReview(r, a.Rules.Book(), who)
		return list, err
	case in.Identity != "":
		who, err := a.meant(ctx, r, in.Identity)
		if err != nil {
			return list, err
		}
		return page(in.Paging, store.Bypasses.ByFrom(r, store.BypassIdentity, []string{who.ID}, after...), wanted)
	case in.Role != "":
		return page(in.Paging, store.Bypasses.ByFrom(r, store.BypassRole, []string{in.Role}, after...), wanted)
	}
	return page(in.Paging, store.Bypasses.From(r, after...), wanted)
}

func (a *API) readBypass(ctx context.Context, in *requestInput) (*Reply[BypassView], error) {
	var out BypassView
	err := a.Store.View(ctx, func(r store.Reader) error {
		y, err := store.Bypasses.Get(r, in.ID)
		if err != nil {
			return err
		}
		v, err := a.viewBypass(r, y)
		out = a.maskedBypass(ctx, v)
		return err
	})
	return reply(out), err
}

// maskedBypass takes out people's own words for those who are neither auditors nor
// whoever took it.
func (a *API) maskedBypass(ctx context.Context, v BypassView) BypassView {
	if c := callerOf(ctx); c.Role.AtLeast(seesDetail) || v.By == c.Actor() {
		return v
	}
	v.Reason, v.Ticket, v.Unverified = "", "", ""
	v.Evidence = append([]schema.Evidence(nil), v.Evidence...)
	for i := range v.Evidence {
		v.Evidence[i].Text = ""
	}
	v.Reviews = append([]schema.Approval(nil), v.Reviews...)
	for i := range v.Reviews {
		v.Reviews[i].Reason = ""
	}
	return v
}
