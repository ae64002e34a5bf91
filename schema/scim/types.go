package scim

import (
	"fmt"
	"slices"
	"strings"

	library "github.com/elimity-com/scim/schema"
)

// A Kind is the data type of an attribute.
type Kind string

// The kinds of attribute (RFC 7643, section 2.3).
const (
	String    Kind = "string"
	Boolean   Kind = "boolean"
	Decimal   Kind = "decimal"
	Integer   Kind = "integer"
	DateTime  Kind = "dateTime"
	Binary    Kind = "binary"
	Reference Kind = "reference"
	Complex   Kind = "complex"
)

// exact reports whether case always makes a difference (RFC 7643, sections 2.3.6 and
// 2.3.7).
func (k Kind) exact() bool { return k == Binary || k == Reference }

// An Attribute is one attribute of a resource type, or a sub-attribute of one.
type Attribute struct {
	Name      string
	URN       string // of its extension; empty in the core schema
	Kind      Kind
	Multi     bool
	CaseExact bool
	Required  bool
	ReadOnly  bool
	Immutable bool         // once it is set, it stays
	Unique    bool         // of an extension: no two resources have one value
	Returned  string       // always, never, default or request
	Words     []string     // canonical values
	Subs      []*Attribute // of a complex one, in the schema's order

	parent *Attribute            // of a sub-attribute
	slot   int                   // where a Record has it
	edges  bool                  // who is in which group: kept as edges, not in a Record
	passes bool                  // of the request, and not kept
	anyURI bool                  // of a reference: it need not be on the web
	fixed  []*Attribute          // of a list: what is immutable in an element
	closed bool                  // Words are all there are
	subs   map[string]*Attribute // by name, as it is and folded, aliases among them
	key    []byte                // "name":
}

// Path returns the attribute's full name, as errors and filters say it.
func (a *Attribute) Path() string {
	switch {
	case a.parent != nil:
		return a.parent.Path() + "." + a.Name
	case a.URN != "":
		return a.URN + ":" + a.Name
	}
	return a.Name
}

// hidden reports whether nobody is shown the attribute, nor finds anything by it.
func (a *Attribute) hidden() bool { return a.Returned == "never" }

// shy reports whether the attribute, or a part of it, is not shown to whoever
// does not ask for it.
func (a *Attribute) shy() bool {
	return a.Returned == "never" || a.Returned == "request" || slices.ContainsFunc(a.Subs, (*Attribute).shy)
}

// Sub returns the sub-attribute with the name, in any case.
func (a *Attribute) Sub(name string) (*Attribute, bool) {
	return named(a.subs, name)
}

// named finds a name in any case; most senders use the schema's own.
func named(names map[string]*Attribute, name string) (*Attribute, bool) {
	if a, ok := names[name]; ok {
		return a, true
	}
	a, ok := names[fold(name)]
	return a, ok
}

// A Type is a resource type: its schemas, as tables.
type Type struct {
	Name        string
	Endpoint    string
	Description string
	Schemas     []library.Schema // the core schema, and the extensions
	Alias       string           // another URN of the core schema, by which some look for the type

	shy       bool         // some attributes are not shown to whoever does not ask
	immutable []*Attribute // and parts of attributes
	fixed     []*Attribute // lists with something immutable in their elements
	unique    []*Attribute // and parts of attributes
	demanding bool         // an extension has something that is required, or unique

	attributes []*Attribute // by slot: those of the core schema, then of each extension
	core       map[string]*Attribute
	extensions []*extension
}

type extension struct {
	urn        string
	key        []byte // "urn":
	marker     []byte // what a canonical record that has it contains: "urn":{
	attributes map[string]*Attribute
}

func newType(name, endpoint, description string, core library.Schema, extensions []library.Schema) (*Type, error) {
	t := &Type{Name: name, Endpoint: endpoint, Description: description, Schemas: append([]library.Schema{core}, extensions...)}
	own := slices.Clone(core.Attributes)
	own = slices.Insert(own, min(1, len(own)), externalID())
	t.core = t.add("", own)
	for _, s := range extensions {
		if s.ID == "" || slices.ContainsFunc(t.Schemas[:1+len(t.extensions)], func(o library.Schema) bool { return strings.EqualFold(o.ID, s.ID) }) {
			return nil, fmt.Errorf("resource type %s: extension %q has no id of its own", name, s.ID)
		}
		key := append(appendText(nil, s.ID), ':')
		t.extensions = append(t.extensions, &extension{
			urn: s.ID, key: key, marker: append(slices.Clone(key), '{'), attributes: t.add(s.ID, s.Attributes),
		})
	}
	return t, nil
}

func (t *Type) add(urn string, attributes []library.CoreAttribute) map[string]*Attribute {
	names := map[string]*Attribute{}
	for i := range attributes {
		a := newAttribute(urn, &attributes[i])
		a.slot = len(t.attributes)
		a.edges = urn == "" && (t.Name == "Group" && a.Name == "members" || t.Name == "User" && a.Name == "groups")
		a.passes = urn == DrawbridgeURN && a.Name == occurredName
		a.closed = urn == DrawbridgeURN && len(a.Words) > 0
		t.attributes = append(t.attributes, a)
		t.shy = t.shy || a.shy() && !a.passes && !a.edges
		if a.Immutable {
			t.immutable = append(t.immutable, a)
		}
		for _, s := range a.Subs {
			switch {
			case !s.Immutable:
			case a.Multi:
				a.fixed = append(a.fixed, s)
			default:
				t.immutable = append(t.immutable, s)
			}
		}
		if len(a.fixed) > 0 {
			t.fixed = append(t.fixed, a)
		}
		for _, one := range append([]*Attribute{a}, a.Subs...) {
			t.demanding = t.demanding || urn != "" && (one.Required || one.Unique)
			if one.Unique = one.Unique && urn != ""; one.Unique { // userName has an index of its own
				t.unique = append(t.unique, one)
			}
		}
		names[a.Name], names[fold(a.Name)] = a, a
	}
	return names
}

func newAttribute(urn string, from *library.CoreAttribute) *Attribute {
	a := &Attribute{
		Name: from.Name(), URN: urn, Kind: Kind(from.AttributeType()), Multi: from.MultiValued(),
		CaseExact: from.CaseExact(), Required: from.Required(), ReadOnly: from.Mutability() == "readOnly",
		Immutable: from.Mutability() == "immutable", Returned: from.Returned(), Unique: from.Uniqueness() != "none" && from.Uniqueness() != "",
		Words: from.CanonicalValues(), key: append(appendText(nil, from.Name()), ':'),
	}
	if from.Mutability() == "writeOnly" {
		a.Returned = "never"
	}
	a.CaseExact = a.CaseExact || a.Kind.exact()
	if a.Kind == Reference {
		a.anyURI = len(from.ReferenceTypes()) == 0 || slices.Contains(from.ReferenceTypes(), library.AttributeReferenceTypeURI)
	}
	subs := from.SubAttributes()
	for i := range subs {
		s := newAttribute("", &subs[i])
		s.parent, s.slot = a, i
		a.Subs = append(a.Subs, s)
	}
	a.subs = map[string]*Attribute{}
	for _, s := range a.Subs {
		a.subs[s.Name], a.subs[fold(s.Name)] = s, s
	}
	// Senders who have no display call it displayName.
	if display, ok := a.subs["display"]; ok && a.subs["displayname"] == nil {
		a.subs["displayname"] = display
	}
	return a
}

// attribute returns the attribute of a schema, named in any case; the core
// schema's URN may be left out.
func (t *Type) attribute(urn, name string) (*Attribute, bool) {
	if urn == "" || strings.EqualFold(urn, t.Schemas[0].ID) {
		return named(t.core, name)
	}
	for _, x := range t.extensions {
		if strings.EqualFold(x.urn, urn) {
			return named(x.attributes, name)
		}
	}
	return nil, false
}

// bare returns the core attribute with the name, or the enterprise extension's:
// many senders leave its URN out.
func (t *Type) bare(name string) (*Attribute, bool) {
	if a, ok := t.attribute("", name); ok {
		return a, true
	}
	return t.attribute(EnterpriseURN, name)
}

// urnOf splits what begins with the URN of one of the type's schemas: the URN,
// the longest where one begins with another, and what follows behind a colon.
func (t *Type) urnOf(path string) (urn, rest string, ok bool) {
	rest = path
	if n := len(t.Alias); n > 0 && len(path) > n && path[n] == ':' && strings.EqualFold(path[:n], t.Alias) {
		return t.Schemas[0].ID, path[n+1:], true
	}
	for _, s := range t.Schemas {
		n := len(s.ID)
		if n <= len(urn) || len(path) < n || !strings.EqualFold(path[:n], s.ID) {
			continue
		}
		switch {
		case len(path) == n:
			return s.ID, "", true
		case path[n] == ':':
			urn, rest, ok = s.ID, path[n+1:], true
		}
	}
	return urn, rest, ok
}

// extension returns the extension with the URN, in any case.
func (t *Type) extension(urn string) (*extension, bool) {
	i := slices.IndexFunc(t.extensions, func(x *extension) bool { return strings.EqualFold(x.urn, urn) })
	if i < 0 {
		return nil, false
	}
	return t.extensions[i], true
}

func fold(s string) string { return strings.ToLower(s) }
