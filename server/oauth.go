package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/access/tokens"
)

const (
	// tokenPath is where a source gets access tokens for its credential, as OAuth's
	// client credentials have it (RFC 6749, 4.4).
	tokenPath = "/oauth2/token"
	// briefLife is how long an access token is good for.
	briefLife = time.Hour
	// mostForm is how much a request for one may say, in bytes.
	mostForm = 16 << 10
)

// An oauthError is an error as RFC 6749, 5.2, has it.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	status      int
}

// token gives a source an access token for its credential, which is the client's
// secret; the client's id is the source's name or the token's id.
func (g *gate) token(c echo.Context) error {
	form, problem := tokenForm(c)
	if problem != nil {
		return c.JSON(problem.status, problem)
	}
	id, secret, basic := client(c.Request(), form)
	if other := form.Get("client_secret"); basic && other != "" && other != secret || len(c.Request().Header.Values(echo.HeaderAuthorization)) > 1 {
		return c.JSON(http.StatusBadRequest, oauthError{Code: "invalid_request", Description: "show one client, in one way (RFC 6749, 2.3)"})
	}
	if secret == "" {
		return g.noClient(c, basic, "no client_id and client_secret were shown")
	}
	who, err := g.direct(c.Request().Context(), secret)
	if r, ok := errors.AsType[*refusal](err); ok {
		return g.noClient(c, basic, r.why)
	}
	if err != nil {
		return err
	}
	if who.Source == "" || id != who.Source && "token/"+id != who.use.ID {
		return g.noClient(c, basic, "the secret is right, and not that of the source or token that client_id names")
	}
	c.Set(keyCredential, who.Name)
	who.use.Used = time.Now().UTC()
	g.uses.Saw(who.use)
	if err := spend(c, g.sources, who.Source); err != nil {
		return err
	}
	brief, life, err := g.newBrief(c.Request().Context(), secret)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"access_token": brief, "token_type": "Bearer", "expires_in": int(life.Seconds())})
}

// tokenForm reads a request for an access token.
func tokenForm(c echo.Context) (url.Values, *oauthError) {
	req := c.Request()
	kind, _, _ := mime.ParseMediaType(req.Header.Get(echo.HeaderContentType))
	if kind != echo.MIMEApplicationForm {
		return nil, &oauthError{"invalid_request", "send a form: Content-Type: application/x-www-form-urlencoded", http.StatusBadRequest}
	}
	req.Body = http.MaxBytesReader(c.Response(), req.Body, mostForm)
	if err := req.ParseForm(); err != nil {
		return nil, &oauthError{"invalid_request", "the form cannot be read", http.StatusBadRequest}
	}
	for _, values := range req.PostForm {
		if len(values) > 1 {
			return nil, &oauthError{"invalid_request", "a parameter is there twice", http.StatusBadRequest}
		}
	}
	switch req.PostForm.Get("grant_type") {
	case "client_credentials":
		return req.PostForm, nil
	case "":
		return nil, &oauthError{"invalid_request", "grant_type is missing: it is client_credentials", http.StatusBadRequest}
	}
	return nil, &oauthError{"unsupported_grant_type", "the one grant there is is client_credentials", http.StatusBadRequest}
}

// client returns what a client shows: in the Authorization header, where each part
// is written as in a form (RFC 6749, 2.3.1), or in the form.
func client(r *http.Request, form url.Values) (id, secret string, basic bool) {
	id, secret, basic = r.BasicAuth()
	if !basic {
		return form.Get("client_id"), form.Get("client_secret"), false
	}
	for _, part := range []*string{&id, &secret} {
		if plain, err := url.QueryUnescape(*part); err == nil {
			*part = plain
		}
	}
	return id, secret, true
}

// noClient answers who is no client, as often as wrong credentials are answered.
func (g *gate) noClient(c echo.Context, basic bool, why string) error {
	remote := c.RealIP()
	if wait, ok := g.failed.take(addressKey(remote)); !ok {
		return tooMany(c, wait, "Too many attempts with a wrong credential from this address.")
	}
	g.log.WarnContext(c.Request().Context(), "credential refused", "reason", why, "remote", remote, "path", c.Request().URL.Path,
		"request", c.Request().Header.Get(requestHeader))
	if basic {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Basic realm="drawbridge"`)
	}
	return c.JSON(http.StatusUnauthorized, oauthError{Code: "invalid_client", Description: "the client is unknown, or its secret is wrong, expired or revoked"})
}

// direct returns whose a credential is that is a secret itself: no access token
// gives another one.
func (g *gate) direct(ctx context.Context, secret string) (Credential, error) {
	if c, ok := g.ring.Load().configured(secret); ok {
		return c, nil
	}
	if id, part, ok := tokens.Parse(secret); ok {
		return g.issued(ctx, id, part)
	}
	return Credential{}, &refusal{why: "it is not known"}
}

// newBrief returns an access token for a secret that is right, and how long it is
// good for: never longer than what it stands for.
func (g *gate) newBrief(ctx context.Context, secret string) (token string, life time.Duration, err error) {
	b := tokens.Brief{Expires: time.Now().Add(briefLife)}
	id, _, issued := tokens.Parse(secret)
	if _, configured := g.ring.Load().configured(secret); configured || !issued {
		sum := sha256.Sum256([]byte(secret))
		b.For = printOf(sum)
		return g.key.NewBrief(b, string(sum[:])), briefLife, nil
	}
	t, now, err := g.stored(ctx, id)
	if err != nil {
		return "", 0, err
	}
	if !t.Expires.IsZero() && t.Expires.Before(b.Expires) {
		b.Expires = t.Expires
	}
	b.For = t.ID
	proof, err := tokens.Proof(t, now)
	return g.key.NewBrief(b, proof...), max(0, b.Expires.Sub(now)), err
}

// brief returns whose an access token is: as long as what it stands for is as it
// was.
func (g *gate) brief(ctx context.Context, b tokens.Brief) (who Credential, err error) {
	var proof []string
	now := time.Now()
	ring := g.ring.Load()
	if sum, ok := ring.byPrint[b.For]; ok {
		who, proof = ring.bySum[sum], []string{string(sum[:])}
	} else {
		t, at, err := g.stored(ctx, b.For)
		if err != nil {
			return who, err
		}
		now = at
		if proof, err = tokens.Proof(t, now); err != nil {
			return who, &refusal{why: err.Error()}
		}
		who = credentialOf(t)
	}
	switch err := g.key.OpensBrief(b, now, proof...); {
	case errors.Is(err, tokens.ErrBriefEnded):
		return Credential{}, &refusal{why: "the access token for " + b.For + " has expired", tell: "it has expired: ask for another one"}
	case err != nil:
		return Credential{}, &refusal{why: err.Error()}
	}
	return who, nil
}
