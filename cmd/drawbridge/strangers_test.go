package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/rogpeppe/go-internal/testscript"
)

const strangerSecret = "stranger-0123456789abcdef"

// TestStrangers runs testdata/strangers with a bridge that provisions to servers that
// nobody here wrote, if they are installed. A script has besides what scripts have:
//
//	start scimmy        start SCIMMY, with an address in $TARGET
//	start slapd         start OpenLDAP, likewise, with places for people and groups
//	by-hand METHOD PATH [BODY]                  ask SCIMMY, past the bridge
//	directory show FILTER                       search the directory, past the bridge
//	directory add|delete|replace DN NAME VALUE  change an entry, likewise
func TestStrangers(t *testing.T) {
	p := params("testdata/strangers")
	p.Setup = func(env *testscript.Env) error {
		stand(env)
		env.Setenv("BRIDGE_SECRET", strangerSecret)
		return nil
	}
	p.Condition = installed
	p.Cmds["start"] = func(ts *testscript.TestScript, _ bool, args []string) {
		start := map[string]func(*testscript.TestScript) (string, error){"scimmy": startSCIMMY, "slapd": startSlapd}[args[0]]
		at, err := start(ts)
		ts.Check(err)
		ts.Setenv("TARGET", at)
		text := strings.ReplaceAll(ts.ReadFile("target.yaml"), "TARGET", at)
		ts.Check(os.WriteFile(ts.MkAbs("drawbridge.yaml"), []byte(text), 0o600))
	}
	p.Cmds["by-hand"] = byHand
	p.Cmds["directory"] = directory
	testscript.Run(t, p)
}

// installed reports whether a server is there that a script is about. In continuous
// integration one that is not is an error, for a skipped test would be taken for one
// that passed.
func installed(what string) (bool, error) {
	there := map[string]func() bool{
		"scimmy": func() bool { _, err := os.Stat(filepath.Join(scimmy, "node_modules")); return err == nil },
		"slapd":  func() bool { return !slices.Contains(slapdParts(), "") },
	}[what]
	if there == nil {
		return false, fmt.Errorf("unknown condition %q", what)
	}
	if !there() && os.Getenv("CI") != "" {
		return false, fmt.Errorf("%s is not installed", what)
	}
	return there(), nil
}

// running starts a server that ends with the script.
func running(ts *testscript.TestScript, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return nil
}

const scimmy = "../../connectors/scim/testdata/scimmy"

func startSCIMMY(ts *testscript.TestScript) (string, error) {
	node := exec.CommandContext(context.Background(), "node", "server.mjs")
	node.Dir, node.Stderr = scimmy, os.Stderr
	node.Env = append(os.Environ(), "TOKEN="+strangerSecret)
	out, err := node.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := running(ts, node); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line) + "/bridge/scim/v2", err
}

// byHand asks SCIMMY, as somebody with its own console would, and writes the answer to
// stdout.
func byHand(ts *testscript.TestScript, _ bool, args []string) {
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(args[2])
	}
	req, err := http.NewRequestWithContext(context.Background(), args[0], ts.Getenv("TARGET")+args[1], body)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+strangerSecret)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	text, err := io.ReadAll(res.Body)
	ts.Check(errors.Join(err, res.Body.Close()))
	if res.StatusCode >= 300 {
		ts.Fatalf("%s %s: %s: %s", args[0], args[1], res.Status, text)
	}
	fmt.Fprintln(ts.Stdout(), string(text))
}

const slapdConf = `
include SCHEMA/core.schema
include SCHEMA/cosine.schema
include SCHEMA/inetorgperson.schema
modulepath MODULES
moduleload back_mdb
moduleload ppolicy
database mdb
suffix "dc=example,dc=com"
rootdn "cn=admin,dc=example,dc=com"
rootpw "SECRET"
directory DIR
dbnosync
overlay ppolicy
`

// slapdParts are where the server is, its schema, and its modules; empty is nowhere.
func slapdParts() []string {
	first := func(paths ...string) string {
		i := slices.IndexFunc(paths, func(p string) bool { _, err := os.Stat(p); return err == nil })
		if i < 0 {
			return ""
		}
		return paths[i]
	}
	return []string{
		first("/usr/sbin/slapd", "/usr/libexec/slapd", "/usr/local/libexec/slapd"),
		first("/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema"),
		first("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/local/libexec/openldap"),
	}
}

func startSlapd(ts *testscript.TestScript) (string, error) {
	parts := slapdParts()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	at := l.Addr().String()
	dir := ts.MkAbs("directory")
	conf := strings.NewReplacer("SCHEMA", parts[1], "MODULES", parts[2], "DIR", dir, "SECRET", strangerSecret).Replace(slapdConf)
	if err := errors.Join(l.Close(), os.Mkdir(dir, 0o700), os.WriteFile(ts.MkAbs("slapd.conf"), []byte(conf), 0o600)); err != nil {
		return "", err
	}
	server := exec.CommandContext(context.Background(), parts[0], "-f", ts.MkAbs("slapd.conf"), "-h", "ldap://"+at, "-d", "0")
	if err := running(ts, server); err != nil {
		return "", err
	}
	reach(ts, at)
	return "ldap://" + at, planted(ts, at)
}

// planted has the directory begin with places, two groups, and somebody who was there
// before.
func planted(ts *testscript.TestScript, at string) error {
	c, err := dialled(at)
	if err != nil {
		return err
	}
	ts.Defer(func() { _ = c.Close() })
	const suffix, nobody = "dc=example,dc=com", "cn=nobody"
	var problems []error
	for _, e := range []struct {
		dn         string
		attributes map[string]string
	}{
		{suffix, map[string]string{"objectClass": "domain"}},
		{"ou=people," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		{"ou=groups," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		{"cn=developers,ou=groups," + suffix, map[string]string{"objectClass": "groupOfNames", "member": nobody}},
		{"cn=admins,ou=groups," + suffix, map[string]string{"objectClass": "groupOfNames", "member": nobody}},
		{"uid=root,ou=people," + suffix, map[string]string{"objectClass": "inetOrgPerson", "cn": "Root", "sn": "Root"}},
	} {
		add := ldap.NewAddRequest(e.dn, nil)
		for name, value := range e.attributes {
			add.Attribute(name, []string{value})
		}
		problems = append(problems, c.Add(add))
	}
	return errors.Join(problems...)
}

func dialled(at string) (*ldap.Conn, error) {
	c, err := ldap.DialURL("ldap://" + strings.TrimPrefix(at, "ldap://"))
	if err != nil {
		return nil, err
	}
	return c, c.Bind("cn=admin,dc=example,dc=com", strangerSecret)
}

// directory looks into the directory, or changes it, as somebody with its own tools
// would.
func directory(ts *testscript.TestScript, _ bool, args []string) {
	c, err := dialled(ts.Getenv("TARGET"))
	ts.Check(err)
	defer func() { _ = c.Close() }()
	if args[0] != "show" {
		m := ldap.NewModifyRequest(args[1], nil)
		change := map[string]func(string, []string){"add": m.Add, "delete": m.Delete, "replace": m.Replace}[args[0]]
		change(args[2], args[3:])
		ts.Check(c.Modify(m))
		return
	}
	found, err := c.Search(ldap.NewSearchRequest("dc=example,dc=com", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, args[1], []string{"*", "pwdAccountLockedTime"}, nil))
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d found\n", len(found.Entries))
	for _, e := range found.Entries {
		for _, a := range e.Attributes {
			for _, value := range a.Values {
				fmt.Fprintf(ts.Stdout(), "%s %s: %s\n", e.DN, a.Name, value)
			}
		}
	}
}
