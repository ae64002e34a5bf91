package rest_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestDisablingIsDoneWhole disables an account in two requests, of which each may
// fail, with its effect or without: that the account reads as disabled after the
// first is no reason to leave out the second, which ends what is open. R-REV-9.
func TestDisablingIsDoneWhole(t *testing.T) {
	text := strings.Replace(people, "disable: { post: '/people/{id}/suspend' }",
		"disable: [{ post: '/people/{id}/suspend' }, { post: '/people/{id}/signOut' }]", 1)
	on := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}}
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	for nth := 1; nth <= 2; nth++ {
		for _, took := range []bool{true, false} {
			for _, crashed := range []bool{true, false} {
				t.Run(fmt.Sprintf("request %d, took effect %v, and then the bridge too %v", nth, took, crashed), func(t *testing.T) {
					s := newStaff(teams...)
					c := open(t, profile(t, text), s)
					have, err := c.Apply(t.Context(), schema.Account{}, on)
					if err != nil {
						t.Fatal(err)
					}
					s.people[have.RemoteID]["sessions"] = "open"
					s.Fail(nth, took)
					got, err := c.Apply(t.Context(), have, off)
					if err == nil || !s.Spent() {
						t.Fatalf("no fault: %v", err)
					}
					if crashed { // nothing was written down
						got = schema.Account{RemoteID: have.RemoteID, Active: true}
					}
					if got, err = c.Apply(t.Context(), got, off); err != nil || got.Active {
						t.Fatalf("again: active %v, %v", got.Active, err)
					}
					if p := s.people[have.RemoteID]; p["state"] != "off" || p["sessions"] != nil {
						t.Errorf("state %v, sessions %v: want both ended", p["state"], p["sessions"])
					}
					writes := s.Writes()
					if _, err := c.Apply(t.Context(), got, off); err != nil || s.Writes() != writes {
						t.Errorf("once it is done: %d writes more, %v", s.Writes()-writes, err)
					}
				})
			}
		}
	}
}

// TestSignedOutAlsoWhereALookShowsThemDisabled has nothing but the first of two requests
// that disable be answered, and what is taken from the account fail after it: that is
// looked at, and the account reads as disabled. Its sessions are still to be ended. R-REV-9.
func TestSignedOutAlsoWhereALookShowsThemDisabled(t *testing.T) {
	text := strings.Replace(people, "disable: { post: '/people/{id}/suspend' }",
		"disable: [{ post: '/people/{id}/suspend' }, { post: '/people/{id}/signOut' }]", 1)
	s, broken := newStaff(teams...), false
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !broken || r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/suspend") {
			return false
		}
		http.Error(w, "broken", http.StatusInternalServerError)
		return true
	}
	c := open(t, profile(t, text), s)
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes, Entitlements: teams[:1]})
	if err != nil {
		t.Fatal(err)
	}
	s.people[have.RemoteID]["sessions"] = "open"
	have.Managed, broken = have.Entitlements, true
	got, err := c.Apply(t.Context(), have, off)
	if err == nil {
		t.Fatal("nothing failed")
	}
	broken, got.Managed = false, have.Managed
	if got, err = c.Apply(t.Context(), got, off); err != nil || got.Active || len(got.Entitlements) > 0 || s.people[have.RemoteID]["sessions"] != nil {
		t.Errorf("%v, active %v with %q, sessions %v; want none", err, got.Active, got.Entitlements, s.people[have.RemoteID]["sessions"])
	}
}

// TestARefusedSignOutStaysOpen has the second of two requests be refused for good: the
// account is left in doubt, so that no listing which shows it disabled closes the matter,
// and once the refusal is mended it is taken again whole. R-REV-9.
func TestARefusedSignOutStaysOpen(t *testing.T) {
	text := strings.Replace(people, "disable: { post: '/people/{id}/suspend' }",
		"disable: [{ post: '/people/{id}/suspend' }, { post: '/people/{id}/signOut' }]", 1)
	s, refuses := newStaff(teams...), true
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !refuses || !strings.HasSuffix(r.URL.Path, "/signOut") {
			return false
		}
		refuse(w, http.StatusForbidden, "that is not for you")
		return true
	}
	c := open(t, profile(t, text), s)
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
	if err != nil {
		t.Fatal(err)
	}
	s.people[have.RemoteID]["sessions"] = "open"
	got, err := c.Apply(t.Context(), have, off)
	if connectors.KindOf(err) != connectors.Permanent || !connectors.Doubtful(got) || !got.Active {
		t.Errorf("refused: %v, %+v; want it parked, and in doubt", err, got)
	}
	refuses = false
	if got, err = c.Apply(t.Context(), got, off); err != nil || got.Active || s.people[have.RemoteID]["sessions"] != nil {
		t.Errorf("once it is mended: %v, active %v, sessions %v; want none", err, got.Active, s.people[have.RemoteID]["sessions"])
	}
}

// TestARefusedSignOutKeepsNoAccount has ending sessions fail, before what disables or
// deletes an account or after it: who left does not keep it, and that they may be signed in
// yet is said. An account that is there still is signed out later; of a deleted one nobody
// can be. R-REV-9.
func TestARefusedSignOutKeepsNoAccount(t *testing.T) {
	const signOut, suspend, remove = "{ post: '/people/{id}/signOut' }", "{ post: '/people/{id}/suspend' }", "{ delete: '/people/{id}' }"
	for order, c := range map[string]struct {
		disable string
		deletes bool
	}{
		"before it is disabled": {signOut + ", " + suspend, false}, "after": {suspend + ", " + signOut, false},
		"before it is deleted": {signOut + ", " + remove, true}, "after that": {remove + ", " + signOut, true},
	} {
		for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable} {
			t.Run(fmt.Sprintf("%s, %d", order, status), func(t *testing.T) {
				p := profile(t, strings.Replace(people, "disable: "+suspend, "disable: ["+c.disable+"]", 1))
				if c.deletes {
					p.Deactivate = connectors.DeactivateDelete
				}
				s, broken := newStaff(teams...), true
				s.before = func(w http.ResponseWriter, r *http.Request) bool {
					if broken && strings.HasSuffix(r.URL.Path, "/signOut") {
						refuse(w, status, "no")
						return true
					}
					return false
				}
				a := open(t, p, s)
				off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
				have, err := a.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
				if err != nil {
					t.Fatal(err)
				}
				s.people[have.RemoteID]["sessions"] = "open"
				got, err := a.Apply(t.Context(), have, off)
				is := s.people[have.RemoteID]
				if is != nil && (c.deletes || is["state"] != "off") {
					t.Fatalf("there is %v, and the error is %v; want her cut off", is, err)
				}
				none := order == "after that" && status == http.StatusNotFound // who is deleted is not there to sign out
				switch {
				case err == nil != none:
					t.Errorf("%v: want it told that she may be signed in", err)
				case c.deletes && (got.Exists() || !none && connectors.KindOf(err) != connectors.Permanent), !c.deletes && !connectors.Doubtful(got):
					t.Errorf("%+v, %v; want a deleted account parked, and one that is there in doubt", got, err)
				}
				broken = false
				if got, err = a.Apply(t.Context(), got, off); err != nil || got.Exists() && got.Active || is != nil && is["sessions"] != nil {
					t.Errorf("once it is mended: %+v, %v, and there is %v; want no sessions", got, err, is)
				}
			})
		}
	}
}

// TestNothingToDisableWith has an account be there that the call which disables does not
// find: whoever left has it still, so that it is no account that is gone.
func TestNothingToDisableWith(t *testing.T) {
	s := newStaff(teams...)
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/suspend") {
			refuse(w, http.StatusNotFound, "no such path")
			return true
		}
		return false
	}
	c := open(t, profile(t, people), s)
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Apply(t.Context(), have, off); connectors.KindOf(err) != connectors.Permanent || !got.Active || got.RemoteID != have.RemoteID {
		t.Errorf("%+v, %v; want it active still, and parked", got, err)
	}
}

// TestWhereNothingBeganNothingIsInDoubt has nothing be sent, or the first of two requests be
// refused: the account is as it was, so that a listing which shows that a person disabled
// it there settles the matter.
func TestWhereNothingBeganNothingIsInDoubt(t *testing.T) {
	text := strings.Replace(people, "disable: { post: '/people/{id}/suspend' }",
		"disable: [{ post: '/people/{id}/suspend' }, { post: '/people/{id}/signOut' }]", 1)
	for name, status := range map[string]int{"not allowed": 0, "later": http.StatusTooManyRequests, "refused": http.StatusForbidden} {
		t.Run(name, func(t *testing.T) {
			s, refuses := newStaff(teams...), false
			s.before = func(w http.ResponseWriter, r *http.Request) bool {
				if !refuses || !strings.HasSuffix(r.URL.Path, "/suspend") {
					return false
				}
				refuse(w, status, "not now")
				return true
			}
			p := profile(t, text)
			p.Irreversible, refuses = status == 0, status != 0
			c := open(t, p, s, func(o *connectors.Options) { o.AllowIrreversible = false })
			off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
			have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Apply(t.Context(), have, off)
			if err == nil || !got.Active || connectors.Doubtful(got) {
				t.Fatalf("%+v, %v; want it active as before, and no doubt about it", got, err)
			}
			s.people[have.RemoteID]["state"], got.Active = "off", false
			if got, err = c.Apply(t.Context(), got, off); err != nil || got.Active {
				t.Errorf("done by hand: %+v, %v; want it settled", got, err)
			}
		})
	}
}

// TestDisablingSignsOut disables people who are signed in, at services that ship a declaration
// and let an administrator end sessions. R-REV-9.
func TestDisablingSignsOut(t *testing.T) {
	tokens := newTokenServer(t)
	for name, of := range map[string]struct {
		api    func(*directory) http.Handler
		change func(*connectors.Options)
	}{
		"grafana": {grafana, func(*connectors.Options) {}},
		"google-workspace": {google, func(o *connectors.Options) {
			o.Auth = connectors.Auth{User: "admin@example.com", Secret: tokens.account(t)}
			o.Profile.Auth.TokenURL = tokens.URL
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := connectors.LoadProfile(os.DirFS("../../configs/profiles"), name)
			if err != nil {
				t.Fatal(err)
			}
			d := newDirectory(name == "grafana")
			d.api, d.admits = of.api(d), func(*http.Request) bool { return true }
			c := open(t, p, d, func(o *connectors.Options) {
				o.BaseURL = strings.TrimSuffix(o.BaseURL, "/v1")
				of.change(o)
			})
			person := map[string]string{"userName": "ada@example.com", "displayName": "Ada", "name.givenName": "Ada", "name.familyName": "L", "emails.value": "ada@example.com"}
			is, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: person})
			if err != nil {
				t.Fatal(err)
			}
			h := d.with("userName", "ada@example.com")
			h.in = true
			if _, err := c.Apply(t.Context(), is, schema.Account{Attributes: person}); err != nil || h.active || h.in {
				t.Errorf("%v; active %v, signed in %v: want neither", err, h.active, h.in)
			}
		})
	}
}
