package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// said puts what a Test has sources say into what it writes out of an identity: of
// each attribute what the source says that comes first, as of records, and nothing
// that a source may not say.
func (b *Book) said(identity *object, sources map[string]map[string]any) *object {
	if len(sources) == 0 {
		return identity
	}
	s := b.language.shapes
	t := saying{
		shapes: s, of: make([]choice, len(s.identity.fields)), job: make([]choice, len(s.employment.fields)), grouped: -1,
	}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		o, _, _ := objectOf(s.identity, sources[source], b.sources[source].zone())
		t.hear(source, b.views[source], o)
	}
	t.settle(identity)
	return identity
}

// silenced takes out of an identity what a source said that a test has been silent for
// too long (heard: source/NAME): nothing is concluded from it. Where the test does not
// say what each source says, an attribute is from the first that may say it.
func (b *Book) silenced(identity *object, spec TestSpec) *object {
	for name, heard := range spec.Heard {
		source, ok := strings.CutPrefix(name, "source/")
		s := b.sources[source]
		if !ok || s == nil {
			continue
		}
		held, age := s.holdsStale(), spec.Now.Sub(heard)
		for slot, field := range identity.shape.fields {
			counts := time.Duration(b.declared()[field.name].MaxAge)
			if held > 0 && (counts == 0 || held < counts) {
				counts = held
			}
			if _, declared := b.declared()[field.name]; declared && counts > 0 && age >= counts && b.saysFirst(source, field.name, spec.Sources) {
				identity.slots[slot] = stale(&staleness{"identity." + field.name, source, age, counts, false})
			}
		}
	}
	return identity
}

// saysFirst reports whether an attribute is what a source says, among those that say it,
// or could.
func (b *Book) saysFirst(source, attribute string, said map[string]map[string]any) bool {
	first, best := "", -1
	for name := range b.sources {
		if says, known := said[name]; len(said) > 0 && (!known || says[attribute] == nil) {
			continue
		}
		if rank := b.rankOf(name, attribute); rank >= 0 && (best < 0 || rank < best) {
			first, best = name, rank
		}
	}
	return first == source
}

// A saying is what several sources of a Test say, being put together.
type saying struct {
	shapes  shapes
	of, job []choice // of identity, and of its employment
	groups  []string
	grouped int    // slot of groups, or -1 where nobody says any
	active  truth  // no where anybody who may say so does
	ended   string // the word of whoever says that employment is over
}

// hear adds what one source says, within what it may.
func (t *saying) hear(source string, v view, o *object) {
	s := t.shapes
	if says, ok := o.slots[s.identity.index["active"]].(types.Bool); ok && v.active && t.active != no {
		t.active = yes
		if !says {
			t.active = no
		}
	}
	if inner, ok := o.slots[s.identity.index["employment"]].(*object); ok && v.employment {
		for i, value := range inner.slots {
			if value != nil {
				t.job[i].offer(value, v.ranks[s.employment.path+"."+s.employment.fields[i].name], source)
			}
		}
		if status, ok := inner.slots[s.employment.index["status"]].(types.String); ok && schema.EmploymentOver(string(status)) {
			t.ended = string(status)
		}
	}
	for i, value := range o.slots {
		rank, may := v.ranks[s.identity.path+"."+s.identity.fields[i].name]
		if value == nil {
			continue
		}
		if names, ok := native(value).([]string); ok && i == v.groups {
			t.grouped, t.groups = i, append(t.groups, names...)
		} else if may {
			t.of[i].offer(value, rank, source)
		}
	}
}

// settle writes it into what a test says of the identity besides.
func (t *saying) settle(identity *object) {
	s := t.shapes
	employment, ok := identity.slots[s.identity.index["employment"]].(*object)
	if !ok {
		employment = s.employment.new()
	}
	for i := range t.of {
		t.of[i].settle(identity, i, nil)
	}
	for i := range t.job {
		t.job[i].settle(employment, i, nil)
	}
	if t.grouped >= 0 {
		identity.slots[t.grouped] = newTexts(t.groups)
	}
	known := employment.slots[s.employment.index["status"]] != nil
	switch {
	case t.ended != "":
		employment.set("status", types.String(t.ended))
	case t.active == yes && !known:
		employment.set("status", types.String("active"))
	case t.active == no && !known:
		employment.set("status", types.String("suspended"))
	}
	if t.active != unknown {
		identity.set("active", types.Bool(t.active == yes))
	}
	identity.set("employment", employment)
}
