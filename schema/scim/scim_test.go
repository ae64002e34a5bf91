package scim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func users(t testing.TB) *Type {
	t.Helper()
	u, err := Users()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestParse(t *testing.T) {
	for _, test := range []struct{ name, body, want, dropped, err string }{
		{name: "as the RFC has it", body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bjensen","externalId":"bj","name":{"formatted":"Ms. B","familyName":"Jensen"}}`,
			want: `{"userName":"bjensen","externalId":"bj","name":{"formatted":"Ms. B","familyName":"Jensen"}}`},
		{name: "keys in any case and order", body: ` { "NAME" : {"givenname" : "Ada"} , "USERNAME":"ada" } `,
			want: `{"userName":"ada","name":{"givenName":"Ada"}}`},
		{name: "text booleans", body: `{"userName":"a","active":"False","emails":[{"value":"a@x","primary":"True"}]}`,
			want: `{"userName":"a","active":false,"emails":[{"value":"a@x","primary":true}]}`},
		{name: "numbers in strings", body: `{"userName":7,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":701984}}`,
			want: `{"userName":"7","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984"}}`},
		{name: "nulls, empty strings and empty lists are unset", body: `{"userName":"a","title":null,"nickName":"","emails":[],"name":{"givenName":null},"roles":[null,{}]}`,
			want: `{"userName":"a"}`},
		{name: "one object for a list", body: `{"userName":"a","emails":{"value":"a@x"}}`,
			want: `{"userName":"a","emails":[{"value":"a@x"}]}`},
		{name: "text for a complex value", body: `{"userName":"a","emails":"a@x","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":"m1"}}`,
			want: `{"userName":"a","emails":[{"value":"a@x"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m1"}}}`},
		{name: "a URN in another case, and an attribute behind it", body: `{"userName":"a","URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:user:department":"Sales"}`,
			want: `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`},
		{name: "the enterprise extension without its URN", body: `{"userName":"a","department":"Sales"}`,
			want: `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`},
		{name: "unknown attributes are named", body: `{"userName":"a","shoeSize":44,"urn:x:2.0:User":{"a":1},"emails":[{"value":"a@x","verified":true}]}`,
			want: `{"userName":"a","emails":[{"value":"a@x"}]}`, dropped: "shoeSize urn:x:2.0:User:a emails.verified"},
		{name: "what the bridge sets itself, and a password, are passed over", body: `{"id":"1","meta":{"resourceType":"User"},"groups":[{"value":"g"}],"password":"secret","userName":"a"}`,
			want: `{"userName":"a"}`},
		{name: "roles in one text, and an object in a text", body: `{"userName":"a","roles":"x, y","entitlements":[{"value":"{\"id\":\"1\",\"value\":\"v\",\"displayName\":\"V\"}"}]}`,
			want: `{"userName":"a","entitlements":[{"value":"v","display":"V"}],"roles":[{"value":"x"},{"value":"y"}]}`},
		{name: "one primary at most", body: `{"userName":"a","emails":[{"value":"1","primary":true},{"value":"2","primary":true}]}`,
			want: `{"userName":"a","emails":[{"value":"1","primary":true},{"value":"2","primary":false}]}`},
		{name: "the primary one stays that where it is said again", body: `{"userName":"a","emails":[{"value":"1","primary":true},{"value":"1","primary":false,"display":"D"}]}`,
			want: `{"userName":"a","emails":[{"value":"1","display":"D","primary":true}]}`},
		{name: "escapes are as they are stored", body: `{"userName":"\u0041\u00e9\/<&>\u2028"}`, want: "{\"userName\":\"Aé/\\u003c\\u0026\\u003e\\u2028\"}"},
		{name: "no userName", body: `{"externalId":"x"}`, err: "userName: it is required and must not be empty"},
		{name: "a blank userName", body: `{"userName":" \t\u00a0"}`, err: "userName: it is required and must not be empty"},
		{name: "an empty userName", body: `{"userName":""}`, err: "userName: it is required and must not be empty"},
		{name: "an object for text", body: `{"userName":{"a":"b"}}`, err: "userName: it must be a string, not an object"},
		{name: "nonsense for truth", body: `{"userName":"a","active":"perhaps"}`, err: "active: it must be true or false"},
		{name: "no such kind", body: `{"userName":"a","urn:drawbridge:scim:schemas:extension:2.0:User":{"kind":"robot"}}`,
			err: `urn:drawbridge:scim:schemas:extension:2.0:User:kind: "robot" is none of human, guest, service, workload, agent`},
		{name: "NUL", body: `{"userName":"a\u0000b"}`, err: "userName: it must not contain the character NUL"},
		{name: "not UTF-8", body: "{\"userName\":\"\xff\"}", err: "the body is not UTF-8"},
		{name: "not JSON", body: `{"userName":"a"`, err: "the body is not valid JSON"},
		{name: "garbage behind it", body: `{"userName":"a"} x`, err: "the body is not valid JSON"},
		{name: "a list", body: `[]`, err: "the body must be a JSON object: a User"},
		{name: "nothing", body: ` `, err: "the body is empty; it must be a JSON object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := users(t).Parse([]byte(test.body), Limits{})
			if got := message(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, string(b.Record.Encode())); diff != "" {
				t.Error(diff)
			}
			if got := join(b.Dropped); got != test.dropped {
				t.Errorf("dropped %q, want %q", got, test.dropped)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func join(s []string) string {
	all := ""
	for i, one := range s {
		if i > 0 {
			all += " "
		}
		all += one
	}
	return all
}

func TestPatch(t *testing.T) {
	const work = `"emails":[{"value":"a@x","type":"work","primary":true}]`
	const two = `"emails":[{"value":"a@x","type":"work","primary":true},{"value":"b@x","type":"work","primary":false}]`
	for _, test := range []struct{ name, have, ops, want, dropped, err string }{
		{name: "replace, capitalised, as text", have: `{"userName":"a","active":true}`, ops: `{"op":"Replace","path":"active","value":"False"}`, want: `{"userName":"a","active":false}`},
		{name: "replace, wrapped as an old job does", have: `{"userName":"a","active":true}`, ops: `{"op":"Replace","path":"active","value":[{"$ref":null,"value":"False"}]}`, want: `{"userName":"a","active":false}`},
		{name: "without a path, dotted and behind URNs", have: `{"userName":"a"}`,
			ops:  `{"op":"replace","value":{"displayName":"A","name.givenName":"Ada","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Sales","emails[type eq \"work\"].value":"a@x"}}`,
			want: `{"userName":"a","name":{"givenName":"Ada"},"displayName":"A","emails":[{"value":"a@x","type":"work"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`},
		{name: "without a path, a whole user", have: `{"userName":"a","title":"T","active":false}`,
			ops:  `{"op":"replace","value":{"schemas":["x"],"id":"1","meta":{},"userName":"b","title":null,"active":true,"groups":[],"password":"p","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":null},"division":"D"}}}`,
			want: `{"userName":"b","active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"division":"D"}}`},
		{name: "unknown attributes are named and fail nothing", have: `{"userName":"a"}`, ops: `{"op":"add","path":"urn:x:2.0:User:shoe","value":1},{"op":"add","value":{"hat":"h","nickName":"n"}}`,
			want: `{"userName":"a","nickName":"n"}`, dropped: "urn:x:2.0:User:shoe hat"},
		{name: "an element that is there", have: `{"userName":"a",` + work + `}`, ops: `{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@x"}`,
			want: `{"userName":"a","emails":[{"value":"b@x","type":"work","primary":true}]}`},
		{name: "an element that is not there", have: `{"userName":"a"}`, ops: `{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`,
			want: `{"userName":"a","phoneNumbers":[{"value":"1","type":"mobile"}]}`},
		{name: "a role chosen by truth as text", have: `{"userName":"a"}`, ops: `{"op":"Add","path":"roles[primary eq \"True\"].value","value":"admin"}`,
			want: `{"userName":"a","roles":[{"value":"admin","primary":true}]}`},
		{name: "replace an element, whole", have: `{"userName":"a",` + work + `}`, ops: `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"b@x","type":"other"}}`,
			want: `{"userName":"a","emails":[{"value":"b@x","type":"other"}]}`},
		{name: "add to an element", have: `{"userName":"a",` + work + `}`, ops: `{"op":"add","path":"emails[type eq \"work\"]","value":{"display":"D"}}`,
			want: `{"userName":"a","emails":[{"value":"a@x","display":"D","type":"work","primary":true}]}`},
		{name: "replace an element that is not there", have: `{"userName":"a"}`, ops: `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"b@x"}}`,
			want: `{"userName":"a","emails":[{"value":"b@x","type":"work"}]}`},
		{name: "an element described by nothing", have: `{"userName":"a"}`,
			ops: `{"op":"add","path":"emails[type eq \"\"].value","value":"b@x"}`, want: `{"userName":"a","emails":[{"value":"b@x"}]}`},
		{name: "an element described by what none can be", have: `{"userName":"a"}`,
			ops: `{"op":"add","path":"emails[type eq \"\\u0000\"].value","value":"c@x"}`, err: "path: no value of emails is as its filter says"},
		{name: "replace an element of a type that the schema knows", have: `{"userName":"a"}`,
			ops: `{"op":"replace","path":"emails[type eq \"Work\"].value","value":"c@x"}`, want: `{"userName":"a","emails":[{"value":"c@x","type":"Work"}]}`},
		{name: "replace an element of a type that it does not know", have: `{"userName":"a"}`,
			ops: `{"op":"replace","path":"emails[type eq \"desk\"].value","value":"c@x"}`, err: "path: no value of emails is as its filter says"},
		{name: "add to a list, and a new primary", have: `{"userName":"a",` + work + `}`, ops: `{"op":"add","path":"emails","value":[{"value":"h@x","type":"home","primary":true}]}`,
			want: `{"userName":"a","emails":[{"value":"a@x","type":"work","primary":false},{"value":"h@x","type":"home","primary":true}]}`},
		{name: "two that become one are primary if one was", have: `{"userName":"a",` + two + `}`, ops: `{"op":"replace","path":"emails[type eq \"work\"].value","value":"c@x"}`,
			want: `{"userName":"a","emails":[{"value":"c@x","type":"work","primary":true}]}`},
		{name: "so is one that becomes another", have: `{"userName":"a",` + two + `}`, ops: `{"op":"replace","path":"emails[value eq \"a@x\"].value","value":"b@x"}`,
			want: `{"userName":"a","emails":[{"value":"b@x","type":"work","primary":true}]}`},
		{name: "so are all that become one", have: `{"userName":"a",` + two + `}`, ops: `{"op":"replace","path":"emails.value","value":"c@x"}`,
			want: `{"userName":"a","emails":[{"value":"c@x","type":"work","primary":true}]}`},
		{name: "what is there is primary no more if that is said", have: `{"userName":"a",` + work + `}`, ops: `{"op":"add","path":"emails","value":{"value":"a@x","type":"work","primary":false}}`,
			want: `{"userName":"a","emails":[{"value":"a@x","type":"work","primary":false}]}`},
		{name: "add what is there", have: `{"userName":"a",` + work + `}`, ops: `{"op":"add","path":"emails","value":{"value":"a@x","type":"work"}}`, want: `{"userName":"a",` + work + `}`},
		{name: "remove an element by filter", have: `{"userName":"a",` + work + `}`, ops: `{"op":"remove","path":"emails[type eq \"work\" and value ew \"x\"]"}`, want: `{"userName":"a"}`},
		{name: "remove elements by value", have: `{"userName":"a","roles":[{"value":"x"},{"value":"y"}]}`, ops: `{"op":"Remove","path":"roles","value":[{"value":"x"}]}`, want: `{"userName":"a","roles":[{"value":"y"}]}`},
		{name: "remove what is not there", have: `{"userName":"a"}`, ops: `{"op":"remove","path":"emails[type eq \"work\"]"},{"op":"remove","path":"title"}`, want: `{"userName":"a"}`},
		{name: "manager as text, and gone again", have: `{"userName":"a"}`,
			ops:  `{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"m"},{"op":"Remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":[{"value":"m"}]}`,
			want: `{"userName":"a"}`},
		{name: "a list for manager", have: `{"userName":"a"}`, ops: `{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":[{"$ref":"../Users/m","value":"m"}]}`,
			want: `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"m","$ref":"../Users/m"}}}`},
		{name: "a whole extension", have: `{"userName":"a"}`, ops: `{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","value":{"department":"D"}},{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}`, want: `{"userName":"a"}`},
		{name: "complex values merge", have: `{"userName":"a","name":{"givenName":"A","familyName":"B"}}`, ops: `{"op":"replace","path":"name","value":{"givenName":"C"}},{"op":"remove","path":"name.familyName"}`, want: `{"userName":"a","name":{"givenName":"C"}}`},
		{name: "empty text unsets", have: `{"userName":"a","title":"T"}`, ops: `{"op":"Replace","path":"title","value":""}`, want: `{"userName":"a"}`},
		{name: "active is unset", have: `{"userName":"a","active":false}`, ops: `{"op":"remove","path":"active"}`, want: `{"userName":"a"}`},
		{name: "active is unset by null", have: `{"userName":"a","active":true}`, ops: `{"op":"replace","path":"active","value":null}`, want: `{"userName":"a"}`},
		{name: "no operations", have: `{"userName":"a"}`, ops: ``, want: `{"userName":"a"}`},
		{name: "a path with a slash before it", have: `{"userName":"a"}`, ops: `{"op":"add","path":"/title","value":"T"}`, want: `{"userName":"a","title":"T"}`},
		{name: "userName can not be removed", have: `{"userName":"a"}`, ops: `{"op":"remove","path":"userName"}`, err: "userName: it is required, and can not be unset"},
		{name: "read-only by its path", have: `{"userName":"a"}`, ops: `{"op":"replace","path":"groups","value":[]}`, err: "groups: it is read-only"},
		{name: "id by its path", have: `{"userName":"a"}`, ops: `{"op":"replace","path":"id","value":"2"}`, err: "id: it is read-only"},
		{name: "no such operation", have: `{"userName":"a"}`, ops: `{"op":"move","path":"title"}`, err: `op: "move" is none of add, remove, replace`},
		{name: "nothing to remove", have: `{"userName":"a"}`, ops: `{"op":"remove"}`, err: "path: a remove must say what"},
		{name: "a broken path", have: `{"userName":"a"}`, ops: `{"op":"remove","path":"emails[type eq"}`, err: `path: the bracket in "emails[type eq" is not closed`},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := users(t)
			have, err := u.Decode([]byte(test.have))
			if err != nil {
				t.Fatal(err)
			}
			p, err := u.ParsePatch([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+test.ops+`]}`), Limits{})
			if err == nil {
				have, err = p.Apply(have)
			}
			if got := message(err); got != test.err {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, string(have.Encode())); diff != "" {
				t.Error(diff)
			}
			if got := join(p.Dropped); got != test.dropped {
				t.Errorf("dropped %q, want %q", got, test.dropped)
			}
		})
	}
}

const babs = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"externalId":"701984","userName":"bjensen@example.com","name":{"formatted":"Ms. Barbara J Jensen, III","familyName":"Jensen","givenName":"Barbara","middleName":"Jane"},
"displayName":"Babs Jensen","nickName":"Babs","title":"Tour Guide","preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,
"emails":[{"value":"bjensen@example.com","type":"work","primary":true},{"value":"babs@jensen.org","type":"home"}],
"phoneNumbers":[{"value":"555-555-5555","type":"work"}],
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","division":"Theme Park","department":"Tour Operations","manager":{"value":"26118915"}}}`

func BenchmarkParse(b *testing.B) {
	u, body := users(b), []byte(babs)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := u.Parse(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	in, err := users(b).Parse([]byte(babs), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		in.Record.Encode()
	}
}

func BenchmarkParseFilter(b *testing.B) {
	u := users(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := u.ParseFilter(`userName eq "bjensen@example.com"`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePatch(b *testing.B) {
	for _, test := range []struct {
		name, body string
		typ        *Type
	}{
		{"active", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}`, users(b)},
		{"1000 removals", `{"Operations":[` + strings.Repeat(`{"op":"remove","path":"members[value eq \"0199a1b2-0000-7000-8000-000000000000\"]"},`, 999) + `{"op":"remove","path":"members[value eq \"x\"]"}]}`, groups(b)},
		{"100000 members", `{"Operations":[{"op":"add","path":"members","value":[` + strings.Repeat(`{"value":"0199a1b2-0000-7000-8000-000000000000"},`, 99_999) + `{"value":"x"}]}]}`, groups(b)},
	} {
		b.Run(test.name, func(b *testing.B) {
			body := []byte(test.body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := test.typ.ParsePatch(body, Limits{})
				if err != nil {
					b.Fatal(err)
				}
				p.Edits()
			}
		})
	}
}

// TestWorkIsBounded sends little that asks for very much. What is refused is
// refused at once, because it is decided while every other writer waits.
func TestWorkIsBounded(t *testing.T) {
	typ := users(t)
	addresses := []string{}
	for i := range 1000 {
		addresses = append(addresses, fmt.Sprintf(`{"value":"a%d@example.com"}`, i))
	}
	crowd, err := typ.Parse([]byte(`{"userName":"a","emails":[`+strings.Join(addresses, ",")+`]}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	long, err := typ.Parse([]byte(`{"userName":"a","name":{"formatted":"`+strings.Repeat("x", 900_000)+`"}}`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clauses := strings.TrimSuffix(strings.Repeat("display pr or ", 200), " or ")
	for _, test := range []struct {
		name  string
		on    Record
		one   string
		times int
		fits  bool
	}{
		{"one filter of 200 comparisons", crowd.Record, `{"op":"remove","path":"emails[` + clauses + `].display"}`, 1, true},
		{"200 of them", crowd.Record, `{"op":"remove","path":"emails[` + clauses + `].display"}`, 200, false},
		{"200 of 1,000 addresses by filter", crowd.Record, `{"op":"replace","path":"emails[value eq \"a7@example.com\"].display","value":"A"}`, 200, true},
		{"400 of 1,000 addresses by filter", crowd.Record, `{"op":"replace","path":"emails[value eq \"a7@example.com\"].display","value":"A"}`, 400, false},
		{"5,000 of 1,000 addresses by filter", crowd.Record, `{"op":"replace","path":"emails[value eq \"a7@example.com\"].display","value":"A"}`, 5000, false},
		{"a part of all 1,000 addresses, 100 times", crowd.Record, `{"op":"replace","path":"emails.type","value":"work"}`, 100, true},
		{"a part of all 1,000 addresses, 400 times", crowd.Record, `{"op":"replace","path":"emails.type","value":"work"}`, 400, false},
		{"5,000 additions to 1,000", crowd.Record, `{"op":"add","path":"emails","value":{"value":"a7@example.com"}}`, 5000, false},
		{"5,000 removals of parts from 1,000", crowd.Record, `{"op":"remove","path":"emails","value":[{"display":"x"},{"display":"y"}]}`, 5000, false},
		{"5,000 edits beside a long text", long.Record, `{"op":"replace","path":"name.givenName","value":"x"}`, 5000, false},
		{"5,000 edits of a short one", Record{typ, slices.Clone(crowd.Record.values)}, `{"op":"replace","path":"title","value":"x"}`, 5000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := typ.ParsePatch([]byte(`{"Operations":[`+strings.TrimSuffix(strings.Repeat(test.one+",", test.times), ",")+`]}`), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Apply(test.on)
			var told *Error
			if refused := errors.As(err, &told) && told.Status == http.StatusRequestEntityTooLarge && told.Type == TooMany; refused == test.fits {
				t.Errorf("error %v, fits %v", err, test.fits)
			}
		})
	}
}

// TestRepeated finds keys that are there twice, and none where they are not.
func TestRepeated(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"k%d":{"k":[{"k":1},{"k":1}]}`, i)
	}
	for _, row := range []struct{ body, want string }{
		{`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`, ""}, {`{"a":1,"b":1,"a":1}`, "a"}, {`{"a":1,"A":1}`, "A"}, {`{"a":1,"\u0061":1}`, "a"},
		{`{"x":[{"y":{"a":"a","b":"}"}},{"y":{"a":1,"a":1}}]}`, "a"}, {`{"a":"a","b":"a"}`, ""}, {`["a","a"]`, ""}, {`{"":1,"":2}`, ""},
		{`{` + strings.Join(many, ",") + `}`, ""}, {`{` + strings.Join(many, ",") + `,"K7":1}`, "K7"}, {`{"é":1,"É":1}`, "É"},
	} {
		got, ok := repeated([]byte(row.body))
		if got != row.want || ok != (row.want != "" || row.body == `{"":1,"":2}`) {
			t.Errorf("%.60s: %q, %v", row.body, got, ok)
		}
	}
	if _, err := groups(t).Parse([]byte(`{"displayName":"g","members":["1"],"members":["2"]}`), Limits{}); err == nil {
		t.Error("members that are said twice were taken")
	}
}
