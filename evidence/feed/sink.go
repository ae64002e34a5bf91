package feed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"drawbridge/schema"
)

// A Sink takes messages, in order. Send returns once all of them are where they go;
// after an error some of them may be there, and all are to be sent again. It is used
// by one at a time.
type Sink interface {
	Send(ctx context.Context, messages []Message) error
	Close() error
}

// A File is a file that lines are appended to. It is opened for each Send, so that it
// may be moved away in between.
type File struct{ Path string }

// Send appends the lines, and has them on disk. A line that was cut, because a machine
// stopped in the middle of it, is ended first.
func (f File) Send(_ context.Context, messages []Message) (err error) {
	out, err := os.OpenFile(f.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	end, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var text []byte
	if end > 0 {
		last := make([]byte, 1)
		if _, err := out.ReadAt(last, end-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			text = append(text, '\n')
		}
	}
	for _, m := range messages {
		text = append(append(text, m.Line...), '\n')
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	return out.Sync()
}

// Close does nothing: no file is open.
func (f File) Close() error { return nil }

// Syslog is a syslog server: RFC 5424 over UDP (RFC 5426), TCP with octet counting
// (RFC 6587) or TLS (RFC 5425).
type Syslog struct {
	network, address string
	tls              *tls.Config // nil: none
	host             string
	conn             net.Conn
}

// sendTimeout is how long connecting, and sending some messages, may take each.
const sendTimeout = 20 * time.Second

// NewSyslog reads where a syslog server is: udp://, tcp:// or tls:// HOST:PORT. Roots
// are the authorities that it is believed by over TLS; nil is the machine's.
func NewSyslog(address string, roots *x509.CertPool) (*Syslog, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Path != "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("syslog server %q: write udp://, tcp:// or tls://, host and port: %w", address, schema.ErrInvalid)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 1 || n > 65535 || host == "" {
		return nil, fmt.Errorf("syslog server %q: it needs host and port: %w", address, schema.ErrInvalid)
	}
	s := &Syslog{network: u.Scheme, address: u.Host, host: hostName()}
	switch u.Scheme {
	case "udp", "tcp":
	case "tls":
		s.network, s.tls = "tcp", &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	default:
		return nil, fmt.Errorf("syslog server %q: write udp://, tcp:// or tls://: %w", address, schema.ErrInvalid)
	}
	return s, nil
}

// Send sends the messages over the connection there is, or a new one. Syslog answers
// nothing: a server that hung up is noticed before what is sent next counts as sent.
func (s *Syslog) Send(ctx context.Context, messages []Message) (err error) {
	if err := s.connect(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.conn.SetDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) }) // nobody waits any more
	defer stop()
	for _, m := range messages {
		if _, err := s.conn.Write(s.frame(m)); err != nil {
			return fmt.Errorf("send to syslog server %s: %w", s.address, err)
		}
	}
	return s.alive()
}

func (s *Syslog) connect(ctx context.Context) (err error) {
	if s.conn != nil {
		if err := s.alive(); err == nil {
			return nil
		}
		_ = s.Close() // the server has closed it already
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if s.tls != nil {
		s.conn, err = (&tls.Dialer{Config: s.tls}).DialContext(ctx, s.network, s.address)
	} else {
		s.conn, err = (&net.Dialer{}).DialContext(ctx, s.network, s.address)
	}
	if err != nil {
		s.conn = nil
		return fmt.Errorf("connect to syslog server %s: %w", s.address, err)
	}
	return nil
}

// listens is how long one listens whether a server hung up, and mostLate how often one may come
// too late for that.
const (
	listens  = 20 * time.Millisecond
	mostLate = 50
)

// alive is an error if the server hung up. It says nothing otherwise: that is how it
// is known that it did not. Whoever was kept from listening, until it was too late to be told
// of what is there already, listens again; whoever always is does not know, and has the messages
// sent again.
func (s *Syslog) alive() error {
	if s.network == "udp" {
		return nil
	}
	for range mostLate {
		began := time.Now()
		if err := s.conn.SetReadDeadline(began.Add(listens)); err != nil {
			return err
		}
		_, err := s.conn.Read(make([]byte, 64))
		timeout, ok := errors.AsType[net.Error](err)
		switch {
		case err != nil && (!ok || !timeout.Timeout()):
			return fmt.Errorf("syslog server %s hung up: %w", s.address, err)
		case err == nil || time.Since(began) < 2*listens:
			return nil
		}
	}
	return fmt.Errorf("syslog server %s: it cannot be told whether it hung up, for the machine is too busy to listen (%d times)", s.address, mostLate)
}

// Close ends the connection, if there is one. A later Send makes another.
func (s *Syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	conn := s.conn
	s.conn = nil
	return conn.Close()
}
