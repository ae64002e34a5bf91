package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/server"
)

// below makes an authority that another one signed.
func (a authority) below(t *testing.T, change func(*x509.Certificate)) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "intermediate"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	return authority{sign(t, template, a.cert, key, a.key), key}
}

// through adds what a client sends beside its certificate.
func through(cert tls.Certificate, chain ...authority) tls.Certificate {
	for _, a := range chain {
		cert.Certificate = append(cert.Certificate, a.cert.Raw)
	}
	return cert
}

// noConnection stands for what never becomes a request.
const noConnection = 0

// TestCertificateAttacks shows certificates that are nearly those of a source.
func TestCertificateAttacks(t *testing.T) {
	ca := newAuthority(t)
	w := newWorld(t, func(o *server.Options) {
		o.Credentials = append(o.Credentials,
			server.Credential{Name: "dns", Source: "hr", Certificate: server.ClientCertificate{DNS: "hr.example.com"}},
			server.Credential{Name: "uri", Source: "hr", Certificate: server.ClientCertificate{URI: "spiffe://example.com/payroll"}},
			server.Credential{Name: "email", Source: "hr", Certificate: server.ClientCertificate{Email: "sync@example.com"}},
			server.Credential{Name: "subject", Source: "hr", Certificate: server.ClientCertificate{Subject: "CN=sync,O=Example"}})
	})
	w.tls(t, ca)
	hr := func(a authority, change ...func(*x509.Certificate)) tls.Certificate {
		return a.client(t, "hr", func(c *x509.Certificate) {
			for _, f := range change {
				f(c)
			}
		})
	}
	named := func(change func(*x509.Certificate)) tls.Certificate {
		return ca.client(t, "nobody", func(c *x509.Certificate) {
			c.Subject, c.DNSNames, c.URIs, c.EmailAddresses = pkix.Name{CommonName: "nobody"}, nil, nil, nil
			change(c)
		})
	}
	subject := func(rdns ...pkix.AttributeTypeAndValue) tls.Certificate {
		var all pkix.RDNSequence
		for _, one := range rdns {
			all = append(all, pkix.RelativeDistinguishedNameSET{one})
		}
		raw, err := asn1.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return named(func(c *x509.Certificate) { c.RawSubject = raw })
	}
	cn, org := asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.ObjectIdentifier{2, 5, 4, 10}
	good, other := ca.below(t, nil), newAuthority(t)
	late := ca.below(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	noCA := ca.below(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
	forServers := ca.below(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	elsewhere := ca.below(t, func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.org"}, true
	})
	last := ca.below(t, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	client := hr(ca)
	byClient := authority{client.Leaf, client.PrivateKey.(*ecdsa.PrivateKey)}
	stolen := hr(ca)
	stolen.PrivateKey = newKey(t)
	self := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: ca.cert.Subject, DNSNames: []string{"hr.example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	selfSigned := tls.Certificate{Certificate: [][]byte{sign(t, template, template, self, self).Raw}, PrivateKey: self}
	for _, test := range []struct {
		name string
		cert tls.Certificate
		want int // 404: it is the source's
	}{
		{"the source's own", client, 404},
		{"for whatever use", hr(ca, func(c *x509.Certificate) { c.ExtKeyUsage = nil }), 404},
		{"through an intermediate", through(hr(good), good), 404},
		{"through an intermediate that is not sent", hr(good), noConnection},
		{"through one that has expired", through(hr(late), late), noConnection},
		{"through one that is no authority", through(hr(noCA), noCA), noConnection},
		{"signed by a client's certificate", through(hr(byClient), byClient), noConnection},
		{"through one that is for servers", through(hr(forServers), forServers), noConnection},
		{"through one that may not say such names", through(hr(elsewhere), elsewhere), noConnection},
		{"through more than the authority allows", through(hr(last.below(t, nil)), last), noConnection},
		{"of an authority of the same name", hr(other), noConnection},
		{"of another authority, with ours beside it", through(hr(other), ca), noConnection},
		{"self-signed, with the authority's name", selfSigned, noConnection},
		{"not yet valid", hr(ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), noConnection},
		{"for signing code", hr(ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), noConnection},
		{"without its key", stolen, noConnection},

		{"its name in capitals", named(func(c *x509.Certificate) { c.DNSNames = []string{"HR.Example.COM"} }), 404},
		{"a wildcard", named(func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com", "*"} }), 403},
		{"its name as a common name only", named(func(c *x509.Certificate) { c.Subject.CommonName = "hr.example.com" }), 403},
		{"its name with more behind it", named(func(c *x509.Certificate) { c.DNSNames = []string{"hr.example.com.evil.example"} }), 403},
		{"its name with NUL behind it", named(func(c *x509.Certificate) { c.DNSNames = []string{"hr.example.com\x00.evil.example"} }), 403},
		{"its name as an address", named(func(c *x509.Certificate) { c.EmailAddresses = []string{"hr.example.com"} }), 403},
		{"its address in capitals", named(func(c *x509.Certificate) { c.EmailAddresses = []string{"SYNC@example.com"} }), 403},
		{"its address among others", named(func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.com", "sync@example.com"} }), 404},

		{"its subject", subject(pkix.AttributeTypeAndValue{Type: org, Value: "Example"}, pkix.AttributeTypeAndValue{Type: cn, Value: "sync"}), 404},
		{"its subject in another order", subject(pkix.AttributeTypeAndValue{Type: cn, Value: "sync"}, pkix.AttributeTypeAndValue{Type: org, Value: "Example"}), 403},
		{"a name before that in its subject", subject(pkix.AttributeTypeAndValue{Type: org, Value: "Example"}, pkix.AttributeTypeAndValue{Type: cn, Value: "evil"}, pkix.AttributeTypeAndValue{Type: cn, Value: "sync"}), 403},
		{"its subject in one part", subject(pkix.AttributeTypeAndValue{Type: cn, Value: "sync,O=Example"}), 403},
	} {
		got, body, err := w.askTLS(t, &test.cert, "", "/scim/v2/Nothing")
		if (err != nil) != (test.want == noConnection) || got != test.want {
			t.Errorf("%s: %d, %v, want %d: %s", test.name, got, err, test.want, body)
		}
	}
}

// TestCertificatesInHeaders has strangers say themselves what a proxy would say.
func TestCertificatesInHeaders(t *testing.T) {
	ca := newAuthority(t)
	w := newWorld(t, func(o *server.Options) {
		o.Limits.Failed = -1
		o.Credentials = append(o.Credentials, server.Credential{Name: "dns", Source: "hr", Certificate: server.ClientCertificate{DNS: "hr.example.com"}})
	})
	w.tls(t, ca)
	hr := ca.client(t, "hr", nil)
	for header, value := range map[string]string{
		"X-Forwarded-Client-Cert": `Hash=00;Subject="CN=hr";URI=spiffe://example.com/hr;DNS=hr.example.com`,
		"Client-Cert":             ":" + string(hr.Leaf.Raw[:8]) + ":", "X-SSL-Client-Cert": "hr", "SSL-Client-Verify": "SUCCESS", "X-SSL-Client-S-DN": "CN=hr",
		"X-Client-Verify": "SUCCESS", "X-ARR-ClientCert": "hr", "X-Amzn-Mtls-Clientcert-Subject": "CN=hr", "X-Remote-User": "hr", "From": "hr",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.secure.URL+"/scim/v2/Nothing", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header[header] = []string{value}
		res, err := w.secure.Client().Do(req)
		if err != nil {
			continue // net/http does not send it
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", header, res.StatusCode)
		}
	}
}

// TestAnAuthorityIsBelievedNoMore refuses a certificate on a connection that was made
// while its authority was believed: taking the authority out is how one is revoked.
func TestAnAuthorityIsBelievedNoMore(t *testing.T) {
	ca := newAuthority(t)
	middle := ca.below(t, nil)
	var believed atomic.Pointer[[]*x509.Certificate]
	believe := func(all ...*x509.Certificate) { believed.Store(&all) }
	believe(ca.cert)
	w := newWorld(t, func(o *server.Options) {
		o.Authorities = func() []*x509.Certificate { return *believed.Load() }
		o.Credentials = append(o.Credentials, server.Credential{Name: "dns", Source: "hr", Certificate: server.ClientCertificate{DNS: "hr.example.com"}})
	})
	w.tls(t, ca)
	cert := through(middle.client(t, "hr", nil), middle)
	roots := x509.NewCertPool()
	roots.AddCert(w.secure.Certificate())
	connections := 0
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}
	client := &http.Client{Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		connections++
		return dialer.DialContext(ctx, network, addr)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.secure.URL+"/scim/v2/Nothing", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res.StatusCode
	}
	if got := ask(); got != http.StatusNotFound {
		t.Fatalf("while it is believed: %d", got)
	}
	believe(newAuthority(t).cert)
	if got := ask(); got != http.StatusUnauthorized || connections != 1 {
		t.Errorf("believed no more: %d, on connection %d; want 401 on the first", got, connections)
	}
	believe(ca.cert)
	if got := ask(); got != http.StatusNotFound || connections != 1 {
		t.Errorf("believed again: %d, on connection %d", got, connections)
	}
}

// TestOneCredentialARequest: of two, a proxy may look at another one than the bridge.
func TestOneCredentialARequest(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Limits.Failed = -1 })
	for name, values := range map[string][]string{
		"right and wrong": {"Bearer " + sourceSecret, "Bearer wrong-secret-0123456789"}, "wrong and right": {"Bearer wrong-secret-0123456789", "Bearer " + sourceSecret},
		"right twice": {"Bearer " + sourceSecret, "Bearer " + sourceSecret}, "another scheme before it": {"Basic aHI6aHI=", "Bearer " + sourceSecret},
		"two in one": {"Bearer " + sourceSecret + ", Bearer " + sourceSecret},
	} {
		for _, path := range []string{"/scim/v2/Nothing", "/scim/v2/ServiceProviderConfig", "/api/v1/nothing"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Authorization"] = values
			if res, body := w.send(t, req); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s at %s: %d: %s", name, path, res.StatusCode, body)
			}
		}
	}
	for _, path := range []string{"/scim/v2/Nothing?access_token=" + sourceSecret, "/scim/v2/Nothing?token=" + sourceSecret} {
		if res, body := w.do(t, "GET", path, "", ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a token in the query: %d: %s", res.StatusCode, body)
		}
	}
}
