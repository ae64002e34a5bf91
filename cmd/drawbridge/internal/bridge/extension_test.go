package bridge

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"drawbridge/configs"
	"drawbridge/schema"
	"drawbridge/schema/scim"
)

const hrURN = "urn:example:scim:schemas:extension:hr:2.0:User"

// TestExtensionDecidesAccess goes the whole way: a schema file that the
// configuration names, what is sent of it, and a role that depends on it.
func TestExtensionDecidesAccess(t *testing.T) {
	dir := t.TempDir()
	file, err := filepath.Abs("../../../../configs/testdata/hr.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{listen: "127.0.0.1:0", policy: {path: .}, store: {path: bridge.db}, audit: {key: audit.key}, schemas: [%[1]s], groupSchemas: [%[1]s],
		sources: [{name: hr, token: env:TOKEN}], connectors: [{name: wiki, kind: memory}]}`, file)
	path := filepath.Join(dir, "drawbridge.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(path, func(string) (string, bool) { return token, true })
	if err != nil {
		t.Fatal(err)
	}
	g := newTarget()
	b, _ := running(t, cfg, Options{Kinds: g.kinds(), Policy: reads(t, hrURN+":jobCode")})

	schemas := ask(t, b, "GET", "/Schemas/"+hrURN, "", http.StatusOK)
	if schemas["name"] != "HR" {
		t.Errorf("/Schemas says %v", schemas)
	}
	if told := fmt.Sprint(ask(t, b, "GET", "/ResourceTypes/User", "", http.StatusOK)["schemaExtensions"]); !strings.Contains(told, hrURN) {
		t.Errorf("/ResourceTypes says %v", told)
	}

	if told := fmt.Sprint(ask(t, b, "GET", "/ResourceTypes/Group", "", http.StatusOK)["schemaExtensions"]); !strings.Contains(told, hrURN) {
		t.Errorf("/ResourceTypes says of groups %v", told)
	}

	id, _ := ask(t, b, "POST", "/Users", `{"userName":"ada","`+hrURN+`":{"jobCode":"ENG-3","site":{"country":"DE"},"clearances":"x"}}`, http.StatusCreated)["id"].(string)
	g.wait(t, func(a schema.Account) bool { return a.Active && a.Holds("Readers") })
	got, _ := ask(t, b, "GET", "/Users/"+id, "", http.StatusOK)[hrURN].(map[string]any)
	if got["jobCode"] != "ENG-3" || fmt.Sprint(got["clearances"]) != "[x]" || fmt.Sprint(got["site"]) != "map[country:DE]" {
		t.Errorf("the extension reads %v", got)
	}

	ask(t, b, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"`+hrURN+`:jobCode","value":"HR-1"}]}`, http.StatusOK)
	g.wait(t, func(a schema.Account) bool { return !a.Holds("Readers") })
}

// TestATypeByConfiguration goes the whole way with a resource type of which no code
// knows: a file that the configuration names, read as every list is, and by nobody
// written to.
func TestATypeByConfiguration(t *testing.T) {
	cfg := config(t)
	text, err := os.ReadFile("../../../../configs/testdata/agents.type.json")
	if err != nil {
		t.Fatal(err)
	}
	agents, err := scim.ParseCatalogue(text)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Catalogues = []scim.Catalogue{agents}
	b, _ := running(t, cfg, Options{Kinds: newTarget().kinds()})
	if said := ask(t, b, "GET", "/ResourceTypes/Agent", "", http.StatusOK); said["endpoint"] != "/Agents" || said["schema"] != "urn:ietf:params:scim:schemas:core:2.0:Agent" {
		t.Errorf("/ResourceTypes says %v", said)
	}
	if said := ask(t, b, "GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Agent", "", http.StatusOK); said["name"] != "Agent" {
		t.Errorf("/Schemas says %v", said)
	}
	if one := ask(t, b, "GET", "/Agents/helper", "", http.StatusOK); one["name"] != "Helper" || one["active"] != true {
		t.Errorf("it reads %v", one)
	}
	found := ask(t, b, "GET", "/Agents?filter=active+eq+false&sortBy=name&attributes=name", "", http.StatusOK)
	if found["totalResults"] != 1.0 || !strings.Contains(fmt.Sprint(found["Resources"]), "Archivist") {
		t.Errorf("found are %v", found)
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		ask(t, b, method, "/Agents/helper", `{"name":"x"}`, http.StatusMethodNotAllowed)
	}
	ask(t, b, "POST", "/Agents", `{"name":"x"}`, http.StatusMethodNotAllowed)
}

// reads is the policy of the tests, with the department somewhere else.
func reads(t *testing.T, path string) fstest.MapFS {
	t.Helper()
	text, err := os.ReadFile("testdata/policy/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	said := strings.NewReplacer(
		"department: { type: string, from: [hr] }", `jobCode: { type: string, from: [hr], path: "`+path+`" }`,
		`identity.department == "Engineering"`, `identity.jobCode == "ENG-3"`,
	).Replace(string(text))
	return fstest.MapFS{"policy.yaml": {Data: []byte(said)}}
}

func TestPathThatNoSchemaHas(t *testing.T) {
	for path, warned := range map[string]bool{
		"urn:example:nowhere:User:jobCode": true,
		"name.givnName":                    true,
		"name.givenName":                   false,
		"title":                            false,
		"urn:drawbridge:scim:schemas:extension:2.0:User:repo": false,
	} {
		p, err := ReadPolicy(reads(t, path))
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(Joins(config(t), p.Book), "\n")
		if got := strings.Contains(all, "identity.jobCode is read from "+path); got != warned {
			t.Errorf("of %s it is said: %s", path, all)
		}
	}
}
