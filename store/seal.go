package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"drawbridge/audit"
	"drawbridge/schema"
)

// What stands beside a decision about somebody is sealed with a key of their own, which is
// not in the store: whoever has the store, or a copy of it, and not the keys, reads no
// detail of anybody. Destroying somebody's key is what erases them out of every copy at once,
// also out of backups, and the log stays what was signed: its entries have salted hashes
// of what was sealed.
const (
	tableKeys      = "log/keys"      // whom: number of their key
	tableDestroyed = "log/destroyed" // number of a key that is to be no more, wherever it comes back from

	metaKeys     = "log.keys"          // which keys these are, and how many of them may have been given away
	metaDisowned = "log.disownedKeys/" // before which keys were disowned
)

// Keys are the keys of people, by number. They are safe for concurrent use.
type Keys interface {
	// ID says which keys these are: it differs from that of any others.
	ID() uint64
	// Len returns how many there are, with those that were destroyed.
	Len() uint64
	// Mint makes keys, which are durable when it returns, and returns the number of the
	// first. No number is ever used again.
	Mint(n int) (first uint64, err error)
	// Key returns a key of 32 bytes; schema.ErrNotFound where it was destroyed, or there
	// is none.
	Key(number uint64) ([]byte, error)
	// Destroy destroys keys for good, and returns when that is durable. What is not
	// there is no error.
	Destroy(numbers ...uint64) error
	// Close lets them go.
	Close() error
}

// WithKeys has details about people sealed with keys of their own, which the store closes
// in the end. Without it they are
// stored as they are, and what was sealed can not be read.
func WithKeys(k Keys) Option { return func(s *Store) { s.keys = &keyring{Keys: k} } }

// A keyring gives keys to people.
type keyring struct {
	Keys

	mu        sync.Mutex
	next, end uint64 // what was minted and not given away
}

// minted is how many keys are made at once: a transaction waits for that once in so many
// people.
const minted = 1024

// give gives away a key that nobody has. One of a transaction that fails is lost.
func (k *keyring) give() (number, end uint64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next == k.end {
		if k.next, err = k.Mint(minted); err != nil {
			k.end = k.next
			return 0, 0, fmt.Errorf("people's keys: %w", err)
		}
		k.end = k.next + minted
	}
	number = k.next
	k.next++
	return number, k.end, nil
}

// openKeys refuses keys that are not those of this store, or an older copy of them, and
// destroys again what came back with it.
func (s *Store) openKeys() error {
	if s.keys == nil {
		return nil
	}
	err := s.View(s.life, func(r Reader) error {
		disowned, err := r.transaction().get(tableMeta, disownedKey(s.keys.ID()))
		if err != nil {
			return err
		}
		id, given, err := keysMeta(r.transaction())
		switch {
		case err == nil && disowned != nil:
			return fmt.Errorf("people's keys: these were disowned, and what was destroyed of them may be back: put them away, and the store begins with others: %w", schema.ErrInvalid)
		case err != nil || given == 0:
			return err
		case id != s.keys.ID():
			return fmt.Errorf("people's keys: these are others than those that the store was sealed with: put them back: %w", schema.ErrInvalid)
		case s.keys.Len() < given:
			return fmt.Errorf("people's keys: there are %d, and the store gave away up to %d: this is an older copy: put the newest back: %w", s.keys.Len(), given, schema.ErrInvalid)
		}
		return nil
	})
	if err != nil || s.engine.Writers() == 0 {
		return err
	}
	return s.destroyKeys()
}

// disownedKey is under what it is known that keys were disowned.
func disownedKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte(metaDisowned), id) }

// keysMeta returns which keys the store was sealed with, and up to which number.
func keysMeta(t *transaction) (id, given uint64, err error) {
	value, err := t.get(tableMeta, []byte(metaKeys))
	if err != nil || value == nil {
		return 0, 0, err
	}
	if len(value) != 16 {
		return 0, 0, broken(tableMeta, []byte(metaKeys))
	}
	return binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:]), nil
}

// sealedFor returns for whom the detail of a decision is sealed, "" for nobody: for the
// identity that it is about; and where it is about something else, for the one whom it
// concerns, if there is one, be it only by the name that the log has for whom a source
// named and has yet to tell of.
func sealedFor(d schema.Decision) string {
	switch {
	case isSomebody(d.Subject):
		return d.Subject
	case len(d.Also) == 1 && isSomebody(d.Also[0]):
		return d.Also[0]
	}
	return ""
}

func isSomebody(subject string) bool {
	return subject != "" && (!strings.Contains(subject, "/") || strings.HasPrefix(subject, "unknown/"))
}

// keyOf returns the number of a subject's key, and the key, which they are given where they
// have none. One whom a restored copy of the store knows by a key that was destroyed since
// has none: what is decided about them from now on must be kept, or nothing could be decided.
func (t *transaction) keyOf(subject string) (number uint64, key []byte, err error) {
	row := makeKey(subject)
	value, err := t.get(tableKeys, row)
	if err != nil {
		return 0, nil, err
	}
	if value != nil {
		if number, err = keyNumber(tableKeys, row, value); err != nil {
			return 0, nil, err
		}
		if key, err = t.store.keys.Key(number); !errors.Is(err, schema.ErrNotFound) {
			return number, key, err
		}
	}
	number, end, err := t.store.keys.give()
	if err != nil {
		return 0, nil, err
	}
	if key, err = t.store.keys.Key(number); err != nil {
		return 0, nil, err
	}
	if _, given, err := keysMeta(t); err != nil {
		return 0, nil, err
	} else if given < end {
		meta := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, t.store.keys.ID()), end)
		if err := t.put(tableMeta, []byte(metaKeys), meta); err != nil {
			return 0, nil, err
		}
	}
	return number, key, t.put(tableKeys, row, binary.BigEndian.AppendUint64(nil, number))
}

func keyNumber(table string, key, value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, broken(table, key)
	}
	return binary.BigEndian.Uint64(value), nil
}

// A sealed row begins with a mark that no salt has, which keys, and the number of one.
const (
	sealedMark = "\x00sealed\x01"
	sealedHead = len(sealedMark) + 8 + 8
)

// sealed reports whether a row of details is.
func sealed(row []byte) bool { return bytes.HasPrefix(row, []byte(sealedMark)) }

// seal seals what is kept of a decision about a subject.
func (t *transaction) seal(subject, decision string, kept []byte) ([]byte, error) {
	number, key, err := t.keyOf(subject)
	if err != nil {
		return nil, fmt.Errorf("decision %s: the key of whom it is about: %w", decision, err)
	}
	aead, err := cipherOf(key)
	if err != nil {
		return nil, err
	}
	row := make([]byte, 0, sealedHead+aead.NonceSize()+len(kept)+aead.Overhead())
	row = append(row, sealedMark...)
	row = binary.BigEndian.AppendUint64(row, t.store.keys.ID())
	row = binary.BigEndian.AppendUint64(row, number)
	nonce := row[sealedHead : sealedHead+aead.NonceSize()]
	if _, err := io.ReadFull(t.store.rand, nonce); err != nil {
		return nil, fmt.Errorf("decision %s: nonce: %w", decision, err)
	}
	return aead.Seal(row[:sealedHead+aead.NonceSize()], nonce, kept, []byte(decision)), nil
}

// cipherOf is what a key seals with.
func cipherOf(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// errSealed is of a detail for which the store was opened without keys.
var errSealed = fmt.Errorf("it is sealed, and people's keys are not at hand: %w", schema.ErrUnavailable)

// detail returns the salt and the detail of a decision, nil where there is none, or none
// any more: it was deleted, or its key destroyed.
func (t *transaction) detail(decision string) (salt, body []byte, err error) {
	kept, err := t.get(tableDetails, []byte(decision))
	if err == nil && sealed(kept) {
		kept, err = t.unseal(decision, kept)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("detail of decision %s: %w", decision, err)
	}
	if len(kept) < saltSize {
		return nil, nil, nil
	}
	return kept[:saltSize], kept[saltSize:], nil
}

func (t *transaction) unseal(decision string, row []byte) ([]byte, error) {
	if t.store.keys == nil {
		return nil, errSealed
	}
	if len(row) < sealedHead {
		return nil, audit.ErrTampered
	}
	if binary.BigEndian.Uint64(row[len(sealedMark):]) != t.store.keys.ID() {
		return nil, nil // of keys that were lost
	}
	key, err := t.store.keys.Key(binary.BigEndian.Uint64(row[len(sealedMark)+8:]))
	if errors.Is(err, schema.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	aead, err := cipherOf(key)
	if err != nil {
		return nil, err
	}
	rest := row[sealedHead:]
	if len(rest) < aead.NonceSize() {
		return nil, audit.ErrTampered
	}
	kept, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], []byte(decision))
	if err != nil {
		return nil, audit.ErrTampered
	}
	return kept, nil
}

// ForgetKey takes away a subject's key. It is destroyed when the transaction is durable,
// and whatever was sealed with it can be read no more, wherever it is. What is decided
// about them from then on is sealed with another. Who has one, and the store was opened
// without keys, is ErrUnavailable.
func ForgetKey(tx Tx, subject string) error {
	t, row := tx.transaction(), makeKey(subject)
	value, err := t.get(tableKeys, row)
	if err != nil || value == nil {
		return err
	}
	if t.store.keys == nil {
		return fmt.Errorf("the key of %s: %w", subject, errSealed)
	}
	number, err := keyNumber(tableKeys, row, value)
	if err != nil {
		return err
	}
	t.destroys = append(t.destroys, number)
	return errors.Join(t.put(tableDestroyed, bytes.Clone(value), nil), t.delete(tableKeys, row))
}

// DisownKeys has the store begin anew with other keys, where its own are lost. What was
// sealed with those stays, and nobody can read it: should they come back, the store is not
// opened with them. It returns how many had one.
func DisownKeys(tx Tx) (had int, err error) {
	t := tx.transaction()
	id, given, err := keysMeta(t)
	if err != nil || given == 0 {
		return 0, err
	}
	for _, table := range []string{tableKeys, tableDestroyed} {
		for row, err := range t.rows(table, nil, nil) {
			if err != nil {
				return had, err
			}
			if err := t.remove(table, row.Key, row.Value); err != nil {
				return had, err
			}
			if table == tableKeys {
				had++
			}
		}
	}
	return had, errors.Join(t.put(tableMeta, disownedKey(id), []byte{1}), t.delete(tableMeta, []byte(metaKeys)))
}

// destroy destroys keys that are to be no more. Where that failed before, all of them are
// looked at.
func (s *Store) destroy(numbers []uint64) (err error) {
	if s.owes.Load() {
		err = s.destroyKeys()
	} else {
		err = s.keys.Destroy(numbers...)
	}
	s.owes.Store(err != nil)
	return err
}

// destroyKeys destroys all keys that are to be no more.
func (s *Store) destroyKeys() error {
	var numbers []uint64
	err := s.View(s.life, func(r Reader) error {
		for row, err := range r.transaction().rows(tableDestroyed, nil, nil) {
			if err != nil {
				return err
			}
			number, err := keyNumber(tableDestroyed, row.Key, row.Key)
			if err != nil {
				return err
			}
			numbers = append(numbers, number)
		}
		return nil
	})
	if err != nil || len(numbers) == 0 {
		return err
	}
	return s.keys.Destroy(numbers...)
}
