package policy

import (
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// Try evaluates what a Test describes: as it stands, and afresh, as if the
// identity held no grant and no tombstone stood against it, which shows what it
// could ask for. Grants have the ids 1, 2 and so on.
//
// Compile has reported what of a test's facts cannot be; here it is absent.
func (b *Book) Try(t *Test) (access, afresh Access) {
	s, spec := b.language.shapes, t.Spec
	in := inputs{
		identity: b.said(facts(s.identity, spec.Identity), spec.Sources), workload: facts(s.workload, spec.Workload),
		ticket: facts(s.ticket, spec.Ticket), account: facts(s.account, spec.Account),
	}
	in.risk = facts(s.risk, spec.Risk)
	if in.risk.slots[s.risk.index["events"]] == nil {
		in.risk.set("events", newTexts(nil)) // that there is none is known
	}
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
	e := b.evaluation(in, held, spec.Now)
	e.stated, e.thorough, e.observable = true, true, map[string]bool{}
	for i, g := range spec.Grants {
		if g.UsageObservable != nil {
			e.observable[strconv.Itoa(i+1)] = *g.UsageObservable
		}
	}
	fresh := b.evaluation(in, blank, spec.Now)
	fresh.stated, fresh.thorough = true, true
	return e.run(), fresh.run()
}

// blank are the facts of a test beside what rules read: an identity without a
// grant, what happens to it, and when whoever tells of it was heard last.
func (b *Book) blank(t *Test) Facts {
	id, _ := t.Spec.Identity["id"].(string)
	f := Facts{Identity: schema.Identity{ID: id, Created: t.Spec.Now}, Changed: t.Spec.Changed}
	for name, at := range t.Spec.Heard {
		topic, connector, _ := strings.Cut(name, "/")
		for source := range b.sources {
			f.Feeds = append(f.Feeds, schema.Feed{Source: source, Topic: schema.Topic(topic), Connector: connector, Heard: at})
		}
		if topic == string(schema.TopicWorkload) {
			f.Workload = &schema.WorkloadState{Received: at}
		}
	}
	return f
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
