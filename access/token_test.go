package access_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"drawbridge/access/accesstest"
	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// tokenStore is a store on bolt whose every other commit is run again.
func tokenStore(t testing.TB) *store.Store {
	t.Helper()
	return accesstest.StoreOn(t, enginetest.Again(accesstest.Engine(t)))
}

func issue(t *testing.T, s *store.Store, tok schema.Token) (secret string, got schema.Token, err error) {
	t.Helper()
	err = s.Update(t.Context(), func(tx store.Tx) (err error) {
		secret, got, err = tokens.NewKey([]byte("key")).Issue(tx, "token/root", tok)
		return err
	})
	return secret, got, err
}

func decisionsAbout(t *testing.T, s *store.Store, subject string) (got []schema.Decision) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		got = nil
		for e, err := range store.LogAbout(r, subject) {
			if err != nil {
				return err
			}
			got = append(got, e.Decision)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestIssueToken(t *testing.T) {
	s := tokenStore(t)
	secret, tok, err := issue(t, s, schema.Token{Name: "ci", Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	id, part, ok := tokens.Parse(secret)
	if !ok || id != tok.ID || len(part) != 43 || !strings.HasPrefix(secret, "db_") {
		t.Fatalf("secret %q of token %s does not read db_ID_SECRET", secret, tok.ID)
	}
	if plain := sha256.Sum256([]byte(part)); bytes.Equal(plain[:], tok.Hash) {
		t.Error("the hash kept is one that needs no key")
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		kept, err := store.Tokens.Get(r, id)
		if err != nil {
			return err
		}
		text, err := json.Marshal(kept)
		if strings.Contains(string(text), part) {
			t.Error("the store has the secret")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	log := decisionsAbout(t, s, "token/"+id)
	if len(log) != 1 || log[0].Verb != schema.Tokened || log[0].Actor != "token/root" || log[0].Object != "token/ci" {
		t.Errorf("decisions: %+v", log)
	}
	other, _, err := issue(t, s, schema.Token{Name: "ci", Role: "viewer"})
	if err != nil || other == secret {
		t.Errorf("a second token for rotation: %v, and the same: %v", err, other == secret)
	}
}

func TestRevokeTokenOnce(t *testing.T) {
	s := tokenStore(t)
	_, tok, err := issue(t, s, schema.Token{Source: "hr", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := s.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", tok.ID) })
		if err != nil {
			t.Fatal(err)
		}
	}
	log := decisionsAbout(t, s, "token/"+tok.ID)
	if len(log) != 2 || log[1].Reason != "revoked" || log[1].Object != "source/hr" {
		t.Errorf("decisions: %+v; want one for the issue and one for the end", log)
	}
	err = s.Update(t.Context(), func(tx store.Tx) error { return tokens.Revoke(tx, "token/root", "nobody") })
	if !errors.Is(err, schema.ErrNotFound) {
		t.Errorf("revoke what is not there: %v", err)
	}
}

func TestTokensThatCannotBe(t *testing.T) {
	s := tokenStore(t)
	for name, tok := range map[string]schema.Token{
		"for nobody":          {},
		"for both":            {Source: "hr", Name: "ci", Role: "viewer"},
		"a name and no role":  {Name: "ci"},
		"a source and a role": {Source: "hr", Role: "admin"},
		"an unknown role":     {Name: "ci", Role: "owner"},
		"a name with a slash": {Name: "ci/root", Role: "viewer"},
		"a name with a blank": {Name: "ci root", Role: "viewer"},
		"a name of two lines": {Name: "ci\nroot", Role: "viewer"},
		"a name that hides":   {Name: "ci\u202eroot", Role: "viewer"},
		"an endless name":     {Name: strings.Repeat("a", 201), Role: "viewer"},
		"expired":             {Source: "hr", Expires: time.Now().Add(-time.Minute)},
	} {
		if _, _, err := issue(t, s, tok); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		_, _, err := tokens.NewKey([]byte("key")).Issue(tx, "", schema.Token{Source: "hr"})
		return err
	})
	if !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("issued by nobody: %v, want ErrInvalid", err)
	}
}

func TestParseToken(t *testing.T) {
	for _, test := range []struct {
		token, id, secret string
		ok                bool
	}{
		{"db_019-a_s_e-cret", "019-a", "s_e-cret", true},
		{"db_019-a_", "", "", false},
		{"db__secret", "", "", false},
		{"db_019-a", "", "", false},
		{"hunter2", "", "", false},
		{"", "", "", false},
	} {
		id, secret, ok := tokens.Parse(test.token)
		if ok != test.ok || ok && (id != test.id || secret != test.secret) {
			t.Errorf("ParseToken(%q) = %q, %q, %v; want %q, %q, %v", test.token, id, secret, ok, test.id, test.secret, test.ok)
		}
	}
}

// TestTokensThatOpenNothing changes what is kept of a token, as somebody would who
// can write the store and has no key.
func TestTokensThatOpenNothing(t *testing.T) {
	s := tokenStore(t)
	secret, tok, err := issue(t, s, schema.Token{Name: "ci", Role: "viewer", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := tokens.Parse(secret)
	key := tokens.NewKey([]byte("key"))
	if err := key.Opens(tok, part, time.Now()); err != nil {
		t.Fatalf("as it was issued: %v", err)
	}
	plain := sha256.Sum256([]byte(part))
	for name, change := range map[string]func(*schema.Token){
		"another role":         func(t *schema.Token) { t.Role = "admin" },
		"another name":         func(t *schema.Token) { t.Name = "root" },
		"a source's":           func(t *schema.Token) { t.Name, t.Role, t.Source = "", "", "hr" },
		"another id":           func(t *schema.Token) { t.ID += "0" },
		"without an end":       func(t *schema.Token) { t.Expires = time.Time{} },
		"a later end":          func(t *schema.Token) { t.Expires = t.Expires.Add(time.Hour) },
		"a hash without a key": func(t *schema.Token) { t.Hash, t.Key = plain[:], "" },
		"a hash that is empty": func(t *schema.Token) { t.Hash = nil },
		"revoked":              func(t *schema.Token) { t.Revoked = time.Now() },
	} {
		changed := tok
		change(&changed)
		if err := key.Opens(changed, part, time.Now()); !errors.Is(err, schema.ErrForbidden) || strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"another secret":   key.Opens(tok, part+"x", time.Now()),
		"no secret":        key.Opens(tok, "", time.Now()),
		"another key":      tokens.NewKey([]byte("other")).Opens(tok, part, time.Now()),
		"no key":           tokens.Key{}.Opens(tok, part, time.Now()),
		"after its end":    key.Opens(tok, part, time.Now().Add(2*time.Hour)),
		"right at its end": key.Opens(tok, part, tok.Expires),
	} {
		if !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
