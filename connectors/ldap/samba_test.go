package ldap

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/ldap/ldaptest"

	"github.com/go-ldap/ldap/v3"
)

const (
	domain      = ldaptest.Suffix
	realmSuffix = ldaptest.Realm
	dcAdmin     = ldaptest.Admin
	dcPassword  = ldaptest.Password
)

// A domainController is a domain that all tests share: each has a part of the tree to
// itself.
type domainController struct {
	*ldaptest.Domain

	once  sync.Once
	err   error
	parts atomic.Int64
}

var theDC domainController

// needDC returns the domain controller. Where there is none the test is skipped,
// and fails in continuous integration.
func needDC(t *testing.T) *domainController {
	t.Helper()
	theDC.once.Do(func() { theDC.Domain, theDC.err = ldaptest.Start() })
	if errors.Is(theDC.err, ldaptest.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(theDC.err)
	}
	if theDC.err != nil {
		t.Fatal(theDC.err)
	}
	return &theDC
}

// adTarget opens a connector, as the profile for Active Directory describes it, to
// a part of the domain.
func adTarget(t *testing.T, options map[string]string) *place {
	t.Helper()
	d := needDC(t)
	conn, err := d.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	base := fmt.Sprintf("OU=part%d,%s", d.parts.Add(1), domain)
	for _, name := range []string{base, "ou=people," + base, "ou=disabled," + base, "ou=groups," + base} {
		addEntry(t, conn, name, map[string]string{"objectClass": "organizationalUnit"})
	}
	for _, name := range groupNames {
		addEntry(t, conn, dn("cn", name, "ou=groups,"+base), map[string]string{"objectClass": "group"})
	}
	addEntry(t, conn, "cn=resident,ou=people,"+base, map[string]string{"objectClass": "user"})
	cert, err := tls.LoadX509KeyPair(d.CAFile(), filepath.Join(filepath.Dir(d.CAFile()), "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, d.Secure, &tls.Config{Certificates: []tls.Certificate{cert}})
	o := map[string]string{
		"userBase": "ou=people," + base, "groupBase": "ou=groups," + base, "caFile": d.CAFile(),
		"attribute.externalId": "carLicense", "timeout": "20s",
	}
	maps.Copy(o, options)
	if o["disabledBase"] != "" {
		o["disabledBase"] += "," + base
	}
	connector := openAD(t, "ldaps://"+p.Addr().String(), o)
	return &place{
		Target: connectortest.Target{
			Connector: connector, Hand: &hand{settings: connector.settings, conn: conn, proxy: p}, Faults: p,
			Use: (&hand{settings: connector.settings, conn: conn}).use(func(at time.Time) string {
				return strconv.FormatInt(at.Unix()*10_000_000+116_444_736_000_000_000, 10)
			}),
		},
		connector: connector, proxy: p, base: base, conn: conn,
	}
}

func openAD(t *testing.T, url string, options map[string]string) *Connector {
	t.Helper()
	profile, err := connectors.LoadProfile(configs.Profiles(""), "active-directory")
	if err != nil {
		t.Fatal(err)
	}
	profile.LastUsed, profile.UsedBehind = "lastLogonTimestamp", 14*24*time.Hour // as it says for whom it is right
	c, err := Open(connectors.Options{Config: connectors.Config{
		Kind: "ldap", BaseURL: url, Auth: connectors.Auth{User: dcAdmin, Secret: dcPassword}, Options: options, Profile: profile,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(*Connector).Close() })
	return c.(*Connector)
}

func addEntry(t *testing.T, conn *ldap.Conn, name string, attributes map[string]string) {
	t.Helper()
	add := ldap.NewAddRequest(name, nil)
	for attribute, value := range attributes {
		add.Attribute(attribute, []string{value})
	}
	if err := conn.Add(add); err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
}
