package ldap

import (
	"context"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"drawbridge/connectors"
	"drawbridge/schema"
)

var _ connectors.Examiner = (*Connector)(nil)

// Find returns the person that the profile's match attributes find.
func (c *Connector) Find(ctx context.Context, attributes map[string]string) (found schema.Account, err error) {
	err = c.with(ctx, func(s *session) error {
		p, err := s.find(schema.Account{}, schema.Account{Attributes: s.carried(attributes), Active: true})
		if err == nil {
			found = p.account
		}
		return err
	})
	return found, err
}

// Examine tells what the server says of itself.
func (c *Connector) Examine(ctx context.Context, _ schema.Account, tell func(connectors.Fact)) error {
	var said *ldap.SearchResult
	err := c.with(ctx, func(s *session) error {
		search := ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)",
			[]string{"vendorName", "vendorVersion", "supportedLDAPVersion", "namingContexts", "supportedControl"}, nil)
		return s.request("look at the server", func(conn *ldap.Conn) (err error) { said, err = conn.Search(search); return err })
	})
	if err != nil || len(said.Entries) == 0 {
		return err
	}
	root := said.Entries[0]
	for _, said := range []struct{ key, attribute string }{{"server", "vendorName"}, {"version", "vendorVersion"}, {"naming contexts", "namingContexts"}} {
		if values := root.GetAttributeValues(said.attribute); len(values) > 0 {
			tell(connectors.Fact{Key: said.key, Target: strings.Join(values, ", "), Note: "as it says itself"})
		}
	}
	pages := connectors.Fact{Key: "paged results", Profile: "yes", Target: "no"}
	for _, control := range root.GetAttributeValues("supportedControl") {
		if control == ldap.ControlTypePaging {
			pages.Target = "yes"
		}
	}
	tell(pages)
	return nil
}

// Delete removes the person's entry, and its name from its groups.
func (c *Connector) Delete(ctx context.Context, remoteID string) error {
	return c.with(ctx, func(s *session) error {
		p, err := s.find(schema.Account{RemoteID: remoteID}, schema.Account{})
		if err != nil {
			return err
		}
		if !p.account.Exists() {
			return refused(connectors.Gone, "there is no entry with %s %s", s.id, remoteID)
		}
		return s.remove(p)
	})
}
