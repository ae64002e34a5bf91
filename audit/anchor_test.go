package audit_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/audit"
)

// TestAnchors compares a log with its heads that were kept elsewhere: one that was cut,
// edited, put in another order or rolled back does not agree with them, though everything
// that its operator has was made to fit. R-LOG-9.
func TestAnchors(t *testing.T) {
	key, verifier := anchorKey(t)
	all := leavesNamed("a", "b", "c", "d", "e", "f")
	anchors := slices.Concat(head(t, key, all[:2]), []byte("\n"), head(t, key, all[:4]), []byte("\n"), head(t, key, all))
	for _, c := range []struct {
		name   string
		leaves [][]byte
		wrong  string
	}{
		{"as it was", all, ""},
		{"longer by now", append(slices.Clone(all), leavesNamed("g")...), ""},
		{"cut", all[:5], "is missing"},
		{"rolled back, and gone on", slices.Concat(all[:4], leavesNamed("x", "y", "z")), "was signed"},
		{"edited", slices.Concat(all[:1], leavesNamed("B"), all[2:]), "was signed"},
		{"in another order", slices.Concat(all[:2], [][]byte{all[3], all[2]}, all[4:]), "was signed"},
		{"empty", nil, "is missing"},
	} {
		heads, err := audit.Anchored(anchors, verifier)
		if err != nil || len(heads) != 3 {
			t.Fatalf("%d heads, %v", len(heads), err)
		}
		_, err = audit.Verify(whole(c.leaves), verifier, head(t, key, c.leaves), heads...)
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.wrong != "" && (!errors.Is(err, audit.ErrTampered) || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v, want %q", c.name, err, c.wrong)
		}
	}
}

// TestAnchoredWrongly reads files of anchors that are not what was appended.
func TestAnchoredWrongly(t *testing.T) {
	key, verifier := anchorKey(t)
	_, other := anchorKey(t)
	two, four := head(t, key, leavesNamed("a", "b")), head(t, key, leavesNamed("a", "b", "c", "d"))
	both := slices.Concat(two, []byte("\n"), four)
	for _, c := range []struct {
		name     string
		text     []byte
		verifier note.Verifier
	}{
		{"another key", both, other},
		{"rolled back", slices.Concat(four, []byte("\n"), two), verifier},
		{"two logs of a size", slices.Concat(two, []byte("\n"), head(t, key, leavesNamed("a", "x"))), verifier},
		{"edited", bytes.Replace(both, []byte("\n4\n"), []byte("\n3\n"), 1), verifier},
		{"cut in a note", both[:len(both)-20], verifier},
		{"something else", []byte("nothing"), verifier},
	} {
		if _, err := audit.Anchored(c.text, c.verifier); err == nil {
			t.Errorf("%s: read as if it were right", c.name)
		}
	}
	if heads, err := audit.Anchored(nil, verifier); err != nil || len(heads) > 0 {
		t.Errorf("of no anchors: %d, %v", len(heads), err)
	}
}

func anchorKey(t *testing.T) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(nil, "anchors")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func leavesNamed(names ...string) (leaves [][]byte) {
	for _, name := range names {
		leaves = append(leaves, []byte(`{"id":"`+name+`"}`))
	}
	return leaves
}

func head(t *testing.T, key note.Signer, leaves [][]byte) []byte {
	t.Helper()
	var tree audit.Tree
	for _, leaf := range leaves {
		tree.Add(leaf)
	}
	signed, err := audit.Checkpoint{Origin: "test", Size: tree.Size(), Root: tree.Root()}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
