package policy

import (
	"errors"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// disputes lists what sources disagree about.
func (a Attributes) disputes(f Facts) (open []Dispute) {
	if len(f.Records) == 0 {
		return nil
	}
	employment, _ := a.identity.slots[a.identity.shape.index["employment"]].(*object)
	for _, o := range []*object{a.identity, employment, a.workload} {
		if o == nil {
			continue
		}
		for i, v := range o.slots {
			if err, ok := v.(*types.Err); ok {
				open = append(open, Dispute{o.shape.path + "." + o.shape.fields[i].name, err.String()})
			}
		}
	}
	return open
}

// known returns what rules may read of an identity; why nobody vouches for it, if
// that is so; and the sources that did and know it no more.
func (b *Book) known(f Facts) (a Attributes, unvouched string, lapsed []string) {
	var vouched bool
	if len(f.Records) == 0 {
		a = b.Attributes(f.Identity, f.Groups)
		vouched = b.vouches(f.Identity, a)
	} else {
		c := b.compose(f.Records)
		a, vouched, lapsed = c.attributes(f.Identity, nil), c.vouched, c.lapsed
	}
	if !vouched {
		unvouched = "no authoritative source that may speak of it tells of it"
	}
	return a, unvouched, lapsed
}

// Vouched reports whether an authoritative source that may speak of an identity tells
// of it.
func (b *Book) Vouched(f Facts) bool {
	if f.Into != "" || f.Identity.Gone() {
		return false
	}
	_, unvouched, _ := b.known(f)
	return unvouched == ""
}

// vouches reports whether a record with the attributes is of an authoritative source
// that may speak of such an identity.
func (b *Book) vouches(id schema.Identity, a Attributes) bool {
	if s, ok := b.sources[id.Source]; !ok || s.Spec.Trust != Authoritative {
		return false
	}
	scope, ok := b.scopes[id.Source]
	if !ok {
		return true
	}
	met, _ := scope.eval(&inputs{identity: a.identity, workload: a.workload})
	return met == yes
}

// undecided says which attributes a rule needs and nobody supplied.
func (e *evaluation) undecided(r *compiledRole, v *Verdict, err error) {
	v.Outcome, v.Missing = Indeterminate, e.missing(r, false)
	for _, read := range r.rule.reads {
		if open, ok := read.of(&e.in).(*types.Err); ok {
			v.Reason = open.String()
			return
		}
	}
	if len(v.Missing) > 0 {
		v.Reason = "nobody supplied " + strings.Join(v.Missing, ", ")
		return
	}
	v.Reason = "its rule can not be decided"
	if absent, ok := errors.AsType[*absence](err); ok {
		v.Reason = absent.Error()
	} else if err != nil {
		v.Reason += ": " + err.Error()
	}
}

// missing returns the attributes that a rule needs and nobody supplied, by name; with
// those, if so wanted, of which it asks whether they are there.
func (e *evaluation) missing(r *compiledRole, guarded bool) (names []string) {
	for _, read := range r.rule.reads {
		if (guarded || !read.guarded) && read.of(&e.in) == nil {
			names = append(names, read.name)
		}
	}
	slices.Sort(names)
	return names
}

// lapsing reports whether what a role needs and nobody supplies is what a source
// was to say that deleted its record: what it vouched for ended with that. The rule
// is one that can not be decided, or that does not match.
func (e *evaluation) lapsing(r *compiledRole, value truth) bool {
	if len(e.lapsed) == 0 {
		return false
	}
	missing := e.missing(r, value == no)
	return slices.ContainsFunc(e.lapsed, func(source string) bool {
		return slices.ContainsFunc(missing, e.book.views[source].says)
	})
}
