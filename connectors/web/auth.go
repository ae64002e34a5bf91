package web

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"

	"drawbridge/connectors"
)

// An authoriser shows who we are.
type authoriser interface {
	authorise(req *http.Request) error
	// forget lets go of a token that the target refuses, and reports whether
	// another can be had.
	forget() bool
	// secrets returns what is never to be shown.
	secrets() []string
}

func newAuthoriser(o connectors.Options, client *http.Client) (authoriser, error) {
	scheme := o.Profile.Auth.Scheme
	if o.Auth.Secret == "" {
		return &fixed{}, nil
	}
	switch scheme {
	case connectors.AuthClient, connectors.AuthJWT:
		return newFetched(o, client)
	default:
		return &fixed{o.Auth, o.Profile.Auth}, nil
	}
}

// fixed is a secret that is shown as it is.
type fixed struct {
	auth   connectors.Auth
	scheme connectors.AuthScheme
}

func (f *fixed) authorise(req *http.Request) error {
	secret := f.auth.Secret.Reveal()
	switch {
	case secret == "" || f.scheme.Scheme == connectors.AuthSigned:
	case f.scheme.Scheme == connectors.AuthBasic:
		req.SetBasicAuth(f.auth.User, secret)
	case f.scheme.Scheme == connectors.AuthHeader:
		req.Header.Set(f.scheme.Header, f.scheme.Prefix+secret)
	case f.scheme.Scheme == connectors.AuthQuery:
		query := req.URL.Query()
		query.Set(f.scheme.Header, secret)
		req.URL.RawQuery = query.Encode()
	default:
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	return nil
}

func (f *fixed) forget() bool { return false }

func (f *fixed) secrets() []string {
	secret := f.auth.Secret.Reveal()
	if secret == "" {
		return nil
	}
	return append(strings.Fields(secret), secret, url.QueryEscape(secret))
}

// fetched is a token that is fetched with a secret, and again when it expires.
type fetched struct {
	source func(context.Context) oauth2.TokenSource
	client *http.Client
	secret []string

	turn  chan struct{} // holds one element while nobody fetches
	mu    sync.Mutex
	token *oauth2.Token
}

func newFetched(o connectors.Options, client *http.Client) (*fetched, error) {
	scheme := o.Profile.Auth
	f := &fetched{client: client, turn: make(chan struct{}, 1), secret: []string{o.Auth.Secret.Reveal()}}
	f.turn <- struct{}{}
	address := scheme.TokenURL
	if scheme.Scheme == connectors.AuthClient {
		config := &clientcredentials.Config{
			ClientID: o.Auth.User, ClientSecret: o.Auth.Secret.Reveal(), TokenURL: address, Scopes: scheme.Scopes,
		}
		if scheme.Grant != "" {
			config.EndpointParams = url.Values{"grant_type": {scheme.Grant}}
		}
		f.source = config.TokenSource
	} else {
		config, err := serviceAccount(o.Auth, scheme)
		if err != nil {
			return nil, err
		}
		address, f.source = config.TokenURL, config.TokenSource
		f.secret = append(f.secret, string(config.PrivateKey))
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("auth.tokenURL is %q: want the https:// address where tokens are fetched", address)
	case u.Scheme == "http" && o.Auth.Exposed(u.Hostname()):
		return nil, errors.New("auth.tokenURL: the secret would be sent unencrypted: use https, or allow it with auth.insecure")
	}
	return f, nil
}

// serviceAccount reads the key file of a service account, as Google has it.
func serviceAccount(auth connectors.Auth, scheme connectors.AuthScheme) (*jwt.Config, error) {
	var key struct {
		Email   string `json:"client_email"`
		Key     string `json:"private_key"`
		KeyID   string `json:"private_key_id"`
		Address string `json:"token_uri"`
	}
	if err := json.Unmarshal([]byte(auth.Secret.Reveal()), &key); err != nil || key.Email == "" || key.Key == "" {
		return nil, errors.New("auth.serviceAccount: want the JSON key file of a service account, with client_email and private_key")
	}
	if block, _ := pem.Decode([]byte(key.Key)); block == nil {
		return nil, errors.New("auth.serviceAccount: its private_key is no key in PEM")
	}
	if scheme.TokenURL != "" {
		key.Address = scheme.TokenURL
	}
	return &jwt.Config{
		Email: key.Email, PrivateKey: []byte(key.Key), PrivateKeyID: key.KeyID, TokenURL: key.Address,
		Subject: auth.User, Scopes: scheme.Scopes,
	}, nil
}

func (f *fetched) authorise(req *http.Request) error {
	token, err := f.current(req.Context())
	if err != nil {
		return err
	}
	token.SetAuthHeader(req)
	return nil
}

// current returns a token that is valid. Of several who need one at once, one
// fetches it.
func (f *fetched) current(ctx context.Context) (*oauth2.Token, error) {
	if token := f.kept(); token.Valid() {
		return token, nil
	}
	select {
	case <-f.turn:
		defer func() { f.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a token: %w", ctx.Err())
	}
	if token := f.kept(); token.Valid() {
		return token, nil
	}
	token, err := f.source(context.WithValue(ctx, oauth2.HTTPClient, f.client)).Token()
	if err != nil {
		return nil, unfetched(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = token
	return token, nil
}

// unfetched is the error of a token that was not had. Nothing of the answer but
// its code is repeated: nobody knows what else is in it. The request that needed
// the token was not sent, which After says.
func unfetched(err error) error {
	e := &connectors.Error{Kind: connectors.Transient, After: time.Second, Err: errors.New("fetch a token: no valid answer")}
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if refusal.Response != nil {
			e.Code = fmt.Sprint(refusal.Response.StatusCode)
		}
		e.Err = errors.New("fetch a token: the token endpoint refuses the credential")
		if code := refusal.ErrorCode; code != "" && len(code) < 64 {
			e.Err = fmt.Errorf("fetch a token: the token endpoint says %q", code)
		}
		return e
	}
	if lost, ok := errors.AsType[*url.Error](err); ok {
		e.Err = fmt.Errorf("fetch a token: %w", lost.Err)
	}
	return e
}

func (f *fetched) kept() *oauth2.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token
}

func (f *fetched) forget() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	had := f.token != nil
	f.token = nil
	return had
}

func (f *fetched) secrets() []string {
	all := f.secret
	if token := f.kept(); token != nil && token.AccessToken != "" {
		all = append(slices.Clip(all), token.AccessToken)
	}
	return all
}
