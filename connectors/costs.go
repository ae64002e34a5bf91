package connectors

import (
	"maps"
	"net/http"
)

// CallsMade are calls to a target, by what a rate limit sees of each, as far as that is
// known: of an API of its own the method alone.
type CallsMade map[Call]int

// by returns how many have the method.
func (c CallsMade) by(method string) (n int) {
	for call, k := range c {
		if call.Method == method {
			n += k
		}
	}
	return n
}

// add counts calls n times.
func (c CallsMade) add(calls CallsMade, n int) {
	for call, k := range calls {
		c[call] += n * k
	}
}

// Costs are what calls a connector makes for what is to be done, when all goes well.
type Costs struct {
	Create, Update, Enable, Disable CallsMade // of an account

	// Leave is to revoke what an account held that was disabled before: as many of them
	// go into one call as are disabled at once.
	Grant, Revoke, Leave func(entitlement string) Membership

	Find CallsMade // of an entitlement, once, before its first membership
	Look CallsMade // at an account that is there already, before it is given an entitlement
	Read CallsMade // of an account, to read back what was taken away
	Gone CallsMade // the same, of one that was disabled
}

// Leaving returns what it costs to revoke what an account held that was disabled before,
// where it costs so much to revoke it from others.
func (p Profile) Leaving(m Membership) Membership {
	if p.Deactivate == DeactivateDelete || p.Irreversible {
		return Membership{Batch: 1} // it went with the account
	}
	if p.Concurrency > 0 {
		m.Batch = min(m.Batch, p.Concurrency)
	}
	return m
}

// A Membership is what it costs to have so many accounts hold an entitlement, or hold
// it no more.
type Membership struct {
	Calls CallsMade
	Batch int // accounts
}

// A Coster knows what its calls are, where they are not SCIM's.
type Coster interface {
	Costs() Costs
}

// CostsOf returns what a connector's calls are: as it says, or as its profile does.
func CostsOf(c Connector, p Profile) Costs {
	if c, ok := c.(Coster); ok {
		return c.Costs()
	}
	return p.costs()
}

// costs are those of a SCIM service provider with the profile; of other kinds they are
// a guess, a call for each thing to do.
func (p Profile) costs() Costs {
	spoken := p.Kind == "" || p.Kind == "scim"
	const users, user, groups, group = "/Users", "/Users/ID", "/Groups", "/Groups/ID"
	changed := func(by Method, path string) CallsMade {
		if by == UpdatePut { // what is written back whole is read before
			return CallsMade{{Method: http.MethodGet, Path: path}: 1, {Method: http.MethodPut, Path: path}: 1}
		}
		return CallsMade{{Method: http.MethodPatch, Path: path}: 1}
	}
	update := changed(p.Update, user)
	c := Costs{
		Create: CallsMade{{Method: http.MethodPost, Path: users}: 1}, Update: update, Enable: update, Disable: update,
		Read: CallsMade{{Method: http.MethodGet, Path: user}: 1},
	}
	if p.Find == FindFirst {
		c.Create[Call{Method: http.MethodGet, Path: users}] = len(p.Match)
	}
	if p.Deactivate == DeactivateDelete {
		c.Disable = CallsMade{{Method: http.MethodDelete, Path: user}: 1}
	}
	if p.Sessions.Path != "" {
		c.Disable = maps.Clone(c.Disable)
		c.Disable[Call{Method: p.Sessions.Method}]++
	}
	member := Membership{Calls: changed(p.Groups.Update, group), Batch: 1}
	if spoken {
		member.Batch = Together(p.Groups.MaxMembers)
		if p.Groups.Update == UpdatePut {
			member.Batch = Together(0)
		}
		c.Find = CallsMade{{Method: http.MethodGet, Path: groups}: 1}
		if p.Groups.Of != GroupsOfUser && p.Groups.Of != GroupsOfNone {
			c.Read[Call{Method: http.MethodGet, Path: groups}]++ // of pairs, one for each group: mostly one
		}
	}
	if spoken && p.Order == AnyOrder {
		c.Look = c.Read
	}
	c.Grant = func(entitlement string) Membership {
		if entitlement == p.Account {
			return Membership{Batch: 1} // it comes with the account
		}
		return member
	}
	c.Revoke, c.Gone = c.Grant, c.Read
	c.Leave = func(entitlement string) Membership { return p.Leaving(c.Revoke(entitlement)) }
	if p.Deactivate == DeactivateDelete && spoken {
		c.Gone = CallsMade{{Method: http.MethodGet, Path: user}: 1, {Method: http.MethodGet, Path: users}: 1} // that it is not there is believed when the list of users is
	}
	return c
}

// Tally counts what calls it takes to do what is in a tally.
func (c Costs) Tally(t Tally, verify string) CallsMade {
	calls := CallsMade{}
	calls.add(c.Create, t.Creates)
	calls.add(c.Update, t.Updates)
	calls.add(c.Enable, t.Switches-t.Disables)
	calls.add(c.Disable, t.Disables)
	calls.add(c.Look, t.Joins)
	for e, n := range t.Members {
		costs := 0
		costs += calls.members(c.Grant(e), n-t.Revoked[e]-t.Left[e])
		costs += calls.members(c.Revoke(e), t.Revoked[e])
		costs += calls.members(c.Leave(e), t.Left[e])
		if costs > 0 {
			calls.add(c.Find, 1)
		}
	}
	switch verify {
	case VerifyAlways:
		calls.add(c.Read, t.Accounts-t.Disables)
		calls.add(c.Gone, t.Disables)
	case VerifyNever:
	default:
		calls.add(c.Read, t.Ends-t.Disables)
		calls.add(c.Gone, t.Disables)
	}
	return calls
}

// bytesOfMember is about how long a request is for each member that it names: an id and
// what is around it.
const bytesOfMember = 50

// members counts the calls that n memberships take, and returns how often they are made.
func (c CallsMade) members(m Membership, n int) int {
	if len(m.Calls) == 0 {
		return 0
	}
	times := (n + m.Batch - 1) / m.Batch
	for call, k := range m.Calls {
		if call.Method != http.MethodGet {
			call.Bytes = bytesOfMember * min(n, m.Batch)
		}
		c[call] += times * k
	}
	return times
}

// When a target is read back after it acknowledged.
const (
	VerifyRevocations = "revocations" // after access was taken away
	VerifyAlways      = "always"
	VerifyNever       = "never"
)
