package scim

import (
	"slices"

	library "github.com/elimity-com/scim/schema"

	"github.com/elimity-com/scim/optional"
)

// The URNs of the schemas that are always there.
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	DrawbridgeURN = "urn:drawbridge:scim:schemas:extension:2.0:User"
)

// Users is the resource type of identities, with the extensions that are always
// there and those an operator registered.
func Users(extensions ...library.Schema) (*Type, error) {
	core := library.CoreUserSchema()
	// The bridge authenticates nobody: a password that is sent is dropped, and
	// none is advertised.
	core.Attributes = slices.DeleteFunc(core.Attributes, func(a library.CoreAttribute) bool { return a.Name() == "password" })
	known := []library.Schema{library.ExtensionEnterpriseUser(), drawbridgeUser()}
	return newType("User", "/Users", "A person or a machine.", core, append(known, extensions...))
}

// Groups is the resource type of groups, with the extensions that an operator
// registered. Their members are edges, and are never part of a Record.
func Groups(extensions ...library.Schema) (*Type, error) {
	core := library.CoreGroupSchema()
	for i, a := range core.Attributes {
		if a.Name() == "members" {
			core.Attributes[i] = memberEdges()
		}
	}
	return newType("Group", "/Groups", "A group of identities, and of groups.", core, extensions)
}

// memberEdges are a group's members as they are here: how one is called is its own to
// say, and looked up for whoever asks.
func memberEdges() library.CoreAttribute {
	fixed := library.AttributeMutabilityImmutable()
	return library.ComplexCoreAttribute(library.ComplexParams{
		Name: "members", MultiValued: true, Description: optional.NewString("A list of members of the Group."),
		SubAttributes: []library.SimpleParams{
			library.SimpleStringParams(library.StringParams{
				Name: "value", Mutability: fixed, Description: optional.NewString("Identifier of the member of this Group."),
			}),
			library.SimpleReferenceParams(library.ReferenceParams{
				Name: "$ref", Mutability: fixed, ReferenceTypes: []library.AttributeReferenceType{"User", "Group"},
				Description: optional.NewString("The URI of the resource that is a member of this Group."),
			}),
			library.SimpleStringParams(library.StringParams{
				Name: "type", Mutability: fixed, CanonicalValues: []string{"User", "Group"},
				Description: optional.NewString("The type of that resource, 'User' or 'Group'."),
			}),
			library.SimpleStringParams(library.StringParams{
				Name: "display", Mutability: fixed, Returned: library.AttributeReturnedRequest(),
				Description: optional.NewString("What the member is called, for display."),
			}),
		},
	})
}

// drawbridgeUser is our own extension: what sources say of employment and of
// machines that the standard has no attribute for. Policy reads it.
func drawbridgeUser() library.Schema {
	return library.Schema{
		ID:          DrawbridgeURN,
		Name:        optional.NewString("Drawbridge User"),
		Description: optional.NewString("Employment, ownership and what is known of a workload"),
		Attributes: []library.CoreAttribute{
			word("kind", "What sort of being it is; human where nothing is said.", "human", "guest", "service", "workload", "agent"),
			word("employmentStatus", "The state of employment, in the words that policy uses, e.g., 'active' or 'terminated'."),
			moment("startDate", "When employment begins."),
			moment("endDate", "When employment ends."),
			word("owner", "Who answers for a machine identity: an identity's id or userName."),
			word("repo", "The repository a workload is built from."),
			word("environment", "Where a workload runs."),
			word("attestation", "How a workload proves what it is."),
			word("issuer", "Who issues the tokens by which a workload proves what it is."),
			word("audience", "For whom those tokens are."),
			word("subject", "Of which workload those tokens are, exactly."),
			word("state", "The state of a workload, e.g., 'running' or 'deleted'."),
			moment("lastSeen", "When a workload was last seen."),
			library.SimpleCoreAttribute(library.SimpleDateTimeParams(library.DateTimeParams{
				Name:        occurredName,
				Description: optional.NewString("When the change that this request tells of happened at the source. It is of the request, and is not kept in the record."),
				Mutability:  library.AttributeMutabilityWriteOnly(),
				Returned:    library.AttributeReturnedNever(),
			})),
		},
	}
}

// occurredName is the attribute by which a source says when a change happened.
const occurredName = "occurred"

func word(name, description string, words ...string) library.CoreAttribute {
	return library.SimpleCoreAttribute(library.SimpleStringParams(library.StringParams{
		Name: name, Description: optional.NewString(description), CanonicalValues: words,
	}))
}

func moment(name, description string) library.CoreAttribute {
	return library.SimpleCoreAttribute(library.SimpleDateTimeParams(library.DateTimeParams{
		Name: name, Description: optional.NewString(description),
	}))
}

const externalIDName = "externalId"

// externalID is the common attribute that every resource may have.
func externalID() library.CoreAttribute {
	return library.SimpleCoreAttribute(library.SimpleStringParams(library.StringParams{
		Name: externalIDName, CaseExact: true, Description: optional.NewString("The resource's id at its source."),
	}))
}
