package ldap

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// dn returns the name of an entry below base whose attribute has the value.
func dn(attribute, value, base string) string {
	return attribute + "=" + ldap.EscapeDN(value) + "," + base
}

// normal returns the name in the one form that all its spellings share. What is
// no name is returned as it is.
func normal(name string) string {
	parsed, err := ldap.ParseDN(name)
	if err != nil {
		return name
	}
	return strings.ToLower(parsed.String())
}

// below reports whether the name is the base's, or stands below it.
func below(base, name string) bool {
	b, errBase := ldap.ParseDN(base)
	n, errName := ldap.ParseDN(name)
	return errBase == nil && errName == nil && (b.EqualFold(n) || b.AncestorOfFold(n))
}

// split returns an entry's own part of its name, and its parent's name.
func split(name string) (*ldap.RelativeDN, string, error) {
	parsed, err := ldap.ParseDN(name)
	if err != nil {
		return nil, "", err
	}
	if len(parsed.RDNs) == 0 {
		return &ldap.RelativeDN{}, "", nil
	}
	return parsed.RDNs[0], (&ldap.DN{RDNs: parsed.RDNs[1:]}).String(), nil
}

// renamed returns the entry's own part with the values of the attributes that it
// is made of replaced, and whether that changes it.
func renamed(own *ldap.RelativeDN, values map[string]string) (string, bool) {
	var parts []string
	changed := false
	for _, a := range own.Attributes {
		value := a.Value
		for name, v := range values {
			if strings.EqualFold(name, a.Type) && v != value {
				value, changed = v, true
			}
		}
		parts = append(parts, a.Type+"="+ldap.EscapeDN(value))
	}
	return strings.Join(parts, "+"), changed
}

// names reports whether the attribute is part of the entry's own name.
func names(own *ldap.RelativeDN, attribute string) bool {
	for _, a := range own.Attributes {
		if strings.EqualFold(a.Type, attribute) {
			return true
		}
	}
	return false
}
