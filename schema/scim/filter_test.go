package scim

import (
	"testing"
	"time"
)

// TestFilterGrammar has a filter of each kind that RFC 7644 and senders know, and
// what it says of one user.
func TestFilterGrammar(t *testing.T) {
	ext, err := ParseSchema([]byte(`{"id":"urn:example:2.0:User","attributes":[
		{"name":"floor","type":"integer"},{"name":"ratio","type":"decimal"},{"name":"sites","type":"string","multiValued":true},
		{"name":"code","type":"string","caseExact":true},{"name":"desk","type":"complex","subAttributes":[{"name":"row","type":"integer"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	u, err := Users(ext)
	if err != nil {
		t.Fatal(err)
	}
	c := Candidate{
		ID: "id-1", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Modified: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Related: func(id string) (bool, error) { return id == "g1", nil },
		Edges: func(_ bool, yield func([]byte) bool) error {
			_ = yield([]byte(`{"value":"g0","$ref":"https://x/Groups/g0","display":"Zero","type":"direct"}`)) &&
				yield([]byte(`{"value":"g1","$ref":"https://x/Groups/g1","display":"One","type":"direct"}`))
			return nil
		},
		Location: func() string { return "https://x/Users/id-1" },
		Version:  func(func(int) error) (string, error) { return `W/"3"`, nil },
		Resource: []byte(`{"externalId":"Ext","userName":"Ada@x","name":{"familyName":"Love\"lace","givenName":"Ada \\ Augusta"},"displayName":"Zoë <1>","title":"",` +
			`"active":true,"emails":[{"value":"ada@work","type":"work","primary":true},{"value":"ada@home","type":"home"}],"roles":[{"value":"r1","primary":false}],` +
			`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","manager":{"value":"m1"}},` +
			`"urn:drawbridge:scim:schemas:extension:2.0:User":{"startDate":"2026-02-01T09:00:00+02:00"},` +
			`"urn:example:2.0:User":{"floor":12,"ratio":1.5,"sites":["HQ","Lab"],"code":"aB","desk":{"row":3}}}`),
	}
	const ent, mine = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:", "urn:example:2.0:User:"
	for _, test := range []struct {
		filter string
		holds  bool
	}{
		// Every operator, on text that is not case-exact, and on text that is.
		{`userName eq "ADA@X"`, true}, {`userName ne "ada@x"`, false}, {`userName co "DA@"`, true}, {`userName sw "ad"`, true}, {`userName ew "@X"`, true},
		{`userName gt "ada"`, true}, {`userName ge "ada@x"`, true}, {`userName lt "ada@x"`, false}, {`userName le "ADA@X"`, true}, {`userName pr`, true},
		{`externalId eq "Ext"`, true}, {`externalId eq "ext"`, false}, {mine + `code eq "aB"`, true}, {mine + `code sw "A"`, false}, {`id eq "ID-1"`, false},
		// In any case, and with any white space.
		{`USERNAME EQ "ada@x"`, true}, {"  userName \t eq\n\"ada@x\"  ", true}, {`UserName Eq "x" OR not(userName EQ "x")`, true},
		// Truth, numbers, time.
		{`active eq true`, true}, {`active eq False`, false}, {`active ne true`, false}, {`active eq "true"`, true}, {`roles.primary eq false`, true},
		{mine + `floor eq 12`, true}, {mine + `floor gt 9`, true}, {mine + `floor lt 1e2`, true}, {mine + `floor eq "12"`, true}, {mine + `ratio ge 1.50`, true},
		{mine + `floor lt -1`, false}, {mine + `desk.row le 3`, true},
		{`meta.created ge "2026-01-02T03:04:05Z"`, true}, {`meta.created gt "2026-01-02T05:04:05+02:00"`, false}, {`meta.lastModified lt "2026-03-01T00:00:00.001Z"`, true},
		{`meta.lastModified eq "2026-03-01"`, true}, {`urn:drawbridge:scim:schemas:extension:2.0:User:startDate eq "2026-02-01T07:00:00Z"`, true},
		{`urn:drawbridge:scim:schemas:extension:2.0:User:startDate gt "2026-02-01T08:00:00Z"`, false},
		// What is there: also of what has parts, and of lists.
		{`name pr`, true}, {`emails pr`, true}, {`phoneNumbers pr`, false}, {`addresses pr`, false}, {`nickName pr`, false}, {`name.middleName pr`, false},
		{mine + `desk pr`, true}, {mine + `sites pr`, true}, {ent + `manager pr`, true}, {`emails[type pr]`, true}, {`emails[display pr]`, false},
		{`nickName eq null`, true}, {`nickName ne null`, false}, {`userName ne null`, true}, {`nickName ne "x"`, true}, {`not (nickName pr)`, true},
		// Null is unassigned, of what has parts and of lists too.
		{`name eq null`, false}, {`name ne null`, true}, {`addresses eq null`, true}, {`addresses ne null`, false}, {`phoneNumbers eq null`, true}, {`emails eq null`, false}, {`emails ne null`, true},
		{`emails.display eq null`, true}, {`emails.type eq null`, false}, {`phoneNumbers.type eq null`, true}, {ent + `manager eq null`, false}, {mine + `desk ne null`, true}, {mine + `sites eq null`, false},
		{`groups eq null`, false}, {`groups ne null`, true}, {`name eq null or addresses eq null and not (emails eq null)`, true},
		// Values of lists: of any element, of one that is chosen, of one that is two things at once.
		{`emails eq "ADA@home"`, true}, {`emails.value co "work"`, true}, {`emails.type eq "other"`, false}, {mine + `sites eq "lab"`, true}, {mine + `sites[value ew "Q"]`, true},
		{`emails[type eq "work" and value ew "@work"]`, true}, {`emails[type eq "work" and value ew "@home"]`, false}, {`emails.type eq "work" and emails.value ew "@home"`, true},
		{`emails[type eq "work"].value eq "ada@work"`, true}, {`emails[type eq "home"].value eq "ada@work"`, false}, {`emails[type eq "home"].value ne "ada@work"`, true},
		{`emails[type eq "work"].primary eq true`, true}, {`emails[primary eq "True"].value sw "ada"`, true}, {`emails[type eq "fax"].value pr`, false},
		{`emails[type eq "work" or type eq "other" or type eq "home"].value co "home"`, true}, {`emails[(type eq "home" or type eq "fax") and not (value eq "x")]`, true},
		{`emails[not (type eq "work")].value eq "ada@home"`, true}, {`emails[type eq "work" and primary eq true and value pr and display eq null]`, true},
		// Parts, with and without the schema; core and extension together.
		{`name.familyName eq "love\"lace"`, true}, {`name.givenName co "\\"`, true}, {`urn:ietf:params:scim:schemas:core:2.0:User:name.givenName sw "ada"`, true},
		{`URN:IETF:params:scim:schemas:core:2.0:user:USERNAME eq "ada@x"`, true}, {ent + `department eq "r&d"`, true}, {`department eq "R&D" and userName pr`, true},
		{`manager eq "m1"`, true}, {`manager.value eq "m1" and id eq "id-1"`, true}, {`userName sw "ada" and ` + ent + `manager.value eq "m1" and ` + mine + `floor gt 1`, true},
		// Escapes, and what is not ASCII.
		{`displayName eq "zo\u00eb <1>"`, true}, {`displayName eq "Zoë \u003c1>"`, true}, {`displayName co "Ë"`, true}, {`displayName eq "Zo\u00EB \u003C1\u003E"`, true},
		// Many terms, and what binds how: not, then and, then or.
		{`userName eq "x" or userName eq "y" or userName eq "ada@x"`, true}, {`userName pr and active eq true and emails pr and title ne "x"`, true},
		{`userName eq "x" and active eq true or userName eq "ada@x"`, true}, {`userName eq "x" and (active eq true or userName eq "ada@x")`, false},
		{`userName eq "ada@x" or active eq false and active eq false`, true}, {`not (active eq true) or userName pr`, true}, {`not (active eq true or userName eq "x")`, false},
		{`((((userName pr))))`, true}, {`not (not (userName pr))`, true}, {`(userName pr)and(active eq true)`, true},
		// Edges, and the type.
		{`groups eq "g1"`, true}, {`groups.value eq "g2"`, false}, {`groups[value eq "g2" or value eq "g1"]`, true}, {`groups.value eq "g1" and not (groups eq "g2")`, true},
		{`groups pr`, true}, {`not (groups pr)`, false}, {`groups.display eq "one"`, true}, {`groups.display eq "two"`, false}, {`groups.value ne "g1"`, true}, {`groups co "g"`, true},
		{`groups[display sw "z" and value eq "g1"]`, false}, {`groups[display sw "o" and value eq "g1"]`, true}, {`groups.$ref ew "/g1"`, true}, {`groups[type eq "indirect"]`, false},
		// What every resource has.
		{`schemas eq "` + EnterpriseURN + `"`, true}, {`schemas eq "urn:example:3.0:User"`, false}, {`schemas eq "URN:example:2.0:user"`, true}, {`schemas pr`, true}, {`schemas co "enterprise"`, true},
		{`meta pr`, true}, {`not (meta pr)`, false}, {`meta eq null`, false}, {`meta ne null`, true}, {`meta.location eq "https://x/Users/id-1"`, true}, {`meta.version eq "W/\"3\""`, true}, {`meta.version pr`, true},
		{`urn:ietf:params:scim:schemas:core:2.0:User:id eq "id-1"`, true}, {`urn:ietf:params:scim:schemas:core:2.0:User:meta.created pr`, true},
		{`meta.resourceType eq "User"`, true}, {`meta.resourceType ne "User" or userName eq "ada@x"`, true}, {`meta.resourceType eq "Group" and userName pr`, false},
	} {
		f, err := u.ParseFilter(test.filter)
		if err != nil {
			t.Errorf("%s: %v", test.filter, err)
			continue
		}
		if got, err := f.Match(&c); err != nil || got != test.holds {
			t.Errorf("%s holds: %t, %v; want %t", test.filter, got, err, test.holds)
		}
	}
	for _, filter := range []string{
		`userName`, `userName eq`, `eq "x"`, `userName eq x`, `userName eq 'x'`, `userName eq "x`, `userName is "x"`, `userName eq "x" and`, `and userName pr`,
		`(userName pr`, `userName pr)`, `not userName pr`, `userName pr userName pr`, `userName pr xor active pr`, `emails[type eq "work"`, `emails[]`, `emails[type eq "x"].`,
		`emails[type eq "x"].size eq 1`, `emails[size eq 1]`, `userName[value eq "x"]`, `shoeSize eq 1`, `name eq "x"`, `name.shoeSize pr`, `active gt true`, `active eq 1`,
		mine + `floor co "1"`, mine + `floor eq "many"`, mine + `floor eq true`, `meta.created gt "yesterday"`, `meta.nothing pr`, `meta eq "x"`, `groups.size eq "x"`,
		`userName eq "\x"`, `password pr`, `urn:example:3.0:User:floor eq 1`, `userName gt null`, `name gt null`, `emails lt null`, "userName eq \"a\x00b", `emails[emails[type pr]]`,
	} {
		if f, err := u.ParseFilter(filter); err == nil {
			t.Errorf("%s is taken, as %+v", filter, f.root)
		}
	}
}
