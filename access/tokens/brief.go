package tokens

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drawbridge/schema"
)

// briefPrefix begins every access token, which stands for another credential for a
// short time.
const briefPrefix = "dbs_"

// A Brief is an access token: it says which credential it stands for and until
// when, and is authenticated. Nothing of it is stored, so that giving one out
// writes nothing; it is worth no more than the credential it stands for, and ends
// with that.
type Brief struct {
	For     string // id of an issued token, or what names a configured one
	Expires time.Time
	mac     []byte
}

// NewBrief returns an access token as it is shown. Proof is what only the
// credential that it stands for has: another secret, and the token is nobody's.
func (k Key) NewBrief(b Brief, proof ...string) string {
	return briefPrefix + b.For + "_" + strconv.FormatInt(b.Expires.Unix(), 36) + "_" + base64.RawURLEncoding.EncodeToString(k.brief(b, proof))
}

func (k Key) brief(b Brief, proof []string) []byte {
	return k.mac(append([]string{"brief", b.For, strconv.FormatInt(b.Expires.Unix(), 36)}, proof...)...)
}

// ParseBrief reads an access token; ok is false where it is not the form of one.
func ParseBrief(token string) (b Brief, ok bool) {
	rest, ok := strings.CutPrefix(token, briefPrefix)
	parts := strings.SplitN(rest, "_", 3)
	if !ok || len(parts) != 3 || parts[0] == "" {
		return b, false
	}
	seconds, err := strconv.ParseInt(parts[1], 36, 64)
	mac, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	return Brief{For: parts[0], Expires: time.Unix(seconds, 0), mac: mac}, err == nil && err2 == nil
}

// OpensBrief returns nil if an access token is right and in time, given what only
// the credential has that it stands for.
func (k Key) OpensBrief(b Brief, now time.Time, proof ...string) error {
	switch {
	case k.id == "" || subtle.ConstantTimeCompare(k.brief(b, proof), b.mac) != 1:
		return fmt.Errorf("the access token is not one that was given out for %s as it is now: %w", b.For, schema.ErrForbidden)
	case !now.Before(b.Expires):
		return errors.Join(ErrBriefEnded, schema.ErrForbidden)
	}
	return nil
}

// ErrBriefEnded says that an access token was right and has come to its end.
var ErrBriefEnded = errors.New("the access token has expired")

// Proof returns what an access token for an issued token is authenticated with,
// while that is alive: everything that it gives, and its hash.
func Proof(t schema.Token, now time.Time) ([]string, error) {
	end := t.Expires.UTC().Format(time.RFC3339Nano)
	return []string{t.Source, t.Name, string(t.Role), end, t.Key, string(t.Hash)}, lives(t, now)
}
