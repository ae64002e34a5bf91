package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/schema"
)

// ErrTampered says that a pack is not what was signed, or does not prove what it
// says.
var ErrTampered = errors.New("the pack is not what was signed")

// Format is what a manifest begins with: its version.
const Format = "drawbridge.pack/1"

// Where things are in a pack. A proof is named by the number of its entry.
const (
	ManifestFile    = "manifest.json"
	SignatureFile   = "manifest.note"
	StartFile       = "log/checkpoint-start.txt"
	EndFile         = "log/checkpoint-end.txt"
	ConsistencyFile = "log/consistency.json"
)

// ProofFile is where the proof of an entry is.
func ProofFile(seq int64) string { return fmt.Sprintf("proofs/%010d.json", seq) }

// A Manifest says what a pack is and lists every file of it, but for itself and its
// signature. It says nothing of when it was made: the same evidence is the same bytes.
type Manifest struct {
	Format     string    `json:"format"`
	Framework  string    `json:"framework"`
	Title      string    `json:"title"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Log        string    `json:"log"`              // its name, which is in each of its checkpoints
	First      int64     `json:"first"`            // number of the first entry of the period
	Next       int64     `json:"next"`             // and of the first one after it
	Pruned     int64     `json:"pruned,omitempty"` // how many between them are in no table: only their hashes were kept
	Policies   []string  `json:"policies"`
	Seed       string    `json:"seed"`
	SeedFrom   string    `json:"seedFrom"` // who chose it
	Pseudonyms bool      `json:"pseudonyms,omitempty"`

	Populations []Population `json:"populations"`
	Files       []File       `json:"files"`
}

// A Population is all things of a kind in the period, and which of them were drawn.
type Population struct {
	Name   string `json:"name"`
	Rows   int    `json:"rows"`
	Drawn  int    `json:"drawn"`  // of the rows
	Proved bool   `json:"proved"` // its rows are decisions: each that was drawn is proved to be in the log
}

// A File is one file of a pack.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// TableFile and SampleFile are where the rows of a population are, and those drawn.
func (p Population) TableFile() string { return "populations/" + p.Name + ".csv" }

// SampleFile is where the rows are that were drawn, in the order of drawing.
func (p Population) SampleFile() string { return "samples/" + p.Name + ".csv" }

// Encode returns the text of a manifest.
func (m Manifest) Encode() ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(m)
	return text.Bytes(), err
}

// Sign returns the note that signs a manifest's text with a log's key. It can not be
// taken for a checkpoint, whose second line is a number.
func Sign(manifest []byte, log string, signer note.Signer) ([]byte, error) {
	if log == "" || strings.ContainsAny(log, "\r\n") {
		return nil, fmt.Errorf("pack: %q is no name of a log: %w", log, schema.ErrInvalid)
	}
	return note.Sign(&note.Note{Text: statement(manifest, log)}, signer)
}

func statement(manifest []byte, log string) string {
	hash := sha256.Sum256(manifest)
	return Format + "\nmanifest of " + log + "\n" + base64.StdEncoding.EncodeToString(hash[:]) + "\n"
}

// open returns the manifest that a note signs.
func open(manifest, signed []byte, verifier note.Verifier) (m Manifest, err error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return m, fmt.Errorf("%s: it is not signed by this key: %w: %w", SignatureFile, ErrTampered, err)
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return m, fmt.Errorf("%s: %w: %w", ManifestFile, ErrTampered, err)
	}
	switch {
	case n.Text != statement(manifest, m.Log):
		return m, fmt.Errorf("%s was changed since it was signed: %w", ManifestFile, ErrTampered)
	case m.Format != Format:
		return m, fmt.Errorf("%s is %q, and this reads %s: %w", ManifestFile, m.Format, Format, schema.ErrInvalid)
	}
	return m, nil
}

// hexHash is how a manifest and a table write a hash.
func hexHash(hash []byte) string { return hex.EncodeToString(hash) }

// FileOf is how a manifest lists a text.
func FileOf(name string, text []byte) File {
	hash := sha256.Sum256(text)
	return File{Name: name, Size: int64(len(text)), SHA256: hexHash(hash[:])}
}

// ReadManifest reads a pack's manifest, whoever signed it: for those who keep packs,
// not for those who rely on them.
func ReadManifest(pack fs.FS) (m Manifest, err error) {
	text, err := fs.ReadFile(pack, ManifestFile)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}
