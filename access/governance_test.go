package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestQuarantine follows the role engineer, owned by lead with second as deputy,
// through the ways in which people come and go. R-OWN-2.
func TestQuarantine(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		quarantined := func(want bool, when string) {
			t.Helper()
			w.work()
			w.view(func(r store.Reader) error {
				roles, err := access.Quarantined(r)
				if (roles["engineer"] != "") != want {
					t.Errorf("%s: in quarantine: %v, want %v", when, roles, want)
				}
				return err
			})
		}
		old := w.admit(person{name: "ada", department: "Engineering"})
		w.publish(w.rules.Book()) // so that there is a policy to look at everyone under
		quarantined(false, "owners nobody heard of")
		lead := w.admit(person{name: "lead", department: "Engineering"})
		quarantined(false, "an owner who is there")
		w.admit(person{id: lead, name: "lead", department: "Engineering", inactive: true})
		quarantined(true, "an owner who left, and a deputy nobody heard of")

		w.want(old, "Readers")
		newcomer := w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		w.want(newcomer, "")
		if got := w.findings("quarantine"); !slices.Equal(got, []string{"role/engineer"}) {
			t.Errorf("findings about %v, want the role", got)
		}
		if got := w.verbs("role/engineer"); !slices.Contains(got, schema.Quarantined) {
			t.Errorf("decisions %v, want that it was put in quarantine", got)
		}
		// A restart knows it: nothing of it is in memory.
		w.rules = access.NewRules(w.rules.Book(), nil)
		w.admit(person{id: newcomer, name: "bob", department: "Engineering", inactive: true})
		w.admit(person{id: newcomer, name: "bob", department: "Engineering"})
		w.work()
		w.want(newcomer, "")

		second := w.admit(person{name: "second", department: "Engineering"})
		quarantined(false, "a deputy who is there")
		w.want(newcomer, "Readers")
		if got := w.findings("owner-left"); !slices.Equal(got, []string{"role/engineer"}) {
			t.Errorf("findings about %v, want that the role wants an owner", got)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), second) })
		quarantined(true, "a deputy who was deleted")
		w.admit(person{id: lead, name: "lead", department: "Engineering"})
		quarantined(false, "an owner who is back")
		if open := append(w.findings("quarantine"), w.findings("owner-left")...); len(open) > 0 {
			t.Errorf("findings about %v stay open", open)
		}
		w.admit(person{id: lead, name: "lead", department: "Engineering", inactive: true})
		quarantined(true, "the owner left again")
		w.publish(book(t, "lead@example.com", "ada@example.com", "second@example.com", "eve@example.com"))
		quarantined(false, "a document that names another owner")
	})
}

// TestQuarantineRefusesGrants proves R-OWN-2.
func TestQuarantineRefusesGrants(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, "metadata: { name: editor, owner: { user: iam@example.com", "metadata: { name: editor, owner: { user: lead@example.com"))
		ada := w.admit(person{name: "ada", department: "Engineering"})
		lead := w.admit(person{name: "lead"})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), lead) })
		w.work()
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
				Identity: ada, Role: "editor", By: "token/test", Reason: "why not", Approvals: []schema.Approval{{By: "iam@example.com"}},
			})
			return err
		})
		if !errors.Is(err, schema.ErrForbidden) || !strings.Contains(err.Error(), "lead@example.com left") {
			t.Errorf("got %v, want ErrForbidden that says whose owner left", err)
		}
	})
}

// TestApproversGone has the group that approves a role lose its last member. R-OWN-2.
func TestApproversGone(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(book(t, "[{ roleOwner: true }]", "[{ group: board }]"))
		var board, directors schema.Group
		eve, fred := w.admit(person{name: "eve"}), w.admit(person{name: "fred"})
		w.update(func(tx store.Tx) (err error) {
			if directors, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "directors"}); err != nil {
				return err
			}
			_, err = access.Join(tx, w.hr(), schema.Member{Group: directors.ID, Member: fred})
			return err
		})
		w.update(func(tx store.Tx) (err error) {
			if board, err = access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "board"}); err != nil {
				return err
			}
			_, err = access.Join(tx, w.hr(), schema.Member{Group: board.ID, Member: eve})
			return err
		})
		for _, c := range []struct {
			name string
			do   func(tx store.Tx) error
			want bool
		}{
			{"she is there", func(store.Tx) error { return nil }, false},
			{"she was deactivated", func(tx store.Tx) error {
				_, err := access.Admit(tx, w.hr(), person{id: eve, name: "eve", inactive: true}.identity(t))
				return err
			}, true},
			{"she is back", func(tx store.Tx) error {
				_, err := access.Admit(tx, w.hr(), person{id: eve, name: "eve"}.identity(t))
				return err
			}, false},
			{"she left the group", func(tx store.Tx) error {
				_, err := access.Leave(tx, w.hr(), schema.Member{Group: board.ID, Member: eve})
				return err
			}, true},
			{"she joined again", func(tx store.Tx) error {
				_, err := access.Join(tx, w.hr(), schema.Member{Group: board.ID, Member: eve})
				return err
			}, false},
			{"she left it again", func(tx store.Tx) error {
				_, err := access.Leave(tx, w.hr(), schema.Member{Group: board.ID, Member: eve})
				return err
			}, true},
			{"another group was given its name, in its own spelling", func(tx store.Tx) error {
				directors.DisplayName = "Board"
				_, err := access.AdmitGroup(tx, w.hr(), directors)
				return err
			}, false},
			{"fred, who is in it, left it", func(tx store.Tx) error {
				_, err := access.Leave(tx, w.hr(), schema.Member{Group: directors.ID, Member: fred})
				return err
			}, true},
			{"one was deleted, the other renamed, and no group has the name", func(tx store.Tx) error {
				directors.DisplayName = "retired"
				if _, err := access.AdmitGroup(tx, w.hr(), directors); err != nil {
					return err
				}
				return access.RemoveGroup(tx, w.hr(), board.ID)
			}, true},
			{"a new one has it, with eve in it", func(tx store.Tx) error {
				g, err := access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "BOARD"})
				if err != nil {
					return err
				}
				_, err = access.Join(tx, w.hr(), schema.Member{Group: g.ID, Member: eve})
				return err
			}, false},
			{"it was deleted", func(tx store.Tx) error {
				for g, err := range store.Groups.By(tx, store.GroupName, "hr", "board") {
					if err != nil {
						return err
					}
					return access.RemoveGroup(tx, w.hr(), g.ID)
				}
				return errors.New("there is no board")
			}, true},
		} {
			w.update(c.do)
			w.work()
			w.view(func(r store.Reader) error {
				roles, err := access.Quarantined(r)
				if _, got := roles["editor"]; got != c.want {
					t.Errorf("%s: in quarantine: %v, want %v", c.name, got, c.want)
				}
				return err
			})
		}
	})
}

const massChange = `authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: okta,`

// braked is the policy with a brake on the source hr.
func braked(t testing.TB, limits string) *policy.Book {
	t.Helper()
	return book(t, massChange, strings.Replace(massChange, `["*"] }`, `["*"], massChange: { `+limits+`, onExceeded: hold } }`, 1))
}

// TestBrakeCountsAgain has a source go live on the day on which it ended a few: what
// it may end is a share of those it has by then. R-SRC-7.
func TestBrakeCountsAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules.Use(braked(t, "percentPerDay: 10"))
		admit := func(from, to int) (people []string) {
			for i := from; i < to; i++ {
				people = append(people, w.admit(person{name: fmt.Sprintf("p%03d", i), department: "Engineering"}))
			}
			return people
		}
		end := func(people ...string) {
			for _, id := range people {
				w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
			}
		}
		few := admit(0, 12)
		end(few[:6]...)
		if got := w.held("source:hr").Count; got != 1 {
			t.Errorf("%d of six of twelve are held, want the sixth", got)
		}
		many := admit(12, 200)
		time.Sleep(10 * time.Minute) //nolint:forbidigo // of the bubble's own time
		end(many[0])
		if got := w.held("source:hr").Count; got != 1 {
			t.Errorf("%d are held, want one of two hundred to go", got)
		}
	})
}

// TestMassChange has a source end ten people at once, in both of its ways, where
// three in an hour are believed. R-SRC-7.
func TestMassChange(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		for _, limits := range []string{"deactivationsPerHour: 3", "percentPerDay: 25"} {
			w.rules.Use(braked(t, limits))
			var people []string
			for i := range 12 {
				people = append(people, w.admit(person{name: fmt.Sprintf("p%02d%c", i, limits[0]), department: "Engineering"}))
			}
			w.work()
			end := func(i int) {
				if i%2 == 0 {
					w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), people[i]) })
					return
				}
				w.admit(person{id: people[i], name: fmt.Sprintf("p%02d%c", i, limits[0]), department: "Engineering", inactive: true})
			}
			standing := func() (n int) {
				w.work()
				for _, id := range people {
					if w.holds(id) != "" {
						n++
					}
				}
				return n
			}
			end(0)
			if got := standing(); got != 11 {
				t.Errorf("%s: after a single leaver %d of 12 have access, want 11", limits, got)
			}
			for i := 1; i < 10; i++ {
				end(i)
			}
			if got := standing(); got != 9 && limits[0] == 'd' || got < 6 || got > 9 {
				t.Errorf("%s: %d have access, want what is beyond the limit held", limits, got)
			}
			if got := w.findings("mass-change"); !slices.Equal(got, []string{"source/hr"}) {
				t.Errorf("%s: findings about %v, want the source", limits, got)
			}
			w.view(func(r store.Reader) error {
				id, err := store.Identities.Get(r, people[9])
				if id.Active {
					t.Errorf("%s: what the source said is not what is stored", limits)
				}
				return err
			})
			if got := w.verbs(people[9]); got[len(got)-1] != schema.Held {
				t.Errorf("%s: decisions %v, want the last to be held", limits, got)
			}
			w.admit(person{id: people[9], name: fmt.Sprintf("p%02d%c", 9, limits[0]), department: "Sales"})
			w.work()
			w.want(people[9], "") // the source took it back, and moved them
			before := standing()
			n := w.held("source:hr").Count
			w.release("source:hr", "they did leave")
			if got := standing(); got != 2 || before-got != n {
				t.Errorf("%s: %d of %d have access after %d were let go, want 2", limits, got, before, n)
			}
			if got := w.findings("mass-change"); len(got) > 0 {
				t.Errorf("%s: findings about %v stay open", limits, got)
			}
			for _, id := range people[10:] { // make room for the next case
				w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), id) })
			}
			if w.held("source:hr").ID != "" {
				w.release("source:hr", "the next case")
			}
			w.work()
			w.update(func(tx store.Tx) error { return store.Settings.Delete(tx, "ended/hr") })
		}
	})
}

// TestHeavyPolicy publishes a policy that would take readers from everybody, where
// its limit is two: it is held, leavers still pass, and people release it. R-BRAKE-1, R-BRAKE-5.
func TestHeavyPolicy(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		var people []string
		for i := range 5 {
			people = append(people, w.admit(person{name: fmt.Sprint("p", i), department: "Engineering"}))
		}
		w.work()
		heavy := book(t, `identity.department == "Engineering"`, `identity.department == "Nobody"`,
			"  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 2 } }\n  identity:")
		w.publish(heavy)
		w.work()
		for _, id := range people {
			w.want(id, "Readers")
		}
		if got := w.verbs("policy/" + heavy.Digest()); !slices.Equal(got, []schema.Verb{schema.Published, schema.Held, schema.Found}) {
			t.Errorf("decisions %v, want that it is held", got)
		}
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), people[0]) })
		newcomer := w.admit(person{name: "new", department: "Operations"})
		w.work()
		w.want(people[0], "")
		w.want(newcomer, "Admins")
		w.release("policy:"+heavy.Digest(), "as intended")
		w.work()
		for _, id := range people {
			w.want(id, "")
		}
		if open := w.findings("held-policy"); len(open) > 0 {
			t.Errorf("findings about %v stay open", open)
		}
		if h := w.held("policy:" + heavy.Digest()); h.ID != "" {
			t.Errorf("still held: %+v", h)
		}
		light := book(t, "  mode: enforce\n  identity:", "  mode: enforce\n  limits: { revokesPerRun: { count: 2 } }\n  identity:")
		w.publish(light)
		w.work()
		w.want(people[1], "Readers")
		if got := w.verbs("policy/" + light.Digest()); !slices.Equal(got, []schema.Verb{schema.Published}) {
			t.Errorf("decisions %v, want nothing held", got)
		}
	})
}

// TestLastAdministrator removes a role that two people rest a privileged
// entitlement on: one of them keeps it until a third has it.
func TestLastAdministrator(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		a := w.admit(person{name: "a", department: "Operations"})
		b := w.admit(person{name: "b", department: "Operations"})
		w.work()
		w.want(a, "Admins")
		privileged := []string{"risk: high }", "risk: high, privileged: true }"}
		end := strings.Index(documents, "---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: writer")
		begin := strings.Index(documents, "---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: admin")
		removed := book(t, append(privileged, documents[begin:end], "")...)
		w.publish(removed)
		w.work()
		if held := w.holds(a) + w.holds(b); held != "Admins" {
			t.Fatalf("the two have %q, want that one of them is left", held)
		}
		last := a
		if w.holds(b) != "" {
			last = b
		}
		if got := w.verbs(last); got[len(got)-1] != schema.Held {
			t.Errorf("decisions %v, want the last to be held", got)
		}
		if got := w.findings("last-admin"); !slices.Equal(got, []string{last}) {
			t.Errorf("findings about %v, want %s", got, last)
		}
		jit := book(t, append(privileged, documents[begin:end], strings.NewReplacer(
			"type: birthright", "type: jit", "assign:", "approval: owner\n  eligible:",
			"permanent: { because: Held for the length of employment. }", "duration: { default: 1h, max: 2h }",
		).Replace(documents[begin:end]))...)
		w.publish(jit)
		w.work()
		w.want(last, "Admins")
		c := w.admit(person{name: "c", department: "Operations"})
		w.grant(c, "admin")
		w.work()
		w.want(c, "Admins")
		w.want(last, "")
		if got := w.findings("last-admin"); len(got) > 0 {
			t.Errorf("findings about %v stay open", got)
		}
	})
}

// TestLeaverIsNotKeptAsLastAdministrator has the last one leave.
func TestLeaverIsNotKeptAsLastAdministrator(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		a := w.admit(person{name: "a", department: "Operations"})
		w.work()
		w.publish(refused(t, "risk: high }", "risk: high, privileged: true }"))
		w.work()
		w.want(a, "Admins")
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), a) })
		w.work()
		w.want(a, "")
		w.view(func(r store.Reader) error {
			if n, err := store.Assignments.Count(r); n != 0 || err != nil {
				t.Errorf("%d lines are still held, %v", n, err)
			}
			return nil
		})
		if got := w.findings("no-administrator"); !slices.Equal(got, []string{"wiki/admins"}) {
			t.Errorf("findings about %v, want that nobody is left", got)
		}
	})
}

// TestNobodyIsNamed has a deputy answer for a role for two weeks, and nobody named: then it
// is in quarantine, and stays so until somebody is; and it is said who owns what. R-OWN-2,
// R-READY-2.
func TestNobodyIsNamed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		lead := w.admit(person{name: "lead", department: "Engineering"})
		w.admit(person{name: "second", department: "Engineering"})
		w.work()
		w.admit(person{id: lead, name: "lead", department: "Engineering", inactive: true})
		w.work()
		quarantined := func() (why string) {
			w.view(func(r store.Reader) error {
				roles, err := access.Quarantined(r)
				why = roles["engineer"]
				return err
			})
			return why
		}
		days(13)
		w.work()
		if why := quarantined(); why != "" {
			t.Errorf("after 13 days it is in quarantine: %s", why)
		}
		days(1)
		w.work()
		if why := quarantined(); !strings.Contains(why, "for 14d nobody named another") {
			t.Errorf("after 14 days it is in quarantine for %q", why)
		}
		days(1)
		w.admit(person{name: "eve", department: "Engineering"}) // it is looked at, and stays so
		w.work()
		if why := quarantined(); why == "" {
			t.Error("it came out of quarantine by itself")
		}
		w.publish(book(t, "lead@example.com", "second@example.com", "deputy: second@example.com", "deputy: eve@example.com"))
		w.work()
		if why := quarantined(); why != "" {
			t.Errorf("somebody is named, and it is in quarantine: %s", why)
		}
		w.view(func(r store.Reader) error {
			all, err := access.Owners(r, w.rules.Book(), 1)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all.People, func(p access.Answerer) bool { return p.Who == "iam@example.com" })
			if i < 0 || !all.People[i].Many || all.People[i].There || !slices.Contains(all.People[i].Owns, "Role/editor") {
				t.Errorf("owners: %+v; want that iam owns too many, and is not there", all.People)
			}
			return nil
		})
	})
}

// TestWhoOwnsWhat says of each person what they answer for, and of each document for which no
// two who are there do, why: who stands in has left, nobody does, or nobody ever told of them.
// R-OWN-5.
func TestWhoOwnsWhat(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(book(t, ", deputy: crm2@example.com", "")) // the crm has no deputy
		for _, name := range []string{"crm", "wiki", "wiki2", "lead", "second", "hr2"} {
			id := w.admit(person{name: name, department: "Office"})
			if name == "wiki2" || name == "lead" {
				w.admit(person{id: id, name: name, department: "Office", inactive: true})
			}
		}
		w.work()
		w.view(func(r store.Reader) error {
			all, err := access.Owners(r, w.rules.Book(), 3)
			why := map[string]string{}
			for _, d := range all.Alone {
				why[d.Ref] = d.Why
			}
			for ref, want := range map[string]string{
				"Connector/crm":  "it has no deputy",
				"Connector/wiki": "its deputy left",
				"Role/engineer":  "its owner left; the deputy answers for it",
				"Source/hr":      "no source told of its owner",
			} {
				if why[ref] != want {
					t.Errorf("of %s it says %q, want %q", ref, why[ref], want)
				}
			}
			for _, p := range all.People {
				switch p.Who {
				case "wiki@example.com":
					if !p.There || p.Left || p.Many || !slices.Contains(p.Owns, "Connector/wiki") {
						t.Errorf("who answers for the wiki: %+v", p)
					}
				case "wiki2@example.com":
					if p.There || !p.Left || !slices.Equal(p.DeputyOf, []string{"Connector/wiki"}) {
						t.Errorf("who left: %+v", p)
					}
				case "iam@example.com":
					if p.There || p.Left || !p.Many || len(p.Owns) < 4 {
						t.Errorf("who owns much, and of whom nobody told: %+v", p)
					}
				}
			}
			return err
		})
	})
}
