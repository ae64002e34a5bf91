package scim_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

// caged opens a connector to a fake target in a bubble: nothing goes over a network,
// and an hour takes no time.
func caged(t *testing.T, p connectors.Profile) (connectors.Connector, *fake.Provider) {
	t.Helper()
	target := newFake(p)
	c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Transport: wire{target}, Config: connectors.Config{
		Name: "wiki", Kind: "scim", BaseURL: "https://target.example/scim/v2", Profile: p, Auth: connectors.Auth{Secret: token},
	}, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	return c, target
}

func person(n int, held ...string) schema.Account {
	return schema.Account{
		Connector: "wiki", Identity: fmt.Sprintf("id-%d", n), Active: true, Entitlements: held,
		Attributes: map[string]string{"userName": fmt.Sprintf("p%d@example.com", n), "name.givenName": "Ann"},
	}
}

// TestAGroupIsJoinedByNoMoreThanItsHourAllows has more people join a group than the
// target has join one in an hour: the target refuses nothing, what is too much is told
// to come back when there is room, and who leaves never waits. R-PROV-2.
func TestAGroupIsJoinedByNoMoreThanItsHourAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectors.DefaultProfile()
		p.Groups.PerHour = 3
		c, target := caged(t, p)
		var full []schema.Account
		var is []schema.Account
		for n := range 5 {
			got, err := c.Apply(t.Context(), schema.Account{}, person(n, "readers"))
			switch {
			case err == nil:
				is = append(is, got)
			case connectors.RetryAfter(err) > 0 && connectors.RetryAfter(err) <= time.Hour && !strings.Contains(err.Error(), "429"):
				full = append(full, got)
			default:
				t.Fatalf("person %d: %v, want it to say when to come back, without having asked", n, err)
			}
		}
		if len(is) != 3 || len(full) != 2 {
			t.Fatalf("%d joined and %d wait, want 3 and 2", len(is), len(full))
		}
		gone := is[0]
		gone.Managed = []string{"readers"}
		if _, err := c.Apply(t.Context(), gone, person(0)); err != nil {
			t.Errorf("one who leaves: %v, want it not to wait", err)
		}
		if _, err := c.Apply(t.Context(), is[1], func() schema.Account { a := person(1, "readers", "writers"); return a }()); err != nil {
			t.Errorf("another group: %v, want it to have an hour of its own", err)
		}
		<-time.After(time.Hour)
		for _, a := range full {
			n := 3
			if a.Attributes["userName"] == "p4@example.com" {
				n = 4
			}
			if _, err := c.Apply(t.Context(), a, person(n, "readers")); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		}
		if got := target.Members("readers"); len(got) != 4 {
			t.Errorf("the group has %v, want four people", got)
		}
	})
}

// TestTheHourOfAGroupIsTheTargets asks the target itself for more than its hour allows.
func TestTheHourOfAGroupIsTheTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		does, says := connectors.DefaultProfile(), connectors.DefaultProfile()
		does.Groups.PerHour = 1
		target := newFake(does)
		c, err := scim.Open(connectors.Options{Transport: wire{target}, Config: connectors.Config{
			Kind: "scim", BaseURL: "https://target.example/scim/v2", Profile: says, Auth: connectors.Auth{Secret: token},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Apply(t.Context(), schema.Account{}, person(1, "readers")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Apply(t.Context(), schema.Account{}, person(2, "readers")); connectors.RetryAfter(err) == 0 || !strings.Contains(err.Error(), "429") {
			t.Errorf("the second: %v, want the target to refuse, and say for how long", err)
		}
	})
}

// TestSlowSortsOfCalls paces the calls that a profile singles out, by path and size, and
// no others: the target never has to refuse one. R-PROV-2.
func TestSlowSortsOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connectors.DefaultProfile()
		p.Rate.Calls = []connectors.CallRate{
			{Method: "PATCH", Path: "/Groups", Over: 200, PerSecond: 0.5, Burst: 1},
			{Method: "PATCH", Path: "/Groups", PerSecond: 10, Burst: 2},
		}
		c, target := caged(t, p)
		took := func(do func()) time.Duration { began := time.Now(); do(); return time.Since(began) }
		var last schema.Account
		slow := took(func() {
			for n := range 3 { // a PATCH of one member has about 170 bytes
				var err error
				if last, err = c.Apply(t.Context(), schema.Account{}, person(n, "readers")); err != nil {
					t.Fatal(err)
				}
			}
		})
		if slow > time.Second {
			t.Errorf("three short calls took %v", slow)
		}
		want := person(2, "readers")
		want.Attributes["title"] = strings.Repeat("long ", 100)
		if d := took(func() { _, _ = c.Apply(t.Context(), last, want) }); d > 100*time.Millisecond {
			t.Errorf("a long PATCH of a user took %v: it is no group", d)
		}
		if got := target.Requests("PATCH"); got != 4 {
			t.Errorf("the target had %d PATCHes, want 4, none of them refused", got)
		}
	})
}

// TestFixedAttributesAreWrittenOnce changes what the target keeps: nothing is sent, and
// nothing fails.
func TestFixedAttributesAreWrittenOnce(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*connectors.Attributes)
		given  string
		writes int
	}{
		{"fixed", func(a *connectors.Attributes) { a.Fixed = []string{"name.givenName"} }, "Bea", 0},
		{"all of them", func(a *connectors.Attributes) { a.Fixed = []string{"*"} }, "Bea", 0},
		{"only the case", func(a *connectors.Attributes) { a.CaseKept = []string{"name.givenName"} }, "ANN", 0},
		{"more than the case", func(a *connectors.Attributes) { a.CaseKept = []string{"name.givenName"} }, "Bea", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := connectors.DefaultProfile()
			row.change(&p.Attributes)
			c, target := open(t, p)
			is, err := c.Apply(t.Context(), schema.Account{}, person(1, "readers"))
			if err != nil {
				t.Fatal(err)
			}
			before, want := target.Writes(), person(1, "readers")
			want.Attributes["name.givenName"] = row.given
			if _, err := c.Apply(t.Context(), is, want); err != nil || target.Writes()-before != row.writes {
				t.Errorf("%d writes and %v, want %d and no error", target.Writes()-before, err, row.writes)
			}
		})
	}
}

// TestTheFakeKeepsWhatItsProfileSays has a connector that knows nothing of it change what
// the target keeps: it is refused.
func TestTheFakeKeepsWhatItsProfileSays(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*connectors.Attributes){
		"fixed": func(a *connectors.Attributes) { a.Fixed = []string{"*"} },
		"case":  func(a *connectors.Attributes) { a.CaseKept = []string{"name.givenName"} },
	} {
		does := connectors.DefaultProfile()
		change(&does.Attributes)
		server := httptest.NewServer(newFake(does))
		defer server.Close()
		c, err := scim.Open(connectors.Options{Config: connectors.Config{Kind: "scim", BaseURL: server.URL, Auth: connectors.Auth{Secret: token}}})
		if err != nil {
			t.Fatal(err)
		}
		is, err := c.Apply(t.Context(), schema.Account{}, person(1))
		if err != nil {
			t.Fatal(err)
		}
		want := person(1)
		want.Attributes["name.givenName"] = "ANN"
		if _, err := c.Apply(t.Context(), is, want); connectors.KindOf(err) != connectors.Permanent {
			t.Errorf("%s: %v, want it to be refused", name, err)
		}
	}
}

// TestAHiddenAccountIsSaidToBeThere makes an account that the target has from before and
// does not show: whoever reads the error knows what to do, and nobody tries for ever.
func TestAHiddenAccountIsSaidToBeThere(t *testing.T) {
	t.Parallel()
	p := connectors.DefaultProfile()
	p.Hidden = true
	c, target := open(t, p)
	if _, err := target.Put(t.Context(), person(1)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Apply(t.Context(), schema.Account{}, person(1))
	var e *connectors.Error
	if !errors.As(err, &e) || e.Kind != connectors.Exists || !strings.Contains(err.Error(), "shows none") {
		t.Errorf("%v, want it to say that there is one that is not shown", err)
	}
}

// TestAGroupIsCalledWhatItIsThere names what the target calls its groups.
func TestAGroupIsCalledWhatItIsThere(t *testing.T) {
	t.Parallel()
	p := connectors.DefaultProfile()
	p.Groups.Called = "role"
	c, _ := open(t, p)
	if _, err := c.Apply(t.Context(), schema.Account{}, person(1, "SYSADMIN")); err == nil || !strings.Contains(err.Error(), "no such role") {
		t.Errorf("%v, want it to speak of a role", err)
	}
}

// TestPairsAreListedByTheCatalogue lists a target that says only whether one user is in
// one group: of the groups that somebody may be given, all is known.
func TestPairsAreListedByTheCatalogue(t *testing.T) {
	t.Parallel()
	p := connectors.DefaultProfile()
	p.Groups.Of = connectors.GroupsOfPair
	c, target := open(t, p, func(o *connectors.Options) {
		o.Catalogue = func() []string { return []string{"editors", "none such", "readers"} }
	})
	for n, held := range [][]string{{"readers"}, {"editors", "readers", "writers"}, nil} {
		if _, err := target.Put(t.Context(), person(n, held...)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for a, err := range c.(connectors.Lister).List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join(a.Entitlements, " "))
	}
	if want := []string{"readers", "editors readers", ""}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listed %q, want %q: writers are in no catalogue", got, want)
	}
	blind, _ := open(t, p, func(o *connectors.Options) { o.Catalogue = nil })
	for _, err := range blind.(connectors.Lister).List(t.Context()) {
		if err == nil {
			t.Fatal("a listing without a catalogue says that nobody is in any group")
		}
		break
	}
}
