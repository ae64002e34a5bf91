package access_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// try runs a function in a transaction, and returns its error.
func (w *world) try(fn func(store.Tx) error) error { return w.store.Update(w.t.Context(), fn) }

// TestAdmitRefuses proves R-SRC-1.
func TestAdmitRefuses(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada"})
		gone := w.admit(person{name: "gone"})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), gone) })
		as := func(source string) access.Provenance { return access.Provenance{Source: source, Book: w.rules.Book()} }
		for _, c := range []struct {
			name string
			from access.Provenance
			who  person
			want error
		}{
			{"a source no document approves", as("nobody"), person{name: "x"}, schema.ErrForbidden},
			{"a new one of a source that only contributes", as("okta"), person{name: "x"}, nil},
			{"one that there is not", as("hr"), person{id: "nothing", name: "x"}, schema.ErrNotFound},
			{"one of another source", as("okta"), person{id: ada, name: "ada"}, schema.ErrNotFound},
			{"one that was deleted", as("hr"), person{id: gone, name: "gone"}, schema.ErrNotFound},
			{"a userName that is taken", as("hr"), person{name: "ADA"}, schema.ErrConflict},
			{"the userName of one that was deleted", as("hr"), person{name: "gone"}, nil},
		} {
			err := w.try(func(tx store.Tx) error {
				_, err := access.Admit(tx, c.from, c.who.identity(t))
				return err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.want)
			}
		}
	})
}

// TestAdmitTwice tells the same twice: nothing is written.
func TestAdmitTwice(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Sales"})
		w.work()
		before := len(w.verbs(ada))
		w.admit(person{id: ada, name: "ada", department: "Sales"})
		w.work()
		if got := w.verbs(ada); len(got) != before {
			t.Errorf("decisions %v, want none for what is known", got)
		}
		w.view(func(r store.Reader) error {
			id, err := store.Identities.Get(r, ada)
			if id.Version != 1 {
				t.Errorf("version %d, want 1", id.Version)
			}
			return err
		})
	})
}

// TestAuthority has a source that may not say who is active say it. R-SRC-3.
func TestAuthority(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, `authoritativeFor: ["*"] }`, `authoritativeFor: [userName, department, employment] }`))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
		w.work()
		if got := w.verbs(ada); !slices.Contains(got, schema.Ignored) {
			t.Errorf("decisions %v, want that it was ignored", got)
		}
		w.view(func(r store.Reader) error {
			id, err := store.Identities.Get(r, ada)
			if id.Active {
				t.Error("the source does not read back what it wrote")
			}
			return err
		})
		w.want(ada, "Readers")
	})
}

// TestAuthorityFromTheFirst has a source that may say who is there, and no department, say
// one of somebody new: it reads it back, no rule reads it, and the log has it as ignored.
// R-SRC-3.
func TestAuthorityFromTheFirst(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, `authoritativeFor: ["*"] }`, `authoritativeFor: [userName, active] }`))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.want(ada, "")
		w.view(func(r store.Reader) error {
			id, err := store.Identities.Get(r, ada)
			if !strings.Contains(string(id.Resource), "Engineering") {
				t.Errorf("the source does not read back what it wrote: %s", id.Resource)
			}
			var why []string
			for e, err := range store.LogAbout(r, ada) {
				if err != nil {
					return err
				}
				if e.Decision.Verb == schema.Ignored {
					why = append(why, e.Decision.Reason)
				}
			}
			if want := []string{"no authority for department"}; !slices.Equal(why, want) {
				t.Errorf("ignored for %q, want %q", why, want)
			}
			return err
		})
	})
	engines(t, func(t *testing.T, w *world) { // who may say all is not told off
		ada := w.admit(person{name: "ada", department: "Engineering"})
		if got := w.verbs(ada); slices.Contains(got, schema.Ignored) {
			t.Errorf("decisions %v", got)
		}
	})
}

// TestGrantEndsOrSaysWhyNot proves R-JIT-1: a grant for which nobody asked an end ends when its
// role says, and one of a role that needs no end has the role's words for that, and nobody
// else's.
func TestGrantEndsOrSaysWhyNot(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		give := func(until time.Time) (g schema.Grant) {
			t.Helper()
			w.update(func(tx store.Tx) (err error) {
				g, err = access.Grant(tx, w.rules.Book(), schema.Grant{
					Identity: ada, Role: "editor", By: "token/test", Reason: "why not", Approvals: []schema.Approval{{By: "iam@example.com"}},
					Until: until, Permanent: "I say so",
				})
				return err
			})
			return g
		}
		if g := give(time.Time{}); !g.Until.Equal(time.Now().Add(8*time.Hour)) || g.Permanent != "" {
			t.Errorf("it ends at %s, and needs no end because %q; want it to end in 8 hours", g.Until, g.Permanent)
		}
		w.rules.Use(book(t, "duration: { default: 8h, max: 24h }", "permanent: { because: Editors stay. }"))
		if g := give(time.Time{}); !g.Until.IsZero() || g.Permanent != "Editors stay." {
			t.Errorf("it ends at %s, and needs no end because %q; want the role's words", g.Until, g.Permanent)
		}
		if g := give(time.Now().Add(time.Hour)); g.Until.IsZero() || g.Permanent != "" {
			t.Errorf("asked for an hour, it ends at %s, and needs no end because %q", g.Until, g.Permanent)
		}
	})
}

// TestGrantRefuses has nobody get a role whom it is not for, nor on nobody's word, nor for
// longer than it may be. R-JIT-1.
func TestGrantRefuses(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		bob := w.admit(person{name: "bob", department: "Sales"})
		yes := []schema.Approval{{By: "iam@example.com"}}
		good := func(change func(*schema.Grant)) schema.Grant {
			g := schema.Grant{Identity: ada, Role: "editor", By: "token/test", Reason: "why not", Approvals: yes}
			change(&g)
			return g
		}
		for _, c := range []struct {
			name  string
			grant schema.Grant
			want  error
		}{
			{"as it should be", good(func(*schema.Grant) {}), nil},
			{"a role there is not", good(func(g *schema.Grant) { g.Role = "nothing" }), schema.ErrNotFound},
			{"a role held by rule", good(func(g *schema.Grant) { g.Role = "engineer" }), schema.ErrForbidden},
			{"nobody there", good(func(g *schema.Grant) { g.Identity = "nobody" }), schema.ErrNotFound},
			{"no reason", good(func(g *schema.Grant) { g.Reason = "" }), schema.ErrInvalid},
			{"nobody decided", good(func(g *schema.Grant) { g.By = "" }), schema.ErrInvalid},
			{"nobody approved", good(func(g *schema.Grant) { g.Approvals = nil }), schema.ErrForbidden},
			{"approved by herself", good(func(g *schema.Grant) { g.Approvals = []schema.Approval{{By: "identity/" + ada}} }), schema.ErrForbidden},
			{"one person twice", good(func(g *schema.Grant) { g.Approvals = append(slices.Clone(yes), yes...) }), schema.ErrForbidden},
			{"longer than it may be", good(func(g *schema.Grant) { g.Until = time.Now().Add(25 * time.Hour) }), schema.ErrForbidden},
			{"over before it begins", good(func(g *schema.Grant) { g.Until = time.Now().Add(-time.Hour) }), schema.ErrInvalid},
			{"not eligible", good(func(g *schema.Grant) { g.Identity = bob }), schema.ErrForbidden},
		} {
			err := w.try(func(tx store.Tx) error {
				_, err := access.Grant(tx, w.rules.Book(), c.grant)
				return err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.want)
			}
		}
		err := w.try(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: ada, Role: "editor", By: "token/test"})
		})
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("revoked without a reason: %v, want ErrInvalid", err)
		}
	})
}

// TestReplay tells of a membership a thousand times after the access it gave was
// taken away, and of the person whose grant expired: it does not come back. R-JIT-2.
func TestReplay(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		var group schema.Group
		w.update(func(tx store.Tx) (err error) {
			group, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"})
			return err
		})
		edge := schema.Member{Group: group.ID, Member: ada}
		join := func(tx store.Tx) error { _, err := access.Join(tx, w.hr(), edge); return err }
		leave := func(tx store.Tx) error { _, err := access.Leave(tx, w.hr(), edge); return err }
		w.update(join)
		w.grant(ada, "editor")
		w.work()
		w.want(ada, "Editors Readers Writers")
		w.update(func(tx store.Tx) error {
			return access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: ada, Role: "writer", By: "token/test", Reason: "misuse"})
		})
		time.Sleep(9 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(ada, "Readers")
		calls := w.calls
		for i := range 1000 {
			w.update(leave)
			w.update(join)
			if i%100 == 0 {
				w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
				w.admit(person{id: ada, name: "ada", department: "Engineering"})
				w.work()
				w.want(ada, "Readers")
			}
		}
		w.work()
		w.want(ada, "Readers")
		if w.calls != calls {
			t.Errorf("the target was called %d times for nothing", w.calls-calls)
		}
		w.grant(ada, "editor") // a new decision
		w.work()
		w.want(ada, "Editors Readers")
	})
}

// TestLeaverOvertakesImport has somebody leave while five hundred wait. R-SLO-2.
func TestLeaverOvertakesImport(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		leaver := w.admit(person{name: "leaver", department: "Engineering"})
		w.work()
		for i := range 500 {
			w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"})
		}
		w.admit(person{id: leaver, name: "leaver", department: "Engineering", inactive: true})
		for _, lane := range []store.Lane{access.LaneIdentity, access.LaneAccount("wiki")} {
			w.update(func(tx store.Tx) error {
				items, err := tx.Lease(lane, 1, time.Minute)
				if err != nil || len(items) != 1 || items[0].ID != leaver {
					t.Errorf("lane %s: leased %v, %v; want the leaver first", lane, items, err)
					return err
				}
				return tx.Retry(items[0], tx.Now())
			})
			w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
				return access.Reconcile(t.Context(), w.store, w.rules, item)
			})
		}
	})
}

// TestLeaverOvertakesRollout has somebody leave while everybody is looked at again for a
// policy that came into force: they are next, however many wait. R-SLO-2.
func TestLeaverOvertakesRollout(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		leaver := w.admit(person{name: "leaver", department: "Engineering"})
		for i := range 500 {
			w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"})
		}
		w.work()
		w.publish(book(t, "Engineers read the wiki.", "Engineers read what others wrote."))
		w.lane(access.LaneRollout, func(item store.Item) (access.Finish, error) {
			return access.Rollout(t.Context(), w.store, w.rules, item)
		})
		w.admit(person{id: leaver, name: "leaver", department: "Engineering", inactive: true})
		waiting := 0
		w.update(func(tx store.Tx) (err error) {
			if waiting, err = store.Backlog(tx, access.LaneIdentity, 1000); err != nil {
				return err
			}
			items, err := tx.Lease(access.LaneIdentity, 1, time.Minute)
			if err != nil || len(items) != 1 || items[0].ID != leaver {
				t.Errorf("leased %v, %v; want the leaver first", items, err)
				return err
			}
			return tx.Retry(items[0], tx.Now())
		})
		if waiting < 500 {
			t.Errorf("%d wait, and the leaver overtook nobody", waiting)
		}
		w.work()
		w.want(leaver, "")
	})
}

// TestGroups follows a nested group through its names and its end.
func TestGroups(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada"})
		var outer, inner schema.Group
		w.update(func(tx store.Tx) (err error) {
			if outer, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "writers"}); err != nil {
				return err
			}
			if inner, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "poets"}); err != nil {
				return err
			}
			for _, m := range []schema.Member{{Group: outer.ID, Member: inner.ID, Nested: true}, {Group: inner.ID, Member: outer.ID, Nested: true}, {Group: inner.ID, Member: ada}} {
				if news, err := access.Join(tx, w.hr(), m); err != nil || !news {
					t.Errorf("%v is no news, %v", m, err)
				}
				if news, err := access.Join(tx, w.hr(), m); err != nil || news {
					t.Errorf("%v is news twice, %v", m, err)
				}
			}
			return nil
		})
		w.work()
		w.want(ada, "Writers")
		rename := func(name string) {
			outer.DisplayName = name
			w.update(func(tx store.Tx) error { _, err := access.AdmitGroup(tx, w.hr(), outer); return err })
			w.work()
		}
		rename("readers")
		w.want(ada, "")
		rename("writers")
		w.want(ada, "Writers")
		w.update(func(tx store.Tx) error {
			if news, err := access.Leave(tx, w.hr(), schema.Member{Group: outer.ID, Member: ada}); err != nil || news {
				t.Errorf("leaving where she never was is news, %v", err)
			}
			return access.RemoveGroup(tx, w.hr(), outer.ID)
		})
		w.work()
		w.want(ada, "")
		w.view(func(r store.Reader) error {
			for m, err := range store.Members.All(r, outer.ID) {
				t.Errorf("an edge of the group that is gone: %v, %v", m, err)
			}
			return nil
		})
	})
}

// TestExpire ends a grant by its sweep, once, and not before its time. R-JIT-2.
func TestExpire(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.grant(ada, "editor")
		expire := func() (ended bool) {
			w.update(func(tx store.Tx) error {
				for g, err := range store.Grants.All(tx, ada) {
					if err != nil {
						return err
					}
					if ended, err = access.Expire(tx, "sweep/expiry", "digest", g); err != nil {
						return err
					}
				}
				return nil
			})
			return ended
		}
		if expire() {
			t.Error("it ended before its time")
		}
		time.Sleep(8 * time.Hour) //nolint:forbidigo // of the bubble's own time
		if !expire() || expire() {
			t.Error("it did not end, or twice")
		}
		w.work()
		w.want(ada, "Readers")
	})
}

// TestUnpark parks an account, and has a person try it again.
func TestUnpark(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
			return access.Reconcile(t.Context(), w.store, w.rules, item)
		})
		w.lane(access.LaneAccount("wiki"), func(item store.Item) (access.Finish, error) {
			return func(tx store.Tx) (time.Time, error) {
				work, err := access.WorkFor(tx, w.rules, "wiki", item.ID, 1)
				if err != nil {
					return time.Time{}, err
				}
				_, err = access.Observe(tx, w.rules, item, access.Outcome{Work: work, Got: work.Have, Err: errors.New("no such plan"), Park: true})
				return time.Time{}, err
			}, nil
		})
		w.work()
		w.want(ada, "")
		n, err := access.UnparkAll(t.Context(), w.store, "token/test", "wiki")
		if n != 1 || err != nil {
			t.Errorf("%d accounts, %v; want one", n, err)
		}
		w.work()
		w.want(ada, "Readers")
		if n, err := access.UnparkAll(t.Context(), w.store, "token/test", "wiki"); n != 0 || err != nil {
			t.Errorf("%d accounts, %v; want none", n, err)
		}
	})
}

// TestDriftIsUndoneWhereWeAloneWrite changes an account by hand, in each way in which one can be
// changed. Where the bridge alone writes it is as it was again, by a decision that says what
// differed; where others write as well, as they do where nothing is said, it stays, and is found.
// R-INH-4, R-DRIFT-1, R-DRIFT-2, R-DRIFT-3.
func TestDriftIsUndoneWhereWeAloneWrite(t *testing.T) {
	for name, c := range map[string]struct {
		change func(a *schema.Account)
		what   string
	}{
		"something is added": {func(a *schema.Account) { a.Entitlements = []string{"Admins", "Readers"} }, "has Admins"},
		"something is taken": {func(a *schema.Account) { a.Entitlements = nil }, "lacks Readers"},
		"it is disabled":     {func(a *schema.Account) { a.Active = false }, "active is false"},
		"it is renamed": {func(a *schema.Account) {
			a.Attributes = maps.Clone(a.Attributes)
			a.Attributes["userName"] = "somebody"
		}, "userName differs"},
		"it is deleted": {func(a *schema.Account) { *a = schema.Account{} }, "the account is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				for authority, undone := range map[string]bool{"  authority: exclusive\n": true, "  authority: shared\n": false, "": false} {
					w.rules.Use(book(t, "  authority: exclusive\n", authority))
					ada := w.admit(person{name: fmt.Sprint("ada", len(authority)), department: "Engineering"})
					w.work()
					was := w.targets["wiki"]["r-"+ada]
					is := was
					c.change(&is)
					w.targets["wiki"]["r-"+ada] = is
					seen := is
					seen.Connector, seen.Identity = "wiki", ada
					w.update(func(tx store.Tx) error {
						acted, err := access.Drift(tx, w.rules, "run", seen)
						if acted != undone {
							t.Errorf("%q: acted %v", authority, acted)
						}
						return err
					})
					w.work()
					got, want := w.targets["wiki"]["r-"+ada], is
					if undone {
						want = was
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%q: at the target (-want +got):\n%s", authority, diff)
					}
					if found, logged := w.reasonOf("drift", ada), w.drifted(ada); strings.Contains(found, c.what) == undone || strings.Contains(logged, c.what) != undone {
						t.Errorf("%q: found is %q, and undone because of %q; want one of them to say %q", authority, found, logged, c.what)
					}
				}
			})
		})
	}
}

// reasonOf is why somebody has a finding of a kind at the wiki; nothing where they have none.
func (w *world) reasonOf(kind, identity string) (why string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		f, err := store.Findings.Get(r, kind, "wiki", identity, "")
		if why = f.Reason; schema.IsNotFound(err) {
			return nil
		}
		return err
	})
	return why
}

// drifted is what the log says of how somebody's account differed; nothing where it did not.
func (w *world) drifted(identity string) (why string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		for e, err := range store.LogAbout(r, identity) {
			if err != nil {
				return err
			}
			if e.Decision.Verb == schema.Drifted {
				why = e.Decision.Reason
			}
		}
		return nil
	})
	return why
}

// TestLoweredModeGivesNothingBack takes the mode of a role from enforce to observe:
// what was taken away by hand at the target then stays away, and what is there
// stays there. R-MODE-4.
func TestLoweredModeGivesNothingBack(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.want(ada, "Readers")
		w.rules.Use(book(t, "metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }\nspec:\n  type: birthright\n  mode: enforce",
			"metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }\nspec:\n  type: birthright\n  mode: observe"))
		w.admit(person{id: ada, name: "ada", department: "Engineering"})
		w.work()
		w.want(ada, "Readers")
		account := w.targets["wiki"]["r-"+ada]
		account.Entitlements = nil
		w.targets["wiki"]["r-"+ada] = account
		account.Connector, account.Identity = "wiki", ada
		w.update(func(tx store.Tx) error {
			_, err := access.Drift(tx, w.rules, "run", account)
			return err
		})
		w.work()
		w.want(ada, "")
		if !w.targets["wiki"]["r-"+ada].Active {
			t.Error("the account is disabled; want it as it is")
		}
	})
}

// TestObserveWritesNothing publishes a policy whose connector observes: lines are
// decided, and nothing reaches the target. R-MODE-1, R-LOG-1.
func TestObserveWritesNothing(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, "type: memory\n  mode: enforce", "type: memory\n  mode: observe"))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		w.want(ada, "")
		if w.calls != 0 {
			t.Errorf("the target was called %d times", w.calls)
		}
		if got := w.verbs(ada); !slices.Contains(got, schema.Assigned) {
			t.Errorf("decisions %v, want that it was decided", got)
		}
	})
}

// TestRunsThatComeToTheSame keeps them as one. R-SWEEP-1.
func TestRunsThatComeToTheSame(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		logged := w.logged()
		for i, c := range []struct {
			run   schema.Run
			again int
			news  int64
		}{
			{schema.Run{Problem: "no answer"}, 0, 1},
			{schema.Run{Problem: "no answer"}, 1, 1},
			{schema.Run{Problem: "no answer"}, 2, 1},
			{schema.Run{Problem: "refused"}, 0, 2},
			{schema.Run{Found: 3, Reported: 3}, 0, 3},
			{schema.Run{Found: 3, Reported: 3, Looked: 7}, 1, 3},
			{schema.Run{Found: 3, Done: 3}, 0, 4},
			{schema.Run{Found: 3, Done: 3}, 0, 5}, // what was done was done twice
			{schema.Run{}, 0, 5},
			{schema.Run{Found: 3, Reported: 3}, 0, 6}, // there was nothing in between
		} {
			time.Sleep(time.Hour) //nolint:forbidigo // of the bubble's own time
			c.run.Sweep, c.run.Started = "drift", time.Now()
			w.update(func(tx store.Tx) error {
				c.run.ID = tx.NewID()
				return access.RecordRun(tx, w.rules.Book(), c.run)
			})
			w.view(func(r store.Reader) error {
				last, err := access.LastRun(r, "drift", func(schema.Run) bool { return true })
				if err != nil || last.Again != c.again || !last.Started.Equal(c.run.Started) || last.Looked != c.run.Looked {
					t.Errorf("run %d: the last is %+v, %v; want it again %d times", i, last, err, c.again)
				}
				return nil
			})
			if n := w.logged() - logged; n != c.news {
				t.Errorf("run %d: %d decisions, want %d", i, n, c.news)
			}
		}
	})
}

// TestRuns keeps every run that found something, and of the quiet ones the last.
func TestRuns(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		for i, run := range []schema.Run{{}, {Found: 1}, {}, {Held: "too much"}, {}, {Problem: "no answer"}} {
			run.ID, run.Sweep = fmt.Sprint(i), "drift"
			w.update(func(tx store.Tx) error { return access.RecordRun(tx, w.rules.Book(), run) })
		}
		w.view(func(r store.Reader) error {
			if n, err := store.Runs.Count(r); n != 4 || err != nil {
				t.Errorf("%d runs, %v; want three and a quiet one", n, err)
			}
			return nil
		})
		for _, some := range [][]string{{"stranger"}, {"stranger"}, nil} {
			if err := access.ReportOrphans(t.Context(), w.store, w.rules.Book(), "wiki", some, nil); err != nil {
				t.Fatal(err)
			}
			if got := w.findings("orphan"); len(got) != len(some) {
				t.Errorf("findings about %v, want %d", got, len(some))
			}
		}
	})
}

// TestOverAtEveryRead has a grant reach its end while nothing runs: whoever looks is told that
// it is over, and not that somebody has what it gave. What a rule gives besides is held. R-JIT-2.
func TestOverAtEveryRead(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.grant(ada, "editor")
		w.work()
		end := time.Now().Add(8 * time.Hour)
		w.view(func(r store.Reader) error {
			for g, err := range store.Grants.All(r, ada) {
				if end = g.Until; err != nil {
					return err
				}
			}
			return nil
		})
		look := func(over bool) {
			t.Helper()
			w.view(func(r store.Reader) error {
				for ref, is := range map[string]bool{"wiki/editors": over, "wiki/readers": false} {
					e, err := access.Explain(r, w.rules, "ada", ref)
					if err != nil {
						return err
					}
					if want := map[bool]access.Standing{false: access.Holds, true: access.Ending}[is]; e.Standing != want || e.Over.Equal(end) != is {
						t.Errorf("%s: it %s, over %s; want it %s: %s", ref, e.Standing, e.Over, want, e.Answer)
					}
					if is && !strings.Contains(e.Answer, "has yet to be done") {
						t.Errorf("%s: %s", ref, e.Answer)
					}
				}
				for line, err := range store.Assignments.All(r, ada) {
					if err != nil {
						return err
					}
					if at, err := access.Over(r, line); err != nil || at.Equal(end) != (over && line.Entitlement == "editors") {
						t.Errorf("%s is over at %s, %v", line.Ref(), at, err)
					}
				}
				return nil
			})
		}
		time.Sleep(time.Until(end) - time.Second) //nolint:forbidigo // of the bubble's own time
		look(false)
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
		look(true)
		w.work()
		w.want(ada, "Readers")
	})
}
