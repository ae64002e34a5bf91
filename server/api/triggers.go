package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerTriggers registers what people see of triggers, and answer.
func (a *API) registerTriggers(h huma.API) {
	add(a, h, get("/firings", "Triggers that hold and wait for time or for people, by identity"), a.listFirings)
	add(a, h, post("/reapprovals", "Answer what triggers ask about a role: that it stays with whom it is with"), a.reapprove)
	add(a, h, get("/risks", "Reasons to distrust an identity, as sources told of them"), a.listRisks)
	add(a, h, post("/risks/close", "Close every risk that is open of an identity"), a.closeRisk)
}

type firingsInput struct {
	Paging
	Identity string `query:"identity" maxLength:"200" doc:"Only of this one: an id, a userName or an email address."`
}

func (a *API) listFirings(ctx context.Context, in *firingsInput) (*Reply[List[schema.Firing]], error) {
	after, err := in.after(4)
	if err != nil {
		return nil, err
	}
	var list List[schema.Firing]
	err = a.Store.View(ctx, func(r store.Reader) error {
		walk, only := store.Firings.From(r, after...), ""
		if in.Identity != "" {
			id, err := access.FindIdentity(r, in.Identity)
			if err != nil {
				return err
			}
			only = id.ID
			if len(after) == 0 {
				walk = store.Firings.All(r, only)
			}
		}
		list, err = page(in.Paging, walk, pick[schema.Firing]{
			keep: func(f schema.Firing) bool { return only == "" || f.Identity == only },
			key:  func(f schema.Firing) []string { return []string{f.Identity, f.Role, f.Grant, f.Trigger} },
		})
		return err
	})
	return reply(list), err
}

type reapproveInput struct {
	DryRun
	Body struct {
		Identity string `json:"identity" minLength:"1" doc:"An id, a userName or an email address."`
		Role     string `json:"role" minLength:"1"`
		Trigger  string `json:"trigger,omitempty" doc:"SET/NAME; left out: all that is asked about the role."`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A Reapproved says what was answered.
type Reapproved struct {
	Identity string `json:"identity"`
	Role     string `json:"role"`
	DryRun   bool   `json:"dryRun,omitempty"`
}

func (a *API) reapprove(ctx context.Context, in *reapproveInput) (*Reply[Reapproved], error) {
	who, book := callerOf(ctx), a.Rules.Book()
	var out Reapproved
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		id, err := access.FindCalled(tx, book, in.Body.Identity)
		if err != nil {
			return err
		}
		out = Reapproved{Identity: id.ID, Role: in.Body.Role, DryRun: in.Dry}
		answer := access.Answer{Identity: id.ID, Role: in.Body.Role, Trigger: in.Body.Trigger, By: who.Actor(), Reason: in.Body.Reason}
		if person, err := access.PersonOf(tx, book, who.Person); err == nil {
			answer.Person = person.ID
		}
		return access.Reapprove(tx, book, answer)
	})
	return reply(out), err
}

type risksInput struct {
	Identity string `query:"identity" required:"true" minLength:"1" maxLength:"200" doc:"An id, a userName or an email address."`
}

func (a *API) listRisks(ctx context.Context, in *risksInput) (*Reply[List[schema.Risk]], error) {
	list := List[schema.Risk]{Items: []schema.Risk{}}
	err := a.Store.View(ctx, func(r store.Reader) error {
		id, err := access.FindIdentity(r, in.Identity)
		if err != nil {
			return err
		}
		list.Items = list.Items[:0]
		for k, err := range store.Risks.All(r, id.ID) {
			if err != nil {
				return err
			}
			list.Items = append(list.Items, k)
		}
		return nil
	})
	return reply(list), err
}

type closeRiskInput struct {
	DryRun
	Body struct {
		Identity string `json:"identity" minLength:"1" doc:"An id, a userName or an email address."`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A RiskClosed says how many risks were open of an identity.
type RiskClosed struct {
	Identity string `json:"identity"`
	Closed   int    `json:"closed"`
	DryRun   bool   `json:"dryRun,omitempty"`
}

func (a *API) closeRisk(ctx context.Context, in *closeRiskInput) (*Reply[RiskClosed], error) {
	var out RiskClosed
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.Identity)
		if err != nil {
			return err
		}
		out = RiskClosed{Identity: id.ID, DryRun: in.Dry}
		out.Closed, err = access.CloseRisk(tx, a.Rules.Book(), id.ID, callerOf(ctx).Actor(), in.Body.Reason)
		return err
	})
	return reply(out), err
}
