package policy

import (
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// bondName is the name of the trigger that ends a grant with its ticket, which a
// role states in spec.ticket; reviewName of the one that asks for its review.
const (
	bondName   = "bond/ticket"
	reviewName = "review/due"
)

// bondSilence is what becomes of a grant whose ticket nobody can verify, where its
// role does not say.
const bondSilence = Duration(24 * time.Hour)

// A compiledTrigger is one trigger of a set, or the bond of a role to a ticket. Its
// number is its place among all.
type compiledTrigger struct {
	Trigger
	number  int
	name    string // SET/NAME
	rule    *rule
	negated bool           // it fires where the rule is false: a bond
	passing bool           // it fires on what happens, and on no state: on: [event]
	timed   bool           // nothing but time, and what belongs to the grant, changes its value
	shared  bool           // its value is the same for every role, and every grant
	topics  []schema.Topic // of the feeds that it depends on
}

// trigger compiles one trigger of a set.
func (c *compiler) trigger(t Trigger, name string, r *rule) *compiledTrigger {
	compiled := &compiledTrigger{
		Trigger: t, number: len(c.book.triggers), name: name, rule: r,
		passing: !slices.Contains(t.On, "sweep"), timed: r.timed(), topics: r.topics(),
		shared: !r.names["grant"] && !r.names["ticket"] && !r.names["account"],
	}
	c.book.triggers = append(c.book.triggers, compiled)
	return compiled
}

// bond makes the trigger that ends a grant whose ticket is valid no longer.
func (c *compiler) bond(t *TicketBond, valid *rule) *compiledTrigger {
	bond := c.trigger(Trigger{On: []string{"event", "sweep"}, Action: actionRevoke, Silence: t.Silence}, bondName, valid)
	bond.negated, bond.topics = true, []schema.Topic{schema.TopicTicket}
	if bond.Silence == nil {
		bond.Silence = &Silence{After: bondSilence, Action: actionHold}
	}
	return bond
}

func (t *compiledTrigger) depends(on schema.Topic) bool { return slices.Contains(t.topics, on) }

// timed reports whether nothing but time changes the rule's value, and what
// belongs to the grant: then since when it is true can be told from the facts.
func (r *rule) timed() bool {
	return !slices.ContainsFunc(r.reads, func(read read) bool { return read.variable != "grant" && !read.instant })
}

// topics returns what the rule depends on being told of.
func (r *rule) topics() []schema.Topic {
	var topics []schema.Topic
	for topic, reads := range map[schema.Topic][]string{
		schema.TopicTicket:   {"ticket."},
		schema.TopicWorkload: {"workload."},
		schema.TopicRisk:     {"risk."},
		schema.TopicUse:      {"grant.lastUsed", "grant.usageObservable", "account."},
	} {
		if r.readsAny(reads...) {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

// An occasion is a role, and the grant of it that triggers are looked at for; a
// zero grant where the role is held by rule, or not at all.
type occasion struct {
	role   *compiledRole
	grant  schema.Grant
	listed bool // the role is held, or would be: what fires is told
}

// triggers evaluates the triggers of a role on an occasion, and returns the
// strongest action that touches what is held, with its trigger.
func (e *evaluation) triggers(o occasion) (action, name string) {
	from := len(e.access.Fired)
	stronger := func(does string, trigger string) {
		if strength(does) > strength(action) {
			action, name = does, trigger
		}
	}
	for _, t := range o.role.triggers {
		if !e.spare(t, o) {
			stronger(e.trigger(t, o), t.name)
		}
	}
	e.stand(o, stronger)
	stronger(e.review(o), reviewName)
	slices.SortStableFunc(e.access.Fired[from:], func(a, b Fired) int { return strings.Compare(a.Trigger, b.Trigger) })
	return action, name
}

// Demanding returns the triggers of a role that would take it from who holds it by rule, at a
// time: also where the rule does not match any more, so that it ends whatever they say. Somebody
// of whom a source says at once that they left and that they are in no department loses what
// they had by that department, and not a moment later than by the trigger.
func (b *Book) Demanding(f Facts, role string, now time.Time) (fired []Fired) {
	r, ok := b.byName[role]
	if !ok {
		return nil
	}
	e := b.prepare(f, now)
	e.machine()
	e.in.grant = e.nothing
	e.triggers(occasion{role: r, listed: true})
	if f.Identity.Gone() {
		e.access.Fired = append(e.access.Fired, Fired{Role: role, Trigger: SourceDeleted, Action: actionRevoke})
	}
	for _, one := range e.access.Fired {
		if one.Takes() {
			fired = append(fired, one)
		}
	}
	return fired
}

// strength orders the actions by how much they take.
func strength(action string) int {
	return slices.Index([]string{actionHold, actionSuspend, actionRevoke}, action) + 1
}

// trigger evaluates one trigger, lists it if it fires, and returns what it does to
// what is held: nothing, if it asks something of people, or its time is yet to come.
func (e *evaluation) trigger(t *compiledTrigger, o occasion) (does string) {
	known, remembered := e.firing(o, t.name)
	if at, changed := e.changedSince(o, known.Since); remembered && t.passing && t.Action == actionRotate && known.Settled.IsZero() && changed {
		known.Settled = at // by that
	}
	switch e.value(t, o, known, remembered) {
	case yes:
		does = e.fire(t, o, known, remembered)
	case unknown:
		if remembered {
			e.remember(known, o) // its clock goes on: what cannot be told now has not come to an end
		}
	case no:
	}
	if e.silent(t, o) && strength(t.Silence.Action) > strength(does) { // whatever was told last
		f := Fired{Trigger: t.name, Action: t.Silence.Action, Within: time.Duration(t.Within), Silent: true}
		return e.list(f, o)
	}
	return does
}

// firing returns what is remembered of a trigger on an occasion.
func (e *evaluation) firing(o occasion, trigger string) (schema.Firing, bool) {
	i := slices.IndexFunc(e.facts.Firings, func(f schema.Firing) bool {
		return f.Role == o.role.Metadata.Name && f.Grant == o.grant.ID && f.Trigger == trigger
	})
	if i < 0 {
		return schema.Firing{}, false
	}
	return e.facts.Firings[i], true
}

// value returns whether the condition of a trigger holds. One on what happens
// holds when it happens, and from then on until somebody answers, or what it asked
// for was done.
func (e *evaluation) value(t *compiledTrigger, o occasion, known schema.Firing, remembered bool) truth {
	if t.passing {
		happened := no
		if len(e.facts.Changed) > 0 {
			happened = e.condition(t, o, 0)
		}
		if happened == yes || remembered && known.Settled.IsZero() {
			return yes
		}
		return no
	}
	value := e.condition(t, o, 0)
	if value == unknown && t.FailClosed && e.inTheDark() {
		return yes
	}
	return value
}

// condition evaluates the rule of a trigger as of some time ago. One that reads an
// account is true if it is of any account that the role gives something at.
func (e *evaluation) condition(t *compiledTrigger, o occasion, ago time.Duration) truth {
	shared := ago == 0 && (t.shared || o.grant.ID == "" && !t.rule.names["account"])
	if shared && e.known[t.number] {
		return e.fired[t.number]
	}
	e.in.at(e.now.Add(-ago))
	value := no
	for _, account := range e.accountsOf(t, o) {
		e.in.account = account
		one, _ := t.rule.eval(&e.in)
		value = either(value, one)
		e.moments(t.rule, ago)
	}
	e.in.at(e.now)
	if t.negated && value != unknown {
		value = yes + no - value
	}
	if shared {
		e.fired[t.number], e.known[t.number] = value, true
	}
	return value
}

// fire says what a trigger that holds does: now, or once its grace is over.
func (e *evaluation) fire(t *compiledTrigger, o occasion, known schema.Firing, remembered bool) string {
	f := Fired{Trigger: t.name, Action: t.Action, Within: time.Duration(t.Within)}
	known.Trigger, known.Action = t.name, t.Action
	if !remembered || t.passing && !known.Settled.IsZero() || known.Since.After(e.now) { // it happened again, or an exception from it ended before its time
		known.Since, known.Settled, known.By = e.now, time.Time{}, ""
	}
	if t.Grace > 0 {
		known.Since, known.Due = e.ends(t, o, known.Since)
	}
	over := t.Grace > 0 && !known.Due.After(e.now)
	switch t.Action {
	case actionRevoke:
		if known.Due.After(e.now) {
			f.Due = known.Due
			e.await(f, o)
			e.remember(known, o)
			return ""
		}
		known.Due = time.Time{}
		if t.passing || t.Grace > 0 && o.grant.ID == "" { // what is held by rule would have its grace once more
			e.remember(known, o)
		}
	case actionSuspend, actionReapprove, actionReassign:
		if t.Action != actionSuspend && !known.Settled.IsZero() {
			known.Due = time.Time{}
			e.remember(known, o)
			return ""
		}
		f.Due = known.Due
		e.soon(known.Due)
		if t.Action != actionSuspend || t.Grace > 0 || t.passing {
			e.remember(known, o)
		}
		if over {
			f.Action = actionRevoke
		}
	case actionRotate, actionHold:
		if t.passing || t.Action == actionRotate {
			known.Due = time.Time{} // it ends nothing
			e.remember(known, o)
		}
	}
	return e.list(f, o)
}

// ends returns since when a trigger with a grace holds, and when that is over. Of
// what time alone brings about, both follow from the facts, however late somebody
// looks; of anything else, it holds since it was first seen to.
func (e *evaluation) ends(t *compiledTrigger, o occasion, since time.Time) (from, due time.Time) {
	grace := time.Duration(t.Grace)
	if !t.timed || t.passing {
		return since, since.Add(grace)
	}
	if e.condition(t, o, grace) == yes {
		return e.now.Add(-grace), e.now
	}
	for _, m := range t.rule.moments {
		if at := m.of(&e.in).Add(grace); at.After(e.now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	if due.IsZero() {
		due = since.Add(grace)
	}
	return due.Add(-grace), due
}

// list tells of a trigger that fires, and returns what it does to what is held.
func (e *evaluation) list(f Fired, o occasion) string {
	f.Role = o.role.Metadata.Name
	if f.Action == actionRevoke {
		f.Grant = o.grant.ID
	}
	if o.listed {
		e.access.Fired = append(e.access.Fired, f)
	}
	if strength(f.Action) == 0 {
		return ""
	}
	return f.Action
}

// await tells of a trigger that holds, and whose grace is not over.
func (e *evaluation) await(f Fired, o occasion) {
	e.soon(f.Due)
	if o.listed {
		f.Role, f.Grant = o.role.Metadata.Name, o.grant.ID
		e.access.Pending = append(e.access.Pending, f)
	}
}

// remember keeps what depends on since when a trigger holds.
func (e *evaluation) remember(f schema.Firing, o occasion) {
	if o.listed {
		f.Identity, f.Role, f.Grant = e.facts.Identity.ID, o.role.Metadata.Name, o.grant.ID
		e.access.Firings = append(e.access.Firings, f)
	}
}

// review asks for the review of a grant when it is due. Where it cannot be seen
// whether a grant is used that is to end when it is not, people look twice as often.
func (e *evaluation) review(o occasion) string {
	r := o.role.Spec.Review
	if o.grant.ID == "" || r == nil || r.Every == 0 {
		return ""
	}
	every := time.Duration(r.Every)
	if _, observable := e.use(o.role, o.grant); o.role.uses && !observable {
		every /= 2
	}
	due := later(o.grant.From, o.grant.Reviewed).Add(every)
	if e.now.Before(due) {
		e.soon(due)
		return ""
	}
	f := Fired{Trigger: reviewName, Action: actionReapprove}
	record := schema.Firing{Trigger: reviewName, Action: actionReapprove, Since: due}
	if r.Grace > 0 {
		record.Due = due.Add(time.Duration(r.Grace))
		f.Due = record.Due
		e.soon(record.Due)
		if !e.now.Before(record.Due) {
			f.Action = actionRevoke
		}
	}
	e.remember(record, o)
	return e.list(f, o)
}

// silent reports whether the feeds that a trigger depends on were not heard for so
// long that it says what to do then.
func (e *evaluation) silent(t *compiledTrigger, o occasion) bool {
	if t.Silence == nil {
		return false
	}
	last, depends := e.heard(t, o)
	if !depends {
		return false
	}
	end := last.Add(time.Duration(t.Silence.After))
	if e.now.Before(end) {
		e.soon(end)
		return false
	}
	e.soon(e.now.Add(lookAgain)) // a feed that speaks again wakes nobody
	return true
}

func either(a, b truth) truth {
	switch {
	case a == yes || b == yes:
		return yes
	case a == unknown || b == unknown:
		return unknown
	}
	return no
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Answers reports whether a yes about a role answers what a trigger asks: the one named, SET/NAME, or any.
func (b *Book) Answers(f schema.Firing, trigger string) bool {
	return f.Settled.IsZero() && b.Asks(f) && (trigger == "" || trigger == f.Trigger)
}

// Asks reports whether a trigger that holds asks something of people: another approval, owner or
// secret; or, where it fired on what happened, whether its effect is to stand, which nothing else ends.
func (b *Book) Asks(f schema.Firing) bool {
	switch f.Action {
	case actionReapprove, actionReassign, actionRotate:
		return true
	case actionSuspend, actionHold:
		return slices.ContainsFunc(b.triggers, func(t *compiledTrigger) bool { return t.name == f.Trigger && t.passing })
	}
	return false
}
