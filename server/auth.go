package server

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/server/issuer"
	"drawbridge/store"
)

const apiRoot = "/api/v1"

// A gate knows who may come in: who shows a token that is configured or that the
// bridge issued, a token that a trusted issuer signed, or a client certificate.
type gate struct {
	store   *store.Store
	key     tokens.Key
	log     *slog.Logger
	ring    atomic.Pointer[keyring]
	issuers *issuer.Set
	uses    *tokens.Uses
	hearing *access.Hearing

	// authorities returns those that are believed now; nil: whoever was, when the
	// connection began.
	authorities func() []*x509.Certificate

	// tells reports whether a route of the SCIM endpoint answers strangers.
	tells func(method, path string) bool

	sources, callers, failed, strangers *buckets

	// What findings are made of: one an hour for an address, and a few an hour in all.
	rules            *access.Rules
	noted, notedEver *buckets
}

// Bounds on what is remembered of whom.
const (
	mostCredentials = 10_000
	mostAddresses   = 10_000
)

func newGate(o Options) (*gate, error) {
	l := o.Limits.orDefaults()
	g := &gate{
		store: o.Store, key: o.TokenKey, log: o.Log, issuers: o.Issuers, uses: o.Uses, hearing: o.Hearing, authorities: o.Authorities,
		sources: newBuckets(l.Source, int(2*l.Source), mostCredentials),
		callers: newBuckets(l.API, int(2*l.API), mostCredentials),
		failed:  newBuckets(l.Failed/60, int(l.Failed), mostAddresses),

		strangers: newBuckets(l.Discovery/60, int(l.Discovery), mostAddresses),

		rules: o.Rules, noted: newBuckets(perHour, 1, mostAddresses), notedEver: newBuckets(mostNoted*perHour, mostNoted, 1),
	}
	return g, g.use(o.Credentials)
}

// How many findings there are of credentials that are refused, at most.
const (
	perHour   = 1.0 / 3600
	mostNoted = 20
)

// note makes a finding of a credential that is nobody's and was shown at a source's door.
// That it cannot be written makes no difference to who showed it.
func (g *gate) note(c echo.Context, address, why string) {
	if !below(c, scimRoot) && !below(c, signalsRoot) {
		return
	}
	if _, ok := g.noted.take(address); !ok {
		return
	}
	if _, ok := g.notedEver.take(""); !ok {
		return
	}
	ctx := c.Request().Context()
	err := g.store.Update(ctx, func(tx store.Tx) error { return access.Refused(tx, g.rules.Book(), address, why) })
	if err != nil {
		g.log.ErrorContext(ctx, "a refused credential was not made a finding of", "error", err)
	}
}

// guard lets in who shows the right credential: a source below /scim and
// /signals, a caller below /api/v1. Neither opens the other's door. It stands before routing's
// answer, so that a stranger learns nothing of what there is, but for what the SCIM
// endpoint tells anybody.
func (g *gate) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch {
		case g.stranger(c):
			if wait, ok := g.strangers.take(addressKey(c.RealIP())); !ok {
				return tooMany(c, wait, "Too many requests without a credential from this address.")
			}
		case below(c, scimRoot), below(c, signalsRoot):
			who, err := g.identify(c)
			if err != nil {
				return err
			}
			if who.Source == "" {
				return wrongDoor("This is a credential of the API; SCIM and signals are for sources.")
			}
			c.Set(keySource, who.Source)
			if below(c, scimRoot) {
				g.hearing.Heard(who.Source, time.Now().UTC())
			}
			if err := spend(c, g.sources, who.Source); err != nil {
				return err
			}
		case below(c, apiRoot):
			who, err := g.identify(c)
			if err != nil {
				return err
			}
			if who.Role == "" {
				return wrongDoor("This is a source's credential; it opens /scim/v2 and /signals/v1, and nothing else.")
			}
			if err := spend(c, g.callers, who.Name); err != nil {
				return err
			}
			req := c.Request()
			caller := api.Caller{Name: who.Name, Role: who.Role, Request: req.Header.Get(requestHeader), Person: who.Name, Auth: who.auth()}
			c.SetRequest(req.WithContext(api.WithCaller(req.Context(), caller)))
		}
		return next(c)
	}
}

// stranger reports whether a request shows no credential, right or wrong, and asks
// for what is told to anybody.
func (g *gate) stranger(c echo.Context) bool {
	route, ok := strings.CutPrefix(c.Path(), scimBase)
	return ok && g.tells(c.Request().Method, route) && len(c.Request().Header.Values(echo.HeaderAuthorization)) == 0 && certificate(c.Request()) == nil
}

// identify returns whose credential the request shows. Attempts that fail are
// counted by address. A credential that is right is let in whatever was tried
// from its address before: behind a proxy all come from one.
func (g *gate) identify(c echo.Context) (Credential, error) {
	req := c.Request()
	token, shown := bearer(req)
	var who Credential
	err := error(&refusal{})
	switch {
	case len(req.Header.Values(echo.HeaderAuthorization)) > 1:
		// What is in front of the bridge may have looked at the other one.
		shown, err = true, &refusal{why: "there is more than one Authorization header", tell: "there is more than one Authorization header"}
	case shown:
		who, err = g.whose(req, token)
	case certificate(req) != nil:
		who, err = g.certified(req, time.Now())
	}
	if err == nil {
		c.Set(keyCredential, who.Name)
		who.use.Used = time.Now().UTC()
		g.uses.Saw(who.use)
		return who, nil
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return who, g.turnAway(c, r, shown)
	}
	return who, g.notLetIn(c, err)
}

// A refusal says that a credential is nobody's, or no longer somebody's.
type refusal struct {
	why  string // for the log
	tell string // for who showed it; empty: no more than that it is nobody's
}

func (r *refusal) Error() string { return r.why }

// turnAway answers who shows no credential, or one that is nobody's.
func (g *gate) turnAway(c echo.Context, r *refusal, shown bool) error {
	remote := c.RealIP()
	if wait, ok := g.failed.take(addressKey(remote)); !ok {
		return tooMany(c, wait, "Too many attempts with a wrong credential from this address.")
	}
	challenge, detail := `Bearer realm="drawbridge"`, "Send a credential: Authorization: Bearer TOKEN."
	if shown {
		challenge += `, error="invalid_token"`
		detail = "The credential is unknown, expired or revoked."
		if r.tell != "" {
			challenge += `, error_description="` + r.tell + `"`
			detail = "The token is not taken: " + r.tell + "."
		}
		g.log.WarnContext(c.Request().Context(), "credential refused", "reason", r.why, "remote", remote, "path", c.Request().URL.Path,
			"request", c.Request().Header.Get(requestHeader))
		g.note(c, addressKey(remote), r.why)
	}
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, challenge)
	return api.NewProblem(http.StatusUnauthorized, detail)
}

// notLetIn answers whose credential is right and gives nothing, and where it
// cannot be known whose it is.
func (g *gate) notLetIn(c echo.Context, err error) error {
	switch {
	case errors.Is(err, schema.ErrForbidden):
		g.log.WarnContext(c.Request().Context(), "credential gives nothing", "reason", err, "remote", c.RealIP(), "path", c.Request().URL.Path,
			"request", c.Request().Header.Get(requestHeader))
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="drawbridge", error="insufficient_scope"`)
		return wrongDoor("The credential is right, and nothing in this bridge's configuration says whose it is.")
	case errors.Is(err, schema.ErrUnavailable): // nothing of the token is proven: whoever shows it learns no name of ours
		g.log.WarnContext(c.Request().Context(), "credential cannot be verified", "reason", err, "remote", c.RealIP(), "path", c.Request().URL.Path,
			"request", c.Request().Header.Get(requestHeader))
		c.Response().Header().Set(echo.HeaderRetryAfter, "30")
		p := api.NewProblem(http.StatusServiceUnavailable, "The credential cannot be verified now; try again later.")
		p.Code = "unavailable"
		return p
	}
	return err
}

// whose returns whose a token is.
func (g *gate) whose(req *http.Request, token string) (Credential, error) {
	if c, ok := g.ring.Load().configured(token); ok {
		return c, nil
	}
	if id, secret, ok := tokens.Parse(token); ok {
		return g.issued(req.Context(), id, secret)
	}
	if b, ok := tokens.ParseBrief(token); ok {
		return g.brief(req.Context(), b)
	}
	if !issuer.Looks(token) {
		return Credential{}, &refusal{why: "it is not known"}
	}
	h, err := g.issuers.Verify(req.Context(), token)
	if r, ok := errors.AsType[*issuer.Refusal](err); ok {
		told := ""
		if r.Signed {
			told = r.Why
		}
		return Credential{}, &refusal{why: r.Why, tell: told}
	}
	if err == nil && h.Certificate != "" && h.Certificate != thumbprint(certificate(req)) {
		return Credential{}, &refusal{why: "it is bound to another client certificate", tell: "it is bound to a client certificate that was not shown"}
	}
	if err == nil {
		err = g.cutOff(req.Context(), h)
	}
	c := Credential{Name: h.Name, Source: h.Source, Role: h.Role}
	c.use = schema.CredentialUse{ID: "issuer/" + h.Issuer + "/" + c.holder(), Holder: c.holder()}
	return c, err
}

// cutOff returns a refusal if somebody took back what a token is.
func (g *gate) cutOff(ctx context.Context, h issuer.Holder) error {
	return g.store.View(ctx, func(r store.Reader) error {
		cut, err := tokens.IsCutOff(r, h.Issuer, h.Signed, h.Marks)
		if err == nil && cut {
			err = &refusal{why: "it is cut off, as what the issuer " + h.Issuer + " signed before", tell: "it was taken back: get another one"}
		}
		return err
	})
}

// issued returns whose a token is that the bridge issued.
func (g *gate) issued(ctx context.Context, id, secret string) (Credential, error) {
	t, now, err := g.stored(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	if err := g.key.Opens(t, secret, now); err != nil {
		return Credential{}, &refusal{why: err.Error()}
	}
	return credentialOf(t), nil
}

// stored returns an issued token as it is kept. Whether anything opens it, is for
// the caller to find out.
func (g *gate) stored(ctx context.Context, id string) (t schema.Token, now time.Time, err error) {
	err = g.store.View(ctx, func(r store.Reader) (err error) {
		now = r.Now()
		t, err = store.Tokens.Get(r, id)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) {
		err = &refusal{why: "no token of that id was issued"}
	}
	return t, now, err
}

func credentialOf(t schema.Token) Credential {
	c := Credential{Name: t.Name, Source: t.Source, Role: t.Role}
	if c.Name == "" {
		c.Name = t.Source
	}
	c.use = schema.CredentialUse{ID: "token/" + t.ID, Holder: c.holder()}
	return c
}

// bearer returns the token that a request shows.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// spend takes one request from what a credential may make.
func spend(c echo.Context, b *buckets, name string) error {
	if wait, ok := b.take(name); !ok {
		return tooMany(c, wait, "Too many requests with this credential.")
	}
	return nil
}

func tooMany(c echo.Context, wait time.Duration, detail string) error {
	after := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	c.Response().Header().Set(echo.HeaderRetryAfter, after)
	return api.NewProblem(http.StatusTooManyRequests, detail+" Try again in "+after+" s.")
}

func wrongDoor(detail string) error {
	p := api.NewProblem(http.StatusForbidden, detail)
	p.Code = "role"
	return p
}
