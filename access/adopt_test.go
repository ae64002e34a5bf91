package access_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// listing is a target's accounts, and an error at the end if there is one.
func listing(err error, accounts ...schema.Account) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		for _, a := range accounts {
			if !yield(a, nil) {
				return
			}
		}
		if err != nil {
			yield(schema.Account{}, err)
		}
	}
}

func there(id, userName string, held ...string) schema.Account {
	return schema.Account{RemoteID: id, Active: true, Attributes: map[string]string{"userName": userName}, Entitlements: held}
}

func (w *world) imported(accounts ...schema.Account) (*access.Import, []access.Match) {
	w.t.Helper()
	r, err := access.ReadImport(w.t.Context(), w.store, w.rules, "wiki", listing(nil, accounts...), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []access.Match
	for m, err := range r.Matches() {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, m)
	}
	if err := r.Close(); err != nil {
		w.t.Fatal(err)
	}
	return r, all
}

// adoptExact adopts what matches exactly, and has the target know the accounts.
func (w *world) adoptExact(accounts ...schema.Account) {
	w.t.Helper()
	_, matches := w.imported(accounts...)
	exact := func(yield func(access.Adoption, error) bool) {
		for _, m := range matches {
			if m.Kind == access.MatchExact && !yield(access.Adoption{Match: m, Why: "matches by " + m.By}, nil) {
				return
			}
		}
	}
	if err := access.AdoptAll(w.t.Context(), w.store, w.rules, "token/ops", exact, false, nil); err != nil {
		w.t.Fatal(err)
	}
}

// TestImportSaysWhoseAccountsAre reads a target that has been used for years.
// R-INH-6: what no role explains is listed.
func TestImportSaysWhoseAccountsAre(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules = access.NewRules(w.rules.Book(), map[string][]string{"wiki": {"root"}})
		ada, bob, eve := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob"}), w.admit(person{name: "eve"})
		gone := w.admit(person{name: "gone"})
		w.admit(person{id: gone, name: "gone", inactive: true})
		w.work()
		known := w.targets["wiki"]["r-"+ada]

		byEmail := there("2", "robert", "Admins", "Elsewhere")
		byEmail.Attributes["emails.value"] = "BOB@example.com"
		torn := there("3", "bob2")
		torn.Attributes["userName"], torn.Attributes["emails.value"] = "eve", "ada@example.com"
		r, matches := w.imported(known, byEmail, torn, there("4", "stranger"), there("5", "gone"), there("6", "root", "Admins"), there("7", "Eve"), there("8", "eve"))
		got := map[string]string{}
		for _, m := range matches {
			got[m.Account] = string(m.Kind) + " " + m.Identity
		}
		for account, want := range map[string]string{
			known.RemoteID: "managed " + ada, "2": "exact " + bob, "3": "ambiguous ", "4": "unmatched ", "5": "left " + gone, "6": "protected ",
			"7": "ambiguous " + eve, "8": "ambiguous " + eve, // she has two
		} {
			if got[account] != want {
				t.Errorf("account %s is %q, want %q", account, got[account], want)
			}
		}
		i := slices.IndexFunc(matches, func(m access.Match) bool { return m.Account == "2" })
		if held := matches[i].Unexplained; !slices.Equal(held, []string{"Admins"}) || matches[i].By != "emails.value" {
			t.Errorf("bob: %+v, want Admins to be explained by nobody", matches[i])
		}
		if r.Accounts != 8 || r.Counts[access.MatchAmbiguous] != 3 || len(r.Entitlements) != 3 {
			t.Errorf("%+v", r)
		}
	})
}

// TestImportIsWholeOrRefused reads listings that end early, or have something twice.
func TestImportIsWholeOrRefused(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		for name, all := range map[string]iter.Seq2[schema.Account, error]{
			"ends early": listing(errors.New("the line went dead"), there("1", "ada")),
			"repeats":    listing(nil, there("1", "ada"), there("2", "bob"), there("1", "ada")),
			"without id": listing(nil, there("", "ada")),
		} {
			if r, err := access.ReadImport(t.Context(), w.store, w.rules, "wiki", all, nil); err == nil {
				t.Errorf("a listing that %s: %+v, want it refused", name, r)
			}
		}
	})
}

// TestAdoptTakesNothingAway adopts accounts with all kinds of things in them. What no
// role gives stays; what a role comes to give is the bridge's from then on.
func TestAdoptTakesNothingAway(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob"})
		accounts := []schema.Account{there("r-"+ada, "ada", "Admins", "Elsewhere"), there("r-"+bob, "bob", "Readers", "Editors")}
		w.adoptBefore(accounts...)
		w.work()
		w.want(ada, "Admins Elsewhere Readers") // a role gives readers; nobody gave the rest
		w.want(bob, "Editors Readers")          // no role gives him anything

		// He is given what he holds, and loses it again: it is taken, and nothing else.
		w.admit(person{id: bob, name: "bob", department: "Engineering"})
		w.work()
		w.admit(person{id: bob, name: "bob", department: "Sales"})
		w.work()
		if held := w.targets["wiki"]["r-"+bob].Entitlements; !slices.Equal(held, []string{"Editors"}) {
			t.Errorf("bob holds %q, want what nobody gave him and no more", held)
		}

		// Who leaves is cut off, also where no role ever gave anything.
		eve := w.admit(person{name: "eve"})
		w.adoptBefore(there("r-"+eve, "eve", "Editors"))
		w.work()
		w.want(eve, "Editors")
		w.admit(person{id: eve, name: "eve", inactive: true})
		w.work()
		w.want(eve, "")
	})
}

// adoptBefore puts accounts at the target, as somebody did before there was a bridge,
// and adopts those that match exactly, before anything else happens.
func (w *world) adoptBefore(accounts ...schema.Account) {
	for _, a := range accounts {
		a.Entitlements = schema.Sorted(a.Entitlements...)
		w.targets["wiki"][a.RemoteID] = a
	}
	w.adoptExact(accounts...)
}

// TestAdoptIsRefused adopts what may not be adopted.
func TestAdoptIsRefused(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.rules = access.NewRules(w.rules.Book(), map[string][]string{"wiki": {"root"}})
		ada, gone := w.admit(person{name: "ada"}), w.admit(person{name: "gone"})
		w.admit(person{id: gone, name: "gone", inactive: true})
		_, matches := w.imported(there("1", "root"), there("2", "gone"), there("3", "other"), there("4", "x"))
		adopt := func(account, identity string, leavers bool) error {
			i := slices.IndexFunc(matches, func(m access.Match) bool { return m.Account == account })
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				return access.Adopt(tx, w.rules, "token/ops", access.Adoption{Match: matches[i], Identity: identity, Why: "said so", Leavers: leavers})
			})
		}
		if err := adopt("1", ada, false); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("a protected account: %v, want it refused", err)
		}
		if err := adopt("2", "", false); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("a leaver's account, without a word: %v, want it refused", err)
		}
		if err := adopt("2", "", true); err != nil {
			t.Errorf("a leaver's account: %v", err)
		}
		if err := adopt("3", ada, false); err != nil {
			t.Errorf("an account that a person says is hers: %v", err)
		}
		if err := adopt("3", ada, false); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("the same again: %v, want a conflict", err)
		}
		if err := adopt("4", ada, false); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("a second account of hers: %v, want a conflict", err)
		}
		w.targets["wiki"]["r-"+gone] = there("r-"+gone, "gone")
		w.work()
		w.want(gone, "")
		if verbs := w.verbs(ada); !slices.Contains(verbs, schema.Adopted) {
			t.Errorf("the log has %v of her, want that it was adopted", verbs)
		}
	})
}

// TestDisown undoes an adoption, unless the bridge has written since.
func TestDisown(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob"})
		w.adoptBefore(there("r-"+ada, "ada"), there("r-"+bob, "bob", "Editors"))
		w.work()
		disown := func(identity string) (was bool, err error) {
			err = w.store.Update(t.Context(), func(tx store.Tx) error {
				was, err = access.Disown(tx, w.rules, "token/ops", "wiki", identity)
				return err
			})
			return was, err
		}
		if was, err := disown(bob); err != nil || !was {
			t.Errorf("%v, %v", was, err)
		}
		if was, err := disown(bob); err != nil || was {
			t.Errorf("again: %v, %v, want that there is none", was, err)
		}
		if _, err := disown(ada); !errors.Is(err, schema.ErrConflict) {
			t.Errorf("written to since: %v, want a conflict", err)
		}
		w.admit(person{id: bob, name: "bob", inactive: true})
		w.work()
		w.want(bob, "Editors") // it is nobody's any more
		w.want(ada, "Readers")
	})
}

// TestFirstPlanRevokesNothing connects targets of any content to bridges with any
// people, adopts what matches, in any mode, and has everybody decided. R-PLAN-4:
// whatever steps there are then, none ends anything, and all that was there is there.
func TestFirstPlanRevokesNothing(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(1)))
		defer w.store.Close()
		before := w.usedForYears(r)
		w.firstPlan(before)
		w.work()
		for id, was := range before {
			is := w.targets["wiki"]["r-"+id]
			for _, target := range was.Entitlements {
				if !slices.Contains(is.Entitlements, target) || was.Active && !is.Active {
					violated("%s: was %+v, is %+v", id, was, is)
				}
			}
		}
	})
}

// usedForYears is any target with any people, of whose accounts those that match are
// adopted. It returns these as they were, by identity.
func (w *world) usedForYears(r *rapid.T) map[string]schema.Account {
	before := map[string]schema.Account{}
	for n := range rapid.IntRange(1, 6).Draw(r, "people") {
		p := person{name: fmt.Sprintf("p%d", n), department: rapid.SampledFrom([]string{"", "Engineering", "Sales", "Operations"}).Draw(r, "department")}
		id := w.admit(p)
		if rapid.Bool().Draw(r, "decided before") {
			w.work()
		}
		if _, made := w.targets["wiki"]["r-"+id]; made || !rapid.Bool().Draw(r, "has an account") {
			continue
		}
		a := there("r-"+id, p.name, rapid.SliceOfDistinct(rapid.SampledFrom([]string{"Readers", "Editors", "Admins", "Writers", "Elsewhere"}), rapid.ID).Draw(r, "holds")...)
		a.Active = rapid.Bool().Draw(r, "active")
		before[id] = a
	}
	w.adoptBefore(slices.Collect(maps.Values(before))...)
	return before
}

// firstPlan has everybody decided and nothing provisioned, and looks at what would be.
func (w *world) firstPlan(before map[string]schema.Account) {
	w.lane(access.LaneIdentity, func(item store.Item) (access.Finish, error) {
		return access.Reconcile(w.t.Context(), w.store, w.rules, item)
	})
	for id := range before {
		w.view(func(reader store.Reader) error {
			work, err := access.WorkFor(reader, w.rules, "wiki", id, 1)
			for _, step := range connectors.Plan(work.Have, work.Want) {
				if step.Ends() {
					violated("%s: the first plan would %s %v", id, step.Verb, step.Entitlements)
				}
			}
			return err
		})
	}
}
