package policy

import (
	"fmt"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"drawbridge/schema"
)

// leaverGrace is how long access may outlive employment at most: a day, in which somebody
// can notice a mistake of the source.
const leaverGrace = Duration(day)

// employmentReads are what a trigger reads that is about whether somebody works here.
var employmentReads = []string{"identity.employment.", "identity.active"}

// leaves refuses a role that survives the end of employment. Whether one does is tried out:
// people leave, made up of what its rule and its triggers speak of, and from each of them
// some trigger must take it, whenever somebody looks, and within the day.
func (c *compiler) leaves(r *Role, qualifies *rule, triggers []*compiledTrigger) {
	var ending []*rule
	because := ""
	for _, t := range triggers {
		if t.negated || !t.rule.readsAny(employmentReads...) {
			continue
		}
		switch {
		case t.Action != actionRevoke:
			because = fmt.Sprintf("%s asks for %s, which ends nothing", t.name, t.Action)
		case t.passing:
			because = fmt.Sprintf("%s looks only when something happens, and a sweep never", t.name)
		case t.Grace > leaverGrace:
			because = fmt.Sprintf("%s waits %s, and may wait %s", t.name, t.Grace, leaverGrace)
		default:
			ending = append(ending, t.rule)
		}
	}
	if len(ending) > 0 {
		if because = c.book.language.shapes.survivor(qualifies, ending); because == "" {
			return
		}
	}
	problem := c.report(&r.Header, CodeLeaver, in("spec", "triggers"), "role %q survives the end of employment", r.Metadata.Name)
	if because == "" {
		problem.hint("add the trigger set for leavers")
		return
	}
	problem.hint("%s", because)
}

// survivor tells of somebody who left and whom none of the rules knows to have: with an end
// in the past, and without one, as they are whom a source deleted. Nothing is told where
// there is nobody.
func (s shapes) survivor(qualifies *rule, ending []*rule) string {
	var demands []demand
	if qualifies != nil {
		demands = qualifies.demands
	}
	options := slices.DeleteFunc(s.options(demands, ending...), func(o option) bool {
		return o.read.variable != "identity" || slices.Contains([]string{"identity.active", "identity.employment.status", "identity.employment.endDate"}, o.read.name)
	})
	for i, o := range options {
		if o.read.name == "identity.kind" {
			options[i].values = slices.DeleteFunc(slices.Clone(o.values), func(v ref.Val) bool {
				kind, ok := v.(types.String)
				return !ok || kind != types.String(schema.Human) && kind != types.String(schema.Guest)
			})
		}
	}
	options = slices.DeleteFunc(options, func(o option) bool { return len(o.values) == 0 })
	for in := range s.madeUp(options) {
		for _, end := range []ref.Val{nil, types.Timestamp{Time: someDay.Add(-time.Minute)}} {
			s.leave(in, end)
			if !slices.ContainsFunc(ending, func(r *rule) bool { holds, _ := r.eval(in); return holds == yes }) {
				return "it is kept, for one, by " + s.describe(in, options, end)
			}
		}
	}
	return ""
}

// leave makes of somebody made up one who left.
func (s shapes) leave(in *inputs, end ref.Val) {
	id := in.identity
	for name, v := range map[string]ref.Val{"id": types.String("x"), "userName": types.String("x"), "kind": types.String(schema.Human)} {
		if id.slots[id.shape.index[name]] == nil {
			id.set(name, v)
		}
	}
	id.set("active", types.False)
	employment, ok := id.slots[id.shape.index["employment"]].(*object)
	if !ok {
		employment = s.employment.new()
		id.set("employment", employment)
	}
	employment.set("status", types.String("ended"))
	employment.set("endDate", end)
}

// describe says in words who somebody made up is.
func (s shapes) describe(in *inputs, options []option, end ref.Val) string {
	text := "who has the employment.status ended, is not active, and has no endDate"
	if end != nil {
		text = "who has the employment.status ended, is not active, and has an endDate in the past"
	}
	for _, o := range options {
		if v := o.read.of(in); v != nil {
			text += fmt.Sprintf(", %s %v", o.read.name, v.Value())
		} else {
			text += ", no " + o.read.name
		}
	}
	return text
}
