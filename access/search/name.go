package search

import (
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// Named is the search with those who are called as people call them (by an id, a
// userName or an email address) as the log names them.
func (q Query) Named(r store.Reader) (Query, error) {
	for _, of := range []struct {
		name   *string
		before string // an identity's id
	}{{&q.Subject, ""}, {&q.By, "identity/"}} {
		if *of.name == "" || *of.name == "bridge" || strings.Contains(*of.name, "/") {
			continue // as the log has it
		}
		id, err := access.FindIdentity(r, *of.name)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return q, err
		}
		*of.name = of.before + id.ID
	}
	return q, nil
}
