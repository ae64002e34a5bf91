package api

import (
	"context"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A StatusView says how a bridge stands, for whoever wants one look.
type StatusView struct {
	Version    string            `json:"version,omitempty"`
	Policy     string            `json:"policy,omitempty" doc:"Digest of the policy in force."`
	Mode       schema.Mode       `json:"mode,omitempty" doc:"Of the policy set: nothing goes further than this."`
	Halts      []schema.Halt     `json:"halts" nullable:"false"`
	Connectors []ConnectorStatus `json:"connectors" nullable:"false"`
	Proposals  int               `json:"proposals" doc:"Lines that wait for a person to release or dismiss them."`
	Leavers    int               `json:"leavers" doc:"Of these, those that people have who left: somebody should look now."`
	Holds      int               `json:"holds" doc:"What is held until people decide, or until what it lacks is there."`
}

// A ConnectorStatus says in one line how a connector stands.
type ConnectorStatus struct {
	Name    string      `json:"name"`
	Mode    schema.Mode `json:"mode,omitempty"`
	Halted  bool        `json:"halted"`
	Waiting int         `json:"waiting" doc:"Accounts of which something is to be done, also those that wait because it is halted."`
	Open    time.Time   `json:"open,omitzero" doc:"Since when the oldest revocation waits for its target to agree."`
}

// StatusOf says how a bridge stands that has these connectors. The book may be nil.
func StatusOf(r store.Reader, book *policy.Book, connectors []string) (v StatusView, err error) {
	v.Connectors = []ConnectorStatus{}
	if book != nil {
		v.Policy, v.Mode = book.Digest(), book.Mode("", "")
	}
	if v.Halts, err = access.Halts(r); err != nil {
		return v, err
	}
	holds, err := access.ListHolds(r)
	if err != nil {
		return v, err
	}
	v.Holds = len(holds)
	for g, err := range store.ProposalGroups.All(r) {
		if err != nil {
			return v, err
		}
		if v.Proposals += g.Count; g.Urgent {
			v.Leavers += g.Count
		}
	}
	lanes, err := store.LaneStats(r)
	if err != nil {
		return v, err
	}
	views, err := ConnectorsOf(r, book, schema.Sorted(connectors...))
	if err != nil {
		return v, err
	}
	for _, c := range views {
		_, halted, err := access.HaltOf(r, c.Name)
		if err != nil {
			return v, err
		}
		v.Connectors = append(v.Connectors, ConnectorStatus{
			Name: c.Name, Mode: c.Mode, Halted: halted, Waiting: c.Waiting + lanes[access.LaneHalted(c.Name)].Items, Open: c.Open,
		})
	}
	return v, nil
}

func (a *API) status(ctx context.Context, _ *struct{}) (*Reply[StatusView], error) {
	var v StatusView
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		v, err = StatusOf(r, a.Rules.Book(), a.Connectors)
		return err
	})
	v.Version = a.Version
	return reply(v), err
}
