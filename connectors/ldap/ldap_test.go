package ldap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"
)

// someone returns the attributes of the person with the user name.
func someone(userName string) map[string]string {
	return map[string]string{"userName": userName, "displayName": "Some One", "name.familyName": "One", "emails.value": "one@example.com"}
}

// apply applies and fails the test if that fails.
func (p *place) apply(t *testing.T, have, want schema.Account) schema.Account {
	t.Helper()
	got, err := p.Connector.Apply(t.Context(), have, want)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	got.Managed = got.Entitlements
	return got
}

// members returns whom the group lists, without the placeholder.
func (p *place) members(t *testing.T, name string) []string {
	t.Helper()
	r, err := p.conn.Search(ldap.NewSearchRequest(dn("cn", name, "ou=groups,"+p.base), ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(r.Entries[0].GetAttributeValues("member"), func(m string) bool { return strings.HasPrefix(m, "cn=nobody") })
}

func (p *place) entry(t *testing.T, name string) *ldap.Entry {
	t.Helper()
	r, err := p.conn.Search(ldap.NewSearchRequest(name, ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"*", "+"}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Entries[0]
}

func (p *place) modify(t *testing.T, name string, change func(*ldap.ModifyRequest)) {
	t.Helper()
	m := ldap.NewModifyRequest(name, nil)
	change(m)
	if err := p.conn.Modify(m); err != nil {
		t.Fatal(err)
	}
}

// TestNastyNames takes people through everything whose names are none that
// anybody should have.
func TestNastyNames(t *testing.T) {
	needServer(t)
	t.Parallel()
	for _, way := range []string{byAttribute, byMove} {
		p := target(t, map[string]string{"disable": way})
		for _, userName := range nastyNames {
			t.Run(way+" "+userName, func(t *testing.T) {
				want := schema.Account{Active: true, Attributes: someone(userName), Entitlements: groupNames}
				got := p.apply(t, schema.Account{}, want)
				again, err := p.connector.Read(t.Context(), got.RemoteID)
				if err != nil || again.Attributes["userName"] != userName || !slices.Equal(again.Entitlements, groupNames) {
					t.Fatalf("read back: %v, %v", again, err)
				}
				forgotten := p.apply(t, schema.Account{}, want)
				if forgotten.RemoteID != got.RemoteID || !forgotten.Adopted {
					t.Errorf("found by name: %v, want %s adopted", forgotten, got.RemoteID)
				}
				off := p.apply(t, got, schema.Account{Attributes: someone(userName)})
				if off.Active || len(off.Entitlements) > 0 {
					t.Errorf("disabled: %v", off)
				}
				on := p.apply(t, off, want)
				if !on.Active || !slices.Equal(on.Entitlements, groupNames) {
					t.Errorf("enabled: %v", on)
				}
				renamed := want
				renamed.Attributes = someone("x" + userName)
				if moved := p.apply(t, on, renamed); moved.RemoteID != got.RemoteID || !slices.Equal(moved.Entitlements, groupNames) {
					t.Errorf("renamed: %v", moved)
				}
			})
		}
	}
}

// TestRename takes the groups along, whoever put the entry in them, and leaves
// the old name nowhere, for somebody else to inherit.
func TestRename(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"groups":             {},
		"the server follows": {"memberFollow": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			needServer(t)
			t.Parallel()
			p := target(t, options)
			have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada"), Entitlements: groupNames[:1]})
			p.modify(t, dn("cn", "plain", "ou=groups,"+p.base), func(m *ldap.ModifyRequest) { m.Add("member", []string{"uid=ada,ou=people," + p.base}) })
			got := p.apply(t, have, schema.Account{Active: true, Attributes: someone("Grace H."), Entitlements: groupNames[:1]})
			if got.RemoteID != have.RemoteID || got.Attributes["userName"] != "Grace H." {
				t.Errorf("renamed: %v", got)
			}
			want := "uid=Grace H.,ou=people," + p.base
			for _, group := range groupNames[:2] {
				members := p.members(t, group)
				if name == "the server follows" {
					members = waitFor(t, func() ([]string, bool) {
						m := p.members(t, group)
						return m, len(m) == 1 && normal(m[0]) == normal(want)
					})
				}
				if len(members) != 1 || normal(members[0]) != normal(want) {
					t.Errorf("group %q lists %q, want %q only", group, members, want)
				}
			}
			if before := p.proxy.written(); p.apply(t, got, schema.Account{Active: true, Attributes: someone("grace h."), Entitlements: groupNames[:2]}).Attributes["userName"] != "grace h." {
				t.Error("a change of case only did not happen")
			} else if n := p.proxy.written() - before; n != 1 {
				t.Errorf("a change of case only took %d writes, want 1", n)
			}
		})
	}
}

// waitFor asks until what it is told is right, or for long enough.
func waitFor[T any](t *testing.T, ask func() (T, bool)) T {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.After(10 * time.Second)
	for {
		got, right := ask()
		if right {
			return got
		}
		select {
		case <-again.C:
		case <-late:
			return got
		}
	}
}

// TestRenameCutShort stops a rename and a move at each of their requests, both
// ways. Nobody loses what they hold, and the old name is listed nowhere in the end.
func TestRenameCutShort(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, map[string]string{"disable": byMove})
	for _, c := range []struct {
		name string
		want schema.Account
	}{
		{"rename", schema.Account{Active: true, Entitlements: groupNames[:1]}},
		{"move", schema.Account{}},
	} {
		for _, took := range []bool{false, true} {
			for nth, more := 1, true; more; nth++ {
				old := fmt.Sprintf("%s %v %d", c.name, took, nth)
				have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone(old), Entitlements: groupNames[:1]})
				oldDN := dn("uid", old, "ou=people,"+p.base)
				p.modify(t, dn("cn", "plain", "ou=groups,"+p.base), func(m *ldap.ModifyRequest) { m.Add("member", []string{oldDN}) })
				want := c.want
				want.Attributes = someone(old)
				if want.Active {
					want.Attributes = someone("new " + old)
				}
				p.Faults.Fail(nth, took)
				got, err := p.Connector.Apply(t.Context(), have, want)
				more = p.Faults.Spent()
				if more && err == nil {
					t.Fatalf("%s: Apply said nothing of a lost request", old)
				}
				got.Managed = have.Managed
				got = p.apply(t, got, want)
				if !slices.Contains(got.Entitlements, "plain") {
					t.Errorf("%s: holds %q, and no longer what somebody else gave", old, got.Entitlements)
				}
				for _, group := range groupNames {
					if slices.ContainsFunc(p.members(t, group), func(m string) bool { return normal(m) == normal(oldDN) }) {
						t.Errorf("%s: group %q still lists the old name", old, group)
					}
				}
			}
		}
	}
}

// TestNobodyInherits gives a new account a name that groups list already.
func TestNobodyInherits(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	for _, name := range []string{"ada", "grace"} {
		group(t, p.conn, p.base, "left by "+name, "uid="+name+",ou=people,"+p.base, "cn=nobody")
	}
	got := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada")})
	if len(got.Entitlements) > 0 {
		t.Errorf("a new account holds %q, want nothing", got.Entitlements)
	}
	got = p.apply(t, got, schema.Account{Active: true, Attributes: someone("grace")})
	if len(got.Entitlements) > 0 {
		t.Errorf("a renamed account holds %q, want nothing", got.Entitlements)
	}
	again, err := p.connector.Read(t.Context(), got.RemoteID)
	if err != nil || len(again.Entitlements) > 0 {
		t.Errorf("read back it holds %q, %v, want nothing", again.Entitlements, err)
	}
}

// TestWhatIsNotOurs leaves further values of attributes, and entries that are not
// matched.
func TestWhatIsNotOurs(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada")})
	name := "uid=ada,ou=people," + p.base
	p.modify(t, name, func(m *ldap.ModifyRequest) { m.Add("mail", []string{"private@example.com"}) })
	want := someone("ada")
	want["emails.value"] = "new@example.com"
	have = p.apply(t, have, schema.Account{Active: true, Attributes: want})
	mails := p.entry(t, name).GetAttributeValues("mail")
	slices.Sort(mails)
	if diff := cmp.Diff([]string{"new@example.com", "private@example.com"}, mails); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
	if before := p.proxy.written(); p.apply(t, have, schema.Account{Active: true, Attributes: want}).RemoteID == "" || p.proxy.written() != before {
		t.Error("with a further value there, nothing to do is still written")
	}
	device := ldap.NewAddRequest("uid=printer,ou=people,"+p.base, nil)
	device.Attribute("objectClass", []string{"account"})
	if err := p.conn.Add(device); err != nil {
		t.Fatal(err)
	}
	_, err := p.Connector.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: someone("printer")})
	if err == nil || connectors.KindOf(err) != connectors.Exists {
		t.Errorf("an account named like a printer: %v, want an error that says Exists", err)
	}
	_, err = p.Connector.Apply(t.Context(), have, schema.Account{Active: true, Attributes: someone("printer")})
	if err == nil || connectors.KindOf(err) != connectors.Exists {
		t.Errorf("an account renamed to a printer: %v, want an error that says Exists", err)
	}
}

// TestMatching adopts by mail where one has it, and nobody where two do.
func TestMatching(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	p.connector.Profile.Match = []string{"externalId", "emails.value"}
	for i, mail := range []string{"one@example.com", "two@example.com", "two@example.com", "two@example.com"} {
		person := connectortest.Person(i)
		person["emails.value"] = mail
		if _, err := p.Hand.Put(t.Context(), schema.Account{Active: true, Attributes: person}); err != nil {
			t.Fatal(err)
		}
	}
	got := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada"), Entitlements: groupNames})
	if !got.Adopted || got.Attributes["userName"] != "ada" || !slices.Equal(got.Entitlements, groupNames) {
		t.Errorf("matched by mail: %v, want it adopted, renamed and granted", got)
	}
	two := someone("bob")
	two["emails.value"] = "TWO@example.com"
	_, err := p.Connector.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: two})
	if err == nil || connectors.KindOf(err) != connectors.Exists {
		t.Errorf("a mail that three have: %v, want an error that says Exists", err)
	}
}

// TestGroups finds them whatever the case, and says which are not there.
func TestGroups(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	got, err := p.Connector.Apply(t.Context(), schema.Account{}, schema.Account{
		Active: true, Attributes: someone("ada"), Entitlements: []string{"PLAIN", "no such group"},
	})
	if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "no such group") {
		t.Errorf("a group that is not there: %v, want a permanent error that names it", err)
	}
	if !slices.Equal(got.Entitlements, []string{"PLAIN"}) {
		t.Errorf("holds %q, want what is there granted all the same, as it was spelt", got.Entitlements)
	}
	before := p.proxy.written()
	got.Managed = []string{"PLAIN"}
	got = p.apply(t, got, schema.Account{Active: true, Attributes: someone("ada"), Entitlements: []string{"PLAIN"}})
	if p.proxy.written() != before {
		t.Error("a group spelt in another case is written again")
	}
	// The last member leaves: a group may not be empty.
	p.modify(t, dn("cn", "plain", "ou=groups,"+p.base), func(m *ldap.ModifyRequest) {
		m.Replace("member", []string{"uid=ada,ou=people," + p.base})
	})
	p.apply(t, got, schema.Account{Active: true, Attributes: someone("ada")})
	if m := p.members(t, "plain"); len(m) > 0 {
		t.Errorf("the group lists %q, want nobody", m)
	}
	// The group goes while its member is remembered.
	have := p.apply(t, got, schema.Account{Active: true, Attributes: someone("ada"), Entitlements: []string{"plain"}})
	if err := p.conn.Del(ldap.NewDelRequest(dn("cn", "plain", "ou=groups,"+p.base), nil)); err != nil {
		t.Fatal(err)
	}
	p.apply(t, have, schema.Account{})
}

// TestEndsWhatItCan takes away all that may be taken away, when something may not.
func TestEndsWhatItCan(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	group(t, p.conn, p.base, "locked")
	entitlements := []string{groupNames[0], "locked", "plain"}
	have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada"), Entitlements: entitlements})
	p.connector.user = bridgeDN
	p.proxy.hangUp()
	got, err := p.Connector.Apply(t.Context(), have, schema.Account{})
	for connectors.KindOf(err) == connectors.Transient && err != nil { // of a connection that was hung up
		got, err = p.Connector.Apply(t.Context(), have, schema.Account{})
	}
	if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.HasPrefix(err.Error(), "50: ") {
		t.Errorf("a group that may not be written: %v, want a permanent error with the server's result 50", err)
	}
	if got.Active || !slices.Equal(got.Entitlements, []string{"locked"}) {
		t.Errorf("got %v, want it disabled, and left with the one group", got)
	}
	again, err := p.connector.Read(t.Context(), got.RemoteID)
	if err != nil || again.Active || !slices.Equal(again.Entitlements, got.Entitlements) {
		t.Errorf("read back: %v, %v", again, err)
	}
}

// TestUnseenIsNotGone hides the people from the bridge: that it sees nobody does
// not mean that there is nobody.
func TestUnseenIsNotGone(t *testing.T) {
	s := needServer(t)
	t.Parallel()
	p := target(t, nil)
	have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada")})
	people := "ou=people," + p.base
	for _, how := range []string{"ou=hidden", "ou=empty"} { // the base as well, or only who is below it
		if err := p.conn.ModifyDN(ldap.NewModifyDNRequest(people, how, true, "")); err != nil {
			t.Fatal(err)
		}
		people = how + "," + p.base
		c := mustOpen(t, connectors.Config{
			BaseURL: "ldap://" + s.port, Auth: connectors.Auth{User: bridgeDN, Secret: rootPassword},
			Options: map[string]string{"userBase": people, "groupBase": "ou=groups," + p.base},
		})
		if _, err := c.Apply(t.Context(), have, schema.Account{}); err == nil || connectors.KindOf(err) != connectors.Transient {
			t.Errorf("%s: disable someone who is hidden: %v, want a transient error", how, err)
		}
		if _, err := c.Read(t.Context(), have.RemoteID); err == nil || connectors.KindOf(err) != connectors.Transient {
			t.Errorf("%s: read someone who is hidden: %v, want a transient error", how, err)
		}
	}
}

// TestRequiredAttributes has people without what the directory demands of them.
func TestRequiredAttributes(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	want := schema.Account{Active: true, Attributes: map[string]string{"userName": "robot", "name.familyName": "", "displayName": ""}}
	have := p.apply(t, schema.Account{}, want)
	if have.Attributes["name.familyName"] != "" {
		t.Errorf("the family name is %q, want it empty as it was", have.Attributes["name.familyName"])
	}
	before := p.proxy.written()
	p.apply(t, have, want)
	if p.proxy.written() != before {
		t.Error("a name that is not there is written again and again")
	}
}

func TestListInPages(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, map[string]string{"pageSize": "7"})
	const people = 50
	for n := range people {
		if _, err := p.Hand.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(n), Entitlements: groupNames[:n%3]}); err != nil {
			t.Fatal(err)
		}
	}
	count, held := -1, 0 // without the one who is there anyhow
	for a, err := range p.connector.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		count, held = count+1, held+len(a.Entitlements)
	}
	if want := 49; count != people || held != want {
		t.Errorf("listed %d people with %d memberships, want %d with %d", count, held, people, want)
	}
	for range p.connector.List(t.Context()) {
		break // the rest of the page is given up, and with it the connection
	}
	if err := p.connector.Probe(t.Context()); err != nil {
		t.Errorf("after a listing that was given up: %v", err)
	}
	p.connector.groupBase = "ou=nowhere," + p.base
	for _, err := range p.connector.List(t.Context()) {
		if err == nil || connectors.RetryAfter(err) == 0 {
			t.Errorf("a base that is not there: %v, want an error, and that it is tried again later", err)
		}
	}
}

// TestServerRestarts drops idle connections, and one at work.
func TestServerRestarts(t *testing.T) {
	needServer(t)
	t.Parallel()
	p := target(t, nil)
	have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone("ada")})
	p.proxy.hangUp()
	closed := waitFor(t, func() (bool, bool) {
		l := p.connector.pool.pop()
		if l == nil {
			return false, true
		}
		defer func() {
			p.connector.pool.mu.Lock()
			defer p.connector.pool.mu.Unlock()
			p.connector.pool.free = append(p.connector.pool.free, l)
		}()
		return l.IsClosing(), l.IsClosing()
	})
	if !closed {
		t.Fatal("the connector does not notice that the server hung up")
	}
	if _, err := p.connector.Read(t.Context(), have.RemoteID); err != nil {
		t.Errorf("after the server dropped its connections: %v, want a new one used", err)
	}
}

// TestSilentServer cancels a call that is waiting for an answer, and lets another
// one wait until its time is over.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	c := mustOpen(t, connectors.Config{
		BaseURL: "ldap://" + l.Addr().String(), Auth: connectors.Auth{User: rootDN, Secret: rootPassword},
		Options: map[string]string{"userBase": "ou=people," + suffix, "timeout": "200ms", "connections": "1"},
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn := <-accepted
		defer conn.Close()
		cancel()
	}()
	if err := c.Probe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, want context.Canceled", err)
	}
	if err := c.Probe(t.Context()); err == nil || connectors.KindOf(err) != connectors.Transient {
		t.Errorf("timed out: %v, want a transient error", err)
	}
	(<-accepted).Close()
}

// TestFullPool waits for a connection no longer than it may.
func TestFullPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(&settings{connections: 1})
		p.places <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := p.take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("take: %v, want context.DeadlineExceeded", err)
		}
	})
}

func mustOpen(t *testing.T, c connectors.Config) *Connector {
	t.Helper()
	c.Kind, c.Profile = "ldap", connectors.DefaultProfile()
	opened, err := Open(connectors.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.(*Connector).Close() })
	return opened.(*Connector)
}

// TestEncrypted reaches the server both ways, with and without trust in it.
func TestEncrypted(t *testing.T) {
	s := needServer(t)
	t.Parallel()
	base, _ := s.part(t, suffix)
	for name, c := range map[string]struct {
		url     string
		options map[string]string
		want    string
	}{
		"ldaps":               {s.tlsURL, map[string]string{"caFile": s.caFile}, ""},
		"ldaps, not trusted":  {s.tlsURL, nil, "certificate"},
		"StartTLS":            {"ldap://" + s.port, map[string]string{"startTLS": "true", "caFile": s.caFile}, ""},
		"StartTLS, untrusted": {"ldap://" + s.port, map[string]string{"startTLS": "true"}, "start TLS"},
		"a socket":            {"ldapi://" + strings.ReplaceAll(s.socket, "/", "%2F"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			options := map[string]string{"userBase": "ou=people," + base, "groupBase": "ou=groups," + base, "timeout": "10s"}
			maps.Copy(options, c.options)
			connector := mustOpen(t, connectors.Config{BaseURL: c.url, Auth: connectors.Auth{User: rootDN, Secret: rootPassword}, Options: options})
			err := connector.Probe(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Probe: %v, want %q", err, c.want)
			}
		})
	}
}

// TestProbe says what is wrong before anybody's work runs into it.
func TestProbe(t *testing.T) {
	s := needServer(t)
	t.Parallel()
	base, _ := s.part(t, suffix)
	for name, c := range map[string]struct {
		secret  connectors.Secret
		options map[string]string
		want    string
	}{
		"a wrong password":      {"guess", nil, "49: connect: bind as"},
		"no such base":          {rootPassword, map[string]string{"groupBase": "ou=nowhere," + base}, "option groupBase"},
		"no such attribute":     {rootPassword, map[string]string{"attribute.title": "badge"}, "no attribute badge"},
		"no such lock":          {rootPassword, map[string]string{"disableAttribute": "nsAccountLock"}, "no attribute nsAccountLock"},
		"a base that is no one": {rootPassword, map[string]string{"userBase": "ou=people,dc=example,dc=org"}, "option userBase"},
	} {
		t.Run(name, func(t *testing.T) {
			options := map[string]string{"userBase": "ou=people," + base, "groupBase": "ou=groups," + base}
			maps.Copy(options, c.options)
			connector := mustOpen(t, connectors.Config{BaseURL: "ldap://" + s.port, Auth: connectors.Auth{User: rootDN, Secret: c.secret}, Options: options})
			err := connector.Probe(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Probe: %v, want %q", err, c.want)
			}
			if c.secret != rootPassword && (connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) == 0) {
				t.Errorf("a wrong password is nobody's own failure: %v, want it tried again later", err)
			}
			if err != nil && strings.Contains(err.Error(), c.secret.Reveal()) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}
