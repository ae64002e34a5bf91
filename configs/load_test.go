package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// environment is what the files in testdata may refer to.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"DRAWBRIDGE_ADMIN_TOKEN":  "admin-0123456789abcdef",
		"DRAWBRIDGE_SOURCE_TOKEN": "source-0123456789abcdef",
		"WIKI_TOKEN":              "wiki-token",
		"SHORT":                   "hunter2",
		"EMPTY":                   "",
	}[name]
	return value, ok
}

func TestShippedConfigurationWorks(t *testing.T) {
	c, err := Load("drawbridge.yaml", environment)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sources) != 1 || c.Sources[0].Token.Reveal() != "source-0123456789abcdef" {
		t.Errorf("sources are %v", c.Sources)
	}
	if len(c.Connectors) != 5 || c.Connectors[2].Options["path"] != filepath.Join("data", "badges.jsonl") {
		t.Errorf("connectors are %v", c.Connectors)
	}
	if warnings := c.Warnings(); len(warnings) > 0 {
		t.Errorf("it is warned of: %v", warnings)
	}
}

// TestShippedConfigurationSaysTheDefaults holds drawbridge.yaml to what it
// promises: that what stands there is what counts where nothing stands.
func TestShippedConfigurationSaysTheDefaults(t *testing.T) {
	shipped, err := Load("drawbridge.yaml", environment)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := parse("drawbridge.yaml", nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	shipped.Admin, shipped.Sources, shipped.Connectors, shipped.Care, shipped.Schemas, shipped.Extensions = Admin{}, nil, nil, nil, nil, nil
	if diff := cmp.Diff(bare, shipped); diff != "" {
		t.Errorf("an empty file (-) and the shipped one (+) differ:\n%s", diff)
	}
}

// TestShippedConfigurationNamesEveryKey keeps the one place where keys are
// documented complete.
func TestShippedConfigurationNamesEveryKey(t *testing.T) {
	text, err := fs.ReadFile(Shipped, "drawbridge.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name := range shapes {
		for _, key := range keysOf(name) {
			if !strings.Contains(string(text), key+":") {
				t.Errorf("drawbridge.yaml says nothing of %s (%s)", key, name)
			}
		}
	}
}

func TestGood(t *testing.T) {
	for _, path := range matching(t, "testdata/*.good.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, err := Load(path, environment); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBad reads what is wrong with each file from the comments it begins with.
func TestBad(t *testing.T) {
	for _, path := range matching(t, "testdata/*.bad.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				expected, ok := strings.CutPrefix(line, "# want ")
				if !ok {
					break
				}
				want = append(want, filepath.Base(path)+":"+strings.TrimSpace(expected))
			}
			_, err = Load(path, environment)
			if !errors.Is(err, schema.ErrInvalid) {
				t.Fatalf("got %v, want it to be invalid", err)
			}
			var got []string
			for line := range strings.Lines(strings.ReplaceAll(err.Error(), "testdata/", "")) {
				if !strings.HasPrefix(line, "configuration: ") {
					got = append(got, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what was wanted (-) and what was said (+):\n%s", diff)
			}
			for _, secret := range []string{"hunter2", "in-the-clear"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error gives a secret away: %v", err)
				}
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load("testdata/nowhere.yaml", environment); !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c, err := Load("testdata/full.good.yaml", environment)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v", *c, *c, *c)
	for _, secret := range []string{"admin-0123", "source-0123", "wiki-token", "from-a-file"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	c, err := Load("testdata/full.good.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Sources[0].Token != "" || c.Connectors[1].Auth.Secret != "" {
		t.Error("a secret was resolved")
	}
}

func TestConnectorsAreReadWhole(t *testing.T) {
	c, err := Load("testdata/full.good.yaml", environment)
	if err != nil {
		t.Fatal(err)
	}
	wiki := c.Connectors[0]
	if wiki.Auth.Secret.Reveal() != "wiki-token" || wiki.Profile.Concurrency != 3 || !wiki.AllowIrreversible {
		t.Errorf("wiki is %+v", wiki)
	}
	want := Care{Timeout: 5 * time.Second, Verify: "always", Protected: []string{"root", "breakglass"}}
	if diff := cmp.Diff(want, c.CareOf("wiki")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(defaultCare, c.CareOf("hr")); diff != "" {
		t.Error(diff)
	}
	if hr := c.Connectors[1]; hr.Auth.Secret.Reveal() != "from-a-file" || hr.Profile.Auth.Scheme != connectors.AuthHeader || hr.Profile.Auth.Header != "X-Api-Key" {
		t.Errorf("hr is %+v", hr)
	}
	if got := c.Protected()["wiki"]; len(got) != 2 {
		t.Errorf("protected accounts of wiki are %v", got)
	}
}

func TestWarnings(t *testing.T) {
	c := Default()
	c.Listen = "0.0.0.0:8080"
	c.Connectors = []connectors.Config{{Name: "wiki", Kind: "scim"}}
	c.Sweeps = slices.DeleteFunc(c.Sweeps, func(s Sweep) bool { return s.Name == "drift" || s.Name == "watch" })
	all := strings.Join(c.Warnings(), "\n")
	for _, want := range []string{"which are left out: drift, watch", "without TLS", "nobody may use the API", "wiki shows no credential"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing warns of: %s\n%s", want, all)
		}
	}
}

// TestOneTargetTwice warns of two connectors that reach the same, and of no others.
func TestOneTargetTwice(t *testing.T) {
	wiki := connectors.Config{Name: "wiki", Kind: "scim", BaseURL: "https://wiki.example/scim/v2", Auth: connectors.Auth{Secret: "s"}}
	keyed := func(c *connectors.Config, header string) {
		c.Profile.Auth = connectors.AuthScheme{Scheme: connectors.AuthHeader, Header: header}
	}
	fetched := func(c *connectors.Config, from string, scopes ...string) {
		c.Profile.Auth = connectors.AuthScheme{Scheme: connectors.AuthClient, TokenURL: from, Scopes: scopes}
	}
	for _, test := range []struct {
		name  string
		other func(*connectors.Config)
		warns bool
	}{
		{"the same", func(*connectors.Config) {}, true},
		{"written otherwise", func(c *connectors.Config) { c.BaseURL = "https://WIKI.example:443/scim/v2/" }, true},
		{"by another profile", func(c *connectors.Config) { c.Profile.Title = "Other" }, true},
		{"another path", func(c *connectors.Config) { c.BaseURL = "https://wiki.example/other/v2" }, false},
		{"another credential, as of another tenant", func(c *connectors.Config) { c.Auth.Secret = "t" }, false},
		{"another option, as the base of a directory", func(c *connectors.Config) { c.Options = map[string]string{"base": "dc=other"} }, false},
		{"another kind", func(c *connectors.Config) { c.Kind = "rest" }, false},
		{"a header written otherwise", func(c *connectors.Config) { keyed(c, "x-api-key") }, true},
		{"another header", func(c *connectors.Config) { keyed(c, "X-Other-Key") }, false},
		{"scopes in another order", func(c *connectors.Config) { fetched(c, "https://LOGIN.example:443/one", "write", "read") }, true},
		{"a token of another tenant", func(c *connectors.Config) { fetched(c, "https://login.example/two", "read", "write") }, false},
		{"a token for something else", func(c *connectors.Config) { fetched(c, "https://login.example/one", "read") }, false},
		{"a profile that fetches, of which the token is written down", func(c *connectors.Config) {
			fetched(c, "https://login.example/two")
			c.Profile.Auth.Scheme = connectors.AuthBearer
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			wiki, other := wiki, wiki
			other.Name = "pages"
			test.other(&other)
			switch other.Profile.Auth.Scheme {
			case connectors.AuthHeader:
				keyed(&wiki, "X-Api-Key")
			case connectors.AuthClient:
				fetched(&wiki, "https://login.example/one", "read", "write")
			default:
			}
			c := Default()
			c.Connectors = []connectors.Config{wiki, {Name: "doors", Kind: "manual"}, {Name: "keys", Kind: "manual"}, other}
			warnings := strings.Join(c.Warnings(), "\n")
			if warned := strings.Contains(warnings, "pages reaches what wiki does"); warned != test.warns || strings.Contains(warnings, "doors") {
				t.Errorf("it warns: %v, want %v: %s", warned, test.warns, warnings)
			}
		})
	}
}

func TestProfilesOfTheOperatorCount(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte("title: Mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := connectors.LoadProfile(Profiles(dir), "mine")
	if err != nil || p.Title != "Mine" {
		t.Errorf("got %q, %v", p.Title, err)
	}
	text, err := fs.ReadFile(Profiles(dir), "README.md")
	if err != nil || string(text) != "mine" {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := fs.ReadFile(Profiles(""), "README.md"); err != nil {
		t.Error(err)
	}
	if err := fstest.TestFS(Profiles(""), "README.md"); err != nil {
		t.Error(err)
	}
	list, err := fs.ReadDir(Profiles(dir), ".")
	if err != nil || !strings.Contains(fmt.Sprint(list), "mine.yaml") {
		t.Errorf("got %v, %v", list, err)
	}
}

func matching(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}
