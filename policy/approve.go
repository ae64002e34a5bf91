package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"cel.dev/cel-go/common/types"

	"drawbridge/schema"
)

// Who may agree to a role is data. This file reads it; who the people are whom it
// names is for package access to say, which knows them.

// standardWithin is how long a stage waits that does not say so.
const standardWithin = 7 * 24 * time.Hour

// Time returns how long a stage waits for people, after which nobody agreed.
func (s Stage) Time() time.Duration {
	if s.Within <= 0 {
		return standardWithin
	}
	return time.Duration(s.Within)
}

// Needs returns how many people must agree at a stage: one at least.
func (s Stage) Needs() int { return max(1, s.Min) }

// most returns how many a stage names at most; open is true where that is for a group to
// say. Of a role there may be an owner and a deputy.
func (s Stage) most() (n int, open bool) {
	for _, a := range s.Approvers {
		switch {
		case a.Group != "":
			return 0, true
		case a.RoleOwner:
			n += 2
		default:
			n++
		}
	}
	return n, false
}

// Flow returns who must agree before a role is granted; ok is false of one that is
// held by rule, or that is taken before anyone agrees.
func (b *Book) Flow(r *Role) (flow *ApprovalFlow, ok bool) {
	for _, f := range b.set.Flows {
		if r.Spec.Approval != "" && f.Metadata.Name == r.Spec.Approval {
			return f, true
		}
	}
	return nil, false
}

// Digest returns a hash of what a flow demands. What people agreed to under another
// one does not count under this.
func (f *ApprovalFlow) Digest() string {
	text, err := json.Marshal(f.Spec)
	if err != nil {
		return "" // plain structs always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Accepts returns nil where somebody meets what a flow demands of whoever approves,
// for a subject; otherwise why not. What nobody supplied is not met.
func (b *Book) Accepts(f *ApprovalFlow, approver, subject Facts, now time.Time) error {
	condition, ok := b.conditions[f.Metadata.Name]
	if !ok {
		return nil
	}
	of, _, _ := b.known(approver)
	about, _, _ := b.known(subject)
	in := inputs{approver: of.identity, identity: about.identity}
	in.at(now)
	switch value, err := condition.eval(&in); value {
	case yes:
		return nil
	case unknown:
		return fmt.Errorf("flow %s demands of its approvers what is not known of this one: %w: %w", f.Metadata.Name, err, schema.ErrForbidden)
	default:
		return fmt.Errorf("flow %s demands something else of its approvers: %w", f.Metadata.Name, schema.ErrForbidden)
	}
}

// ManagerOf returns who somebody's manager is, as their sources say: an id, or
// another name. Where nothing is said, or sources disagree, it is empty.
func (b *Book) ManagerOf(f Facts) string {
	if _, declared := b.declared()["manager"]; declared {
		a, _, _ := b.known(f)
		manager, _ := a.Values()["identity.manager"].(string)
		return manager
	}
	said := ""
	for _, rec := range b.counting(f) {
		if !b.Authority(rec.Source, "manager") {
			continue
		}
		finder, r := newFinder(0, "manager", Attribute{Type: "string"}), record{raw: rec.Resource}
		raw := r.find(finder)
		if len(raw) == 0 {
			continue
		}
		manager, _ := finder.value(raw).(types.String)
		if said != "" && said != string(manager) {
			return ""
		}
		said = string(manager)
	}
	return said
}

// ReviewersOf returns how many must agree to a bypass by a break-glass role
// afterwards: as many as it says, and two at least where it gives something critical.
func (b *Book) ReviewersOf(r *Role) int {
	needs := 1
	for _, e := range b.effectiveOf(r) {
		if e.Risk == "critical" {
			needs = 2
		}
	}
	if r.Spec.Bypass != nil {
		needs = max(needs, r.Spec.Bypass.Reviewers.Min)
	}
	return needs
}
