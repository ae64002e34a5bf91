package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// What stands against a machine identity whatever its roles say. No policy has to
// write these triggers: they follow from the register, and from who is there to
// answer. They veto every role, as any trigger does.
const (
	triggerStopped  = "nhi/stopped"        // a person stopped it: the kill switch
	triggerRefused  = "nhi/refused"        // its entry in the register is not in order
	triggerUnowned  = "nhi/no-owner"       // nobody is there to answer: nothing new is given
	triggerOrphaned = "nhi/owner-gone"     // its owner is not there: another is to be named in time
	triggerGone     = "nhi/workload-gone"  // what it is for is gone
	triggerClaims   = "nhi/other-workload" // what goes by its name says that it is something else
	triggerContract = "nhi/contract-ended"
	triggerRotate   = "nhi/rotate" // a secret is too old, or somebody who left could read it
)

// Stewards returns who answers for a machine identity and who does when they leave:
// those whom somebody named, unless others were stated since; those that the register
// names; or who its sources say does.
func (b *Book) Stewards(f Facts) (owner, deputy string) {
	owner, deputy = b.Stated(f)
	if m := f.Machine; m.Owner != "" && strings.EqualFold(m.Instead, owner) {
		owner = m.Owner
		deputy = cmp.Or(m.Deputy, deputy)
		if strings.EqualFold(owner, deputy) {
			deputy = "" // nobody stands in for themselves
		}
	}
	return owner, deputy
}

// Stated returns who is written down as answering for a machine identity.
func (b *Book) Stated(f Facts) (owner, deputy string) {
	if n, _ := b.registered(f); n != nil {
		return n.Metadata.Owner.User, n.Metadata.Owner.Deputy
	}
	return b.OwnerOf(f), ""
}

// Registered returns the register's entry of a machine identity: that of its
// userName, externalId, id or the name under which another source knows it. Of an
// entry that is not in order it returns what is wrong.
func (b *Book) Registered(f Facts) (*NHI, Findings) { return b.registered(f) }

func (b *Book) registered(f Facts) (*NHI, Findings) {
	if !IsMachine(f.Identity.Kind) || len(b.machines)+len(b.unregistered) == 0 {
		return nil, nil
	}
	names := []string{f.Identity.ID, f.Identity.UserName, f.Identity.ExternalID}
	for _, r := range b.counting(f) {
		names = append(names, r.UserName, r.ExternalID)
	}
	for _, name := range names {
		if n, wrong := b.Machine(name); n != nil || wrong != nil {
			return n, wrong
		}
	}
	return nil, nil
}

// A standing is one thing that stands against a machine.
type standing struct {
	trigger, action string
	due             time.Time // when it becomes a revocation; zero: it does not
}

// machine works out what stands against a machine identity, once for all its roles.
// Since when an owner is gone is remembered for the machine as a whole, so that no
// role that comes or goes sets its clock back.
func (e *evaluation) machine() {
	f := e.facts
	if !IsMachine(f.Identity.Kind) {
		return
	}
	n, wrong := e.book.registered(f)
	e.entry = n
	against := func(trigger, action string) {
		e.standings = append(e.standings, standing{trigger: trigger, action: action})
	}
	if !f.Machine.Stopped.IsZero() {
		against(triggerStopped, actionSuspend)
	}
	if wrong != nil {
		against(triggerRefused, actionHold)
	}
	if f.Owner != schema.Present && f.Deputy != schema.Present {
		against(triggerUnowned, actionHold)
	}
	e.orphaned()
	if n != nil {
		e.offboard()
	}
	e.rotation()
}

// orphaned starts the clock of a machine whose owner is not there, and says what
// comes of it. The deputy answers meanwhile; somebody is to be named all the same.
func (e *evaluation) orphaned() {
	if e.facts.Owner == schema.Present {
		return
	}
	grace := time.Duration(graceToReassign)
	if e.entry != nil {
		grace = e.entry.Spec.Offboard.Grace()
	}
	since := e.since(triggerOrphaned)
	due := since.Add(grace)
	record := schema.Firing{Trigger: triggerOrphaned, Action: actionReassign, Since: since, Due: due}
	e.keep(record)
	if !e.now.Before(due) {
		e.standings = append(e.standings, standing{trigger: triggerOrphaned, action: actionRevoke, due: due})
		return
	}
	e.soon(due)
	e.standings = append(e.standings, standing{trigger: triggerOrphaned, action: actionReassign, due: due})
}

// offboard applies what the register says of the end of a machine.
func (e *evaluation) offboard() {
	n := e.entry
	if e.goneWorkload() {
		e.standings = append(e.standings, standing{trigger: triggerGone, action: n.Spec.Offboard.OnWorkloadGone})
	}
	if len(e.mismatch()) > 0 {
		e.standings = append(e.standings, standing{trigger: triggerClaims, action: actionSuspend})
	}
	if v := n.Spec.Vendor; v != nil {
		if e.soon(v.ContractEnd); !e.now.Before(v.ContractEnd) {
			e.standings = append(e.standings, standing{trigger: triggerContract, action: actionRevoke})
		}
	}
}

// goneStates are how those who tell of workloads say that one is there no more.
var goneStates = []string{"deleted", "archived", "terminated", "decommissioned", "disabled"}

// goneWorkload reports whether the workload that a machine is is there no more: who
// tells of it says so, or a source that told of it deleted it, or it was not seen for
// too long.
func (e *evaluation) goneWorkload() bool {
	if slices.Contains(goneStates, strings.ToLower(e.saidText("state"))) || len(e.lapsed) > 0 {
		return true
	}
	seen, known := e.said("lastSeen").(types.Timestamp)
	unseen := time.Duration(e.entry.Spec.Offboard.UnseenFor)
	if !known || unseen == 0 {
		return false
	}
	end := seen.Time.Add(unseen)
	e.soon(end)
	return !e.now.Before(end)
}

// said returns what is known of the workload.
func (e *evaluation) said(attribute string) any {
	w := e.in.workload
	if w == nil {
		return nil
	}
	return w.slots[w.shape.index[attribute]]
}

func (e *evaluation) saidText(attribute string) string {
	text, _ := e.said(attribute).(types.String)
	return string(text)
}

// mismatch returns what a workload says of itself that is not what the register says
// of it (R-NHI-7). What nobody tells of is no mismatch.
func (e *evaluation) mismatch() (claims []string) {
	for _, claim := range e.entry.Spec.Workload.claims() {
		if told := e.saidText(claim.name); told != "" && claim.value != "" && told != claim.value {
			claims = append(claims, claim.name)
		}
	}
	return claims
}

// since returns since when a trigger holds for the machine as a whole.
func (e *evaluation) since(trigger string) time.Time {
	if known, remembered := e.firingOf(trigger); remembered {
		return known.Since
	}
	return e.now
}

func (e *evaluation) firingOf(trigger string) (schema.Firing, bool) {
	i := slices.IndexFunc(e.facts.Firings, func(f schema.Firing) bool { return f.Role == "" && f.Trigger == trigger })
	if i < 0 {
		return schema.Firing{}, false
	}
	return e.facts.Firings[i], true
}

// keep remembers a trigger that holds for the machine as a whole.
func (e *evaluation) keep(f schema.Firing) {
	f.Identity = e.facts.Identity.ID
	e.access.Firings = append(e.access.Firings, f)
}

// stand applies what stands against a machine to one of its roles.
func (e *evaluation) stand(o occasion, stronger func(action, trigger string)) {
	rotates := func(s standing) bool { return s.trigger == triggerRotate }
	if !slices.ContainsFunc(e.standings, rotates) && e.outgrown(o.role) {
		e.list(Fired{Trigger: triggerRotate, Action: actionRotate}, o)
	}
	for _, s := range e.standings {
		f := Fired{Trigger: s.trigger, Action: s.action}
		if s.action == actionReassign {
			f.Due = s.due
		}
		stronger(e.list(f, o), s.trigger)
	}
}
