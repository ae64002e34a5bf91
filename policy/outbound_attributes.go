package policy

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"drawbridge/schema"
)

// names are what targets are told: each attribute as the source says it that comes
// first. What nobody claims is for an authoritative source to say. Where none comes
// before the other, it is what the record says that leads.
func (c composition) names(is *schema.Identity) {
	all := map[string]map[string]json.RawMessage{} // by URN, empty for the core schema
	best := map[string]int{}
	says := c.says
	if !slices.ContainsFunc(says, func(r Record) bool { return r.ID == c.lead.ID }) {
		says = append(slices.Clone(says), c.lead)
	}
	slices.SortStableFunc(says, func(x, y Record) int { // who leads comes first
		return cmp.Compare(rankIf(x.ID != c.lead.ID), rankIf(y.ID != c.lead.ID))
	})
	for _, r := range says {
		rank := func(name string) int { return c.book.told(r.Source, name) }
		c.offer(r.Resource, rank, all, best)
		if at := rank(byUserName); at >= 0 && r.UserName != "" && better(best, " "+byUserName, at) {
			is.UserName = r.UserName
		}
		if at := rank("emails"); at >= 0 && r.Email != "" && better(best, " "+byEmail, at) {
			is.Email, is.OtherEmails = r.Email, r.OtherEmails
		}
	}
	core := all[""]
	for _, urn := range slices.Sorted(maps.Keys(all)) {
		if raw, err := json.Marshal(all[urn]); err == nil && urn != "" && len(all[urn]) > 0 {
			core[urn] = raw
		}
	}
	if raw, err := json.Marshal(core); err == nil {
		is.Resource = raw
	}
}

func rankIf(later bool) int {
	if later {
		return 1
	}
	return 0
}

// better reports whether a rank comes before the best so far, which it then is.
func better(best map[string]int, name string, rank int) bool {
	if at, known := best[name]; known && at <= rank {
		return false
	}
	best[name] = rank
	return true
}

// offer takes from a record what it says that nobody before it says.
func (c composition) offer(resource json.RawMessage, rank func(string) int, all map[string]map[string]json.RawMessage, best map[string]int) {
	r := record{raw: resource, core: fields(resource)}
	if all[""] == nil {
		all[""] = map[string]json.RawMessage{}
	}
	take := func(urn, name string, value json.RawMessage) {
		if at := rank(name); at >= 0 && better(best, urn+" "+name, at) {
			if all[urn] == nil {
				all[urn] = map[string]json.RawMessage{}
			}
			all[urn][name] = value
		}
	}
	for _, m := range r.core {
		if name := string(m.name); strings.HasPrefix(name, "urn:") {
			extension := r.extension(name)
			for _, m := range extension {
				take(name, string(m.name), extension.get(string(m.name)))
			}
		} else {
			take("", name, r.core.get(name))
		}
	}
}

// unclaimed is the rank of what no source claims.
const unclaimed = 1 << 20

// told is the rank of a source in what targets are told of an attribute: as for
// rules, but what nobody claims may be said by whoever vouches for the identity,
// and by others where they alone do.
func (b *Book) told(source, attribute string) int {
	if rank := b.rankOf(source, attribute); rank >= 0 {
		return rank
	}
	for name := range b.sources {
		if name != RegisterSource && b.rankOf(name, attribute) >= 0 {
			return -1
		}
	}
	if s, approved := b.sources[source]; approved {
		return unclaimed + trustRank(s)
	}
	return 2 * unclaimed
}

// Alone is Compose of an identity with one record: what its source has no authority
// to say of it is left out.
func (b *Book) Alone(id schema.Identity) schema.Identity {
	v, approved := b.views[id.Source]
	if !approved {
		return id
	}
	if !v.active && !id.Active && !id.Gone() {
		id.Active = true
	}
	if v.silenced {
		composition{book: b, lead: Record{Identity: id}, says: []Record{{Identity: id}}}.names(&id)
	}
	return id
}

// Names returns the names by which somebody is known from a record: its userName and
// its addresses. A source that vouches for nobody gives those that it may say. One that
// is not approved any more is told from who left by all that it said.
func (b *Book) Names(rec schema.Identity) (names []string) {
	_, approved := b.sources[rec.Source]
	if approved && !b.InScope(rec) {
		return nil
	}
	all := !approved || b.Trust(rec.Source) == Authoritative
	if all || b.Authority(rec.Source, byUserName) {
		names = append(names, rec.UserName)
	}
	if all || b.Authority(rec.Source, "emails") {
		names = append(append(names, rec.Email), rec.OtherEmails...)
	}
	return names
}
