package configs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"drawbridge/schema"
)

// TLS names the files of a certificate and its key, and of the authorities whose
// client certificates are believed. Without a certificate the bridge speaks plain
// HTTP, for loopback or for something in front that does TLS.
type TLS struct {
	Cert              string `yaml:"cert"`
	Key               string `yaml:"key"`
	MinVersion        string `yaml:"minVersion"` // 1.2, 1.3
	ClientCAs         string `yaml:"clientCAs"`
	RequireClientCert bool   `yaml:"requireClientCert"` // of everybody, health checks and scrapes too
}

// On reports whether the bridge itself speaks TLS.
func (t TLS) On() bool { return t.Cert != "" }

// A Certificate says which client certificates are somebody's: those of which all
// that is written here is true. One that says nothing is nobody's.
type Certificate struct {
	DNS     string `yaml:"dns"`     // a name among its alternative names
	URI     string `yaml:"uri"`     // likewise, as SPIFFE has them
	Email   string `yaml:"email"`   // likewise
	Subject string `yaml:"subject"` // as RFC 2253 writes it: CN=bridge,O=Example
	SHA256  string `yaml:"sha256"`  // of the certificate, in hexadecimal
}

// Says reports whether it says anything.
func (c Certificate) Says() bool { return c != Certificate{} }

// minVersions are the versions of TLS there are to choose from.
var minVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// Material is what TLS is spoken with, as its files are now.
type Material struct {
	Certificate tls.Certificate
	MinVersion  uint16
	ClientCAs   []*x509.Certificate // nil: no client certificate is looked at
	Require     bool
}

// Read reads the files.
func (t TLS) Read() (m Material, err error) {
	m = Material{MinVersion: minVersions[t.MinVersion], Require: t.RequireClientCert}
	if m.Certificate, err = tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		return m, fmt.Errorf("tls: %w", err)
	}
	if t.ClientCAs != "" {
		if m.ClientCAs, err = authorities(t.ClientCAs); err != nil {
			return m, fmt.Errorf("tls.clientCAs: %s %w", t.ClientCAs, err)
		}
	}
	return m, nil
}

// authorities reads the certificates of a PEM file, each of which must be one.
func authorities(path string) (all []*x509.Certificate, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s, and is for certificates only", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("holds a certificate that cannot be read")
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no certificate: it is to be PEM")
	}
	return all, nil
}

// tls checks what TLS is spoken with. Where nobody asked for secrets, the files
// are not opened.
func (r *reader) tls(f *file) {
	t := &f.TLS
	if _, known := minVersions[t.MinVersion]; !known {
		r.wrong("tls.minVersion", "is %q: write \"1.2\" or \"1.3\"", t.MinVersion)
	}
	if (t.Cert == "") != (t.Key == "") {
		r.wrong("tls", "needs both cert and key, or neither")
	}
	switch {
	case !t.On() && t.ClientCAs != "":
		r.wrong("tls.clientCAs", "needs cert and key too: who does not speak TLS sees no client certificate")
	case t.ClientCAs == "" && t.RequireClientCert:
		r.wrong("tls.requireClientCert", "needs clientCAs: no certificate would do")
	}
	missing := false
	for _, p := range []struct{ key, path string }{{"tls.cert", t.Cert}, {"tls.key", t.Key}, {"tls.clientCAs", t.ClientCAs}} {
		if _, err := os.Stat(p.path); p.path != "" && err != nil {
			r.wrong(p.key, "is %s, which cannot be read", p.path)
			missing = true
		}
	}
	if missing || r.env == nil {
		return
	}
	if t.Cert != "" && t.Key != "" {
		if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
			r.wrong("tls.cert", "and tls.key cannot be used together: %s", strings.TrimPrefix(err.Error(), "tls: "))
		}
	}
	if t.ClientCAs != "" {
		if _, err := authorities(t.ClientCAs); err != nil {
			r.wrong("tls.clientCAs", "is %s, which %v", t.ClientCAs, err)
		}
	}
}

// certificates checks whose client certificates are whose.
func (r *reader) certificates(f *file) {
	seen := map[Certificate]string{}
	check := func(at string, c *Certificate) {
		c.SHA256 = strings.ToLower(strings.ReplaceAll(c.SHA256, ":", ""))
		if sum, err := hex.DecodeString(c.SHA256); c.SHA256 != "" && (err != nil || len(sum) != 32) {
			r.wrong(at, "has a sha256 that is none: write what openssl x509 -noout -fingerprint -sha256 prints")
		}
		if f.TLS.ClientCAs == "" {
			r.wrong(at, "needs tls.clientCAs: without it no client certificate is looked at")
		}
		if other, taken := seen[*c]; taken {
			r.wrong(at, "says the same as %s", other)
		}
		seen[*c] = at
	}
	for i := range f.Sources {
		if c := &f.Sources[i].Certificate; c.Says() {
			check(key("sources", i, "certificate"), c)
		}
	}
	var names []string
	for i := range f.Admin.Certificates {
		c := &f.Admin.Certificates[i]
		names = append(names, c.Name)
		oneOf(r, key("admin.certificates", i, "role"), c.Role, schema.APIRoles())
		if !c.Says() {
			r.wrong(key("admin.certificates", i, "dns"), "is missing: say which certificate, by dns, uri, email, subject or sha256")
			continue
		}
		check(key("admin.certificates", i, "name"), &c.Certificate)
	}
	r.unique("admin.certificates", names)
}

// expiring returns a warning of each certificate that ends within a time; of one
// that lives shortly, within the last third of its life.
func (t TLS) expiring(now time.Time, within time.Duration) (all []string) {
	m, err := t.Read()
	if err != nil || !t.On() {
		return nil // it is a mistake, or nobody asked
	}
	say := func(what string, c *x509.Certificate) {
		end := c.NotAfter
		switch left := end.Sub(now); {
		case left <= 0:
			all = append(all, fmt.Sprintf("%s expired at %s", what, end.UTC().Format(time.RFC3339)))
		case left < min(within, end.Sub(c.NotBefore)/3):
			all = append(all, fmt.Sprintf("%s expires at %s, in %d days", what, end.UTC().Format(time.RFC3339), int(left/(24*time.Hour))))
		}
	}
	say("tls.cert: the certificate", m.Certificate.Leaf)
	for _, ca := range m.ClientCAs {
		say("tls.clientCAs: "+ca.Subject.String(), ca)
	}
	return all
}
