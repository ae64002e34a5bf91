package scim

import (
	library "github.com/elimity-com/scim/schema"

	"github.com/elimity-com/scim/optional"
)

// The URNs of what can be held: those of the IETF's draft (draft-ietf-scim-roles-
// entitlements), and those that Okta looks for.
const (
	RoleURN            = "urn:ietf:params:scim:schemas:core:2.0:Role"
	EntitlementURN     = "urn:ietf:params:scim:schemas:core:2.0:Entitlement"
	OktaRoleURN        = "urn:okta:scim:schemas:core:1.0:Role"
	OktaEntitlementURN = "urn:okta:scim:schemas:core:1.0:Entitlement"
)

// Roles is the resource type of the roles that policy has in force, to be read.
func Roles() (*Type, error) {
	return newCatalogue("Role", "/Roles", "A role that policy has in force.", RoleURN, OktaRoleURN)
}

// Entitlements is the resource type of what accounts can hold at connectors, to
// be read.
func Entitlements() (*Type, error) {
	return newCatalogue("Entitlement", "/Entitlements", "What an account can hold at a connector.", EntitlementURN, OktaEntitlementURN)
}

func newCatalogue(name, endpoint, description, urn, alias string) (*Type, error) {
	told := func(name, description string) library.CoreAttribute {
		return library.SimpleCoreAttribute(library.SimpleStringParams(library.StringParams{
			Name: name, Description: optional.NewString(description), Mutability: library.AttributeMutabilityReadOnly(),
		}))
	}
	t, err := newType(name, endpoint, description, library.Schema{
		ID: urn, Name: optional.NewString(name), Description: optional.NewString(description),
		Attributes: []library.CoreAttribute{
			told("value", "What it is called in policy and in the API."),
			told("display", "Its name, for people."),
			told("displayName", "The same, for senders who look for it here."),
			told("type", "The type of role, or the connector of an entitlement."),
			told("description", "What it is for."),
			library.SimpleCoreAttribute(library.SimpleBooleanParams(library.BooleanParams{
				Name: "supported", Description: optional.NewString("Whether it can be held now."), Mutability: library.AttributeMutabilityReadOnly(),
			})),
		},
	}, nil)
	if err == nil {
		t.Alias = alias
	}
	return t, err
}

// An Entry is one line of a catalogue.
type Entry struct {
	Value, Display, Type, Description string
}

// Entry returns the resource of a line.
func (t *Type) Entry(e Entry) []byte {
	r := t.newRecord()
	for name, value := range map[string]string{
		"value": e.Value, "display": e.Display, "displayName": e.Display, "type": e.Type, "description": e.Description,
	} {
		if a, ok := t.attribute("", name); ok && value != "" {
			r.values[a.slot] = appendText(nil, value)
		}
	}
	if a, ok := t.attribute("", "supported"); ok {
		r.values[a.slot] = []byte("true")
	}
	return r.Encode()
}
