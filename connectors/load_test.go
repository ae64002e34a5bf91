package connectors_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"drawbridge/connectors"
	"drawbridge/schema"
)

func TestProfileIsTheDefaultWhereItSaysNothing(t *testing.T) {
	got, err := connectors.ParseProfile("x.yaml", []byte("title: X\npaging: { size: 7 }\nrate: { methods: { POST: { perHour: 9 } } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := connectors.DefaultProfile()
	want.Title, want.Paging.Size = "X", 7
	want.Rate.Methods = map[string]connectors.MethodRate{"POST": {PerHour: 9}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Every mistake is told at once, each with its file and line.
func TestProfileMistakes(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string // in the error
	}{
		{"unknown key", "title: X\ncolour: red\n", []string{"x.yaml:2", "colour"}},
		{"wrong type", "title: X\nconcurrency: many\nirreversible: perhaps\n", []string{"x.yaml:2", "x.yaml:3"}},
		{"no YAML", "title: [\n", []string{"x.yaml"}},
		{"words", "title: X\nupdate: post\ndeactivate: ban\norder: none\n", []string{"x.yaml:2: update", "x.yaml:3: deactivate", "x.yaml:4: order", "patch"}},
		{"nested", "groups:\n  of: moon\n  memberRemove: force\n  update: post\n", []string{"x.yaml:2: groups.of", "x.yaml:3: groups.memberRemove", "x.yaml:4: groups.update"}},
		{"paging", "paging:\n  style: index\n  size: 0\n", []string{"x.yaml:3: paging.size"}},
		{"paging style", "paging: { style: sideways }\n", []string{"x.yaml:1: paging.style"}},
		{"filter", "filter:\n  operators: [co]\n", []string{"x.yaml:2: filter.operators", "eq"}},
		{"pairs", "groups: { of: pair }\nfilter:\n  operators: [eq]\n", []string{"x.yaml:3: filter.operators", "and"}},
		{"methods of a kind", "kind: ldap\nrate:\n  methods:\n    PATCH: { burst: 1 }\n", []string{"x.yaml:4: rate.methods.PATCH", "search, add, modify"}},
		{"sorts of calls", "rate:\n  calls: [{ method: LIST }, { path: Users }, { perSecond: -1 }]\n", []string{"x.yaml:2: rate.calls", "LIST", `path "Users"`, "negative"}},
		{"sessions", "sessions:\n  path: users/{id}\n", []string{"x.yaml:2: sessions.path", "from the root"}},
		{"sessions elsewhere", "sessions:\n  path: //evil.example/{id}\n", []string{"x.yaml:2: sessions.path"}},
		{"sessions of everybody", "sessions:\n  path: /sessions\n", []string{"x.yaml:2: sessions.path", "{id}"}},
		{"sessions by another word", "sessions:\n  method: GET\n", []string{"x.yaml:2: sessions.method"}},
		{"sessions of another kind", "kind: ldap\nsessions:\n  path: /{id}\n", []string{"x.yaml:3: sessions.path", "kind ldap"}},
		{"joining", "groups:\n  perHour: -1\n", []string{"x.yaml:2: groups.perHour"}},
		{"match", "match: []\n", []string{"x.yaml:1: match"}},
		{"find", "find: on-conflict\nmatch: [externalId]\n", []string{"x.yaml:1: find", "[userName]"}},
		{"find word", "find: never\n", []string{"x.yaml:1: find"}},
		{"header", "auth:\n  scheme: header\n  header: \"\"\n", []string{"x.yaml:3: auth.header"}},
		{"scheme", "auth: { scheme: magic }\n", []string{"x.yaml:1: auth.scheme"}},
		{"negative", "concurrency: -1\ngroups:\n  maxMembers: -2\nrate:\n  perHour: -1\n  methods:\n    GET: { burst: -1 }\n    LIST: { burst: 1 }\n",
			[]string{"x.yaml:1: concurrency", "x.yaml:3: groups.maxMembers", "x.yaml:5: rate.perHour", "x.yaml:7: rate.methods.GET", "x.yaml:8: rate.methods.LIST"}},
		{"too small", "groups: { maxBytes: 100 }\n", []string{"x.yaml:1: groups.maxBytes", "512"}},
		{"length", "attributes:\n  maxLength:\n    userName: 0\n", []string{"x.yaml:3: attributes.maxLength.userName"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := connectors.LoadProfile(fstest.MapFS{"x.yaml": {Data: []byte(row.text)}}, "x")
			if !errors.Is(err, schema.ErrInvalid) {
				t.Fatalf("LoadProfile: %v, want schema.ErrInvalid", err)
			}
			for _, part := range row.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q, want in it %q", err, part)
				}
			}
		})
	}
}

// A profile names the calls of its own protocol.
func TestRatesOfAKind(t *testing.T) {
	for kind, method := range map[string]string{"ldap": "search", "sql": "apply", "scim": "PATCH", "rest": "GET"} {
		p, err := connectors.ParseProfile("x.yaml", []byte("title: X\nkind: "+kind+"\nrate: { methods: { "+method+": { perSecond: 2, burst: 1 } } }\n"))
		if err != nil || p.Rate.Methods[method].PerSecond != 2 {
			t.Errorf("%s of %s: %v, %+v", method, kind, err, p.Rate)
		}
	}
}

func TestProfileThatIsNotThere(t *testing.T) {
	if _, err := connectors.LoadProfile(fstest.MapFS{}, "x"); !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("LoadProfile of none: %v, want schema.ErrNotFound", err)
	}
	for _, name := range []string{"../x", "a/b", "/x"} {
		if _, err := connectors.LoadProfile(fstest.MapFS{}, name); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("LoadProfile(%q): %v, want schema.ErrInvalid", name, err)
		}
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add("title: X\n")
	f.Add("groups: { of: moon }\nrate: { methods: { GET: { perSecond: 1e9 } } }")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := connectors.ParseProfile("x.yaml", []byte(text))
		if err == nil && (len(p.Match) == 0 || p.Paging.Style != connectors.PagingNone && p.Paging.Size < 1) {
			t.Errorf("a profile that cannot be used was let through: %+v", p)
		}
	})
}
