package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// A Reason is one decision that matters to an explanation.
type Reason struct {
	Seq int64 `json:"seq"` // its number in the log, for proofs
	schema.Decision
	Approvals []schema.Approval `json:"approvals,omitempty"` // of a grant: who agreed
	Words     string            `json:"words,omitempty"`     // the person's own, where they are kept
	Ticket    string            `json:"ticket,omitempty"`
	Change    *schema.Change    `json:"change,omitempty"`   // of what a target agreed to: when each step of it was
	Exposure  string            `json:"exposure,omitempty"` // how long it took until the target agreed
}

// maxReasons is how many decisions an explanation has at most: the newest.
const maxReasons = 200

// history gathers the decisions that matter: those about the entitlement, those
// about the roles that confer it or did, and what the target said to them.
func (e *Explanation) history(r store.Reader, connector string) error {
	h, err := store.LogHorizon(r)
	if err != nil {
		return err
	}
	e.Since = h.Time
	roles, err := e.rolesEver(r)
	if err != nil {
		return err
	}
	matters := map[string]bool{} // ids of decisions
	for entry, err := range store.LogAbout(r, e.Identity) {
		if err != nil {
			return err
		}
		d := entry.Decision
		if !e.until.IsZero() && d.Time.After(e.until) {
			continue
		}
		role, isRole := strings.CutPrefix(d.Object, "role/")
		switch {
		case d.Object == e.Entitlement, e.Through != "" && d.Object == e.Through:
			matters[d.ID] = true
		case isRole && roles[role], d.Verb == schema.Left, d.Object == connector && d.Verb == schema.Drifted:
		case d.Object == connector && slices.ContainsFunc(d.Because, func(id string) bool { return matters[id] }):
		default:
			continue
		}
		e.Decisions = append(e.Decisions, Reason{Seq: entry.Seq, Decision: d})
		if len(e.Decisions) > 2*maxReasons {
			e.Decisions = slices.Delete(e.Decisions, 0, maxReasons)
			e.Omitted += maxReasons
		}
	}
	if more := len(e.Decisions) - maxReasons; more > 0 {
		e.Decisions, e.Omitted = e.Decisions[more:], e.Omitted+more
	}
	for i := range e.Decisions {
		if err := e.Decisions[i].detail(r); err != nil {
			return err
		}
	}
	return nil
}

// rolesEver returns the roles that confer the entitlement, and those that earlier
// decisions about it name.
func (e *Explanation) rolesEver(r store.Reader) (map[string]bool, error) {
	roles := map[string]bool{}
	for _, s := range e.Roles {
		roles[s.Role] = true
	}
	for entry, err := range store.LogAbout(r, e.Identity) {
		if err != nil {
			return nil, err
		}
		if entry.Decision.Object != e.Entitlement || !e.until.IsZero() && entry.Decision.Time.After(e.until) {
			continue
		}
		for _, because := range entry.Decision.Because {
			if role, ok := strings.CutPrefix(because, "role/"); ok {
				roles[role] = true
			}
		}
	}
	return roles, nil
}

// detail adds what is kept beside the log, as far as it was not forgotten.
func (d *Reason) detail(r store.Reader) error {
	if d.DetailHash == "" {
		return nil
	}
	raw, err := store.Detail(r, d.ID)
	if schema.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept struct {
		Reason    string            `json:"reason"`
		Problem   string            `json:"problem"`
		Ticket    string            `json:"ticket"`
		Approvals []schema.Approval `json:"approvals"`
		Change    *schema.Change    `json:"change"`
	}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return fmt.Errorf("decision %s: its detail: %w", d.ID, err)
	}
	d.Words, d.Ticket, d.Approvals = kept.Reason, kept.Ticket, kept.Approvals
	if d.Words == "" {
		d.Words = kept.Problem
	}
	if kept.Change != nil && !kept.Change.IsZero() {
		d.Change, d.Exposure = kept.Change, kept.Change.Exposure().Round(time.Microsecond).String()
	}
	return nil
}

// answer says it in one sentence.
func (e *Explanation) answer() string {
	who, what := e.UserName, e.Entitlement
	switch e.Standing {
	case Holds:
		return fmt.Sprintf("%s has %s since %s%s: %s%s.", who, what, day(e.Line.Since), e.through(), e.earned(), e.kept())
	case Due:
		return fmt.Sprintf("%s should have %s since %s (%s), and its target has yet to agree%s%s.", who, what, day(e.Line.Since), e.earned(), e.state(), e.kept())
	case Watched:
		return fmt.Sprintf("%s would have %s since %s (%s), but its mode is %s, so nothing is written.", who, what, day(e.Line.Since), e.earned(), e.Line.Mode)
	case Ending:
		if e.Line != nil {
			return fmt.Sprintf("%s is losing %s: what it is held by ended %s, and the work of taking it has yet to be done%s.", who, what, day(e.Over), e.through())
		}
		return fmt.Sprintf("%s is losing %s: %s, and its target has yet to agree%s.", who, what, e.ended(), e.state())
	case Lost:
		return fmt.Sprintf("%s had %s and lost it: %s%s.", who, what, e.ended(), e.told())
	case Missed:
		return fmt.Sprintf("%s; that ended %s.", e.missed(), e.ended())
	case Unmanaged:
		return fmt.Sprintf("%s has %s at its target, but the bridge neither gave nor adopted it: %s.", who, what, e.unearned())
	case Never:
	}
	return fmt.Sprintf("%s never had %s%s: %s.", who, what, e.asFarBack(), e.unearned())
}

// asFarBack says since when the log can tell, where it does not go back to its beginning.
func (e *Explanation) asFarBack() string {
	if e.Since.IsZero() {
		return ""
	}
	return " since " + day(e.Since) + ", before which the log was pruned"
}

func (e *Explanation) through() string {
	if e.Through == "" {
		return ""
	}
	return " with " + e.Through
}

func (e *Explanation) state() string {
	switch {
	case e.Account == nil || e.Account.State == "":
		return ""
	case e.Account.Problem != "":
		return fmt.Sprintf(" (%s: %s)", e.Account.State, strings.ReplaceAll(e.Account.Problem, "\n", "; "))
	}
	return fmt.Sprintf(" (%s)", e.Account.State)
}

// earned says what a line rests on.
func (e *Explanation) earned() string {
	var words []string
	for _, name := range (*e.Line).Roles() {
		i := slices.IndexFunc(e.Roles, func(s RoleStanding) bool { return s.Role == name })
		if i < 0 {
			words = append(words, "role "+name+", which the policy no longer has")
			continue
		}
		words = append(words, "role "+name+", "+e.Roles[i].Reason+e.approved(e.Roles[i], *e.Line))
	}
	return strings.Join(words, "; ")
}

// approved says who agreed to the grant that a line rests on, and when it ends.
func (e *Explanation) approved(s RoleStanding, line schema.Assignment) string {
	for _, g := range s.Grants {
		if !slices.Contains(line.Because, "grant/"+g.ID) {
			continue
		}
		var by []string
		for _, a := range g.Approvals {
			by = append(by, e.Called(a.By))
		}
		words := ", approved by " + strings.Join(by, " and ")
		if !g.Until.IsZero() {
			words += ", until " + day(g.Until)
		}
		return words
	}
	return ""
}

// ended says which decision took the entitlement away.
func (e *Explanation) ended() string {
	if i := e.end(); i >= 0 {
		return fmt.Sprintf("on %s, because %s", day(e.Decisions[i].Time), e.Decisions[i].Reason)
	}
	return "nothing earns it any more"
}

// told says how long it took until the target agreed to that decision, if it did.
func (e *Explanation) told() string {
	i := e.end()
	if i < 0 {
		return ""
	}
	later := e.Decisions[i:]
	j := slices.IndexFunc(later, func(l Reason) bool { return slices.Contains(l.Because, later[0].ID) && l.Exposure != "" })
	if j < 0 {
		return ""
	}
	return fmt.Sprintf("; its target agreed %s after the bridge was told", later[j].Exposure)
}

// end returns which of the decisions took the entitlement away; -1 if none.
func (e *Explanation) end() int {
	for i, d := range slices.Backward(e.Decisions) {
		if d.Verb == schema.Unassigned && d.Object == e.Entitlement {
			return i
		}
	}
	return -1
}

// unearned says why no role gives it.
func (e *Explanation) unearned() string {
	if len(e.Roles) == 0 {
		return "no role confers it"
	}
	var words []string
	for _, s := range e.Roles {
		words = append(words, "role "+s.Role+": "+s.Reason)
	}
	return joinLimited(words, 5)
}
