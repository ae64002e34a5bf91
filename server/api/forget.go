package api

import (
	"context"

	"drawbridge/access"
	"drawbridge/access/erasure"
	"drawbridge/policy"
	"drawbridge/store"
)

type forgetInput struct {
	DryRun
	Body struct {
		Identity string `json:"identity" minLength:"1" doc:"An id, a userName or an email address."`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words."`
	}
}

// A Forgotten says what was forgotten about an identity.
type Forgotten struct {
	Identity  string   `json:"identity"`
	Decisions int      `json:"decisions" doc:"How many decisions had details. They themselves stay."`
	Kept      []string `json:"kept,omitempty" doc:"What of who they are stays for now, and until when: forget again then."`
	DryRun    bool     `json:"dryRun,omitempty"`
}

func (a *API) forget(ctx context.Context, in *forgetInput) (*Reply[Forgotten], error) {
	out, err := Forget(ctx, a.Store, a.Rules.Book(), erasure.Forgetting{
		Identity: in.Body.Identity, By: callerOf(ctx).Actor(), Reason: in.Body.Reason, DryRun: in.Dry,
	})
	return reply(out), err
}

// Forget forgets the details about an identity, which may be named as people
// name it.
func Forget(ctx context.Context, s *store.Store, book *policy.Book, e erasure.Forgetting) (Forgotten, error) {
	err := s.View(ctx, func(r store.Reader) error {
		id, err := access.FindCalled(r, book, e.Identity)
		e.Identity = id.ID
		return err
	})
	if err != nil {
		return Forgotten{}, err
	}
	done, err := erasure.Forget(ctx, s, book, e)
	return Forgotten{Identity: e.Identity, Decisions: done.Decisions, Kept: done.Kept, DryRun: e.DryRun}, err
}
