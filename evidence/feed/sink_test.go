package feed_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/evidence/feed"
	"drawbridge/schema"
)

func messages(words ...string) (all []feed.Message) {
	for _, w := range words {
		all = append(all, feed.Message{Time: time.Unix(0, 0), ID: "found", Warning: true, Line: []byte(w)})
	}
	return all
}

func TestFile(t *testing.T) {
	f := feed.File{Path: filepath.Join(t.TempDir(), "lines")}
	if err := f.Send(t.Context(), messages("one", "two")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Path, f.Path+".1"); err != nil { // as those do who rotate files
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path, []byte("three\nfo"), 0o600); err != nil { // and a machine that stopped
		t.Fatal(err)
	}
	if err := f.Send(t.Context(), messages("four")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{f.Path + ".1": "one\ntwo\n", f.Path: "three\nfo\nfour\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s has %q, want %q (%v)", name, got, want, err)
		}
	}
}

// readFrames reads messages with their length before them, as RFC 6587 has it.
func readFrames(conn io.Reader, each func(string)) {
	in := bufio.NewReader(conn)
	for {
		var n int
		if _, err := fmt.Fscanf(in, "%d ", &n); err != nil {
			return
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		each(string(text))
	}
}

// receive accepts connections, and passes on what comes.
func receive(t *testing.T, l net.Listener) <-chan string {
	t.Helper()
	got := make(chan string, 100)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go readFrames(conn, func(text string) { got <- text })
		}
	}()
	return got
}

func want(t *testing.T, got <-chan string, words ...string) {
	t.Helper()
	for _, w := range words {
		select {
		case text := <-got:
			if !strings.HasPrefix(text, "<108>1 1970-01-01T00:00:00.000000Z ") || !strings.HasSuffix(text, " drawbridge - found - "+w) {
				t.Errorf("got %q, want a record that says %q", text, w)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q did not come", w)
		}
	}
}

func syslog(t *testing.T, address string, roots *x509.CertPool) *feed.Syslog {
	t.Helper()
	s, err := feed.NewSyslog(address, roots)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestStream sends over TCP: what has newlines in it is one message all the same, and
// a connection that the server closed is made anew.
func TestStream(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, l)
	s := syslog(t, "tcp://"+l.Addr().String(), nil)
	if err := s.Send(t.Context(), messages("one", "two\n12 three", "ünïcode")); err != nil {
		t.Fatal(err)
	}
	want(t, got, "one", "two\n12 three", "ünïcode")
	if err := s.Send(t.Context(), messages("four")); err != nil {
		t.Fatal(err)
	}
	want(t, got, "four")
}

// TestServerHangsUp has a server close each connection after the first message: what
// was sent since does not count as sent.
func TestServerHangsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	hungUp := make(chan bool)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		readFrames(conn, func(string) { _ = conn.Close() })
		hungUp <- true
	}()
	s := syslog(t, "tcp://"+l.Addr().String(), nil)
	_ = s.Send(t.Context(), messages("one")) // it may be noticed already
	<-hungUp
	_ = l.Close()
	if err := s.Send(t.Context(), messages("two")); err == nil {
		t.Error("what nobody took counts as sent")
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	if err := syslog(t, "tcp://"+address, nil).Send(t.Context(), messages("one")); err == nil {
		t.Error("nobody is there, and it counts as sent")
	}
}

func TestDatagrams(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := syslog(t, "udp://"+conn.LocalAddr().String(), nil)
	if err := s.Send(t.Context(), messages("one", "two")); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 2)
	for range 2 {
		text := make([]byte, 2000)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := conn.ReadFrom(text)
		if err != nil {
			t.Fatal(err)
		}
		got <- string(text[:n])
	}
	want(t, got, "one", "two")
	if err := s.Send(t.Context(), messages(strings.Repeat("x", 100_000))); err != nil {
		t.Errorf("what is too long for a datagram is not sent as far as it goes: %v", err)
	}
}

// certificate makes one of a server, that vouches for itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestTLS(t *testing.T) {
	own, roots := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, l)
	s := syslog(t, "tls://"+l.Addr().String(), roots)
	for _, w := range []string{"one", "two", "three"} { // it was listened in between
		if err := s.Send(t.Context(), messages(w)); err != nil {
			t.Fatal(err)
		}
		want(t, got, w)
	}
	_, others := certificate(t)
	if err := syslog(t, "tls://"+l.Addr().String(), others).Send(t.Context(), messages("one")); err == nil {
		t.Error("a server that nobody vouches for was told something")
	}
}

// TestStoppedMeanwhile stops while a server takes nothing: nobody waits for it.
func TestStoppedMeanwhile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := syslog(t, "tcp://"+l.Addr().String(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var all []string
		for range 500 {
			all = append(all, strings.Repeat("x", 100_000))
		}
		ended <- s.Send(ctx, messages(all...))
	}()
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("what nobody took counts as sent")
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for a server that takes nothing")
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "siem", "siem:514", "http://siem:514", "tcp://siem", "tcp://:514", "tcp://siem:0", "tcp://siem:99999", "tcp://siem:514/path", "tls://user@siem:6514", "tcp://siem:514?x=1", "://"} {
		if _, err := feed.NewSyslog(address, nil); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", address, err)
		}
	}
	for _, address := range []string{"udp://127.0.0.1:514", "tcp://siem.example.com:601", "tls://[::1]:6514"} {
		if _, err := feed.NewSyslog(address, nil); err != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
}
