// Package builtin is the map of the connectors that come with the bridge: the
// one place that knows them all.
package builtin

import (
	"drawbridge/connectors"
	"drawbridge/connectors/file"
	"drawbridge/connectors/ldap"
	"drawbridge/connectors/memory"
	"drawbridge/connectors/scim"
)

// Kinds returns what opens each kind of connector, by its name in configuration.
func Kinds() connectors.Kinds {
	return connectors.Kinds{
		"file":   file.Open,
		"ldap":   ldap.Open,
		"memory": memory.Open,
		"scim":   scim.Open,
	}
}
