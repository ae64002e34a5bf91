package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/evidence/pack"
	"drawbridge/schema"
	"drawbridge/store"
)

// A page is some entries of the log, and the store as it is while they are read.
type page struct {
	store.Reader
	*making
}

// userName is what somebody is called at their source, or their pseudonym; nothing of
// what is no identity.
func userName(r store.Reader, m *making, identity string) (string, error) {
	id, err := store.Identities.Get(r, identity)
	if errors.Is(err, schema.ErrNotFound) {
		return "", nil
	}
	return m.person(id.UserName), err
}

// person is what a person is called in the pack.
func (m *making) person(name string) string {
	if m.pseudonym == nil || name == "" {
		return name
	}
	return m.pseudonym(name)
}

// actor is what who decided is called: parts of the bridge, and sources, by their
// names, and everybody else as a person.
func (m *making) actor(name string) string {
	kind, _, _ := strings.Cut(name, "/")
	if slices.Contains([]string{"", "bridge", "source", "trigger", "sweep", "connector"}, kind) {
		return name
	}
	return m.person(name)
}

// pseudonyms returns a function that gives everybody another name, the same one in
// every pack of a log. Nobody without the log's key can tell whose it is: a signature
// of Ed25519 over a text that nobody else signs is the same each time, and a secret.
func pseudonyms(signer note.Signer) (func(string) string, error) {
	key, err := signer.Sign([]byte("drawbridge.pack: pseudonyms\n"))
	if err != nil {
		return nil, err
	}
	return func(name string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(strings.ToLower(name)))
		return pack.PseudonymPrefix + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:10]))
	}, nil
}

// after walks what was decided about a subject behind an entry, as far as the
// checkpoint at the end of the period signs it: what came later, the pack of a later
// period shows, and this one is the same whenever it is made.
func (x *page) after(subject string, seq int64, each func(store.Entry) (more bool)) error {
	n := 0
	for e, err := range store.LogAboutBetween(x.Reader, subject, seq+1, x.endSize) {
		if err != nil {
			return err
		}
		if n++; n > mostAfter || !each(e) {
			return nil
		}
	}
	return nil
}

// mostAfter is how many later entries are looked at for what became of one.
const mostAfter = 2000

// detail reads what is kept beside an entry; found is false where there is nothing,
// or nothing any more.
func (x *page) detail(d schema.Decision, into any) (found bool, err error) {
	if d.DetailHash == "" {
		return false, nil
	}
	raw, err := store.Detail(x.Reader, d.ID)
	if errors.Is(err, schema.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, unmarshal(d.ID, raw, into)
}

func hexHash(h tlog.Hash) string { return hex.EncodeToString(h[:]) }

// stamp is a time as a table has it; none is nothing.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// secs is a duration as a table has it.
func secs(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

func number(n int) string { return strconv.Itoa(n) }

func yes(b bool) string { return strconv.FormatBool(b) }

func words(list []string) string { return strings.Join(list, " ") }
