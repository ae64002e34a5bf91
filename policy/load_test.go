package policy

import (
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestEveryMistakeAtOnce(t *testing.T) {
	_, found := lint(folder(t, map[string]string{
		"one.yaml": "kind: Roll\n---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { nam: x }\nspec: { type: births, grants: yes }\n",
		"two.yml":  "a: [\n",
		"three.md": "kind: Nothing\n",
	}))
	var got []string
	for _, f := range found {
		got = append(got, f.File+" "+string(f.Code))
	}
	for _, want := range []string{"one.yaml E-KIND", "one.yaml E-FIELD", "one.yaml E-DECODE", "two.yml E-YAML"} {
		if !slices.Contains(got, want) {
			t.Errorf("got no %s in %v", want, got)
		}
	}
	if strings.Contains(found.String(), "three.md") {
		t.Error("read a file that is no policy")
	}
}

func TestFindingSaysWhereAndWhatToDo(t *testing.T) {
	_, found := lint(folder(t, map[string]string{"a.yaml": "apiVersion: drawbridge/v1\nkind: Rol\n"}))
	want := `a.yaml:2:7: E-KIND: unknown kind "Rol" (one of PolicySet, Source, Connector, Role, ApprovalFlow, TriggerSet, Constraint, Exception, NHI, Test)` + "\n"
	if got := found.String(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"department", "userType", "deputy"}
	for word, want := range map[string]string{"departmnt": "department", "usertype": "userType", "deputi": "deputy", "colour": ""} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest to %s: got %q, want %q", word, got, want)
		}
	}
}

// brokenFS is a folder that cannot be read.
type brokenFS struct{}

func (brokenFS) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

func TestLoadOfWhatCannotBeRead(t *testing.T) {
	_, found := Load(brokenFS{})
	if len(found) != 1 || found[0].Code != CodeYAML || !strings.Contains(found[0].Message, "permission") {
		t.Errorf("got %v, want one E-YAML that says why", found)
	}
}

func TestSchemaNamesEveryKind(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		OneOf []struct {
			Title      string
			Properties struct {
				Kind struct{ Const string }
				Spec struct{ Properties map[string]json.RawMessage }
			}
			AdditionalProperties *bool
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range got.OneOf {
		kinds = append(kinds, s.Properties.Kind.Const)
		if len(s.Properties.Spec.Properties) == 0 || s.AdditionalProperties == nil || *s.AdditionalProperties {
			t.Errorf("%s: got %+v, want its fields and no others", s.Title, s)
		}
	}
	if !slices.Equal(kinds, Kinds()) {
		t.Errorf("got kinds %v, want %v", kinds, Kinds())
	}
}

// FuzzLoad reads whatever arrives, and compiles what comes of it: there must be
// a book or findings, and no panic; and evaluation must take what Compile let
// through.
func FuzzLoad(f *testing.F) {
	for _, folder := range []string{"testdata/base", "testdata/bad"} {
		files, err := fs.Glob(os.DirFS(folder), "*.yaml")
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(folder + "/" + name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, odd := range []string{"", "---", "- 1", "? [a]\n: b", "kind: Role\nspec: []", "kind: Test\nspec: {identity: {? {a: b} : c}}", "&a [*a]"} {
		f.Add(odd)
	}
	f.Fuzz(func(t *testing.T, text string) {
		book, found := lint(folder(t, map[string]string{"fuzz.yaml": text}))
		for _, one := range found {
			if one.Code == "" || one.Message == "" || one.File == "" {
				t.Errorf("got a finding that says nothing: %+v", one)
			}
		}
		book.Evaluate(Facts{Identity: person(docs), Grants: granted(-1, 1)}, noon)
	})
}

// FuzzAttributes reads records as sources may send them.
func FuzzAttributes(f *testing.F) {
	f.Add(`{"userType":"employee","level":1,"groups":[{"value":"a"}],"manager":{"value":"m"}}`)
	f.Add(`{"urn:drawbridge:scim:schemas:extension:2.0:User":{"endDate":"2026-01-01"}}`)
	f.Add(`{"contractEnd":null,"level":1e400,"badge":{},"userType":[]}`)
	f.Add(`[`)
	book := bookOf(f, roles)
	f.Fuzz(func(_ *testing.T, resource string) {
		id := person("")
		id.Resource = []byte(resource)
		book.Evaluate(Facts{Identity: id}, noon)
	})
}
