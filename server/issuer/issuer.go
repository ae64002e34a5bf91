// Package issuer knows whose a signed token (a JWT) is, of issuers that the
// configuration trusts: which source it is of, or which role its caller has.
//
//	request ──► Verify ── known already? ──► whose it is
//	               │ no
//	               ▼
//	            algorithm ─► key by its id ─► signature ─► claims ─► rules ─► whose it is
//	                             ▲
//	            Run ── discovers and fetches keys, in the background
//
// No request decides what is fetched: an issuer is found by its name among those
// that are configured, and its keys are where its own document, or the
// configuration, says. What a token says of keys (jku, x5u, jwk) is not looked at.
// An issuer that does not answer takes nothing down: its keys are believed until
// they are stale.
package issuer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"drawbridge/schema"
)

// A Config says which issuer is trusted, and with what.
type Config struct {
	Name       string        // for the log
	Issuer     string        // what its tokens name as iss, letter by letter
	Audience   []string      // a token is for one of these
	JWKS       string        // URL of its keys; none: its document says
	Algorithms []string      // that it may sign with; HMAC and none never
	Leeway     time.Duration // by which its clock may differ
	Refresh    time.Duration // how old keys may get before they are fetched again
	Stale      time.Duration // how long keys are believed while it does not answer
	MaxLife    time.Duration // how long a token may be valid at most
	Caller     string        // claim that names who uses the API
	Sources    []Source
	Roles      []Role
	Events     []string // sources that may push Security Event Tokens which it signed
}

// A Source says which tokens are a source's: those that have all these claims.
type Source struct {
	Name   string
	Claims map[string]string
}

// A Role says which tokens give a role in the API: those that have all these
// claims. Of several the greatest counts.
type Role struct {
	Role   schema.APIRole
	Claims map[string]string
}

// Options are what issuers are verified with. The zero value is right for
// production.
type Options struct {
	Log       *slog.Logger      // nil: none
	Transport http.RoundTripper // nil: one that goes by the environment's proxy
	// Observe, where it is not nil, is told what came of each fetch of keys.
	Observe func(issuer string, err error)
}

// A Holder is whose a token is. One may be of a source and have a role: which
// counts, the door decides.
type Holder struct {
	Issuer      string // its name in the configuration
	Name        string // as the issuer names who shows it
	Source      string
	Role        schema.APIRole
	Expires     time.Time
	Signed      time.Time         // zero where the token does not say
	Marks       map[string]string // the claims by which it may be taken back, as it has them
	Certificate string            // SHA-256 of the client certificate that it is bound to, as RFC 8705 writes it; empty: of none
}

// Set are the issuers that are trusted. It is safe for concurrent use. A nil one
// trusts nobody.
type Set struct {
	byIssuer map[string]*trusted
	known    *known
}

// New returns the issuers. Their keys are fetched by Run.
func New(configs []Config, o Options) (*Set, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Set{byIssuer: map[string]*trusted{}, known: newKnown(mostKnown)}
	for _, c := range configs {
		t, err := newTrusted(c, o)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", c.Name, err)
		}
		if other, taken := s.byIssuer[c.Issuer]; taken {
			return nil, fmt.Errorf("issuers %s and %s have the same name for themselves, %s: %w", other.Name, c.Name, c.Issuer, schema.ErrInvalid)
		}
		s.byIssuer[c.Issuer] = t
	}
	return s, nil
}

// asymmetric are the algorithms that an issuer may sign with.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

func newTrusted(c Config, o Options) (*trusted, error) {
	if c.Issuer == "" || len(c.Audience) == 0 || len(c.Algorithms) == 0 {
		return nil, fmt.Errorf("it needs an issuer, an audience and algorithms: %w", schema.ErrInvalid)
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(asymmetric, jose.SignatureAlgorithm(a)) {
			return nil, fmt.Errorf("algorithm %q is none of %v: %w", a, asymmetric, schema.ErrInvalid)
		}
	}
	for _, claims := range ruleClaims(c) {
		if len(claims) == 0 {
			return nil, fmt.Errorf("a rule without claims would take every token: %w", schema.ErrInvalid)
		}
	}
	return &trusted{Config: c, log: o.Log.With("issuer", c.Name), fetcher: newFetcher(c, o.Transport), observe: o.Observe, asked: make(chan struct{}, 1)}, nil
}

func ruleClaims(c Config) (all []map[string]string) {
	for _, s := range c.Sources {
		all = append(all, s.Claims)
	}
	for _, r := range c.Roles {
		all = append(all, r.Claims)
	}
	return all
}

// Run keeps the keys of every issuer fresh until ctx is done.
func (s *Set) Run(ctx context.Context) {
	if s == nil {
		return
	}
	var all sync.WaitGroup
	for _, t := range s.byIssuer {
		all.Go(func() { t.run(ctx) })
	}
	all.Wait()
}
