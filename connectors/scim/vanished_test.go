package scim_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

// A tap passes requests on to a target, keeps what was written, and has the first write
// of an account end in an error of the server, once it took effect if it is to.
type tap struct {
	target  *fake.Provider
	took    bool
	mu      sync.Mutex
	armed   bool
	written []string // method and path
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	fails := false
	if r.Method != http.MethodGet {
		p.written = append(p.written, r.Method+" "+r.URL.Path)
		fails = p.armed && strings.Contains(r.URL.Path, "/Users/")
		p.armed = p.armed && !fails
	}
	p.mu.Unlock()
	if !fails {
		p.target.ServeHTTP(w, r)
		return
	}
	if p.took {
		p.target.ServeHTTP(httptest.NewRecorder(), r)
	}
	http.Error(w, `{"detail":"gateway"}`, http.StatusBadGateway)
}

// TestALeaverWhoIsGoneAfterAll loses the answer to what disables a leaver, who turns out
// to be gone: because that was what it did, or because somebody deleted them by hand. Then
// nothing is left to take, and no group is told of a member without an id.
func TestALeaverWhoIsGoneAfterAll(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*connectors.Profile)
		hand   bool
	}{
		"deleted, and the answer lost":      {func(p *connectors.Profile) { p.Deactivate = connectors.DeactivateDelete }, false},
		"deleted by hand":                   {func(*connectors.Profile) {}, true},
		"deleted by hand, groups by PUT":    {func(p *connectors.Profile) { p.Groups.Update = connectors.UpdatePut }, true},
		"deleted by hand, removal by value": {func(p *connectors.Profile) { p.Groups.MemberRemove = connectors.RemoveByValue }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := connectors.DefaultProfile()
			c.change(&p)
			through := &tap{target: newFake(p), took: !c.hand}
			server := httptest.NewServer(through)
			t.Cleanup(server.Close)
			connector, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
			want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"editors", "readers"}}
			have, err := connector.Apply(t.Context(), schema.Account{}, want)
			if err != nil {
				t.Fatal(err)
			}
			if have.Managed = have.Entitlements; c.hand {
				if err := through.target.Remove(t.Context(), have.RemoteID); err != nil {
					t.Fatal(err)
				}
			}
			through.written, through.armed = nil, true
			got, err := connector.Apply(t.Context(), have, schema.Account{Attributes: want.Attributes})
			if err != nil || got.Exists() || got.Active || len(got.Entitlements) > 0 {
				t.Errorf("Apply returns %+v, %v; want nobody, and no error", got, err)
			}
			if len(through.written) != 1 {
				t.Errorf("the target was told %q, want the one write that ends access", through.written)
			}
		})
	}
}

// TestGoneBeforeItChanges has somebody be deleted by hand whose change fails and is looked
// at: they are made anew, with what they hold.
func TestGoneBeforeItChanges(t *testing.T) {
	p := connectors.DefaultProfile()
	through := &tap{target: newFake(p)}
	server := httptest.NewServer(through)
	t.Cleanup(server.Close)
	connector, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
	want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"readers"}}
	have, err := connector.Apply(t.Context(), schema.Account{}, want)
	if err != nil {
		t.Fatal(err)
	}
	have.Managed = have.Entitlements
	if err := through.target.Remove(t.Context(), have.RemoteID); err != nil {
		t.Fatal(err)
	}
	through.armed = true
	want.Attributes = map[string]string{"userName": "ada", "displayName": "Ada"}
	got, err := connector.Apply(t.Context(), have, want)
	if err != nil || !got.Active || !slices.Equal(got.Entitlements, want.Entitlements) || got.RemoteID == have.RemoteID {
		t.Errorf("Apply returns %+v, %v; want the account made anew", got, err)
	}
}

// TestNoWriteWithoutAnID asks for what changes an account whose id nobody knows: the
// target is told nothing, for who is none in particular may be taken for everyone.
func TestNoWriteWithoutAnID(t *testing.T) {
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		p := connectors.DefaultProfile()
		p.Groups.Update = update
		through := &tap{target: newFake(p)}
		server := httptest.NewServer(through)
		t.Cleanup(server.Close)
		connector, _ := open(t, p, func(o *connectors.Options) { o.BaseURL = server.URL + "/scim/v2" })
		held := schema.Account{Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"readers"}, Managed: []string{"readers"}}
		if _, err := connector.Apply(t.Context(), held, schema.Account{Attributes: held.Attributes}); err == nil {
			t.Errorf("%s: Apply takes a group from nobody, and says that it did", update)
		}
		if len(through.written) > 0 {
			t.Errorf("%s: the target was told %q", update, through.written)
		}
	}
}

// TestAMemberWhoIsGoneIsMadeAnew has somebody be deleted by hand and then be given a group:
// at a target that refuses who is not there, and at one that agrees and passes them over.
func TestAMemberWhoIsGoneIsMadeAnew(t *testing.T) {
	for _, order := range []connectors.Order{connectors.UsersFirst, connectors.AnyOrder} {
		t.Run(string(order), func(t *testing.T) {
			p := connectors.DefaultProfile()
			p.Order = order
			connector, target := open(t, p)
			want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}}
			have, err := connector.Apply(t.Context(), schema.Account{}, want)
			if err != nil {
				t.Fatal(err)
			}
			if err := target.Remove(t.Context(), have.RemoteID); err != nil {
				t.Fatal(err)
			}
			want.Entitlements = []string{"readers"}
			got, err := connector.Apply(t.Context(), have, want)
			if err != nil || got.RemoteID == have.RemoteID || !slices.Equal(got.Entitlements, want.Entitlements) {
				t.Errorf("Apply returns %+v, %v; want the account made anew, and a member", got, err)
			}
			if in := target.Members("readers"); len(in) != 1 {
				t.Errorf("the group has %q, want the one who was made anew", in)
			}
		})
	}
}
