package scim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestDisablingEndsSessions disables somebody who is signed in, at a target with a call for
// that beside SCIM. Each of the two requests may fail, with its effect or without: that the
// account reads as disabled after the first is no reason to leave out the second. R-REV-9.
func TestDisablingEndsSessions(t *testing.T) {
	on := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}}
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	for nth := 0; nth <= 2; nth++ { // of the first two writes, which fails; 0: none
		for _, took := range []bool{true, false} {
			for _, crashed := range []bool{true, false} {
				t.Run(fmt.Sprintf("request %d, took effect %v, and then the bridge too %v", nth, took, crashed), func(t *testing.T) {
					p := connectors.DefaultProfile()
					p.Sessions = connectors.Sessions{Method: http.MethodDelete, Path: "/api/people/{id}/sessions"}
					c, target := open(t, p)
					have, err := c.Apply(t.Context(), schema.Account{}, on)
					if err != nil {
						t.Fatal(err)
					}
					target.SignIn(have.RemoteID)
					if nth > 0 {
						target.Fail(nth, took)
					}
					got, err := c.Apply(t.Context(), have, off)
					if (err != nil) != (nth > 0) {
						t.Fatalf("with request %d failing: %v", nth, err)
					}
					if nth > 0 && crashed { // nothing was written down
						got = schema.Account{RemoteID: have.RemoteID, Active: true}
					}
					if nth > 0 {
						got, err = c.Apply(t.Context(), got, off)
					}
					if is, _ := target.User("ada"); err != nil || got.Active || is.Active || target.SignedIn(have.RemoteID) {
						t.Fatalf("%v; active %v, at the target %v, signed in %v: want none", err, got.Active, is.Active, target.SignedIn(have.RemoteID))
					}
					writes := target.Writes()
					if _, err := c.Apply(t.Context(), got, off); err != nil || target.Writes() != writes {
						t.Errorf("once it is done: %d writes more, %v", target.Writes()-writes, err)
					}
				})
			}
		}
	}
}

// TestSignedOutAlsoWhereALookShowsThemDisabled has nothing be answered but what disables,
// and what is taken from the account fail after it: that is looked at, and the account
// reads as disabled. Its sessions are still to be ended. R-REV-9.
func TestSignedOutAlsoWhereALookShowsThemDisabled(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Sessions.Path = "/api/people/{id}/signout"
	target, broken := newFake(p), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken && r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/Users/") {
			http.Error(w, "broken", http.StatusBadGateway)
			return
		}
		target.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes, Entitlements: []string{"readers"}})
	if err != nil {
		t.Fatal(err)
	}
	target.SignIn(have.RemoteID)
	have.Managed, broken = have.Entitlements, true
	got, err := c.Apply(t.Context(), have, off)
	if err == nil {
		t.Fatal("nothing failed")
	}
	broken, got.Managed = false, have.Managed
	if got, err = c.Apply(t.Context(), got, off); err != nil || got.Active || len(got.Entitlements) > 0 || target.SignedIn(have.RemoteID) {
		t.Errorf("%v, active %v with %q, signed in %v; want none", err, got.Active, got.Entitlements, target.SignedIn(have.RemoteID))
	}
}

// TestSessionsEndBeforeAnAccountIsGone disables at targets where that takes the account
// away: whoever is gone cannot be signed out any more.
func TestSessionsEndBeforeAnAccountIsGone(t *testing.T) {
	for name, change := range map[string]func(*connectors.Profile){
		"deleted":           func(p *connectors.Profile) { p.Deactivate = connectors.DeactivateDelete },
		"inactive for good": func(p *connectors.Profile) { p.Irreversible = true },
	} {
		t.Run(name, func(t *testing.T) {
			p := connectors.DefaultProfile()
			p.Sessions.Path = "/api/people/{id}/signout"
			change(&p)
			through := &tap{target: newFake(p)}
			server := httptest.NewServer(through)
			t.Cleanup(server.Close)
			c, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
			have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}})
			if err != nil {
				t.Fatal(err)
			}
			through.written = nil
			got, err := c.Apply(t.Context(), have, schema.Account{Attributes: have.Attributes})
			if err != nil || got.Exists() || len(through.written) != 2 || through.written[0] != "POST /api/people/"+have.RemoteID+"/signout" {
				t.Errorf("%+v, %v, after %q; want signed out first, and then gone", got, err, through.written)
			}
		})
	}
}

// TestACallThatIsNotThereEndsNoSession gives a target another address than that of its
// call: who leaves is disabled, and counts as active, for nobody signed them out.
func TestACallThatIsNotThereEndsNoSession(t *testing.T) {
	does, says := connectors.DefaultProfile(), connectors.DefaultProfile()
	says.Sessions.Path = "/api/{id}/elsewhere"
	target := newFake(does)
	server := httptest.NewServer(target)
	t.Cleanup(server.Close)
	c, _ := open(t, says, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Apply(t.Context(), have, schema.Account{Attributes: have.Attributes})
	if connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "correct sessions.path") || !connectors.Doubtful(got) {
		t.Errorf("%v, %+v; want it parked, and in doubt: a listing that shows it disabled is no reason to leave it", err, got)
	}
	if is, _ := target.User("ada"); is.Active {
		t.Error("the target has her active")
	}
}

// TestARefusedSignOutKeepsNoAccount has ending sessions fail where being disabled takes an
// account away: who left does not keep it, and that they may be signed in yet is said. An
// account that is there still is signed out later; of a deleted one nobody can be. R-REV-9.
func TestARefusedSignOutKeepsNoAccount(t *testing.T) {
	for way, change := range map[string]func(*connectors.Profile){
		"deleted":           func(p *connectors.Profile) { p.Deactivate = connectors.DeactivateDelete },
		"inactive for good": func(p *connectors.Profile) { p.Irreversible = true },
	} {
		for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable} {
			t.Run(fmt.Sprintf("%s, %d", way, status), func(t *testing.T) {
				p := connectors.DefaultProfile()
				p.Sessions.Path = "/api/people/{id}/signout"
				change(&p)
				shown := p
				shown.Irreversible = false // it shows whom it disabled
				target, broken := newFake(shown), true
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if broken && strings.HasSuffix(r.URL.Path, "/signout") {
						http.Error(w, "{}", status)
						return
					}
					target.ServeHTTP(w, r)
				}))
				t.Cleanup(server.Close)
				c, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
				off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
				have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
				if err != nil {
					t.Fatal(err)
				}
				target.SignIn(have.RemoteID)
				got, err := c.Apply(t.Context(), have, off)
				if is, there := target.User("ada"); there && is.Active || err == nil {
					t.Fatalf("active %v at the target, %v; want her disabled, and told that she may be signed in", is.Active, err)
				}
				deleted := p.Deactivate == connectors.DeactivateDelete
				if deleted && (got.Exists() || connectors.KindOf(err) != connectors.Permanent) || !deleted && !connectors.Doubtful(got) {
					t.Errorf("%+v, %v; want a deleted account parked, and one that is there in doubt", got, err)
				}
				broken = false
				if got, err = c.Apply(t.Context(), got, off); err != nil || got.Exists() || !deleted && target.SignedIn(have.RemoteID) {
					t.Errorf("once it is mended: %+v, %v, signed in %v; want neither", got, err, target.SignedIn(have.RemoteID))
				}
			})
		}
	}
}

// TestWhereNothingBeganNothingIsInDoubt has nothing be sent, or be refused, of what disables
// an account and signs out: it is as it was, so that a listing which shows that a person
// disabled it there settles the matter.
func TestWhereNothingBeganNothingIsInDoubt(t *testing.T) {
	for name, status := range map[string]int{"not allowed": 0, "later": http.StatusTooManyRequests, "refused": http.StatusForbidden} {
		t.Run(name, func(t *testing.T) {
			says := connectors.DefaultProfile()
			says.Sessions.Path = "/api/people/{id}/signout"
			target, refuses := newFake(says), false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if refuses && status != 0 {
					http.Error(w, "{}", status)
					return
				}
				target.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			says.Irreversible = status == 0
			c, _ := open(t, says, func(o *connectors.Options) { o.BaseURL, o.AllowIrreversible = server.URL+"/scim/v2", false })
			off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
			have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
			if err != nil {
				t.Fatal(err)
			}
			refuses = true
			got, err := c.Apply(t.Context(), have, off)
			if err == nil || !got.Active || connectors.Doubtful(got) {
				t.Fatalf("%+v, %v; want it active as before, and no doubt about it", got, err)
			}
			doubted := have
			doubted.Attributes = nil
			if got, err := c.Apply(t.Context(), doubted, off); err == nil || !connectors.Doubtful(got) {
				t.Errorf("%+v, %v; want what was in doubt to stay so", got, err)
			}
			refuses = false
			is, _ := target.User("ada")
			is.Active, got.Active = false, false
			if _, err := target.Put(t.Context(), is); err != nil {
				t.Fatal(err)
			}
			if got, err = c.Apply(t.Context(), got, off); err != nil || got.Active {
				t.Errorf("done by hand: %+v, %v; want it settled", got, err)
			}
		})
	}
}
