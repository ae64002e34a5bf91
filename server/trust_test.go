package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"drawbridge/server"
	"drawbridge/server/issuer"
	"drawbridge/server/issuer/issuertest"
)

// trusting has a server trust an issuer: client-1 is the source hr, and whoever is
// in the group ops is an operator.
func trusting(t testing.TB, i *issuertest.Issuer) func(*server.Options) {
	t.Helper()
	transport := &http.Transport{}
	set, err := issuer.New([]issuer.Config{{
		Name: "idp", Issuer: i.URL, Audience: []string{"bridge"}, Algorithms: []string{"ES256"},
		Leeway: time.Minute, Refresh: time.Hour, Stale: 24 * time.Hour, MaxLife: 24 * time.Hour, Caller: "sub",
		Sources: []issuer.Source{{Name: "hr", Claims: map[string]string{"sub": "client-1"}}},
		Roles:   []issuer.Role{{Role: "operator", Claims: map[string]string{"groups": "ops"}}},
	}}, issuer.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); set.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; transport.CloseIdleConnections() })
	return func(o *server.Options) { o.Issuers = set }
}

func TestSignedTokensOpenDoors(t *testing.T) {
	i := issuertest.New(t)
	w := newWorld(t, trusting(t, i))
	sign := func(more map[string]any) string { return i.Sign(i.Claims("bridge", more)) }
	for _, test := range []struct {
		name, token   string
		scim, api     int
		wantChallenge string
	}{
		{"a source", sign(nil), 404, 403, ""},
		{"an operator", sign(map[string]any{"sub": "ada", "groups": "ops"}), 403, 404, ""},
		{"both", sign(map[string]any{"groups": "ops"}), 404, 404, ""},
		{"nobody's", sign(map[string]any{"sub": "stranger"}), 403, 403, `Bearer realm="drawbridge", error="insufficient_scope"`},
		{"expired", sign(map[string]any{"exp": 1000, "iat": 900, "nbf": 900}), 401, 401, `Bearer realm="drawbridge", error="invalid_token", error_description="it has expired"`},
		{"for others", sign(map[string]any{"aud": "elsewhere"}), 401, 401, `Bearer realm="drawbridge", error="invalid_token", error_description="it is for another audience"`},
		{"bound to a certificate", sign(map[string]any{"cnf": map[string]any{"x5t#S256": "abc"}}), 401, 401, `Bearer realm="drawbridge", error="invalid_token", error_description="it is bound to a client certificate that was not shown"`},
		{"forged", sign(nil) + "x", 401, 401, `Bearer realm="drawbridge", error="invalid_token"`},
	} {
		res, body := w.do(t, "GET", "/scim/v2/Nothing", test.token, "")
		if res.StatusCode != test.scim {
			t.Errorf("%s at /scim: %d, want %d: %s", test.name, res.StatusCode, test.scim, body)
		}
		if got := res.Header.Get("WWW-Authenticate"); got != test.wantChallenge {
			t.Errorf("%s: WWW-Authenticate %q, want %q", test.name, got, test.wantChallenge)
		}
		checkSCIMError(t, res, body)
		res, body = w.do(t, "GET", "/api/v1/nothing", test.token, "")
		if res.StatusCode != test.api {
			t.Errorf("%s at /api: %d, want %d: %s", test.name, res.StatusCode, test.api, body)
		}
		checkProblem(t, res, body)
		for part := range strings.SplitSeq(test.token, ".") {
			if strings.Contains(w.log.String(), part) || strings.Contains(body, part) {
				t.Errorf("%s: a part of the token is in the log or the answer", test.name)
			}
		}
	}
	if log := w.log.String(); !strings.Contains(log, "it is for another audience") || !strings.Contains(log, "credential=ada") {
		t.Errorf("the log does not say why, or who:\n%s", log)
	}
}

// TestAnIssuerThatDoesNotAnswer is no reason to call a credential wrong: senders
// give up on those, and try again what is unavailable.
func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	i := issuertest.New(t)
	i.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	w := newWorld(t, trusting(t, i))
	res, body := w.do(t, "GET", "/scim/v2/Nothing", i.Sign(i.Claims("bridge", nil)), "")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q: %s", res.StatusCode, res.Header.Get("Retry-After"), body)
	}
	checkSCIMError(t, res, body)
	res, body = w.do(t, "GET", "/api/v1/identities", i.Sign(i.Claims("bridge", nil)), "")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"unavailable"`) || strings.Contains(body, "issuer") {
		t.Errorf("a stranger is told %d: %s", res.StatusCode, body)
	}
	if res, body := w.do(t, "GET", "/scim/v2/Nothing", sourceSecret, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("another credential: %d: %s", res.StatusCode, body)
	}
}

func TestOtherCredentialsTakeTheirPlace(t *testing.T) {
	w := newWorld(t)
	if err := w.server.Use([]server.Credential{{Name: "y", Role: "viewer"}}); err == nil {
		t.Error("a credential without a secret is taken")
	}
	if res, _ := w.do(t, "GET", "/scim/v2/Nothing", sourceSecret, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("what was there before is gone: %d", res.StatusCode)
	}
	if err := w.server.Use([]server.Credential{{Name: "hr", Source: "hr", Secret: "another-secret-0123456789"}}); err != nil {
		t.Fatal(err)
	}
	if res, _ := w.do(t, "GET", "/scim/v2/Nothing", sourceSecret, ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old secret: %d", res.StatusCode)
	}
	if res, _ := w.do(t, "GET", "/scim/v2/Nothing", "another-secret-0123456789", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("the new secret: %d", res.StatusCode)
	}
}

// An authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{sign(t, template, template, key, key), key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// client returns a client certificate.
func (a authority) client(t *testing.T, name string, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	uri, err := url.Parse("spiffe://example.com/" + name)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		DNSNames: []string{name + ".example.com"}, URIs: []*url.URL{uri}, EmailAddresses: []string{name + "@example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	leaf := sign(t, template, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func TestClientCertificates(t *testing.T) {
	ca := newAuthority(t)
	pinned := ca.client(t, "pinned", nil)
	sum := sha256.Sum256(pinned.Leaf.Raw)
	i := issuertest.New(t)
	w := newWorld(t, trusting(t, i), func(o *server.Options) {
		o.Credentials = append(o.Credentials,
			server.Credential{Name: "hr", Source: "hr", Certificate: server.ClientCertificate{DNS: "HR.example.com"}},
			server.Credential{Name: "ops", Role: "operator", Certificate: server.ClientCertificate{Subject: "CN=ops", Email: "ops@example.com"}},
			server.Credential{Name: "spiffe", Role: "viewer", Certificate: server.ClientCertificate{URI: "spiffe://example.com/workload"}},
			server.Credential{Name: "pinned", Role: "viewer", Certificate: server.ClientCertificate{SHA256: hex.EncodeToString(sum[:])}},
			server.Credential{Name: "twice", Role: "viewer", Certificate: server.ClientCertificate{DNS: "twice.example.com"}},
			server.Credential{Name: "again", Role: "viewer", Certificate: server.ClientCertificate{URI: "spiffe://example.com/twice"}},
			server.Credential{Name: "never", Role: "viewer", Certificate: server.ClientCertificate{DNS: "ops.example.com", URI: "spiffe://example.com/other"}})
	})
	w.tls(t, ca)
	other := newAuthority(t)
	ask := func(cert *tls.Certificate, token, path string) (int, string, error) {
		return w.askTLS(t, cert, token, path)
	}
	hr, ops, workload, twice, stranger := ca.client(t, "hr", nil), ca.client(t, "ops", nil), ca.client(t, "workload", nil), ca.client(t, "twice", nil), ca.client(t, "stranger", nil)
	thumb := sha256.Sum256(hr.Leaf.Raw)
	bound := i.Sign(i.Claims("bridge", map[string]any{"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(thumb[:])}}))
	for _, test := range []struct {
		name      string
		cert      *tls.Certificate
		token     string
		scim, api int
	}{
		{"a source by its DNS name", &hr, "", 404, 403},
		{"by subject and email", &ops, "", 403, 404},
		{"by URI", &workload, "", 403, 404},
		{"by fingerprint", &pinned, "", 403, 404},
		{"of two at once", &twice, "", 403, 403},
		{"nobody's", &stranger, "", 403, 403},
		{"nobody's, with a token", &stranger, viewerSecret, 403, 404},
		{"a token counts before a certificate", &hr, viewerSecret, 403, 404},
		{"a wrong token beside a right certificate", &hr, "wrong-secret-0123456789", 401, 401},
		{"no certificate, with a token", nil, sourceSecret, 404, 403},
		{"no certificate", nil, "", 401, 401},
		{"a token bound to the certificate", &hr, bound, 404, 403},
		{"a token bound to another one", &ops, bound, 401, 401},
		{"a token bound to one, and none", nil, bound, 401, 401},
	} {
		for path, want := range map[string]int{"/scim/v2/Nothing": test.scim, "/api/v1/nothing": test.api} {
			if got, body, err := ask(test.cert, test.token, path); err != nil || got != want {
				t.Errorf("%s at %s: %d, %v, want %d: %s", test.name, path, got, err, want, body)
			}
		}
	}
	expired := ca.client(t, "hr", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	foreign := other.client(t, "hr", nil)
	forServers := ca.client(t, "hr", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for name, cert := range map[string]*tls.Certificate{"expired": &expired, "of another authority": &foreign, "for servers": &forServers} {
		if got, _, err := ask(cert, "", "/scim/v2/Nothing"); err == nil {
			t.Errorf("a certificate that is %s: answered with %d, want no connection", name, got)
		}
	}
}

// TestACertificateEndsOnALivingConnection: what was right when the connection
// began may not be any more.
func TestACertificateEndsOnALivingConnection(t *testing.T) {
	ca := newAuthority(t)
	w := newWorld(t, func(o *server.Options) {
		o.Credentials = append(o.Credentials, server.Credential{Name: "hr", Source: "hr", Certificate: server.ClientCertificate{DNS: "hr.example.com"}})
	})
	brief := ca.client(t, "hr", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	req := httptest.NewRequest(http.MethodGet, "/scim/v2/Nothing", nil)
	req.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{brief.Leaf}, VerifiedChains: [][]*x509.Certificate{{brief.Leaf, ca.cert}}}
	res := httptest.NewRecorder()
	w.server.ServeHTTP(res, req)
	if res.Code != http.StatusUnauthorized {
		t.Errorf("answered with %d: %s", res.Code, res.Body)
	}
	unverified := ca.client(t, "hr", nil)
	req.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{unverified.Leaf}}
	res = httptest.NewRecorder()
	w.server.ServeHTTP(res, req)
	if res.Code != http.StatusUnauthorized {
		t.Errorf("a certificate that nobody verified: %d: %s", res.Code, res.Body)
	}
}

// tls has the world speak TLS, and believe client certificates of an authority.
func (w *world) tls(t *testing.T, ca authority) {
	t.Helper()
	s := httptest.NewUnstartedServer(w.server)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn)
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: x509.NewCertPool()}
	s.TLS.ClientCAs.AddCert(ca.cert)
	s.StartTLS()
	t.Cleanup(s.Close)
	w.secure = s
}

// askTLS sends a request on a connection of its own.
func (w *world) askTLS(t *testing.T, cert *tls.Certificate, token, path string) (int, string, error) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.secure.Certificate())
	c := &tls.Config{RootCAs: roots}
	if cert != nil { // also where its issuer is none of those the server asks for
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.secure.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}
