package issuertest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Provider is an issuer at which people log in, by OpenID Connect over TLS: the
// authorization code flow for one client, which must use PKCE. Whoever comes is who
// the test says, and is sent back at once. It is as strict as the standard: a code is
// taken once, from the client that it was made for, with its verifier and the same
// address to come back to.
type Provider struct {
	*Issuer
	ClientID, Secret string
	Redirect         string       // the only address that it sends anybody back to
	Client           *http.Client // trusts its certificate

	mu     sync.Mutex
	person map[string]any
	codes  map[string]url.Values
	spoil  func(claims map[string]any)
	refuse string
}

// NewProvider returns a provider that listens until the test ends.
func NewProvider(tb testing.TB, redirect string) *Provider {
	tb.Helper()
	p := &Provider{
		Issuer: &Issuer{tb: tb}, ClientID: "drawbridge", Secret: "a secret with : and %", Redirect: redirect, codes: map[string]url.Values{},
	}
	p.Rotate()
	mux := p.mux(func() map[string]any {
		return map[string]any{
			"authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		}
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	server := httptest.NewTLSServer(mux)
	tb.Cleanup(server.Close)
	p.URL, p.Client = server.URL, server.Client()
	return p
}

// Comes says who logs in from now on: the claims of their tokens.
func (p *Provider) Comes(person map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person, p.spoil, p.refuse = person, nil, ""
}

// Spoil has the claims of each token changed before it is signed.
func (p *Provider) Spoil(with func(claims map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoil = with
}

// Refuse has it refuse whoever comes, with a code of error.
func (p *Provider) Refuse(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = code
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case q.Get("client_id") != p.ClientID, q.Get("redirect_uri") != p.Redirect:
		http.Error(w, "no such client, or another address", http.StatusBadRequest) // and nobody is sent there
		return
	case q.Get("response_type") != "code", !slices.Contains(strings.Fields(q.Get("scope")), "openid"), q.Get("state") == "", q.Get("nonce") == "",
		q.Get("code_challenge_method") != "S256", len(q.Get("code_challenge")) != 43:
		p.refuse = "invalid_request"
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	if p.refuse != "" {
		back.Set("error", p.refuse)
	} else {
		code := rand.Text()
		p.codes[code] = q
		back.Set("code", code)
	}
	http.Redirect(w, r, p.Redirect+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	wanted := url.QueryEscape(p.Secret) // RFC 6749, 2.3.1
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, known := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case !ok || id != p.ClientID || secret != wanted:
		fail(w, http.StatusUnauthorized, "invalid_client")
		return
	case !known, r.PostFormValue("grant_type") != "authorization_code", r.PostFormValue("redirect_uri") != asked.Get("redirect_uri"),
		base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge"):
		fail(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	claims := p.Claims(p.ClientID, map[string]any{"nonce": asked.Get("nonce")})
	maps.Copy(claims, p.person)
	if p.spoil != nil {
		p.spoil(claims)
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": p.Sign(claims)})
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	write(w, map[string]string{"error": code})
}
