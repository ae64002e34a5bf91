package scim

import (
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/schema"
)

// What a schema asks for, a request must not make worse: it takes away nothing that is
// required, and sets nothing unique that another has. What was stored before the schema
// asked for it is nobody's fault who changes something else. And whoever is out once the
// request is done is refused nothing of what extensions ask for: access ends whatever a
// form lacks. Who comes back in brings along nothing that is another's.

// complete is sound, and returns an error if the record has less of what an extension
// asks for than it had. What it lacked before, or had, nobody is refused for who changes
// something else; and whoever is told of as out, for nothing of it.
func (r Record) complete(was Record) error {
	if err := r.sound(); err != nil {
		return err
	}
	for _, v := range r.claims(was) {
		if len(v) > maxUnique {
			attribute, _, _ := strings.Cut(v, "=")
			return Invalid(InvalidValue, "%s: it is longer than %d bytes", attribute, maxIndexed)
		}
	}
	if a := r.missing(was, r.ends(was)); a != nil {
		return unset(a)
	}
	return nil
}

func unset(a *Attribute) error {
	return Invalid(InvalidValue, "%s: it is required and must not be empty", a.Path())
}

// out reports whether somebody is to have nothing: they are not active, or their
// employment is over.
func (r Record) out() bool {
	if a, ok := r.typ.attribute("", "active"); ok && string(r.values[a.slot]) == "false" {
		return true
	}
	return schema.EmploymentOver(r.employment("employmentStatus"))
}

// ends reports whether somebody who was stored is told of as out, or that their
// employment ends, on a day that was not known or is sooner than it was.
func (r Record) ends(was Record) bool {
	if was.isNew() {
		return false
	}
	if r.out() {
		return true
	}
	last, told := instant(r.employment("endDate"))
	if !told {
		return false
	}
	before, told := instant(was.employment("endDate"))
	return !told || last.Before(before)
}

// employment is what the record says of employment, "" if nothing.
func (r Record) employment(name string) string {
	a, ok := r.typ.attribute(DrawbridgeURN, name)
	if !ok || r.values[a.slot] == nil {
		return ""
	}
	return text(r.values[a.slot])
}

// isNew reports whether the record is nothing yet.
func (r Record) isNew() bool {
	return !slices.ContainsFunc(r.values, func(v []byte) bool { return v != nil })
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
// did not have before. Who was stored and is told of as out claims nothing, and who
// comes back in all that they have: meanwhile nobody looked at it.
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
	return is.claims(was), nil
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

// claims are the unique values that must be free for the record to become what it is.
// One that is too long to be found by was stored before it was to be unique.
func (r Record) claims(was Record) []string {
	if len(r.typ.unique) == 0 || r.out() && !was.isNew() {
		return nil
	}
	had, back := was.uniques(), was.out()
	return slices.DeleteFunc(r.uniques(), func(v string) bool {
		return slices.Contains(had, v) && (!back || len(v) > maxUnique)
	})
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
