package connectors_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// anyAccount draws an account; of its entitlements some are managed.
func anyAccount(rt *rapid.T, label string) schema.Account {
	names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.ID[string])
	a := schema.Account{Attributes: map[string]string{}}
	if rapid.Bool().Draw(rt, label+" exists") {
		a.RemoteID = "7"
		a.Active = rapid.Bool().Draw(rt, label+" active")
		a.Entitlements = schema.Sorted(names.Draw(rt, label+" holds")...)
		a.Managed = schema.Sorted(names.Draw(rt, label+" manages")...)
	}
	for _, name := range []string{"userName", "title"} {
		if v := rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, label+" "+name); v != "" {
			a.Attributes[name] = v
		}
	}
	return a
}

func anyWant(rt *rapid.T) schema.Account {
	want := anyAccount(rt, "want")
	want.Active = rapid.Bool().Draw(rt, "wanted active")
	if !want.Active {
		want.Entitlements = nil
	}
	return want
}

// follow takes the steps as a faithful target would.
func follow(have schema.Account, steps []connectors.Step) schema.Account {
	have.Attributes = maps.Clone(have.Attributes)
	for _, s := range steps {
		switch s.Verb {
		case connectors.Revoke:
			have.Entitlements = slices.DeleteFunc(slices.Clone(have.Entitlements), func(e string) bool { return slices.Contains(s.Entitlements, e) })
		case connectors.Grant:
			have.Entitlements = schema.Sorted(append(slices.Clone(have.Entitlements), s.Entitlements...)...)
		case connectors.Disable:
			have.Active = false
		case connectors.Enable:
			have.Active = true
		case connectors.Create:
			have.RemoteID, have.Active, have.Attributes = "new", true, maps.Clone(s.Attributes)
		case connectors.Update:
			maps.Copy(have.Attributes, s.Attributes)
		}
	}
	return have
}

func TestPlan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		have, want := anyAccount(rt, "have"), anyWant(rt)
		steps := connectors.Plan(have, want)
		if !slices.IsSortedFunc(steps, func(a, b connectors.Step) int { return int(a.Verb) - int(b.Verb) }) {
			rt.Fatalf("steps %v are not in order", steps)
		}
		got := follow(have, steps)
		if more := connectors.Plan(got, want); len(more) > 0 {
			rt.Fatalf("after all steps there are more: %v", more)
		}
		if got.Active != want.Active && (got.Exists() || want.Active) {
			rt.Fatalf("after all steps active is %v, want %v", got.Active, want.Active)
		}
		for _, e := range have.Entitlements {
			if !slices.Contains(have.Managed, e) && !got.Holds(e) {
				rt.Fatalf("%s was taken away, which is not managed", e)
			}
		}
		for _, e := range got.Entitlements {
			if !slices.Contains(want.Entitlements, e) && slices.Contains(have.Managed, e) {
				rt.Fatalf("%s stays, which is managed and not wanted", e)
			}
		}
		if want.Active {
			for name, value := range want.Attributes {
				if got.Attributes[name] != value {
					rt.Fatalf("%s is %q, want %q", name, got.Attributes[name], value)
				}
			}
			return
		}
		for _, s := range steps {
			if !s.Ends() {
				rt.Fatalf("to an account nobody wants active, %v is done", s)
			}
		}
	})
}

func TestPlanKeepsWhatItIsGiven(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		have, want := anyAccount(rt, "have"), anyWant(rt)
		haveWas, wantWas := copied(have), copied(want)
		for _, s := range connectors.Plan(have, want) {
			if s.Attributes != nil {
				s.Attributes["x"] = "y"
			}
			for i := range s.Entitlements {
				s.Entitlements[i] = "z"
			}
		}
		if diff := cmp.Diff(haveWas, have) + cmp.Diff(wantWas, want); diff != "" {
			rt.Fatalf("what is done with steps changes the accounts they were made from: %s", diff)
		}
	})
}

func copied(a schema.Account) schema.Account {
	a.Attributes = maps.Clone(a.Attributes)
	a.Entitlements, a.Managed = slices.Clone(a.Entitlements), slices.Clone(a.Managed)
	return a
}

func TestVerbsHaveNames(t *testing.T) {
	var names []string
	for v := connectors.Disable; v <= connectors.Grant; v++ {
		names = append(names, v.String())
	}
	if diff := cmp.Diff([]string{"disable", "revoke", "create", "update", "enable", "grant"}, names); diff != "" {
		t.Error(diff)
	}
}

// TestALeaverIsDisabledFirst proves R-REV-9 of the steps: nothing comes before disabling,
// and who stays loses what they lose before they get anything.
func TestALeaverIsDisabledFirst(t *testing.T) {
	have := schema.Account{RemoteID: "7", Active: true, Entitlements: []string{"a", "b"}, Managed: []string{"a", "b"}}
	for name, c := range map[string]struct {
		want schema.Account
		last bool
		as   string
	}{
		"who leaves":                          {want: schema.Account{}, as: "disable; revoke a b"},
		"who leaves what cannot be told then": {want: schema.Account{}, last: true, as: "revoke a b; disable"},
		"who stays":                           {want: schema.Account{Active: true, Entitlements: []string{"b", "c"}}, as: "revoke a; grant c"},
		"who stays there":                     {want: schema.Account{Active: true, Entitlements: []string{"b", "c"}}, last: true, as: "revoke a; grant c"},
	} {
		t.Run(name, func(t *testing.T) {
			steps := connectors.Plan(have, c.want)
			if c.last {
				steps = connectors.DisableLast(steps)
			}
			var said []string
			for _, s := range steps {
				said = append(said, strings.Join(append([]string{s.Verb.String()}, s.Entitlements...), " "))
			}
			if got := strings.Join(said, "; "); got != c.as {
				t.Errorf("the steps are %q, want %q", got, c.as)
			}
		})
	}
}

// TestAnAccountThatMayBeThereIsToldEverything has a bridge believe of an account
// that it is as wanted, when it only may be.
func TestAnAccountThatMayBeThereIsToldEverything(t *testing.T) {
	want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"a"}}
	have := want
	have.RemoteID, have.Entitlements, have.Managed = connectors.Unnamed("ada"), []string{"a", "b"}, []string{"a", "b"}
	var verbs []string
	for _, step := range connectors.Plan(have, want) {
		verbs = append(verbs, step.Verb.String())
	}
	if diff := cmp.Diff([]string{"revoke", "create", "grant"}, verbs); diff != "" {
		t.Error(diff)
	}
}
