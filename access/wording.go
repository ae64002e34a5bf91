package access

import (
	"fmt"
	"strings"
	"time"

	"drawbridge/connectors"
)

// joinLimited joins the first n of the words, and says how many more there are.
func joinLimited(words []string, n int) string {
	text := strings.Join(words[:min(n, len(words))], "; ")
	if more := len(words) - n; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// minute is day without the seconds.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// day writes a time as people read it.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// orUnknown is a state in a reason.
func orUnknown(state string) string {
	if state == "" {
		return "unknown"
	}
	return state
}

// summary says in a few words what the steps do.
func summary(steps []connectors.Step) string {
	var words []string
	for _, s := range steps {
		word := s.Verb.String()
		if len(s.Entitlements) > 0 {
			word += " " + strings.Join(s.Entitlements, ", ")
		}
		words = append(words, word)
	}
	return strings.Join(words, "; ")
}

// firstDeeds is how much of a plan is told in its own words.
const firstDeeds = 5
