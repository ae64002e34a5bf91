package bolt_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/store/bolt"
)

// TestOpenWaitsForTheFileThatIsThere waits for a file that somebody has open and replaces
// meanwhile, as a compaction does: what is written then is in the file that is there.
func TestOpenWaitsForTheFileThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if first, err = bolt.Open(path, bolt.Options{ReadOnly: true}); err != nil { // whoever looks first whether it is whole may, too
		t.Fatal(err)
	}
	fresh, err := bolt.Open(path+".fresh", bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-time.After(200 * time.Millisecond) // by then the other waits
		if err := os.Rename(path+".fresh", path); err != nil {
			t.Error(err)
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}()
	e, err := bolt.Open(path, bolt.Options{NoSync: true, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	txn, err := e.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := txn.Put("t", []byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := txn.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e, err = bolt.Open(path, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if txn, err = e.Begin(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = txn.Rollback() }()
	if got, err := txn.Get("t", []byte("k")); err != nil || string(got[0]) != "v" {
		t.Errorf("what was written is not there: %q, %v", got, err)
	}
}

// TestCompactKeepsMode leaves a file to those who could read it.
func TestCompactKeepsMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	e, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil { //nolint:gosec // it is what is tried
		t.Fatal(err)
	}
	if err := bolt.Compact(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if file, err := os.Stat(path); err != nil || file.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v, want 0640", file.Mode(), err)
	}
}
