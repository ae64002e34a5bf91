// Package paths has routes be met whatever of a path is encoded that need not be
// (RFC 3986, section 6.2.2.2): a client may write an address as ada%40example.com, and the
// id of a schema as urn%3Aietf. An encoded slash parts nothing: corp%2Fada is one name.
//
//	/%61pi/v1/identities/corp%2Fada ─► /api/v1/identities/corp%2Fada ─► the route, of corp/ada
package paths

import (
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

// Decode has a router look at paths with as little encoded as may be, and handlers read
// parameters with nothing encoded, each of which was decoded once. What else is to look at
// parameters, is used after.
func Decode(e *echo.Echo) {
	e.Pre(plain)
	e.Use(decoded)
}

// plain has the router see a path as it is meant, where no slash is encoded in it. Where one
// is, only the path's parts can be decoded, each by itself, and so they are once the route is
// known.
func plain(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if strings.Contains(strings.ToUpper(u.RawPath), "%2F") {
			u.RawPath = least(u.RawPath)
		} else {
			u.RawPath = ""
		}
		return next(c)
	}
}

// least is a path with nothing encoded in its parts but what has to be.
func least(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if text, err := url.PathUnescape(part); err == nil {
			parts[i] = url.PathEscape(text)
		}
	}
	return strings.Join(parts, "/")
}

// decoded decodes the parameters of a path that the router saw encoded.
func decoded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().URL.RawPath == "" {
			return next(c)
		}
		values := c.ParamValues()
		for i, value := range values {
			if text, err := url.PathUnescape(value); err == nil {
				values[i] = text
			}
		}
		c.SetParamValues(values...)
		return next(c)
	}
}
