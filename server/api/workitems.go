package api

import (
	"context"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

type workItemsInput struct {
	Paging
	Connector string `query:"connector"`
	Overdue   bool   `query:"overdue" doc:"Only those that should have been confirmed by now."`
}

func (a *API) listWorkItems(ctx context.Context, in *workItemsInput) (*Reply[List[schema.WorkItem]], error) {
	after, err := in.after(2)
	if err != nil {
		return nil, err
	}
	if after == nil && in.Connector != "" {
		after = []string{in.Connector}
	}
	var list List[schema.WorkItem]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		list, err = page(in.Paging, store.WorkItems.From(r, after...), pick[schema.WorkItem]{
			within: func(w schema.WorkItem) bool { return in.Connector == "" || w.Connector == in.Connector },
			keep:   func(w schema.WorkItem) bool { return !in.Overdue || w.Overdue(r.Now()) },
			key:    schema.WorkItem.Key,
		})
		return err
	})
	return reply(list), err
}

type sayInput struct {
	Connector string `path:"connector" maxLength:"200"`
	Identity  string `path:"identity" maxLength:"500" doc:"An id, a userName or an email address."`
	DryRun
	Body struct {
		Plan     string `json:"plan" minLength:"8" maxLength:"100" doc:"What you did, or will not do: the work item's plan, or how it begins."`
		Words    string `json:"words" minLength:"1" maxLength:"2000" doc:"How it can be seen that it was done, or why it will not be; kept where it can be forgotten."`
		RemoteID string `json:"remoteId,omitempty" maxLength:"500" doc:"What the target calls an account that was made. Left out: its userName."`
	}
}

// A Said is a work item that somebody had their say on.
type Said struct {
	schema.WorkItem
	At     time.Time `json:"at"`
	DryRun bool      `json:"dryRun,omitempty"`
}

func (a *API) confirm(ctx context.Context, in *sayInput) (*Reply[Said], error) {
	return a.say(ctx, in, access.Confirm)
}

func (a *API) decline(ctx context.Context, in *sayInput) (*Reply[Said], error) {
	return a.say(ctx, in, access.Decline)
}

func (a *API) say(ctx context.Context, in *sayInput, say func(store.Tx, *access.Rules, access.Confirmation) (schema.WorkItem, error)) (*Reply[Said], error) {
	who := callerOf(ctx)
	out := Said{DryRun: in.Dry}
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		id, err := access.FindCalled(tx, a.Rules.Book(), in.Identity)
		if err != nil {
			return err
		}
		own, err := isCaller(tx, a.Rules.Book(), who, id.ID)
		if err != nil {
			return err
		}
		out.At = tx.Now()
		out.WorkItem, err = say(tx, a.Rules, access.Confirmation{
			Connector: in.Connector, Identity: id.ID, Plan: in.Body.Plan, By: who.Actor(), Own: own,
			Words: in.Body.Words, RemoteID: in.Body.RemoteID,
		})
		return err
	})
	return reply(out), err
}
