package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// template is a role that lacks nothing.
const template = `apiVersion: drawbridge/v1
kind: Role
metadata:
  name: subject
  owner: { user: a@example.org, deputy: b@example.org }
spec:
  type: requestable
  mode: enforce
  intent: Something to lack a part of.
  eligible: identity.kind == "human" && identity.userType == "employee"
  approval: manager
  grants: [{ connector: crm, entitlement: sales }]
  duration: { default: 30d, max: 90d }
  triggers: [leaver]
  review: { every: 180d }
`

// TestTemplateLacksNothing leaves out each part of a role template that R-POL-2 names, and
// wants a code of its own for it, and the role refused. That nobody stands in for the owner
// is a warning; without a mode it observes.
func TestTemplateLacksNothing(t *testing.T) {
	if _, found := lint(folder(t, map[string]string{"role.yaml": template})); found.Errors() {
		t.Fatal(found)
	}
	codes := map[Code]string{}
	for _, part := range []struct {
		line    string // as it begins
		instead string
		code    Code
	}{
		{"  owner:", "", CodeOwner},
		{"  owner:", "  owner: { user: a@example.org }\n", CodeDeputy},
		{"  type:", "", CodeDecode},
		{"  mode:", "", ""},
		{"  intent:", "", CodeIntent},
		{"  eligible:", "", CodeNobody},
		{"  approval:", "", CodeApprover},
		{"  grants:", "", CodeEmpty},
		{"  duration:", "", CodeUnbounded},
		{"  triggers:", "", CodeTrigger},
		{"  review:", "", CodeReview},
	} {
		at := strings.Index(template, part.line)
		_, rest, _ := strings.Cut(template[at:], "\n")
		book, found := lint(folder(t, map[string]string{"role.yaml": template[:at] + part.instead + rest}))
		found = slices.DeleteFunc(found, func(f Finding) bool { return f.Code == CodeUntested })
		_, inForce := book.Role("subject")
		switch {
		case part.code == "":
			if len(found) > 0 || !inForce || book.Mode("subject", "crm") != "observe" {
				t.Errorf("without %s: in force %v, found\n%s", part.line, inForce, found)
			}
		case len(found) != 1 || found[0].Code != part.code || inForce != (found[0].Severity == Warning):
			t.Errorf("without %s: in force %v, want %s, found\n%s", part.line, inForce, part.code, found)
		case codes[part.code] != "":
			t.Errorf("%s and %s have one code, %s", part.line, codes[part.code], part.code)
		}
		codes[part.code] = part.line
	}
}

// TestSchemaAsksForTheTemplate has editors ask for what lint refuses a role without.
func TestSchemaAsksForTheTemplate(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		OneOf []struct {
			Title      string
			Properties struct {
				Spec struct{ Required []string }
			}
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, kind := range got.OneOf {
		if kind.Title != "Role" {
			continue
		}
		if want := []string{"grants", "intent", "review", "triggers", "type"}; !slices.Equal(slices.Sorted(slices.Values(kind.Properties.Spec.Required)), want) {
			t.Errorf("got %v, want %v", kind.Properties.Spec.Required, want)
		}
	}
}
