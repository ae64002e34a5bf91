package api

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

func (a *API) registerProposals(h huma.API) {
	add(a, h, get("/proposals", "What is proposed and nobody released or dismissed, by cause: of people who left first"), a.listProposals)
	add(a, h, get("/proposals/{id}", "The proposals of one cause, a line each"), a.readProposals)
	add(a, h, post("/proposals/{id}/release", "Let what is proposed be done: all of one cause, or one line"), a.releaseProposals)
	add(a, h, post("/proposals/{id}/dismiss", "Decide against what is proposed, until what it was decided from changes"), a.dismissProposals)
}

func (a *API) listProposals(ctx context.Context, _ *struct{}) (*Reply[List[schema.ProposalGroup]], error) {
	var list List[schema.ProposalGroup]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = access.ProposalGroups(r)
		return err
	})
	return reply(list), err
}

type proposalsInput struct {
	ID string `path:"id" maxLength:"2000" doc:"Of a cause, such as grant:engineer."`
	Paging
}

func (a *API) readProposals(ctx context.Context, in *proposalsInput) (*Reply[List[schema.Proposal]], error) {
	after, err := in.after(3)
	if err != nil {
		return nil, err
	}
	var list List[schema.Proposal]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		if _, err := store.ProposalGroups.Get(r, in.ID); err != nil {
			return err
		}
		list, err = page(in.Paging, store.Proposals.ByFrom(r, store.ProposalsOpen, []string{in.ID}, after...), pick[schema.Proposal]{
			key: func(p schema.Proposal) []string { return []string{p.Identity, p.Connector, p.Entitlement} },
		})
		if err != nil {
			return err
		}
		for i := range list.Items {
			id, err := store.Identities.Get(r, list.Items[i].Identity)
			if err != nil && !errors.Is(err, schema.ErrNotFound) {
				return err
			}
			list.Items[i].UserName = id.UserName
		}
		return nil
	})
	return reply(list), err
}

type chooseInput struct {
	ID string `path:"id" maxLength:"2000" doc:"Of a cause, such as grant:engineer; or of one proposal."`
	DryRun
	Body struct {
		Plan   string `json:"plan,omitempty" maxLength:"100" doc:"Of a cause: what you looked at, its plan, or how that begins."`
		Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A ChosenReply says what came of a choice.
type ChosenReply struct {
	access.Chosen
	DryRun bool `json:"dryRun,omitempty"`
}

func (a *API) releaseProposals(ctx context.Context, in *chooseInput) (*Reply[ChosenReply], error) {
	return a.choose(ctx, in, true)
}

func (a *API) dismissProposals(ctx context.Context, in *chooseInput) (*Reply[ChosenReply], error) {
	return a.choose(ctx, in, false)
}

func (a *API) choose(ctx context.Context, in *chooseInput, release bool) (*Reply[ChosenReply], error) {
	who, out := callerOf(ctx), ChosenReply{DryRun: in.Dry}
	c := access.Choosing{
		Of: in.ID, Plan: in.Body.Plan, By: who.Actor(), Reason: in.Body.Reason,
		Own: func(r store.Reader, identity string) (bool, error) { return isCaller(r, a.Rules.Book(), who, identity) },
	}
	if in.Dry {
		err := a.Store.View(ctx, func(r store.Reader) (err error) {
			out.Chosen, err = c.Would(r)
			return err
		})
		return reply(out), err
	}
	var err error
	out.Chosen, err = access.Choose(ctx, a.Store, a.Rules, c, release)
	return reply(out), err
}
