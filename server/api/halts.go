package api

import (
	"cmp"
	"context"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

func (a *API) registerHalts(h huma.API) {
	add(a, h, get("/halts", "What is halted: nothing is written there but removals that are due"), a.listHalts)
	add(a, h, post("/halts", "Stop what is written to a target, or to all of them"), a.halt)
	add(a, h, post("/halts/resume", "Let what was halted go on"), a.resume)
	add(a, h, get("/status", "How the bridge stands: what is halted, held and waited for"), a.status)
}

func (a *API) listHalts(ctx context.Context, _ *struct{}) (*Reply[List[schema.Halt]], error) {
	var list List[schema.Halt]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = access.Halts(r)
		return err
	})
	return reply(list), err
}

type haltInput struct {
	DryRun
	Body struct {
		Connector string `json:"connector,omitempty" maxLength:"200" doc:"Whose target. Left out: all of them."`
		Reason    string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A HaltReply is a halt that stands, or that was ended.
type HaltReply struct {
	schema.Halt
	DryRun bool `json:"dryRun,omitempty"`
}

func (a *API) halt(ctx context.Context, in *haltInput) (*Reply[HaltReply], error) {
	return a.halting(ctx, in, access.Halt)
}

func (a *API) resume(ctx context.Context, in *haltInput) (*Reply[HaltReply], error) {
	return a.halting(ctx, in, access.Resume)
}

// halting stops or resumes, and has the log signed with it at once.
func (a *API) halting(ctx context.Context, in *haltInput, do func(store.Tx, access.Halting) (schema.Halt, error)) (*Reply[HaltReply], error) {
	out := HaltReply{DryRun: in.Dry}
	err := a.change(ctx, in.DryRun, func(tx store.Tx) (err error) {
		out.Halt, err = do(tx, access.Halting{
			Connector: cmp.Or(in.Body.Connector, schema.Everywhere), Known: a.Connectors, By: callerOf(ctx).Actor(), Reason: in.Body.Reason,
		})
		return err
	})
	if err == nil && !in.Dry && a.Sign != nil {
		if err := a.Sign(ctx); err != nil { // it stands all the same, and is signed with the next checkpoint
			a.Log.WarnContext(ctx, "the log could not be signed now", "error", err)
		}
	}
	return reply(out), err
}
