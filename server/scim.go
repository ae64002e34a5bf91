package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"drawbridge/server/api"
	"drawbridge/server/scim"
)

const scimRoot = "/scim"

// newSCIM returns the SCIM service provider, which answers as whoever the gate
// let in.
func newSCIM(o Options) (*scim.Handler, error) {
	h, err := scim.New(scim.Options{
		Store: o.Store, Rules: o.Rules, Log: o.Log, Limits: o.SCIM, Extensions: o.Extensions,
		BaseURL: strings.TrimSuffix(o.PublicURL, "/") + "/scim/v2",
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
	})
	if err != nil {
		return nil, fmt.Errorf("SCIM: %w", err)
	}
	return h, nil
}

// writeSCIM answers an error that was met before the service provider was.
func writeSCIM(c echo.Context, p *api.Problem) error {
	return scim.WriteError(c, echo.NewHTTPError(p.Status, p.Detail))
}
