package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"drawbridge/configs"
	"drawbridge/connectors/builtin"
	"drawbridge/policy"
)

// TestNewForEveryProfile writes a connector for each profile that ships, and for
// each kind that needs none. What is wrong with it is its blanks and nothing else;
// once they are filled in, nothing is.
func TestNewForEveryProfile(t *testing.T) {
	files, err := fs.Glob(configs.Profiles(""), "*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d profiles, %v", len(files), err)
	}
	var all [][]string
	for _, file := range files {
		all = append(all, []string{"--profile", strings.TrimSuffix(file, ".yaml")})
	}
	for _, kind := range []string{"scim", "ldap", "webhook", "manual", "file"} {
		all = append(all, []string{"--kind", kind})
	}
	for _, args := range all {
		t.Run(args[1], func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append([]string{"connector", "new", "--name", "target", "--out", dir}, args...), &stdout, &stderr); code != exitDone {
				t.Fatalf("exit %d: %s", code, &stderr)
			}
			set := "apiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: set, owner: { user: a@example.com, deputy: b@example.com } }\nspec: { mode: observe }\n"
			if err := os.WriteFile(filepath.Join(dir, "policy", "policy.yaml"), []byte(set), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "drawbridge.yaml")
			onlyBlanks(t, path, read(t, path))
			lintOnlyBlanks(t, os.DirFS(filepath.Join(dir, "policy")))
			rewrite(t, path, filledIn(args[1]))
			rewrite(t, filepath.Join(dir, "policy", "connectors", "target.yaml"), func(text string) string {
				return strings.Replace(text, `user: "", deputy: ""`, `user: a@example.com, deputy: b@example.com`, 1)
			})
			for _, mistake := range wrongWith(path) {
				t.Errorf("filled in, it is still wrong: %s", mistake)
			}
			for _, f := range lintOf(t, os.DirFS(filepath.Join(dir, "policy"))) {
				t.Errorf("filled in, its document is still wrong: %s", f)
			}
		})
	}
}

// onlyBlanks holds that whatever is wrong with the configuration is a line that says
// that it is to be filled in.
func onlyBlanks(t *testing.T, path, text string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	place := regexp.MustCompile(regexp.QuoteMeta(path) + `:(\d+): `)
	for _, mistake := range wrongWith(path) {
		if m := place.FindStringSubmatch(mistake); m != nil {
			if n, err := strconv.Atoi(m[1]); err != nil || !strings.Contains(lines[n-1], "fill in") {
				t.Errorf("%s: that line is no blank: %s", mistake, lines[n-1])
			}
			continue
		}
		named := false // an error without a line names the key of a blank
		for _, line := range lines {
			key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
			named = named || strings.Contains(line, "fill in") && strings.Contains(mistake, key) && key != "auth"
		}
		if !named {
			t.Errorf("%s: that is about no blank", mistake)
		}
	}
}

// wrongWith returns what serve would say is wrong with a configuration, without a
// variable set.
func wrongWith(path string) (mistakes []string) {
	env := func(string) (string, bool) { return "", false }
	cfg, err := configs.Load(path, env)
	if err != nil {
		return strings.Split(err.Error(), "\n")[1:]
	}
	for _, c := range cfg.Connectors {
		if err := builtin.Check(c); err != nil {
			mistakes = append(mistakes, strings.Split(err.Error(), "\n")...)
		}
	}
	return mistakes
}

// filledIn fills the blanks of a configuration in.
func filledIn(profile string) func(string) string {
	address := "https://target.example/scim/v2"
	switch {
	case strings.HasPrefix(profile, "postgres"):
		address = "postgres://target.example/crm"
	case strings.HasPrefix(profile, "mariadb"):
		address = "mariadb://target.example/crm"
	case profile == "ldap" || profile == "active-directory":
		address = "ldaps://target.example"
	}
	secret := regexp.MustCompile(`env:[A-Z_]+`)
	return func(text string) string {
		text = secret.ReplaceAllString(text, "file:secret")
		return strings.NewReplacer(
			`baseURL: ""`, "baseURL: "+address, `user: ""`, `user: "cn=bridge,dc=example,dc=com"`, `subject: ""`, "subject: admin@example.com",
			`userBase: ""`, `userBase: "ou=people,dc=example,dc=com"`, `organisation: ""`, `organisation: "example"`,
			`clientID: ""`, "clientID: bridge", `tokenURL: ""`, "tokenURL: https://target.example/token",
		).Replace(text)
	}
}

// rewrite changes a file, and puts a secret beside it that every kind takes.
func rewrite(t *testing.T, path string, change func(string) string) {
	t.Helper()
	secret := "whsec_" + strings.Repeat("QUJD", 10)
	if strings.Contains(read(t, path), "serviceAccount:") {
		secret = testServiceAccount(t)
	}
	for name, text := range map[string]string{path: change(read(t, path)), filepath.Join(filepath.Dir(path), "secret"): secret} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// lintOnlyBlanks holds that lint finds in a document that nobody owns it yet, and
// nothing else.
func lintOnlyBlanks(t *testing.T, dir fs.FS) {
	t.Helper()
	found := lintOf(t, dir)
	for _, f := range found {
		if f.Code != policy.CodeOwner && f.Code != policy.CodeDeputy {
			t.Errorf("its document is wrong, and not by a blank: %s", f)
		}
	}
	if len(found) == 0 {
		t.Error("nobody is said to own it: the blank is not found")
	}
}

// lintOf returns what lint finds in a folder.
func lintOf(t *testing.T, dir fs.FS) policy.Findings {
	t.Helper()
	set, loading := policy.Load(dir)
	_, compiling := policy.Compile(set)
	return append(loading, compiling...)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testServiceAccount is the text of a key file with a key that is made for the test.
func testServiceAccount(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "bridge@project.example", "private_key_id": "1", "token_uri": "https://target.example/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
