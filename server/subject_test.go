package server

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// TestSubjects writes subjects as `openssl x509 -subject -nameopt RFC2253,-esc_msb`
// printed them for certificates that had these parts, in this order.
func TestSubjects(t *testing.T) {
	type part struct {
		oid   []int
		value string
	}
	c, o, ou, cn := []int{2, 5, 4, 6}, []int{2, 5, 4, 10}, []int{2, 5, 4, 11}, []int{2, 5, 4, 3}
	dc, uid, email, serial := []int{0, 9, 2342, 19200300, 100, 1, 25}, []int{0, 9, 2342, 19200300, 100, 1, 1}, []int{1, 2, 840, 113549, 1, 9, 1}, []int{2, 5, 4, 5}
	for want, parts := range map[string][]part{
		"CN=sync,O=Example,C=DE":                              {{c, "DE"}, {o, "Example"}, {cn, "sync"}},
		"O=Example,CN=sync":                                   {{cn, "sync"}, {o, "Example"}},
		"CN=sync,OU=b,OU=a":                                   {{ou, "a"}, {ou, "b"}, {cn, "sync"}},
		`CN=a\,O=b,O=c\+d\;\"e\"`:                             {{o, `c+d;"e"`}, {cn, "a,O=b"}},
		`CN=\#a \\ b\ ,O=\ a`:                                 {{o, " a"}, {cn, `#a \ b `}},
		"UID=1,DC=example,DC=com":                             {{dc, "com"}, {dc, "example"}, {uid, "1"}},
		"emailAddress=a@example.com,serialNumber=7,CN=Jürgen": {{cn, "Jürgen"}, {serial, "7"}, {email, "a@example.com"}},
	} {
		var rdns pkix.RDNSequence
		for _, p := range parts {
			rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: p.oid, Value: p.value}})
		}
		raw, err := asn1.Marshal(rdns)
		if err != nil {
			t.Fatal(err)
		}
		if got := subject(rdns); got != want {
			t.Errorf("%v is written %q, want %q", parts, got, want)
		}
		if !isSubject(&x509.Certificate{RawSubject: raw}, want) || isSubject(&x509.Certificate{RawSubject: raw}, want+",O=x") {
			t.Errorf("%q is not told from another", want)
		}
	}
	if isSubject(&x509.Certificate{RawSubject: []byte{1, 2}}, "") || isSubject(&x509.Certificate{}, "") {
		t.Error("what cannot be read is a subject")
	}
}
