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

// Sample opens what a profile says of a target by itself, to be described and never
// called: the one that is returned is at no address, and PEOPLE and GROUPS stand for what
// only a configuration says. It is nil where that does not do.
func Sample(c connectors.Config) connectors.Connector {
	c.Options, c.AllowIrreversible = declared(c.Profile), true
	addresses := []string{"https://target.invalid"}
	switch c.Kind {
	case "ldap":
		addresses = []string{"ldaps://target.invalid"}
		c.Options["userBase"], c.Options["groupBase"] = "ou=PEOPLE", "ou=GROUPS"
	case "sql":
		c.Auth.User = "bridge"
		addresses = []string{"postgres://target.invalid/target", "mariadb://target.invalid/target"}
	case "file":
		return nil // it would be made
	}
	for _, c.BaseURL = range addresses {
		if target, err := Kinds().Open(connectors.Options{Config: c}); err == nil {
			return target
		}
	}
	return nil
}

// Unasked opens a connector to be described: nothing is asked of its target, and no file
// is made or locked.
func Unasked(c connectors.Config) (connectors.Connector, error) {
	if c.Kind != "file" {
		return Kinds().Open(connectors.Options{Config: c})
	}
	target, err := file.Unopened(c)
	if err != nil {
		return nil, fmt.Errorf("connector %s: %w", c.Name, err)
	}
	return target, nil
}

// declared has a value for each option that a declaration asks for: its name.
func declared(p connectors.Profile) map[string]string {
	all := map[string]string{}
	var d struct {
		Options map[string]any `yaml:"options"`
	}
	if p.REST.Node != nil && p.REST.Node.Decode(&d) == nil {
		for name := range d.Options {
			all[name] = name
		}
	}
	return all
}

// Check says what is wrong with how a connector is configured. It talks to no
// target, and makes and locks no file.
func Check(c connectors.Config) error {
	target, err := Unasked(c)
	if err != nil {
		return err
	}
	if closer, ok := target.(connectors.Closer); ok {
		return closer.Close()
	}
	return nil
}
