package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/schema"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// roles are what the evaluation tests are about, on top of the base.
const roles = `
apiVersion: drawbridge/v1
kind: Role
metadata: { name: base, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: birthright
  mode: enforce
  intent: For everyone employed.
  assign: identity.userType == "employee"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: "It ends with employment." }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: editor, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: requestable
  mode: propose
  intent: For who asks.
  eligible: identity.userType == "employee" && identity.department == "Docs"
  approval: manager
  grants:
    - { connector: wiki, entitlement: readers }
    - { connector: wiki, entitlement: editors }
    - { connector: crm, entitlement: sales }
  duration: { default: 30d, max: 90d }
  triggers: [leaver, unused]
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: robot, owner: { user: a@example.org, deputy: b@example.org } }
spec:
  type: nhi
  mode: enforce
  intent: For one machine.
  assign: identity.kind == "workload" && workload.repo == "acme/robot"
  grants: [{ connector: wiki, entitlement: editors }]
  triggers: [workload]
  permanent: { because: "It ends with the workload." }
  nhi: { interactiveLogin: deny }
  review: { every: 365d }
`

func bookOf(t testing.TB, documents string) *Book {
	t.Helper()
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, n := mapFS{"base.yaml": string(base)}, 0
	for some := range slices.Chunk(strings.Split(documents, "\n---\n"), 1000) { // a file is bounded
		files[fmt.Sprintf("roles%d.yaml", n)] = strings.Join(some, "\n---\n")
		n++
	}
	set, found := Load(files.fs())
	book, more := Compile(set)
	for _, f := range append(found, more...) {
		if f.Code != CodeUntested && f.Code != CodeOverlap {
			t.Fatal(f)
		}
	}
	return book
}

// person returns an identity of the source hr, with more members of its record.
func person(more string) schema.Identity {
	return schema.Identity{
		ID: "u1", Source: "hr", Kind: schema.Human, UserName: "ann", Active: true,
		Resource: json.RawMessage(`{"userName":"ann"` + more + `}`),
	}
}

const (
	employee = `,"userType":"employee"`
	docs     = `,"userType":"employee","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Docs"}`
)

func own(fields string) string {
	return `,"urn:drawbridge:scim:schemas:extension:2.0:User":{` + fields + `}`
}

func granted(from, until time.Duration, change ...func(*schema.Grant)) []schema.Grant {
	g := schema.Grant{ID: "g1", Identity: "u1", Role: "editor", From: noon.Add(from), Until: noon.Add(until)}
	for _, c := range change {
		c(&g)
	}
	return []schema.Grant{g}
}

// TestEvaluate proves R-ENG-3, R-ENG-4, R-REV-1.
func TestEvaluate(t *testing.T) {
	book := bookOf(t, roles)
	deleted := person(docs)
	deleted.Deleted = noon.Add(-time.Hour)
	inactive := person(docs)
	inactive.Active = false
	robot := person(own(`"repo":"acme/robot","state":"running","lastSeen":"2026-11-23T11:00:00Z"`))
	robot.Kind = schema.Workload
	lost := person(own(`"repo":"acme/robot","state":"running","lastSeen":"2026-11-19T11:00:00Z"`))
	lost.Kind = schema.Workload
	stone := []schema.Tombstone{{Identity: "u1", Role: "base"}, {Identity: "u1", Role: "editor"}}
	for _, test := range []struct {
		name  string
		facts Facts
		want  string   // role=outcome of those that are not not-eligible
		lines []string // ref mode because
		keep  []string
		fired []string
	}{
		{"employee", Facts{Identity: person(employee)}, "base=assigned editor=indeterminate",
			[]string{"wiki/readers enforce role/base"}, nil, nil},
		{"may ask", Facts{Identity: person(docs)}, "base=assigned editor=eligible",
			[]string{"wiki/readers enforce role/base"}, nil, nil},
		{"unknown is not false", Facts{Identity: person("")}, "base=indeterminate editor=indeterminate", nil, []string{"base"}, nil},
		{"granted", Facts{Identity: person(docs), Grants: granted(-time.Hour, time.Hour)}, "base=assigned editor=assigned",
			[]string{
				"crm/sales observe grant/g1 role/editor", "wiki/editors propose grant/g1 role/editor",
				"wiki/readers enforce grant/g1 role/base role/editor",
			}, nil, nil},
		{"not yet", Facts{Identity: person(docs), Grants: granted(time.Hour, 2*time.Hour)}, "base=assigned editor=eligible",
			[]string{"wiki/readers enforce role/base"}, nil, nil},
		{"expired this instant", Facts{Identity: person(docs), Grants: granted(-time.Hour, 0)}, "base=assigned editor=eligible",
			[]string{"wiki/readers enforce role/base"}, nil, nil},
		{"ended early", Facts{Identity: person(docs), Grants: granted(-time.Hour, time.Hour, func(g *schema.Grant) { g.Ended = noon.Add(-time.Minute) })},
			"base=assigned editor=eligible", []string{"wiki/readers enforce role/base"}, nil, nil},
		{"granted and no longer eligible", Facts{Identity: person(employee + `,"department":"Sales"`), Grants: granted(-time.Hour, time.Hour)},
			"base=assigned", []string{"wiki/readers enforce role/base"}, nil, nil},
		{"granted and eligibility unknown", Facts{Identity: person(employee), Grants: granted(-time.Hour, time.Hour)},
			"base=assigned editor=indeterminate", []string{"wiki/readers enforce role/base"}, []string{"editor"}, nil},
		{"expired and eligibility unknown", Facts{Identity: person(employee), Grants: granted(-time.Hour, 0)},
			"base=assigned editor=indeterminate", []string{"wiki/readers enforce role/base"}, nil, nil},
		{"ended by date", Facts{Identity: person(docs + own(`"endDate":"2026-11-23T12:00:00Z"`)), Grants: granted(-time.Hour, time.Hour)},
			"base=withdrawn editor=withdrawn", nil, nil, []string{"base leaver/ended revoke", "editor leaver/ended revoke g1"}},
		{"ended, and the rest unknown", Facts{Identity: person(own(`"employmentStatus":"terminated"`))},
			"base=withdrawn editor=withdrawn", nil, nil, []string{"base leaver/ended revoke"}},
		{"disabled", Facts{Identity: inactive, Grants: granted(-time.Hour, time.Hour)}, "base=suspended editor=suspended", nil, nil,
			[]string{"base leaver/paused suspend", "editor leaver/paused suspend"}},
		{"deleted", Facts{Identity: deleted, Grants: granted(-time.Hour, time.Hour)}, "base=withdrawn editor=withdrawn", nil, nil,
			[]string{"base leaver/ended revoke", "base leaver/paused suspend", "editor leaver/ended revoke g1", "editor leaver/paused suspend"}},
		{"unused within its grace", Facts{Identity: person(docs), Grants: granted(-300*time.Hour, time.Hour, used(-11*day))},
			"base=assigned editor=assigned", []string{
				"crm/sales observe grant/g1 role/editor", "wiki/editors propose grant/g1 role/editor",
				"wiki/readers enforce grant/g1 role/base role/editor",
			}, nil, nil},
		{"unused beyond its grace", Facts{Identity: person(docs), Grants: granted(-300*time.Hour, time.Hour, used(-12*day-1))},
			"base=assigned editor=withdrawn", []string{"wiki/readers enforce role/base"}, nil, []string{"editor unused/idle revoke g1"}},
		{"buried", Facts{Identity: person(docs), Tombstones: stone, Grants: granted(-time.Hour, time.Hour)}, "base=buried editor=buried", nil, nil, nil},
		{"buried and unknown", Facts{Identity: person(""), Tombstones: stone}, "base=buried editor=indeterminate", nil, nil, nil},
		{"buried may ask again", Facts{Identity: person(docs), Tombstones: stone}, "base=buried editor=eligible", nil, nil, nil},
		{"machine", Facts{Identity: robot, Owner: schema.Present}, "base=indeterminate editor=indeterminate robot=assigned",
			[]string{"wiki/editors enforce role/robot"}, []string{"base"}, nil},
		{"machine not seen", Facts{Identity: lost, Owner: schema.Present}, "base=indeterminate editor=indeterminate robot=withdrawn", nil, []string{"base"},
			[]string{"robot workload/gone revoke"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := book.Evaluate(test.facts, noon)
			compare(t, got, test.want, test.lines, test.keep, test.fired)
			if again := book.Evaluate(test.facts, noon); !cmp.Equal(got, again) {
				t.Errorf("the same facts gave another answer: %s", cmp.Diff(got, again))
			}
		})
	}
}

func used(ago time.Duration) func(*schema.Grant) {
	return func(g *schema.Grant) { g.LastUsed = noon.Add(ago) }
}

func compare(t *testing.T, got Access, outcomes string, lines, keep, fired []string) {
	t.Helper()
	var gotOutcomes, gotLines, gotFired []string
	for _, v := range got.Verdicts {
		if v.Reason == "" {
			t.Errorf("role %s is %s for no reason", v.Role, v.Outcome)
		}
		if v.Outcome != NotEligible {
			gotOutcomes = append(gotOutcomes, v.Role+"="+string(v.Outcome))
		}
	}
	for _, a := range got.Assignments {
		gotLines = append(gotLines, fmt.Sprint(a.Ref(), " ", a.Mode, " ", strings.Join(a.Because, " ")))
	}
	for _, f := range got.Fired {
		gotFired = append(gotFired, strings.TrimSpace(strings.Join([]string{f.Role, f.Trigger, f.Action, f.Grant}, " ")))
	}
	if s := strings.Join(gotOutcomes, " "); s != outcomes {
		t.Errorf("outcomes: got %s, want %s", s, outcomes)
	}
	if !slices.Equal(gotLines, lines) {
		t.Errorf("assignments: got %q, want %q", gotLines, lines)
	}
	if !slices.Equal(got.Keep, keep) {
		t.Errorf("keep: got %v, want %v", got.Keep, keep)
	}
	if !slices.Equal(gotFired, fired) {
		t.Errorf("fired: got %q, want %q", gotFired, fired)
	}
}

// TestQuarantineKeepsAndGivesNothing proves R-OWN-2.
func TestQuarantineKeepsAndGivesNothing(t *testing.T) {
	sound := bookOf(t, roles)
	book := sound.With(map[string]string{"base": "its owner left", "editor": "its owner left"})
	if got, want := book.Digest(), sound.Digest(); got != want {
		t.Errorf("digest: got %s, want %s: quarantine is no other policy", got, want)
	}
	ended := person(docs + own(`"employmentStatus":"ended"`))
	for _, test := range []struct {
		name  string
		facts Facts
		want  string
		keep  []string
		fired []string
	}{
		{"qualifies", Facts{Identity: person(docs)}, "base=quarantined editor=quarantined", []string{"base"}, nil},
		{"no longer qualifies", Facts{Identity: person(`,"userType":"other"`)}, "base=quarantined editor=quarantined", []string{"base"}, nil},
		{"granted", Facts{Identity: person(docs), Grants: granted(-1, 1)}, "base=quarantined editor=quarantined", []string{"base", "editor"}, nil},
		{"expired", Facts{Identity: person(docs), Grants: granted(-2, -1)}, "base=quarantined editor=quarantined", []string{"base"}, nil},
		{"leaver", Facts{Identity: ended}, "base=withdrawn editor=withdrawn", nil, []string{"base leaver/ended revoke"}},
		{"taken away by hand", Facts{Identity: person(`,"userType":"other"`), Tombstones: []schema.Tombstone{{Role: "base"}}}, "editor=quarantined", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			compare(t, book.Evaluate(test.facts, noon), test.want, nil, test.keep, test.fired)
		})
	}
}

// TestFailClosed takes the source's authority over employment away: then nothing
// is known of it, and only the trigger that fails closed fires. R-ENG-3.
func TestFailClosed(t *testing.T) {
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, authority, want string }{
		{"nothing of employment is known", `["userType", "department"]`, "base=withdrawn editor=withdrawn"},
		{"it is known to be active", `["userType", "department", "active"]`, "base=assigned editor=eligible"},
		{"what the source says of employment", `["userType", "department", "employment"]`, "base=assigned editor=eligible"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(string(base), `["*"]`, test.authority, 1)
			set, _ := Load(mapFS{"base.yaml": text, "roles.yaml": roles}.fs())
			book, _ := Compile(set)
			var got []string
			for _, v := range book.Evaluate(Facts{Identity: person(docs)}, noon).Verdicts {
				if v.Role != "robot" {
					got = append(got, v.Role+"="+string(v.Outcome))
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
}

// TestVerdictSaysWhy proves R-LOG-2.
func TestVerdictSaysWhy(t *testing.T) {
	book := bookOf(t, roles)
	verdict := func(f Facts, role string) Verdict {
		for _, v := range book.Evaluate(f, noon).Verdicts {
			if v.Role == role {
				return v
			}
		}
		t.Fatal("no verdict for", role)
		return Verdict{}
	}
	got := verdict(Facts{Identity: person(employee)}, "editor")
	want := Verdict{
		Role: "editor", Type: schema.Requestable, Outcome: Indeterminate, Mode: schema.Propose,
		Missing: []string{"identity.department"}, Inputs: map[string]any{"identity.userType": "employee"},
		Reason: "nobody supplied identity.department",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = verdict(Facts{Identity: person(docs), Grants: granted(-1, 1)}, "editor")
	if got.Grant != "g1" || got.Outcome != Assigned {
		t.Errorf("got %+v, want it to rest on g1", got)
	}
	got = verdict(Facts{Identity: person(docs + own(`"employmentStatus":"leave"`))}, "base")
	if got.Trigger != "leaver/paused" || got.Outcome != Suspended {
		t.Errorf("got %+v, want it suspended by leaver/paused", got)
	}
}

func TestNextIsWhenTimeAloneMatters(t *testing.T) {
	book := bookOf(t, roles)
	end := noon.Add(40 * time.Hour)
	for _, test := range []struct {
		name  string
		facts Facts
		want  time.Time
	}{
		{"nothing to come", Facts{Identity: person(docs)}, time.Time{}},
		{"a grant ends", Facts{Identity: person(docs), Grants: granted(-time.Hour, time.Hour)}, noon.Add(time.Hour)},
		{"a grant begins", Facts{Identity: person(docs), Grants: granted(time.Hour, 9*time.Hour)}, noon.Add(time.Hour)},
		{"a grant that ended does not matter", Facts{Identity: person(docs), Grants: granted(-time.Hour, time.Hour, func(g *schema.Grant) { g.Ended = noon })}, time.Time{}},
		{"employment ends", Facts{Identity: person(docs + own(`"endDate":"`+end.Format(time.RFC3339)+`"`))}, end},
		{"a grant falls out of use, and its grace ends", Facts{Identity: person(docs), Grants: granted(-300*time.Hour, 900*time.Hour, used(-11*day))}, noon.Add(day + 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := book.Evaluate(test.facts, noon).Next
			if !got.Equal(test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
			if got.IsZero() {
				return
			}
			before := book.Evaluate(test.facts, got.Add(-1))
			then := book.Evaluate(test.facts, got)
			if cmp.Equal(before.Assignments, then.Assignments) && cmp.Equal(before.Fired, then.Fired) {
				t.Error("nothing changes then")
			}
		})
	}
}
