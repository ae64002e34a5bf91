package policy

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"drawbridge/schema"
)

// A demand is a condition that whatever a rule matches must meet: that an attribute
// is one of the values, or a list attribute has one of them.
type demand struct {
	read   read
	values []string
	list   bool // the attribute is a list, and is to have the value
}

// contradictory reports whether the rule demands of one attribute to be two things.
func (r *rule) contradictory() bool {
	for i, one := range r.demands {
		for _, other := range r.demands[:i] {
			if one.read.name == other.read.name && !one.list && !other.list && !slices.ContainsFunc(one.values, func(v string) bool { return slices.Contains(other.values, v) }) {
				return true
			}
		}
	}
	return false
}

// demands returns what every match of an expression must meet: of the conditions
// that are joined by "and" at its top, those that compare an attribute with text.
func (a *analysis) demands(e ast.Expr) []demand {
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case operators.LogicalAnd:
		return append(a.demands(args[0]), a.demands(args[1])...)
	case operators.Equals:
		for i, side := range args {
			value, ok := literalText(args[1-i])
			if r, is := a.attribute(side); ok && is && !r.guarded {
				return []demand{{r, []string{value}, false}}
			}
		}
	case operators.In:
		if value, ok := literalText(args[0]); ok {
			if r, is := a.attribute(args[1]); is && !r.guarded {
				return []demand{{r, []string{value}, true}}
			}
			return nil
		}
		values, ok := literalTexts(args[1])
		if r, is := a.attribute(args[0]); ok && is && !r.guarded {
			return []demand{{r, values, false}}
		}
	}
	return nil
}

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}

func literalTexts(e ast.Expr) (values []string, ok bool) {
	if e.Kind() != ast.ListKind {
		return nil, false
	}
	for _, item := range e.AsList().Elements() {
		value, ok := literalText(item)
		if !ok {
			return nil, false
		}
		values = append(values, value)
	}
	return schema.Sorted(values...), true
}

// An index finds the roles whose rule may match an identity, by one demand of each:
// the one that the fewest roles share. A role whose demand is known not to be met
// does not match, whatever else its rule says. One whose attribute is absent, or
// disputed, is looked at: it may be indeterminate, and that is to be said.
type index struct {
	attributes []indexed
	always     []int // roles without a demand
}

// indexed are the roles that are found by one attribute, by their places among all.
type indexed struct {
	read    read
	byValue map[string][]int
	all     []int
}

func newIndex(roles []*compiledRole) index {
	type posting struct{ attribute, value string }
	share := map[posting]int{}
	for _, r := range roles {
		for _, d := range r.rule.demands {
			for _, v := range d.values {
				share[posting{d.read.name, v}]++
			}
		}
	}
	cost := func(d demand) (n int) {
		for _, v := range d.values {
			n += share[posting{d.read.name, v}]
		}
		return n
	}
	var x index
	place := map[string]int{}
	for i, r := range roles {
		if len(r.rule.demands) == 0 {
			x.always = append(x.always, i)
			continue
		}
		best := slices.MinFunc(r.rule.demands, func(a, b demand) int { return cost(a) - cost(b) })
		at, ok := place[best.read.name]
		if !ok {
			at = len(x.attributes)
			place[best.read.name] = at
			x.attributes = append(x.attributes, indexed{read: best.read, byValue: map[string][]int{}})
		}
		a := &x.attributes[at]
		a.all = append(a.all, i)
		for _, v := range best.values {
			a.byValue[v] = append(a.byValue[v], i)
		}
	}
	return x
}

// candidates adds the places of the roles whose rule may match.
func (x *index) candidates(in *inputs, places []int) []int {
	places = append(places, x.always...)
	for i := range x.attributes {
		a := &x.attributes[i]
		switch v := a.read.of(in).(type) {
		case types.String:
			places = append(places, a.byValue[string(v)]...)
		case traits.Lister:
			for it := v.Iterator(); it.HasNext() == types.True; {
				if s, ok := it.Next().(types.String); ok {
					places = append(places, a.byValue[string(s)]...)
				}
			}
		default:
			places = append(places, a.all...)
		}
	}
	return places
}

// candidates returns the roles to be evaluated, by name: those whose rule may
// match, those that the identity was granted or is said to hold, and those in
// quarantine. Of all others nothing could come but that their rule does not match.
func (e *evaluation) candidates() []*compiledRole {
	b := e.book
	if e.only != nil {
		return e.only
	}
	if e.thorough {
		return b.roles
	}
	places := b.index.candidates(&e.in, make([]int, 0, 16))
	named := func(role string) {
		if at, ok := b.places[role]; ok {
			places = append(places, at)
		}
	}
	for _, role := range e.facts.About {
		named(role)
	}
	for _, p := range e.facts.Passes {
		named(p.Waives.Role)
	}
	for _, g := range e.facts.Grants {
		named(g.Role)
	}
	for role := range b.quarantined {
		named(role)
	}
	slices.Sort(places)
	places = slices.Compact(places)
	roles := make([]*compiledRole, len(places))
	for i, at := range places {
		roles[i] = b.roles[at]
	}
	return roles
}
