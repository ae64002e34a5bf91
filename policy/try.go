package policy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
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
	Expect         Expectation
	Access, Afresh Access
}

// Try evaluates what a Test describes, at each of its moments. Grants have the ids 1,
// 2 and so on.
//
// Compile has reported what of a test's facts cannot be; here it is absent.
func (b *Book) Try(t *Test) (moments []Moment) {
	spec := t.Spec
	blank := b.blank(t)
	held := blank
	for i, g := range spec.Grants {
		held.Grants = append(held.Grants, schema.Grant{
			ID: strconv.Itoa(i + 1), Identity: blank.Identity.ID, Role: g.Role, From: g.GrantedAt, Until: g.ExpiresAt,
			LastUsed: g.LastUsed, Ticket: g.Ticket, Reviewed: g.ReviewedAt,
		})
	}
	for _, role := range spec.Buried {
		held.Tombstones = append(held.Tombstones, schema.Tombstone{Identity: blank.Identity.ID, Role: role})
	}
	for _, f := range spec.Firing {
		held.Firings = append(held.Firings, firings(f, held.Grants)...)
	}
	moments = append(moments, b.try(spec, blank, &held))
	for _, later := range spec.Then {
		spec = spec.then(later)
		b.feeds(&held, spec)
		b.feeds(&blank, spec)
		held.Changed, blank.Changed = later.Changed, later.Changed
		moments = append(moments, b.try(spec, blank, &held))
	}
	return moments
}

// try evaluates a test at one of its moments, and leaves in held what goes on from
// there.
func (b *Book) try(spec TestSpec, blank Facts, held *Facts) Moment {
	in := b.stated(spec)
	b.machined(spec, &in, held)
	b.machined(spec, &in, &blank)
	e := b.evaluation(in, *held, spec.Now)
	e.stated, e.thorough, e.observable = true, true, map[string]bool{}
	for i, g := range spec.Grants {
		if g.UsageObservable != nil {
			e.observable[strconv.Itoa(i+1)] = *g.UsageObservable
		}
	}
	fresh := b.evaluation(in, blank, spec.Now)
	fresh.stated, fresh.thorough = true, true
	m := Moment{Now: spec.Now, Expect: spec.Expect, Access: e.run(), Afresh: fresh.run()}
	held.goOn(m)
	return m
}

// stated is what rules read of a test.
func (b *Book) stated(spec TestSpec) inputs {
	s := b.language.shapes
	in := inputs{
		identity: b.said(facts(s.identity, spec.Identity), spec.Sources), workload: facts(s.workload, spec.Workload),
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
	over := func(was, is map[string]any) map[string]any {
		all := maps.Clone(was)
		if all == nil {
			all = map[string]any{}
		}
		maps.Copy(all, is)
		return all
	}
	s.Now = s.Now.Add(time.Duration(m.After))
	s.Identity, s.Ticket, s.Workload = over(s.Identity, m.Identity), over(s.Ticket, m.Ticket), over(s.Workload, m.Workload)
	s.Account, s.Risk, s.Expect = over(s.Account, m.Account), over(s.Risk, m.Risk), m.Expect
	s.Heard = maps.Clone(s.Heard)
	if s.Heard == nil {
		s.Heard = map[string]time.Time{}
	}
	maps.Copy(s.Heard, m.Heard)
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

// goOn makes of what was evaluated what is known at the next moment: the triggers that
// hold, the grants that ended, and since when each line is held.
func (f *Facts) goOn(m Moment) {
	f.Firings = m.Access.Firings
	f.Grants = slices.Clone(f.Grants)
	for i, g := range f.Grants {
		if slices.ContainsFunc(m.Access.Fired, func(x Fired) bool { return x.Grant == g.ID && x.Action == actionRevoke }) {
			f.Grants[i].Ended = m.Now
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

// machined adds what a test says of a machine identity, and what the register does.
func (b *Book) machined(spec TestSpec, in *inputs, f *Facts) {
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
		for source := range b.sources {
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
	o, _, _ := objectOf(s, values)
	if i, ok := s.index["kind"]; ok && s.path == "identity" && o.slots[i] == nil {
		o.slots[i] = types.String(schema.Human)
	}
	return o
}
