package policy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestSchemaKnowsTheFormat holds the shipped policy to the schema, which takes all of it, and the
// broken documents of testdata/bad, of which it refuses those that an editor can tell: what
// depends on other documents or on the words of a rule is for lint to say. R-POL-2.
func TestSchemaKnowsTheFormat(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	documents := 0
	for _, folder := range []string{"../configs/policy", "testdata/base"} {
		err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || path.Ext(name) != ".yaml" {
				return err
			}
			for _, doc := range documentsOf(t, path.Join(folder, name)) {
				documents++
				if why := unfit(s, doc, ""); why != "" {
					t.Errorf("%s/%s: %s", folder, name, why)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if documents < 80 {
		t.Errorf("it looked at %d documents", documents)
	}
	broken, err := fs.Glob(os.DirFS("testdata/bad"), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, name := range broken {
		if slices.ContainsFunc(documentsOf(t, "testdata/bad/"+name), func(doc any) bool { return unfit(s, doc, "") != "" }) {
			refused = append(refused, strings.TrimSuffix(name, ".yaml"))
		}
	}
	want := strings.Fields(`alias approver bypass constraint decode empty exception field intent kind missing nhi-intent nobody-missing numbers owner
		quote-no quote review self trigger unbounded version wildcard`)
	if !slices.Equal(refused, want) {
		t.Errorf("of the broken documents it refuses %v, want %v", refused, want)
	}
}

// documentsOf reads the documents of a file as any reader of YAML does; none, where it is none.
func documentsOf(t *testing.T, file string) (all []any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "\n---") {
		var doc any
		if yaml.Unmarshal([]byte(part), &doc) == nil && doc != nil {
			all = append(all, doc)
		}
	}
	return all
}

// unfit says why a value is not as a schema has it, by the few keywords that ours has; nothing
// where it is.
func unfit(schema, value any, at string) string {
	if whether, ok := schema.(bool); ok {
		return map[bool]string{false: at + " is not to be there"}[whether]
	}
	s := schema.(map[string]any)
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		if why := judge(s, keyword, value, at); why != "" {
			return why
		}
	}
	return ""
}

// judge says why a value is not as one keyword of JSON Schema has it.
func judge(s map[string]any, keyword string, value any, at string) string {
	says := s[keyword]
	list, _ := says.([]any)
	o, _ := value.(map[string]any)
	n, isNumber := value.(int)
	fits := func(schema any) bool { return unfit(schema, value, at) == "" }
	fails := false
	switch keyword {
	case "$schema", "title", "examples", "format", "then":
	case "type":
		fails = says != typeOf(value) && (says != "number" || typeOf(value) != "integer")
	case "const":
		fails = value != says
	case "enum":
		fails = !slices.Contains(list, value)
	case "pattern":
		text, isText := value.(string)
		pattern, some := strings.CutPrefix(says.(string), `^(?=.*[1-9])`)
		fails = isText && (!regexp.MustCompile(pattern).MatchString(text) || some && !strings.ContainsAny(text, "123456789"))
	case "minimum":
		fails = isNumber && float64(n) < says.(float64)
	case "exclusiveMinimum":
		fails = isNumber && float64(n) <= says.(float64)
	case "maximum":
		fails = isNumber && float64(n) > says.(float64)
	case "required":
		fails = slices.ContainsFunc(list, func(name any) bool { return o[name.(string)] == nil })
	case "allOf":
		fails = slices.ContainsFunc(list, func(s any) bool { return !fits(s) })
	case "anyOf":
		fails = !slices.ContainsFunc(list, fits)
	case "oneOf":
		fails = len(slices.DeleteFunc(slices.Clone(list), func(s any) bool { return !fits(s) })) != 1
	case "if":
		fails = fits(says) && !fits(s["then"])
	case "properties", "additionalProperties":
		known, _ := s["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(o)) {
			schema, named := known[name]
			if !named {
				schema = says
			}
			if named != (keyword == "properties") {
				continue
			}
			if why := unfit(schema, o[name], at+"/"+name); why != "" {
				return why
			}
		}
	case "items":
		all, _ := value.([]any)
		for i, one := range all {
			if why := unfit(says, one, fmt.Sprint(at, "/", i)); why != "" {
				return why
			}
		}
	default:
		return "the schema has a keyword that nobody judges by: " + keyword
	}
	if fails {
		return fmt.Sprintf("%s is %v, and not of %s %v", at, value, keyword, says)
	}
	return ""
}

func typeOf(value any) string {
	switch value.(type) {
	case bool:
		return "boolean"
	case int:
		return "integer"
	case float64:
		return "number"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	}
	return "string" // also of a time
}
