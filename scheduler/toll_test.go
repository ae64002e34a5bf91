package scheduler_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access/accesstest"
	"drawbridge/policy"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

// laboratory has a connector of its own, at which each of three roles gives something.
const laboratory = watched + `
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: lab, owner: { user: iam, deputy: iam2 } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements: [{ id: a, target: A, risk: low }, { id: b, target: B, risk: low }, { id: c, target: C, risk: low }]
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: lab-a, owner: { user: iam, deputy: iam2 } }
spec: { type: birthright, mode: enforce, intent: Some use A., assign: identity.department == "A", grants: [{ connector: lab, entitlement: a }], triggers: [leaver], permanent: { because: It is their work. }, review: { every: 90d } }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: lab-b, owner: { user: iam, deputy: iam2 } }
spec: { type: birthright, mode: enforce, intent: Some use B., assign: identity.department == "B", grants: [{ connector: lab, entitlement: b }], triggers: [leaver], permanent: { because: It is their work. }, review: { every: 90d } }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: lab-c, owner: { user: iam, deputy: iam2 } }
spec: { type: birthright, mode: enforce, intent: Some use C., assign: identity.department == "C", grants: [{ connector: lab, entitlement: c }], triggers: [leaver], permanent: { because: It is their work. }, review: { every: 90d } }
`

// TestExpiryIsHeldBy has the limits of a run hold for all living grants, for those of each
// role and for those at each connector, by how many and by how large a share; and a run that is
// held by one of them do nothing until two people release it. R-BRAKE-1, R-BRAKE-5.
func TestExpiryIsHeldBy(t *testing.T) {
	fifth := policy.Brake{Percent: 20}
	for name, test := range map[string]struct {
		limits policy.Brake
		due    map[string]int // grants that reached their end, by role
		living map[string]int // others, by role
		ended  int            // by somebody, long ago
		held   string         // why; nothing where it is not
	}{
		"nothing":              {fifth, map[string]int{"editor": 2}, map[string]int{"editor": 8}, 0, ""},
		"one at least":         {fifth, map[string]int{"editor": 1}, nil, 0, ""},
		"how many":             {policy.Brake{Count: 4}, map[string]int{"editor": 3, "writer": 2}, map[string]int{"editor": 900}, 0, "5 changes, and the limit is 4 a run"},
		"the share of all":     {fifth, map[string]int{"editor": 15, "writer": 15}, map[string]int{"editor": 35, "writer": 35}, 0, "30 changes of 100, and the limit is 20% a run"},
		"what lives of all":    {fifth, map[string]int{"editor": 3}, map[string]int{"editor": 1}, 1000, "3 changes of 4, and"},
		"the share of a role":  {fifth, map[string]int{"editor": 10}, map[string]int{"editor": 10, "writer": 180}, 0, "role editor: 10 changes of 20, and the limit is 20% a run"},
		"a small role":         {fifth, map[string]int{"editor": 9}, map[string]int{"editor": 10, "writer": 181}, 0, ""},
		"a role that is gone":  {fifth, map[string]int{"former": 20}, map[string]int{"writer": 180}, 0, "role former: 20 changes of 20"},
		"a connector":          {fifth, map[string]int{"lab-a": 7, "lab-b": 7, "lab-c": 6}, map[string]int{"writer": 180}, 0, "connector lab: 20 changes of 20"},
		"a small connector":    {fifth, map[string]int{"lab-a": 7, "lab-b": 6, "lab-c": 6}, map[string]int{"writer": 180}, 0, ""},
		"less of a connector":  {fifth, map[string]int{"lab-a": 7, "lab-b": 7, "lab-c": 6}, map[string]int{"lab-a": 80, "writer": 180}, 0, ""},
		"no share that can be": {policy.Brake{Percent: 100}, map[string]int{"editor": 5}, nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &inspectWorld{}
				w.world = idleWorldOn(t, reads{accesstest.Engine(t), &w.rows, &w.write})
				defer w.stop()
				w.rules.Use(booktest.Compile(t, laboratory))
				many := 0
				for role, n := range test.due {
					w.ended(role, n)
					many += n
				}
				for role, n := range test.living {
					w.granted(role, n, schema.Grant{})
				}
				w.granted("editor", test.ended, schema.Grant{Ended: time.Now(), EndedBy: "token/test"})
				sweep := scheduler.Sweep{Name: "expiry", Limits: test.limits, Run: scheduler.Expiry(w.store, w.rules)}
				run := w.run(sweep)
				if test.held == "" {
					if run.Held != "" || run.Done != many {
						t.Errorf("it came to %+v, want %d done", run, many)
					}
					return
				}
				if !strings.HasPrefix(run.Held, test.held) || run.Done != 0 || run.Found != many {
					t.Fatalf("it came to %+v, want it held: %s", run, test.held)
				}
				w.release("sweep:expiry")
				if run := w.run(sweep); run.Held != "" || run.Done != many {
					t.Errorf("what people released came to %+v, want %d done", run, many)
				}
			})
		})
	}
}

// TestExpiryLooksAtLittle has a run that is within its limits read of many living grants no
// more than decides whether it is. R-SWEEP-1.
func TestExpiryLooksAtLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &inspectWorld{}
		w.world = idleWorldOn(t, reads{accesstest.Engine(t), &w.rows, &w.write})
		defer w.stop()
		w.rules.Use(booktest.Compile(t, laboratory))
		w.granted("editor", 5000, schema.Grant{})
		w.ended("editor", 3)
		w.rows.Store(0)
		run := w.run(scheduler.Sweep{Name: "expiry", Limits: policy.Brake{Count: 50, Percent: 10}, Run: scheduler.Expiry(w.store, w.rules)})
		if rows := w.rows.Load(); run.Done != 3 || rows > 500 {
			t.Errorf("it ended %d, and read %d rows for that: %+v", run.Done, rows, run)
		}
	})
}

// granted makes grants of a role that need no end.
func (w *inspectWorld) granted(role string, n int, like schema.Grant) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return each(n, func(i int) error {
			g := like
			g.Permanent = "it is for good"
			g.ID, g.Identity, g.Role, g.From = fmt.Sprintf("l-%s-%04d-%t", role, i, g.Ended.IsZero()), fmt.Sprintf("q%04d", i), role, tx.Now().Add(-2*time.Hour)
			return store.Grants.Put(tx, g)
		})
	})
}
