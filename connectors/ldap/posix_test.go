package ldap

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// uids returns whom the group lists.
func (p *place) uids(t *testing.T, group string) []string {
	t.Helper()
	return p.entry(t, dn("cn", group, "ou=groups,"+p.base)).GetAttributeValues("memberUid")
}

// TestNumbers gives people who come at once a number each, above all that are
// taken, and stops where there is none left.
func TestNumbers(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, posix(map[string]string{"number.uidNumber": "10000-10013", "new.loginShell": "/bin/{nothing}sh"}))
	for _, n := range []string{"10002", "10004", "20000"} { // two of them in the range
		addEntry(t, p.conn, "uid=there"+n+",ou=people,"+p.base, map[string]string{
			"objectClass": "inetOrgPerson", "cn": "x", "sn": "x",
		})
		p.modify(t, "uid=there"+n+",ou=people,"+p.base, func(m *ldap.ModifyRequest) {
			m.Add("objectClass", []string{"posixAccount"})
			m.Add("uidNumber", []string{n})
			m.Add("gidNumber", []string{"100"})
			m.Add("homeDirectory", []string{"/"})
		})
	}
	const people = 9 // 10005 to 10013
	var group sync.WaitGroup
	for i := range people {
		group.Go(func() {
			want := schema.Account{Active: true, Attributes: someone(fmt.Sprintf("p%d", i))}
			if _, err := p.Connector.Apply(t.Context(), schema.Account{}, want); err != nil {
				t.Errorf("person %d: %v", i, err)
			}
		})
	}
	group.Wait()
	var numbers []int
	for i := range people {
		e := p.entry(t, fmt.Sprintf("uid=p%d,ou=people,%s", i, p.base))
		n, err := strconv.Atoi(e.GetAttributeValue("uidNumber"))
		if err != nil || e.GetAttributeValue("homeDirectory") != fmt.Sprintf("/home/p%d", i) || e.GetAttributeValue("loginShell") != "/bin/sh" {
			t.Errorf("person %d is %v, %v", i, e, err)
		}
		numbers = append(numbers, n)
	}
	if slices.Sort(numbers); numbers[0] != 10005 || numbers[people-1] != 10013 || len(slices.Compact(numbers)) != people {
		t.Errorf("the numbers are %v, want 10005 to 10013", numbers)
	}
	_, err := p.Connector.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: someone("late")})
	if err == nil || connectors.KindOf(err) != connectors.Permanent {
		t.Errorf("one too many: %v, want a permanent error", err)
	}
}

// TestUIDs takes groups along when a uid changes, and lets nobody inherit one.
func TestUIDs(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"it names the entry": nil,
		"it does not":        {"rdn": "sn", "attribute.name.familyName": "sn"},
	} {
		t.Run(name, func(t *testing.T) {
			needServer(t)
			t.Parallel()
			p := target(t, posix(options))
			for _, uid := range []string{"ada", "grace"} { // left behind by somebody
				p.modify(t, dn("cn", groupNames[2], "ou=groups,"+p.base), func(m *ldap.ModifyRequest) { m.Add("memberUid", []string{uid}) })
			}
			have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada"), Entitlements: []string{"plain"}})
			if !slices.Equal(have.Entitlements, []string{"plain"}) {
				t.Errorf("a new account holds %q, want what was granted only", have.Entitlements)
			}
			have = p.apply(t, have, schema.Account{Active: true, Attributes: someone("grace"), Entitlements: []string{"plain"}})
			if got := p.uids(t, "plain"); !slices.Equal(got, []string{"grace"}) || !slices.Equal(have.Entitlements, []string{"plain"}) {
				t.Errorf("renamed, the group lists %q, and it holds %q", got, have.Entitlements)
			}
			if got := p.uids(t, groupNames[2]); len(got) > 0 {
				t.Errorf("%q are still listed, whom nobody put there", got)
			}
			device := map[string]string{"objectClass": "account", "uid": "printer"}
			addEntry(t, p.conn, "uid=printer,ou=people,"+p.base, device)
			other := someone("robot")
			other["name.familyName"] = "Robot"
			p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: other, Entitlements: []string{"plain"}})
			_, err := p.Connector.Apply(t.Context(), have, schema.Account{Active: true, Attributes: someone("robot"), Entitlements: []string{"plain"}})
			if err == nil || connectors.KindOf(err) != connectors.Exists {
				t.Errorf("renamed to what another has: %v, want Exists", err)
			}
			if got := p.uids(t, "plain"); len(got) != 2 {
				t.Errorf("after that the group lists %q, want both", got)
			}
		})
	}
}
