package policy

// An Owned is a document, by kind and name, and who answers for it.
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
	}
	return all
}
