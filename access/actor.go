package access

import (
	"strings"

	"drawbridge/schema"
)

// A Decider is whoever decides: the actor as the log has it, the identity behind
// that actor where it is a person's, and how they were known.
type Decider struct {
	Actor    string
	Identity string
	Auth     string
}

// A Choice is what somebody decides about a request: who, and why.
type Choice struct {
	Request string
	By      Decider
	Reason  string
}

const identityPrefix = "identity/"

func identityActor(id string) string { return identityPrefix + id }

// identityOf returns the id of who is named identity/ID, nothing of others.
func identityOf(actor string) string {
	id, ok := strings.CutPrefix(actor, identityPrefix)
	if !ok {
		return ""
	}
	return id
}

// isPerson reports whether an identity is a person's, and no machine's.
func isPerson(id schema.Identity) bool {
	return id.Kind == "" || id.Kind == schema.Human || id.Kind == schema.Guest
}
