package access

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What a look at an identity decided can be decided again (remake.go), from the policy in
// force then, which the store has, and from what is kept here: the facts that the rules
// of the roles concerned read, and how things stood beside them. All decisions of one
// look have the same basis. It is kept once, as a detail of the first, so that it can be
// forgotten; the others name that.

// A basis is what the decisions of one look were made from.
type basis struct {
	At      time.Time    `json:"at"`
	Roles   []string     `json:"roles,omitempty"` // those of which it tells
	Records []saidRecord `json:"records"`         // what each source said; the first is the identity's own
	Into    string       `json:"into,omitempty"`
	Changed []string     `json:"changed,omitempty"`
	Grants  []keptGrant  `json:"grants,omitempty"`
	Buried  []string     `json:"buried,omitempty"` // roles with a tombstone

	Tickets  []schema.Ticket       `json:"tickets,omitempty"`
	Workload *schema.WorkloadState `json:"workload,omitempty"`
	Risks    []schema.Risk         `json:"risks,omitempty"`
	Uses     []schema.Use          `json:"uses,omitempty"`
	Feeds    []schema.Feed         `json:"feeds,omitempty"`
	Firings  []schema.Firing       `json:"firings,omitempty"`
	Machine  *keptMachine          `json:"machine,omitempty"`

	Held        []keptHeld        `json:"held,omitempty"`
	Exceptions  []keptPass        `json:"exceptions,omitempty"`
	Quarantined map[string]string `json:"quarantined,omitempty"` // roles, and sources as Source/NAME, and why
	Proposed    []keptProposal    `json:"proposed,omitempty"`
	Unfounded   map[string]string `json:"unfounded,omitempty"` // grants of which an exception was no more, and why
	Stays       map[string]string `json:"stays,omitempty"`     // lines that a brake kept, or kept back, and why
	Last        []string          `json:"last,omitempty"`      // lines that nobody else held
}

// A saidRecord is what one source said, as far as it mattered, and since when.
type saidRecord struct {
	ID         string          `json:"id,omitempty"` // nothing of the identity's own
	Source     string          `json:"source"`
	Kind       schema.Kind     `json:"kind,omitempty"`
	UserName   string          `json:"userName,omitempty"`
	ExternalID string          `json:"externalId,omitempty"`
	Inactive   bool            `json:"inactive,omitempty"`
	Created    time.Time       `json:"created"`
	Modified   time.Time       `json:"modified"`
	Deleted    time.Time       `json:"deleted,omitzero"`
	Place      schema.Place    `json:"place,omitempty"`
	Lapsed     bool            `json:"lapsed,omitempty"`
	Said       json.RawMessage `json:"said,omitempty"`
	Groups     []string        `json:"groups,omitempty"`
}

// A keptGrant is a grant without who said what about it, which its own decision has.
type keptGrant struct {
	ID       string    `json:"id"`
	Role     string    `json:"role"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	EndedBy  string    `json:"endedBy,omitempty"`
	Ticket   string    `json:"ticket,omitempty"`
	LastUsed time.Time `json:"lastUsed,omitzero"`
	Reviewed time.Time `json:"reviewed,omitzero"`
	Excepted []string  `json:"excepted,omitempty"`
}

type keptMachine struct {
	schema.Machine
	Owner  schema.Presence `json:"ownerIs,omitempty"`
	Deputy schema.Presence `json:"deputyIs,omitempty"`
	Shares []string        `json:"shares,omitempty"`
}

type keptHeld struct {
	Ref      string      `json:"ref"` // connector/entitlement
	Because  []string    `json:"because"`
	Mode     schema.Mode `json:"mode"`
	Released string      `json:"released,omitempty"`
	Since    time.Time   `json:"since,omitzero"` // of a machine's
}

type keptPass struct {
	Ref          string        `json:"ref"`
	From         time.Time     `json:"from,omitzero"`
	Until        time.Time     `json:"until"`
	Constraint   string        `json:"constraint,omitempty"`
	Role         string        `json:"role,omitempty"`
	Trigger      string        `json:"trigger,omitempty"`
	Duration     time.Duration `json:"duration,omitempty"`
	Entitlements []string      `json:"entitlements,omitempty"`
	Privileged   bool          `json:"privileged,omitempty"`
}

type keptProposal struct {
	Ref      string                `json:"ref"`
	Change   schema.ProposalChange `json:"change"`
	State    schema.ProposalState  `json:"state"`
	Inputs   string                `json:"inputs"`
	Roles    []string              `json:"roles"`
	Decision string                `json:"decision,omitempty"`
}

// A ruling is a decision of a look that is about to be recorded, and which roles and
// lines it concerns.
type ruling struct {
	decision schema.Decision
	roles    []string
	refs     []string // connector/entitlement
}

// rule adds to what the look decides, and returns the decision's id. It is recorded
// when all is decided.
func (l *look) rule(tx store.Tx, r ruling) string {
	r.decision.ID = tx.NewID()
	l.rulings = append(l.rulings, r)
	return r.decision.ID
}

// record writes what the look decided, and from what.
func (l *look) record(tx store.Tx) error {
	if len(l.rulings) == 0 {
		return nil
	}
	detail, err := l.inputs()
	if err != nil {
		return err
	}
	first := l.rulings[0].decision.ID
	for i, r := range l.rulings {
		if i == 0 {
			r.decision.Detail = detail
		}
		r.decision.Inputs = first
		if _, err := tx.Record(r.decision); err != nil {
			return err
		}
	}
	return nil
}

// A foreseen basis is one that was written down before it was certain what is decided.
type foreseen struct {
	of     []ruling
	inputs json.RawMessage
}

// foresee writes down what the look will have decided from if all goes as it mostly does:
// lines begin and end, and nothing is kept.
func (l *look) foresee() {
	for _, line := range slices.Concat(l.differs.begun, l.differs.ended) {
		l.rulings = append(l.rulings, ruling{schema.Decision{Object: line.Ref()}, line.Roles(), []string{line.Ref()}})
	}
	if len(l.rulings) == 0 {
		return
	}
	if inputs, err := json.Marshal(inputsOf{l.basis()}); err == nil {
		l.foreseen = foreseen{l.rulings, inputs}
	}
	l.rulings = nil
}

// inputsOf is how a basis stands in the detail of a decision.
type inputsOf struct {
	Inputs basis `json:"inputs"`
}

// inputs is the basis of the rulings, as it was foreseen or else as it turned out.
func (l *look) inputs() (json.RawMessage, error) {
	same := func(a, b ruling) bool {
		return a.decision.Object == b.decision.Object && slices.Equal(a.roles, b.roles) && slices.Equal(a.refs, b.refs)
	}
	if len(l.stays)+len(l.lasts) == 0 && slices.EqualFunc(l.rulings, l.foreseen.of, same) {
		return l.foreseen.inputs, nil
	}
	return json.Marshal(inputsOf{l.basis()})
}

// concerned returns the roles that the rulings depend on, and which of the lines that
// are held. Where a constraint has a say, that is all of them: what it forbids depends
// on everything that is held.
func (l *look) concerned() (roles []string, held []schema.Assignment) {
	if policy.IsMachine(l.facts.Identity.Kind) || l.constraining() {
		for _, v := range l.access.Verdicts {
			roles = append(roles, v.Role)
		}
		return schema.Sorted(append(roles, schema.RolesHeld(l.held)...)...), l.held
	}
	var refs []string
	for _, r := range l.rulings {
		roles, refs = append(roles, r.roles...), append(refs, r.refs...)
	}
	for _, line := range l.held {
		if slices.Contains(refs, line.Ref()) {
			roles, held = append(roles, line.Roles()...), append(held, line)
		}
	}
	return schema.Sorted(roles...), held
}

// constraining reports whether a constraint had a say in what the identity is to hold.
func (l *look) constraining() bool {
	if len(l.access.Breaks) > 0 || slices.ContainsFunc(l.access.Verdicts, func(v policy.Verdict) bool { return v.Outcome == policy.Blocked }) {
		return true
	}
	return slices.ContainsFunc(l.access.Assignments, func(a schema.Assignment) bool {
		return slices.ContainsFunc(a.Because, func(ref string) bool { return strings.HasPrefix(ref, "exception/") })
	})
}

// basis returns what the rulings were made from.
func (l *look) basis() basis {
	roles, held := l.concerned()
	var attributes []string
	for _, r := range l.rulings {
		if strings.HasPrefix(r.decision.Object, "identity.") {
			attributes = append(attributes, r.decision.Object)
		}
	}
	f := l.book.Narrow(l.facts, roles, attributes...)
	b := basis{
		At: l.now, Roles: roles, Into: f.Into, Changed: f.Changed, Tickets: f.Tickets, Workload: f.Workload,
		Risks: f.Risks, Uses: f.Uses, Feeds: f.Feeds, Firings: f.Firings, Stays: l.stays, Last: l.lasts,
	}
	own := f.Identity.ID
	for _, rec := range recordsOf(f) {
		b.Records = append(b.Records, saidBy(rec, own))
	}
	for _, g := range f.Grants {
		b.Grants = append(b.Grants, keptGrant{g.ID, g.Role, g.From, g.Until, g.Ended, g.EndedBy, g.Ticket, g.LastUsed, g.Reviewed, g.Excepted})
	}
	for _, t := range f.Tombstones {
		b.Buried = append(b.Buried, t.Role)
	}
	for _, line := range held {
		b.Held = append(b.Held, keptHeld{Ref: line.Ref(), Because: line.Because, Mode: line.Mode, Released: line.Released})
	}
	if policy.IsMachine(f.Identity.Kind) {
		b.Machine = &keptMachine{f.Machine, f.Owner, f.Deputy, f.Shares}
		for i, line := range held {
			b.Held[i].Since = line.Since
		}
	}
	l.beside(&b)
	return b
}

// beside adds to a basis how things stood beside the facts.
func (l *look) beside(b *basis) {
	for _, p := range l.facts.Passes {
		b.Exceptions = append(b.Exceptions, keptPass{
			p.Exception, p.From, p.Until, p.Waives.Constraint, p.Waives.Role, p.Waives.Trigger, time.Duration(p.Waives.Duration), p.Scope.Entitlements, p.Scope.Privileged,
		})
	}
	resting := slices.Clone(b.Roles)
	for _, rec := range recordsOf(l.facts) {
		resting = append(resting, sourceRef(rec.Source))
	}
	for _, name := range resting {
		if why, ok := l.book.Quarantined(name); ok {
			if b.Quarantined == nil {
				b.Quarantined = map[string]string{}
			}
			b.Quarantined[name] = why
		}
	}
	for _, r := range l.rulings {
		for _, ref := range r.refs {
			known := slices.ContainsFunc(b.Proposed, func(p keptProposal) bool { return p.Ref == ref })
			if p, ok := l.open[ref]; ok && !known {
				b.Proposed = append(b.Proposed, keptProposal{ref, p.Change, p.State, p.Inputs, p.Roles, p.Decision})
			}
		}
	}
	for id, end := range l.unfounded {
		if b.Unfounded == nil {
			b.Unfounded = map[string]string{}
		}
		b.Unfounded[id] = end.reason
	}
}

func saidBy(rec policy.Record, own string) saidRecord {
	s := saidRecord{
		Source: rec.Source, Kind: rec.Kind, UserName: rec.UserName, ExternalID: rec.ExternalID, Inactive: !rec.Active,
		Created: rec.Created, Modified: rec.Modified, Deleted: rec.Deleted, Place: rec.Place, Lapsed: rec.Lapsed,
		Said: rec.Resource, Groups: rec.Groups,
	}
	if rec.ID != own {
		s.ID = rec.ID
	}
	return s
}

// record is the record again.
func (s saidRecord) record(own string) policy.Record {
	id := schema.Identity{
		ID: own, Source: s.Source, Kind: s.Kind, UserName: s.UserName, ExternalID: s.ExternalID, Active: !s.Inactive,
		Created: s.Created, Modified: s.Modified, Deleted: s.Deleted, Place: s.Place, Lapsed: s.Lapsed, Resource: s.Said,
	}
	if s.ID != "" {
		id.ID, id.Of = s.ID, own
	}
	return policy.Record{Identity: id, Groups: s.Groups}
}

// look makes of a basis what was looked at.
func (b basis) look(book *policy.Book, identity string) *look {
	if len(b.Quarantined) > 0 {
		book = book.With(b.Quarantined)
	}
	l := &look{backdrop: backdrop{now: b.At, book: book}, facts: b.facts(book, identity), open: map[string]schema.Proposal{}, unfounded: map[string]ending{}}
	for _, h := range b.Held {
		connector, entitlement, _ := strings.Cut(h.Ref, "/")
		l.held = append(l.held, schema.Assignment{
			Identity: identity, Connector: connector, Entitlement: entitlement, Because: h.Because, Mode: h.Mode, Released: h.Released, Since: h.Since,
		})
	}
	if b.Machine != nil {
		l.facts.Held = l.held
	}
	for _, p := range b.Proposed {
		connector, entitlement, _ := strings.Cut(p.Ref, "/")
		l.open[p.Ref] = schema.Proposal{
			Identity: identity, Connector: connector, Entitlement: entitlement,
			Change: p.Change, State: p.State, Inputs: p.Inputs, Roles: p.Roles, Decision: p.Decision,
		}
	}
	for _, g := range l.facts.Grants {
		if why, ok := b.Unfounded[g.ID]; ok {
			l.unfounded[g.ID] = unfoundedEnd(g, why)
		}
	}
	l.stays, l.lasts = b.Stays, b.Last
	l.access = barred(book, l.facts, book.EvaluateRoles(l.facts, b.Roles, b.At), l.held, b.At)
	return l
}

func (b basis) facts(book *policy.Book, identity string) policy.Facts {
	f := policy.Facts{
		Into: b.Into, Changed: b.Changed, Tickets: b.Tickets, Workload: b.Workload, Risks: b.Risks, Uses: b.Uses, Feeds: b.Feeds, Firings: b.Firings,
	}
	for _, s := range b.Records {
		f.Records = append(f.Records, s.record(identity))
	}
	switch len(f.Records) {
	case 0:
		f.Identity = schema.Identity{ID: identity}
	case 1:
		f.Identity, f.Groups, f.Records = f.Records[0].Identity, f.Records[0].Groups, nil
	default:
		f.Identity = book.Compose(identity, f.Records)
		for _, rec := range f.Records {
			f.Groups = append(f.Groups, rec.Groups...)
		}
	}
	for _, g := range b.Grants {
		f.Grants = append(f.Grants, schema.Grant{
			ID: g.ID, Identity: identity, Role: g.Role, From: g.From, Until: g.Until, Ended: g.Ended, EndedBy: g.EndedBy,
			Ticket: g.Ticket, LastUsed: g.LastUsed, Reviewed: g.Reviewed, Excepted: g.Excepted,
		})
	}
	for _, p := range b.Exceptions {
		f.Passes = append(f.Passes, policy.Pass{
			Exception: p.Ref, From: p.From, Until: p.Until,
			Waives: policy.Waiver{Constraint: p.Constraint, Role: p.Role, Trigger: p.Trigger, Duration: policy.Duration(p.Duration)},
			Scope:  policy.Reach{Entitlements: p.Entitlements, Privileged: p.Privileged},
		})
	}
	for _, role := range b.Buried {
		f.Tombstones = append(f.Tombstones, schema.Tombstone{Identity: identity, Role: role})
	}
	if m := b.Machine; m != nil {
		f.Machine, f.Owner, f.Deputy, f.Shares = m.Machine, m.Owner, m.Deputy, m.Shares
		if f.Owner != schema.Unheard {
			active := f.Owner == schema.Present
			f.OwnerActive = &active
		}
	}
	return f
}
