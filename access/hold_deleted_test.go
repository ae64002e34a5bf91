package access_test

import (
	"testing"

	"drawbridge/policy"
)

// holding has a trigger hold the role engineer as it is, of everybody.
var holding = []string{
	"kind: ApprovalFlow", `kind: TriggerSet
metadata: { name: keeping, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: kept, on: [event, sweep], when: 'identity.kind == "human"', action: hold }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow`,
	reads, "grants: [{ connector: wiki, entitlement: readers }]\n  triggers: [leaver, keeping]",
}

// TestWhatASourceDeletedIsNotHeld has a source delete somebody for whom another one vouches
// still, and of whom only the first said what a role needs. That ends it, also where a
// trigger holds the role, or nobody answers for it and it is in quarantine. R-ENG-4, R-SRC-2.
func TestWhatASourceDeletedIsNotHeld(t *testing.T) {
	for name, hold := range map[string]func(t *testing.T) *policy.Book{
		"by nothing":   func(t *testing.T) *policy.Book { return severally(t) },
		"by a trigger": func(t *testing.T) *policy.Book { return severally(t, holding...) },
		"in quarantine, by a rule that asks": func(t *testing.T) *policy.Book {
			return severally(t, `identity.kind == "human" && identity.department ==`, `identity.kind == "human" && has(identity.department) && identity.department ==`).
				With(map[string]string{"engineer": "its owner left"})
		},
		"in quarantine": func(t *testing.T) *policy.Book {
			return severally(t).With(map[string]string{"engineer": "its owner left"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				w.rules.Use(severally(t))
				ada := w.tell(attested{source: "hr", name: "a", number: "1", department: "Engineering"})
				w.tell(attested{source: "payroll", name: "p", number: "1"})
				w.work()
				w.want(ada, "Readers")
				w.rules.Use(hold(t))
				w.work()
				w.want(ada, "Readers")
				w.remove("hr", ada)
				w.work()
				w.want(ada, "")
			})
		})
	}
}
