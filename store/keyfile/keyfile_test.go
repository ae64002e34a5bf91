package keyfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/keyfile"
)

var _ store.Keys = (*keyfile.File)(nil)

func open(t *testing.T, path string, readOnly bool) *keyfile.File {
	t.Helper()
	f, err := keyfile.Open(path, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func mint(t *testing.T, f *keyfile.File, n int, want uint64) {
	t.Helper()
	if first, err := f.Mint(n); err != nil || first != want {
		t.Fatalf("minted from %d on, %v: want %d", first, err, want)
	}
}

func key(t *testing.T, f *keyfile.File, number uint64) []byte {
	t.Helper()
	k, err := f.Key(number)
	if err != nil || len(k) != 32 {
		t.Fatalf("key %d: %d bytes, %v", number, len(k), err)
	}
	return k
}

// TestKeys mints, destroys and opens again. R-LOG-6.
func TestKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "people.keys")
	f := open(t, path, false)
	mint(t, f, 3, 0)
	mint(t, f, 2, 3)
	first, gone := key(t, f, 0), key(t, f, 1)
	if bytes.Equal(first, gone) {
		t.Error("two keys are the same")
	}
	for range 2 { // again is no error
		if err := f.Destroy(1, 99); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, gone) {
		t.Errorf("the key that was destroyed is in the file yet (%v)", err)
	}
	again := open(t, path, true)
	if again.ID() != f.ID() || again.Len() != 5 || !bytes.Equal(key(t, again, 0), first) {
		t.Errorf("opened again: keys %d of %x, and were 5 of %x", again.Len(), again.ID(), f.ID())
	}
	for _, number := range []uint64{1, 5, 1 << 40} {
		if _, err := again.Key(number); !errors.Is(err, schema.ErrNotFound) {
			t.Errorf("key %d: %v, want ErrNotFound", number, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

// TestCutOffKey proves that half a key, as a crash leaves it, is none, and that the next
// one takes its place.
func TestCutOffKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "people.keys")
	f := open(t, path, false)
	mint(t, f, 2, 0)
	_ = f.Close()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-5)
	}
	if err != nil {
		t.Fatal(err)
	}
	f = open(t, path, false)
	mint(t, f, 1, 1)
	key(t, f, 1)
}

func TestNoKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := keyfile.Open(filepath.Join(dir, "none"), true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there, to read: %v", err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("something else that is long enough"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Open(other, false); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("another file: %v", err)
	}
}
