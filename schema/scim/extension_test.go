package scim_test

import (
	"strings"
	"testing"

	"drawbridge/schema/scim"
)

const employment = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
	"id": "urn:example:scim:schemas:extension:hr:2.0:User", "name": "HR", "description": "What the HR system knows",
	"attributes": [
		{"name": "jobCode", "type": "string", "caseExact": true, "canonicalValues": ["A1", "B2"]},
		{"name": "level", "type": "integer", "multiValued": false, "required": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"},
		{"name": "sites", "type": "complex", "multiValued": true, "subAttributes": [
			{"name": "value", "type": "string"}, {"name": "primary", "type": "boolean"}]}]}`

func TestParseSchema(t *testing.T) {
	s, err := scim.ParseSchema([]byte(employment))
	if err != nil {
		t.Fatal(err)
	}
	users, err := scim.Users(s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := users.Parse([]byte(`{"userName":"a","urn:example:scim:schemas:extension:hr:2.0:user":{"JOBCODE":"A1","level":"3","sites":"Berlin","shoe":1}}`), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"userName":"a","urn:example:scim:schemas:extension:hr:2.0:User":{"jobCode":"A1","level":3,"sites":[{"value":"Berlin"}]}}`
	if got := string(b.Record.Encode()); got != want {
		t.Errorf("stored as %s, want %s", got, want)
	}
	if len(b.Dropped) != 1 || !strings.HasSuffix(b.Dropped[0], ":shoe") {
		t.Errorf("dropped %v", b.Dropped)
	}
}

// TestSchemaKeepsItsPromises sends what a schema says is set once, and what it says
// is never shown.
func TestSchemaKeepsItsPromises(t *testing.T) {
	s, err := scim.ParseSchema([]byte(`{"id":"urn:example:hr:User","attributes":[
		{"name":"badge","type":"string","mutability":"immutable"},{"name":"pin","type":"string","returned":"never"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	users, err := scim.Users(s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := users.Parse([]byte(`{"userName":"a","urn:example:hr:User":{"badge":"7","pin":"1234"}}`), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := users.ParseProjection("", "").Resource(b.Record.Encode())
	if err != nil || strings.Contains(string(shown), "1234") || !strings.Contains(string(shown), `"badge":"7"`) {
		t.Errorf("shown is %s, %v", shown, err)
	}
	p, err := users.ParsePatch([]byte(`{"Operations":[{"op":"replace","path":"urn:example:hr:User:badge","value":"8"}]}`), scim.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(b.Record); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("another badge: %v", err)
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	schema := func(attribute string) string { return `{"id":"urn:example:hr:User","attributes":[` + attribute + `]}` }
	for _, row := range []struct{ name, text, want string }{
		{"nothing", ``, "empty"},
		{"not JSON", `{"id":`, "not valid JSON"},
		{"a list", `[]`, "must be a JSON object"},
		{"too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), "deeper"},
		{"no id", `{"attributes":[{"name":"a","type":"string"}]}`, "id: it is missing"},
		{"no URN", `{"id":"hr","attributes":[{"name":"a","type":"string"}]}`, `"hr" is no URN`},
		{"a URN of ours", `{"id":"` + strings.ToUpper(scim.EnterpriseURN) + `","attributes":[{"name":"a","type":"string"}]}`, "there already"},
		{"a URN of the standard's", `{"id":"urn:ietf:params:scim:schemas:core:2.0:Role","attributes":[{"name":"a","type":"string"}]}`, "there already"},
		{"a URN below ours", `{"id":"` + scim.DrawbridgeURN + `:x","attributes":[{"name":"a","type":"string"}]}`, "there already"},
		{"no attributes", `{"id":"urn:example:hr:User"}`, "attributes: there are none"},
		{"a misspelt key", `{"id":"urn:example:hr:User","attribtes":[]}`, `unknown key "attribtes"`},
		{"a misspelt key of an attribute", schema(`{"name":"a","type":"string","multivalued":true}`), `attribute a: unknown key "multivalued"`},
		{"a key twice", schema(`{"name":"a","type":"string","type":"integer"}`), "attribute a: type: it is there twice"},
		{"an unknown type", schema(`{"name":"a","type":"text"}`), `attribute a: type: "text" is none of string,`},
		{"no type", schema(`{"name":"a"}`), `attribute a: type: "" is none`},
		{"no name", schema(`{"type":"string"}`), "attribute 1: name:"},
		{"$ref alone", schema(`{"name":"$ref","type":"reference"}`), "attribute $ref: name:"},
		{"a name with a dot", schema(`{"name":"a.b","type":"string"}`), "attribute a.b: name:"},
		{"no object", schema(`"a"`), "attribute 1: it must be an object"},
		{"one name twice", schema(`{"name":"a","type":"string"},{"name":"A","type":"string"}`), "attribute A: it is there twice"},
		{"a list in words", schema(`{"name":"a","type":"string","multiValued":"yes"}`), "attribute a: multiValued: it must be true or false"},
		{"words that are numbers", schema(`{"name":"a","type":"string","canonicalValues":[1]}`), "attribute a: canonicalValues: it must be a list of texts"},
		{"a description that is a number", schema(`{"name":"a","type":"string","description":1}`), "attribute a: description: it must be text"},
		{"complex without parts", schema(`{"name":"a","type":"complex"}`), "attribute a: subAttributes: a complex attribute needs some"},
		{"parts of a text", schema(`{"name":"a","type":"string","subAttributes":[{"name":"b","type":"string"}]}`), "attribute a: subAttributes: only a complex"},
		{"complex in complex", schema(`{"name":"a","type":"complex","subAttributes":[{"name":"b","type":"complex","subAttributes":[{"name":"c","type":"string"}]}]}`), "attribute a.b: type: a sub-attribute can not be complex"},
		{"unique somewhere", schema(`{"name":"a","type":"string","uniqueness":"local"}`), `attribute a: uniqueness: "local" is none of none, server, global`},
		{"a unique truth", schema(`{"name":"a","type":"boolean","uniqueness":"server"}`), "attribute a: uniqueness: write none"},
		{"read now and then", schema(`{"name":"a","type":"string","mutability":"readSometimes"}`), `attribute a: mutability: "readSometimes" is none of readWrite,`},
		{"returned sometimes", schema(`{"name":"a","type":"string","returned":"sometimes"}`), `attribute a: returned: "sometimes" is none of default,`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := scim.ParseSchema([]byte(row.text))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v, want %q in it", err, row.want)
			}
		})
	}
	_, err := scim.ParseSchema([]byte(`{"id":"hr","attributes":[{"name":"a","type":"text"},{"name":"b","type":"string","required":"yes"}]}`))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three mistakes make the error %v", err)
	}
}
