package signed

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // for its size
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"drawbridge/schema"
)

// MostBetween is over how many commits one may come after another.
const MostBetween = 2000

// follows begins the line in which the message of a commit says that it comes after another
// one, which is then as good as a parent: what was signed is all of the commit. It is for a
// history that was written anew, in which what is in force is not any more, and for one that
// is too long to be sent.
const follows = "Follows: "

// Before returns the commits that a signed one comes after at once, by its own word: its
// parents, and those of which its message says that it follows them. Of what is no commit
// there are none.
func Before(raw []byte) []string {
	before := Parents(raw)
	_, words, _ := bytes.Cut(raw, []byte("\n\n"))
	for line := range strings.Lines(string(words)) {
		if id, ok := named(line, follows); ok {
			before = append(before, id)
		}
	}
	return before
}

// Parents returns those of a commit, which is all that one counts for that lies between: its
// message may be of anybody. They are in the lines after that of the tree; one further down
// git reads over, and who signs a merge does not see it.
func Parents(raw []byte) (ids []string) {
	_, rest, _ := strings.Cut(string(raw), "\n")
	for line := range strings.Lines(rest) {
		id, ok := named(line, "parent ")
		if !ok {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// named returns the commit that a line names after a word.
func named(line, word string) (id string, ok bool) {
	id, ok = strings.CutPrefix(line, word)
	id = strings.TrimSpace(id)
	return id, ok && isName(id)
}

// isName reports whether something is a name of an object, in full.
func isName(id string) bool {
	sum, err := hex.DecodeString(id)
	return err == nil && (len(sum) == sha1.Size || len(sum) == sha256.Size)
}

// after returns nil where a commit is another one, or comes after it by those between.
func (c commit) after(other string, between [][]byte) error {
	if other == "" || c.id == other {
		return nil
	}
	if len(between) > MostBetween {
		return fmt.Errorf("there are more than %d commits between it and %s: say in its message, in a line of its own, %s%[2]s: %[4]w", MostBetween, other, follows, schema.ErrInvalid)
	}
	before := Before(c.raw)
	for _, raw := range between {
		if !slices.Contains(before, c.sum("commit", raw)) {
			break
		}
		before = Parents(raw)
	}
	if slices.Contains(before, other) {
		return nil
	}
	return fmt.Errorf("it does not come after the commit %s that was in force, as far as what is sent with it tells: publish what is newer, from a clone that is not shallow; "+
		"or go back by drawbridge policy rollback; where the history was written anew, say in a line of the message, and sign it: %s%[1]s: %[3]w", other, follows, schema.ErrForbidden)
}
