package scim

import "slices"

// nowhere stands for an attribute that a type does not have: it is unset in every
// resource.
var nowhere = &Attribute{Kind: String}

// ParseAcross reads one filter for resources of several types: an attribute that
// a type does not have is unset there. One that none of them has is refused.
func ParseAcross(s string, types ...*Type) ([]Filter, error) {
	filters := make([]Filter, len(types))
	var missing [][]string
	for i, t := range types {
		p, err := newParser(t, s)
		if err != nil {
			return nil, err
		}
		if p.skip() {
			continue
		}
		p.loose = true
		if filters[i], err = p.filter(); err != nil {
			return nil, err
		}
		missing = append(missing, p.missing)
	}
	if len(missing) == 0 {
		return filters, nil
	}
	for _, name := range missing[0] {
		if !slices.ContainsFunc(missing, func(names []string) bool { return !slices.Contains(names, name) }) {
			return nil, Invalid(InvalidFilter, "filter: no resource has an attribute %q", name)
		}
	}
	return filters, nil
}

// absent makes a comparison one with what is unset.
func (p *parser) absent(e *expr, path string) {
	p.missing = append(p.missing, fold(path))
	e.attr, e.lit.folded = nowhere, fold(e.lit.text)
}

// settled reports whether what a filter says of a resource is known before it is
// looked at, because it depends on its type alone.
func (e *expr) settled() (truth, known bool) {
	switch e.op {
	case opAnd, opOr:
		all := true
		for _, k := range e.kids {
			truth, known := k.settled()
			if known && truth == (e.op == opOr) {
				return truth, true
			}
			all = all && known
		}
		return e.op == opAnd, all
	case opNot:
		truth, known = e.kids[0].settled()
		return !truth, known
	case opHas:
		return false, false
	default: // a comparison
		switch e.common {
		case resourceType:
			return e.compareText(e.of.Name, true), true
		case commonMeta: // only whether there is one can be asked, and there always is
			return e.op != opEq, true
		}
		return false, false
	}
}

// never is a filter that no resource is meant by.
var never = &expr{op: opOr}
