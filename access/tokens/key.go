package tokens

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"drawbridge/schema"
	"drawbridge/store"
)

// keySize is how long a key of the bridge's own is, in bytes.
const keySize = 32

// settingKey is where keys are, by their names.
const settingKey = "key."

// OwnKey returns a key of the bridge's own, and makes it where there is none, so that
// what the bridge signed for itself, such as a place in a list, is known again
// after a restart and by every process on one store. It opens no door: it is no
// credential, and must not become one.
func OwnKey(tx store.Tx, name string) ([]byte, error) {
	row, err := store.Settings.Get(tx, settingKey+name)
	if err == nil {
		key, err := base64.RawStdEncoding.DecodeString(row.Value)
		if err != nil || len(key) != keySize {
			return nil, fmt.Errorf("the setting %s%s is no key; delete it, and another one is made", settingKey, name)
		}
		return key, nil
	}
	if !schema.IsNotFound(err) {
		return nil, err
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("a key for %s: %w", name, err)
	}
	return key, store.Settings.Put(tx, store.Setting{Name: settingKey + name, Value: base64.RawStdEncoding.EncodeToString(key)})
}
