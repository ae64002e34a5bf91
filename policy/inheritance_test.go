package policy

import (
	"os"
	"slices"
	"strings"
	"testing"

	"drawbridge/schema"
)

// circles is the base policy where lab a confers b, b confers a and c, and c confers the
// readers of the wiki; d confers itself.
func circles(t *testing.T, more string) (*Book, Findings) {
	t.Helper()
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(base), "    - { id: sales, target: Sales, risk: moderate }", `    - { id: sales, target: Sales, risk: moderate }
    - { id: a, target: A, risk: low, confers: [crm/b] }
    - { id: b, target: B, risk: low, confers: [crm/a, crm/c] }
    - { id: c, target: C, risk: low, confers: [wiki/readers] }
    - { id: d, target: D, risk: low, confers: [crm/d] }`, 1)
	set, found := Load(mapFS{"a.yaml": text, "b.yaml": more}.fs())
	book, also := Compile(set)
	return book, append(found, also...)
}

// TestInheritance proves R-INH-1: what somebody has in effect is what they hold and all
// that comes with it, however far, and circles end.
func TestInheritance(t *testing.T) {
	book, found := circles(t, roles)
	if found.Errors() {
		t.Fatal(found)
	}
	for from, want := range map[string]string{
		"crm/a":        "crm/a crm/b crm/c wiki/readers",
		"crm/b":        "crm/a crm/b crm/c wiki/readers",
		"crm/c":        "crm/c wiki/readers",
		"crm/d":        "crm/d",
		"wiki/editors": "wiki/editors wiki/readers",
		"crm/nothing":  "",
	} {
		var got []string
		for ref := range book.effective(from) {
			got = append(got, ref)
		}
		if words := strings.Join(schema.Sorted(got...), " "); words != want {
			t.Errorf("%s: has in effect %q, want %q", from, words, want)
		}
		for ref := range strings.FieldsSeq("crm/a crm/b crm/c crm/d wiki/readers wiki/editors wiki/admins") {
			has := slices.Contains(got, ref)
			if confers := book.Confers(from, ref); confers != has {
				t.Errorf("%s confers %s: %v, want %v", from, ref, confers, has)
			}
			way := book.path([]string{from}, ref)
			if (len(way) > 0) != has && from != "crm/nothing" {
				t.Errorf("the way from %s to %s is %v", from, ref, way)
			}
			for i := 1; i < len(way); i++ {
				if e, _ := book.byRef(way[i-1]); !slices.Contains(e.Confers, way[i]) {
					t.Errorf("the way from %s to %s is %v, of which one step confers not the next", from, ref, way)
				}
			}
		}
	}
}

// TestSeparationShowsTheWay proves R-INH-2: a role that breaks a constraint by what its
// entitlements confer is refused, and what would break one is kept from whoever holds the
// other side, with the way from one to the other.
func TestSeparationShowsTheWay(t *testing.T) {
	const constraint = `
---
apiVersion: drawbridge/v1
kind: Constraint
metadata: { name: read-and-sell, owner: { user: ann@example.org, deputy: bob@example.org } }
spec: { type: separation-of-duties, risk: high, rationale: Who sells does not proof-read., conflict: [[crm/c], [crm/sales]] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: both, owner: { user: ann@example.org, deputy: bob@example.org } }
spec:
  type: birthright
  mode: enforce
  intent: Look after customers.
  assign: identity.userType == "employee" && identity.department == "Sales"
  grants: [{ connector: crm, entitlement: sales }GIVES]
  triggers: [leaver]
  permanent: { because: "It follows the department." }
  review: { every: 365d }
`
	_, found := circles(t, roles+strings.Replace(constraint, "GIVES", ", { connector: crm, entitlement: a }", 1))
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Code == CodeSOD })
	if i < 0 {
		t.Fatalf("got %v, want %s", found, CodeSOD)
	}
	const want = `role "both" by itself breaks "read-and-sell": it gives crm/c through crm/a and crm/b, and crm/sales`
	if got := found[i].Message; got != want {
		t.Errorf("refused with %q, want %q", got, want)
	}

	book, found := circles(t, roles+strings.Replace(constraint, "GIVES", "", 1))
	if found.Errors() {
		t.Fatal(found)
	}
	role, _ := book.Role("both")
	for held, want := range map[string]string{
		"crm/a":        "crm/c, which is held through crm/a and crm/b; and crm/sales by role both",
		"crm/c":        "crm/c, which is held; and crm/sales by role both",
		"wiki/readers": "",
	} {
		got := ""
		for _, b := range book.Breaches(Facts{Identity: person("")}, []string{held}, role, noon) {
			got = b.Reason
		}
		if got != want {
			t.Errorf("who holds %s breaks %q, want %q", held, got, want)
		}
	}
}
