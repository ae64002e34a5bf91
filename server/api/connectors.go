package api

import (
	"context"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A ConnectorView says how a connector stands.
type ConnectorView struct {
	Name     string      `json:"name"`
	Type     string      `json:"type,omitempty" doc:"As its document says; empty where no document names it."`
	Mode     schema.Mode `json:"mode,omitempty" doc:"The least of policy set and connector."`
	Waiting  int         `json:"waiting" doc:"Accounts in its lane, also those that are due later."`
	Retrying int         `json:"retrying" doc:"Accounts that failed and are tried again; 10,000 stands for that many or more."`
	Parked   int         `json:"parked" doc:"Accounts that failed for good, until something changes; 10,000 stands for that many or more."`
	Ramp     string      `json:"ramp,omitempty" doc:"How far it has come to be written to; empty where there is no ramp."`
	Breaker  BreakerView `json:"breaker,omitzero" doc:"Of a bridge that runs."`
	Open     time.Time   `json:"open,omitzero" doc:"Since when the oldest revocation waits for its target to agree."`
}

// A BreakerView says whether a target is called. One that does not answer is left
// alone but for one call now and then.
type BreakerView struct {
	State    string    `json:"state" enum:"closed,open" doc:"closed: it is called; open: it did not answer, and is left alone."`
	Since    time.Time `json:"since,omitzero" doc:"When it opened."`
	Next     time.Time `json:"next,omitzero" doc:"When the next call is let through."`
	Failures int       `json:"failures,omitempty" doc:"Calls without an answer, in a row."`
	Problem  string    `json:"problem,omitempty" doc:"Of the last of them."`
}

// mostTroubled bounds what is counted row by row.
const mostTroubled = 10_000

// ConnectorsOf says how connectors stand. The book may be nil.
func ConnectorsOf(r store.Reader, book *policy.Book, names []string) ([]ConnectorView, error) {
	lanes, err := store.LaneStats(r)
	if err != nil {
		return nil, err
	}
	views := []ConnectorView{}
	for _, name := range names {
		v := ConnectorView{Name: name, Waiting: lanes[access.LaneAccount(name)].Items}
		if book != nil {
			if c, ok := book.Connector(name); ok {
				v.Type, v.Mode = c.Spec.Type, book.Mode("", name)
			}
		}
		ramp, err := rampOf(r, name)
		if err != nil {
			return nil, err
		}
		v.Ramp = ramp.Summary()
		if v.Retrying, err = store.AccountState.Count(r, mostTroubled, name, string(schema.Retrying)); err != nil {
			return nil, err
		}
		if v.Parked, err = store.AccountState.Count(r, mostTroubled, name, string(schema.Parked)); err != nil {
			return nil, err
		}
		for account, err := range store.Accounts.By(r, store.AccountOpen, name) {
			if err != nil {
				return nil, err
			}
			v.Open = account.Due.Received
			break
		}
		views = append(views, v)
	}
	return views, nil
}

func (a *API) listConnectors(ctx context.Context, _ *struct{}) (*Reply[List[ConnectorView]], error) {
	var list List[ConnectorView]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = ConnectorsOf(r, a.Rules.Book(), schema.Sorted(a.Connectors...))
		return err
	})
	for i := range list.Items {
		if a.Breaker != nil {
			list.Items[i].Breaker = a.Breaker(list.Items[i].Name)
		}
	}
	return reply(list), err
}
