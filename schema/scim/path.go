package scim

import (
	"strconv"
	"strings"
)

// A Path is what one PATCH operation is about: an attribute, perhaps a
// sub-attribute of it, perhaps of those elements only that a filter chooses.
type Path struct {
	Attribute *Attribute
	Sub       *Attribute
	Where     *expr
	whole     *extension // all of an extension, named by its URN; nothing else is set then
}

// unknownError says that a path names what no schema knows. It is dropped, and
// fails nothing.
type unknownError struct{ path string }

func (e unknownError) Error() string { return "there is no attribute " + e.path }

// parsePath splits a path: URN and name, filter, sub-attribute. The few bytes of
// a path are looked at once; only a filter other than one comparison is parsed.
func (t *Type) parsePath(path string) (Path, error) {
	s := strings.TrimPrefix(strings.TrimSpace(path), "/")
	if len(s) > maxFilter {
		return Path{}, Invalid(InvalidPath, "path: it is longer than %d bytes", maxFilter)
	}
	urn, rest, _ := t.urnOf(s)
	if urn != "" && rest == "" {
		x, ok := t.extension(urn)
		if !ok {
			return Path{}, Invalid(InvalidPath, "path: %q names a schema and no attribute", path)
		}
		return Path{whole: x}, nil
	}
	name, filter, sub, err := splitPath(rest)
	if err != nil {
		return Path{}, err
	}
	var p Path
	var ok bool
	if urn != "" {
		p.Attribute, ok = t.attribute(urn, name)
	} else {
		p.Attribute, ok = t.bare(name)
	}
	if !ok {
		return Path{}, unknownError{s}
	}
	if sub != "" {
		if p.Sub, ok = p.Attribute.Sub(sub); !ok {
			return Path{}, unknownError{s}
		}
	}
	if filter != "" {
		p.Where, err = t.parseWhere(p.Attribute, filter)
	}
	return p, err
}

// Knows reports whether a path names an attribute of the type, so that what a
// sender sends of it is kept.
func (t *Type) Knows(path string) bool {
	p, err := t.parsePath(path)
	return err == nil && p.Attribute != nil
}

// splitPath splits name[filter].sub.
func splitPath(s string) (name, filter, sub string, err error) {
	open := strings.IndexByte(s, '[')
	if open < 0 {
		name, sub, _ = strings.Cut(s, ".")
		return name, "", sub, nil
	}
	closing := closingBracket(s, open)
	if closing < 0 {
		return "", "", "", Invalid(InvalidPath, "path: the bracket in %q is not closed", s)
	}
	name, filter, rest := s[:open], strings.TrimSpace(s[open+1:closing]), s[closing+1:]
	switch {
	case filter == "":
		return "", "", "", Invalid(InvalidPath, "path: there is nothing between the brackets of %q", s)
	case rest == "":
		return name, filter, "", nil
	case rest[0] != '.' || len(rest) == 1:
		return "", "", "", Invalid(InvalidPath, "path: %q goes on strangely behind its brackets", s)
	}
	return name, filter, rest[1:], nil
}

// closingBracket returns where the bracket that opens at a place is closed, or -1.
func closingBracket(s string, open int) int {
	quoted := false
	for i := open + 1; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == ']':
			return i
		}
	}
	return -1
}

// parseWhere reads the filter in a path's brackets.
func (t *Type) parseWhere(a *Attribute, filter string) (*expr, error) {
	if !a.Multi {
		return nil, Invalid(InvalidPath, "path: %s is no list; brackets choose from the elements of one", a.Path())
	}
	p, err := newParser(t, filter)
	if err != nil {
		return nil, err
	}
	p.of = a
	return p.all()
}

// template returns the sub-attributes that an element must have for the filter
// to choose it; ok is false if the filter does not say them one by one.
func (e *expr) template(into map[*Attribute][]byte) (ok bool) {
	switch e.op {
	case opAnd:
		for _, k := range e.kids {
			if !k.template(into) {
				return false
			}
		}
		return true
	case opEq:
		if e.attr.parent == nil {
			return false
		}
		said := appendText(nil, e.lit.text)
		switch e.lit.kind {
		case litBool:
			said = strconv.AppendBool(nil, e.lit.truth)
		case litNull:
			return true
		default: // text, or what is written as one
		}
		var r reader
		value, err := r.value(e.attr, said)
		if value != nil {
			into[e.attr] = value
		}
		return err == nil
	default:
		return false
	}
}
