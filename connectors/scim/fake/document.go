package fake

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// The attributes of the enterprise extension, and those of several values.
var (
	enterprise = []string{"department", "employeeNumber", "costCenter", "organization", "division", "manager"} //nolint:misspell // SCIM spells it so
	several    = []string{"emails", "phoneNumbers", "addresses", "ims", "photos", "roles", "entitlements", "x509Certificates"}
)

// A place is where a document has an attribute.
type place struct{ urn, name, sub string }

// placeOf reads a name as profiles and paths write it.
func placeOf(name string) place {
	var at place
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		at.urn, name = name[:i], name[i+1:]
	}
	at.name, at.sub, _ = strings.Cut(name, ".")
	if at.urn == userURN {
		at.urn = ""
	}
	if at.urn == "" && slices.Contains(enterprise, at.name) {
		at.urn = enterpriseURN
	}
	return at
}

func isURN(name string) bool { return strings.HasPrefix(name, "urn:") }

// holder returns the object in which the attribute is, or would be.
func (at place) holder(doc map[string]any, create bool) map[string]any {
	if at.urn == "" {
		return doc
	}
	inner, _ := doc[at.urn].(map[string]any)
	if inner == nil && create {
		inner = map[string]any{}
		doc[at.urn] = inner
	}
	return inner
}

// value returns the attribute as text: of several values the primary one's.
func (at place) value(doc map[string]any) string {
	v := at.holder(doc, false)[at.name]
	if at.sub == "" {
		return text(v)
	}
	if list, ok := v.([]any); ok {
		v = nil
		for i, each := range list {
			m, _ := each.(map[string]any)
			if i == 0 || m["primary"] == true {
				v = each
			}
		}
	}
	m, _ := v.(map[string]any)
	return text(m[at.sub])
}

// clone copies the document, however deep.
func clone(doc map[string]any) map[string]any {
	c := make(map[string]any, len(doc)+4)
	for k, v := range doc {
		c[k] = cloneValue(v)
	}
	return c
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return clone(v)
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = cloneValue(v[i])
		}
		return c
	}
	return v
}

// inWords writes booleans as text, for targets that do.
func inWords(doc map[string]any) map[string]any {
	for k, v := range doc {
		switch v := v.(type) {
		case bool:
			doc[k] = map[bool]string{true: "True", false: "False"}[v]
		case map[string]any:
			inWords(v)
		case []any:
			for _, each := range v {
				if m, ok := each.(map[string]any); ok {
					inWords(m)
				}
			}
		}
	}
	return doc
}

// booleans reads what must be a boolean, in the target's way of writing one, and
// refuses it in any other.
func (p *Provider) booleans(name string, v any) (any, error) {
	switch v := v.(type) {
	case bool:
		if !p.profile.BooleanText {
			return v, nil
		}
	case string:
		if p.profile.BooleanText && (v == "True" || v == "False") {
			return v == "True", nil
		}
	}
	return nil, invalid("%s is %v, which is no boolean here", name, v)
}

// clean returns what of a sent user is kept, and refuses values of a wrong type.
func (p *Provider) clean(sent map[string]any) (map[string]any, error) {
	if named, ok := sent["schemas"].([]any); !ok || !slices.Contains(named, any(userURN)) {
		return nil, refuse(http.StatusBadRequest, "invalidSyntax", "schemas does not name %s", userURN)
	}
	doc := map[string]any{}
	for name, v := range sent {
		if slices.Contains([]string{"schemas", "id", "meta", "groups"}, name) || v == nil {
			continue
		}
		kept, err := p.typed(name, v)
		if err != nil {
			return nil, err
		}
		doc[name] = kept
	}
	return doc, nil
}

// typed returns the value as it is kept, if it is of the attribute's type.
func (p *Provider) typed(name string, v any) (any, error) {
	if name == "active" {
		return p.booleans(name, v)
	}
	list, isList := v.([]any)
	m, isObject := v.(map[string]any)
	switch {
	case slices.Contains(several, name):
		if !isList {
			return nil, invalid("%s has several values: send a list", name)
		}
		for _, each := range list {
			m, ok := each.(map[string]any)
			if !ok {
				return nil, invalid("a value of %s is no object", name)
			}
			if primary, ok := m["primary"]; ok {
				b, err := p.booleans(name+".primary", primary)
				if err != nil {
					return nil, err
				}
				m["primary"] = b
			}
		}
	case name == "name" || name == "manager" || isURN(name):
		if !isObject {
			return nil, invalid("%s is no object", name)
		}
		for inner, v := range m {
			if _, ok := v.(string); !ok && inner != "manager" {
				return nil, invalid("%s of %s is no text", inner, name)
			}
		}
	default:
		if _, ok := v.(string); !ok {
			return nil, invalid("%s is no text", name)
		}
	}
	return v, nil
}

// judge refuses a user that the target would not have, as a new one, or in place
// of the one it is.
func (p *Provider) judge(is *entry, doc map[string]any) error {
	wishes := p.profile.Attributes
	name := folded(doc)
	if name == "" {
		return invalid("userName is required")
	}
	if _, taken := p.byName[name]; taken && (is == nil || folded(is.doc) != name) && !p.liar.now().Twice {
		return refuse(http.StatusConflict, "uniqueness", "userName is taken")
	}
	for _, name := range wishes.Required {
		if placeOf(name).value(doc) == "" {
			return invalid("%s is required", name)
		}
	}
	for _, name := range wishes.Omit {
		if at := placeOf(name); at.value(doc) != "" {
			return invalid("%s is not supported", name)
		}
	}
	for _, name := range wishes.SingleValued {
		if list, ok := doc[name].([]any); ok && len(list) > 1 {
			return invalid("%s has %d values, and one is supported", name, len(list))
		}
	}
	for _, name := range wishes.Uncleared {
		if at := placeOf(name); is != nil && at.value(is.doc) != "" && at.value(doc) == "" {
			return invalid("%s cannot be cleared", name)
		}
	}
	for name, bad := range wishes.Forbidden {
		if v := placeOf(name).value(doc); strings.ContainsAny(v, bad) {
			return invalid("%s has one of the characters %q", name, bad)
		}
	}
	for name, limit := range wishes.MaxLength {
		if n := utf8.RuneCountInString(placeOf(name).value(doc)); n > limit {
			return invalid("%s has %d characters, and %d are supported", name, n, limit)
		}
	}
	return nil
}

// keeps refuses a change of what the target keeps as it is.
func (p *Provider) keeps(was, is map[string]any) error {
	wishes := p.profile.Attributes
	fixed := func(name string) error {
		return refuse(http.StatusBadRequest, "mutability", "%s cannot be changed", name)
	}
	for _, name := range wishes.Fixed {
		if name != "*" && placeOf(name).value(was) != placeOf(name).value(is) {
			return fixed(name)
		}
	}
	if slices.Contains(wishes.Fixed, "*") {
		for _, name := range slices.Concat(sortedKeys(was), sortedKeys(is)) {
			if name != "active" && !reflect.DeepEqual(was[name], is[name]) {
				return fixed(name)
			}
		}
	}
	for _, name := range wishes.CaseKept {
		if now, then := placeOf(name).value(is), placeOf(name).value(was); now != then && strings.EqualFold(now, then) {
			return invalid("%s is the same but for the case of its letters", name)
		}
	}
	return nil
}
