package bolt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/enginetest"
)

func open(t *testing.T, path string, o bolt.Options) store.Engine {
	t.Helper()
	o.NoSync, o.Timeout = true, 10*time.Millisecond
	e, err := bolt.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") }

func TestEngine(t *testing.T) {
	enginetest.Run(t, func(t *testing.T) store.Engine { return open(t, file(t), bolt.Options{}) })
}

// TestReopen stops dead between commits: what a copy of the file has is what a
// process would find that starts after a kill.
func TestReopen(t *testing.T) {
	enginetest.Reopen(t, func(t *testing.T) (store.Engine, func(*testing.T) store.Engine) {
		path := file(t)
		return open(t, path, bolt.Options{}), func(t *testing.T) store.Engine {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			path = file(t)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return open(t, path, bolt.Options{})
		}
	})
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "test.db")
	open(t, path, bolt.Options{})
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want mode %v", name, info.Mode(), err, want)
		}
	}
}

func TestOpenTwice(t *testing.T) {
	path := file(t)
	open(t, path, bolt.Options{})
	for _, readOnly := range []bool{false, true} {
		_, err := bolt.Open(path, bolt.Options{ReadOnly: readOnly, Timeout: 10 * time.Millisecond})
		if !errors.Is(err, schema.ErrConflict) || !strings.Contains(err.Error(), "another process has it open") {
			t.Errorf("read only %v: got %v, want ErrConflict that says who", readOnly, err)
		}
	}
}

// filled makes a file that has a setting and returns its path.
func filled(t *testing.T) string {
	t.Helper()
	path := file(t)
	s, err := store.Open(open(t, path, bolt.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		return store.Settings.Put(tx, store.Setting{Name: "a", Value: strings.Repeat("x", 20_000)})
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadOnly(t *testing.T) {
	path := filled(t)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(open(t, path, bolt.Options{ReadOnly: true}))
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error { _, err := store.Settings.Get(r, "a"); return err })
	if err != nil {
		t.Error(err)
	}
	if report, err := s.Check(t.Context()); err != nil || !report.OK() {
		t.Errorf("check: %v, %v", report, err)
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); !errors.Is(err, schema.ErrForbidden) {
		t.Errorf("update: got %v, want ErrForbidden", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a store that was only read changed (%v)", err)
	}
}

// TestDamage opens what is not a whole file: it is refused, and kills nobody.
func TestDamage(t *testing.T) {
	whole, err := os.ReadFile(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"cut short":       whole[:6*4096],
		"cut to one page": whole[:4096],
		"another file":    bytes.Repeat([]byte("nonsense"), 4096),
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, readOnly := range []bool{false, true} {
				if _, err := bolt.Open(path, bolt.Options{ReadOnly: readOnly}); err == nil {
					t.Errorf("read only %v: it was opened", readOnly)
				}
			}
			restored := file(t)
			if err := bolt.Restore(t.Context(), restored, bytes.NewReader(text)); err == nil {
				t.Error("it was restored")
			}
			if left, _ := filepath.Glob(restored + "*"); len(left) > 0 {
				t.Errorf("a failed restore left %v", left)
			}
		})
	}
}

func TestBackupAndRestore(t *testing.T) {
	s, err := store.Open(open(t, filled(t), bolt.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	err = s.View(t.Context(), func(store.Reader) error { return s.Backup(t.Context(), &backup) })
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "elsewhere", "test.db")
	if err := bolt.Restore(t.Context(), path, bytes.NewReader(backup.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := bolt.Restore(t.Context(), path, &backup); !errors.Is(err, schema.ErrConflict) {
		t.Errorf("over a file that is there: got %v, want ErrConflict", err)
	}
	restored, err := store.Open(open(t, path, bolt.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	err = restored.View(t.Context(), func(r store.Reader) error { _, err := store.Settings.Get(r, "a"); return err })
	if err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, &backup); !errors.Is(err, context.Canceled) {
		t.Errorf("backup with a done context: got %v", err)
	}
}

func TestKeyTooLong(t *testing.T) {
	s, err := store.Open(open(t, file(t), bolt.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error {
		return store.Identities.Put(tx, schema.Identity{ID: "1", Source: "hr", UserName: strings.Repeat("u", 40_000)})
	})
	if !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if report, err := s.Check(t.Context()); err != nil || !report.OK() || report.Records != 0 {
		t.Errorf("something of it stayed: %v, %v", report, err)
	}
}

// TestFreePagesAreKept looks at what bbolt finds in the file: where a list of free
// pages is missing, it looks at every page there is.
func TestFreePagesAreKept(t *testing.T) {
	path := file(t)
	kept := func() bool {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var newest, list uint64
		for page := range 2 { // each has a meta: behind 16 bytes of header, the list's page is at 32 and the number of the commit at 48
			meta := file[page*os.Getpagesize()+16:]
			if n := binary.NativeEndian.Uint64(meta[48:]); n >= newest {
				newest, list = n, binary.NativeEndian.Uint64(meta[32:])
			}
		}
		return list != math.MaxUint64
	}
	for range 2 {
		e := open(t, path, bolt.Options{})
		tx, err := e.Begin(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(tx.Put("table", []byte("key"), []byte("value")), tx.Commit()); err != nil {
			t.Fatal(err)
		}
		if kept() {
			t.Error("each commit writes the list")
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if !kept() {
			t.Error("the list was not written at the end")
		}
	}
}

// TestEmptiedAndWrittenAtOnce takes away all that a table of many pages has, and
// writes to it again, in one transaction.
func TestEmptiedAndWrittenAtOnce(t *testing.T) {
	e, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	key := func(i int) []byte { return fmt.Appendf(nil, "%06d", i) }
	write := func(fn func(store.Txn) error) {
		t.Helper()
		txn, err := e.Begin(t.Context(), true)
		if err == nil {
			err = errors.Join(fn(txn), txn.Commit())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(func(txn store.Txn) (err error) {
		for i := range 5000 {
			err = errors.Join(err, txn.Put("t", key(i), make([]byte, 100)))
		}
		return err
	})
	write(func(txn store.Txn) (err error) {
		for i := range 5000 {
			err = errors.Join(err, txn.Delete("t", key(i)))
		}
		return errors.Join(err, txn.Put("t", key(7), nil), txn.Put("t", key(9000), nil))
	})
	txn, err := e.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = txn.Rollback() }()
	n := 0
	for _, err := range txn.Scan("t", nil, nil) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
}
