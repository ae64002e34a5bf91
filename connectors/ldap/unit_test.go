package ldap

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// least is the least that a directory can be configured with.
func least(url string, options map[string]string) connectors.Config {
	c := connectors.Config{Name: "directory", Kind: "ldap", BaseURL: url, Profile: connectors.DefaultProfile(), Options: map[string]string{}}
	maps.Copy(c.Options, options)
	if _, given := options["userBase"]; !given {
		c.Options["userBase"] = "ou=people,dc=example,dc=com"
	}
	return c
}

func TestMistakesInOptions(t *testing.T) {
	noCert := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options map[string]string
		want    string
	}{
		"unknown":                {map[string]string{"userbase": "x"}, `unknown option "userbase"`},
		"no base":                {map[string]string{"userBase": ""}, "option userBase is empty"},
		"no name":                {map[string]string{"groupBase": "groups"}, `option groupBase is "groups", want a distinguished name`},
		"no filter":              {map[string]string{"userFilter": "objectClass=person"}, `option userFilter is "objectClass=person", want a filter`},
		"no attribute":           {map[string]string{"member": "member)(cn=*"}, "option member is"},
		"two words":              {map[string]string{"rdn": "uid cn"}, `option rdn is "uid cn", want one name`},
		"rdn is not written":     {map[string]string{"rdn": "employeeNumber", "attribute.employeeNumber": ""}, "which no attribute option writes"},
		"match is not written":   {map[string]string{"attribute.userName": "", "rdn": "cn"}, "matches accounts by userName"},
		"written twice":          {map[string]string{"attribute.userType": "mail"}, "both write mail"},
		"disabled by what it is": {map[string]string{"disableAttribute": "title"}, "attribute.title and disableAttribute both write title"},
		"unknown way":            {map[string]string{"disable": "ask"}, `option disable is "ask"`},
		"move where":             {map[string]string{"disable": "move"}, "option disabledBase is empty"},
		"no bits":                {map[string]string{"disable": "flag", "disableValue": "disabled", "enableValue": "512"}, `option disableValue is "disabled"`},
		"enabled is disabled":    {map[string]string{"disable": "flag", "disableValue": "2", "enableValue": "514"}, `option enableValue is "514"`},
		"bits are nothing":       {map[string]string{"disable": "flag", "disableValue": "2"}, `option enableValue is ""`},
		"a password":             {map[string]string{"initialPassword": "hunter2"}, "is no place for a password"},
		"a password in clear":    {map[string]string{"initialPassword": "random"}, "option initialPassword needs an encrypted connection"},
		"protected by nothing":   {map[string]string{"protected": "adminCount"}, `option protected is "adminCount"`},
		"no condition":           {map[string]string{"notAdopted": "a)(b=1"}, `option notAdopted is`},
		"short name is written":  {map[string]string{"shortName": "uid"}, "attribute.userName and shortName both write uid"},
		"no numbers":             {map[string]string{"number.uidNumber": "10000"}, `option number.uidNumber is "10000"`},
		"numbers backwards":      {map[string]string{"number.uidNumber": "9-1"}, `option number.uidNumber is "9-1"`},
		"new is written":         {map[string]string{"new.mail": "x"}, "attribute.emails.value and"},
		"listed is not written":  {map[string]string{"memberValue": "gecos"}, "memberValue is gecos, which no attribute option writes"},
		"nested uids":            {map[string]string{"memberValue": "uid", "nested": "true"}, "option nested is for groups"},
		"no range":               {map[string]string{"memberRange": "all"}, `option memberRange is "all"`},
		"two primary groups":     {map[string]string{"primaryGroup": "a b"}, `option primaryGroup is "a b"`},
		"delete":                 {map[string]string{"disable": "delete"}, "allowIrreversible"},
		"no flag":                {map[string]string{"startTLS": "yes"}, `option startTLS is "yes"`},
		"no duration":            {map[string]string{"timeout": "30"}, `option timeout is "30"`},
		"no number":              {map[string]string{"connections": "0"}, `option connections is "0"`},
		"too large":              {map[string]string{"pageSize": "1000000"}, `option pageSize is "1000000"`},
		"CA without TLS":         {map[string]string{"caFile": noCert}, "option caFile is for"},
		"CA is none":             {map[string]string{"caFile": noCert, "startTLS": "true"}, "has no certificate"},
		"CA is not there":        {map[string]string{"caFile": noCert + "x", "startTLS": "true"}, "option caFile"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(connectors.Options{Config: least("ldap://127.0.0.1", c.options)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
		})
	}
	_, err := Open(connectors.Options{Config: least("ldap://127.0.0.1", map[string]string{"initialPassword": "hunter2"})})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Open: %v: want it to leave out what was written for a password", err)
	}
	_, err = Open(connectors.Options{Config: least("ldap://127.0.0.1", map[string]string{"timeout": "x", "rdn": "", "pageSize": "x"})})
	if n := strings.Count(err.Error(), "option "); n < 3 {
		t.Errorf("Open: %v: want all mistakes at once", err)
	}
}

// TestThePageKnowsTheOptions holds the connector's page to the options there are.
func TestThePageKnowsTheOptions(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "ldap.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range defaults {
		if row := "\n| `" + name + "` | `" + value + "` |"; !strings.Contains(string(page), row) {
			t.Errorf("the page has no row %q", strings.TrimSpace(row))
		}
	}
	for _, name := range optional {
		if row := "\n| `" + name + "` | "; !strings.Contains(string(page), row) {
			t.Errorf("the page has no row that begins with %q", strings.TrimSpace(row))
		}
	}
}

func TestWhereTheSecretMayGo(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		auth connectors.Auth
		tls  bool
		want string // of the error; empty: none
	}{
		"clear to another machine": {"ldap://ldap.example.com", connectors.Auth{User: "cn=x", Secret: "s"}, false, "unencrypted to another machine"},
		"allowed":                  {"ldap://ldap.example.com", connectors.Auth{User: "cn=x", Secret: "s", Insecure: true}, false, ""},
		"to this machine":          {"ldap://[::1]:1389", connectors.Auth{User: "cn=x", Secret: "s"}, false, ""},
		"StartTLS":                 {"ldap://ldap.example.com", connectors.Auth{User: "cn=x", Secret: "s"}, true, ""},
		"ldaps":                    {"ldaps://ldap.example.com", connectors.Auth{User: "cn=x", Secret: "s"}, false, ""},
		"both":                     {"ldaps://ldap.example.com", connectors.Auth{}, true, "option startTLS is for ldap://"},
		"nobody":                   {"ldap://ldap.example.com", connectors.Auth{}, false, ""},
		"no password":              {"ldaps://ldap.example.com", connectors.Auth{User: "cn=x"}, false, "no password"},
		"a socket":                 {"ldapi://%2Frun%2Fslapd%2Fldapi", connectors.Auth{User: "cn=x", Secret: "s"}, false, ""},
		"another scheme":           {"https://ldap.example.com", connectors.Auth{}, false, "baseURL"},
		"no host":                  {"ldap://", connectors.Auth{}, false, "baseURL"},
	} {
		t.Run(name, func(t *testing.T) {
			config := least(c.url, nil)
			config.Auth = c.auth
			if c.tls {
				config.Options["startTLS"] = "true"
			}
			_, err := Open(connectors.Options{Config: config})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
		})
	}
}

func TestKindsOfFailure(t *testing.T) {
	for result, want := range map[uint16]connectors.Kind{
		ldap.LDAPResultBusy:                     connectors.Transient,
		ldap.LDAPResultUnavailable:              connectors.Transient,
		ldap.ErrorNetwork:                       connectors.Transient,
		ldap.LDAPResultNoSuchObject:             connectors.Gone,
		ldap.LDAPResultEntryAlreadyExists:       connectors.Exists,
		ldap.LDAPResultInsufficientAccessRights: connectors.Permanent,
		ldap.LDAPResultObjectClassViolation:     connectors.Permanent,
		ldap.LDAPResultSizeLimitExceeded:        connectors.Permanent,
		ldap.LDAPResultReferral:                 connectors.Permanent,
	} {
		err := failure(t.Context(), "modify", ldap.NewError(result, errors.New("said the server")))
		if got := connectors.KindOf(err); got != want {
			t.Errorf("result %d is kind %d, want %d", result, got, want)
		}
		if !is(err, result) || !strings.Contains(err.Error(), "modify") || !strings.Contains(err.Error(), "said the server") {
			t.Errorf("result %d: the error %v does not say what happened", result, err)
		}
	}
	for _, result := range []uint16{ldap.LDAPResultInvalidCredentials, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConfidentialityRequired} {
		err := unreachable(t.Context(), ldap.NewError(result, errors.New("said the server")))
		if connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) == 0 {
			t.Errorf("result %d to a bind: %v, want it tried again, later: no account is at fault", result, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := failure(ctx, "modify", errors.New("closed")); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v, want context.Canceled", err)
	}
	if got := connectors.KindOf(failure(t.Context(), "modify", errors.New("unable to read"))); got != connectors.Transient {
		t.Errorf("a connection that broke is kind %d, want transient", got)
	}
}

// nastyNames are values that a name or a filter has to be kept from believing.
var nastyNames = []string{
	"ada", `a,b=c+d;e`, `"quoted"`, `back\slash\2c`, ` leading and trailing `, `#hash`, `*)(uid=*`, `<angle>`, `Ünï 東京 ß`, "nul\x00byte", `a/b`, `=`,
}

// FuzzNames builds names of any values, and reads them again.
func FuzzNames(f *testing.F) {
	for i, name := range nastyNames {
		f.Add(name, nastyNames[len(nastyNames)-1-i])
	}
	f.Fuzz(func(t *testing.T, value, other string) {
		if value == "" || other == "" || !utf8.ValidString(value) || !utf8.ValidString(other) {
			t.Skip()
		}
		const base = "ou=people,dc=example,dc=com"
		own, parent, err := split(dn("uid", value, base))
		if err != nil || parent != base || len(own.Attributes) != 1 || own.Attributes[0].Value != value || own.Attributes[0].Type != "uid" {
			t.Fatalf("%q is read as %v below %q, %v", value, own, parent, err)
		}
		rdn, changed := renamed(own, map[string]string{"UID": other, "cn": "x"})
		if again, _, err := split(rdn + "," + base); err != nil || again.Attributes[0].Value != other || changed != (value != other) {
			t.Fatalf("renamed from %q to %q: %q, %v, %v", value, other, rdn, changed, err)
		}
		filter, err := ldap.CompileFilter("(uid=" + ldap.EscapeFilter(value) + ")")
		if err != nil || filter.Tag != ldap.FilterEqualityMatch {
			t.Fatalf("the filter for %q is %v, %v: want it to look for equality", value, filter, err)
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"UID=Ada , OU=People,dc=example,dc=com", "uid=ada,ou=people,dc=example,dc=com"},
		{`cn=a\2cb,dc=x`, `cn=A\,b,dc=X`},
		{"cn=a+sn=b,dc=x", "sn=B+cn=A,dc=x"},
	} {
		if normal(c.a) != normal(c.b) {
			t.Errorf("%q and %q are one name, normal says %q and %q", c.a, c.b, normal(c.a), normal(c.b))
		}
	}
	for _, c := range []struct {
		base, name string
		want       bool
	}{
		{"ou=people,dc=x", "uid=ada,OU=People,dc=x", true},
		{"ou=people,dc=x", "ou=people,dc=x", true},
		{"ou=people,dc=x", "uid=ada,ou=more people,dc=x", false},
		{"ou=people,dc=x", "dc=x", false},
		{"ou=people,dc=x", "none", false},
	} {
		if got := below(c.base, c.name); got != c.want {
			t.Errorf("below(%q, %q) is %v, want %v", c.base, c.name, got, c.want)
		}
	}
	own, _, err := split("cn=Ada+uid=ada,dc=x")
	if err != nil {
		t.Fatal(err)
	}
	if rdn, changed := renamed(own, map[string]string{"uid": "grace"}); rdn != "cn=Ada+uid=grace" || !changed {
		t.Errorf("renamed: %q, %v, want the other part kept", rdn, changed)
	}
}

// TestChange replaces one value among others.
func TestChange(t *testing.T) {
	type op struct {
		Operation uint
		Values    []string
	}
	for name, c := range map[string]struct {
		values     []string
		was, value string
		want       []op
	}{
		"the first":             {nil, "", "a", []op{{ldap.ReplaceAttribute, []string{"a"}}}},
		"the only one":          {[]string{"a"}, "a", "b", []op{{ldap.ReplaceAttribute, []string{"b"}}}},
		"cleared":               {[]string{"a"}, "a", "", []op{{ldap.ReplaceAttribute, nil}}},
		"one of two":            {[]string{"a", "z"}, "a", "b", []op{{ldap.DeleteAttribute, []string{"a"}}, {ldap.AddAttribute, []string{"b"}}}},
		"one of two by another": {[]string{"a", "z"}, "a", "z", []op{{ldap.DeleteAttribute, []string{"a"}}}},
		"one of two cleared":    {[]string{"a", "z"}, "a", "", []op{{ldap.DeleteAttribute, []string{"a"}}}},
		"one beside two":        {[]string{"y", "z"}, "a", "b", []op{{ldap.AddAttribute, []string{"b"}}}},
	} {
		m := ldap.NewModifyRequest("cn=x", nil)
		change(m, "mail", c.values, c.was, c.value)
		var got []op
		for _, ch := range m.Changes {
			got = append(got, op{ch.Operation, ch.Modification.Vals})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAccount reads an entry as the options say.
func TestAccount(t *testing.T) {
	s, err := read(least("ldap://127.0.0.1", map[string]string{
		"id": "dn", "disable": "move", "disabledBase": "ou=gone,dc=example,dc=com", "attribute.department": "", "attribute.title": "personalTitle",
	}))
	if err != nil {
		t.Fatal(err)
	}
	e := ldap.NewEntry("uid=ada,ou=gone,dc=example,dc=com", map[string][]string{
		"UID": {"ada"}, "sn": {"-"}, "cn": {"Ada"}, "mail": {"a@x", "b@x"}, "departmentNumber": {"7"}, "personalTitle": {"Dr"},
	})
	got := s.account(e, map[string]string{"emails.value": "b@x"})
	want := map[string]string{
		"userName": "ada", "name.givenName": "", "name.familyName": "", "displayName": "Ada", "emails.value": "b@x",
		"title": "Dr", "employeeNumber": "",
	}
	if diff := cmp.Diff(want, got.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if got.RemoteID != e.DN || got.Active {
		t.Errorf("account %v, want the entry's name as its id, and not active", got)
	}
	if bases := s.bases(); !slices.Equal(bases, []string{"ou=people,dc=example,dc=com", "ou=gone,dc=example,dc=com"}) {
		t.Errorf("bases %q", bases)
	}
}
