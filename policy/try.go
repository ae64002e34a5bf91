package policy

import (
	"strconv"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// Try evaluates what a Test describes: as it stands, and afresh, as if the
// identity held no grant and no tombstone stood against it, which shows what it
// could ask for. Grants have the ids 1, 2 and so on.
//
// Compile has reported what of a test's facts cannot be; here it is absent.
func (b *Book) Try(t *Test) (access, afresh Access) {
	s, spec := b.language.shapes, t.Spec
	in := inputs{
		identity: facts(s.identity, spec.Identity), workload: facts(s.workload, spec.Workload),
		ticket: facts(s.ticket, spec.Ticket), account: facts(s.account, spec.Account),
	}
	id, _ := spec.Identity["id"].(string)
	blank := Facts{Identity: schema.Identity{ID: id}}
	held := blank
	for i, g := range spec.Grants {
		held.Grants = append(held.Grants, schema.Grant{
			ID: strconv.Itoa(i + 1), Identity: id, Role: g.Role, From: g.GrantedAt, Until: g.ExpiresAt, LastUsed: g.LastUsed, Ticket: g.Ticket,
		})
	}
	for _, role := range spec.Buried {
		held.Tombstones = append(held.Tombstones, schema.Tombstone{Identity: id, Role: role})
	}
	e := b.evaluation(in, held, spec.Now)
	e.observable = map[string]bool{}
	for i, g := range spec.Grants {
		if g.UsageObservable != nil {
			e.observable[strconv.Itoa(i+1)] = *g.UsageObservable
		}
	}
	return e.run(), b.evaluation(in, blank, spec.Now).run()
}

// facts makes an object of what a test writes out. Kind is human where it says
// nothing, as it is for what a source sends.
func facts(s *shape, values map[string]any) *object {
	o, _, _ := objectOf(s, values)
	if i, ok := s.index["kind"]; ok && s.path == "identity" && o.slots[i] == nil {
		o.slots[i] = types.String(schema.Human)
	}
	return o
}
