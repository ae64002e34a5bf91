package policy

import (
	"strings"

	"drawbridge/schema"
)

// nearest returns the name that was probably meant: the one that the fewest
// single-letter changes turn the word into, if they are few.
func nearest(word string, names []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, name := range names {
		if d := schema.Distance(strings.ToLower(word), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}
