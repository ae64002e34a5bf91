package console

import "drawbridge/schema"

// An Action is what a test is shown of an action.
type Action struct {
	API   string
	Least schema.APIRole
}

// Actions returns what can be done, by the path of its form.
func Actions() map[string]Action {
	all := map[string]Action{}
	for _, a := range actions() {
		all[a.path] = Action{a.api, a.least}
	}
	return all
}
