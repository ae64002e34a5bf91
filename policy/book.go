package policy

import (
	"maps"
	"slices"
	"time"

	"drawbridge/schema"
)

// A Book is a policy that can be applied: every rule compiled, every reference
// resolved, every role whose governance is incomplete left out. It never
// changes, and is safe for concurrent use.
type Book struct {
	set         *Set
	digest      string
	mode        schema.Mode
	language    *language
	sources     map[string]*Source
	scopes      map[string]*rule
	views       map[string]view
	connectors  map[string]*connector
	names       []*Connector // by name
	roles       []*compiledRole
	places      map[string]int // of roles among roles, by name
	index       index
	byName      map[string]*compiledRole
	refused     []Refusal
	ending      map[string]*compiledRole // of these, what still ends them, by name
	wrong       Findings                 // the errors of its documents, but for tests
	triggers    []*compiledTrigger
	quarantined map[string]string // role, or another document as KIND/NAME, to reason
	responsible map[string]bool   // email addresses, case folded, of those who answer for roles
	approving   map[string]bool   // names of the groups that approve

	exceptions   []*Exception     // those without an error
	conditions   map[string]*rule // of approval flows, by name: what is demanded of approvers
	barriers     []barrier
	requirements map[string]*rule // of constraints, by name: what is demanded of holders
	valid        map[string]*rule // of roles, by name: what a ticket must be
	admitting    map[string]*rule // of break-glass roles, by name: when they may be taken

	machines     []*NHI              // those without an error, by name
	unregistered map[string]Findings // names of the others, in lower case, and what is wrong

	unreadable string // why it is salvaged; nothing if it was read

	brakes  bool                  // a source's document limits what it may take at once
	depends map[schema.Topic]bool // what a trigger in force depends on being told of
	watched []string              // attributes that one looks at for changes, by name
}

// A connector is a Connector document with its catalogue.
type connector struct {
	doc      *Connector
	mode     schema.Mode
	byID     map[string]schema.Entitlement
	byTarget map[string]schema.Entitlement
}

// A compiledRole is a role in force.
type compiledRole struct {
	*Role
	rule     *rule
	triggers []*compiledTrigger
	holdings []holding
	mode     schema.Mode
	flaps    bool     // a trigger takes it from everybody who qualifies
	uses     bool     // a trigger looks at whether it is used
	watches  []string // attributes that a trigger looks at for changes
	needs    []string // attributes of an identity that its rule reads, or a trigger of it
}

// A holding is an entitlement that a role gives, and the mode in which.
type holding struct {
	schema.Entitlement
	mode schema.Mode
}

// Digest returns the hash of what the policy says; comments, layout and order do
// not count.
func (b *Book) Digest() string { return b.digest }

// Name returns the policy set's name.
func (b *Book) Name() string {
	if b.set.Policy == nil {
		return ""
	}
	return b.set.Policy.Metadata.Name
}

// Role returns a role in force.
func (b *Book) Role(name string) (*Role, bool) {
	r, ok := b.byName[name]
	if !ok {
		return nil, false
	}
	return r.Role, true
}

// Roles returns the roles in force, by name.
func (b *Book) Roles() []*Role {
	roles := make([]*Role, len(b.roles))
	for i, r := range b.roles {
		roles[i] = r.Role
	}
	return roles
}

// Sources returns the approved sources, by name.
func (b *Book) Sources() []*Source {
	var sources []*Source
	for _, name := range slices.Sorted(maps.Keys(b.sources)) {
		if name != RegisterSource {
			sources = append(sources, b.sources[name])
		}
	}
	return sources
}

// Source returns an approved source. One whose document has an error is not
// approved.
func (b *Book) Source(name string) (*Source, bool) {
	s, ok := b.sources[name]
	return s, ok
}

// Authority reports whether a source may say what an attribute is: its document
// claims the attribute by name, or claims "*" and no other source that is believed
// claims it by name; and where the PolicySet says which sources an attribute is
// from, it is one of them. Every source may say its own externalId.
func (b *Book) Authority(source, attribute string) bool {
	s, ok := b.sources[source]
	if !ok || !s.believed() {
		return false
	}
	if source == RegisterSource {
		return slices.Contains(registerSays, attribute)
	}
	if attribute == "externalId" {
		return true
	}
	switch attribute {
	case "employmentStatus", "startDate", "endDate":
		attribute = "employment"
	}
	if from := b.declared()[attribute].From; len(from) > 0 && !slices.Contains(from, source) {
		return false
	}
	if slices.Contains(s.Spec.AuthoritativeFor, attribute) {
		return true
	}
	if !slices.Contains(s.Spec.AuthoritativeFor, "*") {
		return false
	}
	for name, other := range b.sources {
		if name != source && name != RegisterSource && other.believed() && slices.Contains(other.Spec.AuthoritativeFor, attribute) {
			return false
		}
	}
	return true
}

// SaysAll reports whether there is nothing that a source has no authority for: it
// claims "*", and what nobody else claims is everything.
func (b *Book) SaysAll(source string) bool {
	s, ok := b.sources[source]
	if !ok || source == RegisterSource || !s.believed() || !slices.Contains(s.Spec.AuthoritativeFor, "*") {
		return false
	}
	for _, a := range b.declared() {
		if len(a.From) > 0 && !slices.Contains(a.From, source) {
			return false
		}
	}
	for name, other := range b.sources {
		claims := func(attribute string) bool { return attribute != "*" }
		if name != source && name != RegisterSource && other.believed() && slices.ContainsFunc(other.Spec.AuthoritativeFor, claims) {
			return false
		}
	}
	return true
}

// believed reports whether anything that a source says of people counts: not what is
// only observed, and not the topics of signals, which are no attributes.
func (s *Source) believed() bool {
	return s.Spec.Trust != Observed && s.Spec.Protocol != ProtocolSignals
}

// InScope reports whether an identity is one that its source may speak of. A
// scope that needs what is absent is not met.
func (b *Book) InScope(id schema.Identity) bool {
	if _, ok := b.sources[id.Source]; !ok {
		return false
	}
	scope, ok := b.scopes[id.Source]
	if !ok {
		return true
	}
	a := b.Attributes(id, nil)
	met, _ := scope.eval(&inputs{identity: a.identity, workload: a.workload})
	return met == yes
}

// Ended reports whether an identity's access ends: none of its sources knows it any
// more, or one that may say so says that it is not active, that its employment is
// over, or that its last day has passed.
func (b *Book) Ended(f Facts, now time.Time) bool {
	if f.Identity.Gone() || f.Into != "" {
		return true
	}
	if len(f.Records) == 0 {
		return b.Leaves(f.Identity, now)
	}
	for _, r := range b.compose(f.Records).heard {
		if b.Leaves(r.Identity, now) {
			return true
		}
	}
	return false
}

// Leaves reports whether a source says of an identity, within its authority, that
// its access ends.
func (b *Book) Leaves(id schema.Identity, now time.Time) bool {
	if id.Gone() {
		return b.Trust(id.Source) == Authoritative
	}
	v, approved := b.views[id.Source]
	if !approved {
		return false
	}
	if v.active && !id.Active {
		return true
	}
	status, end := b.endOf(id, v)
	return status != "" || !end.IsZero() && !end.After(now)
}

// LastDay returns when an identity's employment ends, as far as its sources say;
// zero if they do not.
func (b *Book) LastDay(f Facts) (last time.Time) {
	records := []Record{{Identity: f.Identity}}
	if len(f.Records) > 0 {
		records = b.compose(f.Records).heard
	}
	for _, r := range records {
		if _, end := b.endOf(r.Identity, b.views[r.Source]); !end.IsZero() && (last.IsZero() || end.Before(last)) {
			last = end
		}
	}
	return last
}

// Connectors returns the connectors, by name.
func (b *Book) Connectors() []*Connector { return b.names }

// Connector returns a connector.
func (b *Book) Connector(name string) (*Connector, bool) {
	c, ok := b.connectors[name]
	if !ok {
		return nil, false
	}
	return c.doc, true
}

// Entitlement returns an entry of a connector's catalogue. What is in no
// catalogue can not be written.
func (b *Book) Entitlement(connector, id string) (schema.Entitlement, bool) {
	if c, ok := b.connectors[connector]; ok {
		e, ok := c.byID[id]
		return e, ok
	}
	return schema.Entitlement{}, false
}

// EntitlementByTarget returns the entry of a connector's catalogue that has the
// name at the target.
func (b *Book) EntitlementByTarget(connector, target string) (schema.Entitlement, bool) {
	if c, ok := b.connectors[connector]; ok {
		e, ok := c.byTarget[target]
		return e, ok
	}
	return schema.Entitlement{}, false
}

// Limits returns the brakes on one run.
func (b *Book) Limits() Limits {
	if b.set.Policy == nil {
		return Limits{}
	}
	return b.set.Policy.Spec.Limits
}

// Mode returns the effective mode: the least of policy set, role and connector,
// of which an empty name is left out. What is unknown, names no mode, or has an
// error in its document only observes.
func (b *Book) Mode(role, connector string) schema.Mode {
	modes := []schema.Mode{b.mode}
	if role != "" {
		mode := schema.Observe
		if r, ok := b.byName[role]; ok {
			mode = r.Spec.Mode
		}
		modes = append(modes, mode)
	}
	if connector != "" {
		mode := schema.Observe
		if c, ok := b.connectors[connector]; ok {
			mode = c.mode
		}
		modes = append(modes, mode)
	}
	return schema.Least(modes...)
}

// With returns the same policy with roles in quarantine, by name, and other documents
// that nobody answers for, as KIND/NAME, each with the reason. It shares everything with
// the book, and leaves it as it is.
func (b *Book) With(quarantined map[string]string) *Book {
	c := *b
	c.quarantined = maps.Clone(quarantined)
	return &c
}

// Quarantined returns why a role, or another document as KIND/NAME, is in quarantine, if
// it is.
func (b *Book) Quarantined(role string) (why string, ok bool) {
	why, ok = b.quarantined[role]
	return why, ok
}

// Unanswered returns why nobody answers any more for a document that is no role, by kind
// and name; nothing if somebody does. What such a source said is not concluded from, such
// an exception allows nothing.
func (b *Book) Unanswered(ref string) string { return b.quarantined[ref] }

// Paths returns where the sources keep the attributes that the PolicySet gives a
// path for, by attribute.
func (b *Book) Paths() map[string]string {
	all := map[string]string{}
	for name, a := range b.declared() {
		if a.Path != "" {
			all[name] = a.Path
		}
	}
	return all
}

func (b *Book) declared() map[string]Attribute {
	if b.set.Policy == nil {
		return nil
	}
	return b.set.Policy.Spec.Identity
}
