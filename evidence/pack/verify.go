package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/schema"
)

// A Report says what was verified of a pack.
type Report struct {
	Manifest    Manifest `json:"manifest"`
	Signer      string   `json:"signer"`
	Files       int      `json:"files"`
	Populations int      `json:"populations"`
	Rows        int      `json:"rows"`
	Drawn       int      `json:"drawn"`
	Proved      int      `json:"proved"` // decisions
}

// Verify checks a pack with a log's public key and nothing else: that the manifest is
// signed by it and every file is as the manifest says; that both checkpoints are
// signed by it and the later continues the earlier; that each sample is what the seed
// draws; and that each row drawn says what the decisions say that it rests on, which
// are proved to be in the log. What is wrong is ErrTampered, and says where.
func Verify(pack fs.FS, verifier note.Verifier) (Report, error) {
	v := &verification{pack: pack, verifier: verifier, proved: map[int64]bool{}}
	v.report.Signer = verifier.Name()
	for _, check := range []func() error{v.manifest, v.files, v.log, v.populations} {
		if err := check(); err != nil {
			return v.report, err
		}
	}
	v.report.Proved = len(v.proved)
	return v.report, nil
}

type verification struct {
	pack     fs.FS
	verifier note.Verifier
	report   Report
	end      []byte // the signed note
	proved   map[int64]bool
}

func tampered(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrTampered)...)
}

// manifest opens the manifest.
func (v *verification) manifest() error {
	text, err := v.read(ManifestFile)
	if err != nil {
		return err
	}
	signed, err := v.read(SignatureFile)
	if err != nil {
		return err
	}
	v.report.Manifest, err = open(text, signed, v.verifier)
	return err
}

// mostText is how long a file may be that is read whole. Tables are not.
const mostText = 64 << 20

func (v *verification) read(name string) ([]byte, error) {
	f, err := v.pack.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrTampered, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostText))
	return text, errors.Join(err, f.Close())
}

// files compares every file with the manifest, and looks for what is not in it.
func (v *verification) files() error {
	listed := map[string]bool{ManifestFile: true, SignatureFile: true}
	for _, file := range v.report.Manifest.Files {
		listed[file.Name] = true
		if err := v.file(file); err != nil {
			return err
		}
		v.report.Files++
	}
	return fs.WalkDir(v.pack, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir() && !listed[name]:
			return tampered("%s is not in the manifest", name)
		}
		return nil
	})
}

func (v *verification) file(want File) error {
	f, err := v.pack.Open(want.Name)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", want.Name, ErrTampered, err)
	}
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", want.Name, err)
	}
	if size != want.Size || hexHash(hash.Sum(nil)) != want.SHA256 {
		return tampered("%s is not what the manifest says: it was changed", want.Name)
	}
	return nil
}

// log checks both checkpoints, and that nothing before the earlier one changed.
func (v *verification) log() (err error) {
	m := v.report.Manifest
	if v.end, err = v.read(EndFile); err != nil {
		return err
	}
	end, err := audit.Open(v.end, v.verifier)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", EndFile, ErrTampered, err)
	}
	if end.Origin != m.Log || end.Size < m.Next || m.First > m.Next || m.First < 0 {
		return tampered("%s is of %d entries of log %s, and the pack is of entries %d to %d of %s", EndFile, end.Size, end.Origin, m.First, m.Next, m.Log)
	}
	if !v.lists(StartFile) {
		return nil // the log was not signed before the period
	}
	older, err := v.read(StartFile)
	if err != nil {
		return err
	}
	text, err := v.read(ConsistencyFile)
	if err != nil {
		return err
	}
	var c audit.Consistency
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%s: %w: %w", ConsistencyFile, ErrTampered, err)
	}
	if c.Older != string(older) || c.Newer != string(v.end) {
		return tampered("%s is not about the checkpoints of the pack", ConsistencyFile)
	}
	start, _, err := c.Check(v.verifier)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", ConsistencyFile, ErrTampered, err)
	}
	if start.Size > m.First {
		return tampered("%s is of %d entries, and the period begins with entry %d", StartFile, start.Size, m.First)
	}
	return nil
}

func (v *verification) lists(name string) bool {
	return slices.ContainsFunc(v.report.Manifest.Files, func(f File) bool { return f.Name == name })
}

// populations draws each sample again and proves what was drawn.
func (v *verification) populations() error {
	for _, p := range v.report.Manifest.Populations {
		if err := v.population(p); err != nil {
			return err
		}
		v.report.Populations++
		v.report.Rows += p.Rows
		v.report.Drawn += p.Drawn
	}
	return nil
}

func (v *verification) population(p Population) error {
	if !v.lists(p.TableFile()) || !v.lists(p.SampleFile()) {
		return tampered("population %s: its table or its sample is not in the manifest", p.Name)
	}
	draw := NewDraw(v.report.Manifest.Seed, p.Name)
	var columns []string
	columns, err := v.table(p.TableFile(), func(row map[string]string) error {
		cells := make([]string, 0, len(row))
		for _, name := range columns {
			cells = append(cells, row[name])
		}
		draw.Add(row[RowColumn], cells)
		return nil
	}, &columns)
	if err != nil {
		return err
	}
	drawn := draw.Drawn()
	if draw.Rows() != p.Rows || len(drawn) != p.Drawn {
		return tampered("population %s has %d rows of which the seed draws %d, and the manifest says %d and %d", p.Name, draw.Rows(), len(drawn), p.Rows, p.Drawn)
	}
	at := 0
	sampled, err := v.table(p.SampleFile(), func(row map[string]string) error {
		if at == len(drawn) || row[RowColumn] != drawn[at].ID {
			return tampered("sample %s: row %d, %s, is not what the seed draws", p.Name, at+1, row[RowColumn])
		}
		for i, name := range columns {
			if row[name] != drawn[at].Cells[i] {
				return tampered("sample %s: row %s is not as it is in its population: %s", p.Name, row[RowColumn], name)
			}
		}
		at++
		if !p.Proved {
			return nil
		}
		return v.prove(p, row)
	}, nil)
	switch {
	case err != nil:
		return err
	case at != len(drawn) || !slices.Equal(sampled, columns):
		return tampered("sample %s has %d rows of the %d that the seed draws", p.Name, at, len(drawn))
	}
	return nil
}

// table reads a table. Columns, where they are wanted, are there from the first row
// on.
func (v *verification) table(name string, each func(map[string]string) error, columns *[]string) ([]string, error) {
	f, err := v.pack.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrTampered, err)
	}
	all, err := readTable(f, each, columns)
	if err = errors.Join(err, f.Close()); err != nil {
		return all, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// prove checks the decisions that a row rests on, and that it says what the first of
// them says.
func (v *verification) prove(p Population, row map[string]string) error {
	seqs, err := readSeqs(row[DecisionsColumn])
	if err != nil || len(seqs) == 0 {
		return tampered("sample %s: row %s rests on no decision", p.Name, row[RowColumn])
	}
	for i, seq := range seqs {
		leaf, d, err := v.proof(seq)
		if err != nil {
			return fmt.Errorf("sample %s: row %s: %w", p.Name, row[RowColumn], err)
		}
		if i > 0 {
			continue
		}
		hash := tlog.RecordHash(leaf)
		if row[HashColumn] != hexHash(hash[:]) {
			return tampered("sample %s: row %s has the hash of another entry than %d", p.Name, row[RowColumn], seq)
		}
		for column, want := range DecisionCells(d) {
			if got := row[column]; got != want && (!v.report.Manifest.Pseudonyms || !strings.HasPrefix(got, PseudonymPrefix)) {
				return tampered("sample %s: row %s: %s is %q, and entry %d says %q", p.Name, row[RowColumn], column, got, seq, want)
			}
		}
	}
	return nil
}

// proof checks the proof of one entry.
func (v *verification) proof(seq int64) (leaf []byte, d schema.Decision, err error) {
	name := ProofFile(seq)
	text, err := v.read(name)
	if err != nil {
		return nil, d, err
	}
	var p audit.Inclusion
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, d, fmt.Errorf("%s: %w: %w", name, ErrTampered, err)
	}
	if p.Seq != seq || p.Checkpoint != string(v.end) {
		return nil, d, tampered("%s is the proof of another entry, or to another checkpoint", name)
	}
	if _, d, err = p.Check(v.verifier); err != nil {
		return nil, d, fmt.Errorf("%s: %w: %w", name, ErrTampered, err)
	}
	v.proved[seq] = true
	return []byte(p.Leaf), d, nil
}

// The columns of every population of decisions, as far as the entry itself says them.
const (
	RowColumn       = "row"       // its id: the decision's
	DecisionsColumn = "decisions" // numbers of the entries that it rests on; the first is its own
	HashColumn      = "hash"      // of that entry, as the log hashes it
)

// PseudonymPrefix is what the pseudonym of a person begins with.
const PseudonymPrefix = "p-"

// DecisionColumns are the columns that an entry itself says, in order.
func DecisionColumns() []string {
	return []string{RowColumn, DecisionsColumn, HashColumn, "time", "verb", "subject", "object", "actor", "because", "reason", "mode", "policy"}
}

// DecisionCells is what an entry says, by column.
func DecisionCells(d schema.Decision) map[string]string {
	return map[string]string{
		RowColumn: d.ID, "time": d.Time.UTC().Format(time.RFC3339Nano), "verb": string(d.Verb), "subject": d.Subject, "object": d.Object, "actor": d.Actor,
		"because": strings.Join(d.Because, " "), "reason": normal(d.Reason), "mode": string(d.Mode), "policy": d.Policy,
	}
}

// WriteSeqs is how a table writes the numbers of entries.
func WriteSeqs(seqs []int64) string {
	var words bytes.Buffer
	for i, seq := range seqs {
		if i > 0 {
			words.WriteByte(' ')
		}
		words.WriteString(strconv.FormatInt(seq, 10))
	}
	return words.String()
}

func readSeqs(cell string) (seqs []int64, err error) {
	for word := range strings.FieldsSeq(cell) {
		seq, err := strconv.ParseInt(word, 10, 64)
		if err != nil || seq < 0 {
			return nil, tampered("%q is no number of an entry", word)
		}
		seqs = append(seqs, seq)
	}
	return seqs, nil
}
