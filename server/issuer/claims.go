package issuer

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4/json"

	"drawbridge/access/tokens"
)

// claims are what a token says.
type claims map[string]any

// parseClaims reads a token's payload. The library's reader is stricter than
// ours in what matters here: a name that is there twice is an error.
func parseClaims(payload []byte) (c claims, err error) {
	if err := json.Unmarshal(payload, &c); err != nil || c == nil {
		return nil, refuse("its claims cannot be read")
	}
	return c, nil
}

// time returns the time that a claim says, if it is there.
func (c claims) time(name string) (at time.Time, there bool, err error) {
	value, there := c[name]
	if !there {
		return at, false, nil
	}
	seconds, ok := value.(float64)
	if !ok || math.IsNaN(seconds) || seconds < 0 || seconds > 1<<40 {
		return at, true, fmt.Errorf("its claim %s is no time", name)
	}
	return time.Unix(int64(seconds), 0), true, nil
}

// forAny reports whether the token is for one of the audiences.
func (c claims) forAny(audiences []string) bool {
	for _, a := range audiences {
		if says(c["aud"], a) {
			return true
		}
	}
	return false
}

// all reports whether the token has all of these claims.
func (c claims) all(wanted map[string]string) bool {
	for name, value := range wanted {
		if !says(c.value(name), value) {
			return false
		}
	}
	return true
}

// value returns a claim by its name, or, where there is none of that name, by its
// path, as in realm_access.roles.
func (c claims) value(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	var at any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	return at
}

// cutClaims are the claims by which tokens may be taken back.
var cutClaims = tokens.CutClaims()

// marks are those of some claims that are texts.
func (c claims) marks(names []string) map[string]string {
	marks := map[string]string{}
	for _, name := range names {
		if text, ok := c[name].(string); ok {
			marks[name] = text
		}
	}
	return marks
}

// says reports whether a claim is a value, or a list that has it.
func says(claim any, value string) bool {
	switch v := claim.(type) {
	case string:
		return v == value
	case bool:
		return strconv.FormatBool(v) == value
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64) == value
	case []any:
		for _, one := range v {
			if text, ok := one.(string); ok && text == value {
				return true
			}
		}
	}
	return false
}

// mostName is how long a name in the log may be.
const mostName = 200

// name returns what a claim calls who shows the token, or nothing where the log
// could not write it: as token/NAME, so that it has no slash and no blank.
func (c claims) name(claim string) string {
	text, _ := c.value(claim).(string)
	if len(text) > mostName || strings.ContainsFunc(text, func(r rune) bool {
		return r == '/' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}) {
		return ""
	}
	return text
}

// bound returns the client certificate that a token is bound to, as RFC 8705 has
// it; none where it is bound to nothing. One that is bound to anything else must
// not be taken without it.
func (c claims) bound() (certificate string, err error) {
	value, there := c["cnf"]
	if !there {
		return "", nil
	}
	object, _ := value.(map[string]any)
	certificate, _ = object["x5t#S256"].(string)
	if certificate == "" || len(object) != 1 {
		return "", errors.New("it is bound to something other than a client certificate (cnf)")
	}
	return certificate, nil
}
