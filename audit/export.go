package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/schema"
)

// An export is JSON Lines, to be verified with the public key and nothing of
// ours:
//
//	{"seq":0,"hash":"base64","leaf":"{...}"}
//	{"seq":1,"hash":"base64","pruned":true}
//	{"checkpoint":"origin\n2\nroot\n\n— name signature\n"}
//
// Entries are in order. A leaf is a string, byte for byte as hashed; hash is
// SHA-256 over a zero byte and the leaf, and tells a damaged line from a damaged
// log. Of an entry that was pruned the hash is all there is; a decision further on,
// "pruned log entry/N", says that those before N were. A checkpoint stands after the last entry that it signs, so that a fault
// is known to lie after the checkpoint before it. The last line is one: what is
// not signed yet is not exported.
type line struct {
	Seq        *int64     `json:"seq,omitempty"`
	Hash       *tlog.Hash `json:"hash,omitempty"`
	Leaf       *string    `json:"leaf,omitempty"`
	Pruned     bool       `json:"pruned,omitempty"`
	Checkpoint string     `json:"checkpoint,omitempty"`
}

// longestLine is how long a line of an export may be; a decision is hundreds of
// bytes.
const longestLine = 16 << 20

// Export writes a log with its signed checkpoints, by size, as JSON Lines that
// VerifyExport reads. It walks the leaves as far as they are signed.
func Export(w io.Writer, leaves iter.Seq2[Leaf, error], checkpoints iter.Seq2[[]byte, error]) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	next, stop := iter.Pull2(leaves)
	defer stop()
	var seq int64
	for signed, err := range checkpoints {
		if err != nil {
			return err
		}
		c, err := Read(signed)
		if err != nil {
			return err
		}
		for ; seq < c.Size; seq++ {
			leaf, err, ok := next()
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("entry %d is missing, and %d were signed: %w", seq, c.Size, ErrTampered)
			}
			if err := enc.Encode(lineOf(seq, leaf)); err != nil {
				return err
			}
		}
		if err := enc.Encode(line{Checkpoint: string(signed)}); err != nil {
			return err
		}
	}
	return out.Flush()
}

func lineOf(seq int64, leaf Leaf) line {
	if leaf.Body == nil {
		return line{Seq: &seq, Hash: &leaf.Hash, Pruned: true}
	}
	text, hash := string(leaf.Body), tlog.RecordHash(leaf.Body)
	return line{Seq: &seq, Hash: &hash, Leaf: &text}
}

// VerifyExport hashes an exported log again and compares it with each of its
// checkpoints, and with those known from elsewhere: an export that was cut at an
// older checkpoint of its own can only be told by a newer one. The first line at
// fault is in the error and the report.
func VerifyExport(r io.Reader, verifier note.Verifier, known ...[]byte) (Report, error) {
	w, err := newWatch(verifier, known)
	if err != nil {
		return Report{}, fmt.Errorf("the known checkpoint: %w", err)
	}
	v := &reading{verifier: verifier, watch: w}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	var at int64
	for lines.Scan() {
		at++
		if err := v.line(lines.Bytes()); err != nil {
			return v.fault(at, err)
		}
	}
	at++
	if err := lines.Err(); err != nil {
		return v.fault(at, fmt.Errorf("%w: %w", schema.ErrInvalid, err))
	}
	if err := v.end(); err != nil {
		return v.fault(at, err)
	}
	return v.report, nil
}

// A reading is how far an export was read.
type reading struct {
	verifier note.Verifier
	watch    *watch
	tree     Tree
	pruned   pruning
	report   Report
	signed   bool // the line before was a checkpoint
}

func (v *reading) fault(at int64, err error) (Report, error) {
	v.report.Line = at
	return v.report, fmt.Errorf("line %d: %w", at, err)
}

func (v *reading) line(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("it is not a line of an export: %w: %w", ErrTampered, err)
	}
	if l.Checkpoint != "" {
		return v.checkpoint([]byte(l.Checkpoint))
	}
	want := v.tree.Size()
	if l.Seq == nil || l.Hash == nil || *l.Seq != want || (l.Leaf == nil) != l.Pruned {
		return fmt.Errorf("entry %d should be here: %w", want, ErrTampered)
	}
	leaf := Leaf{Hash: *l.Hash}
	if !l.Pruned {
		if leaf.Body = []byte(*l.Leaf); tlog.RecordHash(leaf.Body) != *l.Hash {
			return fmt.Errorf("entry %d was changed: %w", want, ErrTampered)
		}
	}
	if err := v.tree.take(leaf, &v.pruned); err != nil {
		return err
	}
	v.signed = false
	v.report.Entries, v.report.Pruned = v.tree.Size(), v.pruned.bodies
	return v.watch.at(&v.tree)
}

func (v *reading) checkpoint(signed []byte) error {
	c, err := Open(signed, v.verifier)
	if err != nil {
		return err
	}
	last := v.report.Checkpoint
	if last.Origin != "" && last.Origin != c.Origin {
		return fmt.Errorf("it is a checkpoint of %s, in the log %s: %w", c.Origin, last.Origin, ErrTampered)
	}
	if c.Size != v.tree.Size() {
		return fmt.Errorf("a checkpoint of %d entries stands after %d: %w", c.Size, v.tree.Size(), ErrTampered)
	}
	if err := v.watch.compare(&v.tree, c); err != nil {
		return err
	}
	v.signed, v.report.Checkpoint = true, c
	v.report.Checkpoints++
	return nil
}

func (v *reading) end() error {
	if !v.signed {
		return fmt.Errorf("a checkpoint should be here, after entry %d: %w", v.tree.Size()-1, ErrTampered)
	}
	for _, c := range v.watch.due {
		if c.Origin != v.report.Checkpoint.Origin {
			return fmt.Errorf("the known checkpoint is of %s, and the log is %s: %w", c.Origin, v.report.Checkpoint.Origin, ErrTampered)
		}
	}
	if err := v.watch.end(&v.tree); err != nil {
		return err
	}
	return v.pruned.end()
}
