package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/policy"
	wire "drawbridge/schema/scim"
	"drawbridge/server/api"
	"drawbridge/server/scim"
)

const (
	scimRoot = "/scim"
	scimBase = scimRoot + "/v2"
)

// catalogues are resource types that the configuration lists the resources of.
func catalogues(listed []wire.Catalogue) (all []scim.Catalogue) {
	for _, c := range listed {
		var lines []scim.Line
		for _, r := range c.Resources {
			lines = append(lines, scim.Line{Name: r.ID, Attributes: r.Attributes})
		}
		all = append(all, scim.Catalogue{Type: c.Type, Lines: func(*policy.Book) []scim.Line { return lines }})
	}
	return all
}

// newSCIM returns the SCIM service provider, which answers as whoever the gate
// let in.
func newSCIM(o Options, g *gate) (*scim.Handler, error) {
	h, err := scim.New(scim.Options{
		Store: o.Store, Rules: o.Rules, Log: o.Log, Limits: o.SCIM, Extensions: o.Extensions, GroupExtensions: o.GroupExtensions, Catalogues: catalogues(o.Catalogues),
		Schemes: g.schemes, Discovery: o.Discovery,
		BaseURL: strings.TrimSuffix(o.PublicURL, "/") + scimBase,
		Source: func(c echo.Context) string {
			source, _ := c.Get(keySource).(string)
			return source
		},
		Dropped: func(source, attribute, where string) {
			if o.Metrics != nil {
				o.Metrics.Dropped(source)
			}
			if o.Unmapped != nil {
				o.Unmapped.Saw(source, attribute, where, time.Now().UTC())
			}
		},
		PassedOver: func(source string, members int) {
			if o.Metrics != nil {
				o.Metrics.PassedOver(source, members)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("SCIM: %w", err)
	}
	return h, nil
}

// schemes are how sources may show who they are, beside a bearer token: those that
// some source can use as the bridge is configured now.
func (g *gate) schemes() []scim.Scheme {
	all := []scim.Scheme{{
		Type: "oauth2", Name: "OAuth 2.0 client credentials", Description: "An access token for a source's bearer token, from " + tokenPath + " of the bridge",
		SpecURI: "https://www.rfc-editor.org/info/rfc6749",
	}}
	if g.issuers.OfSources() {
		all = append(all, scim.Scheme{
			Type: "oauth2", Name: "OAuth 2.0 access token", Description: "A JWT of an issuer that the bridge trusts, in the Authorization header",
			SpecURI: "https://www.rfc-editor.org/info/rfc9068",
		})
	}
	if slices.ContainsFunc(g.ring.Load().certificates, func(c Credential) bool { return c.Source != "" }) {
		all = append(all, scim.Scheme{
			Type: "mutualtls", Name: "Client certificate", Description: "A certificate that the connection is made with",
			SpecURI: "https://www.rfc-editor.org/info/rfc8446",
		})
	}
	return all
}

// writeSCIM answers an error that was met before the service provider was.
func writeSCIM(c echo.Context, p *api.Problem) error {
	return scim.WriteError(c, echo.NewHTTPError(p.Status, p.Detail))
}
