package access_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drawbridge/access"
	"drawbridge/policy"
)

func (w *world) plan(to *policy.Book) access.Plan {
	w.t.Helper()
	p, err := access.PlanPolicy(w.t.Context(), w.store, w.rules.Book(), to)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestPlan proves R-PLAN-1, R-PLAN-5.
func TestPlan(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.admit(person{name: "bob", department: "Sales"})
		w.admit(person{name: "eve"})
		if p := w.plan(w.rules.Book()); p.Grants != 2 || p.Pending != 2 || p.Undecided == 0 {
			t.Errorf("before anybody was looked at: %+v; want two grants, both pending", p)
		}
		w.work()
		if p := w.plan(w.rules.Book()); p.Grants+p.Revocations+p.Remodes+p.Holds != 0 || p.Held != 2 || p.Identities != 3 {
			t.Errorf("the policy in force changes %+v; want nothing", p)
		}
		next := book(t,
			"identity.department == \"Engineering\"\n  grants: [{ connector: wiki, entitlement: readers }]", "identity.department == \"Sales\"\n  grants: [{ connector: wiki, entitlement: readers }]",
			"name: crm,", "name: sales-crm,", "connector: crm,", "connector: sales-crm,",
			"  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 1 } }\n  identity:")
		p := w.plan(next)
		type line struct {
			Change               access.PlanChange
			UserName, Ref, Roles string
		}
		var got []line
		for _, l := range p.Lines {
			if l.Change != access.PlanOpen {
				got = append(got, line{l.Change, l.UserName, l.Connector + "/" + l.Entitlement, l.Roles[0]})
			}
		}
		want := []line{
			{access.PlanRevoke, "ada", "wiki/readers", "engineer"},
			{access.PlanRevoke, "bob", "crm/sales", "seller"},
			{access.PlanGrant, "bob", "sales-crm/sales", "seller"},
			{access.PlanGrant, "bob", "wiki/readers", "engineer"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the plan's lines (-want +got):\n%s", diff)
		}
		if p.Affected != 2 || p.Pending != 0 || p.Suppressed != 2 {
			t.Errorf("%d affected, %d pending, %d suppressed; want 2, 0 and 2", p.Affected, p.Pending, p.Suppressed)
		}
		if len(p.Brakes) != 1 || p.Brakes[0].Lines != 1 || p.Brakes[0].Exceeded {
			t.Errorf("brakes %+v; want that the one enforced revocation is within one", p.Brakes)
		}
		w.want(ada, "Readers")
		w.publish(next)
		w.work()
		if p := w.plan(next); p.Grants+p.Revocations+p.Remodes != 0 {
			t.Errorf("after it was put in force it still changes %+v", p.Totals)
		}
	})
}

// TestPlanSaysWhatComesAlong plans a policy by which somebody gets, and another loses, what brings
// something else along: each line says what, and how far each role reaches. R-PLAN-1, R-INH-2.
func TestPlanSaysWhatComesAlong(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		conferring := []string{
			"{ id: readers, target: Readers, risk: low }", "{ id: readers, target: Readers, risk: low, confers: [crm/sales] }",
			"{ id: admins, target: Admins, risk: high }", "{ id: admins, target: Admins, risk: high, confers: [wiki/readers] }",
		}
		w.publish(book(t, conferring...))
		w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		p := w.plan(book(t, append(conferring, `identity.department == "Engineering"`+"\n  grants: [{ connector: wiki, entitlement: readers }]",
			`identity.department == "Research"`+"\n  grants: [{ connector: wiki, entitlement: readers }]", `department == "Operations"`, `department == "Engineering"`)...))
		var lines, totals []string
		for _, l := range p.Lines {
			lines = append(lines, string(l.Change)+" "+l.What())
		}
		for _, t := range p.Totals {
			totals = append(totals, string(t.Change)+" "+t.What())
		}
		want := []string{"grant wiki/admins (→ crm/sales, wiki/readers)", "revoke wiki/readers (→ crm/sales)"}
		if !slices.Equal(lines, want) || !slices.Equal(totals, want) {
			t.Errorf("it says %q, and together %q; want %q", lines, totals, want)
		}
		for _, r := range p.Roles {
			if gains := r.Role == "admin"; r.Identities != 1 || r.Share != 100 || (r.Grants == 1) != gains || (r.Revocations == 1) == gains {
				t.Errorf("role %s: %+v", r.Role, r)
			}
		}
		if len(p.Roles) != 2 {
			t.Errorf("%d roles change something, want 2", len(p.Roles))
		}
	})
}

// TestPlanKeepsWhatReconcileKeeps has a role refused by the next policy: what is
// held stays, and the plan says so. R-READY-1.
func TestPlanKeepsWhatReconcileKeeps(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		next := refusing(t)
		p := w.plan(next)
		if p.Holds != 1 || p.Revocations != 0 || len(p.Refused) != 1 || !p.Refused[0].News {
			t.Errorf("%+v; want one line held and one role refused", p)
		}
		w.publish(next)
		w.work()
		w.want(ada, "Readers")
		if p := w.plan(next); p.Holds != 1 {
			t.Errorf("%d held after it was put in force, want 1", p.Holds)
		}
	})
}

// refusing is a policy that refuses the role engineer, which nobody owns.
func refusing(t testing.TB) *policy.Book {
	t.Helper()
	b := refused(t, "metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }", "metadata: { name: engineer }")
	if len(b.Refused()) != 1 {
		t.Fatal("the role is not refused")
	}
	return b
}

// R-BRAKE-2: a role whose rule matches more of all than the policy thinks any should.
func TestPlanNamesBroadRoles(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		for _, name := range []string{"ada", "bob", "eve"} {
			w.admit(person{name: name, department: "Engineering"})
		}
		w.admit(person{name: "sam", department: "Sales"})
		w.work()
		for limit, want := range map[string]int{"70": 1, "75": 0} {
			p := w.plan(book(t, "  mode: enforce\n  identity:", "  mode: enforce\n  limits: { roleMatchPercent: "+limit+" }\n  identity:"))
			if len(p.Brakes) != want || want > 0 && (p.Brakes[0].Role != "engineer" || p.Brakes[0].Lines != 3 || !p.Brakes[0].Exceeded) {
				t.Errorf("at %s%%: %+v", limit, p.Brakes)
			}
		}
	})
}
