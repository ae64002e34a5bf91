package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
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
	s, v, err := audit.NewKey(rand.NewChaCha8([32]byte{seed}), "test.log")
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

// sign returns the signed head of a log with the leaves, hashed in the plain way.
func sign(t *testing.T, all [][]byte, signer note.Signer) []byte {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i, leaf := range all {
		hashes, err := tlog.StoredHashes(int64(i), leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(all)), reader)
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
		if _, err := audit.Verify(sequence(all[:n]), sign(t, all[:n], signer), verifier); err != nil {
			t.Errorf("%d entries: %v", n, err)
		}
	}
}

// TestTampering changes a log in every way there is and asks whether it shows.
func TestTampering(t *testing.T) {
	signer, verifier := key(t, 1)
	_, stranger := key(t, 2)
	all := leaves(t, 21)
	signed := sign(t, all, signer)
	edited := append([][]byte(nil), all...)
	edited[7] = bytes.Replace(edited[7], []byte(`"s7"`), []byte(`"s8"`), 1)
	reordered := append([][]byte(nil), all...)
	reordered[3], reordered[4] = reordered[4], reordered[3]
	for _, c := range []struct {
		name     string
		leaves   [][]byte
		signed   []byte
		verifier note.Verifier
		want     error
	}{
		{"as it was signed", all, signed, verifier, nil},
		{"grown since", leaves(t, 25), signed, verifier, nil},
		{"cut", all[:20], signed, verifier, audit.ErrTampered},
		{"one entry dropped and another added", append(append([][]byte(nil), all[:5]...), leaves(t, 30)[6:]...), signed, verifier, audit.ErrTampered},
		{"edited", edited, signed, verifier, audit.ErrTampered},
		{"reordered", reordered, signed, verifier, audit.ErrTampered},
		{"signed by somebody else", all, signed, stranger, audit.ErrTampered},
		{"checkpoint edited", all, bytes.Replace(signed, []byte("\n21\n"), []byte("\n20\n"), 1), verifier, audit.ErrTampered},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := audit.Verify(sequence(c.leaves), c.signed, c.verifier); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestExport(t *testing.T) {
	signer, verifier := key(t, 1)
	all := leaves(t, 13)
	var out bytes.Buffer
	if err := audit.Export(&out, sequence(all), sign(t, all, signer)); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	lines := strings.SplitAfter(text, "\n")
	swapped := append([]string(nil), lines...)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"as exported", text, nil},
		{"a line dropped", strings.Join(append(append([]string(nil), lines[:4]...), lines[5:]...), ""), audit.ErrTampered},
		{"two lines swapped", strings.Join(swapped, ""), audit.ErrTampered},
		{"a leaf edited", strings.Replace(text, `\"s5\"`, `\"s6\"`, 1), audit.ErrTampered},
		{"without its checkpoint", strings.Join(lines[:13], ""), audit.ErrTampered},
		{"with a line after the checkpoint", text + lines[0], audit.ErrTampered},
		{"not JSON", "nonsense", schema.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := audit.VerifyExport(strings.NewReader(c.text), verifier); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
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
