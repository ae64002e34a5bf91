package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/store"
)

func (a *API) registerCutoffs(h huma.API) {
	add(a, h, get("/cutoffs", "What issuers signed and is taken no more"), a.listCutoffs)
	add(a, h, post("/cutoffs", "Take no more what an issuer signed before an instant"), a.cutOff)
	add(a, h, post("/cutoffs/lift", "Take again what was cut off"), a.liftCutoff)
}

type cutoffsInput struct{ Paging }

func (a *API) listCutoffs(ctx context.Context, in *cutoffsInput) (*Reply[List[schema.Cutoff]], error) {
	if !callerOf(ctx).Role.AtLeast(seesDetail) {
		return a.listNamelessCutoffs(ctx, in)
	}
	after, err := in.after(3)
	if err != nil {
		return nil, err
	}
	var list List[schema.Cutoff]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		list, err = page(in.Paging, store.Cutoffs.From(r, after...), pick[schema.Cutoff]{
			key: func(c schema.Cutoff) []string { return []string{c.Issuer, c.Claim, c.Value} },
		})
		return err
	})
	return reply(list), err
}

// listNamelessCutoffs leaves out whose tokens they are, as the log does for who is no
// auditor: also from the cursor, which is how many came before.
func (a *API) listNamelessCutoffs(ctx context.Context, in *cutoffsInput) (*Reply[List[schema.Cutoff]], error) {
	behind := 0
	if after, err := in.after(1); err != nil {
		return nil, err
	} else if after != nil {
		if behind, err = strconv.Atoi(after[0]); err != nil {
			return nil, fmt.Errorf("cursor: it is none of this list's: %w", schema.ErrInvalid)
		}
	}
	list := List[schema.Cutoff]{Items: []schema.Cutoff{}}
	err := a.Store.View(ctx, func(r store.Reader) error {
		at := 0
		for c, err := range store.Cutoffs.From(r) {
			if err != nil {
				return err
			}
			if at++; at <= behind {
				continue
			}
			if len(list.Items) == in.Limit {
				list.Next = cursor([]string{strconv.Itoa(at - 1)})
				return nil
			}
			c.Value = ""
			list.Items = append(list.Items, c)
		}
		return nil
	})
	return reply(list), err
}

type cutoffInput struct {
	DryRun
	Body struct {
		Issuer string    `json:"issuer" minLength:"1" maxLength:"200" doc:"As the configuration calls it."`
		Claim  string    `json:"claim,omitempty" maxLength:"20" doc:"By which tokens are meant: azp, client_id, jti, sid or sub. Left out: all of them."`
		Value  string    `json:"value,omitempty" maxLength:"500" doc:"Of the claim."`
		Before time.Time `json:"before,omitzero" doc:"What was signed before this. Left out: before now."`
		Reason string    `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A CutoffReply is a cut-off that stands, or that was lifted.
type CutoffReply struct {
	schema.Cutoff
	DryRun bool `json:"dryRun,omitempty"`
}

func (a *API) cutOff(ctx context.Context, in *cutoffInput) (*Reply[CutoffReply], error) {
	return a.cutting(ctx, in, tokens.CutOff)
}

func (a *API) liftCutoff(ctx context.Context, in *cutoffInput) (*Reply[CutoffReply], error) {
	return a.cutting(ctx, in, tokens.LiftCutoff)
}

func (a *API) cutting(ctx context.Context, in *cutoffInput, do func(store.Tx, tokens.Cutting) (schema.Cutoff, error)) (*Reply[CutoffReply], error) {
	out := CutoffReply{DryRun: in.Dry}
	err := a.change(ctx, in.DryRun, func(tx store.Tx) (err error) {
		out.Cutoff, err = do(tx, tokens.Cutting{Known: a.Issuers, Reason: in.Body.Reason, Cutoff: schema.Cutoff{
			Issuer: in.Body.Issuer, Claim: in.Body.Claim, Value: in.Body.Value, Before: in.Body.Before, By: callerOf(ctx).Actor(),
		}})
		return err
	})
	return reply(out), err
}
