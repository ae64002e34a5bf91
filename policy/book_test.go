package policy

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/schema"
)

// mapFS is a folder written out in a test.
type mapFS map[string]string

func (m mapFS) fs() fs.FS {
	all := fstest.MapFS{}
	for name, text := range m {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// TestDigestIsOfWhatIsSaid proves R-PUB-1.
func TestDigestIsOfWhatIsSaid(t *testing.T) {
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	of := func(files mapFS) string {
		set, _ := Load(files.fs())
		book, _ := Compile(set)
		return book.Digest()
	}
	plain := of(mapFS{"a.yaml": string(base), "b.yaml": roles})
	documents := strings.Split(roles, "\n---\n")
	test := "apiVersion: drawbridge/v1\nkind: Test\nmetadata: { name: t }\nspec: { now: 2026-11-23T09:00:00Z, expect: { notAssigned: [base] } }\n"
	for _, row := range []struct {
		name  string
		files mapFS
		same  bool
	}{
		{"comments and spaces", mapFS{"a.yaml": "# a comment\n" + string(base), "b.yaml": strings.ReplaceAll(roles, ": enforce", ":   enforce # really")}, true},
		{"order and file names", mapFS{"z/roles.yml": documents[2] + "\n---\n" + documents[0], "y.yaml": documents[1], "x.yaml": string(base)}, true},
		{"a test", mapFS{"a.yaml": string(base), "b.yaml": roles, "t.yaml": test}, true},
		{"a rule", mapFS{"a.yaml": string(base), "b.yaml": strings.Replace(roles, "Docs", "Dogs", 1)}, false},
		{"an owner", mapFS{"a.yaml": strings.Replace(string(base), "hr2@", "hr3@", 1), "b.yaml": roles}, false},
		{"a role less", mapFS{"a.yaml": string(base), "b.yaml": documents[0]}, false},
	} {
		if got := of(row.files) == plain; got != row.same {
			t.Errorf("%s: same digest %v, want %v", row.name, got, row.same)
		}
	}
}

// TestMode proves R-MODE-1, R-MODE-3.
func TestMode(t *testing.T) {
	book := bookOf(t, roles)
	for _, test := range []struct {
		role, connector string
		want            schema.Mode
	}{
		{"base", "wiki", schema.Enforce},
		{"", "wiki", schema.Enforce},
		{"editor", "wiki", schema.Propose},
		{"base", "crm", schema.Observe},
		{"base", "", schema.Enforce},
		{"base", "nowhere", schema.Observe},
		{"nobody", "wiki", schema.Observe},
	} {
		if got := book.Mode(test.role, test.connector); got != test.want {
			t.Errorf("mode of %q at %q: got %s, want %s", test.role, test.connector, got, test.want)
		}
	}
}

func TestAConnectorOrSetWithAnErrorObserves(t *testing.T) {
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new string }{
		{"connector", "  authority: exclusive", "  sole: exclusive"},
		{"policy set", "    revokesPerRun:", "    revokePerRun:"},
	} {
		set, found := Load(mapFS{"a.yaml": strings.Replace(string(base), test.old, test.new, 1), "b.yaml": roles}.fs())
		book, _ := Compile(set)
		if !found.Errors() {
			t.Fatalf("%s: got no error", test.name)
		}
		if got := book.Mode("base", "wiki"); got != schema.Observe {
			t.Errorf("%s: got mode %s, want observe", test.name, got)
		}
	}
}

func TestASourceWithAnErrorIsNotApproved(t *testing.T) {
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, _ := Load(mapFS{"a.yaml": strings.Replace(string(base), "user: hr@example.org, ", "", 1)}.fs())
	book, found := Compile(set)
	if _, ok := book.Source("hr"); ok || !found.Errors() {
		t.Errorf("got a source nobody owns, with findings %v", found)
	}
}

// authorities are a second source beside hr, which claims everything else.
const authorities = `
apiVersion: drawbridge/v1
kind: Source
metadata: { name: directory, owner: { user: a@example.org, deputy: b@example.org } }
spec: { protocol: scim, trust: contributing, authoritativeFor: [groups, department], scope: 'identity.kind in ["human", "guest"]' }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: watcher, owner: { user: a@example.org, deputy: b@example.org } }
spec: { protocol: scim, trust: observed, authoritativeFor: ["*"] }
`

func TestAuthority(t *testing.T) {
	book := bookOf(t, authorities)
	for _, test := range []struct {
		source, attribute string
		want              bool
	}{
		{"hr", "userType", true},         // by "*"
		{"hr", "endDate", true},          // as employment
		{"hr", "groups", false},          // another source claims it by name
		{"directory", "groups", true},    // by name
		{"directory", "userType", false}, // not claimed
		{"directory", "department", false},
		{"directory", "externalId", true}, // its own
		{"watcher", "userType", false},    // only observed
		{"nobody", "userType", false},
	} {
		if got := book.Authority(test.source, test.attribute); got != test.want {
			t.Errorf("authority of %s over %s: got %v, want %v", test.source, test.attribute, got, test.want)
		}
	}
}

// TestNobodyIsSilencedByWhoSaysNothing: what an observed source claims by name, or one of
// signals, which tells of nobody, stays with whom it was with; or who left would be found
// out no more.
func TestNobodyIsSilencedByWhoSaysNothing(t *testing.T) {
	book := bookOf(t, `
apiVersion: drawbridge/v1
kind: Source
metadata: { name: watcher, owner: { user: a@example.org, deputy: b@example.org } }
spec: { protocol: scim, trust: observed, authoritativeFor: [active, employment, userType] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: desk, owner: { user: a@example.org, deputy: b@example.org } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [workload] }
`)
	for _, attribute := range []string{"active", "employment", "endDate", "userType", "workload"} {
		if !book.Authority("hr", attribute) {
			t.Errorf("hr has authority over everything that nobody else claims, and not over %s", attribute)
		}
	}
	said := book.Attributes(person(employee+`,"urn:drawbridge:scim:schemas:extension:2.0:User":{"employmentStatus":"terminated"}`), nil).Values()
	if said["identity.employment.status"] != "terminated" || said["identity.userType"] != "employee" {
		t.Errorf("of who left, rules read %v", said)
	}
}

// TestObservesWhereNobodySaysOtherwise takes the mode out of the policy set, of a connector and of a
// role, each by itself: then nothing of it is written. R-MODE-1.
func TestObservesWhereNobodySaysOtherwise(t *testing.T) {
	const mode = "  mode: enforce\n"
	base := baseText(t)
	set, connector := strings.Index(base, mode), strings.LastIndex(base, mode)
	without := func(text string, at int) string { return text[:at] + text[at+len(mode):] }
	for name, files := range map[string]mapFS{
		"the policy set": {"base.yaml": without(base, set), "roles.yaml": roles},
		"the connector":  {"base.yaml": without(base, connector), "roles.yaml": roles},
		"the role":       {"base.yaml": base, "roles.yaml": without(roles, strings.Index(roles, mode))},
		"nothing":        {"base.yaml": base, "roles.yaml": roles},
	} {
		book, found := lint(files.fs())
		if found.Errors() {
			t.Fatal(found)
		}
		want := schema.Observe
		if name == "nothing" {
			want = schema.Enforce
		}
		if got := book.Mode("base", "wiki"); got != want {
			t.Errorf("without the mode of %s it is %s, want %s", name, got, want)
		}
	}
}

// TestInScope proves R-SRC-5.
func TestInScope(t *testing.T) {
	book := bookOf(t, authorities)
	for _, test := range []struct {
		source string
		kind   schema.Kind
		want   bool
	}{
		{"hr", schema.Workload, true},
		{"directory", schema.Guest, true},
		{"directory", schema.Workload, false},
		{"nobody", schema.Human, false},
	} {
		if got := book.InScope(schema.Identity{Source: test.source, Kind: test.kind}); got != test.want {
			t.Errorf("%s of %s: got %v, want %v", test.kind, test.source, got, test.want)
		}
	}
}

func TestAttributes(t *testing.T) {
	book := bookOf(t, "")
	record := docs + `,"level":7,"badge":true,"contractEnd":"2026-12-31"
		,"urn:example:2.0:User":{"jobCode":"EMP"}
		,"manager":{"value":"u9","displayName":"Zoe"}` + own(`"startDate":"2026-01-01T00:00:00+02:00","repo":"acme/robot"`)
	for _, test := range []struct {
		name   string
		change func(*schema.Identity)
		want   map[string]any
	}{
		{"everything", nil, map[string]any{
			"identity.id": "u1", "identity.kind": "human", "identity.userName": "ann", "identity.active": true,
			"identity.employment.status": "active", "identity.employment.startDate": time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC),
			"identity.userType": "employee", "identity.department": "Docs", "identity.level": int64(7), "identity.badge": true,
			"identity.contractEnd": time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), "identity.jobCode": "employee",
			"identity.manager": "u9", "identity.groups": []string{"Staff"},
		}},
		{"disabled", func(i *schema.Identity) { i.Active, i.Resource = false, nil }, map[string]any{
			"identity.id": "u1", "identity.kind": "human", "identity.userName": "ann", "identity.active": false,
			"identity.employment.status": "suspended", "identity.groups": []string{"Staff"},
		}},
		{"deleted", func(i *schema.Identity) { i.Deleted, i.Resource = noon, nil }, map[string]any{
			"identity.id": "u1", "identity.kind": "human", "identity.userName": "ann", "identity.active": false,
			"identity.employment.status": "ended", "identity.groups": []string{"Staff"},
		}},
		{"of other types than declared", func(i *schema.Identity) {
			i.Kind, i.Resource = "", []byte(`{"userType":7,"level":"high","badge":null,"contractEnd":"soon","manager":{},"urn:example:2.0:User":[]}`)
		}, map[string]any{
			"identity.id": "u1", "identity.kind": "human", "identity.userName": "ann", "identity.active": true,
			"identity.employment.status": "active", "identity.groups": []string{"Staff"},
		}},
		{"workload", func(i *schema.Identity) {
			i.Kind, i.Resource = schema.Workload, []byte(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"repo":"acme/robot","lastSeen":"2026-11-23T12:00:00Z"}}`)
		}, map[string]any{
			"identity.id": "u1", "identity.kind": "workload", "identity.userName": "ann", "identity.active": true,
			"identity.employment.status": "active", "identity.groups": []string{"Staff"},
			"workload.repo": "acme/robot", "workload.lastSeen": noon,
		}},
		{"of no known source", func(i *schema.Identity) { i.Source = "nobody" }, map[string]any{
			"identity.id": "u1", "identity.kind": "human", "identity.userName": "ann",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := person(record)
			if test.change != nil {
				test.change(&id)
			}
			if diff := cmp.Diff(test.want, book.Attributes(id, []string{"Staff"}).Values()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	book := bookOf(t, "")
	gone := person("")
	gone.Deleted = noon
	for _, test := range []struct {
		name string
		id   schema.Identity
		want bool
	}{
		{"active", person(""), false},
		{"deleted", gone, true},
		{"said", person(own(`"employmentStatus":"terminated"`)), true},
		{"last day passed", person(own(`"endDate":"2026-11-23T12:00:00Z"`)), true},
		{"last day to come", person(own(`"endDate":"2026-11-23T12:00:01Z"`)), false},
	} {
		if got := book.Ended(Facts{Identity: test.id}, noon); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// TestCatalogue proves R-POL-1.
func TestCatalogue(t *testing.T) {
	book := bookOf(t, "")
	want := schema.Entitlement{
		Connector: "wiki", ID: "editors", Target: "Editors", Owner: "wiki@example.org", Risk: "moderate", Confers: []string{"wiki/readers"},
	}
	got, ok := book.Entitlement("wiki", "editors")
	if !ok || !cmp.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, ok = book.EntitlementByTarget("wiki", "Editors"); !ok || got.ID != "editors" {
		t.Errorf("by target: got %+v, want editors", got)
	}
	for _, pair := range [][2]string{{"wiki", "owners"}, {"nowhere", "editors"}} {
		if _, ok := book.Entitlement(pair[0], pair[1]); ok {
			t.Errorf("%v: got an entitlement that no catalogue has", pair)
		}
	}
}

func TestWithoutPolicySetNothingIsAutomated(t *testing.T) {
	set, _ := Load(mapFS{}.fs())
	book, found := Compile(set)
	if len(found) != 1 || found[0].Code != CodeKind {
		t.Errorf("got %v, want one E-KIND", found)
	}
	if got := book.Evaluate(Facts{Identity: person("")}, noon); len(got.Verdicts) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

func TestDuration(t *testing.T) {
	for _, test := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"180d", 180 * day, true},
		{"8h", 8 * time.Hour, true},
		{"1h30m", 90 * time.Minute, true},
		{"0d", 0, true},
		{"-1h", 0, false},
		{"1.5d", 0, false},
		{"d", 0, false},
		{"soon", 0, false},
	} {
		got, err := ParseDuration(test.text)
		if time.Duration(got) != test.want || (err == nil) != test.ok {
			t.Errorf("%q: got %v, %v; want %v", test.text, got, err, test.want)
		}
		if again, err := ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%q: written as %q, which reads as %v, %v", test.text, got, again, err)
		}
	}
}
