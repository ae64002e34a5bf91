package scim

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// An Op is what a PATCH operation does.
type Op string

// The operations of RFC 7644, section 3.5.2.
const (
	Add     Op = "add"
	Remove  Op = "remove"
	Replace Op = "replace"
)

// An Operation is one canonical PATCH operation. A Replace without a value unsets.
type Operation struct {
	Op Op
	Path
	Value   []byte // canonical; of a Remove, the elements that are meant
	IDs     []string
	all     bool // a Remove, or Replace, is of every member
	chooses bool // Where says which members are meant, and IDs are yet to be found by it
}

// A Patch is what a sender wants modified.
type Patch struct {
	Operations []Operation
	Dropped    []string  // attributes that no schema knows
	Occurred   time.Time // the source's own time of the change, where it stated it
	Modified   time.Time // meta.lastModified as sent: the source's own time, or an echo of ours
}

// ParsePatch reads the body of a PATCH, in any dialect.
func (t *Type) ParsePatch(body []byte, l Limits) (Patch, error) {
	if err := check(body, l.depth()); err != nil {
		return Patch{}, err
	}
	var list []byte
	for name, value := range members(body) {
		switch fold(name) {
		case "operations":
			list = value
		case "schemas": // some name what they change
			if err := means(value, patchURN, t.Schemas[0].ID); err != nil {
				return Patch{}, err
			}
		}
	}
	in := patchIntake{typ: t, most: l.operations(), reader: reader{buf: make([]byte, 0, min(len(body), usualBody)/2+64)}}
	switch {
	case list == nil:
		return Patch{}, Invalid(InvalidSyntax, "Operations: it is missing; a PATCH is {\"schemas\":[...],\"Operations\":[{\"op\":...,\"path\":...,\"value\":...}]}")
	case list[0] == '{':
		return in.done(in.operation(list))
	case list[0] != '[':
		return Patch{}, Invalid(InvalidSyntax, "Operations: it must be a list")
	}
	for raw := range elements(list) {
		if err := in.operation(raw); err != nil {
			return Patch{}, err
		}
	}
	return in.done(nil)
}

// A patchIntake is a PATCH on its way in.
type patchIntake struct {
	reader
	typ        *Type
	operations []Operation
	most       int // operations, also of those that one object stands for
	seen       int
	modified   time.Time
}

// count counts an operation, or one of those that an object stands for.
func (in *patchIntake) count() error {
	if in.seen++; in.seen > in.most {
		return &Error{Status: http.StatusRequestEntityTooLarge, Type: TooMany, Detail: "Operations: there are more than one request may have; split it"}
	}
	return nil
}

func (in *patchIntake) done(err error) (Patch, error) {
	return Patch{Operations: in.operations, Dropped: in.dropped, Occurred: in.occurred, Modified: in.modified}, err
}

// operation takes in one operation as it was sent.
func (in *patchIntake) operation(raw []byte) error {
	if raw[0] != '{' {
		return Invalid(InvalidSyntax, "Operations: each must be an object")
	}
	if err := in.count(); err != nil {
		return err
	}
	var o Op
	var path string
	var value []byte
	for name, v := range members(raw) {
		switch fold(name) {
		case "op":
			o = Op(fold(strings.TrimSpace(text(v))))
		case "path":
			if v[0] != '"' && v[0] != 'n' {
				return Invalid(InvalidPath, "path: it must be a string")
			}
			path = text(v)
		case "value":
			value = v
		}
	}
	switch {
	case o != Add && o != Remove && o != Replace:
		return Invalid(InvalidSyntax, "op: %q is none of add, remove, replace", string(o))
	case strings.TrimSpace(path) != "":
		return in.at(o, path, value, false)
	case value != nil && value[0] == '{':
		return in.spread(o, "", value)
	case o == Remove:
		return Invalid(NoTarget, "path: a remove must say what")
	}
	return Invalid(InvalidValue, "value: without a path it must be an object of attributes")
}

// spread makes an operation of each member of an object.
func (in *patchIntake) spread(o Op, prefix string, value []byte) error {
	for name, v := range members(value) {
		if prefix == "" && ours(fold(name)) {
			if fold(name) == "meta" {
				in.modified = modified(v)
			}
			continue
		}
		if err := in.count(); err != nil {
			return err
		}
		if err := in.at(o, prefix+name, v, true); err != nil {
			return err
		}
	}
	return nil
}

// at makes the operation at one path. What is loose was one key of an object,
// and what may not be written in it is passed over; what was named by a path is
// refused.
func (in *patchIntake) at(o Op, path string, value []byte, loose bool) error {
	if core := in.typ.Schemas[0].ID; o != Remove && len(value) > 0 && value[0] == '{' && strings.EqualFold(path, core) {
		return in.spread(o, core+":", value)
	}
	p, err := in.typ.parsePath(path)
	if unknown, ok := errors.AsType[unknownError](err); ok {
		return in.unknown(o, unknown.path, value, loose)
	}
	if err != nil {
		return err
	}
	if p.whole != nil {
		return in.extension(o, p.whole, value)
	}
	a := p.Attribute
	switch {
	case a.ReadOnly || p.Sub != nil && p.Sub.ReadOnly:
		if loose {
			return nil
		}
		return Invalid(Mutability, "%s: it is read-only", path)
	case a.passes:
		return in.stated(a, value)
	case a.edges:
		return in.members(o, p, value, loose)
	}
	return in.attribute(o, p, value)
}

func (in *patchIntake) unknown(o Op, path string, value []byte, loose bool) error {
	name := strings.ToLower(path)
	if !loose && malformed(name) {
		return Invalid(InvalidPath, "path: %q is none", path)
	}
	switch first, _, _ := strings.Cut(name, "."); first {
	case "schemas":
		if o != Remove { // they follow from what the resource has
			return nil
		}
		return Invalid(Mutability, "%s: it is required, and can not be unset", path)
	case "password":
		return nil
	case "id", "meta":
		if loose {
			return nil
		}
		return Invalid(Mutability, "%s: it is read-only", path)
	}
	if strings.HasPrefix(name, "urn:") && len(value) > 0 && value[0] == '{' {
		for inner := range members(value) {
			in.drop(path + ":" + inner)
		}
		return nil
	}
	in.drop(path)
	return nil
}

// malformed reports whether a path can not be one, of whatever schema.
func malformed(path string) bool {
	return strings.Contains(path, "..") || strings.Trim(path, ".") != path || strings.ContainsAny(path, " \t\"()") && !strings.Contains(path, "[")
}

// extension makes operations of what was sent for all of an extension.
func (in *patchIntake) extension(o Op, x *extension, value []byte) error {
	if len(value) > 0 && value[0] == '{' && o != Remove {
		return in.spread(o, x.urn+":", value)
	}
	if len(value) > 0 && value[0] != 'n' && o != Remove {
		return Invalid(InvalidValue, "%s: it must be an object", x.urn)
	}
	for _, a := range in.typ.attributes {
		if a.URN == x.urn {
			in.operations = append(in.operations, Operation{Op: Remove, Path: Path{Attribute: a}})
		}
	}
	return nil
}

// stated takes the source's own time of the change.
func (in *patchIntake) stated(a *Attribute, value []byte) error {
	if value == nil {
		return nil
	}
	v, err := in.value(a, value)
	if err == nil {
		in.occurred, _ = instant(text(v))
	}
	return err
}

// attribute makes an operation on what a Record holds.
func (in *patchIntake) attribute(o Op, p Path, value []byte) error {
	one := Operation{Op: o, Path: p}
	if o == Remove && (p.Sub != nil || p.Where != nil || !p.Attribute.Multi) {
		value = nil // some send what they remove: it is there or it is not
	}
	if value == nil {
		if o != Remove {
			return Invalid(InvalidValue, "%s: the %s has no value", p.Attribute.Path(), o)
		}
		in.operations = append(in.operations, one)
		return nil
	}
	var err error
	in.nonsense = false
	switch {
	case p.Sub != nil:
		one.Value, err = in.value(p.Sub, value)
	case p.Where != nil:
		one.Value, err = in.valueOf(p.Attribute, value)
	default:
		one.Value, err = in.value(p.Attribute, value)
	}
	switch {
	case err != nil:
		return err
	case one.Value == nil && in.nonsense:
		return nil // it was dropped, and is no word for nothing
	case one.Value == nil && o == Remove && value[0] != '[':
		// Of null, or of an empty text: all of it. Of an empty list: nothing.
	case one.Value == nil && o != Replace:
		return nil // adds or removes nothing
	}
	in.operations = append(in.operations, one)
	return nil
}

// valueOf returns one element of a list in canonical form.
func (in *patchIntake) valueOf(a *Attribute, raw []byte) ([]byte, error) {
	mark := len(in.buf)
	some, err := in.element(a, raw)
	if err != nil || !some {
		in.buf = in.buf[:mark]
		return nil, err
	}
	return in.since(mark), nil
}

// members makes an operation on who is in a group.
func (in *patchIntake) members(o Op, p Path, value []byte, loose bool) error {
	one := Operation{Op: o, Path: p}
	switch {
	case p.Sub != nil && (o != Add || p.Sub.Name != "value" || p.Where != nil), p.Where != nil && o != Remove:
		if loose {
			return nil // display, type and $ref follow from who it is
		}
		return Invalid(Mutability, "members: what they are is immutable; a member is added or removed as a whole")
	case p.Where != nil:
		if one.chooses = !p.Where.aboutValue(); !one.chooses {
			one.IDs, _ = p.Where.only()
		}
		in.operations = append(in.operations, one)
		return nil
	case value == nil && o == Remove:
		one.all = true
	case value == nil || value[0] == 'n':
		// Nothing was said of the members; it must not read as nobody.
		if loose || o == Add {
			return nil
		}
		return Invalid(InvalidValue, "members: say who, by a list of {\"value\": id}; [] is nobody")
	}
	if value != nil {
		var err error
		if one.IDs, err = in.memberIDs(value); err != nil {
			return err
		}
		one.all = o == Replace
	}
	in.operations = append(in.operations, one)
	return nil
}
