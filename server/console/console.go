// Package console is the bridge for people who would rather look than read: pages
// that are made on the server, for a browser.
//
//	browser ─► session: who, and which role ─► page ─► API, as that person ─► template
//
// A page is made of API calls and of nothing else, with the permissions of whoever
// looks at it, and what it does is an API call too. So it shows nobody what the API
// would not, and no rule stands here. Nothing edits policy: pages show it, and people
// agree to what was proposed.
//
// Pages work without JavaScript and without the network. A strict content security
// policy forbids everything that does not come from here.
package console

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"drawbridge/schema"
)

// Root is where the console is, below the bridge's public URL.
const Root = "/console/"

// Callback is where an identity provider sends browsers back to, below the same.
const Callback = Root + "login/callback"

// A Person is who is logged in.
type Person struct {
	Name string         // as decisions name them
	Role schema.APIRole // what they may do
	Is   string         // who they are to sources: an id, a userName or an email address
	Auth string         // how they were known: token, oidc

	Right string // what their being here rests on, in the words of the door that let them in
}

// May reports whether the person has a role, or a greater one.
func (p Person) May(least schema.APIRole) bool { return p.Role.AtLeast(least) }

// A Door knows who may come in. What its errors tell is shown to whoever knocked.
type Door interface {
	// Token returns whose an API token is. Attempts that fail are counted by address.
	Token(r *http.Request, token string) (Person, error)

	// Named returns the person whom an identity provider calls by a name.
	Named(ctx context.Context, name string, role schema.APIRole) (Person, error)

	// Still returns nil while a person who was let in may stay: their token is not
	// revoked, their identity has not left.
	Still(ctx context.Context, p Person) error

	// Knock takes one request from what strangers may make who begin to log in, counted by
	// address, or says after how long there will be one.
	Knock(r *http.Request) (wait time.Duration, ok bool)

	// Spend takes one request from what a person may make, or says after how long
	// there will be one.
	Spend(p Person) (wait time.Duration, ok bool)
}

// A Provider logs people in elsewhere, by OpenID Connect: the authorization code
// flow with PKCE.
type Provider interface {
	// Start returns where the browser is sent. Its three secrets are made for this
	// login and used once: state comes back with the browser, nonce in the token, and
	// verifier shows that who comes back is who was sent.
	Start(ctx context.Context, state, nonce, verifier string) (string, error)

	// Finish takes what the browser came back with, and returns who came, as sources
	// know them, and what the groups they are in let them do. What ErrForbidden and
	// ErrInvalid say is shown to them.
	Finish(ctx context.Context, nonce, verifier string, answer url.Values) (name string, role schema.APIRole, err error)
}

// Options are what the console is made of.
type Options struct {
	// API answers calls as it answers a person.
	API func(p Person, request string) http.RoundTripper

	Door      Door
	Provider  Provider // nil: nobody logs in elsewhere
	Log       *slog.Logger
	PublicURL string // how the bridge is reached from outside; a path in it is before all of ours
	Version   string

	Idle time.Duration // how long a session lives unused; an hour
	Life time.Duration // how long it lives at most; twelve hours

	Recheck time.Duration // how long what an identity provider said somebody may do is believed; an hour
	Plain   bool          // cookies may go without TLS, for the bridge is on the machine that the browser is on
}

// A Console answers everything below Root.
type Console struct {
	Options
	base     string // before Root in links
	secure   bool   // cookies go over TLS only
	pages    map[string]*template.Template
	mux      *http.ServeMux
	sessions *sessions
	trips    *trips
	headers  map[string][]string
	foreign  *http.CrossOriginProtection
	coverage counted
}

// assets is what pages load.
//
//go:embed assets
var assets embed.FS

// New returns the console.
func New(o Options) (*Console, error) {
	u, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("console: the public URL: %w: %w", schema.ErrInvalid, err)
	}
	if o.Idle == 0 {
		o.Idle = time.Hour
	}
	if o.Life == 0 {
		o.Life = 12 * time.Hour
	}
	if o.Recheck == 0 {
		o.Recheck = time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Console{
		Options: o, base: strings.TrimRight(u.Path, "/"), secure: !o.Plain,
		sessions: newSessions(o.Idle, o.Life), trips: newTrips(), headers: headers(),
		foreign: http.NewCrossOriginProtection(),
	}
	if u.Host != "" { // a proxy in front may have another name for the bridge than browsers have
		if err := c.foreign.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("console: the public URL: %w: %w", schema.ErrInvalid, err)
		}
	}
	if c.pages, err = parse(c); err != nil {
		return nil, err
	}
	c.mux, err = c.routes()
	return c, err
}

// routes is the list of everything there is below Root.
func (c *Console) routes() (*http.ServeMux, error) {
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+Root+"assets/", http.StripPrefix(Root+"assets/", kept(http.FileServerFS(files))))
	mux.HandleFunc("GET "+Root+"login", c.showLogin)
	mux.HandleFunc("POST "+Root+"login", c.logIn)
	mux.HandleFunc("GET "+Root+"login/oidc", c.leave)
	mux.HandleFunc("GET "+Callback, c.comeBack)
	mux.HandleFunc("POST "+Root+"logout", c.logOut)
	for _, p := range pages() {
		mux.HandleFunc("GET "+Root+p.path, c.page(p))
	}
	for _, a := range actions() {
		mux.HandleFunc("POST "+Root+a.path, c.act(a))
	}
	mux.HandleFunc(Root, c.page(page{show: func(*visit) (any, error) { return nil, errNoPage }}))
	return mux, nil
}

// ServeHTTP answers one request. What another site had a browser send is refused
// before anything is looked at.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), c.headers) // the values are shared: nobody writes into them
	if err := c.foreign.Check(r); err != nil {
		c.fail(w, r, nil, &problem{Status: http.StatusForbidden, Title: "Refused", Detail: "This was sent from another site."})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	c.mux.ServeHTTP(w, r)
}

// headers are those of every answer. Scripts, styles and pictures come from here, and
// nothing comes from elsewhere; no other site shows a page of ours in its own.
func headers() map[string][]string {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
		"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
	return map[string][]string{
		"Content-Security-Policy":      {policy},
		"X-Frame-Options":              {"DENY"},
		"X-Content-Type-Options":       {"nosniff"},
		"Referrer-Policy":              {"same-origin"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), microphone=(), geolocation=(), payment=()"},
		"Cache-Control":                {"no-store"},
	}
}

// kept has what never changes in one version kept by browsers for a while: its name
// in pages says which version it is of.
func kept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = []string{"private, max-age=3600"}
		next.ServeHTTP(w, r)
	})
}
