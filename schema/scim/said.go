package scim

// Said are the attributes, and parts of them, that a request says something of and that
// are shown on request: it is answered with them (RFC 7643, section 7).
type Said map[*Attribute]bool

// Said returns what a body says.
func (r Record) Said() Said {
	if !r.typ.shy {
		return nil
	}
	said := Said{}
	for i, a := range r.typ.attributes {
		if r.values[i] != nil {
			said.add(a, r.values[i])
		}
	}
	return said
}

// Said returns what a patch says.
func (p Patch) Said() Said {
	said := Said{}
	for _, o := range p.Operations {
		if o.Sub == nil {
			said.add(o.Attribute, o.Value)
			continue
		}
		said[o.Attribute], said[o.Sub] = true, true
	}
	return said
}

// add takes in an attribute, and those of its parts that the value has.
func (s Said) add(a *Attribute, value []byte) {
	if a.edges || !a.shy() {
		return
	}
	s[a] = true
	for object := range a.each(value) {
		for _, part := range a.Subs {
			if member(object, part.Name) != nil {
				s[part] = true
			}
		}
	}
}

// Answering is the projection as it answers a request that said something: with that,
// too, unless it asks for certain attributes only.
func (p Projection) Answering(said Said) Projection {
	p.said = said
	return p
}
