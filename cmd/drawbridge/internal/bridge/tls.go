package bridge

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"

	"drawbridge/configs"
)

// spoken is how TLS is spoken from the next connection on.
type spoken struct {
	configs.Material
	config *tls.Config
}

// loadTLS reads the files that TLS is spoken with, and takes them up if they are
// others than before. Connections there are go on as they began.
func (b *Bridge) loadTLS() (changed bool, err error) {
	m, err := b.cfg.TLS.Read()
	if err != nil {
		return false, err
	}
	if was := b.tls.Load(); was != nil && same(was.Material, m) {
		return false, nil
	}
	b.tls.Store(&spoken{m, tlsConfig(m)})
	return true, nil
}

func same(a, b configs.Material) bool {
	return slices.EqualFunc(a.Certificate.Certificate, b.Certificate.Certificate, bytes.Equal) &&
		slices.EqualFunc(a.ClientCAs, b.ClientCAs, (*x509.Certificate).Equal)
}

// tlsConfig is how TLS is spoken with certificates and their authorities. A client
// that shows a certificate is verified, and one that shows none is let in by what
// else it shows, unless everybody must have one. With client certificates nothing
// is resumed: each connection is verified by what is believed now.
func tlsConfig(m configs.Material) *tls.Config {
	c := &tls.Config{
		Certificates: []tls.Certificate{m.Certificate}, MinVersion: m.MinVersion, NextProtos: []string{"h2", "http/1.1"},
	}
	if m.ClientCAs == nil {
		return c
	}
	c.ClientCAs, c.ClientAuth, c.SessionTicketsDisabled = x509.NewCertPool(), tls.VerifyClientCertIfGiven, true
	for _, ca := range m.ClientCAs {
		c.ClientCAs.AddCert(ca)
	}
	if m.Require {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}

// authorities returns those whose client certificates are believed when it is asked,
// nil where none are looked at.
func (b *Bridge) authorities() func() []*x509.Certificate {
	if b.tls.Load() == nil {
		return nil
	}
	return func() []*x509.Certificate { return b.tls.Load().ClientCAs }
}

// listen answers on the listener until it is closed.
func (b *Bridge) listen(s *http.Server) error {
	if b.tls.Load() == nil {
		return s.Serve(b.listener)
	}
	s.TLSConfig = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return b.tls.Load().config, nil },
	}
	return s.ServeTLS(b.listener, "", "")
}
