package policy

import "strings"

// An Owned is a document, by kind and name, and who answers for it; or an entitlement
// that has an owner of its own, as Entitlement/CONNECTOR/ID.
type Owned struct {
	Ref string
	Owner
}

// Owned returns the documents that somebody answers for, or should, in the order of kinds
// and names. Tests answer for themselves.
func (b *Book) Owned() []Owned {
	var all []Owned
	for _, d := range b.set.documents() {
		h := d.header()
		all = append(all, Owned{h.Ref(), h.Metadata.Owner})
		if c, ok := d.(*Connector); ok {
			all = append(all, c.owned()...)
		}
	}
	return all
}

// owned are the entitlements of a connector that have owners of their own, for whom the
// connector's stands in.
func (c *Connector) owned() (all []Owned) {
	for _, e := range c.Spec.Entitlements {
		if e.Owner != "" && !strings.EqualFold(e.Owner, c.Metadata.Owner.User) {
			all = append(all, Owned{"Entitlement/" + c.Metadata.Name + "/" + e.ID, Owner{User: e.Owner, Deputy: c.Metadata.Owner.User}})
		}
	}
	return all
}

// RestsOn returns the documents without which a role cannot be answered for, by kind and
// name: its targets and what it gives there, who approves it, and what ends it.
func (b *Book) RestsOn(r *Role) (refs []string) {
	for _, g := range r.Spec.Grants {
		refs = append(refs, "Connector/"+g.Connector, "Entitlement/"+g.Connector+"/"+g.Entitlement)
	}
	if f, ok := b.Flow(r); ok {
		refs = append(refs, f.Ref())
	}
	for _, set := range r.Spec.Triggers {
		refs = append(refs, "TriggerSet/"+set)
	}
	return refs
}
