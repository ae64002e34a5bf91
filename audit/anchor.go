package audit

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// Notes returns the signed heads that were appended to a file one after the other, as
// they are. What is broken is returned too, so that it does not go unseen.
func Notes(text []byte) (notes [][]byte) {
	for len(text) > 0 {
		if text[0] == '\n' {
			text = text[1:]
			continue
		}
		end := noteEnd(text)
		notes, text = append(notes, text[:end]), text[end:]
	}
	return notes
}

// noteEnd is where the note ends that a text begins with: behind its signatures, which
// follow its only empty line.
func noteEnd(text []byte) int {
	blank := bytes.Index(text, []byte("\n\n"))
	if blank < 0 {
		return len(text)
	}
	at := blank + 2
	for bytes.HasPrefix(text[at:], []byte("\u2014 ")) {
		line := bytes.IndexByte(text[at:], '\n')
		if line < 0 {
			return len(text)
		}
		at += line + 1
	}
	return at
}

// Anchored returns the heads that were anchored outside, in the order in which they were,
// each as it was signed. A head that is older than the one before it says that the log
// was rolled back between them.
func Anchored(text []byte, verifier note.Verifier) (heads [][]byte, err error) {
	var last Checkpoint
	for i, signed := range Notes(text) {
		c, err := Open(signed, verifier)
		if err != nil {
			return nil, fmt.Errorf("anchor %d: %w", i+1, err)
		}
		if c.Size < last.Size || c.Size == last.Size && i > 0 && c.Root != last.Root {
			return nil, fmt.Errorf("anchor %d is of %d entries, and the one before of %d: the log was rolled back between them: %w", i+1, c.Size, last.Size, ErrTampered)
		}
		heads, last = append(heads, signed), c
	}
	return heads, nil
}

// NewestAnchored returns the largest head in a text of anchors that the key signed, nil
// where there is none; and what is wrong with the text, if anything is: whatever is broken
// in it, a head that is sound still says how long the log was.
func NewestAnchored(text []byte, verifier note.Verifier) (newest []byte, err error) {
	var largest Checkpoint
	for i, signed := range Notes(text) {
		c, wrong := Open(signed, verifier)
		switch {
		case wrong != nil && err == nil:
			err = fmt.Errorf("anchor %d: %w", i+1, wrong)
		case wrong == nil && c.Size < largest.Size && err == nil:
			err = fmt.Errorf("anchor %d is of %d entries, and one before of %d: the log was rolled back between them: %w", i+1, c.Size, largest.Size, ErrTampered)
		case wrong == nil && c.Size >= largest.Size:
			newest, largest = signed, c
		}
	}
	return newest, err
}
