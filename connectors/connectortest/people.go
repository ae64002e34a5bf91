package connectortest

import (
	"fmt"
	"maps"
	"slices"

	"drawbridge/schema"

	"pgregory.net/rapid"
)

// Person returns the attributes of the nth of the people that the suite moves
// around: what every target can be expected to keep.
func Person(n int) map[string]string {
	return map[string]string{
		"userName":        fmt.Sprintf("p%04d@example.com", n),
		"externalId":      fmt.Sprintf("ext-%04d", n),
		"displayName":     fmt.Sprintf("Person %d", n),
		"name.givenName":  "Person",
		"name.familyName": fmt.Sprintf("Number%d", n),
		"emails.value":    fmt.Sprintf("p%04d@example.com", n),
	}
}

// Values returns the attributes that the suite changes, with what they may
// become: among them nothing at all, quotes, and letters beyond ASCII.
func Values() map[string][]string {
	return map[string][]string{
		"title":          {"", "Engineer", `Head of "Things" \ and more`},
		"department":     {"", "R&D", "Köln 東京"},
		"name.givenName": {"Ann", "Øyvind"},
	}
}

// wanted draws a desired account of the person with the attributes.
func (s *suite) wanted(rt *rapid.T, person map[string]string, label string) schema.Account {
	want := schema.Account{Attributes: map[string]string{}}
	maps.Copy(want.Attributes, person)
	for _, name := range sortedKeys(s.Values) {
		if rapid.Bool().Draw(rt, label+" sets "+name) {
			want.Attributes[name] = rapid.SampledFrom(s.Values[name]).Draw(rt, label+" "+name)
		}
	}
	want.Active = rapid.IntRange(0, 3).Draw(rt, label+" active") > 0
	if want.Active {
		want.Entitlements = s.entitlements(rt, label)
	}
	return want
}

// entitlements draws a sorted subset of what the target offers.
func (s *suite) entitlements(rt *rapid.T, label string) []string {
	var held []string
	for _, name := range s.Entitlements {
		if rapid.Bool().Draw(rt, label+" holds "+name) {
			held = append(held, name)
		}
	}
	return held
}

// some returns the entitlements from one place to another, as far as there are
// any.
func (s *suite) some(from, to int) []string {
	n := len(s.Entitlements)
	return s.Entitlements[min(from, n):min(to, n)]
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
