package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// tokenPrefix begins every token that the bridge issues, so that scanners for
// leaked secrets know one when they see it.
const tokenPrefix = "db_"

// IssueToken makes a credential for a source, or for a person or program that
// uses the API, and returns its secret, which is kept nowhere: the store has its
// SHA-256. Several may be alive for one source or name, so that they can be
// rotated. The secret is 32 random bytes, which no slow hash makes stronger; it
// reads db_ID_SECRET, so that it is found without a search.
func IssueToken(tx store.Tx, by string, t schema.Token) (secret string, _ schema.Token, err error) {
	switch {
	case by == "":
		return "", t, fmt.Errorf("token: say who issues it: %w", schema.ErrInvalid)
	case (t.Source == "") == (t.Name == ""):
		return "", t, fmt.Errorf("token: it is for a source or has a name, and not both: %w", schema.ErrInvalid)
	case (t.Name == "") != (t.Role == ""):
		return "", t, fmt.Errorf("token: one with a name has a role, and one of a source has none: %w", schema.ErrInvalid)
	case t.Role != "" && !t.Role.Known():
		return "", t, fmt.Errorf("token: role %q is none of %v: %w", t.Role, schema.APIRoles(), schema.ErrInvalid)
	case !t.Expires.IsZero() && !t.Expires.After(tx.Now()):
		return "", t, fmt.Errorf("token: it would have expired at %s already: %w", t.Expires.UTC().Format(time.RFC3339), schema.ErrInvalid)
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", t, fmt.Errorf("token: %w", err)
	}
	part := base64.RawURLEncoding.EncodeToString(random[:])
	t.ID, t.Hash, t.Created, t.Revoked = tx.NewID(), HashToken(part), tx.Now(), time.Time{}
	if err := store.Tokens.Put(tx, t); err != nil {
		return "", t, err
	}
	reason := "issued without an end"
	if !t.Expires.IsZero() {
		reason = "issued until " + t.Expires.UTC().Format(time.RFC3339)
	}
	return tokenPrefix + t.ID + "_" + part, t, tokened(tx, by, t, reason)
}

// RevokeToken ends a credential from the next request on. One that was revoked
// already stays as it is.
func RevokeToken(tx store.Tx, by, id string) error {
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
	digest, err := published(tx)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: by, Verb: schema.Tokened, Subject: "token/" + t.ID, Object: object, Reason: reason, Policy: digest,
	})
	return err
}

// ParseToken returns the id of a token that the bridge issued and the part that
// is secret; ok is false where it is not the form of one.
func ParseToken(token string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_") // an id has none, a secret may
	return id, secret, ok && id != "" && secret != ""
}

// HashToken returns what is kept of a token's secret part.
func HashToken(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
