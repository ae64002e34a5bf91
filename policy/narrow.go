package policy

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// What a decision was made from is kept beside it, so that anybody can decide it
// again: of the facts, those that the rules of its roles read, and no others. Whose
// favourite colour a rule does not read, the log does not know either.

// Narrow returns the part of the facts that the verdicts on some roles depend on, and
// besides them the attributes that are named (identity.department). Evaluated for
// these roles alone (EvaluateRoles), it comes to the same as all of them do. Of a
// machine, which is nobody, everything is kept.
func (b *Book) Narrow(f Facts, roles []string, attributes ...string) Facts {
	if IsMachine(f.Identity.Kind) {
		return f
	}
	w := b.wanted(roles, attributes)
	n := Facts{Into: f.Into, Changed: f.Changed, Identity: b.narrowed(f.Identity, w.attributes)}
	if w.reads("identity.groups") {
		n.Groups = f.Groups
	}
	for _, rec := range f.Records {
		one := Record{Identity: b.narrowed(rec.Identity, w.attributes)}
		if n.Groups != nil {
			one.Groups = rec.Groups
		}
		n.Records = append(n.Records, one)
	}
	n.Grants = of(roles, f.Grants, func(g schema.Grant) string { return g.Role })
	n.Tombstones = of(roles, f.Tombstones, func(t schema.Tombstone) string { return t.Role })
	n.Firings = of(roles, f.Firings, func(known schema.Firing) string { return known.Role })
	n.Tickets = b.narrowTickets(f, n.Grants)
	if w.topics[schema.TopicRisk] {
		n.Risks = f.Risks
	}
	if w.topics[schema.TopicUse] {
		n.Uses = of(w.connectors, f.Uses, func(u schema.Use) string { return u.Connector })
	}
	for _, feed := range f.Feeds {
		if feed.Topic == schema.TopicRecords || w.topics[feed.Topic] && (feed.Connector == "" || slices.Contains(w.connectors, feed.Connector)) {
			n.Feeds = append(n.Feeds, feed)
		}
	}
	return n
}

// A want is what verdicts on some roles depend on.
type want struct {
	attributes []string // of an identity
	connectors []string // at which the roles give something
	topics     map[schema.Topic]bool
}

func (w want) reads(attribute string) bool { return slices.Contains(w.attributes, attribute) }

func (b *Book) wanted(roles, attributes []string) want {
	w := want{attributes: slices.Clone(attributes), topics: map[schema.Topic]bool{}}
	for _, name := range roles {
		r := b.compiled(name)
		if r == nil {
			continue
		}
		for _, need := range r.needs {
			if !w.reads(need) {
				w.attributes = append(w.attributes, need)
			}
		}
		for _, h := range r.holdings {
			w.connectors = append(w.connectors, h.Connector)
		}
		for _, t := range r.triggers {
			for _, topic := range t.topics {
				w.topics[topic] = true
			}
		}
	}
	for _, r := range b.requirements {
		w.attributes = r.needs(w.attributes)
	}
	return w
}

// of returns those that are about one of the names.
func of[T any](names []string, all []T, about func(T) string) (some []T) {
	for _, one := range all {
		if slices.Contains(names, about(one)) {
			some = append(some, one)
		}
	}
	return some
}

// narrowTickets returns the tickets that grants name; one that is the identity's own
// says so by its id, because by whatever name its system means it is not kept.
func (b *Book) narrowTickets(f Facts, grants []schema.Grant) (tickets []schema.Ticket) {
	for _, t := range f.Tickets {
		if !slices.ContainsFunc(grants, func(g schema.Grant) bool { return strings.EqualFold(g.Ticket, t.ID) }) {
			continue
		}
		t.Assignee = b.assignee(f, t.Assignee)
		tickets = append(tickets, t)
	}
	return tickets
}

// narrowed returns of a record what is never left out (that it is there, and since
// when; what is known of employment) and what is needed beside.
func (b *Book) narrowed(id schema.Identity, needs []string) schema.Identity {
	n := schema.Identity{
		ID: id.ID, Source: id.Source, Kind: id.Kind, Active: id.Active, Created: id.Created, Modified: id.Modified, Deleted: id.Deleted,
		Of: id.Of, Place: id.Place, Lapsed: id.Lapsed,
	}
	if scope, ok := b.scopes[id.Source]; ok {
		needs = scope.needs(needs)
	}
	if slices.Contains(needs, "identity.userName") {
		n.UserName = id.UserName
	}
	v, approved := b.views[id.Source]
	if !approved || len(id.Resource) == 0 {
		return n
	}
	r := record{raw: id.Resource}
	said := extract{}
	for _, f := range v.record {
		said.take(f, r.find(f))
	}
	for _, f := range v.identity {
		if slices.Contains(needs, "identity."+f.name) {
			said.take(f, r.find(f))
		}
	}
	n.Resource = said.json()
	return n
}

// An extract is a record of which only some is kept: objects within objects, as
// JSON has them.
type extract map[string]any

// take keeps a value where it was found. Of a complex one its "value" is all that a
// rule reads.
func (x extract) take(f finder, raw json.RawMessage) {
	if len(raw) == 0 {
		return
	}
	at := map[string]any(x)
	path := strings.Split(f.key, ".") // of one that may be anywhere, the core schema is where it is looked for first
	if f.urn != "" {
		path = append([]string{f.urn}, path...)
	}
	for _, name := range path[:len(path)-1] {
		inner, ok := at[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			at[name] = inner
		}
		at = inner
	}
	if f.typ == "list" && raw[0] == '{' { // it is none, and is not to become one
		raw = json.RawMessage("{}")
	}
	at[path[len(path)-1]] = bare(raw)
}

// bare leaves out of a value what no rule reads.
func bare(raw json.RawMessage) json.RawMessage {
	switch raw[0] {
	case '{':
		if value := fields(raw).get("value"); value != nil {
			return value
		}
		return json.RawMessage("{}")
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return raw
		}
		for i, item := range items {
			if len(item) > 0 {
				items[i] = bare(item)
			}
		}
		if text, err := json.Marshal(items); err == nil {
			return text
		}
	}
	return raw
}

func (x extract) json() json.RawMessage {
	if len(x) == 0 {
		return nil
	}
	text, err := json.Marshal(x)
	if err != nil { // of values that were read from JSON
		return nil
	}
	return text
}

// needs adds the attributes of an identity that a rule reads.
func (r *rule) needs(to []string) []string {
	for _, read := range r.reads {
		if read.variable == "identity" && !slices.Contains(to, read.name) {
			to = append(to, read.name)
		}
	}
	return to
}

// settleNeeds works out what the verdict on each role depends on.
func (b *Book) settleNeeds() {
	for _, r := range b.roles {
		r.needs = r.rule.needs(nil)
	}
	for r := range b.triggered() {
		for _, t := range r.triggers {
			r.needs = t.rule.needs(r.needs)
		}
	}
}

// triggered yields the roles that triggers may end: those in force, and those that are
// refused.
func (b *Book) triggered() iter.Seq[*compiledRole] {
	return func(yield func(*compiledRole) bool) {
		for _, roles := range []iter.Seq[*compiledRole]{slices.Values(b.roles), maps.Values(b.ending)} {
			for r := range roles {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// EvaluateRoles is Evaluate, of some roles and no others.
func (b *Book) EvaluateRoles(f Facts, roles []string, now time.Time) Access {
	e := b.prepare(f, now)
	e.only, e.asked = make([]*compiledRole, 0, len(roles)), schema.Sorted(roles...)
	for _, name := range e.asked {
		if r, ok := b.byName[name]; ok {
			e.only = append(e.only, r)
		}
	}
	return e.run()
}
