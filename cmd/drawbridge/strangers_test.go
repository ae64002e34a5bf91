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

	"drawbridge/connectors/ldap/ldaptest"
)

const strangerSecret = "stranger-0123456789abcdef"

// TestStrangers runs testdata/strangers with a bridge that provisions to servers that
// nobody here wrote, if they are installed. A script has besides what scripts have:
//
//	start NAME          start one, with an address in $TARGET, as what the bridge is
//	                    connected to: scimmy, betterauth, slapd or samba
//	by-hand METHOD PATH [BODY]                  ask SCIMMY or Better Auth, past the bridge
//	directory show FILTER                       search the directory, past the bridge
//	directory add|delete|replace DN NAME VALUE  change an entry, likewise
func TestStrangers(t *testing.T) {
	p := params("testdata/strangers")
	p.Setup = func(env *testscript.Env) error {
		stand(env)
		env.Setenv("BRIDGE_SECRET", strangerSecret)
		env.Values[treeKey{}] = &tree{}
		return nil
	}
	p.Condition = installed
	p.Cmds["start"] = func(ts *testscript.TestScript, _ bool, args []string) { strangers[args[0]].start(ts) }
	p.Cmds["by-hand"] = byHand
	p.Cmds["directory"] = directory
	testscript.Run(t, p)
}

// strangers are whether each is there, and what starts it for a script.
var strangers = map[string]struct {
	there func() bool
	start func(*testscript.TestScript)
}{
	"scimmy":     {func() bool { return hasModules("scimmy") }, func(ts *testscript.TestScript) { startNode(ts, "scimmy", "generic") }},
	"betterauth": {func() bool { return hasModules("betterauth") }, func(ts *testscript.TestScript) { startNode(ts, "betterauth", "better-auth") }},
	"slapd":      {func() bool { return !slices.Contains(slapdParts(), "") }, startSlapd},
	"samba":      {ldaptest.Installed, startSamba},
}

// installed reports whether a server is there that a script is about. In continuous
// integration one that is not is an error, for a skipped test would be taken for one
// that passed.
func installed(what string) (bool, error) {
	who, known := strangers[what]
	if !known {
		return false, fmt.Errorf("unknown condition %q", what)
	}
	there := who.there()
	if !there && os.Getenv("CI") != "" {
		return false, fmt.Errorf("%s is not installed", what)
	}
	return there, nil
}

// tools writes into a folder the configuration and the policy of testdata/tools, of which
// the one target is of the kind, and connected to as the entry of the configuration says.
func tools(dir, kind, connector string) error {
	fill := strings.NewReplacer("KIND", kind, "CONNECTOR", connector)
	if err := os.Mkdir(filepath.Join(dir, "policy"), 0o700); err != nil {
		return err
	}
	for _, name := range []string{"drawbridge.yaml", filepath.Join("policy", "policy.yaml")} {
		text, err := os.ReadFile(filepath.Join("testdata/tools", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(string(text))), 0o600); err != nil {
			return err
		}
	}
	return nil
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

const serviceProviders = "../../connectors/scim/testdata"

func hasModules(name string) bool {
	_, err := os.Stat(filepath.Join(serviceProviders, name, "node_modules"))
	return err == nil
}

// startNode starts a service provider that runs on Node.
func startNode(ts *testscript.TestScript, name, profile string) {
	node := exec.CommandContext(context.Background(), "node", "server.mjs")
	node.Dir, node.Stderr = filepath.Join(serviceProviders, name), os.Stderr
	node.Env = append(os.Environ(), "TOKEN="+strangerSecret)
	out, err := node.StdoutPipe()
	ts.Check(err)
	ts.Check(running(ts, node))
	line, err := bufio.NewReader(out).ReadString('\n')
	ts.Check(err)
	at := strings.TrimSpace(line) + "/bridge/scim/v2"
	ts.Setenv("TARGET", at)
	ts.Check(tools(ts.MkAbs("."), "scim", `{ name: tools, kind: scim, profile: `+profile+`, baseURL: "`+at+`", auth: { bearer: env:BRIDGE_SECRET } }`))
}

// byHand asks a service provider, as somebody with its own console would, and writes the answer to
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

func startSlapd(ts *testscript.TestScript) {
	parts := slapdParts()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	at := l.Addr().String()
	dir := ts.MkAbs("directory")
	conf := strings.NewReplacer("SCHEMA", parts[1], "MODULES", parts[2], "DIR", dir, "SECRET", strangerSecret).Replace(slapdConf)
	ts.Check(errors.Join(l.Close(), os.Mkdir(dir, 0o700), os.WriteFile(ts.MkAbs("slapd.conf"), []byte(conf), 0o600)))
	ts.Check(running(ts, exec.CommandContext(context.Background(), parts[0], "-f", ts.MkAbs("slapd.conf"), "-h", "ldap://"+at, "-d", "0")))
	reach(ts, at)
	const suffix, nobody = "dc=example,dc=com", "cn=nobody"
	treeOf(ts).grow(ts, suffix, func() (*ldap.Conn, error) {
		c, err := ldap.DialURL("ldap://" + at)
		if err != nil {
			return nil, err
		}
		return c, c.Bind("cn=admin,"+suffix, strangerSecret)
	},
		entry{suffix, map[string]string{"objectClass": "domain"}},
		entry{"ou=people," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		entry{"ou=groups," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		entry{"cn=developers,ou=groups," + suffix, map[string]string{"objectClass": "groupOfNames", "member": nobody}},
		entry{"cn=admins,ou=groups," + suffix, map[string]string{"objectClass": "groupOfNames", "member": nobody}},
		entry{"uid=root,ou=people," + suffix, map[string]string{"objectClass": "inetOrgPerson", "cn": "Root", "sn": "Root"}},
	)
	ts.Check(tools(ts.MkAbs("."), "ldap", `{ name: tools, kind: ldap, baseURL: "ldap://`+at+`", auth: { user: "cn=admin,dc=example,dc=com", password: env:BRIDGE_SECRET },
      options: { userBase: "ou=people,dc=example,dc=com", groupBase: "ou=groups,dc=example,dc=com" } }`))
}

func startSamba(ts *testscript.TestScript) {
	d, err := ldaptest.Start()
	if d != nil {
		ts.Defer(d.Stop)
	}
	ts.Check(err)
	const suffix = ldaptest.Suffix
	treeOf(ts).grow(ts, suffix, d.Dial,
		entry{"ou=people," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		entry{"ou=groups," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		entry{"ou=gone," + suffix, map[string]string{"objectClass": "organizationalUnit"}},
		entry{"cn=developers,ou=groups," + suffix, map[string]string{"objectClass": "group"}},
		entry{"cn=admins,ou=groups," + suffix, map[string]string{"objectClass": "group"}},
		entry{"cn=root,ou=people," + suffix, map[string]string{"objectClass": "user", "userAccountControl": "544"}},
	)
	ts.Setenv("BRIDGE_SECRET", ldaptest.Password)
	ts.Check(tools(ts.MkAbs("."), "ldap", `{ name: tools, kind: ldap, profile: active-directory, baseURL: "ldaps://`+d.Address+`", auth: { user: "`+ldaptest.Admin+`", password: env:BRIDGE_SECRET },
      options: { userBase: "ou=people,`+suffix+`", groupBase: "ou=groups,`+suffix+`", disabledBase: "ou=gone,`+suffix+`", caFile: "`+d.CAFile()+`" } }`))
}

// A tree is a directory, as somebody with its own tools sees it.
type tree struct {
	suffix string
	dial   func() (*ldap.Conn, error)
}

type treeKey struct{}

func treeOf(ts *testscript.TestScript) *tree { return ts.Value(treeKey{}).(*tree) }

// An entry is what a directory begins with: places, two groups, and somebody who was
// there before.
type entry struct {
	dn         string
	attributes map[string]string
}

func (d *tree) grow(ts *testscript.TestScript, suffix string, dial func() (*ldap.Conn, error), entries ...entry) {
	d.suffix, d.dial = suffix, dial
	c, err := dial()
	ts.Check(err)
	defer func() { _ = c.Close() }()
	for _, e := range entries {
		add := ldap.NewAddRequest(e.dn, nil)
		for name, value := range e.attributes {
			add.Attribute(name, []string{value})
		}
		ts.Check(c.Add(add))
	}
}

// directory looks into the directory, or changes it, as somebody with its own tools
// would.
func directory(ts *testscript.TestScript, _ bool, args []string) {
	d := treeOf(ts)
	c, err := d.dial()
	ts.Check(err)
	defer func() { _ = c.Close() }()
	if args[0] != "show" {
		m := ldap.NewModifyRequest(args[1], nil)
		change := map[string]func(string, []string){"add": m.Add, "delete": m.Delete, "replace": m.Replace}[args[0]]
		change(args[2], args[3:])
		ts.Check(c.Modify(m))
		return
	}
	found, err := c.Search(ldap.NewSearchRequest(d.suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, args[1], []string{"*", "pwdAccountLockedTime"}, nil))
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
