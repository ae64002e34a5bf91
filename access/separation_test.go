package access_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// separated is the policy where nobody may both read and write the wiki, which writers
// get through their group and admins have with their own entitlement.
const separation = `
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: read-vs-write, owner: { user: boss@example.com, deputy: boss2@example.com } }
spec: { type: separation-of-duties, rationale: Whoever writes does not proof-read., conflict: [[wiki/readers], [wiki/writers]], enforcement: ENFORCE, mitigations: [a third one reads it] }
`

func separated(t testing.TB, enforcement string) *policy.Book {
	t.Helper()
	return book(t, "\n---\napiVersion: drawbridge/v1\nkind: Connector\nmetadata: { name: crm,",
		strings.Replace(separation, "ENFORCE", enforcement, 1)+"---\napiVersion: drawbridge/v1\nkind: Connector\nmetadata: { name: crm,",
		"{ id: admins, target: Admins, risk: high }", "{ id: admins, target: Admins, risk: high, confers: [wiki/writers] }")
}

// join puts people into the group of writers.
func (w *world) writers() (in func(id string, in bool)) {
	var group schema.Group
	w.update(func(tx store.Tx) (err error) {
		group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
		return err
	})
	return func(id string, in bool) {
		w.t.Helper()
		move := access.Leave
		if in {
			move = access.Join
		}
		w.update(func(tx store.Tx) error {
			_, err := move(tx, w.hr(), schema.Member{Group: group.ID, Member: id})
			return err
		})
		w.work()
	}
}

// TestRulesDoNotBreakConstraints has a rule match that would break a separation of
// duties: who holds one side does not get the other, which is logged, and gets it when that
// ended. R-INH-2, R-LOG-1.
func TestRulesDoNotBreakConstraints(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		writers := w.writers()
		w.publish(separated(t, "prevent"))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.want(ada, "Readers")
		writers(ada, true)
		w.want(ada, "Readers")
		if got := w.verbs(ada); got[len(got)-1] != schema.Denied {
			t.Errorf("decisions %v, want that the last is the denial", got)
		}
		if got := w.findings("blocked"); len(got) != 1 || got[0] != ada {
			t.Errorf("findings about %v, want ada", got)
		}
		p := w.plan(w.rules.Book())
		if p.Blocked != 1 || p.Grants+p.Revocations+p.Remodes > 0 {
			t.Errorf("%d blocked, and %+v; want the one, and nothing to change", p.Blocked, p.Totals)
		}
		const why = "constraint read-vs-write: wiki/readers, which is held; and wiki/writers by role writer"
		if last := p.Lines[len(p.Lines)-1]; last.Change != access.PlanBlock || last.Reason != why {
			t.Errorf("the plan says %q, want %q", last.Reason, why)
		}
		w.view(func(r store.Reader) error {
			e, err := access.Explain(r, w.rules, ada, "wiki/writers")
			for _, role := range e.Roles {
				if role.Role == "writer" && (role.Outcome != policy.Blocked || role.Reason != why) {
					t.Errorf("explained as %s: %s", role.Outcome, role.Reason)
				}
			}
			return err
		})
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		w.want(ada, "Writers")
		if open := append(w.findings("blocked"), w.findings("separation")...); len(open) > 0 {
			t.Errorf("findings about %v stay open", open)
		}
		w.admit(person{id: ada, name: "ada", department: "Operations"}) // whose entitlement brings the other side along, not both
		w.work()
		w.want(ada, "Admins Writers")
	})
}

// TestHeldTogetherIsSaid has two sides of a constraint held before there is one, and by
// a constraint that only detects: nothing is taken away, and it is found. R-INH-2.
func TestHeldTogetherIsSaid(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		writers := w.writers()
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.publish(w.rules.Book())
		writers(ada, true)
		w.want(ada, "Readers Writers")
		w.publish(separated(t, "prevent"))
		w.work()
		w.want(ada, "Readers Writers")
		if got := w.findings("separation"); len(got) != 1 || got[0] != ada {
			t.Errorf("findings about %v, want ada", got)
		}
		if got := w.reasons("separation"); len(got) != 1 || !strings.HasSuffix(got[0], "; meanwhile: a third one reads it") {
			t.Errorf("it says %q", got)
		}
		writers(ada, false)
		w.want(ada, "Readers")
		if open := w.findings("separation"); len(open) > 0 {
			t.Errorf("findings about %v stay open", open)
		}
		writers(ada, true)
		w.want(ada, "Readers")
		w.publish(separated(t, "detect"))
		w.work()
		w.want(ada, "Readers Writers")
		if got := w.findings("separation"); len(got) != 1 {
			t.Errorf("findings about %v, want ada", got)
		}
	})
}

// TestExceptionLetsARulePass has an exception allow what a rule would give, and end.
func TestExceptionLetsARulePass(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		writers := w.writers()
		w.publish(separated(t, "prevent"))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		boss := w.admit(person{name: "boss", department: "Sales"})
		w.work()
		writers(ada, true)
		w.want(ada, "Readers")
		var e schema.Exception
		w.update(func(tx store.Tx) (err error) {
			e, err = access.Except(tx, w.rules.Book(), access.Excepting{
				Constraint: "read-vs-write", Identity: ada, Reason: "alone in the office", Compensating: []string{"a review"},
				Expires: time.Now().Add(48 * time.Hour), By: access.Decider{Actor: "token/ada", Identity: ada, Auth: "token"},
			})
			return err
		})
		w.update(func(tx store.Tx) error {
			_, err := access.DecideException(tx, w.rules.Book(), access.Choice{
				Request: e.ID, By: access.Decider{Actor: "token/boss", Identity: boss, Auth: "token"}, Reason: "until December",
			}, true)
			return err
		})
		w.work()
		w.want(ada, "Readers Writers")
		w.view(func(r store.Reader) error {
			line, err := store.Assignments.Get(r, ada, "wiki", "writers")
			if !strings.Contains(strings.Join(line.Because, " "), "exception/"+e.ID) {
				t.Errorf("it rests on %v, want the exception among them", line.Because)
			}
			return err
		})
		p := w.plan(w.rules.Book())
		if p.Grants+p.Revocations+p.Remodes+p.Blocked > 0 || p.Coverage.ByException != 1 || p.Coverage.ByRoles != 1 {
			t.Errorf("while it holds: %+v, %+v", p.Totals, p.Coverage)
		}
		time.Sleep(49 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(ada, "Readers")
	})
}
