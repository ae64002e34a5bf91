// Package builtin is the map of the connectors that come with the bridge: the
// one place that knows them all.
package builtin

import (
	"fmt"

	"drawbridge/connectors"
	"drawbridge/connectors/file"
	"drawbridge/connectors/ldap"
	"drawbridge/connectors/manual"
	"drawbridge/connectors/memory"
	"drawbridge/connectors/rest"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/sql"
	"drawbridge/connectors/webhook"
)

// Kinds returns what opens each kind of connector, by its name in configuration.
func Kinds() connectors.Kinds {
	return connectors.Kinds{
		"file":    file.Open,
		"ldap":    ldap.Open,
		"manual":  manual.Open,
		"memory":  memory.Open,
		"rest":    rest.Open,
		"scim":    scim.Open,
		"sql":     sql.Open,
		"webhook": webhook.Open,
	}
}

// Sample opens what a profile says of a target by itself: one at no address, to be
// described and never called. It is nil where only a configuration could say more.
func Sample(c connectors.Config) connectors.Connector {
	if c.Kind != "scim" && c.Kind != "rest" {
		return nil
	}
	c.BaseURL, c.Options = "https://target.invalid", map[string]string{}
	var declared struct {
		Options map[string]any `yaml:"options"`
	}
	if c.Profile.REST.Node != nil && c.Profile.REST.Node.Decode(&declared) == nil {
		for name := range declared.Options {
			c.Options[name] = name
		}
	}
	target, err := Kinds().Open(connectors.Options{Config: c})
	if err != nil {
		return nil
	}
	return target
}

// Check says what is wrong with how a connector is configured. It talks to no
// target, and makes and locks no file.
func Check(c connectors.Config) error {
	if c.Kind == "file" {
		if err := file.Check(c); err != nil {
			return fmt.Errorf("connector %s: %w", c.Name, err)
		}
		return nil
	}
	target, err := Kinds().Open(connectors.Options{Config: c})
	if err != nil {
		return err
	}
	if closer, ok := target.(connectors.Closer); ok {
		return closer.Close()
	}
	return nil
}
