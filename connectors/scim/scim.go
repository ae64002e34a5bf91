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
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"drawbridge/connectors"
)

// A Connector makes one SCIM service provider agree with the bridge. It is safe
// for concurrent use.
type Connector struct {
	o       connectors.Options
	profile connectors.Profile
	base    string // what /Users follows, without a slash at its end
	timeout time.Duration
	client  *http.Client
	groups  *groups
	idle    func() // closes connections of our own that nobody uses
}

// The abilities.
var (
	_ connectors.Connector = (*Connector)(nil)
	_ connectors.Lister    = (*Connector)(nil)
	_ connectors.Reader    = (*Connector)(nil)
	_ connectors.Prober    = (*Connector)(nil)
	_ connectors.Closer    = (*Connector)(nil)
)

// defaultTimeout is how long one request may take, answer included.
const defaultTimeout = 30 * time.Second

// Open returns a connector to the service provider at o.BaseURL. It calls
// nothing. The one option of the kind is timeout, of a request, as in "10s".
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	c := &Connector{o: o, profile: o.Profile, timeout: defaultTimeout, idle: func() {}}
	if err := errors.Join(c.address(), c.scheme(), o.Known("timeout"), c.options()); err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		own := pooled(o.Profile.Concurrency)
		transport, c.idle = own, own.CloseIdleConnections
	}
	c.client = &http.Client{Transport: transport, CheckRedirect: sameHost}
	c.groups = newGroups(c)
	return c, nil
}

// address checks the base URL, and that no secret would be sent to another
// machine in clear.
func (c *Connector) address() error {
	u, err := url.Parse(c.o.BaseURL)
	if err != nil {
		return fmt.Errorf("baseURL: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("baseURL %q: want http:// or https:// and a host", c.o.BaseURL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("baseURL: want neither user, query nor fragment in it")
	case u.Scheme == "http" && c.o.Auth.Exposed(u.Hostname()):
		return fmt.Errorf("baseURL %q: the secret would be sent unencrypted: use https, or allow it with auth.insecure", c.o.BaseURL)
	}
	c.base = strings.TrimRight(u.String(), "/")
	return nil
}

// scheme refuses a way to show the credential that this client does not have.
func (c *Connector) scheme() error {
	switch c.profile.Auth.Scheme {
	case connectors.AuthBearer, connectors.AuthHeader, connectors.AuthBasic:
		return nil
	default:
		return fmt.Errorf("auth: the scheme %s is for kind rest: use bearer, header or basic", c.profile.Auth.Scheme)
	}
}

func (c *Connector) options() error {
	text, ok := c.o.Options["timeout"]
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("option timeout is %q, want a duration such as 10s", text)
	}
	c.timeout = d
	return nil
}

// pooled returns a transport that keeps as many connections as there may be
// calls under way.
func pooled(concurrency int) *http.Transport {
	if concurrency <= 0 {
		concurrency = 64
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          2 * concurrency,
		MaxIdleConnsPerHost:   2 * concurrency,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// sameHost follows a redirect only where neither the host nor the method
// changes: the credential goes nowhere else, and no write becomes a read.
func sameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	if req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme || req.Method != first.Method || len(via) > 3 {
		return http.ErrUseLastResponse
	}
	return nil
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

// Close lets go of idle connections.
func (c *Connector) Close() error {
	c.idle()
	return nil
}
