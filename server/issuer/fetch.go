package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"drawbridge/connectors"
)

// fetchTimeout is how long an issuer may take for one answer.
const fetchTimeout = 10 * time.Second

// A fetcher asks one issuer for its keys.
type fetcher struct {
	issuer, jwks string
	http         *http.Client
}

func newFetcher(c Config, transport http.RoundTripper) fetcher {
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 30 * time.Second,
			ResponseHeaderTimeout: fetchTimeout, MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return fetcher{issuer: c.Issuer, jwks: c.JWKS, http: &http.Client{
		Transport: transport, Timeout: fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects, and is not followed") },
	}}
}

// fetch returns the issuer's keys, and for how long it says they may be kept.
func (f fetcher) fetch(ctx context.Context) (*keys, time.Duration, error) {
	at := f.jwks
	if at == "" {
		var err error
		if at, err = f.discover(ctx); err != nil {
			return nil, 0, err
		}
	}
	document, header, err := f.get(ctx, at)
	if err != nil {
		return nil, 0, err
	}
	k, err := parseKeys(document)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", at, err)
	}
	return k, maxAge(header), nil
}

// discover returns where the issuer's document says that its keys are. The
// document must be the issuer's own: one that names another proves nothing.
func (f fetcher) discover(ctx context.Context) (string, error) {
	var problems []error
	for _, at := range wellKnown(f.issuer) {
		document, _, err := f.get(ctx, at)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		var d struct {
			Issuer string `json:"issuer"`
			JWKS   string `json:"jwks_uri"`
		}
		switch err := json.Unmarshal(document, &d); {
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: it is no JSON: %w", at, err))
		case d.Issuer != f.issuer:
			problems = append(problems, fmt.Errorf("%s: it is of the issuer %q and not of %q", at, d.Issuer, f.issuer))
		case !safe(d.JWKS, f.issuer):
			problems = append(problems, fmt.Errorf("%s: its jwks_uri %q is no https URL", at, d.JWKS))
		default:
			return d.JWKS, nil
		}
	}
	return "", errors.Join(problems...)
}

// wellKnown returns where an issuer's document may be: as OpenID Connect has it,
// behind the issuer's path, and as RFC 8414 has it, before it.
func wellKnown(issuer string) []string {
	all := []string{strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"}
	u, err := url.Parse(issuer)
	if err != nil {
		return all
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	return append(all, u.Scheme+"://"+u.Host+"/.well-known/oauth-authorization-server"+path)
}

// safe reports whether keys may be fetched from a URL: over TLS, or, of an issuer
// on this machine, on this machine.
func safe(at, issuer string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && here(u) && strings.HasPrefix(issuer, "http://")
}

func here(u *url.URL) bool { return connectors.Loopback(u.Hostname()) }

// get reads a document, of which there may be only so much.
func (f fetcher) get(ctx context.Context, at string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := f.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read, or it does not matter
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s: it answers %s", at, res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, mostDocument+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", at, err)
	}
	if len(text) > mostDocument {
		return nil, nil, fmt.Errorf("%s: it sends more than %d bytes", at, mostDocument)
	}
	return text, res.Header, nil
}

// maxAge returns for how long an answer says that it may be kept; 0 if it does
// not say.
func maxAge(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(directive)), "max-age=")
		if seconds, err := strconv.Atoi(value); ok && err == nil && seconds > 0 {
			return time.Duration(min(seconds, 1<<30)) * time.Second
		}
	}
	return 0
}
