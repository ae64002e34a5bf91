package access_test

import (
	"testing"

	"drawbridge/access"
	"drawbridge/schema"

	"github.com/google/go-cmp/cmp"
)

// TestRoleCoverage counts, of what a role gives, who was observed to have it: by the role, by
// others alone, and by nothing; and whom the role reaches. R-READY-4.
func TestRoleCoverage(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.admit(person{name: "bob", department: "Sales"}) // who reads, too, and not as an engineer
		ada, eve := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "eve", department: "Engineering"})
		w.targets["wiki"]["r-"+eve] = schema.Account{RemoteID: "r-" + eve, Active: true, Entitlements: []string{"Editors"}} // of before
		w.publish(book(t, "grants: [{ connector: crm, entitlement: sales }]", "grants: [{ connector: wiki, entitlement: readers }]"))
		w.work()
		w.grant(ada, "editor")
		w.work()
		of := map[string]*access.RoleCoverage{}
		for _, one := range w.ready().Roles {
			of[one.Name] = one.Coverage
		}
		want := map[string]*access.RoleCoverage{
			"engineer": {Holders: 2, Matches: 2, Entitlements: []access.EntitlementCoverage{{Entitlement: "wiki/readers", Observed: 3, ByRole: 2, ByOthers: 1}}},
			"editor":   {Holders: 1, Eligible: 1, Entitlements: []access.EntitlementCoverage{{Entitlement: "wiki/editors", Observed: 2, ByRole: 1, Unexplained: 1}}},
		}
		for name, c := range want {
			if diff := cmp.Diff(c, of[name]); diff != "" {
				t.Errorf("role %s (-want +got):\n%s", name, diff)
			}
		}
	})
}
