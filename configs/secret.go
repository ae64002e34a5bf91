package configs

import (
	"fmt"
	"os"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// shortestToken is how long a credential for the bridge itself must be, in
// bytes: what is shorter can be guessed.
const shortestToken = 16

// credentials resolves the credentials by which others are known to the bridge.
func (r *reader) credentials(f *file) {
	for i := range f.Admin.Tokens {
		t := &f.Admin.Tokens[i]
		t.From, t.Secret = r.token(key("admin.tokens", i, "secret"), t.Secret, true)
	}
	for i := range f.Sources {
		s := &f.Sources[i]
		s.From, s.Token = r.token(key("sources", i, "token"), s.Token, false)
	}
}

// token resolves a credential for the bridge itself.
func (r *reader) token(key string, reference connectors.Secret, needed bool) (Reference, connectors.Secret) {
	if reference == "" {
		if needed {
			r.wrong(key, "is missing: write env:NAME or file:PATH")
		}
		return "", ""
	}
	secret := r.secret(key, reference)
	if secret == "" {
		return "", ""
	}
	if len(secret) < shortestToken {
		r.wrong(key, "is %s, which is shorter than %d characters and can be guessed: make one with openssl rand -hex 32", reference.Reveal(), shortestToken)
	}
	if path, ok := strings.CutPrefix(reference.Reveal(), "file:"); ok {
		return Reference("file:" + r.path(path)), secret
	}
	return Reference(reference.Reveal()), secret
}

// A Reference says where a secret is: env:NAME, or file:PATH, which can be opened.
type Reference string

// File returns the file that it refers to, if it does.
func (r Reference) File() (path string, ok bool) { return strings.CutPrefix(string(r), "file:") }

// Reread returns what a file that is referred to holds now. What is no credential
// is an error: one that is being written is whole a moment later.
func (r Reference) Reread() (connectors.Secret, error) {
	path, ok := r.File()
	if !ok {
		return "", fmt.Errorf("%s does not refer to a file: %w", r, schema.ErrInvalid)
	}
	secret, err := readSecret(path)
	if err == nil && len(secret) < shortestToken {
		err = fmt.Errorf("it is shorter than %d characters and can be guessed", shortestToken)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", r, err)
	}
	return secret, nil
}

// readSecret reads a file that holds a secret and nothing else.
func readSecret(path string) (connectors.Secret, error) {
	text, err := os.ReadFile(path)
	return connectors.Secret(strings.TrimRight(string(text), "\r\n")), err
}

// secret resolves a reference to a secret; what is not one is not repeated, for
// it may be the secret itself.
func (r *reader) secret(key string, reference connectors.Secret) connectors.Secret {
	kind, name, _ := strings.Cut(reference.Reveal(), ":")
	if r.env == nil && (kind == "env" || kind == "file") && name != "" {
		return "" // nobody asked for secrets
	}
	var value string
	switch {
	case kind == "env" && name != "":
		text, ok := r.env(name)
		if !ok || text == "" {
			r.wrong(key, "refers to env:%s, and there is no such environment variable: set it, or refer to a file", name)
			return ""
		}
		value = text
	case kind == "file" && name != "":
		text, err := readSecret(r.path(name))
		if err != nil {
			r.wrong(key, "refers to file:%s, which cannot be read: %v", name, err)
			return ""
		}
		if value = text.Reveal(); value == "" {
			r.wrong(key, "refers to file:%s, which is empty", name)
			return ""
		}
	default:
		r.wrong(key, "must refer to a secret and not be one: write env:NAME or file:PATH")
		return ""
	}
	return connectors.Secret(value)
}
