// Package oidc logs people in to the console at an identity provider, by OpenID
// Connect: the authorization code flow with PKCE (RFC 7636).
//
//	Start ─► the provider asks who they are ─► they come back with a code ─► Finish
//
// What comes back is believed if the provider signed it for us and for this login.
// The groups that it names say what somebody may do; that the person is one whom a
// source vouches for is for who asked to find out.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// Options say which provider is believed, and what its groups give.
type Options struct {
	Issuer       string
	ClientID     string
	ClientSecret connectors.Secret // empty: a public client
	Redirect     string            // where the browser comes back to, letter by letter
	Scopes       []string          // beside openid
	Person       string            // the claim that names somebody as sources know them
	Groups       string            // the claim that says which groups they are in
	Roles        []Role
	Client       *http.Client // nil: one that waits ten seconds
}

// A Role is what being in a group gives. Of several, the greatest counts.
type Role struct {
	Group string
	Role  schema.APIRole
}

// A Provider is an identity provider. Its own document is read when somebody first
// logs in, so that the bridge starts without it.
type Provider struct {
	Options

	mu       sync.Mutex
	provider *oidc.Provider
	failed   time.Time // when it last did not answer
}

// tryAgain is how long one that did not answer is left alone, so that those who log in
// meanwhile do not wait for it one after the other.
const tryAgain = 5 * time.Second

// New returns a provider.
func New(o Options) *Provider {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return &Provider{Options: o}
}

// Start returns where the browser is sent. State, nonce and verifier are secrets made
// for this login.
func (p *Provider) Start(ctx context.Context, state, nonce, verifier string) (string, error) {
	config, _, err := p.config(ctx)
	if err != nil {
		return "", err
	}
	return config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// Finish takes what the browser came back with, and returns who came and what they may
// do. The error is ErrForbidden of somebody whom nothing here lets in, ErrInvalid of an
// answer that is not to be believed, and ErrUnavailable of a provider that does not work.
func (p *Provider) Finish(ctx context.Context, nonce, verifier string, answer url.Values) (name string, role schema.APIRole, err error) {
	if refused := answer.Get("error"); refused != "" {
		return "", "", fmt.Errorf("the identity provider did not let you in (%s): %w", known(refused), schema.ErrForbidden)
	}
	if from := answer.Get("iss"); from != "" && from != p.Issuer { // RFC 9207
		return "", "", fmt.Errorf("another identity provider answered than was asked: %w", schema.ErrInvalid)
	}
	config, provider, err := p.config(ctx)
	if err != nil {
		return "", "", err
	}
	ctx = oidc.ClientContext(ctx, p.Client)
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return "", "", exchangeError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", "", fmt.Errorf("the identity provider's answer has no id_token: %w", schema.ErrInvalid)
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", "", fmt.Errorf("the identity provider's token is not to be believed: %w: %w", schema.ErrInvalid, err)
	}
	return p.whom(id, token.AccessToken, nonce)
}

// exchangeError says whose fault it is that a code became no token. What the provider
// says to it is for the log, and is not in the error that people see.
func exchangeError(err error) error {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok && r.Response.StatusCode < http.StatusInternalServerError {
		return fmt.Errorf("the identity provider did not take its own code back (%s): begin again: %w", known(r.ErrorCode), schema.ErrInvalid)
	}
	return fmt.Errorf("the identity provider does not answer: %w: %w", schema.ErrUnavailable, err)
}

// known is a code of error that a standard names; whatever else is said is not repeated.
func known(code string) string {
	if slices.Contains([]string{
		"access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required", "invalid_request",
		"invalid_grant", "invalid_client", "invalid_scope", "unsupported_response_type", "server_error", "temporarily_unavailable",
	}, code) {
		return code
	}
	return "for a reason of its own"
}

// claims are those of an id token that are read here, beside those that the
// configuration names.
type claims struct {
	Authorized string `json:"azp"`
	Verified   *bool  `json:"email_verified"`
}

// whom reads who a token is of.
func (p *Provider) whom(id *oidc.IDToken, access, nonce string) (name string, role schema.APIRole, err error) {
	var c claims
	var all map[string]any
	if err := errors.Join(id.Claims(&c), id.Claims(&all)); err != nil {
		return "", "", fmt.Errorf("the identity provider's token cannot be read: %w: %w", schema.ErrInvalid, err)
	}
	switch {
	case nonce == "" || id.Nonce != nonce:
		return "", "", fmt.Errorf("the identity provider's token is of another login: %w", schema.ErrInvalid)
	case c.Authorized != "" && c.Authorized != p.ClientID, len(id.Audience) > 1 && c.Authorized == "":
		return "", "", fmt.Errorf("the identity provider's token was made for another client: %w", schema.ErrInvalid)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(access); err != nil {
			return "", "", fmt.Errorf("the identity provider's tokens do not belong together: %w: %w", schema.ErrInvalid, err)
		}
	}
	name, _ = all[p.Person].(string)
	if strings.TrimSpace(name) == "" {
		return "", "", fmt.Errorf("the identity provider does not say %s of you, by which you would be known here: %w", p.Person, schema.ErrForbidden)
	}
	if p.Person == "email" && (c.Verified == nil || !*c.Verified) {
		return "", "", fmt.Errorf("the identity provider does not say that it verified your email address, by which you would be known here: %w", schema.ErrForbidden)
	}
	role = p.role(words(all[p.Groups]))
	if role == "" {
		return "", "", fmt.Errorf("the identity provider knows you, and none of the groups that it names (%s) may use this console: %w", p.Groups, schema.ErrForbidden)
	}
	return name, role, nil
}

// role is the greatest that the groups give; empty if they give none.
func (p *Provider) role(groups []string) (greatest schema.APIRole) {
	for _, r := range p.Roles {
		if slices.Contains(groups, r.Group) && (greatest == "" || r.Role.AtLeast(greatest)) {
			greatest = r.Role
		}
	}
	return greatest
}

// words are those of a claim that is a list of them, or one.
func words(claim any) (all []string) {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		for _, one := range claim {
			if word, ok := one.(string); ok {
				all = append(all, word)
			}
		}
	}
	return all
}

// config returns how the provider is spoken to. Its document is read until that was
// done once; its keys are read again when it signs with one that is not known.
func (p *Provider) config(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, nil, err // who waited for the others is gone
	}
	if p.provider == nil && time.Since(p.failed) < tryAgain {
		return nil, nil, fmt.Errorf("the identity provider does not answer: %w", schema.ErrUnavailable)
	}
	if p.provider == nil {
		found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.Client), p.Issuer)
		if err != nil {
			if ctx.Err() == nil { // it was not the browser that went away
				p.failed = time.Now()
			}
			return nil, nil, fmt.Errorf("the identity provider does not answer: %w: %w", schema.ErrUnavailable, err)
		}
		p.provider = found
	}
	at := p.provider.Endpoint()
	at.AuthStyle = p.style()
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret.Reveal(), Endpoint: at, RedirectURL: p.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}, p.provider, nil
}

// style is how the client shows its secret. It is not tried out, for a code is good for
// one try: without a word in the provider's document it goes into the header, as the
// standard has it.
func (p *Provider) style() oauth2.AuthStyle {
	var document struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if p.ClientSecret == "" || p.provider.Claims(&document) == nil &&
		len(document.Methods) > 0 && !slices.Contains(document.Methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}
