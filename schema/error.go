package schema

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// The kinds of error that cross packages. Wrap them with what was at fault;
// decide with errors.Is at the edge.
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("conflict")    // it exists already, or changed meanwhile
	ErrInvalid     = errors.New("invalid")     // what was sent cannot be right
	ErrForbidden   = errors.New("forbidden")   // a rule refuses it
	ErrHeld        = errors.New("held")        // the guard waits for people
	ErrUnavailable = errors.New("unavailable") // try again later
)

// ErrPruned is the ErrNotFound of what was there, and is kept no longer.
var ErrPruned = fmt.Errorf("it was pruned: %w", ErrNotFound)

// IsNotFound reports whether an error says that something is not there, or no longer.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// Told returns what an error says to whoever reads it: without the kind of error at
// the end of it, where what is before says as much. A kind is for programs; after
// "credential hr: its secret is empty" it tells people nothing.
func Told(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = told(line)
	}
	return strings.Join(lines, "\n")
}

func told(line string) string {
	for _, kind := range []error{ErrNotFound, ErrConflict, ErrInvalid, ErrForbidden, ErrHeld, ErrUnavailable} {
		rest, ok := strings.CutSuffix(line, ": "+kind.Error())
		switch {
		case !ok:
		case errors.Is(kind, ErrNotFound) && !absence.MatchString(rest), len(strings.Fields(rest)) < 3:
			return line // "role editor: not found" says it by its end alone
		default:
			return told(rest)
		}
	}
	return line
}

// absence is how a sentence says that something is not there.
var absence = regexp.MustCompile(`\b(no|not|nobody|nothing|none|nowhere|never|deleted|pruned|gone)\b`)
