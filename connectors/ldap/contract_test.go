package ldap

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// groupNames are names that need every kind of escaping.
var groupNames = []string{`#1, "quoted" (all) * \ <x>`, "plain", "Überall + 東京"}

func TestContract(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"attribute":  {"disableAttribute": "employeeType", "disableValue": "disabled", "enableValue": "active", "disabledBase": ""},
		"ppolicy":    {"disabledBase": "", "nested": "true"},
		"lock, move": {},
		"bits":       {"disable": byFlag, "disableAttribute": "employeeType", "disableValue": "6", "enableValue": "17", "disabledBase": ""},
		"move":       {"disable": byMove},
		"delete":     {"disable": byDelete},
		"posix":      posix(nil),
		"posix, cn":  posix(map[string]string{"rdn": "cn", "attribute.userName": "cn uid", "attribute.displayName": "displayName"}),
	} {
		t.Run(name, func(t *testing.T) {
			needServer(t)
			t.Parallel()
			connectortest.Run(t, connectortest.Harness{
				Open:         func(t *testing.T) connectortest.Target { return target(t, options).Target },
				Entitlements: groupNames,
				Deletes:      options["disable"] == byDelete,
			})
		})
	}
}

// posix returns the options for UNIX accounts, whom groups list by their uid.
func posix(more map[string]string) map[string]string {
	o := map[string]string{
		"userClass": "inetOrgPerson posixAccount", "groupClass": "posixGroup", "member": "memberUid", "memberValue": "uid",
		"new.homeDirectory": "/home/{uid}", "new.gidNumber": "100", "number.uidNumber": "10000-10999", "disabledBase": "",
	}
	maps.Copy(o, more)
	return o
}

// TestContractWithActiveDirectory is the same, at a domain controller, by the
// profile that ships.
func TestContractWithActiveDirectory(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"bits, move": {"disabledBase": "ou=disabled"},
		"SID, range": {"id": "objectSid", "memberRange": "2", "nested": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			needDC(t)
			t.Parallel()
			base := "" // of the case: in a domain a name is unique, wherever it stands
			connectortest.Run(t, connectortest.Harness{
				Open: func(t *testing.T) connectortest.Target {
					p := adTarget(t, options)
					base = p.base
					return p.Target
				},
				Person: func(n int) map[string]string {
					person := connectortest.Person(n)
					ou, _, _ := strings.Cut(strings.TrimPrefix(base, "OU="), ",")
					person["userName"] = fmt.Sprintf("%s.%04d@example.com", ou, n)
					return person
				},
				Behind:       14 * 24 * time.Hour,
				Entitlements: groupNames,
			})
		})
	}
}

// A place is a part of the tree, and the connector to it.
type place struct {
	connectortest.Target

	connector *Connector
	proxy     *proxy
	base      string
	conn      *ldap.Conn // past the connector
}

// target opens a connector to a part of the server's tree.
func target(t *testing.T, options map[string]string) *place {
	t.Helper()
	s := needServer(t)
	tree := suffix
	if options["memberFollow"] == "true" {
		tree = followSuffix
	}
	base, conn := s.part(t, tree)
	for i, name := range groupNames {
		if options["groupClass"] == "posixGroup" {
			addEntry(t, conn, dn("cn", name, "ou=groups,"+base), map[string]string{"objectClass": "posixGroup", "gidNumber": strconv.Itoa(500 + i)})
			continue
		}
		group(t, conn, base, name)
	}
	p := newProxy(t, func() (net.Conn, error) { return net.Dial("unix", s.socket) }, nil)
	o := map[string]string{
		"userBase": "ou=people," + base, "groupBase": "ou=groups," + base, "disabledBase": "ou=disabled," + base,
		"attribute.externalId": "carLicense", "timeout": "10s",
	}
	maps.Copy(o, options)
	profile := connectors.DefaultProfile()
	profile.LastUsed = "description" // in the place of what an overlay keeps
	c, err := Open(connectors.Options{Config: connectors.Config{
		Kind: "ldap", BaseURL: "ldap://" + p.Addr().String(), Auth: connectors.Auth{User: rootDN, Secret: rootPassword},
		Options: o, AllowIrreversible: true, Profile: profile,
	}})
	if err != nil {
		t.Fatal(err)
	}
	connector := c.(*Connector)
	t.Cleanup(func() { _ = connector.Close() })
	h := &hand{settings: connector.settings, conn: conn, proxy: p}
	return &place{
		Target:    connectortest.Target{Connector: c, Hand: h, Faults: p, Use: h.use(func(at time.Time) string { return at.Format("20060102150405Z") })},
		connector: connector, proxy: p, base: base, conn: conn,
	}
}

// A hand is somebody with ldapmodify.
type hand struct {
	*settings

	conn  *ldap.Conn
	proxy *proxy
}

func (h *hand) Writes() int { return h.proxy.written() }

func (h *hand) Accounts(context.Context) ([]schema.Account, error) {
	groups, err := h.find(h.groupBase, h.groupFilter)
	if err != nil {
		return nil, err
	}
	var all []schema.Account
	for _, base := range h.bases() {
		people, err := h.find(base, h.userFilter)
		if err != nil {
			return nil, err
		}
		for _, e := range people {
			a := schema.Account{RemoteID: h.remoteID(e), Active: h.isActive(base, e), Attributes: map[string]string{}}
			for path, carriers := range h.attributes {
				for _, name := range carriers {
					if value := e.GetAttributeValue(name); value != nothing {
						a.Attributes[path] = value
					}
				}
			}
			for _, g := range groups {
				if slices.ContainsFunc(g.GetAttributeValues(h.member), func(m string) bool { return normal(m) == normal(e.DN) || m == e.GetAttributeValue(h.memberValue) }) {
					a.Entitlements = append(a.Entitlements, g.GetAttributeValue("cn"))
				}
			}
			a.Entitlements = schema.Sorted(a.Entitlements...)
			all = append(all, a)
		}
	}
	return all, nil
}

func (h *hand) isActive(base string, e *ldap.Entry) bool {
	switch h.disable {
	case byAttribute:
		return e.GetAttributeValue(h.disableAttr) != h.disableValue
	case byFlag:
		n, err := strconv.Atoi(e.GetAttributeValue(h.disableAttr))
		return err == nil && n&int(h.disableBits) == 0
	case byMove:
		return base == h.userBase
	}
	return true
}

func (h *hand) find(base, filter string) ([]*ldap.Entry, error) {
	r, err := h.conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, 0, 0, 0, false, filter, []string{"*", "+"}, nil))
	if err != nil {
		return nil, err
	}
	return r.Entries, nil
}

func (h *hand) Put(ctx context.Context, a schema.Account) (schema.Account, error) {
	base := h.userBase
	if !a.Active && h.disabledBase != "" {
		base = h.disabledBase
	}
	add := ldap.NewAddRequest(dn(h.rdn, a.Attributes["userName"], base), nil)
	add.Attribute("objectClass", h.userClasses)
	for path, carriers := range h.attributes {
		for _, name := range carriers {
			if value := a.Attributes[path]; value != "" {
				add.Attribute(name, []string{value})
			}
		}
	}
	switch {
	case !a.Active && h.disable == byAttribute:
		add.Attribute(h.disableAttr, []string{h.disableValue})
	case h.disable == byFlag:
		n, err := strconv.Atoi(h.enableValue)
		if err != nil {
			return a, err
		}
		if !a.Active {
			n |= int(h.disableBits)
		}
		add.Attribute(h.disableAttr, []string{strconv.Itoa(n)})
	}
	member := add.DN
	if h.memberValue != byName {
		member = a.Attributes["userName"]
		add.Attribute("uidNumber", []string{strconv.Itoa(20000 + len(a.Attributes["userName"]))})
		add.Attribute("gidNumber", []string{"100"})
		add.Attribute("homeDirectory", []string{"/home"})
	}
	if err := h.conn.Add(add); err != nil {
		return a, err
	}
	for _, e := range a.Entitlements {
		m := ldap.NewModifyRequest(dn("cn", e, h.groupBase), nil)
		m.Add(h.member, []string{member})
		if err := h.conn.Modify(m); err != nil {
			return a, err
		}
	}
	all, err := h.Accounts(ctx)
	for _, there := range all {
		if there.Attributes["userName"] == a.Attributes["userName"] {
			return there, err
		}
	}
	return a, fmt.Errorf("put %s: it is not there: %w", add.DN, err)
}

// use returns what writes when somebody was last seen, as the server does.
func (h *hand) use(text func(time.Time) string) func(string, time.Time) error {
	return func(id string, at time.Time) error {
		for _, base := range h.bases() {
			found, err := h.find(base, h.userFilter)
			if err != nil {
				return err
			}
			for _, e := range found {
				if h.remoteID(e) == id {
					m := ldap.NewModifyRequest(e.DN, nil)
					m.Replace(h.lastUsed, []string{text(at)})
					return h.conn.Modify(m)
				}
			}
		}
		return fmt.Errorf("use %s: it is not there", id)
	}
}

func (h *hand) Remove(_ context.Context, id string) error {
	for _, base := range h.bases() {
		found, err := h.find(base, h.userFilter)
		if err != nil {
			return err
		}
		for _, e := range found {
			if h.remoteID(e) == id {
				return h.conn.Del(ldap.NewDelRequest(e.DN, nil))
			}
		}
	}
	return fmt.Errorf("remove %s: it is not there", id)
}
