package bridge

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/server/issuer/issuertest"
)

// TestSecretsInFilesAreReadAgain rotates a source's token in its file.
func TestSecretsInFilesAreReadAgain(t *testing.T) {
	cfg := config(t)
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(token + "\n")
	cfg.Sources[0].From = configs.Reference("file:" + path)
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	status := func(token string) int {
		t.Helper()
		code, err := get(t, b, http.DefaultTransport, token)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	if err := errors.Join(b.rereadFiles(t.Context())...); err != nil || status(token) != http.StatusOK {
		t.Fatalf("with a file that did not change: %v, %d", err, status(token))
	}
	const next = "the-next-one-0123456789"
	write(next + "\n")
	if err := errors.Join(b.rereadFiles(t.Context())...); err != nil {
		t.Fatal(err)
	}
	if was, is := status(token), status(next); was != http.StatusUnauthorized || is != http.StatusOK {
		t.Errorf("after it changed the old one is answered with %d and the new one with %d", was, is)
	}
	for name, spoil := range map[string]func(){
		"empty": func() { write("") }, "short": func() { write("hunter2") }, "gone": func() { _ = os.Remove(path) },
	} {
		spoil()
		err := errors.Join(b.rereadFiles(t.Context())...)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a file that is %s: %v", name, err)
		}
		if got := status(next); got != http.StatusOK {
			t.Errorf("a file that is %s: what was read before is answered with %d", name, got)
		}
	}
}

// get asks for what a source can read.
func get(t *testing.T, b *Bridge, through http.RoundTripper, token string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL()+"/scim/v2/Users", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := (&http.Client{Transport: through}).Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

// TestClientCertificates lets a source in by its certificate, and changes who may
// sign those while a connection is open.
func TestClientCertificates(t *testing.T) {
	dir, cfg := t.TempDir(), config(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	cfg.TLS = configs.TLS{Cert: file("cert.pem"), Key: file("key.pem"), MinVersion: "1.3", ClientCAs: file("cas.pem")}
	certificate(t, cfg.TLS)
	client := configs.TLS{Cert: file("client.pem"), Key: file("client.key")}
	certificate(t, client) // self-signed: it is its own authority
	certificate(t, configs.TLS{Cert: file("other.pem"), Key: file("other.key")})
	trust := func(name string) {
		t.Helper()
		text, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cfg.TLS.ClientCAs, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust("client.pem")
	cfg.Sources[0].Token, cfg.Sources[0].Certificate = "", configs.Certificate{Subject: "CN=bridge"}
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	pair, err := tls.LoadX509KeyPair(client.Cert, client.Key)
	if err != nil {
		t.Fatal(err)
	}
	through := func(with ...tls.Certificate) *http.Transport {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // who the bridge is, is not what is looked at here
		if len(with) > 0 {
			tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &with[0], nil }
		}
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	}
	open := through(pair)
	if code, err := get(t, b, open, ""); err != nil || code != http.StatusOK {
		t.Fatalf("the source is answered with %d, %v", code, err)
	}
	if code, err := get(t, b, through(), ""); err != nil || code != http.StatusUnauthorized {
		t.Errorf("nobody is answered with %d, %v", code, err)
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if c, err := (&tls.Dialer{Config: old}).DialContext(t.Context(), "tcp", b.Addr()); err == nil {
		_ = c.Close()
		t.Error("TLS 1.2 is spoken where 1.3 is the least")
	}
	trust("other.pem")
	certificate(t, cfg.TLS)
	if err := errors.Join(b.rereadFiles(t.Context())...); err != nil {
		t.Fatal(err)
	}
	if code, err := get(t, b, open, ""); err != nil || code != http.StatusUnauthorized {
		t.Errorf("a certificate whose authority is believed no more is answered with %d, %v on a connection that was open", code, err)
	}
	if code, err := get(t, b, through(pair), ""); err == nil {
		t.Errorf("a certificate whose authority is believed no more is answered with %d", code)
	}
}

func TestEverybodyShowsACertificate(t *testing.T) {
	dir, cfg := t.TempDir(), config(t)
	cfg.TLS = configs.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), RequireClientCert: true}
	cfg.TLS.ClientCAs = cfg.TLS.Cert
	certificate(t, cfg.TLS)
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	if code, err := get(t, b, tr, token); err == nil {
		t.Errorf("without a certificate, a token is answered with %d", code)
	}
}

// TestSignedTokens trusts an issuer as the configuration says.
func TestSignedTokens(t *testing.T) {
	i := issuertest.New(t)
	cfg := config(t)
	cfg.Issuers = []configs.Issuer{{
		Name: "idp", Issuer: i.URL, Audience: configs.Words{"bridge"}, Algorithms: []string{"ES256"}, Caller: "sub",
		Leeway: 1e9, Refresh: 60e9, Stale: 60e9, MaxLife: 3600e9,
		Sources: []configs.IssuerSource{{Name: "hr", Claims: map[string]string{"sub": "client-1"}}},
	}}
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	if code, err := get(t, b, http.DefaultTransport, i.Sign(i.Claims("bridge", nil))); err != nil || code != http.StatusOK {
		t.Errorf("a source is answered with %d, %v", code, err)
	}
}
