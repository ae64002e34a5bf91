package scim

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A Catalogue is a resource type that is read, and all there is of it.
type Catalogue struct {
	Type      *Type
	Resources []Listed
}

// A Listed is one resource of a catalogue: what its id is made of, and its
// attributes by their names.
type Listed struct {
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes"`
}

// OurEndpoints are those that no other resource type may have, in lower case.
var OurEndpoints = []string{"/users", "/groups", "/roles", "/entitlements", "/me", "/bulk", "/schemas", "/resourcetypes", "/serviceproviderconfig"}

// ParseCatalogue reads a file that declares a resource type, as ParseType does, and
// lists its resources. Every mistake is told. What nobody can write to must say so,
// because senders are told of it.
func ParseCatalogue(text []byte) (c Catalogue, err error) {
	if c.Type, err = ParseType(text); err != nil {
		return c, err
	}
	in := schemaIntake{}
	in.keys("", trim(text), "name", "endpoint", "description", "alias", "schema", "resources")
	for _, a := range c.Type.attributes {
		if !a.ReadOnly && a.Name != externalIDName {
			in.wrong("attribute "+a.Path(), "mutability: write readOnly, for nobody writes to it")
		}
	}
	var said struct{ Resources []Listed }
	if err := json.Unmarshal(text, &said); err != nil {
		return c, Invalid(InvalidSyntax, "resources: %v", err)
	}
	c.Resources = said.Resources
	for i, r := range c.Resources {
		where := "resource " + r.ID
		if _, err := c.Type.Resource(r.Attributes); err != nil {
			in.wrong(where, "%v", err)
		}
		if r.ID == "" || strings.TrimSpace(r.ID) != r.ID {
			in.wrong(where, "id: write one, without spaces around it")
		}
		if slices.ContainsFunc(c.Resources[:i], func(o Listed) bool { return o.ID == r.ID }) {
			in.wrong(where, "it is there twice")
		}
	}
	return c, errors.Join(in.mistakes...)
}
