package policy

import (
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxMadeUp is how many identities are made up for one rule and one trigger.
const maxMadeUp = 4096

// someDay is when they live: rules compare times with now, and with each other.
var someDay = time.Date(2001, time.January, 1, 0, 0, 0, 0, time.UTC)

// flaps refuses a role that nobody can keep: whoever qualifies for it meets a
// trigger that revokes it. That a trigger stands above a rule for some is what
// triggers are for; that it does for all of them is a mistake in one of the two.
//
// It is looked for among identities made up of what both say. The role is refused
// if some of them qualify, if the trigger fires for each of these, and if there is
// anybody at all for whom it would not.
func (c *compiler) flaps(r *compiledRole) {
	if r.rule == nil || !r.rule.ofIdentity() {
		return
	}
	field, _ := r.Spec.rule()
	for _, t := range r.triggers {
		if t.Action != actionRevoke || t.passing || t.negated || !t.rule.ofIdentity() {
			continue
		}
		if c.book.language.shapes.always(r.rule, t.rule) {
			r.flaps = true
			c.report(&r.Header, CodeFlap, in("spec", field), "trigger %s takes role %q from everybody who qualifies for it", t.name, r.Metadata.Name).
				hint("say in %s who is not to have it, or in the trigger who is to keep it", field)
		}
	}
}

// ofIdentity reports whether nothing but the identity and the time decides.
func (r *rule) ofIdentity() bool {
	for name := range r.names {
		if name != "identity" && name != "workload" && name != "now" {
			return false
		}
	}
	return !slices.ContainsFunc(r.moments, func(m moment) bool { return m.read == nil }) // of a date of its own
}

// always reports whether whoever meets one rule meets the other, as far as can be
// seen: not without somebody who meets the first, and somebody who does not meet
// the second.
func (s shapes) always(one, other *rule) bool {
	met := false
	for in := range s.madeUp(s.options(one.demands, one, other)) {
		if holds, _ := one.eval(in); holds != yes {
			continue
		}
		if holds, _ := other.eval(in); holds != yes {
			return false
		}
		met = true
	}
	if !met {
		return false
	}
	for in := range s.madeUp(s.options(nil, other)) {
		if holds, _ := other.eval(in); holds == no {
			return true
		}
	}
	return false
}

// An option is an attribute, and the values that it may have; nil is none.
type option struct {
	read   read
	values []ref.Val
}

// options returns the attributes that the rules read, each with the values that
// the rules speak of and others; where a demand is made on one, only those that
// meet it.
func (s shapes) options(demands []demand, rules ...*rule) []option {
	var all []option
	for _, r := range rules {
		for _, read := range r.reads {
			if slices.ContainsFunc(all, func(c option) bool { return c.read.name == read.name }) {
				continue
			}
			all = append(all, option{read, s.values(read, demands, rules)})
		}
	}
	return all
}

// values returns what an attribute may be.
func (s shapes) values(r read, demands []demand, rules []*rule) (values []ref.Val) {
	if !slices.Contains(alwaysKnown, r.name) {
		values = append(values, nil)
	}
	var texts []string
	for _, d := range demands {
		if d.read.name == r.name {
			texts = append(texts, d.values...)
		}
	}
	demanded := len(texts) > 0
	if !demanded {
		texts = append(texts, "something else")
		for _, rule := range rules {
			texts = append(texts, rule.texts...)
		}
	}
	switch typ := s.typeOf(r); typ.Kind() { //nolint:exhaustive // attributes have no other types
	case types.StringKind:
		for _, text := range texts {
			values = append(values, types.String(text))
		}
	case types.ListKind:
		values = append(values, newTexts(texts))
		if !demanded {
			values = append(values, newTexts(nil))
		}
	case types.BoolKind:
		values = append(values, types.True, types.False)
	case types.IntKind:
		for _, rule := range rules {
			for _, n := range rule.ints {
				values = append(values, types.Int(n-1), types.Int(n), types.Int(n+1))
			}
		}
	case types.TimestampKind:
		for _, after := range []time.Duration{-10 * 366 * day, -time.Minute, time.Minute, 10 * 366 * day} {
			values = append(values, types.Timestamp{Time: someDay.Add(after)})
		}
	}
	return values
}

// madeUp makes up identities of all combinations of the options, or the first of
// them where there are very many.
func (s shapes) madeUp(options []option) func(yield func(*inputs) bool) {
	return func(yield func(*inputs) bool) {
		at := make([]int, len(options))
		for range maxMadeUp {
			in := &inputs{identity: s.identity.new(), workload: s.workload.new()}
			in.at(someDay)
			for i, c := range options {
				c.read.put(in, c.values[at[i]])
			}
			if !yield(in) || !advance(at, options) {
				return
			}
		}
	}
}

// advance goes to the next combination, and reports whether there is one.
func advance(at []int, options []option) bool {
	for i := range at {
		if at[i]++; at[i] < len(options[i].values) {
			return true
		}
		at[i] = 0
	}
	return false
}

// typeOf returns the type of what is read.
func (s shapes) typeOf(r read) *types.Type {
	within, last := s.variable(r.variable), len(r.slots)-1
	for _, i := range r.slots[:last] {
		within = within.fields[i].nested
	}
	return within.fields[r.slots[last]].typ
}

// put gives the attribute a value.
func (r read) put(in *inputs, v ref.Val) {
	o, last := in.object(r.variable), len(r.slots)-1
	for _, i := range r.slots[:last] {
		inner, ok := o.slots[i].(*object)
		if !ok {
			inner = o.shape.fields[i].nested.new()
			o.slots[i] = inner
		}
		o = inner
	}
	o.slots[r.slots[last]] = v
}
