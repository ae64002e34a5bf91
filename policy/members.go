package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"drawbridge/schema/jsonscan"
)

// A member is one of a JSON object's.
type member struct {
	name  []byte
	value json.RawMessage
}

// members are those of an object in their order; a name that is there twice counts where
// it is last.
type members []member

// fields returns the members of a JSON object; none of anything else. They are good for
// as long as what they are of.
func fields(raw json.RawMessage) members {
	if len(raw) == 0 {
		return nil
	}
	all := make(members, 0, 16)
	o := jsonscan.Of(raw)
	for name := range o.Members() {
		all = append(all, member{name, o.Value()})
	}
	if o.Whole() {
		return all
	}
	m := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	all = all[:0]
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, member{[]byte(name), m[name]})
	}
	return all
}

// get returns the value of a member, nil where there is none.
func (all members) get(name string) json.RawMessage {
	for _, m := range slices.Backward(all) {
		if string(m.name) == name {
			return m.value
		}
	}
	return nil
}

// dig follows a dotted path of sub-attributes.
func dig(m members, key string) json.RawMessage {
	for {
		first, rest, more := strings.Cut(key, ".")
		if !more {
			return m.get(first)
		}
		m, key = fields(m.get(first)), rest
	}
}
