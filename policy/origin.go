package policy

import (
	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// An Origin says which sources a value is from; where they disagree, between whom
// it is open.
type Origin struct {
	Sources  []string `json:"sources"`
	Disputed bool     `json:"disputed,omitempty"`
}

// Origins returns which source said what rules may read of an identity, by name:
// identity.department.
func (b *Book) Origins(f Facts) map[string]Origin {
	origins := map[string]Origin{}
	if len(f.Records) > 0 {
		b.compose(f.Records).attributes(f.Identity, origins)
		return origins
	}
	for name := range b.Attributes(f.Identity, f.Groups).Values() {
		switch name {
		case "identity.id", "identity.kind":
		default:
			origins[name] = Origin{Sources: []string{f.Identity.Source}}
		}
	}
	return origins
}

// Said returns what rules may read of an identity, by name. What sources disagree
// about is not there.
func (b *Book) Said(f Facts) map[string]any {
	a, _, _ := b.known(f)
	return a.Values()
}

// OwnerOf returns who answers for a machine identity, as its sources say: an id, a
// userName or an email address. Of people, where nothing is said, and where
// sources disagree, it is empty.
func (b *Book) OwnerOf(f Facts) string {
	if id := f.Identity; id.Kind == "" || id.Kind == schema.Human || id.Kind == schema.Guest {
		return ""
	}
	var c choice
	for _, rec := range b.counting(f) {
		v := b.views[rec.Source]
		if v.owner == nil {
			continue
		}
		r := record{raw: rec.Resource}
		raw := r.find(*v.owner)
		if len(raw) == 0 {
			continue
		}
		if said := v.owner.value(raw); said != nil {
			c.offer(said, v.ranks["owner"], rec.Source)
		}
	}
	owner, ok := c.value.(types.String)
	if !ok || c.disputed {
		return ""
	}
	return string(owner)
}

// counting returns the records of an identity that count, or its only one.
func (b *Book) counting(f Facts) []Record {
	if len(f.Records) == 0 {
		return []Record{{Identity: f.Identity, Groups: f.Groups}}
	}
	return b.compose(f.Records).says
}
