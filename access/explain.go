package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Standing says in a word where an identity stands with an entitlement.
type Standing string

// The standings.
const (
	Holds     Standing = "holds"     // it should have it, and its target agreed
	Due       Standing = "due"       // it should have it, and its target has yet to agree
	Watched   Standing = "watched"   // it should have it, in a mode in which nothing is written
	Ending    Standing = "ending"    // it should have it no more, and its target has yet to agree, or to be told
	Lost      Standing = "lost"      // it had it, and has it no more
	Missed    Standing = "missed"    // it was to have it, and that ended before its target agreed
	Unmanaged Standing = "unmanaged" // its account has it, and the bridge did not give it
	Never     Standing = "never"     // it has it not, and never had
)

// An Explanation says why an identity has, had, lost or never had an
// entitlement: what is desired, what was observed, what the roles that confer it
// say now, and the decisions that made it so, oldest first.
type Explanation struct {
	Identity    string             `json:"identity"` // its id
	UserName    string             `json:"userName"`
	Entitlement string             `json:"entitlement"` // connector/id
	Standing    Standing           `json:"standing"`
	Answer      string             `json:"answer"` // one sentence
	Line        *schema.Assignment `json:"line,omitempty"`
	Through     string             `json:"through,omitempty"` // the entitlement that confers it, where it is not held by itself
	Over        time.Time          `json:"over,omitzero"`     // when what the line is held by ended, where it has yet to be taken
	Kept        string             `json:"kept,omitempty"`    // why it stays although nothing earns it
	Hold        string             `json:"hold,omitempty"`    // the id of the hold that keeps it, if one does
	Account     *Holding           `json:"account,omitempty"`
	Roles       []RoleStanding     `json:"roles"` // those that confer it
	Decisions   []Reason           `json:"decisions"`
	Omitted     int                `json:"omitted,omitempty"` // older decisions that are left out
	Since       time.Time          `json:"since,omitzero"`    // of older decisions only those are there that were in force then: the rest was pruned
	Names       map[string]string  `json:"names,omitempty"`   // userNames of people who agreed, by what the log calls them
	Policy      string             `json:"policy"`            // digest of the policy in force
	At          time.Time          `json:"at"`

	until  time.Time // decisions after it do not count; zero: all do
	target string    // what its connector calls it; nothing if no catalogue has it
}

// A Holding is what is known of the entitlement at its target.
type Holding struct {
	RemoteID string        `json:"remoteId,omitempty"`
	Active   bool          `json:"active"`
	Held     bool          `json:"held"`    // the account is active, and has it
	Listed   bool          `json:"listed"`  // the target lists it, active or not
	Managed  bool          `json:"managed"` // the bridge granted or adopted it
	State    schema.State  `json:"state,omitempty"`
	Problem  string        `json:"problem,omitempty"`
	Observed time.Time     `json:"observed,omitzero"`
	Verified bool          `json:"verified,omitempty"`
	Open     schema.Change `json:"open,omitzero"` // the change its target has yet to agree to
	Last     schema.Change `json:"last,omitzero"` // the newest that it agreed to

	LastUsed time.Time `json:"lastUsed,omitzero"` // as far as anybody told
	ToldBy   string    `json:"toldBy,omitempty"`  // who: source/NAME, or connector/NAME where it was the target itself
	Seen     bool      `json:"useSeen"`           // use would have been seen
}

// A RoleStanding is what one role that confers the entitlement says now.
type RoleStanding struct {
	Role      string                   `json:"role"`
	Type      schema.RoleType          `json:"type"`
	Intent    string                   `json:"intent,omitempty"`  // what it is for
	Outcome   policy.Outcome           `json:"outcome,omitempty"` // empty where the role is refused
	Reason    string                   `json:"reason"`
	Refused   []string                 `json:"refused,omitempty"` // codes of what its template lacks
	Missing   []string                 `json:"missing,omitempty"` // attributes that nobody supplied
	Trigger   string                   `json:"trigger,omitempty"`
	Mode      schema.Mode              `json:"mode,omitempty"`
	Inputs    map[string]any           `json:"inputs,omitempty"`
	From      map[string]policy.Origin `json:"from,omitempty"`   // which source said each input
	Grants    []schema.Grant           `json:"grants,omitempty"` // all of them, with who approved, also those that ended
	Tombstone *schema.Tombstone        `json:"tombstone,omitempty"`
}

// Explain answers why an identity (by id, userName or email) has, had, lost or
// never had an entitlement (connector/id). It reads, in one snapshot, and changes
// nothing. What no catalogue has, and nobody ever decided about, is ErrNotFound.
func Explain(r store.Reader, rules *Rules, identity, ref string) (Explanation, error) {
	id, err := FindIdentity(r, identity)
	if err != nil {
		return Explanation{}, err
	}
	connector, entitlement, ok := strings.Cut(ref, "/")
	if !ok || connector == "" || entitlement == "" {
		return Explanation{}, fmt.Errorf("%q: an entitlement is named connector/entitlement: %w", ref, schema.ErrInvalid)
	}
	book, err := inForce(r, rules.Book())
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Identity: id.ID, UserName: id.UserName, Entitlement: ref, Policy: book.Digest(), At: r.Now()}
	if err := e.line(r, book); err != nil {
		return e, err
	}
	if err := e.keptBy(r, book); err != nil {
		return e, err
	}
	if e.Line != nil && e.Kept == "" {
		if e.Over, err = Over(r, *e.Line); err != nil {
			return e, err
		}
	}
	entry, catalogued := book.Entitlement(connector, entitlement)
	e.target = entry.Target
	if err := e.account(r, book, connector, entitlement); err != nil {
		return e, err
	}
	if err := e.roles(r, book); err != nil {
		return e, err
	}
	if err := e.history(r, connector); err != nil {
		return e, err
	}
	if !catalogued && e.Line == nil && !e.decided() {
		return e, fmt.Errorf("no catalogue has %s, and nobody ever decided about it for %s: %w", ref, id.UserName, schema.ErrNotFound)
	}
	if err := e.name(r); err != nil {
		return e, err
	}
	e.Standing = e.standing()
	e.Answer = e.answer()
	return e, nil
}

// name finds out what people call those who agreed. The log has ids, which is all
// that is left of who is forgotten.
func (e *Explanation) name(r store.Reader) error {
	var agreed []schema.Approval
	for _, s := range e.Roles {
		for _, g := range s.Grants {
			agreed = append(agreed, g.Approvals...)
		}
	}
	e.Names = map[string]string{}
	for _, a := range agreed {
		id, is := strings.CutPrefix(a.By, "identity/")
		if _, known := e.Names[a.By]; !is || known {
			continue
		}
		known, err := store.Identities.Get(r, id)
		if err != nil && !schema.IsNotFound(err) {
			return err
		}
		if known.UserName != "" {
			e.Names[a.By] = known.UserName
		}
	}
	return nil
}

// Called is what people call whom the log names so.
func (e *Explanation) Called(actor string) string {
	if name, known := e.Names[actor]; known {
		return name
	}
	return actor
}

// line finds what is desired: the entitlement itself, or one that confers it.
func (e *Explanation) line(r store.Reader, book *policy.Book) error {
	for a, err := range store.Assignments.All(r, e.Identity) {
		if err != nil {
			return err
		}
		switch {
		case a.Ref() == e.Entitlement:
			e.Line, e.Through = &a, ""
			return nil
		case e.Line == nil && book.Confers(a.Ref(), e.Entitlement):
			e.Line, e.Through = &a, a.Ref()
		}
	}
	return nil
}

// account finds what was observed, where there is or was an account.
func (e *Explanation) account(r store.Reader, book *policy.Book, connector, entitlement string) error {
	a, err := store.Accounts.Get(r, connector, e.Identity)
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e.Account = &Holding{
		RemoteID: a.RemoteID, Active: a.Active, Held: a.Active && a.Holds(e.target), Listed: a.Holds(e.target), Managed: slices.Contains(a.Managed, e.target),
		State: a.State, Problem: a.Problem, Observed: a.Observed, Verified: a.Verified, Open: a.Due, Last: a.Last,
	}
	feeds, err := useFeeds(r, book)
	if err != nil {
		return err
	}
	uses, err := usesAt(r, e.Identity, connector)
	used := book.LastUse(uses, feeds, connector, entitlement, r.Now())
	e.Account.LastUsed, e.Account.ToldBy, e.Account.Seen = used.Last, used.By, used.Seen
	return err
}

// roles asks each role that confers it what it says now.
func (e *Explanation) roles(r store.Reader, book *policy.Book) error {
	facts, _, err := GatherAll(r, book, e.Identity)
	if err != nil {
		return err
	}
	for _, role := range book.Conferring(e.Entitlement) {
		facts.About = append(facts.About, role.Metadata.Name)
	}
	var held []schema.Assignment
	for line, err := range store.Assignments.All(r, e.Identity) {
		if err != nil {
			return err
		}
		held = append(held, line)
	}
	access := evaluate(book, facts, held, r.Now())
	origins := book.Origins(facts)
	e.UserName = facts.Identity.UserName
	for _, role := range book.Conferring(e.Entitlement) {
		name := role.Metadata.Name
		s := RoleStanding{Role: name, Type: role.Spec.Type, Intent: strings.TrimSpace(role.Spec.Intent)}
		for _, g := range facts.Grants {
			if g.Role == name {
				s.Grants = append(s.Grants, g)
			}
		}
		if i := slices.IndexFunc(facts.Tombstones, func(t schema.Tombstone) bool { return t.Role == name }); i >= 0 {
			s.Tombstone = &facts.Tombstones[i]
		}
		if i := slices.IndexFunc(access.Verdicts, func(v policy.Verdict) bool { return v.Role == name }); i >= 0 {
			v := access.Verdicts[i]
			s.Outcome, s.Reason, s.Missing, s.Trigger, s.Mode, s.Inputs = v.Outcome, v.Reason, v.Missing, v.Trigger, v.Mode, v.Inputs
			s.From = from(origins, v.Inputs)
		}
		for _, refusal := range book.Refused() {
			if refusal.Role == name {
				s.Refused, s.Reason = refusal.Codes, "it is refused: "+strings.Join(refusal.Codes, ", ")
			}
		}
		e.Roles = append(e.Roles, s)
	}
	return nil
}

// standing sums up what is desired and what was observed.
func (e *Explanation) standing() Standing {
	held := e.Account != nil && e.Account.Held
	switch {
	case e.Line != nil && e.Line.Mode != schema.Enforce:
		return Watched
	case e.Line != nil && !e.Over.IsZero():
		return Ending
	case e.Line != nil && (held || e.Through != ""):
		return Holds
	case e.Line != nil:
		return Due
	case held && e.Account.Managed:
		return Ending
	case held:
		return Unmanaged
	case e.decided() && e.had():
		return Lost
	case e.decided():
		return Missed
	}
	return Never
}

// decided reports whether the entitlement ever was, or ceased to be, desired.
func (e *Explanation) decided() bool {
	return slices.ContainsFunc(e.Decisions, func(d Reason) bool {
		return d.Object == e.Entitlement && (d.Verb == schema.Assigned || d.Verb == schema.Unassigned)
	})
}
