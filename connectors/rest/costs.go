package rest

import (
	"net/http"

	"drawbridge/connectors"
)

// Costs returns the calls that the declaration makes.
func (c *Connector) Costs() connectors.Costs {
	accounts := c.d.Accounts
	get := connectors.Call{Method: http.MethodGet}
	look := connectors.CallsMade{get: max(1, len(accounts.Find))}
	costs := connectors.Costs{
		Create: sum(calls(accounts.Create), look), Update: calls(accounts.Update),
		Enable: calls(accounts.Enable), Disable: calls(accounts.Disable), Read: connectors.CallsMade{get: 1},
	}
	for _, k := range c.kinds {
		if k.Of != nil && k.Of.asks() || k.Of == nil && k.Holds != nil {
			costs.Read[get]++
		}
	}
	if accounts.Elsewhere {
		costs.Create, costs.Update, costs.Enable, costs.Disable = look, nil, nil, costs.Read // looked at before it is let go
	}
	member := func(of func(*kind) steps) func(string) connectors.Membership {
		return func(full string) connectors.Membership {
			k, _ := c.kindOf(full)
			if k == nil || full == c.o.Profile.Account {
				return connectors.Membership{Batch: 1}
			}
			m := connectors.Membership{Calls: calls(of(k)), Batch: 1}
			if k.Batch > 0 {
				m.Batch = connectors.Together(k.Batch)
			}
			return m
		}
	}
	costs.Grant = member(func(k *kind) steps { return k.Grant })
	costs.Revoke = member(func(k *kind) steps { return k.Revoke })
	costs.Leave, costs.Gone = costs.Revoke, costs.Read
	if !accounts.Elsewhere {
		costs.Leave = func(full string) connectors.Membership { return c.o.Profile.Leaving(costs.Revoke(full)) }
	}
	return costs
}

// calls are those of the requests: the ones that are always made, and, where none of
// these writes, one of the others.
func calls(all steps) connectors.CallsMade {
	made, writes := connectors.CallsMade{}, false
	for _, r := range all {
		if !r.When.given() {
			made[connectors.Call{Method: r.method}]++
			writes = writes || r.method != http.MethodGet
		}
	}
	for _, r := range all {
		if r.When.given() && !writes && r.method != http.MethodGet {
			made[connectors.Call{Method: r.method}]++
			writes = true
		}
	}
	return made
}

func sum(a, b connectors.CallsMade) connectors.CallsMade {
	for call, n := range b {
		a[call] += n
	}
	return a
}
