// Package server is the bridge's one HTTP listener: what is mounted on it, who
// may use what, and how errors look. It answers; it decides nothing.
package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	library "github.com/elimity-com/scim/schema"
	"github.com/labstack/echo/v4"
	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/access/exposure"
	"drawbridge/access/tokens"
	"drawbridge/access/unmapped"
	"drawbridge/notice"
	wire "drawbridge/schema/scim"
	"drawbridge/server/api"
	"drawbridge/server/issuer"
	"drawbridge/server/metrics"
	"drawbridge/server/paths"
	"drawbridge/server/scim"
	"drawbridge/store"
)

// Options are what a server is made of.
type Options struct {
	Store       *store.Store
	Rules       *access.Rules
	Log         *slog.Logger // nil: none
	PublicURL   string       // as others see the bridge, for links; a path in it is before all of ours
	Version     string
	Credentials []Credential
	Issuers     *issuer.Set // of signed tokens; nil: none
	TokenKey    tokens.Key  // of the tokens that the bridge issues
	Metrics     *metrics.Metrics
	Hearing     *access.Hearing   // remembers when sources were heard; may be nil
	Uses        *tokens.Uses      // remembers which credentials are shown; may be nil
	Unmapped    *unmapped.Counter // counts what sources send and no schema has; may be nil
	Exposure    *exposure.Meter   // remembers how long access outlived what ended it; may be nil
	Sweeps      []string          // names, for status and to run now
	Connectors  []string          // names
	Targets     map[string]api.Target
	Limits      Limits
	SCIM        scim.Limits
	Pages       Pages            // of the console
	Discovery   scim.Discovery   // what strangers are told of the SCIM endpoint
	Extensions  []library.Schema // of users, that sources send beside the standard's

	GroupExtensions []library.Schema // likewise, of groups

	Catalogues []wire.Catalogue // resource types that are read, beside roles and entitlements

	// Authorities, where it is not nil, returns those whose client certificates are
	// believed now: a connection lives on when one of them is believed no more.
	Authorities func() []*x509.Certificate

	// Breaker, where it is not nil, says whether a connector's target is called.
	Breaker func(connector string) api.BreakerView

	// Standing, where it is not nil, says how credentials stand.
	Standing func(ctx context.Context) ([]access.Credential, error)

	// Sign, where it is not nil, signs the decision log as it is now.
	Sign func(ctx context.Context) error
	// Signer, where it is not nil, is the log's: it signs packs of evidence.
	Signer note.Signer
	// Trial, where it is not nil, sends somebody a trial by every way that people are told.
	Trial func(ctx context.Context, to access.Addressee) []notice.Trial
	// Preview, where it is not nil, says what a run of a sweep would come to.
	Preview func(ctx context.Context, sweep string) (access.Preview, error)
	// Ready, where it is not nil, says why the bridge should get no traffic yet.
	Ready func(ctx context.Context) error
}

// A Server answers everything that the listener is asked.
type Server struct {
	http.Handler
	gate *gate
}

// Use puts other configured credentials in the place of those there are, from the
// next request on. If anything is wrong with one, nothing changes.
func (s *Server) Use(credentials []Credential) error { return s.gate.use(credentials) }

// New returns the server. It reads as the list of everything that is mounted.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g, err := newGate(o)
	if err != nil {
		return nil, err
	}
	provider, err := newSCIM(o, g)
	if err != nil {
		return nil, err
	}
	g.tells = provider.Tells
	a := api.New(api.Options{
		Store: o.Store, Rules: o.Rules, Log: o.Log, Version: o.Version, Sweeps: o.Sweeps, Connectors: o.Connectors, Issuers: o.Issuers.Names(), Targets: o.Targets,
		Unmapped: o.Unmapped, Hearing: o.Hearing, Exposure: o.Exposure, Breaker: o.Breaker,
		Sign: o.Sign, Signer: o.Signer, Preview: o.Preview, Trial: o.Trial, TokenKey: o.TokenKey, Standing: o.Standing,
	})
	e := echo.New()
	e.HTTPErrorHandler = answerError(o.Log)
	e.IPExtractor = echo.ExtractIPDirect() // what a client says of itself in a header is not believed
	e.Logger.SetOutput(io.Discard)

	paths.Decode(e)
	e.Use(observe(o.Log, o.Metrics)) // request id, access log, metrics; before whatever answers, for it sees every answer
	e.Use(recovered)
	e.Use(secured(o.PublicURL))
	e.Use(g.guard) // who may use /scim, /signals and /api

	provider.Mount(e.Group(scimBase))
	newSignals(o).Mount(e.Group("/signals/v1"))
	a.Mount(e) // /api/v1, /api/openapi.json
	if err := mountConsole(e, o, g, a); err != nil {
		return nil, err
	}
	e.POST(tokenPath, g.token)
	e.Match([]string{http.MethodGet, http.MethodHead}, "/healthz", alive)
	e.Match([]string{http.MethodGet, http.MethodHead}, "/readyz", ready(o))
	if o.Metrics != nil {
		o.Metrics.Sweeps(o.Sweeps)
		e.GET("/metrics", echo.WrapHandler(o.Metrics))
	}
	return &Server{e, g}, nil
}

// HTTP returns an HTTP server for the handler that no slow client can hold up.
// Reading and writing may take a minute; what streams longer moves its own
// deadline on.
func HTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// secured sets what browsers and caches are to know of every answer: nothing here
// is a page, and nothing may be kept.
func secured(publicURL string) echo.MiddlewareFunc {
	headers := map[string][]string{
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":         {"no-referrer"},
		"Cache-Control":           {"no-store"},
	}
	if strings.HasPrefix(publicURL, "https://") {
		headers["Strict-Transport-Security"] = []string{"max-age=31536000"}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			maps.Copy(c.Response().Header(), headers) // the values are shared: nobody writes into them
			return next(c)
		}
	}
}

// recovered makes an error of a panic, so that one request's fault is its own.
// http.ErrAbortHandler ends the connection, as it is meant to.
func recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
				panic(p)
			}
			err = &panicError{fmt.Sprint(p), stack()}
		}()
		return next(c)
	}
}
