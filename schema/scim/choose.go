package scim

import "slices"

// A Choice says which members of a group an operation means, by more than who they
// are: they are looked through, where others are looked up.
type Choice struct{ where *expr }

// Match reports whether a member is meant, as it is shown.
func (c Choice) Match(element []byte) bool { return c.where.matchElement(element) }

// Display reports whether it asks how members are called.
func (c Choice) Display() bool { return c.where.names("display") }

// Only returns the ids that a member must have one of; ok is false if it may have any.
func (c Choice) Only() (ids []string, ok bool) { return c.where.only() }

// Cost is how many bytes one member counts that is looked at.
func (c Choice) Cost() int64 {
	one := edgeCost
	if c.Display() {
		one = displayCost
	}
	return int64(one) * int64(1+c.where.size())
}

// Choose asks, in the order of the operations, for the members whom one chooses by
// more than who they are; named are those whom operations before it name. Edits are
// known only then.
func (p *Patch) Choose(of func(c Choice, named []string) ([]string, error)) error {
	if !slices.ContainsFunc(p.Operations, func(o Operation) bool { return o.chooses }) {
		return nil
	}
	var named []string
	for i := range p.Operations {
		o := &p.Operations[i]
		switch {
		case o.chooses:
			ids, err := of(Choice{o.Where}, named)
			if err != nil {
				return err
			}
			o.IDs = ids
		case o.Attribute.edges && o.Op != Remove:
			named = append(named, o.IDs...)
		}
	}
	return nil
}

// aboutValue reports whether a filter on edges is of nothing but who is at their other
// end, which is looked up and not searched for.
func (e *expr) aboutValue() bool {
	switch e.op {
	case opAnd, opOr:
		return !slices.ContainsFunc(e.kids, func(k *expr) bool { return !k.aboutValue() })
	case opEq:
		return e.attr != nil && e.attr.Name == "value" && e.lit.kind == litString
	default:
		return false
	}
}

// only returns the values that an edge must have one of for the filter to choose it;
// ok is false if it may have any. Where the filter is about nothing else, whoever has
// one is chosen.
func (e *expr) only() (values []string, ok bool) {
	switch e.op {
	case opEq:
		if e.aboutValue() {
			return []string{e.lit.text}, true
		}
	case opAnd:
		for _, k := range e.kids {
			these, some := k.only()
			switch {
			case !some:
			case !ok:
				values, ok = these, true
			default:
				values = slices.DeleteFunc(values, func(v string) bool { return !slices.Contains(these, v) })
			}
		}
		return values, ok
	case opOr:
		for _, k := range e.kids {
			these, some := k.only()
			if !some {
				return nil, false
			}
			values = append(values, these...)
		}
		return values, true
	default: // asks for no value
	}
	return nil, false
}
