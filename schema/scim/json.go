package scim

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// What a sender sends is checked once, and from then on walked as bytes: values
// are copied, not decoded.

// check returns an error unless the body is one JSON value in UTF-8, nested no
// deeper than depth, that says nothing twice.
func check(body []byte, depth int) error {
	if err := valid(body, depth); err != nil {
		return err
	}
	if key, ok := repeated(body); ok {
		return Invalid(InvalidSyntax, "the body has %q twice in one object, so that it says two things: say it once", key)
	}
	return nil
}

// valid is check of a body that may say things twice.
func valid(body []byte, depth int) error {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return Invalid(InvalidSyntax, "the body is empty; it must be a JSON object")
	case !utf8.Valid(body):
		return Invalid(InvalidSyntax, "the body is not UTF-8")
	case deeper(body, depth):
		return Invalid(InvalidSyntax, "the body is nested deeper than %d", depth)
	case !json.Valid(body):
		return Invalid(InvalidSyntax, "the body is not valid JSON")
	}
	return nil
}

// deeper reports whether brackets outside of strings nest deeper than depth. It
// looks at each byte once, and at valid and invalid JSON alike.
func deeper(b []byte, depth int) bool {
	open, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if open++; open > depth {
				return true
			}
		case c == '}' || c == ']':
			open--
		}
	}
	return false
}

// skipSpace returns where the next byte that is not white space is.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns where the string that begins at i ends.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// skipValue returns where the value that begins at i ends.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		open := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				i = skipString(b, i)
				continue
			case '{', '[':
				open++
			case '}', ']':
				open--
			}
			if i++; open == 0 {
				return i
			}
		}
		return len(b)
	}
	for i < len(b) && !strings.ContainsRune(",]} \t\n\r", rune(b[i])) {
		i++
	}
	return i
}

// trim returns the value without white space around it.
func trim(raw []byte) []byte {
	i := skipSpace(raw, 0)
	return raw[i:skipValue(raw, i)]
}

// members walks the members of an object: keys decoded, values as they are
// written. What is not an object has none.
func members(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for key, value := range written(raw) {
			if !yield(text(key), value) {
				return
			}
		}
	}
}

// written walks the members of an object: keys and values as they are written.
func written(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		i := skipSpace(raw, 0)
		if i >= len(raw) || raw[i] != '{' {
			return
		}
		for i = skipSpace(raw, i+1); i < len(raw) && raw[i] == '"'; i = skipSpace(raw, i+1) {
			end := skipString(raw, i)
			key := raw[i:end]
			i = skipSpace(raw, skipSpace(raw, end)+1) // over the colon
			end = skipValue(raw, i)
			if !yield(key, raw[i:end]) {
				return
			}
			if i = skipSpace(raw, end); i >= len(raw) || raw[i] != ',' {
				return
			}
		}
	}
}

// elements walks the elements of an array. What is not an array has none.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		i := skipSpace(raw, 0)
		if i >= len(raw) || raw[i] != '[' {
			return
		}
		for i = skipSpace(raw, i+1); i < len(raw) && raw[i] != ']'; i = skipSpace(raw, i+1) {
			end := skipValue(raw, i)
			if !yield(raw[i:end]) {
				return
			}
			if i = skipSpace(raw, end); i >= len(raw) || raw[i] != ',' {
				return
			}
		}
	}
}

// member returns the value of a canonical object's member, nil if it has none.
func member(raw []byte, name string) []byte {
	for key, value := range members(raw) {
		if key == name {
			return value
		}
	}
	return nil
}

// text decodes a string.
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	if s, ok := unquoted(raw[1 : len(raw)-1]); ok {
		return s
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// unquoted takes the backslashes out of a string in which they stand before
// quotation marks only, as in the path of a PATCH operation that has a filter.
func unquoted(s []byte) (string, bool) {
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			b.Write(s)
			return b.String(), true
		}
		if i+1 == len(s) || s[i+1] != '"' {
			return "", false
		}
		b.Write(s[:i])
		b.WriteByte('"')
		s = s[i+2:]
	}
}

// plain reports whether a string is in canonical form as it is written.
func plain(raw []byte) bool {
	for i, c := range raw {
		switch c {
		case '\\', '<', '>', '&':
			return false
		case 0xE2: // perhaps U+2028 or U+2029
			if i+2 < len(raw) && raw[i+1] == 0x80 && raw[i+2]&^1 == 0xA8 {
				return false
			}
		}
	}
	return true
}

// appendText writes a string in canonical form, which is how encoding/json
// writes one, so that it is stored byte for byte as it was made.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	i := 0
	for i < len(s) && simple(s[i]) {
		i++
	}
	dst = append(dst, s[:i]...)
	for _, r := range s[i:] {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == '\b':
			dst = append(dst, '\\', 'b')
		case r == '\f':
			dst = append(dst, '\\', 'f')
		case r < 0x20 || r == '<' || r == '>' || r == '&':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xF])
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', '2', '0', '2', hex[r&0xF])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// simple reports whether a byte stands for itself in canonical form.
func simple(c byte) bool {
	return c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

// contains reports whether a canonical resource has a key: as keys are written,
// no string can hold one.
func contains(resource, marker []byte) bool { return bytes.Contains(resource, marker) }

// AppendText writes a string as JSON.
func AppendText(dst []byte, s string) []byte { return appendText(dst, s) }
