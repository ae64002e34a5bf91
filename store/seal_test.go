package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
	"drawbridge/store/keyfile"
)

// A vault is a store with people's keys, which can be closed, copied and opened again.
type vault struct {
	t    *testing.T
	dir  string
	keys *keyfile.File
	s    *store.Store
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{t: t, dir: t.TempDir()}
	v.open()
	t.Cleanup(v.close)
	return v
}

func (v *vault) file(name string) string { return filepath.Join(v.dir, name) }

// try opens the store, with its keys.
func (v *vault) try() (err error) {
	v.t.Helper()
	if v.keys, err = keyfile.Open(v.file("keys"), false); err != nil {
		v.t.Fatal(err)
	}
	engine, err := bolt.Open(v.file("db"), bolt.Options{NoSync: true})
	if err != nil {
		v.t.Fatal(err)
	}
	v.s, err = store.Open(engine, store.WithKeys(v.keys))
	return err
}

func (v *vault) open() {
	v.t.Helper()
	if err := v.try(); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) close() {
	if v.s != nil {
		if err := v.s.Close(); err != nil {
			v.t.Error(err)
		}
	}
	_ = v.keys.Close()
	v.s = nil
}

func (v *vault) copy(from, to string) {
	v.t.Helper()
	text, err := os.ReadFile(v.file(from))
	if err == nil {
		err = os.WriteFile(v.file(to), text, 0o600)
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) say(subject, what string) (d schema.Decision) {
	v.t.Helper()
	err := v.s.Update(v.t.Context(), func(tx store.Tx) (err error) {
		d, err = tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Assigned, Subject: subject, Object: "wiki/readers", Detail: []byte(`{"said":"` + what + `"}`)})
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return d
}

// hears is what is known of a decision beside the log.
func (v *vault) hears(d schema.Decision) (said string, err error) {
	err = v.s.View(v.t.Context(), func(r store.Reader) error {
		text, err := store.HashedDetail(r, d)
		said = string(text)
		return err
	})
	return said, err
}

func (v *vault) wantSaid(d schema.Decision, what string) {
	v.t.Helper()
	if got, err := v.hears(d); err != nil || got != `{"said":"`+what+`"}` {
		v.t.Errorf("detail of what was decided about %s: %s, %v; want %s", d.Subject, got, err, what)
	}
}

func (v *vault) wantGone(d schema.Decision) {
	v.t.Helper()
	if got, err := v.hears(d); !errors.Is(err, schema.ErrNotFound) {
		v.t.Errorf("detail of what was decided about %s: %s, %v; want ErrNotFound", d.Subject, got, err)
	}
}

func (v *vault) forgetKey(subject string) {
	v.t.Helper()
	if err := v.s.Update(v.t.Context(), func(tx store.Tx) error { return store.ForgetKey(tx, subject) }); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) check() {
	v.t.Helper()
	report, err := v.s.Check(v.t.Context())
	if err != nil || !report.OK() {
		v.t.Errorf("check: %v, %v", report.Faults, err)
	}
}

// TestSealed proves that what is known of somebody can be read with their key, is not in
// the file as it is, and can not be read any more when the key was destroyed: not in the
// store, and not in a copy of it that was made before. Others are as they were, and so is
// the log. R-LOG-6.
func TestSealed(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	ada, bob := v.say("ada", "of ada, in private"), v.say("bob", "of bob, in private")
	of := v.say("connector/wiki", "of nobody")
	v.wantSaid(ada, "of ada, in private")
	v.check()
	v.close()
	text, err := os.ReadFile(v.file("db"))
	if err != nil || bytes.Contains(text, []byte("in private")) || !bytes.Contains(text, []byte("of nobody")) {
		t.Errorf("the file has what was sealed, or not what was not (%v)", err)
	}
	v.copy("db", "before")
	v.open()
	v.forgetKey("ada")
	v.wantGone(ada)
	v.wantSaid(bob, "of bob, in private")
	v.check()
	after := v.say("ada", "that ada was forgotten") // with another key
	v.wantSaid(after, "that ada was forgotten")
	v.wantGone(ada)
	v.close()

	v.copy("before", "db") // restored
	v.open()
	v.wantGone(ada)
	v.wantSaid(bob, "of bob, in private")
	v.wantSaid(of, "of nobody")
	v.check()
	again := v.say("ada", "that she is gone, again") // her key of then is no more, and she has another
	v.wantSaid(again, "that she is gone, again")
	v.wantGone(ada)
	v.check()
	v.forgetKey("ada")
	v.wantGone(again)
	carol := v.say("carol", "after the restore") // with a key that nobody had meanwhile
	v.wantSaid(carol, "after the restore")
	v.forgetKey("carol")
	v.wantSaid(bob, "of bob, in private")
}

// TestUndestroyed proves that a key which a transaction would have destroyed stays where
// that came to nothing, and that one that comes back, with an old copy of the keys, is
// destroyed when the store is opened.
func TestUndestroyed(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	ada := v.say("ada", "of ada")
	no := errors.New("no")
	err := v.s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(store.ForgetKey(tx, "ada"), no) })
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	if err := v.s.Try(t.Context(), func(tx store.Tx) error { return store.ForgetKey(tx, "ada") }); err != nil {
		t.Fatal(err)
	}
	v.wantSaid(ada, "of ada")
	v.close()
	v.copy("keys", "before")
	v.open()
	v.forgetKey("ada")
	v.close()
	v.copy("before", "keys")
	v.open()
	v.wantGone(ada)
	if _, err := v.keys.Key(0); !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("a key that came back: %v, want ErrNotFound", err)
	}
}

// TestOtherKeys proves that a store is not opened with keys that are not its own, or with
// a copy of them that lacks some; and that one whose keys are lost can begin anew.
func TestOtherKeys(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.close()
	v.copy("keys", "none")
	v.open()
	ada := v.say("ada", "of ada")
	v.close()
	v.copy("keys", "own")

	refused := func(what string) {
		t.Helper()
		if err := v.try(); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", what, err)
		}
		v.s = nil
		v.close()
	}
	v.copy("none", "keys")
	refused("an older copy of the keys")
	if err := os.Remove(v.file("keys")); err != nil {
		t.Fatal(err)
	}
	refused("other keys")

	engine, err := bolt.Open(v.file("db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if v.s, err = store.Open(engine); err != nil {
		t.Fatal(err)
	}
	if _, err := v.hears(ada); !errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("read without keys: %v, want ErrUnavailable", err)
	}
	v.check()
	err = v.s.Update(t.Context(), func(tx store.Tx) error {
		had, err := store.DisownKeys(tx)
		if had != 1 {
			t.Errorf("%d people had a key, want 1", had)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	v.close()
	v.open()
	v.wantGone(ada)
	v.wantSaid(v.say("ada", "anew"), "anew")
	v.check()
}

// TestDisownedKeysStayAway proves that keys which were disowned are not taken again, be they
// whole or an older copy: what was destroyed among them would be back, and their numbers
// given to others.
func TestDisownedKeysStayAway(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.say("ada", "of ada")
	v.close()
	engine, err := bolt.Open(v.file("db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if v.s, err = store.Open(engine); err != nil {
		t.Fatal(err)
	}
	if err := v.s.Update(t.Context(), func(tx store.Tx) error { _, err := store.DisownKeys(tx); return err }); err != nil {
		t.Fatal(err)
	}
	v.close()
	if err := v.try(); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("opened with the keys that were disowned: %v, want ErrInvalid", err)
	}
	v.s = nil
	v.close()
	if err := os.Remove(v.file("keys")); err != nil {
		t.Fatal(err)
	}
	v.open()
	v.wantSaid(v.say("ada", "anew"), "anew")
}

// TestForgetWithoutKeys proves that nobody is told that somebody's key is destroyed by who
// does not have the keys.
func TestForgetWithoutKeys(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	ada := v.say("ada", "of ada")
	v.close()
	engine, err := bolt.Open(v.file("db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if v.s, err = store.Open(engine); err != nil {
		t.Fatal(err)
	}
	if err := v.s.Update(t.Context(), func(tx store.Tx) error { return store.ForgetKey(tx, "ada") }); !errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("a key was forgotten without keys: %v, want ErrUnavailable", err)
	}
	v.close()
	v.open()
	v.wantSaid(ada, "of ada")
}

// A counting keyring says which keys were destroyed.
type countingKeys struct {
	*keyfile.File
	destroyed [][]uint64
}

func (k *countingKeys) Destroy(numbers ...uint64) error {
	k.destroyed = append(k.destroyed, numbers)
	return k.File.Destroy(numbers...)
}

// TestEachErasureDestroysItsOwn proves that forgetting one does not cost what all did who
// were forgotten before.
func TestEachErasureDestroysItsOwn(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.close()
	var err error
	if v.keys, err = keyfile.Open(v.file("keys"), false); err != nil {
		t.Fatal(err)
	}
	engine, err := bolt.Open(v.file("db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	keys := &countingKeys{File: v.keys}
	if v.s, err = store.Open(engine, store.WithKeys(keys)); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"ada", "bob", "carol"} {
		v.say(who, "something")
		v.forgetKey(who)
	}
	for _, numbers := range keys.destroyed {
		if len(numbers) != 1 {
			t.Errorf("an erasure destroyed %d keys, want its own alone: %v", len(numbers), keys.destroyed)
		}
	}
	if len(keys.destroyed) != 3 {
		t.Errorf("keys were destroyed %d times, want 3", len(keys.destroyed))
	}
}

// TestWhoIsNotToldOfIsSealed proves that what is known of somebody whom a decision about a
// group names by a pseudonym is sealed for them, and gone when they are forgotten.
func TestWhoIsNotToldOfIsSealed(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	var d schema.Decision
	err := v.s.Update(t.Context(), func(tx store.Tx) (err error) {
		d, err = tx.Record(schema.Decision{
			Actor: "source/hr", Verb: schema.Awaited, Subject: "group/staff", Object: "group/staff", Also: []string{"unknown/1f3c"},
			Detail: []byte(`{"member":"ada@example.org"}`),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	v.check()
	v.forgetKey("unknown/1f3c")
	v.wantGone(d)
	v.close()
	text, err := os.ReadFile(v.file("db"))
	if err != nil || bytes.Contains(text, []byte("ada@example.org")) {
		t.Errorf("the file has the name of whom nobody told of (%v)", err)
	}
}

// TestOldDetails proves that what was not sealed when it was stored is read as it was, and
// is forgotten by being deleted.
func TestOldDetails(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.close()
	engine, err := bolt.Open(v.file("db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if v.s, err = store.Open(engine); err != nil {
		t.Fatal(err)
	}
	ada := v.say("ada", "of before")
	v.close()
	v.open()
	v.wantSaid(ada, "of before")
	v.check()
	if err := v.s.Update(t.Context(), func(tx store.Tx) error { return store.Forget(tx, ada.ID) }); err != nil {
		t.Fatal(err)
	}
	v.wantGone(ada)
}

// BenchmarkDetail measures what it costs to keep what stands beside a decision, as it is
// and sealed, a thousand decisions a transaction, and to read it again.
func BenchmarkDetail(b *testing.B) {
	for _, sealed := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "sealed"}[sealed]
		var opts []store.Option
		if sealed {
			keys, err := keyfile.Open(filepath.Join(b.TempDir(), "keys"), false)
			if err != nil {
				b.Fatal(err)
			}
			opts = append(opts, store.WithKeys(keys))
		}
		engine, err := bolt.Open(filepath.Join(b.TempDir(), "db"), bolt.Options{NoSync: true})
		if err != nil {
			b.Fatal(err)
		}
		s, err := store.Open(engine, opts...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = s.Close() })
		detail := []byte(`{"inputs":"` + strings.Repeat("x", 500) + `"}`)
		var last string
		b.Run("keep/"+name, func(b *testing.B) {
			for done := 0; done < b.N; done += 1000 {
				err := s.Update(b.Context(), func(tx store.Tx) error {
					for i := range min(1000, b.N-done) {
						d, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Assigned, Subject: fmt.Sprint("p", i), Object: "wiki/readers", Detail: detail})
						if last = d.ID; err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("read/"+name, func(b *testing.B) {
			err := s.View(b.Context(), func(r store.Reader) error {
				for b.Loop() {
					if _, err := store.Detail(r, last); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
