package ldap

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// flags returns the number that the attribute is: 0 where it is not shown.
func flags(e *ldap.Entry, attribute string) int64 {
	n, err := strconv.ParseInt(e.GetEqualFoldAttributeValue(attribute), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// flag sets the bits that disable, or clears them, and keeps all others: the
// number as it was is swapped for the new one, in one request that fails where
// somebody else was faster.
func (s *session) flag(p *person, active bool) error {
	for e, tries := p.entry, 3; tries > 0; tries-- {
		was := e.GetEqualFoldAttributeValue(s.disableAttr)
		if was == "" {
			return refused(connectors.Permanent, "%s: the server does not show us its %s", e.DN, s.disableAttr)
		}
		bits := flags(e, s.disableAttr) | s.disableBits
		if active {
			bits &^= s.disableBits
		}
		m := ldap.NewModifyRequest(e.DN, nil)
		m.Delete(s.disableAttr, []string{was})
		m.Add(s.disableAttr, []string{strconv.FormatInt(bits, 10)})
		err := s.modify(m)
		if !is(err, ldap.LDAPResultNoSuchAttribute) {
			if err == nil {
				p.account.Active = active
			}
			return err
		}
		if e, err = s.entry(p.entry.DN, []string{s.disableAttr}); err != nil {
			return err
		}
		if e == nil {
			break
		}
		if flags(e, s.disableAttr)&s.disableBits == 0 == active {
			p.account.Active = active
			return nil
		}
	}
	return refused(connectors.Transient, "%s of %s does not stay the same for long enough to be changed", s.disableAttr, p.entry.DN)
}

// password returns a password that nobody will ever know, as Active Directory has
// it sent: in quotes, in UTF-16.
func password() string {
	// What a rule may ask for besides: a small letter, and a sign that is none.
	text := `"` + rand.Text() + `-a"`
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// longest is how long a short name may be, in characters.
const longest = 20

// shortNames returns short names for the user name, the best first: what stands
// before the @, without what may not be in one, then the same with a number, and
// last none, for the server to make one up.
func shortNames(userName string) []string {
	local, _, _ := strings.Cut(userName, "@")
	base := []rune(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.IsSpace(c) || strings.ContainsRune(`"/\[]:;|=,+*?<>@`, c) {
			return -1
		}
		return c
	}, local))
	short := func(end string) string {
		return strings.TrimRight(string(base[:min(len(base), longest-len(end))]), ".") + end
	}
	if short("") == "" {
		return []string{""}
	}
	names := []string{short("")}
	for n := 2; n <= 9; n++ {
		names = append(names, short(strconv.Itoa(n)))
	}
	return append(names, "")
}
