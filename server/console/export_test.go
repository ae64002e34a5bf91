package console

import (
	"strings"

	"drawbridge/schema"
)

// An Action is what a test is shown of an action.
type Action struct {
	API    string
	Least  schema.APIRole
	Fields []string
}

// Actions returns what can be done, by the path of its form.
func Actions() map[string]Action {
	all := map[string]Action{}
	for _, a := range actions() {
		api, _, _ := strings.Cut(a.api, "?")
		b := Action{API: api, Least: a.least}
		for _, f := range a.field {
			b.Fields = append(b.Fields, f.name)
		}
		all[a.path] = b
	}
	return all
}
