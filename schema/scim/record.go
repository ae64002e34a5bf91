package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"drawbridge/schema"
)

// A Record is one resource in canonical form: for each attribute of its type the
// JSON of its value, or nil where it is unset. What is readOnly, and who is in
// which group, is not in it.
type Record struct {
	typ    *Type
	values [][]byte
}

func (t *Type) newRecord() Record { return Record{typ: t, values: make([][]byte, len(t.attributes))} }

// Decode reads what Encode wrote. The Record shares the bytes.
func (t *Type) Decode(resource []byte) (Record, error) {
	r := t.newRecord()
	if len(resource) == 0 {
		return r, nil
	}
	if !json.Valid(resource) {
		return r, fmt.Errorf("stored resource is not JSON: %w", schema.ErrInvalid)
	}
	for name, value := range members(resource) {
		if a, ok := named(t.core, name); ok {
			r.values[a.slot] = value
			continue
		}
		if x, ok := t.extension(name); ok {
			for name, value := range members(value) {
				if a, ok := named(x.attributes, name); ok {
					r.values[a.slot] = value
				}
			}
		}
	}
	return r, nil
}

// Text returns a core attribute of a canonical resource, if it is a text.
func (t *Type) Text(resource []byte, name string) string {
	a, ok := t.attribute("", name)
	if !ok {
		return ""
	}
	return text(a.in(resource))
}

// Clone returns a copy that can be changed by itself.
func (r Record) Clone() Record {
	return Record{typ: r.typ, values: append([][]byte(nil), r.values...)}
}

// Encode returns the record as one JSON object, its attributes in the order of
// their schemas: two records that say the same are the same bytes.
func (r Record) Encode() json.RawMessage {
	size := 2
	for i, v := range r.values {
		if v != nil {
			size += len(v) + len(r.typ.attributes[i].key) + 1
		}
	}
	for _, x := range r.typ.extensions {
		size += len(x.key) + 3
	}
	dst := append(make([]byte, 0, size), '{')
	urn, at := "", 0
	for i, v := range r.values {
		a := r.typ.attributes[i]
		if v == nil {
			continue
		}
		if a.URN != urn {
			if urn != "" {
				dst = append(dst, '}')
			}
			for r.typ.extensions[at].urn != a.URN {
				at++
			}
			dst = append(append(comma(dst), r.typ.extensions[at].key...), '{')
			urn = a.URN
		}
		dst = append(append(comma(dst), a.key...), v...)
	}
	if urn != "" {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// comma separates what comes next from what is before it in an object or array.
func comma(dst []byte) []byte {
	switch dst[len(dst)-1] {
	case '{', '[':
		return dst
	}
	return append(dst, ',')
}

// get returns an attribute's value by name, nil if it is unset or unknown.
func (r Record) get(urn, name string) []byte {
	if a, ok := r.typ.attribute(urn, name); ok {
		return r.values[a.slot]
	}
	return nil
}

// Replacing returns the record as it is in the place of an old one: what is
// immutable, and is not sent again, stays, and so does whether somebody is active,
// for saying nothing of it must not end access, nor give it back. It is an error to
// send another value of what is immutable, or less of what is required than there was.
func (r Record) Replacing(old json.RawMessage) (Record, error) {
	active, ok := r.typ.attribute("", "active")
	if ok = ok && r.values[active.slot] == nil; !ok && len(r.typ.immutable)+len(r.typ.fixed) == 0 && !r.typ.demanding {
		return r, nil
	}
	was, err := r.typ.Decode(old)
	if err != nil {
		return r, err
	}
	r = r.Clone()
	if ok {
		r.values[active.slot] = was.values[active.slot]
	}
	for _, a := range r.typ.immutable {
		switch before := was.of(a); {
		case before == nil || r.of(a) != nil:
		case a.parent == nil:
			r.values[a.slot] = before
		default:
			r.values[a.parent.slot] = setMember(a.parent, r.values[a.parent.slot], a, before)
		}
	}
	if err := r.keeps(was); err != nil {
		return r, err
	}
	return r, r.complete(was)
}

// keeps returns an error if something immutable is not as it was.
func (r Record) keeps(was Record) error {
	for _, a := range r.typ.immutable {
		if before := was.of(a); before != nil && !bytes.Equal(before, r.of(a)) {
			return immutable(a)
		}
	}
	for _, a := range r.typ.fixed {
		if err := a.keepsElements(was.values[a.slot], r.values[a.slot]); err != nil {
			return err
		}
	}
	return nil
}

func immutable(a *Attribute) error {
	return Invalid(Mutability, "%s: it is immutable, and was set before", a.Path())
}

// keepsElements returns an error if something immutable of an element, which a
// list has as it had it before, is another.
func (a *Attribute) keepsElements(was, now []byte) error {
	before := map[string][]byte{}
	for e := range elements(was) {
		before[identity(a, e)] = e
	}
	for e := range elements(now) {
		if err := a.keepsElement(before[identity(a, e)], e); err != nil {
			return err
		}
	}
	return nil
}

// keepsElement is keepsElements of one; nil is an element that is not there.
func (a *Attribute) keepsElement(was, now []byte) error {
	if was == nil || now == nil {
		return nil
	}
	for _, s := range a.fixed {
		if v := member(was, s.Name); v != nil && !bytes.Equal(v, member(now, s.Name)) {
			return immutable(s)
		}
	}
	return nil
}

// of returns the value of an attribute, or of a part of one.
func (r Record) of(a *Attribute) []byte {
	if a.parent != nil {
		return member(r.values[a.parent.slot], a.Name)
	}
	return r.values[a.slot]
}

// maxRecord is how large, in bytes, a resource may get by being added to.
const maxRecord = 1 << 20

// maxIndexed is how long, in bytes, a value may be that resources are found by.
const maxIndexed = 1024

// sound returns an error if an attribute that resources are found by, or all together, are
// too long.
func (r Record) sound() error {
	size := 0
	for _, v := range r.values {
		size += len(v)
	}
	if size > maxRecord {
		return Invalid(InvalidValue, "the resource would be larger than %d bytes", maxRecord)
	}
	for _, name := range []string{"userName", "externalId", "displayName"} {
		if len(r.get("", name)) > maxIndexed {
			return Invalid(InvalidValue, "%s: it is longer than %d bytes", name, maxIndexed)
		}
	}
	for e := range elements(r.get("", "emails")) {
		if len(member(e, "value")) > maxIndexed {
			return Invalid(InvalidValue, "emails.value: it is longer than %d bytes", maxIndexed)
		}
	}
	return nil
}

// each walks the values of an attribute: the elements of a list, or the one there is.
func (a *Attribute) each(value []byte) iter.Seq[[]byte] {
	if a.Multi {
		return elements(value)
	}
	return func(yield func([]byte) bool) {
		if value != nil {
			yield(value)
		}
	}
}

// Identity returns the identity as the record describes it. What the record does
// not say, such as whether it is active, stays as it is; who is new is active.
func (r Record) Identity(id schema.Identity) schema.Identity {
	if a, ok := r.typ.attribute("", "active"); ok && id.ID == "" && r.values[a.slot] == nil {
		r = r.Clone()
		r.values[a.slot] = []byte("true")
	}
	if active := r.get("", "active"); active != nil {
		id.Active = string(active) == "true"
	}
	id.Kind = schema.Human
	if kind := text(r.get(DrawbridgeURN, "kind")); kind != "" {
		id.Kind = schema.Kind(kind)
	}
	id.UserName, id.ExternalID = text(r.get("", "userName")), text(r.get("", "externalId"))
	id.Email, id.OtherEmails = addresses(r.get("", "emails"))
	id.Resource, id.Unique = r.Encode(), r.found()
	return id
}

// addresses returns the primary address, or else the first one, and the others.
func addresses(emails []byte) (first string, others []string) {
	primary := -1
	var all []string
	for e := range elements(emails) {
		value := text(member(e, "value"))
		if value == "" {
			continue
		}
		if bytes.Equal(member(e, "primary"), []byte("true")) && primary < 0 {
			primary = len(all)
		}
		all = append(all, value)
	}
	if len(all) == 0 {
		return "", nil
	}
	primary = max(primary, 0)
	first = all[primary]
	for i, value := range all {
		if i != primary && fold(value) != fold(first) {
			others = append(others, value)
		}
	}
	return first, schema.Sorted(others...)
}

// Group returns the group as the record describes it.
func (r Record) Group(g schema.Group) schema.Group {
	g.DisplayName, g.ExternalID = text(r.get("", "displayName")), text(r.get("", "externalId"))
	g.Resource, g.Unique = r.Encode(), r.found()
	return g
}

// instant reads an xsd:dateTime, or a day, which stands for its first moment.
// One without a zone is in UTC.
func instant(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
