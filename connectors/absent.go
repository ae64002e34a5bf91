package connectors

import (
	"context"
	"slices"
	"strings"
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
	if d := distance(strings.ToLower(l.to), strings.ToLower(there), l.far); d <= l.far && (l.near == "" || d < l.far) {
		l.near, l.far = there, d
	}
}

// distance is how many letters are to be changed, put in or left out to make one word
// of the other; more than most is most + 1.
func distance(a, b string, most int) int {
	from, to := []rune(a), []rune(b)
	if len(from)-len(to) > most || len(to)-len(from) > most {
		return most + 1
	}
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			cost := diagonal
			if r != s {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
