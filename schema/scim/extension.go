package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	library "github.com/elimity-com/scim/schema"
)

// ParseSchema reads the schema of an extension, as RFC 7643, section 7, writes one. It is strict, for what is misspelt in it would be dropped from
// every record without a word: each mistake is told, with the attribute it is in.
func ParseSchema(text []byte) (library.Schema, error) {
	var s library.Schema
	if err := valid(text, 32); err != nil { // what is there twice is told with where it is
		return s, err
	}
	text = trim(text)
	if text[0] != '{' {
		return s, Invalid(InvalidSyntax, "a schema must be a JSON object")
	}
	in := schemaIntake{}
	in.schema(text)
	if len(in.mistakes) > 0 {
		return s, errors.Join(in.mistakes...)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, Invalid(InvalidSyntax, "%v", err)
	}
	return s, nil
}

// A schemaIntake is a schema on its way in, and what is wrong with it.
type schemaIntake struct {
	mistakes []error
}

func (in *schemaIntake) wrong(where, format string, args ...any) {
	if where != "" {
		where += ": "
	}
	in.mistakes = append(in.mistakes, Invalid(InvalidValue, "%s", where+fmt.Sprintf(format, args...)))
}

var (
	urnForm  = regexp.MustCompile(`^(?i:urn):[A-Za-z0-9][A-Za-z0-9-]{0,31}(:[A-Za-z0-9._-]+)+$`)
	nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_$-]*$`) // RFC 7643, section 2.1
)

// ourURNs begin those that no extension may have.
var ourURNs = []string{
	EnterpriseURN + ":", DrawbridgeURN + ":", "urn:ietf:params:scim:schemas:core:", "urn:ietf:params:scim:api:", "urn:okta:scim:schemas:core:",
}

func (in *schemaIntake) schema(text []byte) {
	known := in.keys("", text, "schemas", "id", "name", "description", "attributes", "meta")
	id := in.text("", known, "id")
	switch {
	case known["id"] == nil:
		in.wrong("id", "it is missing: write the schema's URN")
	case !urnForm.MatchString(id):
		in.wrong("id", "%q is no URN, as in urn:example:scim:schemas:extension:hr:2.0:User", id)
	case slices.ContainsFunc(ourURNs, func(urn string) bool { return strings.HasPrefix(fold(id)+":", fold(urn)) }):
		in.wrong("id", "%s is there already", id)
	}
	in.text("", known, "name")
	in.text("", known, "description")
	if in.attributes("", known["attributes"]) == 0 {
		in.wrong("attributes", "there are none: write a list of them")
	}
}

// attributes reads a list of attributes, or of an attribute's sub-attributes, and
// returns how many there are.
func (in *schemaIntake) attributes(parent string, list []byte) int {
	var names []string
	for raw := range elements(list) {
		where := fmt.Sprintf("attribute %d", len(names)+1)
		if name := text(member(raw, "name")); name != "" {
			where = "attribute " + name
			if parent != "" {
				where = "attribute " + parent + "." + name
			}
		}
		name := in.attribute(where, raw, parent != "")
		if slices.Contains(names, fold(name)) {
			in.wrong(where, "it is there twice")
		}
		names = append(names, fold(name))
	}
	return len(names)
}

// attribute reads one attribute and returns its name.
func (in *schemaIntake) attribute(where string, raw []byte, sub bool) string {
	if raw[0] != '{' {
		in.wrong(where, "it must be an object")
		return ""
	}
	known := in.keys(where, raw, "name", "type", "multiValued", "description", "required", "canonicalValues", "caseExact",
		"mutability", "returned", "uniqueness", "referenceTypes", "subAttributes")
	name, kind := in.text(where, known, "name"), in.text(where, known, "type")
	if !nameForm.MatchString(name) && (name != "$ref" || !sub) {
		in.wrong(where, "name: write letters, digits, $, - and _, beginning with a letter; or $ref, of a part")
	}
	in.oneOf(where, "type", kind, string(String), string(Boolean), string(Decimal), string(Integer), string(DateTime), string(Binary), string(Reference), string(Complex))
	for _, key := range []string{"multiValued", "required", "caseExact"} {
		if v := known[key]; v != nil && string(v) != "true" && string(v) != "false" {
			in.wrong(where, "%s: it must be true or false", key)
		}
	}
	in.text(where, known, "description")
	in.texts(where, known, "canonicalValues")
	in.texts(where, known, "referenceTypes")
	in.promises(where, known)
	switch whole := kind == string(Complex); {
	case whole && sub:
		in.wrong(where, "type: a sub-attribute can not be complex (RFC 7643, section 2.3.8)")
	case whole && in.attributes(name, known["subAttributes"]) == 0:
		in.wrong(where, "subAttributes: a complex attribute needs some")
	case (whole || kind == string(Boolean)) && known["uniqueness"] != nil && in.text(where, known, "uniqueness") != "none":
		in.wrong(where, "uniqueness: write none; it is of values that can be told apart, and of a complex attribute's parts")
	case !whole && known["subAttributes"] != nil:
		in.wrong(where, "subAttributes: only a complex attribute has some")
	}
	return name
}

// promises reads what a schema promises to senders.
func (in *schemaIntake) promises(where string, known map[string][]byte) {
	for _, promise := range []struct {
		key  string
		kept []string
	}{
		{"mutability", []string{"readWrite", "immutable", "writeOnly", "readOnly"}}, // what is readOnly is dropped: nobody sets it
		{"returned", []string{"default", "always", "request", "never"}},
		{"uniqueness", []string{"none", "server", "global"}},
	} {
		if v := in.text(where, known, promise.key); known[promise.key] != nil {
			in.oneOf(where, promise.key, v, promise.kept...)
		}
	}
}

// keys returns an object's members, and tells of those that are none of its own,
// or there twice.
func (in *schemaIntake) keys(where string, object []byte, own ...string) map[string][]byte {
	found := map[string][]byte{}
	for key, value := range members(object) {
		switch {
		case !slices.Contains(own, key):
			in.wrong(where, "unknown key %q: there are %s", key, strings.Join(own, ", "))
		case found[key] != nil:
			in.wrong(where, "%s: it is there twice", key)
		}
		found[key] = value
	}
	return found
}

func (in *schemaIntake) text(where string, known map[string][]byte, key string) string {
	v := known[key]
	if v != nil && v[0] != '"' {
		in.wrong(where, "%s: it must be text", key)
	}
	return text(v)
}

func (in *schemaIntake) texts(where string, known map[string][]byte, key string) {
	v := known[key]
	if v == nil {
		return
	}
	if v[0] != '[' {
		in.wrong(where, "%s: it must be a list of texts", key)
	}
	for e := range elements(v) {
		if e[0] != '"' {
			in.wrong(where, "%s: it must be a list of texts", key)
			return
		}
	}
}

func (in *schemaIntake) oneOf(where, key, got string, allowed ...string) {
	if !slices.Contains(allowed, got) {
		in.wrong(where, "%s: %q is none of %s", key, got, strings.Join(allowed, ", "))
	}
}
