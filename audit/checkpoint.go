package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/schema"
)

// ErrTampered says that a log is not what its checkpoint signed.
var ErrTampered = errors.New("the log is not what was signed")

// A Checkpoint is a log's head: how many entries it has and the hash of them
// all.
type Checkpoint struct {
	Origin string // which log it is
	Size   int64
	Root   tlog.Hash
}

// NewKey makes a key pair for a log named name: the signer's secret and the
// verifier's public text, both as golang.org/x/mod/sumdb/note writes them.
func NewKey(rand io.Reader, name string) (signer, verifier string, err error) {
	return note.GenerateKey(rand, name)
}

// Sign returns the checkpoint as a signed note, in the form of c2sp.org's
// tlog-checkpoint: origin, size and root, a line each.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
	return note.Sign(&note.Note{Text: text}, signer)
}

// OpenCheckpoint checks a note's signature and returns what it signs.
func OpenCheckpoint(signed []byte, verifier note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w: %w", ErrTampered, err)
	}
	return parseCheckpoint(n.Text)
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("checkpoint: not three lines: %w", schema.ErrInvalid)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, fmt.Errorf("checkpoint: size %q: %w", lines[1], schema.ErrInvalid)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("checkpoint: root %q: %w", lines[2], schema.ErrInvalid)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(root)}, nil
}
