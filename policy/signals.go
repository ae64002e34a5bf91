package policy

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// staleFeed is how long a feed of use may be silent before nothing is concluded
// from it, where its source's document says nothing of freshness.
const staleFeed = 72 * time.Hour

// Tells reports whether a source may tell of a topic: its document is in force,
// says protocol signals, has the topic in authoritativeFor, and is trusted with
// more than to be observed. Targets tell of use, and of nothing else.
func (b *Book) Tells(source string, topic schema.Topic) bool {
	if source == schema.OfTarget {
		return topic == schema.TopicUse
	}
	s, ok := b.sources[source]
	if !ok || s.Spec.Protocol != ProtocolSignals || s.Spec.Trust == Observed {
		return false
	}
	return slices.Contains(s.Spec.AuthoritativeFor, string(topic)) || slices.Contains(s.Spec.AuthoritativeFor, "*")
}

// Tellers returns the sources that may tell of a topic, by name; targets too.
func (b *Book) Tellers(topic schema.Topic) []string {
	var names []string
	if b.Tells(schema.OfTarget, topic) {
		names = append(names, schema.OfTarget)
	}
	for name := range b.sources {
		if b.Tells(name, topic) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// StaleAfter returns how long a source may be silent before nothing is concluded
// from what it does not say.
func (b *Book) StaleAfter(source string) time.Duration {
	if s, ok := b.sources[source]; ok && s.Spec.Freshness.StaleAfter > 0 {
		return time.Duration(s.Spec.Freshness.StaleAfter)
	}
	return staleFeed
}

// ExpectEvery returns how often a source is to be heard; zero if its document does not say.
func (b *Book) ExpectEvery(source string) time.Duration {
	if s, ok := b.sources[source]; ok {
		return time.Duration(s.Spec.Freshness.ExpectEvery)
	}
	return 0
}

// Depends reports whether anything in force depends on being told of a topic.
func (b *Book) Depends(on schema.Topic) bool { return b.depends[on] }

// Watched returns the attributes of an identity that a trigger in force looks at
// for changes, by name.
func (b *Book) Watched() []string { return b.watched }

// WatchedBy returns those that a trigger of a role looks at.
func (b *Book) WatchedBy(role string) []string {
	if r := b.compiled(role); r != nil {
		return r.watches
	}
	return nil
}

// TicketSystem returns the source that tells of the tickets that a role's grants
// are made on; empty if the role does not say.
func (b *Book) TicketSystem(role string) string {
	if r := b.compiled(role); r != nil && r.Spec.Ticket != nil {
		return r.Spec.Ticket.System
	}
	return ""
}

// Values returns what rules may read of an identity, by name: identity.department.
// What is absent is left out.
func (b *Book) Values(f Facts) map[string]any {
	a, _, _ := b.known(f)
	return a.Values()
}

// WorkloadNames returns the names by which a machine identity may be told of as a
// workload, in lower case; none of people.
func (b *Book) WorkloadNames(f Facts) []string {
	if k := f.Identity.Kind; k == "" || k == schema.Human || k == schema.Guest {
		return nil
	}
	names := b.namesOf(f)
	if repo, ok := b.Values(f)["workload.repo"].(string); ok {
		names = append(names, repo)
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	return slices.DeleteFunc(schema.Sorted(names...), func(n string) bool { return n == "" })
}

// namesOf are the names by which an identity is known from outside: the ids of its
// records, and what those sources call it that may say so.
func (b *Book) namesOf(f Facts) []string {
	names := []string{f.Identity.ID}
	records := f.Records
	if len(records) == 0 {
		records = []Record{{Identity: f.Identity}}
	}
	for _, r := range records {
		names = append(append(names, r.ID), b.Names(r.Identity)...)
		if _, approved := b.sources[r.Source]; !approved || b.Trust(r.Source) == Authoritative {
			names = append(names, r.ExternalID)
		}
	}
	return names
}

// settleTold works out what triggers in force depend on.
func (b *Book) settleTold() {
	b.depends = map[schema.Topic]bool{}
	var watched []string
	for r := range b.triggered() {
		for _, t := range r.triggers {
			for _, topic := range t.topics {
				b.depends[topic] = true
			}
			if t.passing {
				r.watches = append(r.watches, t.rule.changes...)
			}
		}
		if r.Spec.Review != nil {
			r.watches = append(r.watches, r.Spec.Review.OnChange...)
		}
		watched = append(watched, r.watches...)
	}
	b.watched = schema.Sorted(watched...)
	if len(b.machines) > 0 { // the register asks what became of them
		b.depends[schema.TopicWorkload], b.depends[schema.TopicUse], b.depends[schema.TopicRisk] = true, true, true
	}
}

// told puts what signals say into what rules read.
func (e *evaluation) told() {
	s := e.book.language.shapes
	if w := e.facts.Workload; w != nil && e.in.workload != nil {
		if w.State != "" {
			e.in.workload.set("state", types.String(w.State))
		}
		for name, told := range map[string]string{"issuer": w.Issuer, "audience": w.Audience, "subject": w.Subject} {
			if told != "" {
				e.in.workload.set(name, types.String(told))
			}
		}
		seen, _ := e.in.workload.slots[s.workload.index["lastSeen"]].(types.Timestamp)
		if at := later(seen.Time, w.LastSeen); !at.IsZero() {
			e.in.workload.set("lastSeen", types.Timestamp{Time: at})
		}
	}
	e.in.risk = s.risk.new()
	if e.book.Depends(schema.TopicRisk) && len(e.book.Tellers(schema.TopicRisk)) > 0 {
		e.risk()
	}
}

// levels are those of risk, from least to most.
var levels = []string{"low", "medium", "high", "critical"}

func (e *evaluation) risk() {
	kinds := []string{}
	level, since := "", time.Time{}
	for _, k := range e.facts.Risks {
		if !k.Open {
			continue
		}
		kinds = append(kinds, k.Kind)
		if slices.Index(levels, k.Level) > slices.Index(levels, level) {
			level = k.Level
		}
		if since.IsZero() || k.Since.Before(since) {
			since = k.Since
		}
	}
	e.in.risk.set("events", newTexts(schema.Sorted(kinds...)))
	if level != "" {
		e.in.risk.set("level", types.String(level))
	}
	if !since.IsZero() {
		e.in.risk.set("since", types.Timestamp{Time: since})
	}
}

// ticket makes the ticket that a grant of a role was made on, as its system said
// last; of one that nobody told of nothing is known.
func (e *evaluation) ticket(r *compiledRole, g schema.Grant) *object {
	o := e.book.language.shapes.ticket.new()
	t, ok := e.ticketOf(r, g)
	if !ok {
		return o
	}
	text := func(name, value string) {
		if value != "" {
			o.set(name, types.String(value))
		}
	}
	at := func(name string, value time.Time) {
		if !value.IsZero() {
			o.set(name, types.Timestamp{Time: value})
		}
	}
	text("id", t.ID)
	text("kind", t.Kind)
	text("state", t.State)
	text("assignee", e.book.assignee(e.facts, t.Assignee))
	if t.Priority != nil {
		o.set("priority", types.Int(*t.Priority))
	}
	at("windowStart", t.WindowStart)
	at("windowEnd", t.WindowEnd)
	at("checkedAt", later(t.Received, e.feed(t.System, schema.TopicTicket, "")))
	return o
}

// ticketOf returns the ticket that a grant names, of the system that its role
// names; of any system, if the role names none and no two have such a ticket.
func (e *evaluation) ticketOf(r *compiledRole, g schema.Grant) (found schema.Ticket, ok bool) {
	system := ""
	if r.Spec.Ticket != nil {
		system = r.Spec.Ticket.System
	}
	n := 0
	for _, t := range e.facts.Tickets {
		if strings.EqualFold(t.ID, g.Ticket) && (system == "" || t.System == system) && e.book.Tells(t.System, schema.TopicTicket) {
			found = t
			n++
		}
	}
	return found, n == 1
}

// assignee returns the identity's id where the ticket's system means it, by
// whatever name.
func (b *Book) assignee(f Facts, name string) string {
	means := func(own string) bool { return own != "" && strings.EqualFold(own, name) }
	if slices.ContainsFunc(b.namesOf(f), means) {
		return f.Identity.ID
	}
	return name
}

// feed returns when a feed was heard last; zero if it never was.
func (e *evaluation) feed(source string, topic schema.Topic, connector string) time.Time {
	for _, f := range e.facts.Feeds {
		if f.Source == source && f.Topic == topic && f.Connector == connector {
			return f.Heard
		}
	}
	return time.Time{}
}

// use returns when what a role gives was last used since it was granted, and
// whether that can be told: by a fresh feed from every connector concerned. Use at
// one that nobody tells of would not be seen.
func (e *evaluation) use(r *compiledRole, g schema.Grant) (last time.Time, observable bool) {
	if known, stated := e.observable[g.ID]; stated {
		return g.LastUsed, known
	}
	last = g.LastUsed
	observable = len(r.holdings) > 0
	for _, h := range r.holdings {
		used := e.lastUse(h.Connector, h.ID)
		observable = observable && used.Seen
		if !used.Last.IsZero() && !used.Last.Before(g.From) {
			last = later(last, used.Reckoned(time.Time{}, e.now))
		}
	}
	if !observable && g.LastUsed.IsZero() {
		return time.Time{}, false
	}
	return last, true
}

// lastUse is Book.LastUse of the identity, which is looked at again when a feed of it
// gets too old.
func (e *evaluation) lastUse(connector, entitlement string) LastUse {
	for _, f := range e.facts.Feeds {
		if f.Topic == schema.TopicUse && f.Connector == connector && e.book.freshUse(f, e.now) {
			e.soon(f.Heard.Add(e.book.StaleAfter(f.Source)))
		}
	}
	return e.book.LastUse(e.facts.Uses, e.facts.Feeds, connector, entitlement, e.now)
}

// accountsOf returns the accounts that a trigger is to look at; one of which
// nothing is known, where it looks at none. That one was used long ago is known only
// where it would be seen that it was used since.
func (e *evaluation) accountsOf(t *compiledTrigger, o occasion) []*object {
	if !t.rule.names["account"] || e.stated {
		return e.account
	}
	var accounts []*object
	for _, h := range o.role.holdings {
		if slices.ContainsFunc(accounts, func(a *object) bool { return a.slots[a.shape.index["connector"]] == types.String(h.Connector) }) {
			continue
		}
		a := e.book.language.shapes.account.new()
		a.set("connector", types.String(h.Connector))
		if used := e.lastUse(h.Connector, ""); used.Seen && !used.Last.IsZero() {
			a.set("lastLogin", types.Timestamp{Time: used.Reckoned(time.Time{}, e.now)})
		}
		for _, u := range e.facts.Uses {
			if u.Connector != h.Connector || u.Entitlement != "" {
				continue
			}
			if !u.Rotated.IsZero() {
				a.set("secretRotatedAt", types.Timestamp{Time: u.Rotated})
			}
			if disabled, told := u.IsDisabled(); told {
				a.set("disabled", types.Bool(disabled))
			}
		}
		accounts = append(accounts, a)
	}
	return accounts
}

// heard returns when whoever tells of what a trigger depends on was heard last,
// the longest silent of them. One who was not heard since the grant began is silent
// since then, because whoever gave it looked; without a grant, since the identity was
// made. It reports false where the trigger depends on nobody: of use that was never
// told, or of a workload that its own source describes, nothing is expected.
func (e *evaluation) heard(t *compiledTrigger, o occasion) (last time.Time, depends bool) {
	began := o.grant.From
	if o.grant.ID == "" {
		began = e.facts.Identity.Created
	}
	note := func(at time.Time) {
		if !depends || at.Before(last) {
			last, depends = at, true
		}
	}
	for _, topic := range t.topics {
		switch topic { //nolint:exhaustive // nothing depends on being alive
		case schema.TopicTicket:
			if o.grant.ID != "" {
				checked, _ := e.in.ticket.slots[e.in.ticket.shape.index["checkedAt"]].(types.Timestamp)
				note(later(began, checked.Time))
			}
		case schema.TopicWorkload:
			if w := e.facts.Workload; w != nil {
				note(later(w.Received, e.feed(w.Source, schema.TopicWorkload, "")))
			}
		case schema.TopicRisk:
			for _, source := range e.book.Tellers(schema.TopicRisk) {
				note(later(began, e.feed(source, schema.TopicRisk, "")))
			}
		case schema.TopicUse:
			for _, f := range e.facts.Feeds {
				if f.Topic == schema.TopicUse && slices.ContainsFunc(o.role.holdings, func(h holding) bool { return h.Connector == f.Connector }) {
					note(f.Heard)
				}
			}
		}
	}
	return last, depends
}
