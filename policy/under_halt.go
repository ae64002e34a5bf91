package policy

import (
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// Where writing is halted, what no rule has to be right about goes on: an end that people
// agreed to, or decided.

// EndsUnderHalt reports whether what rests on a grant is taken away in spite of a halt: it
// reached its end, or people ended it, since its target was last up to date. What a trigger
// ended is by a rule, and waits.
func EndsUnderHalt(g schema.Grant, since time.Time) bool {
	return !g.Ended.IsZero() && !g.Ended.Before(since) && !strings.HasPrefix(g.EndedBy, "trigger/")
}

// UnderHalt returns what a halted target goes on having, of what it has: all but what is
// over and not wanted by anything else.
func UnderHalt(have, want, over []string) []string {
	return slices.DeleteFunc(slices.Clone(have), func(target string) bool {
		return slices.Contains(over, target) && !slices.Contains(want, target)
	})
}
