package scim

import (
	"net/url"
	"strings"
)

// reference writes what must be a URI, or refer to one from here (RFC 7643, section
// 2.3.7). Senders put anything into it, and nobody's access hangs on it: what is none
// is dropped, as an attribute that no schema has.
func (r *reader) reference(a *Attribute, raw []byte) (bool, error) {
	mark := len(r.buf)
	some, err := r.text(a, raw)
	if err != nil || !some || a.refers(text(r.buf[mark:])) {
		return some, err
	}
	r.buf, r.nonsense = r.buf[:mark], true
	r.drop(a.Path())
	return false, nil
}

// refers reports whether a text is a URI as the attribute takes it: a resource is
// somewhere on the web, and what runs in a browser, or brings all of itself, is none.
func (a *Attribute) refers(s string) bool {
	odd := func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`"<>\^`+"`{|}", c) }
	u, err := url.Parse(s)
	if err != nil || strings.ContainsFunc(s, odd) {
		return false
	}
	return u.Scheme == "" || a.anyURI || (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
