package ldap

import (
	"slices"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"drawbridge/connectors"
)

// TestNesting puts groups into one another by hand, in a circle too: all of that is told,
// and nothing else. R-INH-3.
func TestNesting(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	nests := func() (all []connectors.Nest) {
		t.Helper()
		for n, err := range p.connector.Nesting(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, n)
		}
		return all
	}
	if got := nests(); len(got) > 0 {
		t.Errorf("no group is in another, and there is %v", got)
	}
	in := map[string]string{groupNames[0]: groupNames[1], groupNames[1]: groupNames[2], groupNames[2]: groupNames[0]}
	var want []connectors.Nest
	for group, other := range in {
		m := ldap.NewModifyRequest(dn("cn", other, "ou=groups,"+p.base), nil)
		m.Add("member", []string{dn("cn", group, "ou=groups,"+p.base)})
		if err := p.conn.Modify(m); err != nil {
			t.Fatal(err)
		}
		want = append(want, connectors.Nest{Group: group, In: other})
	}
	got := nests()
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, n := range want {
		if !slices.Contains(got, n) {
			t.Errorf("got %v, want %v among them", got, n)
		}
	}
}
