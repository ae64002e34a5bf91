package rest_test

import (
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// TestTheFirstThatFindsOneAlone has two of a name at the target, of whom one has the address:
// it is looked for by the name and then by that. By the name alone nobody is adopted.
func TestTheFirstThatFindsOneAlone(t *testing.T) {
	const byName = "    find:\n      - { by: userName, get: /people, query: { login: attributes.userName }, items: body.entries }\n"
	for name, row := range map[string]struct {
		text string
		one  bool
	}{
		"asked for, by the name":              {people, false},
		"asked for, by the address too":       {strings.Replace(people, byName, byName+"      - { by: emails.value, get: /people, items: body.entries }\n", 1), true},
		"looked for in the list, by the name": {strings.Replace(people, byName, "", 1), false},
		"looked for in the list, by the address too": {
			"match: [userName, emails.value]" + strings.Replace(people, byName, "", 1), true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStaff(teams...)
			var theirs []string
			for _, email := range []string{"other@example.com", "ada@example.com"} {
				a, err := s.Put(t.Context(), schema.Account{Active: true, Attributes: map[string]string{"userName": "ada", "emails.value": email}})
				if err != nil {
					t.Fatal(err)
				}
				theirs = append(theirs, a.RemoteID)
			}
			c := open(t, profile(t, row.text), s)
			got, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: map[string]string{"userName": "ada", "emails.value": "ada@example.com"}})
			switch {
			case row.one && (err != nil || got.RemoteID != theirs[1] || !got.Adopted):
				t.Errorf("Apply: account %s, %v; want %s to be adopted", got.RemoteID, err, theirs[1])
			case !row.one && (err == nil || connectors.KindOf(err) != connectors.Exists || got.Exists()):
				t.Errorf("Apply: account %s, %v; want nobody to be adopted", got.RemoteID, err)
			}
		})
	}
}
