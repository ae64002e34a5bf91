// Package scim provisions to any SCIM 2.0 service provider.
//
// There is one client, and it is driven by the target's profile: what differs
// from target to target is data. It trusts what the bridge remembers of an
// account, so that a change costs the calls it needs and no more, and looks
// again when the target contradicts it: an account or group that is not there
// any longer is healed on its 404, one that is there already is adopted on its
// 409, and a call whose answer was lost is followed by a look at what came of it.
// Where even that fails, what is returned says so (see move.doubt), and the next
// Apply looks before it writes.
package scim

import (
	"context"
	"errors"
	"net/http"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
)

// A Connector makes one SCIM service provider agree with the bridge. It is safe
// for concurrent use.
type Connector struct {
	o       connectors.Options
	profile connectors.Profile
	web     *web.Client
	groups  *groups
}

// The abilities.
var (
	_ connectors.Connector = (*Connector)(nil)
	_ connectors.Lister    = (*Connector)(nil)
	_ connectors.Reader    = (*Connector)(nil)
	_ connectors.Prober    = (*Connector)(nil)
	_ connectors.Closer    = (*Connector)(nil)
	_ connectors.Gatherer  = (*Connector)(nil)
	_ connectors.UseTeller = (*Connector)(nil)

	_ connectors.EntitlementLister = (*Connector)(nil)
)

// Open returns a connector to the service provider at o.BaseURL. It calls
// nothing. The one option of the kind is timeout, of a request, as in "10s".
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	client, err := web.New(o)
	if err := errors.Join(err, o.Known("timeout")); err != nil {
		return nil, err
	}
	c := &Connector{o: o, profile: o.Profile, web: client}
	c.groups = newGroups(c)
	return c, nil
}

// Probe asks for one user, which shows that the target is there and lets us in,
// and reads how it describes itself, where its profile says that it does.
func (c *Connector) Probe(ctx context.Context) error {
	if _, err := c.page(ctx, "/Users", "count=1"); err != nil {
		return err
	}
	if c.profile.Discovery == "" {
		return nil
	}
	a, err := c.do(ctx, call{method: http.MethodGet, path: c.profile.Discovery})
	if err != nil {
		return err
	}
	_, err = decode(a.body)
	return err
}

// Gathers returns how many accounts are worth waiting for the writes of groups.
func (c *Connector) Gathers() int {
	groups := c.profile.Groups
	switch {
	case groups.Of == connectors.GroupsOfNone:
		return 0
	case groups.Update == connectors.UpdatePut:
		return connectors.Gathering(0)
	}
	return connectors.Gathering(groups.MaxMembers)
}

// Close lets go of idle connections.
func (c *Connector) Close() error {
	c.web.Close()
	return nil
}
