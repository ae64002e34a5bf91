package configs

import (
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// Console says how people look at the bridge with a browser.
type Console struct {
	Off  bool          `yaml:"off"`  // there is none
	Idle time.Duration `yaml:"idle"` // how long somebody stays logged in who does nothing
	Life time.Duration `yaml:"life"` // how long somebody stays logged in at most
	OIDC OIDC          `yaml:"oidc"`
}

// OIDC is the identity provider that people log in at. Without an issuer there is
// none: they log in with an API token.
type OIDC struct {
	Issuer       string            `yaml:"issuer"`
	ClientID     string            `yaml:"clientID"`
	ClientSecret connectors.Secret `yaml:"clientSecret"` // a public client has none
	Scopes       []string          `yaml:"scopes"`       // beside openid
	Person       string            `yaml:"person"`       // claim that names somebody as sources know them
	Groups       string            `yaml:"groups"`       // claim that says which groups they are in
	Roles        []OIDCRole        `yaml:"roles"`
	Recheck      time.Duration     `yaml:"recheck"` // how long it is believed which groups somebody is in
}

// An OIDCRole says what being in a group gives.
type OIDCRole struct {
	Group string         `yaml:"group"`
	Role  schema.APIRole `yaml:"role"`
}

// defaultConsole has the values of what is left out.
var defaultConsole = Console{Idle: time.Hour, Life: 12 * time.Hour, OIDC: OIDC{Scopes: []string{"profile", "email"}, Person: "email", Groups: "groups", Recheck: time.Hour}}

// console checks how people log in, and resolves the client's secret.
func (r *reader) console(f *file) {
	c := &f.Console
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"idle", c.Idle}, {"life", c.Life}} {
		if d.value < time.Minute || d.value > 7*24*time.Hour {
			r.wrong("console."+d.name, "is %v: a minute is the least, and a week the most", d.value)
		}
	}
	if c.Life < c.Idle {
		r.wrong("console.life", "is %v, and idle %v: who does nothing would stay for longer than anybody may", c.Life, c.Idle)
	}
	if len(c.OIDC.Roles) == 0 {
		c.OIDC.Roles = nil // an empty list says what no list says
	}
	if c.OIDC.Issuer == "" {
		if c.OIDC.ClientID != "" || c.OIDC.Roles != nil {
			r.wrong("console.oidc.issuer", "is missing: write whom people log in at, as in https://idp.example.com/tenant")
		}
		return
	}
	r.oidc(&c.OIDC)
}

func (r *reader) oidc(c *OIDC) {
	if !fetchable(c.Issuer) {
		r.wrong("console.oidc.issuer", "is %q: write an https URL", c.Issuer)
	}
	if c.ClientID == "" {
		r.wrong("console.oidc.clientID", "is missing: write what the provider calls this bridge")
	}
	if c.ClientSecret != "" {
		c.ClientSecret = r.secret("console.oidc.clientSecret", c.ClientSecret)
	}
	if c.Person == "" {
		r.wrong("console.oidc.person", "is empty: name the claim by which people are known, as in email")
	}
	if c.Groups == "" {
		r.wrong("console.oidc.groups", "is empty: name the claim that says which groups people are in, as in groups")
	}
	if slices.Contains(c.Scopes, "") {
		r.wrong("console.oidc.scopes", "has an empty one")
	}
	if c.Recheck < time.Minute || c.Recheck > 24*time.Hour {
		r.wrong("console.oidc.recheck", "is %v: a minute is the least, and a day the most", c.Recheck)
	}
	if len(c.Roles) == 0 {
		r.wrong("console.oidc.roles", "are missing, so that nobody would be let in: write { group: NAME, role: viewer }")
	}
	for i, role := range c.Roles {
		if role.Group == "" {
			r.wrong(key("console.oidc.roles", i, "group"), "is missing: name a group as the provider does")
		}
		oneOf(r, key("console.oidc.roles", i, "role"), role.Role, schema.APIRoles())
	}
}
