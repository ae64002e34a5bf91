package scim

import "strings"

// What stands in a raw copy for what is not in it.
const (
	removed = `"(removed)"`  // a secret
	leftOut = `"(left out)"` // who is in a group, or what was too long
)

// Raw returns a body as it was sent, to be kept for audit: without secrets,
// without lists of who is in a group, and no longer than most, or hardly. Cut says that
// something was left out because of its length. The body was parsed before.
func Raw(body []byte, most int) (raw []byte, cut bool) {
	c := rawCopy{most: most}
	c.value(trim(body))
	return c.dst, c.cut
}

type rawCopy struct {
	dst  []byte
	most int
	cut  bool
}

func (c *rawCopy) value(v []byte) {
	switch {
	case v[0] == '{':
		c.object(v)
	case v[0] == '[':
		c.list(v)
	case len(c.dst)+len(v) > c.most:
		c.dst, c.cut = append(c.dst, leftOut...), true
	default:
		c.dst = append(c.dst, v...)
	}
}

func (c *rawCopy) object(o []byte) {
	path := "" // of a PATCH operation
	for key, v := range members(o) {
		if strings.EqualFold(key, "path") {
			path = text(v)
		}
	}
	c.dst = append(c.dst, '{')
	for key, v := range members(o) {
		if len(c.dst)+len(key) > c.most {
			c.cut = true
			break
		}
		c.dst = append(appendText(comma(c.dst), key), ':')
		if strings.EqualFold(key, "value") && path != "" {
			key = path
		}
		switch {
		case secret(key):
			c.dst = append(c.dst, removed...)
		case strings.HasPrefix(fold(key), "members") && v[0] != '"':
			c.dst = append(c.dst, leftOut...)
		default:
			c.value(v)
		}
	}
	c.dst = append(c.dst, '}')
}

func (c *rawCopy) list(l []byte) {
	c.dst = append(c.dst, '[')
	for e := range elements(l) {
		if len(c.dst) > c.most {
			c.cut = true
			break
		}
		c.dst = comma(c.dst)
		c.value(e)
	}
	c.dst = append(c.dst, ']')
}

// secrets are parts of the names by which senders call what must not be kept.
var secrets = []string{"password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "api_key", "api-key", "privatekey", "private_key", "private-key"}

func secret(name string) bool {
	name = fold(name)
	for _, part := range secrets {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
