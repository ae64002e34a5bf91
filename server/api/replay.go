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

type replayInput struct {
	DryRun
	Body struct {
		Connector string `json:"connector" minLength:"1"`
		Identity  string `json:"identity,omitempty" doc:"An id, a userName or an email address. Left out: everybody's that is known there."`
	}
}

// A ReplayReply says of how many accounts a target is told again.
type ReplayReply struct {
	Connector string `json:"connector"`
	Accounts  int    `json:"accounts" doc:"Of a dry run, 10,000 stands for that many or more."`
	DryRun    bool   `json:"dryRun,omitempty"`
}

func (a *API) replay(ctx context.Context, in *replayInput) (*Reply[ReplayReply], error) {
	out := ReplayReply{Connector: in.Body.Connector, DryRun: in.Dry}
	if !slices.Contains(a.Connectors, out.Connector) {
		return nil, fmt.Errorf("no connector is named %q; there are %s: %w",
			out.Connector, strings.Join(schema.Sorted(a.Connectors...), ", "), schema.ErrNotFound)
	}
	by := callerOf(ctx).Actor()
	var err error
	switch {
	case in.Body.Identity != "":
		err = a.change(ctx, in.DryRun, func(tx store.Tx) error {
			out.Accounts = 0
			id, err := access.FindCalled(tx, a.Rules.Book(), in.Body.Identity)
			if err != nil {
				return err
			}
			told, err := access.Replay(tx, a.Rules.Book(), by, out.Connector, id.ID)
			if told {
				out.Accounts = 1
			}
			return err
		})
	case in.Dry:
		out.Accounts, err = a.countAccounts(ctx, out.Connector)
	default:
		out.Accounts, err = access.ReplayAll(ctx, a.Store, a.Rules.Book(), by, out.Connector)
	}
	return reply(out), err
}

// countAccounts returns how many accounts are known at the connector, or
// mostTroubled if there are more.
func (a *API) countAccounts(ctx context.Context, connector string) (n int, err error) {
	err = a.Store.View(ctx, func(r store.Reader) error {
		n = 0
		for account, err := range store.Accounts.All(r, connector) {
			if err != nil {
				return err
			}
			if account.Exists() {
				n++
			}
			if n == mostTroubled {
				break
			}
		}
		return nil
	})
	return n, err
}
