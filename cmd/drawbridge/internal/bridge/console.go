package bridge

import (
	"strings"

	"drawbridge/server"
	"drawbridge/server/console"
	"drawbridge/server/oidc"
)

// pages says how the console is shown, and where people log in to it.
func (b *Bridge) pages() server.Pages {
	c := b.cfg.Console
	p := server.Pages{Off: c.Off, Idle: c.Idle, Life: c.Life, Recheck: c.OIDC.Recheck}
	if c.OIDC.Issuer == "" {
		return p
	}
	o := oidc.Options{
		Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, ClientSecret: c.OIDC.ClientSecret, Scopes: c.OIDC.Scopes,
		Person: c.OIDC.Person, Groups: c.OIDC.Groups, Redirect: strings.TrimRight(b.url, "/") + console.Callback,
	}
	for _, r := range c.OIDC.Roles {
		o.Roles = append(o.Roles, oidc.Role{Group: r.Group, Role: r.Role})
	}
	p.Provider = oidc.New(o)
	return p
}
