package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

const apiRoot = "/api/v1"

// A gate knows who may come in. Configured secrets are found by their SHA-256,
// stored ones by the id in them; what is compared is hashes, in constant time, so
// that the time an answer takes tells nothing of a secret.
type gate struct {
	store      *store.Store
	log        *slog.Logger
	configured map[[sha256.Size]byte]Credential

	sources, callers, failed *buckets
}

// shortSecret is how long a configured secret should be at least, in bytes.
const shortSecret = 16

// Bounds on what is remembered of whom.
const (
	mostCredentials = 10_000
	mostAddresses   = 10_000
)

func newGate(o Options) (*gate, error) {
	l := o.Limits.orDefaults()
	g := &gate{
		store: o.Store, log: o.Log, configured: map[[sha256.Size]byte]Credential{},
		sources: newBuckets(l.Source, int(2*l.Source), mostCredentials),
		callers: newBuckets(l.API, int(2*l.API), mostCredentials),
		failed:  newBuckets(l.Failed/60, int(l.Failed), mostAddresses),
	}
	var errs []error
	for _, c := range o.Credentials {
		sum := sha256.Sum256([]byte(c.Secret.Reveal()))
		other, taken := g.configured[sum]
		switch {
		case c.Secret.Reveal() == "":
			errs = append(errs, fmt.Errorf("credential %s: its secret is empty: %w", c.Name, schema.ErrInvalid))
		case taken:
			errs = append(errs, fmt.Errorf("credentials %s and %s have the same secret: %w", other.Name, c.Name, schema.ErrInvalid))
		case c.Source == "" && !c.Role.Known():
			errs = append(errs, fmt.Errorf("credential %s: role %q is none of %v: %w", c.Name, c.Role, schema.APIRoles(), schema.ErrInvalid))
		case c.Source != "" && c.Role != "":
			errs = append(errs, fmt.Errorf("credential %s: it is a source's or has a role, and not both: %w", c.Name, schema.ErrInvalid))
		}
		if len(c.Secret.Reveal()) < shortSecret {
			o.Log.Warn("the secret of a credential is so short that it may be guessed; 32 random bytes are not", "credential", c.Name)
		}
		g.configured[sum] = c
	}
	return g, errors.Join(errs...)
}

// guard lets in who shows the right credential: a source below /scim, a caller
// below /api/v1. Neither opens the other's door. It stands before routing's
// answer, so that a stranger learns nothing of what there is.
func (g *gate) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch {
		case below(c, scimRoot):
			who, err := g.identify(c)
			if err != nil {
				return err
			}
			if who.Source == "" {
				return wrongDoor("This is a credential of the API; SCIM is for sources.")
			}
			c.Set(keySource, who.Source)
			if err := spend(c, g.sources, who.Source); err != nil {
				return err
			}
		case below(c, apiRoot):
			who, err := g.identify(c)
			if err != nil {
				return err
			}
			if who.Source != "" {
				return wrongDoor("This is a source's credential; it opens /scim/v2 and nothing else.")
			}
			if err := spend(c, g.callers, who.Name); err != nil {
				return err
			}
			req := c.Request()
			caller := api.Caller{Name: who.Name, Role: who.Role, Request: req.Header.Get(requestHeader), Person: who.Name, Auth: "token"}
			c.SetRequest(req.WithContext(api.WithCaller(req.Context(), caller)))
		}
		return next(c)
	}
}

// identify returns whose credential the request shows. Attempts that fail are
// counted by address. A credential that is right is let in whatever was tried
// from its address before: behind a proxy all come from one.
func (g *gate) identify(c echo.Context) (Credential, error) {
	token, ok := bearer(c.Request())
	if ok {
		who, err := g.whose(c.Request().Context(), token)
		if err == nil {
			c.Set(keyCredential, who.Name)
			return who, nil
		}
		if !errors.Is(err, errNobody) {
			return who, err
		}
	}
	remote := c.RealIP()
	if wait, ok := g.failed.take(addressKey(remote)); !ok {
		return Credential{}, tooMany(c, wait, "Too many attempts with a wrong credential from this address.")
	}
	challenge, detail := `Bearer realm="drawbridge"`, "Send a credential: Authorization: Bearer TOKEN."
	if ok {
		challenge += `, error="invalid_token"`
		detail = "The credential is unknown, expired or revoked."
		g.log.WarnContext(c.Request().Context(), "credential refused", "remote", remote, "path", c.Request().URL.Path,
			"request", c.Request().Header.Get(requestHeader))
	}
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, challenge)
	return Credential{}, api.NewProblem(http.StatusUnauthorized, detail)
}

// errNobody says that a token is nobody's, or no longer somebody's.
var errNobody = errors.New("the token is nobody's")

func (g *gate) whose(ctx context.Context, token string) (Credential, error) {
	sum := sha256.Sum256([]byte(token))
	if c, ok := g.configured[sum]; ok {
		return c, nil
	}
	id, secret, ok := access.ParseToken(token)
	if !ok {
		return Credential{}, errNobody
	}
	var t schema.Token
	var now time.Time
	err := g.store.View(ctx, func(r store.Reader) (err error) {
		now = r.Now()
		t, err = store.Tokens.Get(r, id)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) {
		return Credential{}, errNobody
	}
	if err != nil {
		return Credential{}, err
	}
	right := subtle.ConstantTimeCompare(access.HashToken(secret), t.Hash) == 1
	if !right || !t.Revoked.IsZero() || !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Credential{}, errNobody
	}
	c := Credential{Name: t.Name, Source: t.Source, Role: t.Role}
	if c.Name == "" {
		c.Name = t.Source
	}
	return c, nil
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
