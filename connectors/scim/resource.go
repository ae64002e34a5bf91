package scim

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"
)

// The URNs of what is sent and read.
const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// enterprise are the attributes that are written under the enterprise extension
// when an account names them without its URN.
var enterprise = []string{"department", "employeeNumber", "costCenter", "organization", "division", "manager"} //nolint:misspell // SCIM spells it so

// several are the attributes of which a user may have several values. An account
// names one of them: the primary one, or the one for work, or the first.
var several = []string{"emails", "phoneNumbers", "addresses", "ims", "photos", "roles", "entitlements", "x509Certificates"}

// unread are never part of an account's attributes.
var unread = []string{"schemas", "id", "meta", "groups", "active", "members", "password", "photos", "x509Certificates"}

// A path is the place of an attribute in a resource.
type path struct{ urn, name, sub string }

// parsePath reads an account's name for an attribute: userName, name.givenName,
// emails.value, department, or URN:attribute.
func parsePath(text string) path {
	var p path
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		p.urn, text = text[:i], text[i+1:]
	}
	p.name, p.sub, _ = strings.Cut(text, ".")
	if p.urn == userURN {
		p.urn = ""
	}
	if p.urn == "" && slices.Contains(enterprise, p.name) {
		p.urn = enterpriseURN
	}
	return p
}

// String returns the path as PATCH operations and filters write it.
func (p path) String() string {
	text := p.name
	if p.sub != "" {
		text += "." + p.sub
	}
	if p.urn != "" {
		text = p.urn + ":" + text
	}
	return text
}

func (p path) several() bool { return p.urn == "" && p.sub != "" && slices.Contains(several, p.name) }

// A resource is a SCIM resource as JSON has it.
type resource map[string]any

// decode reads a resource. Numbers stay as they are written.
func decode(body []byte) (resource, error) {
	var r resource
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		return nil, connectors.Foreign(transient("the target's answer is not a JSON object: %w", err))
	}
	return r, nil
}

// key returns the key under which the map has the attribute: names of attributes
// know no case.
func key(m map[string]any, name string) string {
	if _, ok := m[name]; ok {
		return name
	}
	for k := range m {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func (r resource) id() string { return text(r[key(r, "id")]) }

// active returns whether the user is active; one that does not say so is.
func (r resource) active() bool {
	v, ok := r[key(r, "active")]
	return !ok || truth(v)
}

// get returns the value at the path; nothing if there is none.
func (r resource) get(p path) string {
	holder := map[string]any(r)
	if p.urn != "" {
		holder, _ = r[key(r, p.urn)].(map[string]any)
	}
	v := holder[key(holder, p.name)]
	if p.sub == "" {
		return text(v)
	}
	if list, ok := v.([]any); ok {
		v = nil
		if i := chosen(list); i >= 0 {
			v = list[i]
		}
	}
	m, _ := v.(map[string]any)
	return text(m[key(m, p.sub)])
}

// set writes the value at the path, and nothing beside it; an empty one is
// removed. yes is how the target writes true.
func (r resource) set(p path, value string, yes any) {
	holder := map[string]any(r)
	if p.urn != "" {
		k := key(r, p.urn)
		inner, _ := r[k].(map[string]any)
		if inner == nil && value == "" {
			return
		}
		if inner == nil {
			inner = map[string]any{}
			r[k] = inner
			r.name(p.urn)
		}
		holder = inner
	}
	k := key(holder, p.name)
	switch {
	case p.several():
		list, _ := holder[k].([]any)
		if list = setChosen(list, p.sub, value, yes); len(list) == 0 {
			delete(holder, k)
		} else {
			holder[k] = list
		}
	case p.sub != "":
		inner, _ := holder[k].(map[string]any)
		if inner == nil && value == "" {
			return
		}
		if inner == nil {
			inner = map[string]any{}
			holder[k] = inner
		}
		put(inner, p.sub, value)
	default:
		put(holder, p.name, value)
	}
}

// name adds the URN to the schemas that the resource names.
func (r resource) name(urn string) {
	named, _ := r["schemas"].([]any)
	if !slices.Contains(named, any(urn)) {
		r["schemas"] = append(named, urn)
	}
}

func put(m map[string]any, name, value string) {
	k := key(m, name)
	if value == "" {
		delete(m, k)
		return
	}
	m[k] = value
}

// setChosen writes the part of the one value that an account names, makes one if
// there is none, and takes it away if it is to be empty.
func setChosen(list []any, sub, value string, yes any) []any {
	i := chosen(list)
	if i >= 0 {
		m, ok := list[i].(map[string]any)
		if ok && (value != "" || sub != "value") {
			put(m, sub, value)
			return list
		}
		list = slices.Delete(list, i, i+1)
	}
	if value == "" {
		return list
	}
	return append(list, map[string]any{sub: value, "type": "work", "primary": yes})
}

// chosen returns which of several values an account names, or -1.
func chosen(list []any) int {
	work := -1
	for i, v := range list {
		m, _ := v.(map[string]any)
		if truth(m[key(m, "primary")]) {
			return i
		}
		if work < 0 && strings.EqualFold(text(m[key(m, "type")]), "work") {
			work = i
		}
	}
	if work < 0 && len(list) > 0 {
		return 0
	}
	return work
}

// attributes returns the resource as an account has it: flat, by path, without
// what is empty.
func (r resource) attributes() map[string]string {
	flat := map[string]string{}
	for name, v := range r {
		if slices.ContainsFunc(unread, func(u string) bool { return strings.EqualFold(u, name) }) {
			continue
		}
		if !strings.Contains(name, ":") {
			flatten(flat, name, v)
			continue
		}
		prefix := name + ":"
		if strings.EqualFold(name, enterpriseURN) {
			prefix = ""
		}
		inner, _ := v.(map[string]any)
		for name, v := range inner {
			flatten(flat, prefix+name, v)
		}
	}
	return flat
}

func flatten(flat map[string]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for sub, v := range v {
			if t := text(v); t != "" {
				flat[canonical(name+"."+sub)] = t
			}
		}
	case []any:
		i := chosen(v)
		if i < 0 {
			return
		}
		m, _ := v[i].(map[string]any)
		for sub, v := range m {
			if t := text(v); t != "" && !slices.Contains([]string{"type", "primary", "display", "$ref"}, sub) {
				flat[canonical(name+"."+sub)] = t
			}
		}
	default:
		if t := text(v); t != "" {
			flat[canonical(name)] = t
		}
	}
}

// canonical returns the name of an attribute as accounts write it, whatever case
// the target returned it in.
func canonical(name string) string {
	for _, known := range spelt {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

var spelt = []string{
	"userName", "externalId", "displayName", "name.givenName", "name.familyName", "emails.value", "title", "userType",
	"department", "employeeNumber", "costCenter", "organization", "division", "manager.value", "phoneNumbers.value", //nolint:misspell // SCIM spells it so
}

// text returns a string or number as text, and nothing for anything else.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// truth reads a boolean, also one that is written as text.
func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return strings.EqualFold(v, "true")
	}
	return false
}

// boolean returns the value as the target wants booleans written.
func (c *Connector) boolean(v bool) any {
	switch {
	case !c.profile.BooleanText:
		return v
	case v:
		return "True"
	}
	return "False"
}

// user returns a new user's resource.
func (c *Connector) user(attributes map[string]string) resource {
	r := resource{"schemas": []any{userURN}, "active": c.boolean(true)}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if attributes[name] != "" {
			r.set(parsePath(name), attributes[name], c.boolean(true))
		}
	}
	return r
}

// fit returns the attributes as the target can have them: without what it is
// never sent or cannot clear, and with what it cannot keep cut away. What people
// are told apart by is left alone, and refused when it is written.
func (c *Connector) fit(attributes map[string]string) map[string]string {
	wishes := c.profile.Attributes
	fitted := maps.Clone(attributes)
	for _, name := range wishes.Omit {
		delete(fitted, name)
	}
	for _, name := range wishes.Uncleared {
		if fitted[name] == "" {
			delete(fitted, name)
		}
	}
	for name, value := range fitted {
		if c.names(name) {
			continue
		}
		if bad := wishes.Forbidden[name]; bad != "" {
			value = strings.Map(func(r rune) rune {
				if strings.ContainsRune(bad, r) {
					return -1
				}
				return r
			}, value)
		}
		if limit := wishes.MaxLength[name]; limit > 0 && len([]rune(value)) > limit {
			value = strings.TrimSpace(string([]rune(value)[:limit]))
		}
		fitted[name] = value
	}
	return fitted
}

// names reports whether people are told apart by the attribute, so that a
// changed value would be somebody else's.
func (c *Connector) names(name string) bool {
	return name == "userName" || name == "externalId" || slices.Contains(c.profile.Match, name)
}

// writable says why the attributes, as they would then all be, cannot be
// written, if they cannot.
func (c *Connector) writable(attributes map[string]string) error {
	wishes := c.profile.Attributes
	for _, name := range wishes.Required {
		if attributes[name] == "" {
			return permanent("the target requires %s, and the identity has none", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		if bad := wishes.Forbidden[name]; bad != "" && strings.ContainsAny(value, bad) {
			return permanent("%s has one of the characters %q, which the target refuses", name, bad)
		}
		if limit, n := wishes.MaxLength[name], len([]rune(value)); limit > 0 && n > limit {
			return permanent("%s has %d characters, and the target takes at most %d", name, n, limit)
		}
	}
	return nil
}
