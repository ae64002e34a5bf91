package scim

import (
	"encoding/binary"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Sort is the order that a list is asked for in. The zero value is that in
// which it is listed anyway.
type Sort struct {
	Descending bool

	by, sub *Attribute
	common  string // what every resource has, instead of by
}

// sortable is what can be sorted by of what every resource has.
var sortable = []string{commonID, commonCreated, commonModified, commonLocation, resourceType}

// ParseSort reads sortBy and sortOrder (RFC 7644, section 3.4.2.3).
func (t *Type) ParseSort(v url.Values) (Sort, error) {
	var s Sort
	name := strings.TrimSpace(v.Get("sortBy"))
	if name == "" {
		return s, nil
	}
	switch order := fold(strings.TrimSpace(v.Get("sortOrder"))); order {
	case "", "ascending":
	case "descending":
		s.Descending = true
	default:
		return s, Invalid(InvalidValue, "sortOrder: it must be ascending or descending")
	}
	if common, _, ok := t.common(name); ok && slices.Contains(sortable, common) {
		s.common = common
		return s, nil
	}
	var err error
	if s.by, s.sub, err = t.resolve(name); err != nil || s.by.edges || s.by.hidden() {
		return s, Invalid(InvalidValue, "sortBy: %s has no attribute %q to sort by", t.Name, name)
	}
	if s.by.Kind == Complex && s.sub == nil {
		value, ok := s.by.subs["value"]
		if !ok {
			return s, Invalid(InvalidValue, "sortBy: %s has sub-attributes; name one of them", s.by.Path())
		}
		s.sub = value
	}
	return s, nil
}

// None reports whether no order is asked for.
func (s Sort) None() bool { return s.by == nil && s.common == "" }

// By reports whether it is the order of a core attribute's values.
func (s Sort) By(attribute string) bool {
	return s.by != nil && s.sub == nil && s.by.URN == "" && s.by.Name == attribute
}

// maxSortKey is how many bytes of a text count for its place.
const maxSortKey = 256

// Key returns what a resource is sorted by: keys are in the order of their bytes.
// It has none if ok is false; it is last then, or first in descending order. Of a
// list, the primary element counts, or the first.
func (s Sort) Key(c *Candidate) (key string, ok bool) {
	switch s.common {
	case commonID, commonLocation: // locations end in ids, and differ in nothing else
		return c.ID, true
	case commonCreated:
		return timeKey(c.Created), true
	case commonModified:
		return timeKey(c.Modified), true
	case resourceType:
		return "", true
	}
	value, a := s.by.in(c.Resource), s.by
	if a.Multi {
		value = foremost(value)
	}
	if s.sub != nil {
		value, a = member(value, s.sub.Name), s.sub
	}
	if value == nil {
		return "", false
	}
	switch a.Kind {
	case Boolean:
		return string(value), true
	case Integer, Decimal:
		n, err := strconv.ParseFloat(string(value), 64)
		return numberKey(n), err == nil
	case DateTime:
		at, ok := instant(text(value))
		return timeKey(at), ok
	default: // text
	}
	key = text(value)
	if !a.CaseExact {
		key = fold(key)
	}
	return strings.Clone(key[:min(len(key), maxSortKey)]), true
}

// foremost returns the primary element of a list, or the first.
func foremost(list []byte) (first []byte) {
	for e := range elements(list) {
		if string(member(e, "primary")) == "true" {
			return e
		}
		if first == nil {
			first = e
		}
	}
	return first
}

func timeKey(at time.Time) string {
	key := binary.BigEndian.AppendUint64(nil, uint64(at.Unix())^1<<63)
	return string(binary.BigEndian.AppendUint32(key, uint32(at.Nanosecond())))
}

// numberKey turns the sign around, so that bytes are in the order of numbers.
func numberKey(n float64) string {
	bits := math.Float64bits(n)
	if n < 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return string(binary.BigEndian.AppendUint64(nil, bits))
}
