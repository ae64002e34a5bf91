package policy

import (
	"cmp"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"drawbridge/schema"
)

// What several sources say of one identity is put together an attribute at a time.
// Of the sources that may say it, the first with a value does, in the order that
// the PolicySet gives (from); without one, those that claim it by name come before
// those that claim "*", and of these those that are authoritative. Sources of which
// none comes before the other, and that disagree, leave it open: nobody is believed
// for having spoken last. Endings are the exception: whoever may say that somebody
// left is believed, whatever others say.
//
// A record counts while its source is approved, knows it, and may speak of such
// (scope). Beyond its scope a source is still heard when it says that somebody left.

// A Record is what one source says of an identity, with the names of the groups
// that it has it in, nested ones included.
type Record struct {
	schema.Identity
	Groups []string
}

// Compose returns the identity that several records are of, under its own id: a
// record that no source sent as it is. It is deleted where no authoritative source
// knows it any more and one did, or where none at all knows it.
func (b *Book) Compose(id string, records []Record) schema.Identity {
	c := b.compose(records)
	is := c.lead.Identity
	is.ID, is.Of, is.Place, is.Bound, is.Apart, is.Lapsed = id, "", "", false, false, false
	is.Active = c.active() != no
	is.Deleted = time.Time{}
	living, last := false, time.Time{}
	for _, r := range records {
		living = living || !r.Gone()
		if (r.Lapsed || r.ID == id) && r.Deleted.After(last) {
			last = r.Deleted
		}
		if r.Modified.After(is.Modified) {
			is.Modified, is.Occurred = r.Modified, r.Occurred
		}
		if r.Created.Before(is.Created) {
			is.Created = r.Created
		}
	}
	if !c.vouched && (!last.IsZero() || !living) {
		is.Deleted = cmp.Or(last, is.Modified)
		is.Active = false
	}
	c.names(&is)
	return is
}

// A composition is records of one identity that are being put together.
type composition struct {
	book    *Book
	lead    Record
	says    []Record // those that count, by source
	heard   []Record // those of approved sources that know it
	vouched bool     // an authoritative source's is among those that count
	lapsed  []string // sources that were authoritative for it, and know it no more
}

func (b *Book) compose(records []Record) composition {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(x, y Record) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
	})
	c := composition{book: b, lead: records[0]}
	best := -1
	for _, r := range records {
		_, approved := b.sources[r.Source]
		counts := approved && !r.Gone() && b.InScope(r.Identity)
		trusted := counts && b.Trust(r.Source) == Authoritative
		if approved && !r.Gone() {
			c.heard = append(c.heard, r)
		}
		if counts {
			c.says = append(c.says, r)
		}
		c.vouched = c.vouched || trusted
		leads := 0
		for i, is := range []bool{!r.Gone(), approved, counts, trusted} {
			if is {
				leads = i + 1
			}
		}
		if leads > best {
			best, c.lead = leads, r
		}
	}
	for _, r := range records {
		again := slices.ContainsFunc(c.heard, func(h Record) bool { return h.Source == r.Source })
		if r.Gone() && !again && b.Trust(r.Source) == Authoritative {
			c.lapsed = append(c.lapsed, r.Source)
		}
	}
	return c
}

// active says what is known of it: no where anybody who may say so says that it is
// not active, unknown where nobody may say.
func (c composition) active() truth {
	is := unknown
	for _, r := range c.heard {
		if !c.book.views[r.Source].active {
			continue
		}
		if !r.Active {
			return no
		}
		is = yes
	}
	return is
}

// A choice is one value being chosen among those of several sources.
type choice struct {
	value    ref.Val
	rank     int
	sources  []string
	disputed bool
}

func (c *choice) offer(value ref.Val, rank int, source string) {
	switch {
	case rank < 0:
	case c.value == nil || rank < c.rank:
		*c = choice{value: value, rank: rank, sources: []string{source}}
	case rank == c.rank:
		c.sources = append(c.sources, source)
		c.disputed = c.disputed || c.value.Equal(value) != types.True
	}
}

// settle puts what was chosen into its slot, and who said it into origins, where
// there are any.
func (c *choice) settle(o *object, slot int, origins map[string]Origin) {
	if c.value == nil {
		return
	}
	path := o.shape.path + "." + o.shape.fields[slot].name
	if c.disputed {
		o.slots[slot] = disputed(path, c.sources)
	} else {
		o.slots[slot] = c.value
		c.sources = c.sources[:1]
	}
	if origins != nil {
		origins[path] = Origin{Sources: schema.Sorted(c.sources...), Disputed: c.disputed}
	}
}

// attributes puts together what rules may read of an identity with several records.
func (c composition) attributes(is schema.Identity, origins map[string]Origin) Attributes {
	b, s := c.book, c.book.language.shapes
	a := Attributes{identity: s.identity.new(), workload: s.workload.new()}
	kind := cmp.Or(is.Kind, schema.Human)
	a.identity.set("id", types.String(is.ID))
	a.identity.set("kind", types.String(kind))
	a.identity.set("userName", types.String(is.UserName))
	c.origin(origins, "identity.userName", func(r Record) bool { return r.UserName == is.UserName })
	chosen := map[*shape][]choice{}
	for _, o := range []*shape{s.identity, s.employment, s.workload} {
		chosen[o] = make([]choice, len(o.fields))
	}
	for _, rec := range c.says {
		v := b.views[rec.Source]
		r := record{raw: rec.Resource}
		one := map[*shape]*object{s.identity: s.identity.new(), s.employment: s.employment.new(), s.workload: s.workload.new()}
		r.fill(one[s.identity], v.identity)
		r.fill(one[s.employment], v.record)
		if kind != schema.Human && kind != schema.Guest {
			r.fill(one[s.workload], v.workload)
		}
		for shape, o := range one {
			for i, value := range o.slots {
				if value != nil {
					chosen[shape][i].offer(value, v.ranks[shape.path+"."+shape.fields[i].name], rec.Source)
				}
			}
		}
	}
	employment := s.employment.new()
	for i := range chosen[s.identity] {
		chosen[s.identity][i].settle(a.identity, i, origins)
	}
	for i := range chosen[s.employment] {
		chosen[s.employment][i].settle(employment, i, origins)
	}
	for i := range chosen[s.workload] {
		chosen[s.workload][i].settle(a.workload, i, origins)
	}
	c.groups(a.identity, origins)
	c.ending(is, a.identity, employment, origins)
	a.identity.set("employment", employment)
	return a
}

// groups are those of all sources that may say them, together.
func (c composition) groups(identity *object, origins map[string]Origin) {
	var names, from []string
	slot := -1
	for _, r := range c.says {
		if at := c.book.views[r.Source].groups; at >= 0 {
			slot, names, from = at, append(names, r.Groups...), append(from, r.Source)
		}
	}
	if slot < 0 {
		return
	}
	identity.slots[slot] = newTexts(schema.Sorted(names...))
	if origins != nil {
		origins["identity.groups"] = Origin{Sources: schema.Sorted(from...)}
	}
}

// ending settles what is known of employment, in which whoever says that it ended
// is believed.
func (c composition) ending(is schema.Identity, identity, employment *object, origins map[string]Origin) {
	active := c.active()
	if active != unknown {
		identity.set("active", types.Bool(is.Active && !is.Gone()))
		c.origin(origins, "identity.active", func(r Record) bool { return c.book.views[r.Source].active && r.Active == is.Active })
	}
	said, may := false, active != unknown
	for _, r := range c.heard {
		v := c.book.views[r.Source]
		may = may || v.employment
		status, end := c.book.endOf(r.Identity, v)
		if status != "" {
			said = true
			employment.set("status", types.String(status))
			c.origin(origins, "identity.employment.status", func(o Record) bool { return o.ID == r.ID })
		}
		if now, ok := employment.slots[employment.shape.index["endDate"]].(types.Timestamp); !end.IsZero() && (!ok || end.Before(now.Time)) {
			employment.set("endDate", types.Timestamp{Time: end})
			c.origin(origins, "identity.employment.endDate", func(o Record) bool { return o.ID == r.ID })
		}
	}
	at := employment.shape.index["status"]
	derived := ""
	switch {
	case is.Gone():
		derived = "ended"
	case said || employment.slots[at] != nil || !may:
	case is.Active:
		derived = "active"
	default:
		derived = "suspended"
	}
	if derived == "" {
		return
	}
	employment.set("status", types.String(derived))
	c.origin(origins, "identity.employment.status", func(r Record) bool {
		v := c.book.views[r.Source]
		return (v.active || v.employment) && r.Active == is.Active
	})
}

// origin notes the sources of the records that said it.
func (c composition) origin(origins map[string]Origin, path string, said func(Record) bool) {
	if origins == nil {
		return
	}
	var from []string
	for _, r := range c.heard {
		if said(r) {
			from = append(from, r.Source)
		}
	}
	origins[path] = Origin{Sources: schema.Sorted(from...)}
}

// endOf returns what a source may say, and says, of the end of employment: the word
// for one that is over, and the last day.
func (b *Book) endOf(id schema.Identity, v view) (status string, last time.Time) {
	if !v.employment {
		return "", last
	}
	employment := b.language.shapes.employment.new()
	r := record{raw: id.Resource}
	r.fill(employment, v.record)
	if s, ok := employment.slots[employment.shape.index["status"]].(types.String); ok && schema.EmploymentOver(string(s)) {
		status = string(s)
	}
	if t, ok := employment.slots[employment.shape.index["endDate"]].(types.Timestamp); ok {
		last = t.Time
	}
	return status, last
}

// rankOf is where a source comes among those that may say an attribute, -1 if it
// may not.
func (b *Book) rankOf(source, attribute string) int {
	if !b.Authority(source, attribute) {
		return -1
	}
	if source == RegisterSource {
		return lastOfAll
	}
	if from := b.declared()[attribute].From; len(from) > 0 {
		return slices.Index(from, source)
	}
	s := b.sources[source]
	rank := trustRank(s)
	if !slices.Contains(s.Spec.AuthoritativeFor, claim(attribute)) {
		rank += 10 // by "*"
	}
	return rank
}

// claim is the name by which sources claim an attribute.
func claim(attribute string) string {
	switch attribute {
	case "employmentStatus", "startDate", "endDate":
		return "employment"
	}
	return attribute
}
