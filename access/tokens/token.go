// Package tokens holds the credentials that the bridge issues: tokens, the short-lived
// ones that stand for them, when each was used last, and what cuts off the tokens of
// other issuers. A secret is shown once and never kept; what is kept is worth nothing
// without a key that is outside the store.
package tokens

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"drawbridge/schema"
	"drawbridge/store"
)

// tokenPrefix begins every token that the bridge issues, so that scanners for
// leaked secrets know one when they see it.
const tokenPrefix = "db_"

// A Key is what the hashes of tokens are keyed with. It is kept outside the
// store, so that whoever can write into that can make no credential: a token's
// hash is over whose it is and until when, too, and is right under this key only.
// The bridge that issues and those that let in have the same one.
type Key struct {
	key []byte
	id  string // names the key, in the tokens that it is the key of
}

// NewKey returns the key that has these bytes.
func NewKey(key []byte) Key {
	k := Key{key: key}
	k.id = hex.EncodeToString(k.mac("id")[:4])
	return k
}

// hash returns what is kept of a token's secret part.
func (k Key) hash(t schema.Token, secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	end := ""
	if !t.Expires.IsZero() {
		end = strconv.FormatInt(t.Expires.UnixNano(), 10)
	}
	return k.mac("token", t.ID, t.Source, t.Name, string(t.Role), end, string(sum[:]))
}

// mac is HMAC-SHA256 over texts, each behind its length, so that none can be read
// as the end of the one before it.
func (k Key) mac(texts ...string) []byte {
	h := hmac.New(sha256.New, k.key)
	var length [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	return h.Sum(nil)
}

// Opens returns nil if the secret is a token's, and the token is alive; otherwise
// why not, for the log. Hashes are compared in constant time.
func (k Key) Opens(t schema.Token, secret string, now time.Time) error {
	switch {
	case t.Key == "" || t.Key != k.id:
		return fmt.Errorf("the token %s was issued under another key, or by a version without one: issue another: %w", t.ID, schema.ErrForbidden)
	case subtle.ConstantTimeCompare(k.hash(t, secret), t.Hash) != 1:
		return fmt.Errorf("the secret is not that of the token %s: %w", t.ID, schema.ErrForbidden)
	}
	return lives(t, now)
}

// lives returns nil if a token is neither revoked nor at its end.
func lives(t schema.Token, now time.Time) error {
	switch {
	case !t.Revoked.IsZero():
		return fmt.Errorf("the token %s is revoked: %w", t.ID, schema.ErrForbidden)
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return fmt.Errorf("the token %s has expired: %w", t.ID, schema.ErrForbidden)
	}
	return nil
}

// Issue makes a credential for a source, or for a person or program that uses the
// API, and returns its secret, which is kept nowhere: the store has its keyed
// hash. Several may be alive for one source or name, so that they can be rotated.
// The secret is 32 random bytes, which no slow hash makes stronger; it reads
// db_ID_SECRET, so that it is found without a search.
func (k Key) Issue(tx store.Tx, by string, t schema.Token) (secret string, _ schema.Token, err error) {
	if k.id == "" {
		return "", t, errors.New("token: there is no key to hash it with")
	}
	if err := issuable(tx, by, t); err != nil {
		return "", t, fmt.Errorf("token: %w: %w", err, schema.ErrInvalid)
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", t, fmt.Errorf("token: %w", err)
	}
	part := base64.RawURLEncoding.EncodeToString(random[:])
	t.ID, t.Created, t.Revoked = tx.NewID(), tx.Now(), time.Time{}
	t.Key, t.Hash = k.id, k.hash(t, part)
	if err := store.Tokens.Put(tx, t); err != nil {
		return "", t, err
	}
	reason := "issued without an end"
	if !t.Expires.IsZero() {
		reason = "issued until " + t.Expires.UTC().Format(time.RFC3339)
	}
	return tokenPrefix + t.ID + "_" + part, t, tokened(tx, by, t, reason)
}

// mostTokenName is how long the name of an API token may be, in bytes.
const mostTokenName = 200

// issuable says what is wrong with a token that is to be issued.
func issuable(tx store.Tx, by string, t schema.Token) error {
	switch {
	case by == "":
		return errors.New("say who issues it")
	case (t.Source == "") == (t.Name == ""):
		return errors.New("it is for a source or has a name, and not both")
	case (t.Name == "") != (t.Role == ""):
		return errors.New("one with a name has a role, and one of a source has none")
	case t.Role != "" && !t.Role.Known():
		return fmt.Errorf("role %q is none of %v", t.Role, schema.APIRoles())
	case len(t.Name) > mostTokenName || strings.ContainsFunc(t.Name, unwritable):
		return fmt.Errorf("name %q: the log writes it as token/NAME, so it has no slash and no blank, and at most %d letters", t.Name, mostTokenName)
	case !t.Expires.IsZero() && !t.Expires.After(tx.Now()):
		return fmt.Errorf("it would have expired at %s already", t.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// unwritable reports whether a letter could make one name in the log look like
// another.
func unwritable(r rune) bool {
	return r == '/' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// Revoke ends a credential from the next request on. One that was revoked
// already stays as it is.
func Revoke(tx store.Tx, by, id string) error {
	if by == "" {
		return fmt.Errorf("token %s: say who revokes it: %w", id, schema.ErrInvalid)
	}
	t, err := store.Tokens.Get(tx, id)
	if err != nil || !t.Revoked.IsZero() {
		return err
	}
	t.Revoked = tx.Now()
	if err := store.Tokens.Put(tx, t); err != nil {
		return err
	}
	return tokened(tx, by, t, "revoked")
}

// tokened records what became of a token. The subject is the token, the object
// whom it is for.
func tokened(tx store.Tx, by string, t schema.Token, reason string) error {
	object := "source/" + t.Source
	if t.Source == "" {
		object, reason = "token/"+t.Name, reason+"; role "+string(t.Role)
	}
	digest, err := store.PolicyInForce(tx)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Tokened, Subject: "token/" + t.ID, Object: object, Reason: reason, Policy: digest,
	})
	return err
}

// Parse returns the id of a token that the bridge issued and the part that
// is secret; ok is false where it is not the form of one.
func Parse(token string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_") // an id has none, a secret may
	return id, secret, ok && id != "" && secret != ""
}
