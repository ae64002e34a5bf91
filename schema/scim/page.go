package scim

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// How many resources a page has where the sender does not say, and at most.
const (
	DefaultCount = 100
	MaxCount     = 500
)

// A Page is which part of a list is asked for.
type Page struct {
	StartIndex int // from 1
	Count      int
}

// ParsePage reads startIndex and count. What is out of range is brought into it,
// as RFC 7644, section 3.4.2.4, has it; what is not a number is refused.
func ParsePage(q url.Values) (Page, error) {
	p := Page{StartIndex: 1, Count: DefaultCount}
	for name, at := range map[string]*int{"startIndex": &p.StartIndex, "count": &p.Count} {
		s := q.Get(name)
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil && !errors.Is(err, strconv.ErrRange) { // what is beyond all range is brought into it, too
			scimType := InvalidValue
			if name == "count" && q.Has("cursor") {
				scimType = InvalidCount
			}
			return p, Invalid(scimType, "%s: it must be a whole number", name)
		}
		*at = n
	}
	p.StartIndex, p.Count = max(p.StartIndex, 1), min(max(p.Count, 0), MaxCount)
	return p, nil
}

// ParseSearch reads the body of a .search, and returns what it asks for as the
// parameters that a list would be asked by.
func ParseSearch(body []byte, l Limits) (url.Values, error) {
	if err := check(body, l.depth()); err != nil {
		return nil, err
	}
	if body = trim(body); body[0] != '{' { // whoever asks for nothing in particular is told of everybody
		return nil, Invalid(InvalidSyntax, "the body must be a JSON object: a SearchRequest")
	}
	v := url.Values{}
	for name, value := range members(body) {
		if strings.EqualFold(name, "schemas") {
			if err := means(value, searchURN); err != nil {
				return nil, err
			}
		}
		for _, known := range []string{"filter", "startIndex", "count", "attributes", "excludedAttributes", "cursor", "sortBy", "sortOrder"} {
			if !strings.EqualFold(name, known) {
				continue
			}
			switch value[0] {
			case '[':
				for e := range elements(value) {
					if e[0] != '"' || !strings.HasSuffix(known, "ttributes") {
						return nil, Invalid(InvalidValue, "%s: it must not be a list of that", known)
					}
					v.Add(known, text(e))
				}
			case '{':
				return nil, Invalid(InvalidValue, "%s: it must not be an object", known)
			case '"':
				v.Set(known, text(value))
			case 'n':
			default:
				v.Set(known, string(value))
			}
		}
	}
	return v, nil
}

// A Projection is which attributes of a resource are asked for. The zero value
// is all of them.
type Projection struct {
	typ     *Type
	only    bool // those named, and no others; else all but those named
	whole   map[*Attribute]bool
	parts   map[*Attribute]map[*Attribute]bool
	meta    bool
	ofMeta  map[string]bool // parts of it, folded
	nothing bool            // no parameter was given
	said    Said            // what the request says, and is shown for that
}

// ParseProjection reads attributes and excludedAttributes. Names that no schema
// knows are passed over; where both are given, attributes counts.
func (t *Type) ParseProjection(attributes, excluded string) Projection {
	p := Projection{typ: t, nothing: true, whole: map[*Attribute]bool{}, parts: map[*Attribute]map[*Attribute]bool{}}
	list := excluded
	if strings.TrimSpace(attributes) != "" {
		list, p.only = attributes, true
	}
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			p.nothing = false
			p.add(name)
		}
	}
	return p
}

func (p *Projection) add(name string) {
	if urn, rest, ok := p.typ.urnOf(name); ok && urn == p.typ.Schemas[0].ID {
		if name = rest; rest == "" { // all of the schema
			for _, a := range p.typ.core {
				p.whole[a] = true
			}
			return
		}
	}
	switch first, part, parted := strings.Cut(fold(name), "."); {
	case first != "meta":
	case parted:
		if p.ofMeta == nil {
			p.ofMeta = map[string]bool{}
		}
		p.ofMeta[part] = true
		return
	default:
		p.meta = true
		return
	}
	if x, ok := p.typ.extension(name); ok {
		for _, a := range x.attributes {
			p.whole[a] = true
		}
		return
	}
	a, sub, err := p.typ.resolve(name)
	switch {
	case err != nil:
	case sub == nil:
		p.whole[a] = true
	default:
		if p.parts[a] == nil {
			p.parts[a] = map[*Attribute]bool{}
		}
		p.parts[a][sub] = true
	}
}

// Everything is the projection of who asks for nothing in particular.
func (t *Type) Everything() Projection { return Projection{typ: t, nothing: true} }

// All reports whether everything is asked for.
func (p Projection) All() bool { return p.typ == nil || p.nothing }

// A MetaPart is what meta is shown with.
type MetaPart struct{ ResourceType, Created, LastModified, Location, Version bool }

// Meta returns which parts of meta are asked for.
func (p Projection) Meta() MetaPart {
	shown := func(part string) bool {
		if p.All() {
			return true
		}
		return (p.meta || p.ofMeta[fold(part)]) == p.only
	}
	return MetaPart{shown("resourceType"), shown("created"), shown("lastModified"), shown("location"), shown("version")}
}

// Edges reports whether the members of a group, or the groups of a user, are
// asked for.
func (p Projection) Edges() bool {
	if p.All() {
		return true
	}
	for _, a := range p.typ.attributes {
		if a.edges {
			if p.only {
				return p.whole[a] || p.parts[a] != nil
			}
			return !p.whole[a]
		}
	}
	return false
}

// An EdgePart is what a group's members are shown with, or the groups that a user is in.
type EdgePart struct{ Value, Ref, Type, Display bool }

// Members returns which parts of members are asked for. How a member is called is another
// resource's to say, and is looked up for whoever names it.
func (p Projection) Members() EdgePart {
	part, named := p.edge("members")
	part.Display = named && p.only && part.Display
	return part
}

// Groups returns which parts of the groups that a user is in are asked for.
func (p Projection) Groups() EdgePart {
	part, _ := p.edge("groups")
	return part
}

// edge returns which parts of edges are asked for, and whether parts were named.
func (p Projection) edge(name string) (part EdgePart, named bool) {
	all := EdgePart{true, true, true, true}
	if p.All() {
		return all, false
	}
	a, _ := p.typ.attribute("", name)
	if p.parts[a] == nil || p.only && p.whole[a] {
		return all, false
	}
	shown := func(name string) bool {
		sub, ok := a.Sub(name)
		return ok && p.parts[a][sub] == p.only
	}
	return EdgePart{shown("value"), shown("$ref"), shown("type"), shown("display")}, true
}

// Resource returns what is asked for, and may be shown, of a canonical resource.
func (p Projection) Resource(resource []byte) ([]byte, error) {
	if p.All() && (p.typ == nil || !p.typ.shy) {
		return resource, nil
	}
	r, err := p.typ.Decode(resource)
	if err != nil {
		return nil, err
	}
	for i, a := range p.typ.attributes {
		switch {
		case r.values[i] == nil:
		case !p.shows(a):
			r.values[i] = nil
		case p.parts[a] != nil || a.shy() && a.Kind == Complex:
			r.values[i] = p.some(a, r.values[i])
		}
	}
	return r.Encode(), nil
}

// shows reports whether an attribute, or a part of it, is shown.
func (p Projection) shows(a *Attribute) bool {
	switch {
	case a.hidden():
		return false
	case a.Returned == "always":
		return true
	case p.only && !p.All():
		return p.whole[a] || p.parts[a] != nil
	}
	return !p.whole[a] && (a.Returned != "request" || p.said[a])
}

// some returns a complex value with those sub-attributes that are asked for.
func (p Projection) some(a *Attribute, value []byte) []byte {
	if !a.Multi {
		return p.part(a, value)
	}
	var all [][]byte
	for e := range elements(value) {
		if e = p.part(a, e); e != nil {
			all = append(all, e)
		}
	}
	return joinList(all)
}

func (p Projection) part(a *Attribute, object []byte) []byte {
	for _, s := range a.Subs {
		if !p.showsPart(a, s) {
			object = setMember(a, object, s, nil)
		}
	}
	return object
}

func (p Projection) showsPart(a, sub *Attribute) bool {
	switch named := p.parts[a][sub]; {
	case sub.hidden():
		return false
	case sub.Returned == "always":
		return true
	case p.only && !p.whole[a] && p.parts[a] != nil:
		return named
	case named:
		return p.only
	default:
		return sub.Returned != "request" || p.said[sub] && !p.only
	}
}

// SchemasOf returns the URNs of the schemas that a canonical resource uses, as a
// JSON list.
func (t *Type) SchemasOf(dst, resource []byte) []byte {
	dst = appendText(append(dst, '['), t.Schemas[0].ID)
	if t.Alias != "" {
		dst = appendText(append(dst, ','), t.Alias)
	}
	for _, x := range t.extensions {
		if contains(resource, x.marker) {
			dst = appendText(append(dst, ','), x.urn)
		}
	}
	return append(dst, ']')
}
