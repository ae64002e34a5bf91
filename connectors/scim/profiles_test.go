package scim_test

import (
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
)

// TestShippedProfiles holds the connector to its contract with each profile that
// ships, against a target that behaves as the profile says. R-PROV-2.
func TestShippedProfiles(t *testing.T) {
	shipped := os.DirFS("../../configs/profiles")
	for _, name := range ofSCIM(t, shipped) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := connectors.LoadProfile(shipped, name)
			if err != nil {
				t.Fatal(err)
			}
			text, err := fs.ReadFile(shipped, name+".yaml")
			if err != nil || !strings.Contains(string(text), "\n# Read in: ") && name != "generic" {
				t.Errorf("it does not say where its facts were read: %v", err)
			}
			if p.Title == connectors.DefaultProfile().Title && name != "generic" {
				t.Error("it has no title")
			}
			p.Rate, p.Groups.PerHour = connectors.RateLimit{}, 0 // a test has no hour to spare
			if p.Auth.Scheme == connectors.AuthClient {
				p.Auth = connectors.DefaultProfile().Auth // see connectors/web for how a token is fetched
			}
			harness(t, p)
		})
	}
}

// ofSCIM returns the names of the profiles that ship for targets that speak SCIM: of at
// least twenty, beside those that are of none in particular.
func ofSCIM(t *testing.T, shipped fs.FS) (names []string) {
	t.Helper()
	files, err := fs.Glob(shipped, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		p, err := connectors.LoadProfile(shipped, name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind == "" || p.Kind == "scim" {
			names = append(names, name)
		}
	}
	if n := len(names) - len([]string{"generic", "put-only", "drawbridge"}); n < 20 {
		t.Fatalf("%d targets that speak SCIM have a profile, want at least 20", n)
	}
	return names
}

// harness runs the contract against a fake target with the profile, with people
// whom that target would have.
func harness(t *testing.T, p connectors.Profile) {
	offered := entitlements
	if p.Groups.Of == connectors.GroupsOfNone {
		offered, p.Account = nil, "" // see TestAccountThatIsAnEntitlement
	}
	connectortest.Run(t, connectortest.Harness{
		Entitlements: offered,
		Deletes:      p.Irreversible || p.Deactivate == connectors.DeactivateDelete,
		Exceptions:   exceptions(p),
		Person: func(n int) map[string]string {
			person := connectortest.Person(n)
			for _, name := range p.Attributes.Omit {
				delete(person, name)
			}
			return person
		},
		Values: values(p),
		Open: func(t *testing.T) connectortest.Target {
			target := newFake(p)
			c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Transport: wire{target}, Config: connectors.Config{
				Name: "wiki", Kind: "scim", BaseURL: "https://target.example/scim/v2", Profile: p,
				Auth: connectors.Auth{Secret: token, User: "bridge"}, AllowIrreversible: true,
			}, Catalogue: catalogue})
			if err != nil {
				t.Fatal(err)
			}
			return connectortest.Target{Connector: c, Hand: target, Faults: target}
		},
	})
}

// values are those of the suite that the target would have.
func values(p connectors.Profile) map[string][]string {
	kept := maps.Clone(connectortest.Values())
	for name := range kept {
		switch {
		case slices.Contains(p.Attributes.Omit, name), slices.Contains(p.Attributes.Fixed, name), slices.Contains(p.Attributes.Fixed, "*"):
			delete(kept, name)
		case slices.Contains(p.Attributes.Uncleared, name):
			kept[name] = slices.DeleteFunc(kept[name], func(v string) bool { return v == "" })
		}
	}
	return kept
}

// TestGenericSaysEveryKey keeps the file that people copy complete, and true to
// what a profile is that says nothing.
func TestGenericSaysEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../configs/profiles/generic.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := connectors.ParseProfile("generic.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(connectors.DefaultProfile(), p, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("generic.yaml is not the default: %s", diff)
	}
	var look func(reflect.Type)
	look = func(kind reflect.Type) {
		for field := range kind.Fields() {
			key := field.Tag.Get("yaml")
			if !strings.Contains(string(text), key+":") {
				t.Errorf("generic.yaml does not name %s", key)
			}
			if field.Type.Kind() == reflect.Struct {
				look(field.Type)
			}
		}
	}
	look(reflect.TypeFor[connectors.Profile]())
}
