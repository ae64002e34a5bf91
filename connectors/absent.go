package connectors

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"drawbridge/schema"
)

// An Absence is an entitlement that its system does not have under the name.
type Absence struct {
	Target string `json:"target"`         // the name
	Near   string `json:"near,omitempty"` // one that it has and that looks like it
}

// String says so to whoever wrote the name.
func (a Absence) String() string {
	text := "the target has no " + quoted(a.Target)
	if a.Near != "" {
		text += ": did you mean " + quoted(a.Near) + "?"
	}
	return text
}

func quoted(name string) string { return `"` + name + `"` }

// Absent returns which of the names the system does not have, each with the one that
// is most like it. It keeps no more of the listing than that.
func Absent(ctx context.Context, l EntitlementLister, names []string) ([]Absence, error) {
	wanted := map[string]*likeness{}
	for _, name := range names {
		wanted[name] = &likeness{to: name, far: len([]rune(name))/3 + 1}
	}
	for there, err := range l.Entitlements(ctx) {
		if err != nil {
			return nil, err
		}
		delete(wanted, there)
		for _, w := range wanted {
			w.look(there)
		}
	}
	absent := []Absence{}
	for name, w := range wanted {
		absent = append(absent, Absence{Target: name, Near: w.near})
	}
	slices.SortFunc(absent, func(a, b Absence) int { return strings.Compare(a.Target, b.Target) })
	return absent, nil
}

// A likeness is the name that is most like another.
type likeness struct {
	to, near string
	far      int // of what counts as like it
}

func (l *likeness) look(there string) {
	if longer := utf8.RuneCountInString(there) - utf8.RuneCountInString(l.to); max(longer, -longer) > l.far {
		return // so many are to be put in or left out at least
	}
	if d := schema.Distance(strings.ToLower(l.to), strings.ToLower(there)); d <= l.far && (l.near == "" || d < l.far) {
		l.near, l.far = there, d
	}
}
