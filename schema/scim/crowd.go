package scim

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
)

// Who is in a group is the longest thing that senders send: a body of 16 MiB can name
// millions. What they are called is read twice, and kept once.

// maxMembers is how many members one request may name.
const maxMembers = 500_000

var errManyMembers = &Error{
	Status: http.StatusRequestEntityTooLarge, Type: TooMany,
	Detail: fmt.Sprintf("members: there are more than %d; add them by PATCH, some at a time", maxMembers),
}

// memberIDs reads the members of a group: objects with a value, or plain ids, or one
// of either. All are counted before any is kept, so that those who are too many cost
// nothing; ids are parts of one text, which is as long as all of them.
func (in *reader) memberIDs(raw []byte) ([]string, error) {
	before, length := in.named, 0
	for m := range eachMember(raw) {
		if in.named++; in.named > maxMembers {
			return nil, errManyMembers
		}
		id, err := memberID(m)
		if err != nil {
			return nil, err
		}
		length += len(id)
	}
	ids := make([]string, 0, in.named-before)
	var all strings.Builder
	all.Grow(length)
	for m := range eachMember(raw) {
		from := all.Len()
		id, _ := memberID(m)
		appendDecoded(&all, id)
		if all.Len() > from {
			ids = append(ids, all.String()[from:])
		}
	}
	return ids, nil
}

// eachMember walks a list of members, or the one there is.
func eachMember(raw []byte) func(yield func([]byte) bool) {
	if raw[0] == '[' {
		return elements(raw)
	}
	return func(yield func([]byte) bool) { yield(raw) }
}

// memberID returns a member's id as it is written, nil where it is nobody's.
func memberID(raw []byte) ([]byte, error) {
	switch raw[0] {
	case '"':
		return raw, nil
	case 'n':
		return nil, nil
	case '{':
		for key, value := range written(raw) {
			if value[0] == '"' && isKey(key, "value") {
				return value, nil
			}
		}
	}
	return nil, Invalid(InvalidValue, "members: each must be an object with the member's id as its value")
}

// isKey reports whether a key, as it is written, is a name in whatever case.
func isKey(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') >= 0 {
		return strings.EqualFold(text(key), name)
	}
	return len(key) == len(name)+2 && strings.EqualFold(string(key[1:len(key)-1]), name)
}

// appendDecoded writes a string behind others.
func appendDecoded(to *strings.Builder, raw []byte) {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		to.Write(raw[1 : len(raw)-1])
		return
	}
	to.WriteString(text(raw))
}
