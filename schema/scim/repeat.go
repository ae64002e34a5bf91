package scim

import (
	"bytes"
	"strings"
)

// A body that has a key twice in one object says two things, and which of them counts
// is anybody's guess (RFC 8259, section 4): a proxy may have looked at the one and we
// at the other.

// fewKeys is how many keys an object has that are compared with each other as they are;
// those of larger ones are looked up.
const fewKeys = 16

// repeated returns a key that an object of valid JSON has twice, in whatever case, for
// case makes no difference to the names of attributes (RFC 7643, section 2.1).
func repeated(body []byte) (key string, ok bool) {
	var open []keys // of the objects that are open, lists among them
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			if len(open) < cap(open) {
				open = open[:len(open)+1]
				open[len(open)-1].clear()
			} else {
				open = append(open, keys{})
			}
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			end := skipString(body, i)
			if next := skipSpace(body, end); next < len(body) && body[next] == ':' {
				if raw := body[i:end]; open[len(open)-1].twice(raw) {
					return short(text(raw)), true
				}
			}
			i = end - 1
		}
	}
	return "", false
}

// keys are those of one object.
type keys struct {
	few  [][]byte // as they are written
	many map[string]bool
}

func (k *keys) clear() { k.few, k.many = k.few[:0], nil }

// twice reports whether a key was there already.
func (k *keys) twice(raw []byte) bool {
	if bytes.IndexByte(raw, '\\') >= 0 {
		raw = appendText(nil, text(raw))
	}
	if len(k.few) < fewKeys && k.many == nil {
		for _, other := range k.few {
			if len(other) == len(raw) && bytes.EqualFold(other, raw) {
				return true
			}
		}
		k.few = append(k.few, raw)
		return false
	}
	if k.many == nil {
		k.many = map[string]bool{}
		for _, other := range k.few {
			k.many[fold(string(other))] = true
		}
	}
	key := fold(string(raw))
	if k.many[key] {
		return true
	}
	k.many[key] = true
	return false
}

// short is a name as an error says it.
func short(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}
