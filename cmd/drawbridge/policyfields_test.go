package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"drawbridge/policy"
)

// TestEveryFieldIsExplained holds docs/policy.md to the JSON Schema: below the heading of
// each kind it names every field that such a document may have.
func TestEveryFieldIsExplained(t *testing.T) {
	type object struct {
		Title      string            `json:"title"`
		Properties map[string]object `json:"properties"`
		Items      json.RawMessage   `json:"items"`
		Additional json.RawMessage   `json:"additionalProperties"`
		OneOf      []object          `json:"oneOf"`
	}
	text, err := policy.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var all object
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	_, fields, ok := strings.Cut(document(t, "docs/policy.md"), "## Every field")
	if !ok {
		t.Fatal("docs/policy.md does not explain every field")
	}
	looked := 0
	var look func(kind, at, section string, o object)
	look = func(kind, at, section string, o object) {
		for name, of := range o.Properties {
			path := at + name
			looked++
			if !slices.Contains(words(section), name) {
				t.Errorf("docs/policy.md does not explain %s of %s", strings.TrimPrefix(path, "spec."), kind)
			}
			look(kind, path+".", section, of)
		}
		for _, raw := range []json.RawMessage{o.Items, o.Additional} {
			var inner object
			if json.Unmarshal(raw, &inner) == nil { // it is true or false otherwise
				look(kind, at, section, inner)
			}
		}
	}
	for _, kind := range all.OneOf {
		_, section, ok := strings.Cut(fields, "### "+kind.Title+"\n")
		if !ok {
			t.Errorf("docs/policy.md does not explain a %s", kind.Title)
			continue
		}
		section, _, _ = strings.Cut(section, "\n### ")
		look(kind.Title, "", section, kind.Properties["spec"])
	}
	if looked < 150 {
		t.Errorf("looked at %d fields only", looked)
	}
}

// words are the names between backquotes, and those joined by dots one by one.
func words(section string) (all []string) {
	for i, part := range strings.Split(section, "`") {
		if i%2 == 1 {
			all = append(all, strings.Split(part, ".")...)
		}
	}
	return all
}
