package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

func (a *API) listHolds(ctx context.Context, _ *struct{}) (*Reply[List[schema.Hold]], error) {
	var list List[schema.Hold]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = access.ListHolds(r)
		return err
	})
	return reply(list), err
}

type releaseInput struct {
	ID string `path:"id" maxLength:"500"`
	DryRun
	Body struct {
		Plan   string `json:"plan" minLength:"1" maxLength:"100" doc:"What you looked at: the hold's plan."`
		Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A ReleaseReply is a hold after one person's yes to it.
type ReleaseReply struct {
	schema.Hold
	Awaits int  `json:"awaits" doc:"How many other people have to agree; 0 of what is released."`
	DryRun bool `json:"dryRun,omitempty"`
}

func (a *API) release(ctx context.Context, in *releaseInput) (*Reply[ReleaseReply], error) {
	out := ReleaseReply{DryRun: in.Dry}
	err := a.change(ctx, in.DryRun, func(tx store.Tx) (err error) {
		out.Hold, err = access.Release(tx, a.Rules.Book(), access.Releasing{
			Hold: in.ID, Plan: in.Body.Plan, By: callerOf(ctx).Actor(), Reason: in.Body.Reason,
		})
		return err
	})
	out.Awaits = access.Awaits(out.Hold)
	return reply(out), err
}

type unparkInput struct {
	DryRun
	Body struct {
		Connector string `json:"connector" minLength:"1"`
		Identity  string `json:"identity,omitempty" doc:"An id, a userName or an email address. Left out: all that are parked there."`
	}
}

// An UnparkReply says how many accounts are tried again.
type UnparkReply struct {
	Connector string `json:"connector"`
	Accounts  int    `json:"accounts" doc:"Of a dry run, 10,000 stands for that many or more."`
	DryRun    bool   `json:"dryRun,omitempty"`
}

func (a *API) unpark(ctx context.Context, in *unparkInput) (*Reply[UnparkReply], error) {
	out := UnparkReply{Connector: in.Body.Connector, DryRun: in.Dry}
	if !slices.Contains(a.Connectors, out.Connector) {
		return nil, fmt.Errorf("no connector is named %q; there are %s: %w",
			out.Connector, strings.Join(schema.Sorted(a.Connectors...), ", "), schema.ErrNotFound)
	}
	if in.Body.Identity != "" {
		return a.unparkOne(ctx, in)
	}
	by := callerOf(ctx).Actor()
	var err error
	if in.Dry {
		err = a.Store.View(ctx, func(r store.Reader) (err error) {
			out.Accounts, err = store.AccountState.Count(r, mostTroubled, out.Connector, string(schema.Parked))
			return err
		})
	} else {
		out.Accounts, err = access.UnparkAll(ctx, a.Store, by, out.Connector)
	}
	return reply(out), err
}

func (a *API) unparkOne(ctx context.Context, in *unparkInput) (*Reply[UnparkReply], error) {
	out := UnparkReply{Connector: in.Body.Connector, DryRun: in.Dry}
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.Identity)
		if err != nil {
			return err
		}
		account, err := store.Accounts.Get(tx, out.Connector, id.ID)
		if err != nil {
			return err
		}
		if out.Accounts = 0; account.State == schema.Parked {
			out.Accounts = 1
		}
		return access.Unpark(tx, callerOf(ctx).Actor(), out.Connector, id.ID)
	})
	return reply(out), err
}
