package ldap

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// user returns the attributes of somebody whose user name no other test has.
func (p *place) user(name string) map[string]string {
	ou, _, _ := strings.Cut(p.base, ",")
	return someone(name + "." + strings.TrimPrefix(ou, "OU=") + "@example.com")
}

// where returns the name of the entry with the user name, wherever it is.
func (p *place) where(t *testing.T, userName string) *ldap.Entry {
	t.Helper()
	r, err := p.conn.Search(ldap.NewSearchRequest(p.base, ldap.ScopeWholeSubtree, 0, 0, 0, false,
		"(userPrincipalName="+ldap.EscapeFilter(userName)+")", []string{"*"}, nil))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("look for %s: %v, %v, want one entry", userName, r, err)
	}
	return r.Entries[0]
}

// TestBits disables and enables by one bit of many, and keeps the others, also
// those that somebody else sets at that very moment.
func TestBits(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, nil)
	ada := p.user("ada")
	on, off := schema.Account{Active: true, Attributes: ada}, schema.Account{Attributes: ada}
	have := p.apply(t, schema.Account{}, on)
	if got := p.where(t, ada["userName"]).GetAttributeValue("userAccountControl"); got != "512" {
		t.Errorf("a new account has userAccountControl %s, want 512: it needs a password, and may sign in", got)
	}
	set := func(value int) {
		p.modify(t, p.where(t, ada["userName"]).DN, func(m *ldap.ModifyRequest) { m.Replace("userAccountControl", []string{strconv.Itoa(value)}) })
	}
	const neverExpires, delegated = 0x10000, 0x80000
	set(512 + neverExpires)
	for i, c := range []struct {
		want schema.Account
		bits int
	}{{off, 514 + neverExpires}, {on, 512 + neverExpires}} {
		have = p.apply(t, have, c.want)
		if got := p.where(t, ada["userName"]).GetAttributeValue("userAccountControl"); got != strconv.Itoa(c.bits) {
			t.Errorf("step %d: userAccountControl is %s, want %d", i, got, c.bits)
		}
	}
	var once sync.Once
	p.proxy.tell(func(tag ber.Tag) {
		if tag == ldap.ApplicationModifyRequest {
			once.Do(func() { set(512 + delegated) })
		}
	})
	p.apply(t, have, off)
	p.proxy.tell(nil)
	if got := p.where(t, ada["userName"]).GetAttributeValue("userAccountControl"); got != strconv.Itoa(514+delegated) {
		t.Errorf("with a bit set meanwhile userAccountControl is %s, want %d", got, 514+delegated)
	}
}

// TestMovedBesides disables, which also moves, and stops it at each request: in
// the end everybody stands where they belong.
func TestMovedBesides(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, map[string]string{"disabledBase": "ou=disabled"})
	for _, took := range []bool{false, true} {
		for nth, more := 1, true; more; nth++ {
			person := p.user(fmt.Sprintf("m%d%.1v", nth, took))
			on, off := schema.Account{Active: true, Attributes: person, Entitlements: groupNames[:1]}, schema.Account{Attributes: person}
			have := p.apply(t, schema.Account{}, on)
			more = false
			for i, want := range []schema.Account{off, on} {
				p.Faults.Fail(nth, took)
				got, err := p.Connector.Apply(t.Context(), have, want)
				if spent := p.Faults.Spent(); spent {
					if more = true; err == nil {
						t.Fatalf("call %d of step %d: Apply said nothing of a lost request", nth, i)
					}
				}
				got.Managed = groupNames
				have = p.apply(t, got, want)
				base := map[bool]string{true: "ou=people,", false: "ou=disabled,"}[want.Active] + p.base
				e := p.where(t, person["userName"])
				if !below(base, e.DN) {
					t.Errorf("call %d of step %d (took effect: %v): it stands at %s, want it below %s", nth, i, took, e.DN, base)
				}
				in := slices.ContainsFunc(p.members(t, groupNames[0]), func(m string) bool { return normal(m) == normal(e.DN) })
				if off := flags(e, "userAccountControl")&2 != 0; off == want.Active || in != want.Active {
					t.Errorf("call %d of step %d (took effect: %v): disabled %v, and in its group %v; want active %v", nth, i, took, off, in, want.Active)
				}
			}
		}
	}
}

// TestDisabledIsABit counts who was moved and may sign in as active.
func TestDisabledIsABit(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, map[string]string{"disabledBase": "ou=disabled"})
	ada := p.user("ada")
	have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: ada})
	e := p.where(t, ada["userName"])
	rdn, _, _ := strings.Cut(e.DN, ",")
	if err := p.conn.ModifyDN(ldap.NewModifyDNRequest(e.DN, rdn, true, "ou=disabled,"+p.base)); err != nil {
		t.Fatal(err)
	}
	got, err := p.connector.Read(t.Context(), have.RemoteID)
	if err != nil || !got.Active {
		t.Errorf("moved by hand, not disabled: %v, %v, want it active", got, err)
	}
	p.apply(t, got, schema.Account{Attributes: ada})
	if flags(p.where(t, ada["userName"]), "userAccountControl")&2 == 0 {
		t.Error("it stands with the disabled and is not disabled")
	}
}

// with returns options with one of them otherwise.
func with(options map[string]string, name, value string) map[string]string {
	changed := maps.Clone(options)
	changed[name] = value
	return changed
}

// TestRanges reads a group that the server gives in pieces.
func TestRanges(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, map[string]string{"memberRange": "4", "pageSize": "5"})
	const people = 19
	var held []schema.Account
	for n := range people {
		person := p.user(fmt.Sprintf("r%d", n))
		held = append(held, p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: person, Entitlements: []string{"plain"}}))
	}
	count := func() (n int, err error) {
		for a, err := range p.connector.List(t.Context()) {
			if err != nil {
				return n, err
			}
			if a.Holds("plain") {
				n++
			}
		}
		return n, nil
	}
	if n, err := count(); err != nil || n != people {
		t.Errorf("%d are listed with the group, %v, want %d", n, err, people)
	}
	asked := func(memberRange string) (searches int) {
		whole := openAD(t, "ldaps://"+p.proxy.Addr().String(), with(p.connector.Options.Options, "memberRange", memberRange))
		p.proxy.tell(func(tag ber.Tag) {
			if tag == ldap.ApplicationSearchRequest {
				searches++
			}
		})
		defer p.proxy.tell(nil)
		for _, err := range whole.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
		}
		return searches
	}
	if more := asked("4") - asked(""); more < people/4 {
		t.Errorf("in pieces of four %d requests more were made than for all at once, want one for each piece of %d", more, people)
	}
	// A member goes after the first piece was read: those behind it move up.
	var once sync.Once
	searches := 0
	p.proxy.tell(func(tag ber.Tag) {
		if searches++; searches == 3 {
			once.Do(func() {
				p.modify(t, dn("cn", "plain", "ou=groups,"+p.base), func(m *ldap.ModifyRequest) {
					m.Delete("member", []string{p.where(t, held[0].Attributes["userName"]).DN})
				})
			})
		}
	})
	n, err := count()
	p.proxy.tell(nil)
	if err == nil && n != people-1 || err != nil && connectors.KindOf(err) != connectors.Transient {
		t.Errorf("changed while it was read: %d with the group, %v, want %d or an error that passes", n, err, people-1)
	}
	if err == nil {
		t.Log("the change was in time for the first piece")
	}
}

func TestPrimaryGroup(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, nil)
	ada := p.user("ada")
	want := schema.Account{Active: true, Attributes: ada, Entitlements: groupNames[:2]}
	have := p.apply(t, schema.Account{}, want)
	group := p.entry(t, dn("cn", "plain", "ou=groups,"+p.base))
	sid, _ := sidText(group.GetRawAttributeValue("objectSid"))
	rid := sid[strings.LastIndex(sid, "-")+1:]
	p.modify(t, p.where(t, ada["userName"]).DN, func(m *ldap.ModifyRequest) { m.Replace("primaryGroupID", []string{rid}) })
	if m := p.members(t, "plain"); len(m) != 0 {
		t.Fatalf("the primary group lists %q: the server does not do what this is about", m)
	}
	for a, err := range p.connector.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if a.RemoteID == have.RemoteID && !slices.Equal(a.Entitlements, groupNames[:2]) {
			t.Errorf("listed with %q, want %q: the primary group is one, too", a.Entitlements, groupNames[:2])
		}
	}
	before := p.proxy.written()
	have = p.apply(t, have, want)
	if p.proxy.written() != before {
		t.Error("a group that is the primary one is granted again")
	}
	got, err := p.Connector.Apply(t.Context(), have, schema.Account{})
	if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "primary group") {
		t.Errorf("revoke the primary group: %v, want a permanent error that says why", err)
	}
	if got.Active || !slices.Equal(got.Entitlements, []string{"plain"}) {
		t.Errorf("got %v, want it disabled all the same, and left with that group only", got)
	}
}

// TestNestedGroups tells what is held by way of another group, and does not say
// that it was revoked.
func TestNestedGroups(t *testing.T) {
	for _, ad := range []bool{true, false} {
		t.Run(fmt.Sprintf("Active Directory %v", ad), func(t *testing.T) {
			var p *place
			if ad {
				needDC(t)
				t.Parallel()
				p = adTarget(t, nil)
			} else {
				needServer(t)
				t.Parallel()
				p = target(t, map[string]string{"nested": "true"})
			}
			name := func(group string) string { return dn("cn", group, "ou=groups,"+p.base) }
			inner, outer := groupNames[0], groupNames[2]
			nest := func(group, in string) {
				p.modify(t, name(in), func(m *ldap.ModifyRequest) { m.Add("member", []string{name(group)}) })
			}
			nest(inner, "plain")
			nest("plain", outer)
			nest(outer, inner) // in a circle
			ada := p.user("ada")
			have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: ada, Entitlements: []string{inner}})
			if !slices.Equal(have.Entitlements, groupNames) {
				t.Fatalf("holds %q, want %q", have.Entitlements, groupNames)
			}
			for a, err := range p.connector.List(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if a.RemoteID == have.RemoteID && !slices.Equal(a.Entitlements, groupNames) {
					t.Errorf("listed with %q, want %q", a.Entitlements, groupNames)
				}
			}
			got, err := p.Connector.Apply(t.Context(), have, schema.Account{Active: true, Attributes: ada, Entitlements: []string{inner, outer}})
			if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "plain is still held") {
				t.Errorf("revoke what is held through another group: %v, want a permanent error that says so", err)
			}
			if !got.Holds("plain") {
				t.Errorf("got %q: what is still held is told as gone", got.Entitlements)
			}
			got.Managed = groupNames
			if got = p.apply(t, got, schema.Account{Active: true, Attributes: ada}); len(got.Entitlements) > 0 {
				t.Errorf("everything revoked at once, and %q is left", got.Entitlements)
			}
			if !slices.ContainsFunc(p.members(t, "plain"), func(m string) bool { return normal(m) == normal(name(inner)) }) {
				t.Error("a group was taken out of a group")
			}
		})
	}
}

// TestProtected neither takes over nor changes what a domain needs to live.
func TestProtected(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, map[string]string{"userBase": "cn=users," + domain, "attribute.userName": "sAMAccountName cn", "shortName": ""})
	for _, name := range []string{"krbtgt", "Administrator", "Guest"} {
		for _, want := range []schema.Account{{Active: true, Attributes: someone(name)}, {Attributes: someone(name)}} {
			_, err := p.Connector.Apply(t.Context(), schema.Account{}, want)
			if err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "protected") {
				t.Errorf("%s, active %v: %v, want it refused as protected", name, want.Active, err)
			}
		}
	}
	for a, err := range p.connector.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if a.Attributes["userName"] == "krbtgt" {
			_, err := p.Connector.Apply(t.Context(), a, schema.Account{Active: true, Attributes: someone("krbtgt")})
			if err == nil || !strings.Contains(err.Error(), "protected") {
				t.Errorf("krbtgt, known by its id: %v, want it refused as protected", err)
			}
		}
	}
	if n := p.proxy.written(); n > 0 {
		t.Errorf("%d writes, want none", n)
	}
}

// TestAdminsAreNotTakenOver does not adopt who has, or had, power over the domain;
// who got it later is still disabled when they leave.
func TestAdminsAreNotTakenOver(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, nil)
	ada := p.user("ada")
	have := p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: ada})
	p.modify(t, p.where(t, ada["userName"]).DN, func(m *ldap.ModifyRequest) { m.Replace("adminCount", []string{"1"}) })
	before := p.proxy.written()
	_, err := p.Connector.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: ada, Entitlements: groupNames})
	if err == nil || connectors.KindOf(err) != connectors.Exists || p.proxy.written() != before {
		t.Errorf("take over an administrator: %v, want it refused, and nothing written", err)
	}
	if got := p.apply(t, have, schema.Account{}); got.Active {
		t.Error("who was the bridge's before is not disabled")
	}
}

// TestShortNames gives each a sAMAccountName of their own, and leaves it.
func TestShortNames(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, nil)
	ou, _, _ := strings.Cut(strings.TrimPrefix(p.base, "OU="), ",")
	local := ou + "+maximiliane.von*langen"
	short := strings.NewReplacer("+", "", "*", "").Replace(local)
	var have schema.Account
	for n, want := range []string{short[:20], short[:19] + "2"} {
		userName := fmt.Sprintf("%s@n%d.example.com", local, n)
		have = p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: someone(userName)})
		if got := p.where(t, userName).GetAttributeValue("sAMAccountName"); got != want {
			t.Errorf("the short name of %s is %q, want %q", userName, got, want)
		}
	}
	before := p.where(t, have.Attributes["userName"]).GetAttributeValue("sAMAccountName")
	renamed := p.user("other")
	p.apply(t, have, schema.Account{Active: true, Attributes: renamed})
	if after := p.where(t, renamed["userName"]).GetAttributeValue("sAMAccountName"); after != before {
		t.Errorf("renamed, the short name went from %q to %q, want it left", before, after)
	}
}

// TestInitialPassword gives new accounts a password, which nobody has.
func TestInitialPassword(t *testing.T) {
	d := needDC(t)
	t.Parallel()
	p := adTarget(t, nil)
	ada := p.user("ada")
	p.apply(t, schema.Account{}, schema.Account{Active: true, Attributes: ada})
	e := p.where(t, ada["userName"])
	if set := e.GetAttributeValue("pwdLastSet"); set == "" || set == "0" {
		t.Errorf("pwdLastSet is %q, want a time: there is no password", set)
	}
	raw, err := d.Secure()
	if err != nil {
		t.Fatal(err)
	}
	c := ldap.NewConn(raw, true)
	c.Start()
	defer c.Close()
	if err := c.Bind(ada["userName"], "guess"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("signing in with a guess: %v, want it refused", err)
	}
	if a, b := password(), password(); a == b || len(a) < 40 {
		t.Error("passwords are no secret")
	}
}

// TestWholeDomain looks for people in all of a domain, parts of which, says the
// server, are at another one.
func TestWholeDomain(t *testing.T) {
	needDC(t)
	t.Parallel()
	for _, one := range []string{"true", "false"} {
		p := adTarget(t, map[string]string{"userBase": domain, "oneDomain": one})
		_, err := p.connector.Read(t.Context(), "1e5d3e57-8524-406f-bb0b-a1f5b620a9ea")
		if want := map[string]connectors.Kind{"true": connectors.Gone, "false": connectors.Permanent}[one]; err == nil || connectors.KindOf(err) != want {
			t.Errorf("oneDomain %s: %v, want an error of kind %d", one, err, want)
		}
		n := 0
		for _, err := range p.connector.List(t.Context()) {
			if n++; err != nil && one == "true" {
				t.Error(err)
			} else if err != nil && !strings.Contains(err.Error(), "another server") {
				t.Errorf("list: %v, want an error that names the other server", err)
			}
		}
		if n == 0 {
			t.Errorf("oneDomain %s: nobody is listed, and that is no error", one)
		}
	}
}

// TestOnlyPeople sees no computers, which are users, too, and no one who was deleted.
func TestOnlyPeople(t *testing.T) {
	needDC(t)
	t.Parallel()
	p := adTarget(t, nil)
	ou, _, _ := strings.Cut(strings.TrimPrefix(p.base, "OU="), ",")
	addEntry(t, p.conn, "cn=pc,ou=people,"+p.base, map[string]string{
		"objectClass": "computer", "sAMAccountName": "pc" + ou + "$", "userAccountControl": "4096",
	})
	ada := p.user("ada")
	want := schema.Account{Active: true, Attributes: ada, Entitlements: []string{"plain"}}
	have := p.apply(t, schema.Account{}, want)
	if err := p.Hand.Remove(t.Context(), have.RemoteID); err != nil {
		t.Fatal(err)
	}
	if _, err := p.connector.Read(t.Context(), have.RemoteID); connectors.KindOf(err) != connectors.Gone {
		t.Errorf("read who was deleted: %v, want an error that is Gone", err)
	}
	again := p.apply(t, have, want)
	if again.RemoteID == have.RemoteID || again.Adopted || !again.Holds("plain") {
		t.Errorf("made anew: %v, want another one than %s", again, have.RemoteID)
	}
	var names []string
	for a, err := range p.connector.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, a.Attributes["userName"])
	}
	if slices.Sort(names); !slices.Equal(names, []string{"", ada["userName"]}) {
		t.Errorf("listed %q, want the two people only", names)
	}
}

// TestEncryptedDomain reaches the domain controller both ways, and not without.
func TestEncryptedDomain(t *testing.T) {
	d := needDC(t)
	t.Parallel()
	for name, c := range map[string]struct {
		url     string
		options map[string]string
		want    string
	}{
		"ldaps":               {"ldaps://" + d.Address, map[string]string{"caFile": d.CAFile()}, ""},
		"ldaps, not trusted":  {"ldaps://" + d.Address, nil, "certificate"},
		"StartTLS":            {"ldap://" + d.Address, map[string]string{"startTLS": "true", "caFile": d.CAFile()}, ""},
		"StartTLS, untrusted": {"ldap://" + d.Address, map[string]string{"startTLS": "true"}, "start TLS"},
		"in clear text":       {"ldap://" + d.Address, map[string]string{"initialPassword": ""}, "8: connect: bind as"},
	} {
		t.Run(name, func(t *testing.T) {
			options := map[string]string{"userBase": "cn=users," + domain, "groupBase": "cn=builtin," + domain, "timeout": "20s"}
			maps.Copy(options, c.options)
			err := openAD(t, c.url, options).Probe(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Probe: %v, want %q", err, c.want)
			}
		})
	}
}

// TestBinaryIDs writes ids as a domain's own tools do: both were read of one.
func TestBinaryIDs(t *testing.T) {
	for attribute, c := range map[string]struct{ raw, text string }{
		"objectGUID": {"Vz5dHiSFb0C7C6H1tiCp6g==", "1e5d3e57-8524-406f-bb0b-a1f5b620a9ea"},
		"objectSid":  {"AQUAAAAAAAUVAAAA/xn7BAN8wddW+X0R9AEAAA==", "S-1-5-21-83565055-3619781635-293468502-500"},
	} {
		raw, err := base64.StdEncoding.DecodeString(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		s := &settings{id: attribute}
		e := &ldap.Entry{Attributes: []*ldap.EntryAttribute{{Name: attribute, Values: []string{string(raw)}, ByteValues: [][]byte{raw}}}}
		if got := s.remoteID(e); got != c.text {
			t.Errorf("%s is read as %q, want %q", attribute, got, c.text)
		}
		value, ok := s.idValue(c.text)
		if !ok || value != octets(raw) {
			t.Errorf("%s %s is looked for as %q, %v, want %q", attribute, c.text, value, ok, octets(raw))
		}
		for _, none := range []string{"", "?ada", c.text + "0g", "S-1", "S-1-5-99999999999", "S-x-5-1", "*"} {
			if value, ok := s.idValue(none); ok {
				t.Errorf("%q is looked for as the %s %q, want it to be none", none, attribute, value)
			}
		}
	}
}

// TestSomeOf reads what a server that was not asked for a part says of one.
func TestSomeOf(t *testing.T) {
	for name, c := range map[string]struct {
		attributes map[string][]string
		members    []string
		next       int
	}{
		"all":             {map[string][]string{"member": {"a", "b"}}, []string{"a", "b"}, 0},
		"nobody":          {map[string][]string{"cn": {"a"}}, nil, 0},
		"the first":       {map[string][]string{"member": {}, "member;range=0-1499": {"a", "b"}}, []string{"a", "b"}, 1500},
		"the last":        {map[string][]string{"Member;Range=1500-*": {"c"}}, []string{"c"}, 0},
		"of another name": {map[string][]string{"memberOf;range=0-1499": {"a"}}, nil, 0},
	} {
		members, next := someOf(ldap.NewEntry("cn=x", c.attributes), "member")
		if !slices.Equal(members, c.members) || next != c.next {
			t.Errorf("%s: %q and then %d, want %q and %d", name, members, next, c.members, c.next)
		}
	}
}
