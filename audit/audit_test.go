package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/schema"
)

// key returns a key pair that is the same in every run for one seed.
func key(t *testing.T, seed byte) (note.Signer, note.Verifier) {
	t.Helper()
	s, v, err := audit.NewKey("test.log", rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(s)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(v)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// leaves returns n leaves of a log.
func leaves(t *testing.T, n int) [][]byte {
	t.Helper()
	var all [][]byte
	for i := range n {
		leaf, err := audit.Encode(schema.Decision{
			ID: fmt.Sprint(i), Time: time.Unix(int64(i), 0), Actor: "test", Verb: schema.Found, Subject: fmt.Sprintf("s%d", i),
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, leaf)
	}
	return all
}

func sequence(all [][]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, leaf := range all {
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

// whole walks leaves of which nothing was pruned.
func whole(all [][]byte) iter.Seq2[audit.Leaf, error] { return pruned(all) }

// pruned walks leaves of which some are only hashes.
func pruned(all [][]byte, gone ...int) iter.Seq2[audit.Leaf, error] {
	return func(yield func(audit.Leaf, error) bool) {
		for i, body := range all {
			leaf := audit.Leaf{Body: body}
			if slices.Contains(gone, i) {
				leaf = audit.Leaf{Hash: tlog.RecordHash(body)}
			}
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

// stored returns the hashes of a log, made in the plain way.
func stored(t *testing.T, all [][]byte) tlog.HashReader {
	t.Helper()
	var kept []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, kept[i])
		}
		return hashes, nil
	})
	for i, leaf := range all {
		hashes, err := tlog.StoredHashes(int64(i), leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, hashes...)
	}
	return reader
}

// sign returns the signed head of a log with the leaves.
func sign(t *testing.T, all [][]byte, signer note.Signer) []byte {
	t.Helper()
	root, err := tlog.TreeHash(int64(len(all)), stored(t, all))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := audit.Checkpoint{Origin: "test.log", Size: int64(len(all)), Root: root}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestLeafRoundTrip(t *testing.T) {
	want := schema.Decision{
		ID: "1", Time: time.Date(2026, 11, 24, 9, 0, 0, 1, time.UTC), Actor: "bridge", Verb: schema.Assigned,
		Subject: "s", Object: "wiki/editors", Because: []string{"role/a"}, Reason: "a <b> & c", Mode: schema.Enforce,
		Policy: "p", DetailHash: audit.HashDetail([]byte("salt"), []byte("detail")),
	}
	leaf, err := audit.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := audit.Decode(leaf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want, got: %s", diff)
	}
}

// TestTreeOfEverySize compares the tree that forgets with the plain one.
func TestTreeOfEverySize(t *testing.T) {
	signer, verifier := key(t, 1)
	all := leaves(t, 70)
	for n := range all {
		if _, err := audit.Verify(whole(all[:n]), verifier, sign(t, all[:n], signer)); err != nil {
			t.Errorf("%d entries: %v", n, err)
		}
	}
}

func TestKeyName(t *testing.T) {
	for _, name := range []string{"", "two words", "a+b", "line\n"} {
		if _, _, err := audit.NewKey(name, rand.NewChaCha8([32]byte{1})); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("name %q: got %v, want ErrInvalid", name, err)
		}
	}
}

// TestDetailHashNeedsItsSalt proves R-LOG-6.
func TestDetailHashNeedsItsSalt(t *testing.T) {
	a, b := audit.HashDetail([]byte("salt"), []byte("detail")), audit.HashDetail([]byte("sal"), []byte("tdetail"))
	if a == b || len(a) != 64 {
		t.Errorf("got %s and %s: salt and detail are not told apart", a, b)
	}
}

// TestTampering changes a log in every way there is and asks whether it shows. R-LOG-3.
func TestTampering(t *testing.T) {
	signer, verifier := key(t, 1)
	_, stranger := key(t, 2)
	all := leaves(t, 21)
	signed := sign(t, all, signer)
	edited := slices.Clone(all)
	edited[7] = bytes.Replace(edited[7], []byte(`"s7"`), []byte(`"s8"`), 1)
	reordered := slices.Clone(all)
	reordered[3], reordered[4] = reordered[4], reordered[3]
	forged := slices.Clone(all)
	forged[2] = edited[7]
	for _, c := range []struct {
		name     string
		leaves   [][]byte
		signed   []byte
		verifier note.Verifier
		known    [][]byte
		fault    string // "" if there is none
	}{
		{"as it was signed", all, signed, verifier, nil, ""},
		{"grown since", leaves(t, 25), signed, verifier, nil, ""},
		{"continuing what was known", all, signed, verifier, [][]byte{sign(t, all[:8], signer)}, ""},
		{"cut", all[:20], signed, verifier, nil, "entry 20 is missing"},
		{"one entry dropped and another added", slices.Concat(all[:5], leaves(t, 30)[6:]), signed, verifier, nil, "hashes to"},
		{"edited", edited, signed, verifier, nil, "entries 0 to 20"},
		{"edited after a known checkpoint", edited, signed, verifier, [][]byte{sign(t, all[:5], signer), sign(t, all[:12], signer)}, "entries 5 to 11"},
		{"reordered", reordered, signed, verifier, nil, "hashes to"},
		{"rewritten and signed again", forged, sign(t, forged, signer), verifier, [][]byte{sign(t, all[:8], signer)}, "entries 0 to 7"},
		{"rolled back", all[:5], sign(t, all[:5], signer), verifier, [][]byte{sign(t, all[:8], signer)}, "entry 5 is missing"},
		{"signed by somebody else", all, signed, stranger, nil, "checkpoint"},
		{"checkpoint edited", all, bytes.Replace(signed, []byte("\n21\n"), []byte("\n20\n"), 1), verifier, nil, "checkpoint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := audit.Verify(whole(c.leaves), c.verifier, c.signed, c.known...)
			wantFault(t, err, c.fault)
		})
	}
}

// wantFault checks that an error is ErrTampered and names the fault.
func wantFault(t *testing.T, err error, fault string) {
	t.Helper()
	switch {
	case fault == "" && err != nil:
		t.Errorf("got %v, want no fault", err)
	case fault != "" && (!errors.Is(err, audit.ErrTampered) || !strings.Contains(err.Error(), fault)):
		t.Errorf("got %v, want ErrTampered with %q", err, fault)
	}
}

// TestExport proves R-LOG-3.
func TestExport(t *testing.T) {
	signer, verifier := key(t, 1)
	_, stranger := key(t, 2)
	all := leaves(t, 13)
	text := export(t, all, sign(t, all[:5], signer), sign(t, all, signer))
	lines := strings.SplitAfter(text, "\n") // 0 to 4, a checkpoint, 5 to 12, a checkpoint
	swapped := slices.Clone(lines)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	forged := slices.Clone(all)
	forged[9] = bytes.Replace(all[9], []byte(`"s9"`), []byte(`"s0"`), 1)
	rehashed := strings.SplitAfter(export(t, forged, sign(t, forged[:5], signer), sign(t, forged, signer)), "\n")
	rehashed[14] = lines[14] // the forger has no key, and must keep the old checkpoint
	for _, c := range []struct {
		name, text string
		verifier   note.Verifier
		known      [][]byte
		line       int64
		fault      string
	}{
		{"as exported", text, verifier, nil, 0, ""},
		{"with what was known", text, verifier, [][]byte{sign(t, all[:7], signer), sign(t, all, signer)}, 0, ""},
		{"an older one", strings.Join(lines[:6], ""), verifier, nil, 0, ""},
		{"an older one, of a log known to be longer", strings.Join(lines[:6], ""), verifier, [][]byte{sign(t, all[:7], signer)}, 7, "entry 5 is missing"},
		{"a line dropped", strings.Join(slices.Concat(lines[:4], lines[5:]), ""), verifier, nil, 5, "checkpoint of 5 entries stands after 4"},
		{"a line dropped in the middle", strings.Join(slices.Concat(lines[:8], lines[9:]), ""), verifier, nil, 9, "entry 7 should be here"},
		{"two lines swapped", strings.Join(swapped, ""), verifier, nil, 3, "entry 2 should be here"},
		{"a leaf edited", strings.Replace(text, `\"s5\"`, `\"s6\"`, 1), verifier, nil, 7, "entry 5 was changed"},
		{"a leaf edited, and its hash", strings.Join(rehashed, ""), verifier, nil, 15, "entries 5 to 12"},
		{"without its checkpoint", strings.Join(lines[:14], ""), verifier, nil, 15, "a checkpoint should be here"},
		{"with a line after the checkpoint", text + lines[0], verifier, nil, 16, "entry 13 should be here"},
		{"with another key", text, stranger, nil, 6, "checkpoint"},
		{"not JSON", "nonsense", verifier, nil, 1, "not a line of an export"},
		{"empty", "", verifier, nil, 1, "a checkpoint should be here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := audit.VerifyExport(strings.NewReader(c.text), c.verifier, c.known...)
			wantFault(t, err, c.fault)
			if report.Line != c.line {
				t.Errorf("at line %d, want %d (%v)", report.Line, c.line, err)
			}
		})
	}
}

func export(t *testing.T, all [][]byte, checkpoints ...[]byte) string {
	t.Helper()
	var out strings.Builder
	if err := audit.Export(&out, whole(all), sequence(checkpoints)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExportOfMissingEntries(t *testing.T) {
	signer, _ := key(t, 1)
	all := leaves(t, 4)
	err := audit.Export(io.Discard, whole(all[:3]), sequence([][]byte{sign(t, all, signer)}))
	wantFault(t, err, "entry 3 is missing")
}

// TestProofs proves each entry of logs of every size to somebody who has only
// the key, and that nothing else can be proved. R-LOG-3.
func TestProofs(t *testing.T) {
	signer, verifier := key(t, 1)
	all := leaves(t, 9)
	hashes := stored(t, all)
	for size := 1; size <= len(all); size++ {
		newer := sign(t, all[:size], signer)
		for n := range size {
			p, err := audit.ProveInclusion(newer, int64(n), all[n], hashes)
			if err != nil {
				t.Fatal(err)
			}
			if _, d, err := p.Check(verifier); err != nil || d.ID != fmt.Sprint(n) {
				t.Errorf("entry %d of %d: %v, %v", n, size, d, err)
			}
			p.Leaf = string(all[(n+1)%len(all)])
			if _, _, err := p.Check(verifier); !errors.Is(err, audit.ErrTampered) {
				t.Errorf("another leaf as entry %d of %d: got %v, want ErrTampered", n, size, err)
			}
			older := sign(t, all[:n], signer)
			c, err := audit.ProveConsistency(older, newer, hashes)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Check(verifier); err != nil {
				t.Errorf("from %d to %d: %v", n, size, err)
			}
		}
	}
	other := leaves(t, 5)
	other[1] = all[7]
	c, err := audit.ProveConsistency(sign(t, other, signer), sign(t, all, signer), hashes)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Check(verifier)
	wantFault(t, err, "from 5 to 9")
	if _, err := audit.ProveInclusion(sign(t, all, signer), 9, nil, hashes); !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("an entry that is not signed: got %v, want ErrNotFound", err)
	}
}

// TestCheckpointText reads what others may write, and refuses what nobody should.
func TestCheckpointText(t *testing.T) {
	signer, verifier := key(t, 1)
	root := strings.Repeat("A", 43) + "="
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"plain", "o\n5\n" + root + "\n", nil},
		{"with an extension", "o\n5\n" + root + "\nmore\n", nil},
		{"no origin", "\n5\n" + root + "\n", schema.ErrInvalid},
		{"leading zero", "o\n05\n" + root + "\n", schema.ErrInvalid},
		{"negative", "o\n-5\n" + root + "\n", schema.ErrInvalid},
		{"short root", "o\n5\nAAAA\n", schema.ErrInvalid},
		{"two lines", "o\n5\n", schema.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			signed, err := note.Sign(&note.Note{Text: c.text}, signer)
			if err != nil {
				t.Fatal(err)
			}
			got, err := audit.Open(signed, verifier)
			if !errors.Is(err, c.want) || err == nil && (got.Size != 5 || got.Origin != "o") {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"1","time":"2026-11-24T09:00:00Z","actor":"a","verb":"found","subject":"s"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		d, err := audit.Decode(leaf)
		if err != nil {
			return
		}
		canonical, err := audit.Encode(d)
		if err != nil {
			return // a year that JSON can not write
		}
		if d, err = audit.Decode(canonical); err != nil {
			t.Fatalf("%s: %v", canonical, err)
		}
		again, err := audit.Encode(d)
		if err != nil || !bytes.Equal(canonical, again) {
			t.Errorf("%s became %s: %v", canonical, again, err)
		}
	})
}

func FuzzVerifyExport(f *testing.F) {
	f.Add([]byte(`{"seq":0,"hash":"","leaf":"{}"}`))
	f.Add([]byte(`{"checkpoint":"o\n0\nroot\n\n\u2014 name sig\n"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, verifier := key(t, 1)
		if _, err := audit.VerifyExport(bytes.NewReader(text), verifier); err == nil {
			t.Errorf("%q verified, and nobody signed it", text)
		}
	})
}
