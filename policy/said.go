package policy

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/types"
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
		o, _, _ := objectOf(s.identity, sources[source])
		t.hear(source, b.views[source], o)
	}
	t.settle(identity)
	return identity
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
		if status, ok := inner.slots[s.employment.index["status"]].(types.String); ok && over(string(status)) {
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
