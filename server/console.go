package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/server/console"
	"drawbridge/server/paths"
	"drawbridge/store"
)

// Pages say how the console is shown.
type Pages struct {
	Off      bool             // there is none
	Provider console.Provider // logs people in; nil: they show an API token
	Idle     time.Duration    // how long a session lives unused
	Life     time.Duration    // how long one lives at most
	Recheck  time.Duration    // how long what a provider said somebody may do is believed
}

// mountConsole mounts the console, whose pages call the API as it is mounted a second
// time, behind no gate: the console's own door knows who calls.
func mountConsole(e *echo.Echo, o Options, g *gate, a *api.API) error {
	if o.Pages.Off {
		return nil
	}
	inside := echo.New()
	inside.HTTPErrorHandler = answerError(o.Log)
	paths.Decode(inside)
	inside.Use(recovered)
	a.Mount(inside)
	pages, err := console.New(console.Options{
		API: func(p console.Person, request string) http.RoundTripper {
			caller := api.Caller{Name: p.Name, Role: p.Role, Request: request, Person: p.Is, Auth: p.Auth}
			if id, ok := strings.CutPrefix(p.Right, rightPerson); ok {
				caller.ID = id
			}
			return api.InProcess(inside, caller)
		},
		Door: &door{g, o.Rules}, Provider: o.Pages.Provider, Log: o.Log, PublicURL: o.PublicURL, Version: o.Version,
		Idle: o.Pages.Idle, Life: o.Pages.Life, Recheck: o.Pages.Recheck, Plain: plain(o.PublicURL),
	})
	if err != nil {
		return err
	}
	e.Any(strings.TrimSuffix(console.Root, "/"), func(c echo.Context) error {
		return c.Redirect(http.StatusSeeOther, strings.TrimRight(o.PublicURL, "/")+console.Root)
	})
	e.Any(console.Root+"*", echo.WrapHandler(pages))
	return nil
}

// plain reports whether browsers may keep a cookie that goes without TLS.
func plain(publicURL string) bool {
	u, err := url.Parse(publicURL)
	return err == nil && u.Scheme == "http" && connectors.Loopback(u.Hostname())
}

// A door lets people in to the console, by the same rules as the gate lets them in to
// the API.
type door struct {
	gate  *gate
	rules *access.Rules
}

// Rights that a session may rest on: each is looked at again on every request.
const (
	rightConfigured = "configured/" // a configured token, by the sum of its secret
	rightIssued     = "issued/"     // an issued token, by its id
	rightPerson     = "person/"     // an identity, by its id
)

// Token returns whose an API token is: one that is configured, or that the bridge
// issued. Those that others sign live too briefly for a session.
func (d *door) Token(r *http.Request, token string) (console.Person, error) {
	remote := echo.ExtractIPDirect()(r)
	who, right, err := d.opened(r, token)
	refused, wrong := errors.AsType[*refusal](err)
	if wrong {
		d.gate.log.WarnContext(r.Context(), "credential refused", "reason", refused.why, "remote", remote, "path", r.URL.Path,
			"request", r.Header.Get(requestHeader))
		if wait, ok := d.gate.failed.take(addressKey(remote)); !ok {
			return console.Person{}, &console.Refusal{Status: http.StatusTooManyRequests, Wait: wait,
				Tell: "Too many attempts with a wrong token from this address. Wait a little."}
		}
		return console.Person{}, &console.Refusal{Status: http.StatusUnauthorized, Tell: "The token is unknown, expired or revoked."}
	}
	if err != nil {
		return console.Person{}, err
	}
	if who.Role == "" {
		return console.Person{}, &console.Refusal{Status: http.StatusForbidden, Tell: "This is a source's token. The console takes tokens of the API."}
	}
	who.use.Used = time.Now().UTC()
	d.gate.uses.Saw(who.use)
	return console.Person{Name: who.Name, Role: who.Role, Is: who.Name, Auth: who.auth(), Right: right}, nil
}

func (d *door) opened(r *http.Request, token string) (who Credential, right string, err error) {
	if c, ok := d.gate.ring.Load().configured(token); ok {
		return c, rightConfigured + hex.EncodeToString(sumOf(token)), nil
	}
	id, secret, ok := tokens.Parse(token)
	if !ok {
		return who, "", &refusal{why: "it is not known"}
	}
	who, err = d.gate.issued(r.Context(), id, secret)
	return who, rightIssued + id, err
}

// Named returns the person whom an identity provider calls by a name: one for whom an
// authoritative source vouches, and who is there.
func (d *door) Named(ctx context.Context, name string, role schema.APIRole) (p console.Person, err error) {
	err = d.gate.store.View(ctx, func(r store.Reader) error {
		id, err := access.PersonOf(r, d.rules.Book(), name)
		p = console.Person{Name: id.UserName, Role: role, Is: id.ID, Auth: "oidc", Right: rightPerson + id.ID}
		return err
	})
	return p, err
}

// Still returns nil while what a person's session rests on is as it was.
func (d *door) Still(ctx context.Context, p console.Person) error {
	if sum, ok := strings.CutPrefix(p.Right, rightConfigured); ok {
		if !d.gate.ring.Load().has(sum, p.Role) {
			return fmt.Errorf("the token %s is configured no more: %w", p.Name, schema.ErrForbidden)
		}
		return nil
	}
	if id, ok := strings.CutPrefix(p.Right, rightIssued); ok {
		t, now, err := d.gate.stored(ctx, id)
		if _, gone := errors.AsType[*refusal](err); gone {
			return fmt.Errorf("the token %s is no more: %w", id, schema.ErrForbidden)
		}
		if err == nil {
			_, err = tokens.Proof(t, now)
		}
		return err
	}
	return d.gate.store.View(ctx, func(r store.Reader) error {
		_, err := access.PersonOf(r, d.rules.Book(), strings.TrimPrefix(p.Right, rightPerson))
		return err
	})
}

// Knock takes one of the logins that strangers at an address may begin.
func (d *door) Knock(r *http.Request) (wait time.Duration, ok bool) {
	return d.gate.strangers.take(addressKey(echo.ExtractIPDirect()(r)))
}

// Spend takes one request from what a person may make, in the API and here.
func (d *door) Spend(p console.Person) (wait time.Duration, ok bool) {
	if strings.HasPrefix(p.Right, rightPerson) {
		return d.gate.callers.take(p.Right)
	}
	return d.gate.callers.take(p.Name)
}
