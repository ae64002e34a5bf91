package server

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
)

// isSubject reports whether a certificate's subject is the one that is meant, as RFC
// 2253 writes it: every part of it, in its own order. What x509 makes of a subject
// has one common name, the last, and an order of its own, so that another subject
// would read the same.
func isSubject(leaf *x509.Certificate, meant string) bool {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(leaf.RawSubject, &rdns); err != nil || len(rest) > 0 {
		return false
	}
	return rdns.String() == meant || subject(rdns) == meant
}

// subject writes a subject as openssl does, which has names for more kinds of parts
// than package pkix.
func subject(rdns pkix.RDNSequence) string {
	var all []string
	for _, rdn := range slices.Backward(rdns) {
		var one []string
		for _, part := range rdn {
			name, known := partNames[part.Type.String()]
			value, text := part.Value.(string)
			if !known || !text {
				one = append(one, pkix.RDNSequence{{part}}.String())
				continue
			}
			one = append(one, name+"="+escaped(value))
		}
		all = append(all, strings.Join(one, "+"))
	}
	return strings.Join(all, ",")
}

var partNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "postalCode",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "emailAddress",
}

// escaped writes a value so that nothing in it can be taken for another part.
func escaped(value string) string {
	var b strings.Builder
	for i, c := range value {
		first, last := i == 0, i == len(value)-1
		if strings.ContainsRune(`,+"\<>;`, c) || c == '#' && first || c == ' ' && (first || last) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
