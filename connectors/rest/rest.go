// Package rest provisions to any JSON API, by a declaration.
//
// A declaration is the section rest of a profile: which requests make, change,
// disable and list accounts, what accounts hold, and what an answer means. Paths
// are templates, and bodies, queries, mappings, paging and error rules are
// expressions (CEL): values never become syntax, whatever is in them. All of it is
// compiled when the connector is opened, so that a typing error is found offline,
// at its line.
//
// What is remembered is believed until the target contradicts it, as for SCIM: an
// account that is not there any longer is made anew, one that is there is adopted,
// and a call whose answer was lost is followed by a look.
package rest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
	"drawbridge/schema"
)

// A Connector makes one target agree with the bridge. It is safe for concurrent
// use.
type Connector struct {
	o       connectors.Options
	d       *declaration
	web     *web.Client
	options map[string]string // of the declaration, with defaults
	header  http.Header
	kinds   []*kind
}

// The abilities.
var (
	_ connectors.Connector = (*Connector)(nil)
	_ connectors.Lister    = (*Connector)(nil)
	_ connectors.Reader    = (*Connector)(nil)
	_ connectors.Prober    = (*Connector)(nil)
	_ connectors.Closer    = (*Connector)(nil)
	_ connectors.Gatherer  = (*Connector)(nil)
	_ connectors.Coster    = (*Connector)(nil)
	_ connectors.UseTeller = (*Connector)(nil)

	_ connectors.EntitlementLister = (*Connector)(nil)
)

// Open returns a connector to the target that the profile's section rest tells
// of. It calls nothing. Options are those of the declaration, timeout, of a
// request, and userNameFrom, see fit.
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	d, err := load(o.Profile)
	if err != nil {
		return nil, err
	}
	if o.BaseURL == "" {
		o.BaseURL = d.BaseURL
	}
	client, err := web.New(o)
	c := &Connector{o: o, d: d, web: client, options: map[string]string{}, header: http.Header{}}
	if err := errors.Join(err, o.Known(append(slices.Sorted(maps.Keys(d.Options)), "timeout", "userNameFrom")...), c.configure()); err != nil {
		return nil, err
	}
	for i := range d.Entitlements {
		c.kinds = append(c.kinds, newKind(c, &d.Entitlements[i]))
	}
	return c, nil
}

// configure takes the options over, with a value for what was left out.
func (c *Connector) configure() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.d.Options)) {
		value, given := c.o.Options[name]
		if !given {
			value = c.d.Options[name].Default
		}
		if value == "" && !c.d.Options[name].Optional {
			errs = append(errs, fmt.Errorf("option %s is missing", name))
		}
		c.options[name] = value
	}
	for name, value := range c.d.Headers {
		c.header.Set(name, value)
	}
	return errors.Join(errs...)
}

// Probe makes the declaration's probe, or asks for the first page of accounts.
func (c *Connector) Probe(ctx context.Context) error {
	if c.d.Probe != nil {
		_, err := c.ask(ctx, c.d.Probe, c.vars(nil))
		return err
	}
	return c.reachable(ctx)
}

// reachable returns an error if what every target has is not there: then it is
// the way there that is broken.
func (c *Connector) reachable(ctx context.Context) error {
	switch {
	case c.d.Accounts.List != nil:
		_, err := c.page(ctx, c.d.Accounts.List, newWalk(c.d.Accounts.List), c.vars(nil))
		return err
	case c.d.Probe != nil:
		_, err := c.ask(ctx, c.d.Probe, c.vars(nil))
		return err
	}
	return nil
}

// Gathers returns how many accounts are worth waiting for the requests that name
// several.
func (c *Connector) Gathers() int {
	most := 0
	for _, k := range c.kinds {
		if k.Batch > 1 {
			most = max(most, connectors.Gathering(k.Batch))
		}
	}
	return most
}

// Close lets go of idle connections.
func (c *Connector) Close() error {
	c.web.Close()
	return nil
}

// vars returns the variables that are always there, and those that are given.
func (c *Connector) vars(more variables) variables {
	in := variables{"options": c.options, "now": c.o.Now().Unix()}
	maps.Copy(in, more)
	return in
}

// filled returns the attributes, each that the declaration knows: those that are
// not given are empty.
func (c *Connector) filled(attributes map[string]string) map[string]string {
	all := map[string]string{}
	for name := range c.d.Account.Attributes {
		all[name] = attributes[name]
	}
	return all
}

// fit returns those of the attributes that the target keeps. Where the target's
// user name is not the person's, option userNameFrom names the attribute it is.
func (c *Connector) fit(attributes map[string]string) map[string]string {
	kept := map[string]string{}
	if from := c.o.Options["userNameFrom"]; from != "" {
		attributes = maps.Clone(attributes)
		attributes["userName"] = attributes[from]
	}
	for name, value := range attributes {
		if _, known := c.d.Account.Attributes[name]; known {
			kept[name] = value
		}
	}
	return kept
}

// randomText returns text that nobody can guess.
func randomText() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func permanent(format string, args ...any) error {
	return &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf(format, args...)}
}

func transient(format string, args ...any) error {
	return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf(format, args...)}
}

// isGone reports whether the error says that it is not there.
func isMissing(err error) bool { return err != nil && connectors.KindOf(err) == connectors.Gone }

// withAccount returns what an account holds: with what it holds by being active,
// if it is, and without it if it is not.
func (c *Connector) withAccount(held []string, active bool) []string {
	name := c.o.Profile.Account
	if name == "" {
		return held
	}
	held = slices.DeleteFunc(slices.Clone(held), func(e string) bool { return e == name })
	if active {
		held = append(held, name)
	}
	return schema.Sorted(held...)
}
