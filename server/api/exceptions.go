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

// registerExceptions registers the register of exceptions.
func (a *API) registerExceptions(h huma.API) {
	add(a, h, created(post("/exceptions", "Ask for an exception from a constraint, a role or a trigger, for somebody and a time")), a.except)
	add(a, h, get("/exceptions", "List the exceptions that were asked for; those that are documents are in the policy"), a.listExceptions)
	add(a, h, post("/exceptions/{id}/approve", "Allow an exception, as somebody who answers for the rule"),
		a.exception(func(tx store.Tx, book *policy.Book, c access.Choice) (schema.Exception, error) {
			return access.DecideException(tx, book, c, true)
		}))
	add(a, h, post("/exceptions/{id}/deny", "Refuse an exception"),
		a.exception(func(tx store.Tx, book *policy.Book, c access.Choice) (schema.Exception, error) {
			return access.DecideException(tx, book, c, false)
		}))
	add(a, h, post("/exceptions/{id}/keep", "Say of an exception that is to be looked at again that it is still wanted; the id of one that is a document is its name"), a.exception(access.KeepException))
	add(a, h, post("/exceptions/{id}/end", "End an exception, and what was granted by it, before its time"), a.exception(access.EndException))
}

// An ExceptionView is an exception with the name of whom it is for.
type ExceptionView struct {
	schema.Exception
	UserName  string    `json:"userName"`
	LookAgain time.Time `json:"lookAgain,omitzero" doc:"When it is to be looked at the next time."`
	DryRun    bool      `json:"dryRun,omitempty"`
}

// ViewException returns an exception with the name of whom it is for.
func ViewException(r store.Reader, e schema.Exception) (v ExceptionView, err error) {
	v.Exception, v.LookAgain = e, e.LookAgain()
	v.UserName, err = nameOf(r, e.Identity)
	return v, err
}

type exceptInput struct {
	DryRun
	Body struct {
		Constraint   string    `json:"constraint,omitempty"`
		Role         string    `json:"role,omitempty" doc:"Which they are to qualify for, or, with seconds, to hold for so long."`
		Seconds      int64     `json:"seconds,omitempty" minimum:"0" maximum:"31622400"`
		Trigger      string    `json:"trigger,omitempty" doc:"SET/NAME of a trigger that is not to end what they have; of the role alone, if one is named."`
		Identity     string    `json:"identity,omitempty" doc:"Whom it is for: an id, a userName or an email address. Left out: the caller."`
		Entitlements []string  `json:"entitlements,omitempty" maxItems:"100" doc:"connector/id. Left out: all that the constraint is about."`
		Reason       string    `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
		Compensating []string  `json:"compensating" minItems:"1" maxItems:"20" doc:"What is done instead."`
		Ticket       string    `json:"ticket,omitempty" maxLength:"200"`
		Expires      time.Time `json:"expires"`
		Review       int64     `json:"review,omitempty" minimum:"0" maximum:"31622400" doc:"Seconds after which it is to be looked at again, each time."`
	}
}

func (a *API) except(ctx context.Context, in *exceptInput) (*Reply[ExceptionView], error) {
	var out ExceptionView
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		by, why, err := a.decider(ctx, tx)
		if err != nil {
			return err
		}
		identity := by.Identity
		switch {
		case in.Body.Identity != "":
			id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.Identity)
			if err != nil {
				return err
			}
			identity = id.ID
		case why != nil:
			return fmt.Errorf("say whom it is for: %w", why)
		}
		e, err := access.Except(tx, a.Rules.Book(), access.Excepting{
			Constraint: in.Body.Constraint, Role: in.Body.Role, Lasts: time.Duration(in.Body.Seconds) * time.Second, Trigger: in.Body.Trigger, Identity: identity, Entitlements: in.Body.Entitlements, Reason: in.Body.Reason,
			Ticket: in.Body.Ticket, Compensating: in.Body.Compensating, Expires: in.Body.Expires, Review: time.Duration(in.Body.Review) * time.Second, By: by,
		})
		if err != nil {
			return err
		}
		out, err = ViewException(tx, e)
		return err
	})
	out.DryRun = in.Dry
	return reply(out), err
}

// exception returns the handler of a person's decision about an exception.
func (a *API) exception(verb func(store.Tx, *policy.Book, access.Choice) (schema.Exception, error)) func(context.Context, *decideInput) (*Reply[ExceptionView], error) {
	return func(ctx context.Context, in *decideInput) (*Reply[ExceptionView], error) {
		var out ExceptionView
		err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
			by, why, err := a.decider(ctx, tx)
			if err != nil {
				return err
			}
			e, err := verb(tx, a.Rules.Book(), access.Choice{Request: in.ID, By: by, Reason: in.Body.Reason})
			if errors.Is(err, schema.ErrForbidden) && why != nil {
				return fmt.Errorf("%w; %w", err, why)
			}
			if err != nil {
				return err
			}
			out, err = ViewException(tx, e)
			return err
		})
		out.DryRun = in.Dry
		return reply(out), err
	}
}

type exceptionsInput struct {
	Paging
	Identity   string `query:"identity" doc:"Those for somebody: me, or an id, a userName or an email address."`
	Constraint string `query:"constraint"`
	Rule       string `query:"rule" doc:"Those from one rule: constraint/NAME, role/NAME or trigger/SET/NAME."`
	State      string `query:"state" enum:"open,approved,denied,expired,ended"`
	Approver   string `query:"approver" doc:"Those that wait for the decision of this person: me, or an id, a userName or an email address."`
}

func (a *API) listExceptions(ctx context.Context, in *exceptionsInput) (*Reply[List[ExceptionView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	views := List[ExceptionView]{}
	err = a.Store.View(ctx, func(r store.Reader) error {
		views = List[ExceptionView]{Items: []ExceptionView{}}
		walk := store.Exceptions.From(r, after...)
		if in.Identity != "" {
			who, err := a.meant(ctx, r, in.Identity)
			if err != nil {
				return err
			}
			walk = store.Exceptions.ByFrom(r, store.ExceptionIdentity, []string{who.ID}, after...)
		}
		decides := func(schema.Exception) bool { return true }
		if in.Approver != "" {
			who, err := a.meant(ctx, r, in.Approver)
			if err != nil {
				return err
			}
			decides = func(e schema.Exception) bool { return access.MayDecideException(r, a.Rules.Book(), e, who.ID) }
		}
		list, err := page(in.Paging, walk, pick[schema.Exception]{
			keep: func(e schema.Exception) bool {
				return (in.Constraint == "" || e.Constraint == in.Constraint) && (in.Rule == "" || e.Rule() == in.Rule) && (in.State == "" || string(e.State) == in.State) && decides(e)
			},
			key: func(e schema.Exception) []string { return []string{e.ID} },
		})
		if err != nil {
			return err
		}
		views.Next = list.Next
		for _, e := range list.Items {
			v, err := ViewException(r, e)
			if err != nil {
				return err
			}
			if c := callerOf(ctx); !c.Role.AtLeast(seesDetail) && e.By != c.Actor() {
				v.Reason, v.Ticket, v.Approval.Reason, v.Compensating = "", "", "", []string{}
			}
			views.Items = append(views.Items, v)
		}
		return nil
	})
	return reply(views), err
}
