package policy

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// lookAgain is when to look again at an identity with a rule that reads the
// clock in a way of which the next change cannot be foretold.
const lookAgain = time.Hour

// Evaluate says what an identity should hold at a time, and why. The answer
// depends on the book, the facts and the time alone.
//
// A role is held by rule (birthright, nhi), or by a live grant for which its
// holder is still eligible. What stands above the rule, from the strongest:
//
//   - an identity that its source deleted holds nothing;
//   - a trigger that revokes or suspends, whatever the rule says. One that cannot
//     be decided does not fire. One that is failClosed fires also where nothing
//     at all is known of employment: neither identity.active nor
//     identity.employment.status;
//   - a tombstone, until a new decision lifts it;
//   - that a source deleted it which alone said what the rule needs;
//   - quarantine: what is held by rule or by a live grant is kept as it is, and
//     nobody new gets it;
//   - that nobody vouches for it any more, and a trigger that holds: what is held is
//     kept as it is. A rule that does not match is stronger.
//
// So whatever keeps access keeps it from nobody's deletion. A rule that needs what nobody supplied is indeterminate: what is held stays,
// and nothing is given. A trigger on what happens (on: [event]) fires when it
// happens, and stands until somebody answers. Of a refused role there is a verdict only
// where a trigger takes it from whoever has it. Access.Next is when time alone may
// change the answer.
func (b *Book) Evaluate(f Facts, now time.Time) Access { return b.prepare(f, now).run() }

// prepare makes ready what is evaluated.
func (b *Book) prepare(f Facts, now time.Time) *evaluation {
	a, unvouched, lapsed := b.known(f)
	if f.OwnerActive != nil {
		a.workload.set("ownerActive", types.Bool(*f.OwnerActive))
	}
	in := inputs{identity: a.identity, workload: a.workload}
	in.ticket, in.account = b.language.shapes.ticket.new(), b.language.shapes.account.new()
	e := b.evaluation(in, f, now)
	e.unvouched, e.lapsed, e.access.Disputes = unvouched, lapsed, a.disputes(f)
	e.told()
	e.expire()
	return e
}

// evaluation is one identity being evaluated. What many roles share (a trigger
// without a grant, the values of the same attributes) is worked out once.
type evaluation struct {
	book    *Book
	facts   Facts
	in      inputs
	now     time.Time
	nothing *object          // a grant of which nothing is known
	fired   []truth          // by trigger number: its value without a grant
	known   []bool           // by trigger number: fired is set
	read    []map[string]any // by rule.readsID: the values read
	account []*object        // the one account that triggers look at which read none
	cites   []string         // the exceptions by which the role at hand is held
	access  Access

	unvouched string   // why nothing new is held, whatever rules say
	lapsed    []string // sources that vouched for it, and know it no more

	standings []standing // against a machine, whatever its roles say
	entry     *NHI       // of a machine that is registered
	secrets   []Secret

	only       []*compiledRole // the roles that are evaluated, where not all that may match
	asked      []string        // these by name, and refused ones
	thorough   bool            // every role is evaluated, whatever the index says
	stated     bool            // a Test states the ticket and the account
	observable map[string]bool // by grant id: whether its use can be observed, where a Test states that
}

func (b *Book) evaluation(in inputs, f Facts, now time.Time) *evaluation {
	nothing := b.language.shapes.grant.new()
	in.grant, in.event = nothing, b.event(f, now)
	in.at(now)
	return &evaluation{
		book: b, facts: f, in: in, now: now, nothing: nothing, account: []*object{in.account},
		fired: make([]truth, len(b.triggers)), known: make([]bool, len(b.triggers)),
		read: make([]map[string]any, len(b.language.reads)),
	}
}

// event makes what happened of what changed.
func (b *Book) event(f Facts, now time.Time) *object {
	o := b.language.shapes.event.new()
	if len(f.Changed) > 0 {
		o.set("type", types.String("identity.changed"))
		o.set("changed", newTexts(f.Changed))
		o.set("source", types.String(f.Identity.Source))
		o.set("receivedAt", types.Timestamp{Time: now})
	}
	return o
}

// run evaluates every role whose rule may match, or that somebody asks about.
func (e *evaluation) run() Access {
	e.machine()
	roles := e.candidates()
	e.access.Verdicts = make([]Verdict, 0, len(roles))
	for _, r := range roles {
		v := e.role(r)
		if v.Outcome == Assigned {
			e.assign(r, v)
		}
		e.access.Verdicts = append(e.access.Verdicts, v)
	}
	e.end()
	for _, p := range e.facts.Passes {
		e.soon(p.From)
		e.soon(p.Until)
	}
	for _, g := range e.facts.Grants {
		if g.Ended.IsZero() {
			e.soon(g.From)
			e.soon(g.Until)
		}
	}
	slices.SortFunc(e.access.Assignments, func(a, b schema.Assignment) int { return strings.Compare(a.Ref(), b.Ref()) })
	e.age()
	e.atRisk()
	return e.access
}

// role evaluates one role.
func (e *evaluation) role(r *compiledRole) Verdict {
	v := Verdict{Role: r.Metadata.Name, Type: r.Spec.Type, Mode: r.mode}
	e.in.grant = e.nothing
	value, err := r.rule.eval(&e.in)
	e.moments(r.rule, 0)
	v.Inputs, e.cites = e.inputs(r.rule), nil
	why := "its rule matches"
	if exception, ok := e.admit(v.Role); ok && value != yes {
		value, e.cites, why = yes, append(e.cites, exception), "its rule does not match, and "+exception+" allows it"
	}
	grant, vetoed := e.held(r, &v, value)
	if vetoed {
		return v
	}
	hold := v.Trigger
	v.Trigger = ""
	byRule := r.Spec.ByRule()
	if !byRule {
		v.Grant = grant
	}
	holds := byRule || grant != "" // if the rule agrees
	switch {
	case value == no && !e.buried(r) && !e.lapsing(r, value) && e.quarantined(r, &v, holds):
	case value == no:
		v.Outcome, v.Reason = NotEligible, "its rule does not match"
	case holds && e.buried(r):
		v.Outcome, v.Reason = Buried, "it was taken away, and no new decision gives it back"
	case holds && value == unknown && e.lapsing(r, value):
		e.undecided(r, &v, err)
		v.Outcome, v.Trigger = Withdrawn, SourceDeleted
		v.Reason += ", since " + strings.Join(e.lapsed, " and ") + " deleted it"
	case e.quarantined(r, &v, holds):
	case e.unvouched != "":
		v.Outcome, v.Reason = Indeterminate, e.unvouched
		if holds {
			e.access.Keep = append(e.access.Keep, v.Role)
		}
	case hold != "":
		v.Outcome, v.Trigger, v.Reason = Held, hold, "trigger "+hold+" holds it as it is"
		if holds {
			e.access.Keep = append(e.access.Keep, v.Role)
		}
	case value == unknown:
		e.undecided(r, &v, err)
		if holds {
			e.access.Keep = append(e.access.Keep, v.Role)
		}
	case byRule:
		v.Outcome, v.Reason = Assigned, why
	case grant != "":
		v.Outcome, v.Reason = Assigned, "granted, and still eligible"
	default:
		v.Outcome, v.Reason = Eligible, "may be asked for"
	}
	v.Cites = schema.Sorted(e.cites...)
	return v
}

// held finds the grant that a role rests on, and applies the triggers: to each
// live grant by itself, or to the role where it is held by rule or not at all.
// It reports whether a trigger vetoes the role, which v then says. A trigger that
// holds the role as it is leaves v.Trigger behind.
func (e *evaluation) held(r *compiledRole, v *Verdict, value truth) (grant string, vetoed bool) {
	by := map[string]string{} // action to the last trigger that does it
	live, held := false, ""
	for _, g := range e.facts.Grants {
		if g.Role != v.Role || !g.Live(e.now) {
			continue
		}
		live = true
		e.in.grant = e.grant(r, g)
		if !e.stated {
			e.in.ticket = e.ticket(r, g)
		}
		action, trigger := e.triggers(occasion{role: r, grant: g, listed: true})
		by[action] = trigger
		switch {
		case action == "" && grant == "":
			grant = g.ID
		case action == actionHold && held == "":
			held = g.ID
		}
	}
	e.in.grant = e.nothing
	if !live && value != no {
		ticket := e.in.ticket
		e.in.ticket = e.book.language.shapes.ticket.new() // another role's is none of this one's
		action, trigger := e.triggers(occasion{role: r, listed: r.Spec.ByRule()})
		by[action], e.in.ticket = trigger, ticket
	}
	if e.facts.Identity.Gone() || e.facts.Into != "" {
		e.gone(r, v, by[actionRevoke], live || r.Spec.ByRule() && value != no)
		return "", true
	}
	switch {
	case grant != "":
		return grant, false
	case by[actionHold] != "":
		v.Trigger = by[actionHold]
		return held, false
	case by[actionSuspend] != "":
		v.Outcome, v.Trigger, v.Reason = Suspended, by[actionSuspend], "trigger "+by[actionSuspend]+" suspends it"
	case by[actionRevoke] != "":
		v.Outcome, v.Trigger, v.Reason = Withdrawn, by[actionRevoke], "trigger "+by[actionRevoke]+" revokes it"
	}
	return "", v.Outcome != ""
}

// SourceDeleted is the trigger that no policy has to write: of an identity that its
// source deleted, or of what a source said that deleted it, and nobody else says.
const SourceDeleted = "source/deleted"

// gone takes everything from an identity that its source deleted, also where no
// trigger of the role says so.
func (e *evaluation) gone(r *compiledRole, v *Verdict, revoked string, holds bool) {
	v.Outcome, v.Reason = NotEligible, "its source deleted the identity"
	if e.facts.Into != "" {
		v.Reason = "it is of identity " + e.facts.Into
	}
	if !holds {
		return
	}
	v.Outcome, v.Trigger = Withdrawn, revoked
	if revoked == "" {
		v.Trigger = SourceDeleted
		e.access.Fired = append(e.access.Fired, Fired{Role: r.Metadata.Name, Trigger: SourceDeleted, Action: actionRevoke})
	}
}

// inTheDark reports whether nothing is known about employment.
func (e *evaluation) inTheDark() bool {
	id := e.in.identity
	if id.slots[id.shape.index["active"]] != nil {
		return false
	}
	employment, ok := id.slots[id.shape.index["employment"]].(*object)
	return !ok || employment.slots[employment.shape.index["status"]] == nil
}

// quarantined settles a role whose governance is broken now.
func (e *evaluation) quarantined(r *compiledRole, v *Verdict, holds bool) bool {
	reason, ok := e.book.quarantined[r.Metadata.Name]
	if !ok {
		return false
	}
	v.Outcome, v.Reason = Quarantined, reason
	if holds {
		e.access.Keep = append(e.access.Keep, v.Role)
	}
	return true
}

func (e *evaluation) buried(r *compiledRole) bool {
	return slices.ContainsFunc(e.facts.Tombstones, func(t schema.Tombstone) bool { return t.Role == r.Metadata.Name })
}

// assign adds what a role gives to what is held. What two roles give is one line
// with both reasons, in the higher of their modes.
func (e *evaluation) assign(r *compiledRole, v Verdict) {
	because := []string{"role/" + v.Role}
	if v.Grant != "" {
		because = append(because, "grant/"+v.Grant)
	}
	because = append(because, v.Cites...)
	for _, h := range r.holdings {
		line := schema.Assignment{
			Identity: e.facts.Identity.ID, Connector: h.Connector, Entitlement: h.ID,
			Because: schema.Sorted(because...), Mode: h.mode,
		}
		i := slices.IndexFunc(e.access.Assignments, func(a schema.Assignment) bool { return a.Connector == h.Connector && a.Entitlement == h.ID })
		if i < 0 {
			e.access.Assignments = append(e.access.Assignments, line)
			continue
		}
		other := &e.access.Assignments[i]
		other.Because = schema.Sorted(append(other.Because, because...)...)
		if schema.Least(other.Mode, h.mode) == other.Mode {
			other.Mode = h.mode
		}
	}
}

// inputs returns the values that a rule read, by name. Rules that read the same
// share one map.
func (e *evaluation) inputs(r *rule) map[string]any {
	if values := e.read[r.readsID]; values != nil {
		return values
	}
	values := make(map[string]any, len(r.reads))
	for _, read := range r.reads {
		if v := read.of(&e.in); v != nil {
			switch v.(type) {
			case *object, *types.Err:
			default:
				values[read.name] = native(v)
			}
		}
	}
	e.read[r.readsID] = values
	return values
}

// moments looks for when time alone may change the rule's value.
func (e *evaluation) moments(r *rule, later time.Duration) {
	for _, m := range r.moments {
		if at := m.of(&e.in); !at.IsZero() {
			e.soon(at.Add(later))
		}
	}
	if r.restless {
		e.soon(e.now.Add(lookAgain))
	}
}

// soon makes Next the instant, if it is to come and before what Next is now.
func (e *evaluation) soon(at time.Time) {
	if at.After(e.now) && (e.access.Next.IsZero() || at.Before(e.access.Next)) {
		e.access.Next = at
	}
}

// grant makes a grant of a role such as triggers read.
func (e *evaluation) grant(r *compiledRole, g schema.Grant) *object {
	o := e.book.language.shapes.grant.new()
	o.set("role", types.String(g.Role))
	o.set("grantedAt", types.Timestamp{Time: g.From})
	o.set("reviewedAt", types.Timestamp{Time: later(g.From, g.Reviewed)})
	if !g.Until.IsZero() {
		o.set("expiresAt", types.Timestamp{Time: g.Until})
	}
	if g.Ticket != "" {
		o.set("ticket", types.String(g.Ticket))
	}
	last, observable := e.use(r, g)
	if !last.IsZero() {
		o.set("lastUsed", types.Timestamp{Time: last})
	}
	o.set("usageObservable", types.Bool(observable))
	return o
}
