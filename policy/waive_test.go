package policy

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"
)

// TestOnlyExceptionsWaive looks through all that documents may say: nothing but an
// Exception lets anybody pass a rule, and no flag anywhere does. Whom a rule of approval
// leaves out is no exception from it. R-POL-4.
func TestOnlyExceptionsWaive(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	type object struct {
		Title      string
		Properties map[string]json.RawMessage
		Items      json.RawMessage
		OneOf      []json.RawMessage
		Additional json.RawMessage `json:"additionalProperties"`
	}
	waives := regexp.MustCompile(`(?i)waive|exempt|except|skip|ignore|override|disable|optional|allowlist|whitelist`)
	fields := 0
	var look func(kind, at string, raw json.RawMessage)
	look = func(kind, at string, raw json.RawMessage) {
		var o object
		if json.Unmarshal(raw, &o) != nil {
			return // it is true or false
		}
		for name, of := range o.Properties {
			fields++
			if waives.MatchString(name) && kind != "Exception" && kind != "Test" { // which expects what an Exception lets through
				t.Errorf("%s%s.%s: that somebody is let off is a document of kind Exception, with its reason and its end", kind, at, name)
			}
			look(kind, at+"."+name, of)
		}
		for _, part := range slices.Concat(o.OneOf, []json.RawMessage{o.Items, o.Additional}) {
			if len(part) > 0 {
				look(kind, at, part)
			}
		}
	}
	var all object
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, raw := range all.OneOf {
		var o object
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		look(o.Title, "", raw)
	}
	if fields < 100 {
		t.Errorf("looked at %d fields only", fields)
	}
}
