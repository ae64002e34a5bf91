package audit

import (
	"bytes"
	"crypto/ed25519"
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
	Origin string // which log it is: a name without a scheme, such as example.org/drawbridge
	Size   int64
	Root   tlog.Hash
}

// NewKey makes an Ed25519 key pair for a log's name: the signer's secret and the
// verifier's public text, both as golang.org/x/mod/sumdb/note writes and reads
// them. The randomness is crypto/rand.Reader outside tests.
func NewKey(name string, rand io.Reader) (signer, verifier string, err error) {
	if name == "" || strings.ContainsAny(name, "+ \t\r\n") {
		return "", "", fmt.Errorf("key name %q: it may not be empty or hold blanks or a plus sign: %w", name, schema.ErrInvalid)
	}
	return note.GenerateKey(rand, name)
}

// PublicKey returns the verifier key of a signer key.
func PublicKey(signer string) (string, error) {
	parts := strings.SplitN(signer, "+", 5) // PRIVATE, KEY, name, hash, key
	if len(parts) < 5 {
		return "", fmt.Errorf("it is not a signing key: %w", schema.ErrInvalid)
	}
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(key) != 1+ed25519.SeedSize { // an algorithm, and the seed
		return "", fmt.Errorf("it is not a signing key: %w", schema.ErrInvalid)
	}
	return note.NewEd25519VerifierKey(parts[2], ed25519.PublicKey(ed25519.NewKeyFromSeed(key[1:])[ed25519.SeedSize:]))
}

// Sign returns the checkpoint as a signed note, in the form of c2sp.org's
// tlog-checkpoint: origin, size and root, a line each.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	if c.Origin == "" || strings.ContainsAny(c.Origin, "\r\n") {
		return nil, fmt.Errorf("checkpoint: origin %q is not one line of text: %w", c.Origin, schema.ErrInvalid)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
	return note.Sign(&note.Note{Text: text}, signer)
}

// Open checks a note's signature and returns the checkpoint that it signs.
// Signatures by other keys, such as those of witnesses, are passed over. A note
// that the key did not sign is ErrTampered.
func Open(signed []byte, verifier note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w: %w", ErrTampered, err)
	}
	return parse(n.Text)
}

// parse reads a checkpoint's text: three lines, and perhaps extension lines that
// we know nothing of.
func parse(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" || lines[len(lines)-1] != "" {
		return Checkpoint{}, fmt.Errorf("checkpoint: it needs a line each for origin, size and root: %w", schema.ErrInvalid)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("checkpoint: size %q is not a number: %w", lines[1], schema.ErrInvalid)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("checkpoint: root %q is not a hash: %w", lines[2], schema.ErrInvalid)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(root)}, nil
}

// Read returns the checkpoint that a note holds, whoever signed it: for those who
// keep notes, not for those who rely on them.
func Read(signed []byte) (Checkpoint, error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return Checkpoint{}, fmt.Errorf("checkpoint: it is not a signed note: %w", schema.ErrInvalid)
	}
	return parse(string(text) + "\n")
}
