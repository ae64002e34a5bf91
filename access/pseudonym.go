package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/store"
)

// pseudonym is what the log calls somebody whom a source has named and not told of.
// It is the same for the same name, so that what is known beside the log is found
// when they are to be forgotten; without the store's key, nobody can tell whose it
// is.
func pseudonym(tx store.Tx, source, name string) (string, error) {
	key, err := tokens.OwnKey(tx, "pseudonym")
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(source + "\x00" + name))
	return "unknown/" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:15])), nil
}

// Pseudonyms are those of an identity, by all that its sources may have called it
// before they told of it.
func Pseudonyms(tx store.Tx, id schema.Identity) ([]string, error) {
	var all []string
	add := func(rec schema.Identity) error {
		for _, name := range append([]string{rec.ID, rec.ExternalID, rec.UserName, rec.Email}, rec.OtherEmails...) {
			one, err := pseudonym(tx, rec.Source, name)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	}
	if err := add(id); err != nil {
		return nil, err
	}
	for rec, err := range store.Identities.By(tx, store.IdentityOf, id.ID) {
		if err != nil {
			return nil, err
		}
		if err := add(rec); err != nil {
			return nil, err
		}
	}
	return schema.Sorted(all...), nil
}
