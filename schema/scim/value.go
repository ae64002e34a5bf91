package scim

import (
	"bytes"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A reader reads values in any dialect and writes them in canonical form. What
// it writes shares one buffer, which is never written to twice.
type reader struct {
	buf      []byte
	dropped  []string
	occurred time.Time
	named    int  // members, so far
	ours     bool // what is read is said by the bridge: what is read-only counts
	nonsense bool // the last value that was read was dropped, for it is none of its kind
}

// maxElements bounds how many values one attribute has.
const maxElements = 1000

// maxDropped bounds how many attributes of one request are named.
const maxDropped = 64

func (r *reader) drop(name string) {
	if len(name) > 128 {
		name = strings.ToValidUTF8(name[:128], "")
	}
	if len(r.dropped) < maxDropped && !slices.Contains(r.dropped, name) {
		r.dropped = append(r.dropped, name)
	}
}

// since returns what was written from a mark on.
func (r *reader) since(mark int) []byte { return r.buf[mark:len(r.buf):len(r.buf)] }

// value returns an attribute's value in canonical form, nil if it is unset: null,
// an empty string, an empty list or an object with nothing in it.
func (r *reader) value(a *Attribute, raw []byte) ([]byte, error) {
	mark := len(r.buf)
	some, err := r.write(a, raw)
	if err != nil || !some {
		r.buf = r.buf[:mark]
		return nil, err
	}
	return r.since(mark), nil
}

// write writes an attribute's value and reports whether there is one.
func (r *reader) write(a *Attribute, raw []byte) (bool, error) {
	r.nonsense = false
	switch {
	case a.Multi:
		return r.list(a, raw)
	case a.Kind == Complex:
		return r.complex(a, raw)
	}
	return r.simple(a, raw)
}

// list writes a multi-valued attribute. A single value stands for a list of one.
func (r *reader) list(a *Attribute, raw []byte) (bool, error) {
	r.buf = append(r.buf, '[')
	first := len(r.buf)
	var seen [][]byte
	one := func(raw []byte) error {
		mark := len(r.buf)
		r.buf = comma(r.buf)
		from := len(r.buf)
		some, err := r.element(a, raw)
		if err != nil || !some || containsBytes(seen, r.buf[from:]) {
			r.buf = r.buf[:mark]
			return err
		}
		if len(seen) < 32 { // repeats are a courtesy: a long list is not searched
			seen = append(seen, r.since(from))
		}
		return nil
	}
	all := listed(a, raw)
	if len(all) > maxElements {
		return false, Invalid(InvalidValue, "%s: it has more than %d values", a.Path(), maxElements)
	}
	for _, raw := range all {
		if err := one(raw); err != nil {
			return false, err
		}
	}
	if len(r.buf) == first {
		return false, nil
	}
	r.buf = append(r.buf, ']')
	r.once(a, first-1)
	return true, nil
}

// once makes one element of those in the list from a mark on that have one value
// and type (RFC 7643, section 2.4).
func (r *reader) once(a *Attribute, mark int) {
	if _, ok := a.subs["value"]; !ok {
		return
	}
	var keys []string
	for e := range elements(r.buf[mark:]) {
		keys = append(keys, identity(a, e))
	}
	all := len(keys)
	slices.Sort(keys)
	if len(slices.Compact(keys)) < all {
		r.buf = append(r.buf[:mark], union(a, nil, slices.Clone(r.buf[mark:]))...)
	}
}

// listed returns the elements of what was sent for a multi-valued attribute.
func listed(a *Attribute, raw []byte) [][]byte {
	switch raw[0] {
	case '[':
		return slices.Collect(elements(raw))
	case '"':
		// Some put several roles into one string.
		if (a.Name == "roles" || a.Name == "entitlements") && bytes.IndexByte(raw, ',') > 0 && raw[1] != '{' {
			var all [][]byte
			for part := range strings.SplitSeq(text(raw), ",") {
				all = append(all, appendText(nil, strings.TrimSpace(part)))
			}
			return all
		}
	}
	return [][]byte{raw}
}

// element writes one element of a multi-valued attribute.
func (r *reader) element(a *Attribute, raw []byte) (bool, error) {
	if a.Kind == Complex {
		return r.complex(a, raw)
	}
	return r.simple(a, raw)
}

func containsBytes(all [][]byte, one []byte) bool {
	return slices.ContainsFunc(all, func(b []byte) bool { return bytes.Equal(b, one) })
}

// complex writes an object. A text stands for its value, a list of one for that
// one.
func (r *reader) complex(a *Attribute, raw []byte) (bool, error) {
	switch raw[0] {
	case 'n':
		return false, nil
	case '[':
		only, some, err := single(a, raw)
		if err != nil || !some {
			return false, err
		}
		return r.complex(a, only)
	case '{':
		return r.object(a, raw)
	}
	value, ok := a.subs["value"]
	if !ok {
		return false, Invalid(InvalidValue, "%s: it must be an object", a.Path())
	}
	if inner, ok := embedded(raw); ok {
		return r.object(a, inner)
	}
	mark := len(r.buf)
	r.buf = append(append(r.buf, '{'), value.key...)
	some, err := r.simple(value, raw)
	if err != nil || !some {
		r.buf = r.buf[:mark]
		return false, err
	}
	r.buf = append(r.buf, '}')
	return true, nil
}

// embedded returns the object that a string holds as text, as one sender writes
// roles.
func embedded(raw []byte) ([]byte, bool) {
	if len(raw) < 4 || raw[0] != '"' || raw[1] != '{' {
		return nil, false
	}
	inner := []byte(text(raw))
	if check(inner, 4) != nil || member(inner, "value") == nil {
		return nil, false
	}
	return inner, true
}

func (r *reader) object(a *Attribute, raw []byte) (bool, error) {
	var few [16][]byte
	subs := few[:]
	if len(a.Subs) > len(few) {
		subs = make([][]byte, len(a.Subs))
	}
	for name, value := range members(raw) {
		s, ok := a.Sub(name)
		switch {
		case !ok:
			if name != "$ref" && name != "id" {
				r.drop(a.Path() + "." + name)
			}
		case s.ReadOnly && !r.ours:
		case subs[s.slot] == nil || s.Name == name:
			if inner, ok := embedded(value); ok && s.Name == "value" && a.Multi {
				return r.object(a, inner)
			}
			subs[s.slot] = value
		}
	}
	mark := len(r.buf)
	r.buf = append(r.buf, '{')
	first := len(r.buf)
	for _, s := range a.Subs {
		if subs[s.slot] == nil {
			continue
		}
		before := len(r.buf)
		r.buf = append(comma(r.buf), s.key...)
		some, err := r.write(s, subs[s.slot])
		if err != nil {
			return false, err
		}
		if !some {
			r.buf = r.buf[:before]
		}
		if r.nonsense && s.Name == "value" { // what is said beside it is of nothing
			r.buf = r.buf[:mark]
			return false, nil
		}
	}
	if len(r.buf) == first {
		r.buf = r.buf[:mark]
		return false, nil
	}
	r.buf = append(r.buf, '}')
	return true, nil
}

// single returns the only element of an array that was sent for one value.
func single(a *Attribute, raw []byte) (only []byte, some bool, err error) {
	for e := range elements(raw) {
		if some {
			return nil, false, Invalid(InvalidValue, "%s: it takes one value", a.Path())
		}
		only, some = e, true
	}
	return only, some, nil
}

// simple writes a value that is not complex, coerced to its kind.
func (r *reader) simple(a *Attribute, raw []byte) (bool, error) {
	switch raw[0] {
	case 'n':
		return false, nil
	case '[':
		only, some, err := single(a, raw)
		if err != nil || !some {
			return false, err
		}
		return r.simple(a, only)
	case '{':
		return r.unwrap(a, raw)
	}
	switch a.Kind {
	case Boolean:
		return r.boolean(a, raw)
	case Integer, Decimal:
		return r.number(a, raw)
	case DateTime:
		return r.dateTime(a, raw)
	case Binary:
		return r.binary(a, raw)
	case Reference:
		return r.reference(a, raw)
	default:
		return r.text(a, raw)
	}
}

// unwrap takes the value out of an object that was sent for a plain value.
func (r *reader) unwrap(a *Attribute, raw []byte) (bool, error) {
	for name, value := range members(raw) {
		if strings.EqualFold(name, "value") && value[0] != '{' && value[0] != '[' {
			return r.simple(a, value)
		}
	}
	for _, value := range members(raw) {
		if value[0] != 'n' {
			return false, Invalid(InvalidValue, "%s: it must be a %s, not an object", a.Path(), a.Kind)
		}
	}
	return false, nil
}

func (r *reader) text(a *Attribute, raw []byte) (bool, error) {
	if raw[0] != '"' { // a number or a truth value, as text
		r.buf = append(append(append(r.buf, '"'), raw...), '"')
		return true, nil
	}
	if plain(raw) && !a.closed {
		r.buf = append(r.buf, raw...)
		return len(raw) > 2, nil
	}
	s := text(raw)
	if strings.IndexByte(s, 0) >= 0 {
		return false, Invalid(InvalidValue, "%s: it must not contain the character NUL", a.Path())
	}
	if a.closed && s != "" {
		i := slices.IndexFunc(a.Words, func(w string) bool { return strings.EqualFold(w, s) })
		if i < 0 {
			return false, Invalid(InvalidValue, "%s: %q is none of %s", a.Path(), s, strings.Join(a.Words, ", "))
		}
		s = a.Words[i]
	}
	r.buf = appendText(r.buf, s)
	return s != "", nil
}

func (r *reader) boolean(a *Attribute, raw []byte) (bool, error) {
	s := string(raw)
	if raw[0] == '"' {
		if s = strings.ToLower(strings.TrimSpace(text(raw))); s == "" {
			return false, nil
		}
	}
	switch s {
	case "true", "t", "1", "yes":
		r.buf = append(r.buf, "true"...)
	case "false", "f", "0", "no":
		r.buf = append(r.buf, "false"...)
	default:
		return false, Invalid(InvalidValue, "%s: it must be true or false", a.Path())
	}
	return true, nil
}

func (r *reader) number(a *Attribute, raw []byte) (bool, error) {
	s := string(raw)
	if raw[0] == '"' {
		if s = strings.TrimSpace(text(raw)); s == "" {
			return false, nil
		}
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		r.buf = strconv.AppendInt(r.buf, i, 10)
		return true, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0):
		return false, Invalid(InvalidValue, "%s: it must be a number within range", a.Path())
	case a.Kind == Decimal:
		r.buf = strconv.AppendFloat(r.buf, f, 'g', -1, 64)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		r.buf = strconv.AppendInt(r.buf, int64(f), 10)
	default:
		return false, Invalid(InvalidValue, "%s: it must be a whole number within range", a.Path())
	}
	return true, nil
}

// binary writes what must be base64, in either alphabet, and in lines or not (RFC
// 7643, section 2.3.6).
func (r *reader) binary(a *Attribute, raw []byte) (bool, error) {
	s := strings.Join(strings.Fields(text(raw)), "")
	plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
	if _, err := base64.RawStdEncoding.DecodeString(plain); err != nil || raw[0] != '"' {
		return false, Invalid(InvalidValue, "%s: it must be base64", a.Path())
	}
	r.buf = appendText(r.buf, s)
	return s != "", nil
}

func (r *reader) dateTime(a *Attribute, raw []byte) (bool, error) {
	s := strings.TrimSpace(text(raw))
	if raw[0] == '"' && s == "" {
		return false, nil
	}
	if _, ok := instant(s); !ok {
		return false, Invalid(InvalidValue, "%s: it must be a date and time, as 2026-01-31T09:00:00Z", a.Path())
	}
	r.buf = appendText(r.buf, s)
	return true, nil
}
