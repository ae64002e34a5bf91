package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// A key says who works on the store of a stopped bridge: it is the token that they were
// issued, which the store has the keyed hash of. Nothing that is down is asked: no
// identity provider, and no bridge.

// localKey returns the token in the file that --key names, if it opens the store and may
// decide.
func (w *who) localKey(s stopped, r store.Reader) (schema.Token, error) {
	text, err := os.ReadFile(w.key)
	if err != nil {
		return schema.Token{}, fmt.Errorf("%w: --key: %w", errUsage, err)
	}
	id, secret, ok := tokens.Parse(strings.TrimSpace(string(text)))
	if !ok {
		return schema.Token{}, fmt.Errorf("%w: --key: %s holds no token that a bridge issued", errUsage, w.key)
	}
	opens, err := bridge.TokenKey(s.cfg.Audit)
	if err != nil {
		return schema.Token{}, err
	}
	t, err := store.Tokens.Get(r, id)
	if errors.Is(err, schema.ErrNotFound) {
		return t, fmt.Errorf("--key: no token of that id was issued: %w", schema.ErrForbidden)
	}
	if err == nil {
		err = opens.Opens(t, secret, r.Now())
	}
	switch {
	case err != nil:
		return t, fmt.Errorf("--key: %w", err)
	case t.Source != "" || !t.Role.AtLeast(schema.Approver):
		return t, fmt.Errorf("--key: the token of %s decides nothing: it takes the role %s: %w", holderOf(t.Source, t.Name), schema.Approver, schema.ErrForbidden)
	}
	return t, nil
}

// knownBy is how whoever shows a key is known, for the log.
func knownBy(t schema.Token) string { return api.AuthLocal + " key " + t.ID }

// keyed is whoever shows a key: the person whom their token names.
func (w *who) keyed(s stopped, r store.Reader, book *policy.Book) (access.Decider, error) {
	t, err := w.localKey(s, r)
	if err != nil {
		return access.Decider{}, err
	}
	id, err := access.PersonOf(r, book, t.Name)
	if err != nil {
		return access.Decider{}, err
	}
	if w.as != "" {
		as, err := access.PersonOf(r, book, w.as)
		if err != nil {
			return access.Decider{}, err
		}
		if as.ID != id.ID {
			return access.Decider{}, fmt.Errorf("the key is that of %s, and not of %s: %w", t.Name, w.as, schema.ErrForbidden)
		}
	}
	return access.Decider{Actor: local(), Auth: knownBy(t), Identity: id.ID}, nil
}

// wantsKey is why something is refused at the machine itself that somebody does in their
// own name alone.
func wantsKey() error {
	return hint(fmt.Errorf("breaking the glass, and what comes of it, takes a key of one's own at a bridge that is stopped: whoever has its files could say any name: %w", schema.ErrForbidden),
		"--key FILE, of what this printed before: drawbridge token issue NAME --role approver")
}
