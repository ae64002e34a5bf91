package paths_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"drawbridge/server/paths"
)

// routed is what a router with two parameters makes of a path.
func routed(path string) (status int, text string) {
	e := echo.New()
	paths.Decode(e)
	e.GET("/at/:connector/of/:identity", func(c echo.Context) error {
		return c.String(http.StatusOK, fmt.Sprintf("%q %q", c.Param("connector"), c.Param("identity")))
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w.Code, w.Body.String()
}

// every writes a text with every character as its code.
func every(text string) string {
	var all strings.Builder
	for _, b := range []byte(text) {
		fmt.Fprintf(&all, "%%%02X", b)
	}
	return all.String()
}

// sparing writes a text with as little encoded as may be in a part of a path.
func sparing(text string) string {
	return strings.ReplaceAll((&url.URL{Path: "/" + text}).EscapedPath()[1:], "/", "%2F")
}

// names are what may be called so, and is awkward in a path.
var names = []string{"ada", "corp/ada", "/", "a/", "//", "100%ada", "100%", "a%2Fb", "a%252Fb", "%2F/", "a,b c", "a;b", "a?b", "a#b", "a+b", "a:b@c", `a\b`, "..", "../x", "Zoë/ß", "\x00", "\xff/"}

// TestNamesInPaths has names arrive as they are, encoded as little as may be, as clients of
// Go encode them, and whole, beside each other.
func TestNamesInPaths(t *testing.T) {
	for _, a := range names {
		for _, b := range names {
			want := fmt.Sprintf("%q %q", a, b)
			for _, encode := range []func(string) string{sparing, url.PathEscape, every, func(s string) string { return strings.ToLower(every(s)) }} {
				path := "/at/" + encode(a) + "/of/" + encode(b)
				if status, got := routed(path); status != http.StatusOK || got != want {
					t.Errorf("%s is %d %s, want %s", path, status, got, want)
				}
			}
		}
	}
}

// TestRoutesAreMetEncoded has a route's own words be encoded, and its slashes not.
func TestRoutesAreMetEncoded(t *testing.T) {
	for path, want := range map[string]int{
		"/a%74/a/of/b": 200, "/%61t/a/o%66/x%2Fy": 200, "/%61t%2Fa/of/b": 404, "/at/a%2Fof/b": 404, "/at/a/of%2Fb": 404, "/at%2F..%2Fat/a/of/b": 404, "/at/a/%2e%2e/of/b": 404,
	} {
		if status, text := routed(path); status != want {
			t.Errorf("%s is %d %s, want %d", path, status, text, want)
		}
	}
}

// FuzzPaths has any two names arrive.
func FuzzPaths(f *testing.F) {
	for i, name := range names {
		f.Add(name, names[len(names)-1-i])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" {
			return // a route has a name for each
		}
		want := fmt.Sprintf("%q %q", a, b)
		for _, path := range []string{"/at/" + url.PathEscape(a) + "/of/" + url.PathEscape(b), "/at/" + every(a) + "/of/" + url.PathEscape(b)} {
			if status, got := routed(path); status != http.StatusOK || got != want {
				t.Errorf("%s is %d %s, want %s", path, status, got, want)
			}
		}
	})
}
