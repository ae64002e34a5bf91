package scim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	library "github.com/elimity-com/scim/schema"
)

// The resource types of what can be held, to be read: of the schemas of the IETF's
// draft (draft-ietf-scim-roles-entitlements), and of those that Okta looks for.
var (
	//go:embed types/role.json
	roleType []byte
	//go:embed types/entitlement.json
	entitlementType []byte
)

// Roles is the resource type of the roles that policy has in force.
func Roles() (*Type, error) { return ParseType(roleType) }

// Entitlements is the resource type of what accounts can hold at connectors.
func Entitlements() (*Type, error) { return ParseType(entitlementType) }

// ParseType reads a resource type that is nothing but data: its name, endpoint and
// description, its schema as RFC 7643, section 7, writes one, and, as alias,
// another URN by which some look for it.
func ParseType(text []byte) (*Type, error) {
	var said struct {
		Name, Endpoint, Description, Alias string
		Schema                             library.Schema
	}
	if err := check(text, 32); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, Invalid(InvalidSyntax, "a resource type: %v", err)
	}
	switch {
	case !nameForm.MatchString(said.Name):
		return nil, Invalid(InvalidValue, "a resource type: name: %q is none", said.Name)
	case !strings.HasPrefix(said.Endpoint, "/") || !nameForm.MatchString(said.Endpoint[1:]):
		return nil, Invalid(InvalidValue, "resource type %s: endpoint: %q is no path as /%ss", said.Name, said.Endpoint, said.Name)
	case !urnForm.MatchString(said.Schema.ID) || len(said.Schema.Attributes) == 0:
		return nil, Invalid(InvalidValue, "resource type %s: schema: it needs a URN as its id, and attributes", said.Name)
	}
	t, err := newType(said.Name, said.Endpoint, said.Description, said.Schema, nil)
	if err == nil {
		t.Alias = said.Alias
	}
	return t, err
}

// Resource returns a resource in canonical form, of its attributes by their names.
func (t *Type) Resource(values map[string]any) ([]byte, error) {
	r := t.newRecord()
	in := reader{ours: true}
	for name, value := range values {
		a, ok := t.attribute("", name)
		if !ok {
			return nil, fmt.Errorf("resource type %s has no attribute %s", t.Name, name)
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Path(), err)
		}
		if r.values[a.slot], err = in.value(a, raw); err != nil {
			return nil, err
		}
	}
	return r.Encode(), nil
}
