package scim_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
)

// token is what the fake targets of these tests want to be shown.
const token = "s3cret-of-the-tests"

var entitlements = []string{"editors", `people & "others"`, "readers", "writers"}

// dialects are the profiles that the connector is held to its contract with:
// each makes it take another way.
func dialects() map[string]connectors.Profile {
	change := func(how func(*connectors.Profile)) connectors.Profile {
		p := connectors.DefaultProfile()
		how(&p)
		return p
	}
	return map[string]connectors.Profile{
		"generic": connectors.DefaultProfile(),
		"put-only": change(func(p *connectors.Profile) {
			p.Update, p.Groups.Update = connectors.UpdatePut, connectors.UpdatePut
		}),
		"deletes": change(func(p *connectors.Profile) {
			p.Deactivate, p.Irreversible = connectors.DeactivateDelete, true
			p.Groups.MaxMembers, p.Groups.MaxBytes = 2, 512
		}),
		"inactive is gone": change(func(p *connectors.Profile) { p.Irreversible = true }),
		"cursors": change(func(p *connectors.Profile) {
			p.Paging = connectors.Paging{Style: connectors.PagingCursor, Size: 3}
		}),
		"small pages":  change(func(p *connectors.Profile) { p.Paging.Size = 2 }),
		"no pages":     change(func(p *connectors.Profile) { p.Paging.Style = connectors.PagingNone }),
		"group filter": change(func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfFilter }),
		"group list":   change(func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfList }),
		"tells of use": change(func(p *connectors.Profile) {
			p.LastUsed = "urn:example:scim:schemas:extension:activity:1.0:User:lastLogin"
		}),
		"pairs": change(func(p *connectors.Profile) { p.Groups.Of = connectors.GroupsOfPair }),
		"signed out": change(func(p *connectors.Profile) {
			p.Sessions = connectors.Sessions{Method: http.MethodDelete, Path: "/api/people/{id}/sessions"}
		}),
		"members need not exist": change(func(p *connectors.Profile) { p.Order = connectors.AnyOrder }),
		"keeps what it has":      change(func(p *connectors.Profile) { p.Attributes.Fixed = []string{"*"} }),
		"no case":                change(func(p *connectors.Profile) { p.Attributes.CaseKept = []string{"name.givenName"} }),
		"words": change(func(p *connectors.Profile) {
			p.BooleanText, p.Groups.MemberRemove = true, connectors.RemoveByValue
			p.Auth = connectors.AuthScheme{Scheme: connectors.AuthHeader, Header: "X-Api-Key", Prefix: "key "}
		}),
		"on conflict": change(func(p *connectors.Profile) {
			p.Find, p.Auth.Scheme = connectors.FindOnConflict, connectors.AuthBasic
		}),
		"one email, few filters": change(func(p *connectors.Profile) {
			p.Attributes.SingleValued = []string{"emails"}
			p.Match = []string{"externalId", "userName"}
			p.Filter.Attributes = []string{"externalId", "userName"}
		}),
	}
}

func newFake(p connectors.Profile) *fake.Provider {
	return fake.New(fake.Options{Profile: p, Groups: entitlements, Token: token, User: "bridge"})
}

// open starts a fake target with the profile, and a connector to it.
func open(t *testing.T, p connectors.Profile, change ...func(*connectors.Options)) (connectors.Connector, *fake.Provider) {
	t.Helper()
	target := newFake(p)
	server := httptest.NewServer(target)
	t.Cleanup(server.Close)
	o := connectors.Options{Config: connectors.Config{
		Name: "wiki", Kind: "scim", BaseURL: server.URL + "/scim/v2", Profile: p,
		Auth: connectors.Auth{Secret: token, User: "bridge"}, AllowIrreversible: true,
	}, Catalogue: catalogue}
	for _, c := range change {
		c(&o)
	}
	c, err := connectors.Kinds{"scim": scim.Open}.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(connectors.Closer).Close() })
	return c, target
}

// A wire carries requests to a handler without a network, for tests of what is
// said and not of how it gets there.
type wire struct{ to http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	w.to.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// catalogue is what people may be given there.
func catalogue() []string { return entitlements }

// exceptions are what a target with the profile makes impossible.
func exceptions(p connectors.Profile) map[string]string {
	if !p.Hidden {
		return nil
	}
	const hidden = "the target does not show accounts that the bridge did not make"
	return map[string]string{
		connectortest.Adopts: hidden, connectortest.Claims: hidden, connectortest.Unmanaged: hidden, connectortest.Lists: hidden,
		connectortest.Tells: hidden,
	}
}

func TestContract(t *testing.T) {
	all := dialects()
	own := connectors.DefaultProfile()
	own.Hidden = true
	all["shows only its own"] = own // of which no hand can put anybody there
	for name, profile := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, connectortest.Harness{
				Entitlements: entitlements,
				Deletes:      profile.Irreversible,
				Exceptions:   exceptions(profile),
				Values:       values(profile),
				Open: func(t *testing.T) connectortest.Target {
					c, target := open(t, profile)
					return connectortest.Target{Connector: c, Hand: target, Faults: target, Use: use(target, profile)}
				},
			})
		})
	}
}

// use has somebody sign in at a target that tells of it.
func use(target *fake.Provider, p connectors.Profile) func(string, time.Time) error {
	if p.LastUsed == "" {
		return nil
	}
	return func(id string, at time.Time) error { return target.Use(id, at.Format(time.RFC3339)) }
}

// TestMain asks for fewer runs of each property than rapid would make, for there
// are many dialects to hold to it; -rapid.checks asks for as many as one likes.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	m.Run()
}
