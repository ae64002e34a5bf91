package bridge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/configs"
	"drawbridge/schema"
)

// TestRequestUnderWayIsAnswered stops the bridge while a request is half sent.
// It is taken in and answered; a later one is not.
func TestRequestUnderWayIsAnswered(t *testing.T) {
	cfg := config(t)
	b, err := Open(t.Context(), cfg, Options{Kinds: newTarget().kinds(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	inner := b.handler
	b.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		inner.ServeHTTP(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()

	body, rest := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.Addr()+"/scim/v2/Users", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/scim+json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status := make(chan int, 1)
	go func() {
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		status <- res.StatusCode
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	half := len(ada) / 2
	if _, err := io.WriteString(rest, ada[:half]); err != nil {
		t.Fatal(err)
	}
	<-arrived
	cancel()
	for refused := false; !refused; { // until the port is closed
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.Addr())
		if refused = err != nil; !refused {
			_ = c.Close()
		}
	}
	if _, err := io.WriteString(rest, ada[half:]); err != nil {
		t.Fatal(err)
	}
	if err := rest.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != http.StatusCreated {
		t.Errorf("the request was answered with %d", got)
	}
	if err := errors.Join(<-ended, b.Close()); err != nil {
		t.Fatal(err)
	}
	verify(t, cfg)
}

// TestGraceEnds cuts off a request that never ends.
func TestGraceEnds(t *testing.T) {
	cfg := config(t)
	cfg.Shutdown.Grace = 20 * time.Millisecond
	b, err := Open(t.Context(), cfg, Options{Kinds: newTarget().kinds(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{})
	b.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-arrived
	cancel()
	if err := errors.Join(<-ended, b.Close()); err != nil {
		t.Error(err)
	}
}

// TestTLS serves TLS, and another certificate after a reload.
func TestTLS(t *testing.T) {
	dir, cfg := t.TempDir(), config(t)
	cfg.TLS = configs.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	first := certificate(t, cfg.TLS)
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	if !strings.HasPrefix(b.URL(), "https://127.0.0.1:") {
		t.Errorf("its URL is %s", b.URL())
	}
	if got := presented(t, b); got.SerialNumber.Cmp(first) != 0 {
		t.Errorf("it presents certificate %v, want %v", got.SerialNumber, first)
	}
	second := certificate(t, cfg.TLS)
	if err := b.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := presented(t, b); got.SerialNumber.Cmp(second) != 0 {
		t.Errorf("after a reload it presents certificate %v, want %v", got.SerialNumber, second)
	}
	if err := os.WriteFile(cfg.TLS.Cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(t.Context()); err == nil {
		t.Error("a certificate that is none was taken")
	}
	if got := presented(t, b); got.SerialNumber.Cmp(second) != 0 {
		t.Error("the certificate that worked is gone")
	}
}

// presented is the certificate that a bridge shows.
func presented(t *testing.T, b *Bridge) *x509.Certificate {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}} // which one it is, is looked at here
	c, err := d.DialContext(t.Context(), "tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

// certificate writes a certificate for loopback, and returns its number.
func certificate(t *testing.T, files configs.TLS) *big.Int {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "bridge"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: cert}, files.Key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return serial
}

// TestReadyWhileItRuns holds the health check to what an orchestrator relies on.
func TestReadyWhileItRuns(t *testing.T) {
	b, err := Open(t.Context(), config(t), Options{Kinds: newTarget().kinds(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.ready(t.Context()); !errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("before it runs: %v", err)
	}
	b.running.Store(true)
	if err := b.ready(t.Context()); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestStoppingWaitsForNobodyWhoTrickles has two senders begin a request and never
// end it, one in its head and one in its body, while another one is answered
// slowly. Only that one has the grace.
func TestStoppingWaitsForNobodyWhoTrickles(t *testing.T) {
	cfg := config(t)
	cfg.Shutdown.Grace = time.Minute
	b, err := Open(t.Context(), cfg, Options{Kinds: newTarget().kinds(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	arrived, cut, answer := make(chan struct{}, 2), make(chan struct{}), make(chan struct{})
	b.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		if _, err := io.ReadAll(r.Body); err != nil {
			close(cut)
			return
		}
		<-answer
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	send := func(text string) net.Conn {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	head := send("POST / HTTP/1.1\r\nHost: x\r\n")
	send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
	whole := send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nwhole")
	<-arrived
	<-arrived
	cancel()
	<-cut
	if n, err := head.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v; want a closed connection", n, err)
	}
	close(answer)
	got := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(whole, got); err != nil || string(got) != "HTTP/1.1 200" {
		t.Errorf("answered with %q, %v", got, err)
	}
	if err := errors.Join(<-ended, b.Close()); err != nil {
		t.Error(err)
	}
}
