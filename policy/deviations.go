package policy

import (
	"maps"
	"slices"
	"time"

	"drawbridge/schema"
)

// Pressed is how many exceptions that hold at once say that the rule is wrong: a rule from
// which so many deviate is one that nobody wrote.
const Pressed = 5

// Deviations count, by rule, who is excepted from it at a time: by a document, for each
// whom it names, or because they asked; of a role, also who has it only by an exception
// from something else.
type Deviations struct {
	now time.Time
	n   map[string]int
	own map[string]bool // exceptions from a role itself, for which its grants are not counted again
}

// Deviations returns those that the documents allow. What people asked for, and what was
// granted by it, is for whoever knows of it to add, in this order.
func (b *Book) Deviations(now time.Time) *Deviations {
	d := &Deviations{now: now, n: map[string]int{}, own: map[string]bool{}}
	for _, e := range b.Exceptions() {
		if p := e.Pass(); p.Waives.Personal() && p.Live(now) {
			d.add(p.Exception, p.Waives.Rule(), p.Waives.Role, len(e.Spec.Subjects))
		}
	}
	return d
}

func (d *Deviations) add(exception, rule, role string, n int) {
	d.n[rule] += n
	d.own[exception] = rule == Waiver{Role: role}.Rule()
}

// Asked adds an exception that somebody asked for.
func (d *Deviations) Asked(e schema.Exception) {
	if e.Live(d.now) {
		d.add("exception/"+e.ID, e.Rule(), e.Role, 1)
	}
}

// Granted adds a grant that rests on an exception.
func (d *Deviations) Granted(g schema.Grant) {
	if len(g.Excepted) > 0 && g.Live(d.now) && !d.own[g.Excepted[0]] {
		d.n[Waiver{Role: g.Role}.Rule()]++
	}
}

// Of returns how many deviate from a rule.
func (d *Deviations) Of(rule string) int { return d.n[rule] }

// Dominated returns the rules from which so many deviate that they are wrong, sorted.
func (d *Deviations) Dominated() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.n)), func(rule string) bool { return d.n[rule] < Pressed })
}
