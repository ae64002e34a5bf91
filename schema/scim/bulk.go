package scim

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A Bulk is many operations in one request (RFC 7644, section 3.7).
type Bulk struct {
	FailOnErrors int // after how many errors to stop; 0 is never
	Operations   []BulkOperation
}

// A BulkOperation is one request within a Bulk. What it refers to by bulkId, in
// its path and in its data, is what another operation makes.
type BulkOperation struct {
	Method  string // in upper case
	ID      string // its bulkId
	Path    string // as it was sent
	Version string
	Data    []byte // as it was sent
}

// reference is how a value says that it is the id which another operation makes.
const reference = "bulkId:"

// ParseBulk reads the body of a Bulk of at most so many operations.
func ParseBulk(body []byte, l Limits, most int) (Bulk, error) {
	const outer = 3 // an operation's data is in an object, in a list, in the body
	if err := check(body, l.depth()+outer); err != nil {
		return Bulk{}, err
	}
	var b Bulk
	var list []byte
	for name, value := range members(body) {
		switch fold(name) {
		case "schemas":
			if err := means(value, bulkURN); err != nil {
				return b, err
			}
		case "operations":
			list = value
		case "failonerrors":
			n, err := strconv.Atoi(strings.Trim(string(value), `"`))
			if value[0] != 'n' && (err != nil || n < 0) {
				return b, Invalid(InvalidValue, "failOnErrors: it must be a whole number")
			}
			b.FailOnErrors = n
		}
	}
	if list == nil || list[0] != '[' {
		return b, Invalid(InvalidSyntax, "Operations: it must be a list of {\"method\":...,\"path\":...,\"bulkId\":...,\"data\":...}")
	}
	for raw := range elements(list) {
		if len(b.Operations) == most {
			return b, &Error{Status: http.StatusRequestEntityTooLarge, Type: TooMany,
				Detail: fmt.Sprintf("Operations: there are more than %d, which is the most that one request may have; split it", most)}
		}
		if raw[0] != '{' {
			return b, Invalid(InvalidSyntax, "Operations: each must be an object")
		}
		b.Operations = append(b.Operations, bulkOperation(raw))
	}
	return b, b.distinct()
}

func bulkOperation(raw []byte) BulkOperation {
	var o BulkOperation
	for name, value := range members(raw) {
		switch fold(name) {
		case "method":
			o.Method = strings.ToUpper(text(value))
		case "bulkid":
			o.ID = text(value)
		case "path":
			o.Path = text(value)
		case "version":
			o.Version = text(value)
		case "data":
			o.Data = value
		}
	}
	return o
}

// distinct returns an error if two operations have one bulkId: nobody could tell
// which one is referred to.
func (b Bulk) distinct() error {
	seen := map[string]bool{}
	for _, o := range b.Operations {
		if o.ID != "" && seen[o.ID] {
			return Invalid(InvalidValue, "bulkId: %q is there twice", o.ID)
		}
		seen[o.ID] = true
	}
	return nil
}

// References returns the bulkIds that the path and the data refer to.
func (o BulkOperation) References() []string {
	var ids []string
	for _, part := range o.segments() {
		if id, ok := strings.CutPrefix(part, reference); ok {
			ids = append(ids, id)
		}
	}
	o.Resolve(func(id string) (string, bool) {
		ids = append(ids, id)
		return "", true
	})
	return ids
}

// segments returns the parts of the path. Each is decoded by itself, so that an encoded
// slash parts nothing (RFC 3986, section 2.2); what can not be decoded is what it says.
func (o BulkOperation) segments() []string {
	parts := strings.Split(strings.TrimPrefix(o.Path, "/"), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	return parts
}

// ResolvePath returns the parts of the path, decoded, with ids for what it refers to. It
// refers to what is not there if ok is false.
func (o BulkOperation) ResolvePath(idOf func(bulkID string) (string, bool)) (parts []string, ok bool) {
	parts = o.segments()
	for i, part := range parts {
		if id, refers := strings.CutPrefix(part, reference); refers {
			if parts[i], ok = idOf(id); !ok {
				return nil, false
			}
		}
	}
	return parts, true
}

// Resolve returns the data with ids for what it refers to. What refers to
// something that is not there is left out, a text or the object around it; whole
// is false then.
func (o BulkOperation) Resolve(idOf func(bulkID string) (string, bool)) (data []byte, whole bool) {
	if !bytes.Contains(o.Data, []byte(reference)) {
		return o.Data, true
	}
	r := resolver{idOf: idOf, whole: true}
	if data, stays := r.value(make([]byte, 0, len(o.Data)+256), o.Data, true); stays {
		return data, r.whole
	}
	return nil, false
}

// A resolver copies JSON and puts ids where it refers to what others made. It
// calls itself no deeper than the body was checked to be.
type resolver struct {
	idOf  func(string) (string, bool)
	whole bool
}

// value copies a value, and reports whether it stays. An object that directly
// holds what is left out is left out as a whole, unless it is the outermost.
func (r *resolver) value(dst, raw []byte, outermost bool) (_ []byte, stays bool) {
	mark := len(dst)
	switch raw[0] {
	case '{':
		dst = append(dst, '{')
		for name, value := range members(raw) {
			before := len(dst)
			dst = append(appendText(comma(dst), name), ':')
			if dst, stays = r.value(dst, value, false); !stays {
				dst = dst[:before]
				if value[0] == '"' && !outermost {
					return dst[:mark], false
				}
			}
		}
		return append(dst, '}'), true
	case '[':
		dst = append(dst, '[')
		for e := range elements(raw) {
			before := len(dst)
			if dst, stays = r.value(comma(dst), e, false); !stays {
				dst = dst[:before]
			}
		}
		return append(dst, ']'), true
	case '"':
		id, refers := strings.CutPrefix(text(raw), reference)
		if !refers {
			return append(dst, raw...), true
		}
		if id, stays = r.idOf(id); !stays {
			r.whole = false
			return dst, false
		}
		return appendText(dst, id), true
	}
	return append(dst, raw...), true
}
