package scim

import (
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/schema"
)

// What a schema asks for, a request must not make worse: it takes away nothing that is
// required, and sets nothing unique that another has. What was stored before the schema
// asked for it is nobody's fault who changes something else. And whoever is to be active no
// more is refused nothing of what extensions ask for: access ends whatever a form lacks.

// complete is sound, and returns an error if the record has less of what an extension
// asks for than it had. What it lacked before, or had, nobody is refused for who changes
// something else; and whoever is to be active no more, for nothing of it.
func (r Record) complete(was Record, ends bool) error {
	if err := r.sound(); err != nil {
		return err
	}
	for _, v := range r.sets(was) {
		if len(v) > maxUnique && !ends {
			attribute, _, _ := strings.Cut(v, "=")
			return Invalid(InvalidValue, "%s: it is longer than %d bytes", attribute, maxIndexed)
		}
	}
	if a := r.missing(was, ends); a != nil {
		return unset(a)
	}
	return nil
}

func unset(a *Attribute) error {
	return Invalid(InvalidValue, "%s: it is required and must not be empty", a.Path())
}

// ends reports whether somebody who was active is so no more.
func (r Record) ends(was Record) bool {
	a, ok := r.typ.attribute("", "active")
	return ok && string(r.values[a.slot]) == "false" && string(was.values[a.slot]) != "false"
}

// missing returns a required attribute that is unset, and was not already, nil if there
// is none. Those of an extension are required of who is of it at all, and of nobody whose
// time ends.
func (r Record) missing(was Record, ends bool) *Attribute {
	for i, a := range r.typ.attributes {
		v := r.values[i]
		switch {
		case a.edges || a.ReadOnly:
		case a.URN == "":
			if a.Required && blank(v) {
				return a
			}
		case ends || !r.isOf(a.URN):
		case a.Required && blank(v):
			if !was.isOf(a.URN) || !blank(was.values[i]) {
				return a
			}
		case v != nil:
			if s := a.incomplete(was.values[i], v); s != nil {
				return s
			}
		}
	}
	return nil
}

// blank reports whether a value is none, or a text of nothing but space.
func blank(v []byte) bool { return v == nil || v[0] == '"' && strings.TrimSpace(text(v)) == "" }

// isOf reports whether the record has something of an extension.
func (r Record) isOf(urn string) bool {
	for i, a := range r.typ.attributes {
		if a.URN == urn && r.values[i] != nil {
			return true
		}
	}
	return false
}

// incomplete returns a required part that a complex value lacks, more often than it did.
func (a *Attribute) incomplete(was, now []byte) *Attribute {
	for _, s := range a.Subs {
		if s.Required && !s.ReadOnly && a.without(s, now) > a.without(s, was) {
			return s
		}
	}
	return nil
}

// without is how many values of an attribute lack a part.
func (a *Attribute) without(part *Attribute, value []byte) (n int) {
	for object := range a.each(value) {
		if member(object, part.Name) == nil {
			n++
		}
	}
	return n
}

// maxUnique is how long, in bytes, an attribute and a value may be that no two have.
const maxUnique = 2 * maxIndexed

// Claims returns what a resource sets that no other of its source may have, and that it
// did not have before.
func (t *Type) Claims(before, now json.RawMessage) ([]string, error) {
	if len(t.unique) == 0 {
		return nil, nil
	}
	was, err := t.Decode(before)
	if err != nil {
		return nil, err
	}
	is, err := t.Decode(now)
	if err != nil {
		return nil, err
	}
	return is.sets(was), nil
}

// Unique are the attributes that no two of a source may have one value of, and how values
// of each are told apart; sorted.
func (t *Type) Unique() []string {
	var all []string
	for _, a := range t.unique {
		how := string(a.Kind)
		if a.CaseExact {
			how += ", by case"
		}
		all = append(all, a.Path()+": "+how)
	}
	return schema.Sorted(all...)
}

// Found returns the unique values by which a stored resource is to be found.
func (t *Type) Found(resource json.RawMessage) ([]string, error) {
	if len(t.unique) == 0 {
		return nil, nil
	}
	r, err := t.Decode(resource)
	if err != nil {
		return nil, err
	}
	return r.found(), nil
}

// sets are the unique values that the record has and had not before.
func (r Record) sets(was Record) []string {
	had := was.uniques()
	return slices.DeleteFunc(r.uniques(), func(v string) bool { return slices.Contains(had, v) })
}

// found are the unique values by which the record can be found: what was stored before
// it was to be unique may be too long for that.
func (r Record) found() []string {
	return slices.DeleteFunc(r.uniques(), func(v string) bool { return len(v) > maxUnique })
}

// uniques returns what no other record of the source may have, by the schemas of
// extensions: attribute=value, sorted.
func (r Record) uniques() []string {
	var all []string
	add := func(a *Attribute, raw []byte) {
		v := string(raw)
		if len(v) > 0 && v[0] == '"' {
			if v = text(raw); !a.CaseExact {
				v = fold(v)
			}
		}
		if v != "" {
			all = append(all, a.Path()+"="+v)
		}
	}
	for _, a := range r.typ.unique {
		if a.parent == nil {
			for v := range a.each(r.values[a.slot]) {
				add(a, v)
			}
			continue
		}
		for object := range a.parent.each(r.values[a.parent.slot]) {
			for v := range a.each(member(object, a.Name)) {
				add(a, v)
			}
		}
	}
	if all == nil {
		return nil
	}
	return schema.Sorted(all...)
}
