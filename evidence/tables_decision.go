package evidence

import (
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// decisionTables are about how the bridge was governed.
func decisionTables() []*table {
	return []*table{
		{
			name: "publications", says: "a policy was proposed, agreed to, refused or put in force",
			verbs: []schema.Verb{schema.Proposed, schema.Approved, schema.Denied, schema.Withdrawn, schema.Published}, tally: "verb",
			where: func(d schema.Decision) bool { return strings.HasPrefix(d.Object, "publication/") },
		}, {
			name: "refused-roles", says: "a role of a policy that came into force was not automated, for what its template lacks",
			verbs: []schema.Verb{schema.Refused, schema.Quarantined},
		}, {
			name: "halts", says: "somebody stopped what is written to targets, or let it go on",
			verbs: []schema.Verb{schema.Halted, schema.Resumed}, tally: "verb",
		}, {
			name: "holds", says: "something was held until people decide, and what they decided",
			verbs: []schema.Verb{schema.Held, schema.Agreed, schema.Released, schema.Dismissed}, tally: "verb",
		}, {
			name: "undecided", says: "a rule needed what nobody supplied, so that nothing was given or taken; or what nothing earns any more was kept",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Undecided, schema.Kept}, more: whose,
		}, {
			name: "sweep-runs", says: "a sweep ran, was held or failed; a run that found nothing new is in the register of runs only",
			verbs: []schema.Verb{schema.Swept, schema.Held, schema.Failed}, tally: "verb",
			where: func(d schema.Decision) bool { return strings.HasPrefix(d.Subject, "run/") },
		}, {
			name: "findings", says: "something was noticed that is not as it should be, and whether that is open still",
			columns: []string{"kind", "standing"}, tally: "standing",
			verbs: []schema.Verb{schema.Found}, more: foundKind,
		}, {
			name: "findings-resolved", says: "a person decided about a finding, or it was mended",
			verbs: []schema.Verb{schema.Resolved},
		}, {
			name: "drift", says: "a target had what nobody decided, or lacked what was; an account was taken over or given up",
			verbs: []schema.Verb{schema.Drifted, schema.Adopted, schema.Disowned, schema.Ramped}, tally: "verb",
		}, {
			name: "failures", says: "a target refused, or could not be reached",
			verbs: []schema.Verb{schema.Failed}, where: func(d schema.Decision) bool { return !strings.HasPrefix(d.Subject, "run/") }, tally: "actor",
		}, {
			name: "manual-work", says: "a person was asked to do something at a target, and said what they did",
			verbs: []schema.Verb{schema.Tasked, schema.Confirmed}, tally: "verb",
		}, {
			name: "signals", says: "a source told of a ticket, a workload or a risk",
			verbs: []schema.Verb{schema.Signalled}, tally: "actor",
		}, {
			name: "suspensions", says: "an entitlement was taken because a trigger fired",
			columns: []string{"userName", "kind", "basis", "confirmed", "seconds"}, tally: "actor",
			verbs: []schema.Verb{schema.Unassigned}, where: func(d schema.Decision) bool { return strings.HasPrefix(d.Actor, "trigger/") }, more: lineChange,
		}, {
			name: "machine-decisions", says: "somebody else answers for a machine, a secret of it was changed, it was stopped or started, or a risk was answered",
			columns: []string{"userName", "kind"}, tally: "verb",
			verbs: []schema.Verb{schema.Reassigned, schema.Rotated, schema.Stopped, schema.Started, schema.Answered}, more: whose,
		}, {
			name: "credentials-issued", says: "a credential for the bridge was made or revoked",
			verbs: []schema.Verb{schema.Tokened},
		}, {
			name: "erasures", says: "the details about somebody were forgotten",
			verbs: []schema.Verb{schema.Forgotten},
		},
	}
}

// foundKind says of what kind a finding is, and whether it is open still. One that a
// sweep reports says its kind itself; one about somebody's own access is found by what
// it is about.
func foundKind(x *page, e store.Entry) ([]string, []int64, error) {
	d := e.Decision
	kind, _, reported := strings.Cut(d.Reason, ": ")
	if reported = reported && !strings.Contains(kind, " "); reported {
		for _, err := range store.Findings.All(x.Reader, kind, d.Object, d.Subject) {
			return []string{kind, standing(true)}, nil, err
		}
	}
	for _, own := range ownFindings() {
		if open, err := store.Findings.Has(x.Reader, own, "", d.Subject, d.Object); err != nil || open {
			return []string{own, standing(true)}, nil, err
		}
	}
	if !reported {
		kind = ""
	}
	return []string{kind, standing(false)}, nil, nil
}

// ownFindings are the kinds of those about somebody's own access.
func ownFindings() []string {
	kinds := []string{"owed", "separation", "conflict"}
	for _, id := range policy.RiskIDs() {
		kinds = append(kinds, string(id))
	}
	return kinds
}

func standing(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}
