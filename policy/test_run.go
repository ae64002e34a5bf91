package policy

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// A Moment is what comes of a Test at one time: as it stands, and afresh, as if the
// identity held no grant and no tombstone stood against it, which shows what it could
// ask for.
type Moment struct {
	Now            time.Time
	Path           []string // of the moment in the document: none of the first
	Expect         Expectation
	Access, Afresh Access
	Standing
}

// Try evaluates what a Test describes, at each of its moments. Grants have the ids 1,
// 2 and so on.
//
// Compile has reported what of a test's facts cannot be; here it is absent.
func (b *Book) Try(t *Test) (moments []Moment) {
	r := b.rehearse(t)
	moments = append(moments, r.moment())
	for i, later := range t.Spec.Then {
		r.spec = r.spec.then(later)
		r.path = in("then", nth(i))
		b.feeds(&r.held, r.spec)
		b.feeds(&r.blank, r.spec)
		r.held.Changed, r.blank.Changed = later.Changed, later.Changed
		moments = append(moments, r.moment())
	}
	return moments
}

// stated is what rules read of a test.
func (b *Book) stated(spec TestSpec) inputs {
	s := b.language.shapes
	in := inputs{
		identity: b.silenced(b.said(facts(s.identity, spec.Identity), spec.Sources), spec), workload: facts(s.workload, spec.Workload),
		ticket: facts(s.ticket, spec.Ticket), account: facts(s.account, spec.Account),
	}
	in.risk = facts(s.risk, spec.Risk)
	if in.risk.slots[s.risk.index["events"]] == nil {
		in.risk.set("events", newTexts(nil)) // that there is none is known
	}
	return in
}

// then is a test at its next moment.
func (s TestSpec) then(m TestMoment) TestSpec {
	s.Now = s.Now.Add(time.Duration(m.After))
	s.Identity, s.Ticket, s.Workload = overlay(s.Identity, m.Identity), overlay(s.Ticket, m.Ticket), overlay(s.Workload, m.Workload)
	s.Account, s.Risk, s.Heard, s.Holders = overlay(s.Account, m.Account), overlay(s.Risk, m.Risk), overlay(s.Heard, m.Heard), overlay(s.Holders, m.Holders)
	s.Waived, s.Taken = overlay(s.Waived, m.Waived), overlay(s.Taken, m.Taken)
	s.When, s.Expect = m.When, m.Expect
	people := overlay(s.People, nil)
	for name, is := range m.People {
		people[name] = overlay(people[name], is)
	}
	s.People = people
	if m.NHI != nil {
		name := ""
		if s.NHI != nil {
			name = s.NHI.Name
		}
		is := *m.NHI
		is.Name = cmp.Or(is.Name, name)
		s.NHI = &is
	}
	return s
}

// overlay is what was, with what is different now.
func overlay[V any](was, is map[string]V) map[string]V {
	all := make(map[string]V, len(was)+len(is))
	maps.Copy(all, was)
	maps.Copy(all, is)
	return all
}

// goOn makes of what was evaluated what is known at the next moment: the triggers that
// hold, the grants that ended, and since when each line is held.
func (f *Facts) goOn(m Moment) {
	f.Firings = m.Access.Firings
	f.Grants = slices.Clone(f.Grants)
	for i, g := range f.Grants {
		if at := slices.IndexFunc(m.Access.Fired, func(x Fired) bool { return x.Grant == g.ID && x.Action == actionRevoke }); at >= 0 && g.Ended.IsZero() {
			f.Grants[i].Ended, f.Grants[i].EndedBy = m.Now, "trigger/"+m.Access.Fired[at].Trigger
		}
	}
	for i, g := range f.Grants {
		if g.Ended.IsZero() && !g.Until.IsZero() && !m.Now.Before(g.Until) {
			f.Grants[i].Ended, f.Grants[i].EndedBy = m.Now, "expired"
		}
	}
	was := f.Held
	f.Held = slices.Clone(m.Access.Assignments)
	for i, line := range f.Held {
		f.Held[i].Since = m.Now
		if at := slices.IndexFunc(was, func(w schema.Assignment) bool { return w.Ref() == line.Ref() }); at >= 0 {
			f.Held[i].Since = was[at].Since
		}
	}
}

// machined adds what a test says of a machine identity, and what the register does. Who
// answers for it may be one of the people.
func (r *rehearsal) machined(f *Facts) {
	b, spec, in := r.book, r.spec, &r.in
	f.Owner, f.Deputy, f.Shares = schema.Present, schema.Unheard, nil
	if active, stated := spec.Workload["ownerActive"].(bool); stated && !active {
		f.Owner = schema.Departed
	}
	if m := spec.NHI; m != nil {
		f.Identity.UserName = cmp.Or(m.Name, f.Identity.UserName)
		if m.Owner != "" {
			f.Owner = presences[m.Owner]
			in.workload.set("ownerActive", types.Bool(f.Owner == schema.Present))
		}
		f.Deputy = presences[m.Deputy]
		f.Machine = schema.Machine{Rotated: m.Rotated}
		if m.Stopped {
			f.Machine.Stopped = spec.Now
		}
		if f.Uses = nil; !m.Interactive.IsZero() {
			f.Uses = []schema.Use{{Connector: "anywhere", Interactive: m.Interactive}}
		}
		if m.Shared {
			f.Shares = []string{"another machine goes by its name"}
		}
	}
	n, _ := b.registered(*f)
	if n == nil {
		return
	}
	if _, known := r.cast[strings.ToLower(n.Metadata.Owner.User)]; known {
		f.Owner = r.presence(n.Metadata.Owner.User)
		in.workload.set("ownerActive", types.Bool(f.Owner == schema.Present))
	}
	if _, known := r.cast[strings.ToLower(n.Metadata.Owner.Deputy)]; known {
		f.Deputy = r.presence(n.Metadata.Owner.Deputy)
	}
	if name := in.identity.shape.index["userName"]; in.identity.slots[name] == nil {
		in.identity.slots[name] = types.String(n.Metadata.Name)
	}
	for _, said := range append(n.Spec.Workload.claims(), statement{"environment", n.Spec.Environment}) {
		if said.value != "" && in.workload.slots[in.workload.shape.index[said.name]] == nil {
			in.workload.set(said.name, types.String(said.value))
		}
	}
}

var presences = map[string]schema.Presence{"here": schema.Present, "left": schema.Departed}

// blank are the facts of a test beside what rules read: an identity without a
// grant, what happens to it, and when whoever tells of it was heard last.
func (b *Book) blank(t *Test) Facts {
	text := func(name string) string {
		s, _ := t.Spec.Identity[name].(string)
		return s
	}
	f := Facts{
		Identity: schema.Identity{ID: text("id"), UserName: text("userName"), Kind: schema.Kind(text("kind")), Created: t.Spec.Now},
		Changed:  t.Spec.Changed,
	}
	f.Passes = b.PassesOf(f.Identity.ID, f.Identity.UserName)
	b.feeds(&f, t.Spec)
	return f
}

// feeds makes when those who tell were heard last what a test says.
func (b *Book) feeds(f *Facts, spec TestSpec) {
	f.Feeds = nil
	for name, at := range spec.Heard {
		topic, connector, _ := strings.Cut(name, "/")
		if topic == "source" {
			continue // of records, which a test writes out itself
		}
		sources := slices.Collect(maps.Keys(b.sources))
		if topic == string(schema.TopicUse) {
			sources = append(sources, schema.OfTarget)
		}
		for _, source := range sources {
			f.Feeds = append(f.Feeds, schema.Feed{Source: source, Topic: schema.Topic(topic), Connector: connector, Heard: at})
		}
		if topic == string(schema.TopicWorkload) {
			f.Workload = &schema.WorkloadState{Received: at}
		}
	}
}

// firings are what is remembered of a trigger, for each grant of its role.
func firings(f TestFiring, grants []schema.Grant) (all []schema.Firing) {
	one := schema.Firing{Role: f.Role, Trigger: f.Trigger, Since: f.Since, Settled: f.Settled}
	for _, g := range grants {
		if g.Role == f.Role {
			one.Grant = g.ID
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		all = append(all, one)
	}
	return all
}

// facts makes an object of what a test writes out. Kind is human where it says
// nothing, as it is for what a source sends.
func facts(s *shape, values map[string]any) *object {
	o, _, _ := objectOf(s, values, time.UTC)
	if i, ok := s.index["kind"]; ok && s.path == "identity" && o.slots[i] == nil {
		o.slots[i] = types.String(schema.Human)
	}
	return o
}
