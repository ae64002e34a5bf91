package ldap

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// TestLife provisions people to each kind of directory, has them changed by hand,
// finds that in a listing, mends it, and takes everything away in the end.
func TestLife(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *place{
		"OpenLDAP":         func(t *testing.T) *place { needServer(t); return target(t, nil) },
		"OpenLDAP, posix":  func(t *testing.T) *place { needServer(t); return target(t, posix(nil)) },
		"Active Directory": func(t *testing.T) *place { return adTarget(t, map[string]string{"disabledBase": "ou=disabled"}) },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t)
			t.Parallel()
			const people = 6
			have, want := make([]schema.Account, people), make([]schema.Account, people)
			for n := range people {
				person := p.user(fmt.Sprintf("life%d", n))
				person["title"] = "Engineer"
				want[n] = schema.Account{Active: true, Attributes: person, Entitlements: groupNames[:1+n%2]}
				have[n] = p.apply(t, schema.Account{}, want[n])
			}
			p.agrees(t, want)

			p.drifts(t, want)
			there := p.list(t)
			if a := there[0]; !slices.Equal(a.Entitlements, groupNames[1:2]) {
				t.Errorf("put into another group by hand, it is listed with %q", a.Entitlements)
			}
			if there[1].Active || there[2].Attributes["title"] != "Self-made" || there[3].Exists() {
				t.Errorf("what was done by hand is not seen: %v", there)
			}
			for n := range people {
				seen := there[n]
				seen.Managed = groupNames
				have[n] = p.apply(t, seen, want[n])
			}
			p.agrees(t, want)

			for n := range people {
				p.apply(t, have[n], schema.Account{})
			}
			for n, a := range p.list(t) {
				if a.Active || len(a.Entitlements) > 0 || !a.Exists() {
					t.Errorf("in the end person %d is %v, want it there, disabled, and in no group", n, a)
				}
			}
		})
	}
}

// list returns the people of TestLife, by their number.
func (p *place) list(t *testing.T) map[int]schema.Account {
	t.Helper()
	all := map[int]schema.Account{}
	for a, err := range p.connector.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if _, err := fmt.Sscanf(a.Attributes["userName"], "life%d", &n); err == nil {
			all[n] = a
		}
	}
	return all
}

// agrees holds that the directory has these people, and has them so.
func (p *place) agrees(t *testing.T, want []schema.Account) {
	t.Helper()
	there := p.list(t)
	for n, w := range want {
		is := there[n]
		if is.Active != w.Active || !slices.Equal(is.Entitlements, w.Entitlements) || is.Attributes["title"] != w.Attributes["title"] {
			t.Errorf("person %d is %v, want %v", n, is, w)
		}
	}
}

// drifts changes people by hand, each in another way.
func (p *place) drifts(t *testing.T, people []schema.Account) {
	t.Helper()
	s := p.connector.settings
	entries := make([]*ldap.Entry, 4)
	for n := range entries {
		for _, base := range s.bases() {
			r, err := p.conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, 0, 0, 0, false,
				fmt.Sprintf("(%s=%s)", s.attributes["userName"][0], ldap.EscapeFilter(people[n].Attributes["userName"])), []string{"*"}, nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range r.Entries {
				entries[n] = e
			}
		}
	}
	group := func(name string, change func(*ldap.ModifyRequest, string, []string)) {
		p.modify(t, dn("cn", name, s.groupBase), func(m *ldap.ModifyRequest) { change(m, s.member, []string{s.listed(entries[0])}) })
	}
	group(groupNames[1], (*ldap.ModifyRequest).Add)
	group(groupNames[0], (*ldap.ModifyRequest).Delete)
	p.modify(t, entries[1].DN, func(m *ldap.ModifyRequest) {
		value := s.disableValue
		if s.disable == byFlag {
			value = strconv.FormatInt(flags(entries[1], s.disableAttr)|s.disableBits, 10)
		}
		m.Replace(s.disableAttr, []string{value})
	})
	p.modify(t, entries[2].DN, func(m *ldap.ModifyRequest) { m.Replace("title", []string{"Self-made"}) })
	if err := p.conn.Del(ldap.NewDelRequest(entries[3].DN, nil)); err != nil {
		t.Fatal(err)
	}
}
