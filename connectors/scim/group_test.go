package scim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

// Ten thousand people who join one group, five thousand at once, cost a call for
// each batch: time is made here, so that while one call is under way everybody who
// is to come has come. The first call alone takes whoever is there by then, and
// costs one more at most. One call finds the group.
func TestMembershipsGoInBatches(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand accounts")
	}
	synctest.Test(t, func(t *testing.T) {
		const waves, people, batch = 2, 5_000, 100 // the race detector knows 8,128 goroutines at once
		p := connectors.DefaultProfile()
		p.Groups.MaxMembers, p.Rate = batch, connectors.RateLimit{}
		target := fake.New(fake.Options{Profile: p, Groups: entitlements, Latency: func() time.Duration { return time.Millisecond }})
		c := wired(t, p, target)
		for wave := range waves {
			accounts := make([]schema.Account, people)
			for i := range accounts {
				var err error
				accounts[i], err = target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(wave*people + i)})
				if err != nil {
					t.Fatal(err)
				}
			}
			before := target.Requests(http.MethodPatch)
			all(t, accounts, func(have schema.Account) error {
				want := have
				want.Entitlements = []string{"readers"}
				_, err := c.Apply(t.Context(), have, want)
				return err
			})
			if got, most := target.Requests(http.MethodPatch)-before, people/batch+1; got > most {
				t.Errorf("%d PATCH requests for %d memberships, want at most %d", got, people, most)
			}
		}
		if got := len(target.Members("readers")); got != waves*people {
			t.Errorf("%d are members, want %d", got, waves*people)
		}
		if got := target.Requests(http.MethodGet); got != 1 {
			t.Errorf("%d GET requests, want 1, to find the group", got)
		}
	})
}

// TestBatchesKeepToTheirBytes has many join a group at a target that takes so many bytes in
// one request, and any number of members: none is refused, and each is nearly full. R-PROV-2.
func TestBatchesKeepToTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, most = 60, 1000
		p := connectors.DefaultProfile()
		p.Groups.MaxMembers, p.Groups.MaxBytes, p.Rate = 0, most, connectors.RateLimit{}
		target := fake.New(fake.Options{Profile: p, Groups: entitlements, Latency: func() time.Duration { return time.Millisecond }})
		var mu sync.Mutex
		var sizes []int64
		c := wired(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				mu.Lock()
				sizes = append(sizes, r.ContentLength)
				mu.Unlock()
			}
			target.ServeHTTP(w, r)
		}))
		var accounts []schema.Account
		for i := range people {
			a, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i)})
			if err != nil {
				t.Fatal(err)
			}
			accounts = append(accounts, a)
		}
		all(t, accounts, func(have schema.Account) error {
			want := have
			want.Entitlements = []string{"readers"}
			_, err := c.Apply(t.Context(), have, want)
			return err
		})
		if got := len(target.Members("readers")); got != people {
			t.Errorf("%d are members, want %d", got, people)
		}
		if got := slices.Max(sizes); got > most {
			t.Errorf("a request has %d bytes, and %d may be sent", got, most)
		}
		if len(sizes) > people/5 {
			t.Errorf("%d requests, of %v bytes, want several members in each", len(sizes), sizes)
		}
	})
}

// all runs it for every account at once.
func all(t *testing.T, accounts []schema.Account, do func(schema.Account) error) {
	t.Helper()
	var group sync.WaitGroup
	for _, a := range accounts {
		group.Go(func() {
			if err := do(a); err != nil {
				t.Errorf("%s: %v", a.RemoteID, err)
			}
		})
	}
	group.Wait()
}

// One member that the target refuses does not keep the others of its batch out.
func TestOneRefusedMemberIsNotAllOfThem(t *testing.T) {
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		t.Run(string(update), func(t *testing.T) {
			p := connectors.DefaultProfile()
			p.Groups.Update = update
			c, target := open(t, p)
			var accounts []schema.Account
			for i := range 40 {
				a, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i)})
				if err != nil {
					t.Fatal(err)
				}
				if i%10 == 0 {
					if err := target.Remove(t.Context(), a.RemoteID); err != nil {
						t.Fatal(err)
					}
				}
				accounts = append(accounts, a)
			}
			all(t, accounts, func(have schema.Account) error {
				want := have
				want.Entitlements = []string{"readers", "writers"}
				_, err := c.Apply(t.Context(), have, want)
				return err // those that were removed are made anew
			})
			if got := len(target.Members("readers")); got != 40 {
				t.Errorf("%d are members, want 40", got)
			}
		})
	}
}

// Joiners and leavers of one group, all at once: who is in it at the end is who
// should be.
func TestGroupUnderConcurrency(t *testing.T) {
	for name, p := range dialects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, target := open(t, p)
			var accounts []schema.Account
			for i := range 60 {
				a := schema.Account{Active: true, Attributes: connectortest.Person(i)}
				if i%2 == 0 {
					a.Entitlements = []string{"readers"}
				}
				a, err := target.Put(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				a.Managed = a.Entitlements
				accounts = append(accounts, a)
			}
			all(t, accounts, func(have schema.Account) error {
				want := have
				want.Entitlements = []string{"readers"}
				if len(have.Entitlements) > 0 {
					want.Entitlements = nil
				}
				_, err := c.Apply(t.Context(), have, want)
				return err
			})
			var want []string
			for i := 1; i < 60; i += 2 {
				want = append(want, connectortest.Person(i)["userName"])
			}
			if got := target.Members("readers"); !slices.Equal(got, want) {
				t.Errorf("members are %q, want %q", got, want)
			}
		})
	}
}

// Of what waits for one group, who is to leave goes first.
func TestRemovalsOvertake(t *testing.T) {
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Groups": says(200, `{"totalResults":1,"Resources":[{"id":"g1","displayName":"readers"}]}`),
		"PATCH /Groups/g1": func(w http.ResponseWriter, _ *http.Request) {
			select {
			case arrived <- struct{}{}:
				<-release
			default:
			}
			w.WriteHeader(http.StatusNoContent)
		},
	}}
	p := connectors.DefaultProfile()
	p.Groups.MaxMembers = 1
	c := s.connector(t, p)
	var group sync.WaitGroup
	move := func(id string, from, to []string) {
		group.Go(func() {
			have := schema.Account{RemoteID: id, Active: true, Attributes: connectortest.Person(1), Entitlements: from, Managed: from}
			if _, err := c.Apply(t.Context(), have, schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: to}); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	readers := []string{"readers"}
	move("first", nil, readers)
	<-arrived
	for i := range 5 {
		move(fmt.Sprint("joiner", i), nil, readers)
	}
	scim.Waiting(t, c, "g1", 5)
	move("leaver", readers, nil)
	scim.Waiting(t, c, "g1", 6)
	close(release)
	group.Wait()
	if second := s.bodies[2]; !strings.Contains(second, "leaver") {
		t.Errorf("after the first came %s, want the leaver", second)
	}
}

// A target that does not understand the quotes in a name is asked for all.
func TestGroupThatCannotBeFilteredIsFound(t *testing.T) {
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Groups": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("filter") {
				says(400, `{"scimType":"invalidFilter"}`)(w, r)
				return
			}
			says(200, `{"totalResults":2,"Resources":[{"id":"g1","displayName":"the \"others\""},{"id":"g2","displayName":"readers"}]}`)(w, r)
		},
		"PATCH /Groups/g1": says(204, ""),
	}}
	want := there()
	want.Entitlements = []string{"readers", `the "others"`}
	got, err := s.connector(t, connectors.DefaultProfile()).Apply(t.Context(), there(), want)
	if err != nil || !got.Holds(`the "others"`) {
		t.Errorf("Apply: %+v, %v", got, err)
	}
}

func TestGroupMadeAnewIsFoundAgain(t *testing.T) {
	c, target := open(t, connectors.DefaultProfile())
	apply := func(have schema.Account, held ...string) schema.Account {
		t.Helper()
		got, err := c.Apply(t.Context(), have, schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: held})
		if err != nil {
			t.Fatal(err)
		}
		got.Managed = got.Entitlements
		return got
	}
	have := apply(schema.Account{}, "readers")
	target.RemoveGroup("readers")
	target.AddGroup("readers")
	target.RemoveGroup("writers")
	have.Entitlements = nil
	have = apply(have, "readers")
	if got := target.Members("readers"); len(got) != 1 {
		t.Errorf("the new group has %q, want one member", got)
	}
	target.RemoveGroup("readers")
	apply(have) // what was a member of a group that is gone is none
	_, err := c.Apply(t.Context(), have, schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"writers"}})
	if err == nil || connectors.KindOf(err) != connectors.Permanent {
		t.Errorf("Apply with a group that is not there: %v, want a permanent error", err)
	}
}

// A group that was renamed must not keep its old name's members coming.
func TestGroupNamesAreForgottenInTime(t *testing.T) {
	now := time.Now()
	c, target := open(t, connectors.DefaultProfile(), func(o *connectors.Options) { o.Now = func() time.Time { return now } })
	for i := range 3 {
		if _, err := c.Apply(t.Context(), schema.Account{}, schema.Account{
			Active: true, Attributes: connectortest.Person(i), Entitlements: []string{"readers"},
		}); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			now = now.Add(10 * time.Minute)
		}
	}
	// Each looked for the account, and the first and the third for the group.
	if got := target.Requests(http.MethodGet); got != 3+2 {
		t.Errorf("%d GET requests, want 5", got)
	}
}

func TestTargetWithoutGroups(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Groups.Of = connectors.GroupsOfNone
	c, _ := open(t, p)
	got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"}})
	if err == nil || connectors.KindOf(err) != connectors.Permanent || !got.Exists() {
		t.Errorf("Apply: %+v, %v, want the account and a permanent error", got, err)
	}
	for account, err := range c.(connectors.Lister).List(t.Context()) {
		if err != nil || account.RemoteID != got.RemoteID {
			t.Errorf("List: %+v, %v", account, err)
		}
	}
}

// Where an account is all that there is to have, it is an entitlement by itself.
func TestAccountThatIsAnEntitlement(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Groups.Of, p.Account = connectors.GroupsOfNone, "member"
	c, target := open(t, p)
	on := schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"member"}}
	var have schema.Account
	for i, want := range []schema.Account{on, {}, on} {
		got, err := c.Apply(t.Context(), have, want)
		if err != nil {
			t.Fatalf("state %d: %v", i, err)
		}
		if got.Active != want.Active || !slices.Equal(got.Entitlements, want.Entitlements) {
			t.Errorf("state %d: got active %v with %q, want %v with %q", i, got.Active, got.Entitlements, want.Active, want.Entitlements)
		}
		if steps := connectors.Plan(got, want); len(steps) > 0 {
			t.Errorf("state %d: there is more to do: %v", i, steps)
		}
		read, err := c.(connectors.Reader).Read(t.Context(), got.RemoteID)
		if err != nil || !slices.Equal(read.Entitlements, want.Entitlements) {
			t.Errorf("state %d: read %q, %v, want %q", i, read.Entitlements, err, want.Entitlements)
		}
		have, have.Managed = got, got.Entitlements
	}
	for account, err := range c.(connectors.Lister).List(t.Context()) {
		if err != nil || !account.Holds("member") {
			t.Errorf("listed %+v, %v, want it to hold member", account, err)
		}
	}
	if got := target.Requests(http.MethodPatch); got != 2 {
		t.Errorf("%d PATCH requests, want 2: off and on", got)
	}
}

// Groups may be named by id only, be reached through others, and the target may
// not filter them by name.
func TestGroupsOfUserInEveryForm(t *testing.T) {
	groups := `{"totalResults":3,"Resources":[{"id":"g1","displayName":"readers"},{"id":"g2","displayName":"writers"},{"id":"g3","displayName":"all"}]}`
	user := `{"id":"7","userName":"p","groups":[{"value":"g1"},{"value":"g2","display":"writers"},{"value":"g3","display":"all","type":"indirect"}]}`
	s := &script{answers: map[string]http.HandlerFunc{
		"GET /Users/7":     says(200, user),
		"GET /Groups":      says(200, groups),
		"GET /Groups/g1":   says(200, `{"id":"g1","displayName":"readers"}`),
		"PATCH /Groups/g2": says(204, ""),
	}}
	p := connectors.DefaultProfile()
	p.Filter.Attributes = []string{"userName"}
	c := s.connector(t, p)
	got, err := c.Read(t.Context(), "7")
	if want := []string{"readers", "writers"}; err != nil || !slices.Equal(got.Entitlements, want) {
		t.Fatalf("Read: %q, %v, want %q", got.Entitlements, err, want)
	}
	got.Managed = got.Entitlements
	want := got
	want.Entitlements = []string{"readers"}
	if _, err := c.Apply(t.Context(), got, want); err != nil {
		t.Fatal(err)
	}
	if last := s.asked[len(s.asked)-2]; last.URL.Query().Get("filter") != "" {
		t.Errorf("groups were filtered by %q, which this target does not know", last.URL.Query().Get("filter"))
	}
	if want := fmt.Sprintf(`"path":%q`, `members[value eq "7"]`); len(s.bodies) == 0 || !strings.Contains(s.bodies[len(s.bodies)-1], want) {
		t.Errorf("sent %s, want %s", s.bodies[len(s.bodies)-1], want)
	}
}
