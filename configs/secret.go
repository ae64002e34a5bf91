package configs

import (
	"os"
	"strings"

	"drawbridge/connectors"
)

// shortestToken is how long a credential for the bridge itself must be, in
// bytes: what is shorter can be guessed.
const shortestToken = 16

// credentials resolves the credentials by which others are known to the bridge.
func (r *reader) credentials(f *file) {
	for i := range f.Admin.Tokens {
		t := &f.Admin.Tokens[i]
		t.Secret = r.token(key("admin.tokens", i, "secret"), t.Secret, true)
	}
	for i := range f.Sources {
		s := &f.Sources[i]
		s.Token = r.token(key("sources", i, "token"), s.Token, false)
	}
}

// token resolves a credential for the bridge itself.
func (r *reader) token(key string, reference connectors.Secret, needed bool) connectors.Secret {
	if reference == "" {
		if needed {
			r.wrong(key, "is missing: write env:NAME or file:PATH")
		}
		return ""
	}
	secret := r.secret(key, reference)
	if secret != "" && len(secret) < shortestToken {
		r.wrong(key, "is %s, which is shorter than %d characters and can be guessed: make one with openssl rand -hex 32", reference.Reveal(), shortestToken)
	}
	return secret
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
		text, err := os.ReadFile(r.path(name))
		if err != nil {
			r.wrong(key, "refers to file:%s, which cannot be read: %v", name, err)
			return ""
		}
		if value = strings.TrimRight(string(text), "\r\n"); value == "" {
			r.wrong(key, "refers to file:%s, which is empty", name)
			return ""
		}
	default:
		r.wrong(key, "must refer to a secret and not be one: write env:NAME or file:PATH")
		return ""
	}
	return connectors.Secret(value)
}
