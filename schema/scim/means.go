package scim

import (
	"slices"
	"strings"
)

// What a body says in schemas that it is, is heard where that is something else: a
// group that is sent to /Users must not become a user. Who says nothing means what
// the endpoint takes, and so does who names schemas that the standard does not have:
// many senders leave schemas out, or have names of their own.

// What the URNs of resources, and of messages, begin with (RFC 7643, section 10.3; RFC
// 7644, section 3.1), and the messages that are taken.
const (
	resourceURNs = "urn:ietf:params:scim:schemas:core:2.0:"
	messageURNs  = "urn:ietf:params:scim:api:messages:2.0:"

	patchURN  = messageURNs + "PatchOp"
	searchURN = messageURNs + "SearchRequest"
	bulkURN   = messageURNs + "BulkRequest"
)

// standard are the resources and messages that a body can say it is, and each is no
// other. Names that only begin as these do are the sender's own.
var standard = []string{
	UserURN, GroupURN, resourceURNs + "Role", resourceURNs + "Entitlement",
	resourceURNs + "ServiceProviderConfig", resourceURNs + "ResourceType", resourceURNs + "Schema",
	patchURN, searchURN, bulkURN, messageURNs + "BulkResponse", messageURNs + "ListResponse", messageURNs + "Error",
}

// means returns an error if schemas, as they were sent, name a resource or a message of
// the standard, and nothing that is wanted; or if they are no names.
func means(schemas []byte, wanted ...string) error {
	names, err := urns(schemas)
	if err != nil || slices.ContainsFunc(names, func(name string) bool { return isOne(name, wanted) }) {
		return err
	}
	for _, name := range names {
		if isOne(name, standard) {
			return Invalid(InvalidSyntax, "schemas: it says that this is a %s, and a %s is taken here; name that, or leave schemas out", strings.TrimSpace(name), wanted[0])
		}
	}
	return nil
}

// isOne reports whether a name is one of some, in whatever case. Space around it, and
// a colon behind it, are not part of it.
func isOne(name string, of []string) bool {
	name = strings.TrimSuffix(strings.TrimSpace(name), ":")
	return slices.ContainsFunc(of, func(o string) bool { return strings.EqualFold(o, name) })
}

// urns returns the names in schemas: a list, a single one, or none.
func urns(schemas []byte) (names []string, err error) {
	malformed := Invalid(InvalidSyntax, "schemas: it must be a list of URNs")
	switch schemas[0] {
	case 'n':
		return nil, nil
	case '"':
		return []string{text(schemas)}, nil
	case '{':
		for range members(schemas) {
			return nil, malformed
		}
		return nil, nil
	case '[':
		for e := range elements(schemas) {
			if e[0] != '"' {
				return nil, malformed
			}
			names = append(names, text(e))
		}
		return names, nil
	}
	return nil, malformed
}
