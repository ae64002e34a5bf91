package scim_test

import (
	"context"
	"errors"
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

// wired returns a connector to the target without a network between, for tests in
// which time is made.
func wired(t *testing.T, p connectors.Profile, to http.Handler, change ...func(*connectors.Options)) connectors.Connector {
	t.Helper()
	o := connectors.Options{
		Config:    connectors.Config{Name: "wiki", Kind: "scim", BaseURL: "http://127.0.0.1/scim/v2", Profile: p},
		Transport: wire{to},
	}
	for _, c := range change {
		c(&o)
	}
	c, err := connectors.Kinds{"scim": scim.Open}.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHalfABatch has the target do half of each batch and say that it failed.
// Whoever asks again gets there, both ways in, and both ways out.
func TestHalfABatch(t *testing.T) {
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		t.Run(string(update), func(t *testing.T) {
			p := connectors.DefaultProfile()
			p.Groups.Update = update
			c, target := open(t, p)
			var accounts []schema.Account
			for i := range 60 {
				held := [][]string{{"writers"}, nil}[i%2]
				a, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i), Entitlements: held})
				if err != nil {
					t.Fatal(err)
				}
				a.Managed = held
				accounts = append(accounts, a)
			}
			bystander, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(99), Entitlements: []string{"readers", "writers"}})
			if err != nil {
				t.Fatal(err)
			}
			target.Lie(fake.Lies{Half: 4})
			var mu sync.Mutex
			failed := 0
			all(t, accounts, func(have schema.Account) error {
				want := have
				want.Entitlements = []string{"readers"}
				for range 10 {
					got, err := c.Apply(t.Context(), have, want)
					if err == nil {
						return nil
					}
					if connectors.KindOf(err) != connectors.Transient {
						return err
					}
					mu.Lock()
					failed++
					mu.Unlock()
					have, have.Managed = got, []string{"readers", "writers"}
				}
				return errors.New("ten times were not enough")
			})
			if failed == 0 {
				t.Error("nobody heard that something failed")
			}
			if got := len(target.Members("readers")); got != len(accounts)+1 {
				t.Errorf("%d are readers, want %d", got, len(accounts)+1)
			}
			if got, want := target.Members("writers"), []string{bystander.Attributes["userName"]}; !slices.Equal(got, want) {
				t.Errorf("writers are %q, want %q: the one whom nobody asked about", got, want)
			}
		})
	}
}

// TestMadeAndNotShown loses the answer to a create, at a target whose searches
// are behind: nobody is made twice, and nobody who leaves meanwhile is forgotten.
func TestMadeAndNotShown(t *testing.T) {
	for name, twice := range map[string]bool{"names are unique": false, "names are not": true} {
		for leave, want := range map[string]schema.Account{
			"and stays":  {Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"}},
			"and leaves": {Attributes: connectortest.Person(1)},
		} {
			t.Run(name+" "+leave, func(t *testing.T) {
				c, target := open(t, connectors.DefaultProfile())
				joins := schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"}}
				target.Fail(2, true)                          // the create, after the look before it
				target.Lie(fake.Lies{Blind: 2, Twice: twice}) // that one, and the look at what came of it
				got, err := c.Apply(t.Context(), schema.Account{}, joins)
				if err == nil || connectors.KindOf(err) != connectors.Transient || !target.Spent() {
					t.Fatalf("Apply: %v, want an error that passes", err)
				}
				if got, err = c.Apply(t.Context(), got, want); err != nil {
					t.Fatalf("Apply again: %v", err)
				}
				users := target.Users()
				if len(users) != 1 || users[0].Active != want.Active || users[0].RemoteID != got.RemoteID {
					t.Errorf("the target has %v, want one account, active %v", users, want.Active)
				}
			})
		}
	}
}

// TestOneOfSeveralByAName loses the answer to a create at a target that lets several users
// have one name, where others have it: the one that was made is told by the externalId,
// wherever in the list it is. Without one nobody is taken for ours. R-PROV-2.
func TestOneOfSeveralByAName(t *testing.T) {
	for name, row := range map[string]struct {
		externalID string
		want       schema.Account
		kind       connectors.Kind
	}{
		"and stays":                  {"ext-0001", schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"}}, 0},
		"and leaves":                 {"ext-0001", schema.Account{Attributes: connectortest.Person(1)}, 0},
		"none of them is ours":       {"ext-9999", schema.Account{Active: true, Attributes: connectortest.Person(1)}, connectors.Exists},
		"we give them no externalId": {"", schema.Account{Active: true, Attributes: connectortest.Person(1)}, connectors.Exists},
	} {
		t.Run(name, func(t *testing.T) {
			p := connectors.DefaultProfile()
			p.Paging.Size = 2
			c, target := open(t, p)
			target.Lie(fake.Lies{Twice: true})
			ours := ""
			for n := range 5 {
				a := schema.Account{Active: true, Attributes: connectortest.Person(1)}
				a.Attributes["externalId"] = fmt.Sprint("theirs-", n)
				if n == 3 {
					a.Attributes["externalId"] = "ext-0001"
				}
				got, err := target.Put(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				if n == 3 {
					ours = got.RemoteID
				}
			}
			row.want.Attributes["externalId"] = row.externalID
			have := schema.Account{RemoteID: connectors.Unnamed("p0001@example.com"), Active: true, Attributes: row.want.Attributes}
			got, err := c.Apply(t.Context(), have, row.want)
			if row.kind != 0 {
				if err == nil || connectors.KindOf(err) != row.kind {
					t.Errorf("Apply: account %s, %v; want an error, for none of them is known to be ours", got.RemoteID, err)
				}
			} else if err != nil || got.RemoteID != ours {
				t.Errorf("Apply: account %s, %v; want %s", got.RemoteID, err, ours)
			}
			for _, u := range target.Users() {
				if is := row.kind == 0 && u.RemoteID == ours; u.Active != (!is || row.want.Active) || len(u.Entitlements) > 0 != (is && row.want.Active) {
					t.Errorf("account %s is active %v and holds %q, ours being %s", u.RemoteID, u.Active, u.Entitlements, ours)
				}
			}
			if n := len(target.Users()); n != 5 {
				t.Errorf("it has %d users, want no other", n)
			}
		})
	}
}

// TestTheFirstThatFindsOneAlone has two of a name, of whom one has the address: the profile
// matches by the name, and then by that.
func TestTheFirstThatFindsOneAlone(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Match = []string{"userName", "emails.value"}
	c, target := open(t, p)
	target.Lie(fake.Lies{Twice: true})
	var theirs []string
	for _, email := range []string{"other@example.com", "p0001@example.com"} {
		a := schema.Account{Active: true, Attributes: connectortest.Person(1)}
		a.Attributes["emails.value"] = email
		delete(a.Attributes, "externalId")
		got, err := target.Put(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		theirs = append(theirs, got.RemoteID)
	}
	got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1)})
	if err != nil || got.RemoteID != theirs[1] || !got.Adopted {
		t.Errorf("Apply: account %s, %v; want %s to be adopted", got.RemoteID, err, theirs[1])
	}
}

// TestMadeAndNotShownForLong has searches be behind for so long that a second create is
// refused, and whoever was made leaves: they are not forgotten.
func TestMadeAndNotShownForLong(t *testing.T) {
	c, target := open(t, connectors.DefaultProfile())
	joins := schema.Account{Active: true, Attributes: connectortest.Person(1)}
	target.Fail(2, true)
	target.Lie(fake.Lies{Blind: 20})
	got, err := c.Apply(t.Context(), schema.Account{}, joins)
	if err == nil || !target.Spent() {
		t.Fatalf("Apply: %v, want an error", err)
	}
	if got, err = c.Apply(t.Context(), got, joins); connectors.KindOf(err) != connectors.Transient || err == nil {
		t.Fatalf("Apply again: %v, want an error that passes", err)
	}
	target.Lie(fake.Lies{})
	leaves := schema.Account{Attributes: connectortest.Person(1)}
	if len(connectors.Plan(got, leaves)) == 0 {
		t.Fatalf("%+v is remembered, of which nothing is to be disabled", got)
	}
	if _, err := c.Apply(t.Context(), got, leaves); err != nil {
		t.Fatal(err)
	}
	if users := target.Users(); len(users) != 1 || users[0].Active {
		t.Errorf("the target has %v, want one account, disabled", users)
	}
}

// TestRenamedWhileNobodyIsShown has somebody be renamed of whom it is not known whether they
// were made, at a target whose searches are behind: by the new name the target would take
// them for somebody else, so that they are looked for by the old one until it has said
// twice that nobody has it. R-PROV-2.
func TestRenamedWhileNobodyIsShown(t *testing.T) {
	for name, made := range map[string]bool{"they were made": true, "they were not": false} {
		t.Run(name, func(t *testing.T) {
			c, target := open(t, connectors.DefaultProfile())
			was, want := schema.Account{Active: true, Attributes: connectortest.Person(1)}, schema.Account{Active: true, Attributes: connectortest.Person(2)}
			if made {
				if _, err := target.Put(t.Context(), was); err != nil {
					t.Fatal(err)
				}
			}
			have := schema.Account{RemoteID: connectors.Unnamed("p0001@example.com"), Active: true, Attributes: connectortest.Person(1)}
			target.Lie(fake.Lies{Blind: 1})
			got, err := c.Apply(t.Context(), have, want)
			if connectors.KindOf(err) != connectors.Transient || err == nil || got.RemoteID != have.RemoteID {
				t.Fatalf("Apply: %+v, %v; want an error that passes, and the doubt to stay", got, err)
			}
			got.Problem = err.Error() // which the bridge remembers
			if got, err = c.Apply(t.Context(), got, want); err != nil {
				t.Fatalf("Apply again: %v", err)
			}
			users := target.Users()
			if len(users) != 1 || users[0].RemoteID != got.RemoteID || users[0].Attributes["userName"] != want.Attributes["userName"] {
				t.Errorf("the target has %+v, want one account, by the new name", users)
			}
		})
	}
}

// TestInDoubtAndRenamed has somebody be renamed of whom it is not known whether they were
// made, and somebody else get the name: that one is left alone, and they are made.
func TestInDoubtAndRenamed(t *testing.T) {
	c, target := open(t, connectors.DefaultProfile())
	theirs, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := connectors.WithOwners(t.Context(), func(_ context.Context, found schema.Account) error {
		return errors.New(found.RemoteID + " is somebody else's")
	})
	maybe := schema.Account{RemoteID: connectors.Unnamed("p0001@example.com"), Active: true, Attributes: connectortest.Person(1)}
	got, err := c.Apply(ctx, maybe, schema.Account{Active: true, Attributes: connectortest.Person(2)})
	if err != nil || !got.Exists() || got.RemoteID == theirs.RemoteID || len(target.Users()) != 2 {
		t.Errorf("Apply: %+v, %v; want another account beside %+v", got, err, theirs)
	}
}

// TestFoundAndNotShown has a search say that there is one, and not show it: that is no
// reason to believe that there is nobody.
func TestFoundAndNotShown(t *testing.T) {
	c, target := open(t, connectors.DefaultProfile())
	if _, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(1)}); err != nil {
		t.Fatal(err)
	}
	target.Lie(fake.Lies{Pages: func(from, to, _ int) (int, int) { return min(from+1, to), to }})
	maybe := schema.Account{RemoteID: connectors.Unnamed("p0001@example.com"), Active: true, Attributes: connectortest.Person(1)}
	got, err := c.Apply(t.Context(), maybe, schema.Account{Attributes: connectortest.Person(1)})
	if err == nil || connectors.KindOf(err) != connectors.Transient || !got.Active {
		t.Errorf("Apply: %+v, %v; want it in doubt still, and an error that passes", got, err)
	}
}

// TestConflictNotShown creates again what a target has, and does not show for
// longer: that passes, and is no reason to give up.
func TestConflictNotShown(t *testing.T) {
	c, target := open(t, connectors.DefaultProfile())
	want := schema.Account{Active: true, Attributes: connectortest.Person(1)}
	target.Fail(2, true)
	target.Lie(fake.Lies{Blind: 5})
	have, err := c.Apply(t.Context(), schema.Account{}, want)
	for tries := 1; err != nil; tries++ {
		if connectors.KindOf(err) != connectors.Transient || tries > 5 {
			t.Fatalf("after %d tries: %v, want an error that passes", tries, err)
		}
		have, err = c.Apply(t.Context(), have, want)
	}
	if users := target.Users(); len(users) != 1 || users[0].RemoteID != have.RemoteID {
		t.Errorf("the target has %v, want one account, %s", users, have.RemoteID)
	}
}

// TestPagesThatLie lists a target that repeats, skips, or ends before its end, of
// users and of groups. Nobody may conclude from such a list who is gone.
func TestPagesThatLie(t *testing.T) {
	for style, size := range map[connectors.PagingStyle]int{connectors.PagingIndex: 3, connectors.PagingCursor: 3, connectors.PagingNone: 100} {
		for name, lie := range map[string]func(from, to, all int) (int, int){
			"repeats the first page": func(from, to, _ int) (int, int) { return 0, to - from },
			"skips one":              func(from, to, _ int) (int, int) { return min(from+1, to), to },
			"ends early":             func(from, to, all int) (int, int) { return min(from, all-2), min(to, all-2) },
			"has nothing":            func(int, int, int) (int, int) { return 0, 0 },
		} {
			t.Run(string(style)+" "+name, func(t *testing.T) {
				p := connectors.DefaultProfile()
				p.Paging = connectors.Paging{Style: style, Size: size}
				c, target := open(t, p)
				for i := range 8 {
					if _, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i), Entitlements: entitlements[:1]}); err != nil {
						t.Fatal(err)
					}
				}
				if style == connectors.PagingNone && name == "repeats the first page" {
					t.Skip("there is one page only")
				}
				target.Lie(fake.Lies{Pages: lie})
				var err error
				for _, err = range c.(connectors.Lister).List(t.Context()) {
				}
				if err == nil || connectors.KindOf(err) != connectors.Transient {
					t.Errorf("List: %v, want an error that passes", err)
				}
			})
		}
	}
}

// TestClocksThatDiffer is told when to come back by a clock that is hours off.
func TestClocksThatDiffer(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 3 * time.Hour, "behind": -3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connectors.DefaultProfile()
				limited := p
				limited.Rate = connectors.RateLimit{PerHour: 2}
				slow := fake.New(fake.Options{Profile: limited, Groups: entitlements})
				c := wired(t, p, slow)
				slow.Lie(fake.Lies{Skew: skew})
				want := schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: entitlements[:1]}
				began := time.Now()
				have, err := c.Apply(t.Context(), schema.Account{}, want)
				for err != nil {
					wait := connectors.RetryAfter(err)
					if wait < 59*time.Minute || wait > time.Hour {
						t.Fatalf("told to wait %v, want about an hour, by whatever clock: %v", wait, err)
					}
					if time.Since(began) > 12*time.Hour {
						t.Fatal("it takes half a day")
					}
					<-time.After(wait)
					have, err = c.Apply(t.Context(), have, want)
				}
				if got := slow.Members(entitlements[0]); len(got) != 1 {
					t.Errorf("in the end %q hold it, want one", got)
				}
			})
		})
	}
}

// TestAThrottledCallHoldsTheOthersBack has one call be answered, in words only, that there
// are too many: whoever calls next waits, also for somebody else.
func TestAThrottledCallHoldsTheOthersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const words = "Rate exceeded for this tenant"
		p := connectors.DefaultProfile()
		p.Throttled = []string{words}
		target, throttles := fake.New(fake.Options{Profile: p, Groups: entitlements}), true
		c := wired(t, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if throttles {
				http.Error(w, words, http.StatusInternalServerError)
				return
			}
			target.ServeHTTP(w, r)
		}), func(o *connectors.Options) { o.Rate = connectors.NewRate(connectors.RateLimit{}) })
		want := schema.Account{Active: true, Attributes: connectortest.Person(1)}
		if _, err := c.Apply(t.Context(), schema.Account{}, want); connectors.KindOf(err) != connectors.Transient {
			t.Errorf("%v, want an error that passes", err)
		}
		throttles, want.Attributes = false, connectortest.Person(2)
		began := time.Now()
		if _, err := c.Apply(t.Context(), schema.Account{}, want); err != nil || time.Since(began) < time.Second {
			t.Errorf("%v after %v, want it to wait a second", err, time.Since(began))
		}
	})
}

// TestThrottledWith500 has more ask a target at once than it allows, which says in words only
// that there are too many: all get there, and nobody twice.
func TestThrottledWith500(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const words = "Rate exceeded for this tenant"
		p := connectors.DefaultProfile()
		p.Throttled = []string{words}
		limited := p
		limited.Rate = connectors.RateLimit{PerSecond: 1, Burst: 2}
		target := fake.New(fake.Options{Profile: limited, Groups: entitlements})
		target.Lie(fake.Lies{Throttle: words})
		c := wired(t, p, target)
		var group sync.WaitGroup
		for i := range 5 {
			group.Go(func() {
				want := schema.Account{Active: true, Attributes: connectortest.Person(i), Entitlements: entitlements[:1]}
				have, err := c.Apply(t.Context(), schema.Account{}, want)
				for wait := time.Second; err != nil; wait *= 2 { // as a lane would
					if connectors.KindOf(err) != connectors.Transient || wait > time.Hour {
						t.Errorf("person %d: %v, want an error that passes", i, err)
						return
					}
					<-time.After(wait + time.Duration(i)*time.Second)
					have, err = c.Apply(t.Context(), have, want)
				}
			})
		}
		group.Wait()
		if got := target.Users(); len(got) != 5 {
			t.Errorf("the target has %d accounts, want 5", len(got))
		}
		if got := strings.Join(target.Members(entitlements[0]), " "); len(strings.Fields(got)) != 5 {
			t.Errorf("%s hold it, want all five", got)
		}
	})
}

// TestEndsWhatItCannotSee has a target that takes writes and shows nobody: what ends access
// is written all the same, also of an account of which it is not known what is there.
func TestEndsWhatItCannotSee(t *testing.T) {
	for name, want := range map[string]schema.Account{
		"a mover":  {Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers"}},
		"a leaver": {Attributes: connectortest.Person(1)},
	} {
		t.Run(name, func(t *testing.T) {
			target := newFake(connectors.DefaultProfile())
			have, err := target.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(1), Entitlements: []string{"readers", "writers"}})
			if err != nil {
				t.Fatal(err)
			}
			have.Managed, have.Attributes = have.Entitlements, nil // it is in doubt
			want.RemoteID = have.RemoteID
			c := wired(t, connectors.DefaultProfile(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Users") {
					http.Error(w, "down", http.StatusInternalServerError)
					return
				}
				target.ServeHTTP(w, r)
			}), func(o *connectors.Options) { o.Auth = connectors.Auth{Secret: token, User: "bridge"} })
			if _, err := c.Apply(t.Context(), have, want); err == nil {
				t.Error("nobody heard that it could not be looked at")
			}
			if got := target.Users()[0]; got.Active != want.Active || slices.Contains(target.Members("writers"), got.Attributes["userName"]) {
				t.Errorf("the target has %+v, writers %q; want what ends access done", got, target.Members("writers"))
			}
		})
	}
}

// A mute target does what it is told, and from some write on does not answer.
type mute struct {
	wire
	left int // writes that it answers still
}

func (m *mute) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := m.wire.RoundTrip(r)
	if r.Method == http.MethodGet || err != nil {
		return answer, err
	}
	if m.left--; m.left == -1 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return answer, nil
}

// TestDoneAndNotAnswered has each write on somebody's way in, about and out be done, and
// nobody answer it before the time is up: asked again they get there, and nobody is made
// twice.
func TestDoneAndNotAnswered(t *testing.T) {
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		for nth, more := 0, true; more; nth++ {
			t.Run(fmt.Sprint(update, nth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := connectors.DefaultProfile()
					p.Update, p.Groups.Update = update, update
					target := fake.New(fake.Options{Profile: p, Groups: entitlements})
					to := &mute{wire: wire{target}, left: nth}
					c := wired(t, p, nil, func(o *connectors.Options) { o.Transport, o.Options = to, map[string]string{"timeout": "7s"} })
					ada := connectortest.Person(1)
					renamed := connectortest.Person(2)
					have, failed := schema.Account{}, 0
					for _, want := range []schema.Account{
						{Active: true, Attributes: ada, Entitlements: entitlements[:1]}, {Active: true, Attributes: renamed, Entitlements: entitlements[1:2]}, {Attributes: renamed},
					} {
						began := time.Now()
						got, err := c.Apply(t.Context(), have, want)
						for tries := 0; err != nil; tries++ {
							if connectors.KindOf(err) != connectors.Transient || tries > 3 || time.Since(began) < 7*time.Second {
								t.Fatalf("after %v: %v; want an error that passes, once the time is up", time.Since(began), err)
							}
							failed++
							got.Managed = entitlements
							got, err = c.Apply(t.Context(), got, want)
						}
						got.Managed = got.Entitlements
						have = got
						is := target.Users()
						if len(is) != 1 || is[0].Active != want.Active || is[0].Attributes["userName"] != want.Attributes["userName"] {
							t.Fatalf("the target has %+v, want %+v alone", is, want)
						}
						for _, name := range entitlements {
							if in := len(target.Members(name)) > 0; in != slices.Contains(want.Entitlements, name) {
								t.Errorf("in %s: %v, want %v", name, in, want.Entitlements)
							}
						}
					}
					if more = to.left < 0; more && failed != 1 {
						t.Errorf("%d times something failed, want once", failed)
					}
				})
			})
		}
	}
}
