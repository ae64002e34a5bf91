package scim

import (
	"fmt"
	"net/http"
	"strings"

	"drawbridge/schema"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// What an extension says is unique is refused to whoever sets what another has. What two
// had before it was to be unique they keep, and are told of as a finding: see
// access.KeepUnique. Who is out is refused nothing, and who comes back what another has.

func (q *request) freeUser(tx store.Tx, old, said schema.Identity) error {
	values, err := q.users.Claims(old.Resource, said.Resource)
	if err != nil {
		return err
	}
	return free(tx, store.Identities, store.IdentityUnique, q.source, values, func(id schema.Identity) (string, bool) {
		return "user " + id.ID, id.ID != said.ID
	})
}

func (q *request) freeGroup(tx store.Tx, old, said schema.Group) error {
	values, err := q.groups.Claims(old.Resource, said.Resource)
	if err != nil {
		return err
	}
	return free(tx, store.Groups, store.GroupUnique, q.source, values, func(g schema.Group) (string, bool) {
		return "group " + g.ID, g.ID != said.ID
	})
}

// free returns an error if one of the values is another's, and names who has it. Of two
// requests that set one value at once, one sees the other.
func free[R any](tx store.Tx, c *store.Collection[R], x *store.Index[R], source string, values []string, taken func(R) (by string, others bool)) error {
	for _, v := range values {
		if err := store.Meet(tx, "unique", source, v); err != nil {
			return err
		}
		for other, err := range c.By(tx, x, source, v) {
			if err != nil {
				return err
			}
			if by, others := taken(other); others {
				attribute, value, _ := strings.Cut(v, "=")
				return &wire.Error{Status: http.StatusConflict, Type: wire.Uniqueness, Detail: fmt.Sprintf("%s: %q is taken by %s", attribute, value, by)}
			}
		}
	}
	return nil
}
