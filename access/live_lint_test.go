package access_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/docs/codes"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A scene is what a page of docs/codes says is so before a policy is planned.
type scene struct {
	People map[string]struct {
		UserType   string `yaml:"userType"`
		Department string
		Left       bool
		Like       int // so many more
	}
	Observed map[string]map[string][]string // what accounts have, by connector and person
	Silent   map[string]string              // how long a source was silent
	Nested   map[string]map[string]string   // groups that are in others, by connector
}

// TestLiveCodes does what the pages of the live codes say, against a store: of the first
// policy a plan has the finding, of the other it has not. R-READY-1.
func TestLiveCodes(t *testing.T) {
	base, err := os.ReadFile("../policy/testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range policy.LiveCodes {
		t.Run(string(code), func(t *testing.T) {
			page, ok := codes.Page(string(code))
			if !ok {
				t.Fatal("write the page of this code")
			}
			blocks := regexp.MustCompile("(?s)\n([A-Z][a-z ]+):\n\n```yaml\n(.*?)```").FindAllStringSubmatch(page, -1)
			engines(t, func(t *testing.T, w *world) {
				c, said := &council{w, map[string]string{}}, map[string]bool{}
				c.force(onBase(t, string(base), ""))
				for _, block := range blocks {
					said[block[1]] = true
					switch block[1] {
					case "Before":
						c.force(onBase(t, string(base), block[2]))
						w.work()
					case "With":
						c.set(block[2])
					case "Said of", "Instead":
						c.says(onBase(t, string(base), block[2]), code, block[1] == "Said of")
					default:
						t.Errorf("a block %q, which nobody reads", block[1])
					}
				}
				if !said["Said of"] || !said["Instead"] {
					t.Errorf("the page has the blocks %v, want one with the mistake and one without", slices.Collect(maps.Keys(said)))
				}
			})
		})
	}
}

// onBase is the base policy with the documents of an example, which stand for those of
// the same name.
func onBase(t *testing.T, base, example string) *access.Draft {
	t.Helper()
	name := regexp.MustCompile(`(?m)^kind: (\w+)\nmetadata: \{ name: ([\w-]+)`)
	for _, m := range name.FindAllString(example, -1) {
		for doc := range strings.SplitSeq(base, "\n---\n") {
			if strings.Contains(doc, m+",") {
				base = strings.Replace(base, "---\n"+doc+"\n", "", 1)
			}
		}
	}
	if example != "" {
		base += "\n---\n" + example
	}
	d, err := access.DraftOf(map[string]string{"example.yaml": base})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Findings {
		if f.Severity == policy.Error {
			t.Fatal(f)
		}
	}
	return d
}

// set makes a scene so.
func (c *council) set(text string) {
	c.t.Helper()
	var s scene
	if err := yaml.Load([]byte(text), &s, yaml.WithKnownFields()); err != nil {
		c.t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(s.People)) {
		p := s.People[name]
		for i := range p.Like + 1 {
			called := name
			if i > 0 {
				called = fmt.Sprint(name, i)
			}
			id := c.employ(called, p.UserType, p.Department)
			if p.Left {
				c.update(func(tx store.Tx) error { return access.Remove(tx, c.hr(), id) })
			}
		}
	}
	c.work()
	for connector, people := range s.Observed {
		for name, has := range people {
			c.update(func(tx store.Tx) error {
				return store.Accounts.Put(tx, schema.Account{
					Connector: connector, Identity: c.ids[name], RemoteID: "r-" + name, Active: true, Entitlements: has, Observed: tx.Now(),
				})
			})
		}
	}
	for connector, nests := range s.Nested {
		var seen []connectors.Nest
		for group, in := range nests {
			seen = append(seen, connectors.Nest{Group: group, In: in})
		}
		c.update(func(tx store.Tx) error { return access.Nested(tx, c.rules.Book(), "sweep/nesting", connector, seen) })
	}
	for _, long := range s.Silent {
		d, err := time.ParseDuration(long)
		if err != nil {
			c.t.Fatal(err)
		}
		time.Sleep(d) //nolint:forbidigo // of the bubble's own time
		c.work()
	}
}

// employ tells of somebody as the base policy reads them.
func (c *council) employ(name, userType, department string) string {
	c.t.Helper()
	resource, err := json.Marshal(map[string]any{
		"userName": name, "userType": userType,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": department},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.update(func(tx store.Tx) error {
		id, err := access.Admit(tx, c.hr(), schema.Identity{UserName: name, Email: name + "@example.org", Active: true, Resource: resource})
		c.ids[name] = id.ID
		return err
	})
	return c.ids[name]
}

// says expects that a plan of a policy has a code, or has not.
func (c *council) says(d *access.Draft, code policy.Code, want bool) {
	c.t.Helper()
	plan, err := access.PlanPolicy(c.t.Context(), c.store, c.rules.Book(), d.Book)
	if err != nil {
		c.t.Fatal(err)
	}
	got := slices.ContainsFunc(plan.Findings, func(f policy.Finding) bool { return f.Code == code })
	if got != want {
		c.t.Errorf("has %s: %v, want %v; the plan says\n%s", code, got, want, plan.Findings)
	}
	for _, f := range plan.Findings {
		if f.Hint == "" || f.Object == "" || strings.Contains(f.Message, "%!") {
			c.t.Errorf("no advice, or nothing that it is about: %s", f)
		}
		if want && f.Code != code {
			c.t.Errorf("the example has more than %s: %s", code, f)
		}
	}
}
