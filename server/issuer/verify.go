package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"drawbridge/schema"
)

// A Refusal says why a token is nobody's. What may be told to who showed it, is
// told only where the issuer did sign it: to all others the bridge says nothing of
// what it expects.
type Refusal struct { //nolint:errname // it is what a token meets
	Why    string
	Signed bool // by the issuer that it names
	Forged bool // its signature is not by the key that it names
}

func (r *Refusal) Error() string { return r.Why }

func refuse(format string, args ...any) error { return &Refusal{Why: fmt.Sprintf(format, args...)} }

// ErrNoRule says that a token is right and is nobody's: no rule gives it anything.
var ErrNoRule = fmt.Errorf("no rule of the issuer says whose the token is: %w", schema.ErrForbidden)

// Looks reports whether a credential has the form of a signed token.
func Looks(token string) bool {
	return strings.HasPrefix(token, "ey") && strings.Count(token, ".") == 2
}

// written reports whether a token is written in the one way there is: decoders of
// base64 pass over ends of lines, and over bits that are left at the end.
func written(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return false
		}
	}
	return true
}

// Verify returns whose a token is. The error is a *Refusal where it is nobody's,
// ErrNoRule where it is right and gives nothing, and schema.ErrUnavailable where
// its issuer's keys are not known, or were not for too long.
func (s *Set) Verify(ctx context.Context, token string) (Holder, error) {
	if s == nil || len(s.byIssuer) == 0 {
		return Holder{}, refuse("no issuer of signed tokens is configured")
	}
	if len(token) > mostTokenSize {
		return Holder{}, refuse("the token has %d bytes, and at most %d are read", len(token), mostTokenSize)
	}
	now, sum := time.Now(), sha256.Sum256([]byte(token))
	if e, ok := s.known.get(sum); ok && now.Before(e.until) && e.issuer.current(now) == e.keys {
		return e.holder, nil
	}
	if !written(token) {
		return Holder{}, refuse("it is not written as signed tokens are")
	}
	jws, err := jose.ParseSignedCompact(token, asymmetric)
	if err != nil || len(jws.Signatures) != 1 {
		return Holder{}, refuse("it is no token with a signature that could be verified")
	}
	t, err := s.of(jws)
	if err != nil {
		return Holder{}, err
	}
	c, k, err := t.signed(ctx, jws, accessTokens)
	if err != nil {
		return Holder{}, err
	}
	h, err := t.admit(c, time.Now())
	if err == nil {
		s.known.put(sum, entry{holder: h, until: h.Expires.Add(t.Leeway), issuer: t, keys: k})
	}
	return h, err
}

// of returns the issuer that a token names. What it says is not verified yet: it
// decides which keys have to prove it.
func (s *Set) of(jws *jose.JSONWebSignature) (*trusted, error) {
	c, err := parseClaims(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, refuse("its claims cannot be read")
	}
	name, _ := c["iss"].(string)
	t, ok := s.byIssuer[name]
	if !ok {
		return nil, refuse("its issuer is not one that is configured")
	}
	return t, nil
}

// signed verifies a token's signature and returns its claims, and the keys that
// the right one is among.
func (t *trusted) signed(ctx context.Context, jws *jose.JSONWebSignature, kinds []string) (claims, *keys, error) {
	header := jws.Signatures[0].Protected
	if err := t.heading(header, kinds); err != nil {
		return nil, nil, err
	}
	alg := jose.SignatureAlgorithm(header.Algorithm)
	k := t.current(time.Now())
	found := k.find(header.KeyID, alg)
	if len(found) == 0 && t.fresher(ctx) {
		k = t.current(time.Now())
		found = k.find(header.KeyID, alg)
	}
	if k == nil {
		return nil, nil, fmt.Errorf("the keys of the issuer %s are not known: it does not answer: %w", t.Name, schema.ErrUnavailable)
	}
	for _, key := range found {
		payload, err := jws.Verify(key.Key)
		if err != nil {
			continue
		}
		c, err := parseClaims(payload)
		return c, k, err
	}
	if len(found) == 0 {
		return nil, nil, refuse("its key is not one that the issuer %s publishes for %s", t.Name, alg)
	}
	return nil, nil, &Refusal{Why: "its signature is wrong", Forged: true}
}

// accessTokens are the kinds of token (typ) that let somebody in.
var accessTokens = []string{"", "jwt", "at+jwt"}

// heading looks at what a token says of itself before it is verified.
func (t *trusted) heading(h jose.Header, kinds []string) error {
	if !slices.Contains(t.Algorithms, h.Algorithm) {
		return refuse("it is signed with %s, which the issuer %s may not use", h.Algorithm, t.Name)
	}
	// RFC 8725, 3.11: what is a token of another kind is none of this one.
	kind, _ := h.ExtraHeaders["typ"].(string)
	if slices.Contains(kinds, strings.TrimPrefix(strings.ToLower(kind), "application/")) {
		return nil
	}
	return refuse("it is a token of the kind %q", kind)
}

// admit returns whose a token is whose signature is right.
func (t *trusted) admit(c claims, now time.Time) (h Holder, err error) {
	h.Issuer = t.Name
	if h.Expires, err = t.inTime(c, now); err != nil {
		return h, signedRefusal(err)
	}
	if !c.forAny(t.Audience) {
		return h, signedRefusal(errors.New("it is for another audience"))
	}
	if h.Certificate, err = c.bound(); err != nil {
		return h, signedRefusal(err)
	}
	if h.Signed, _, err = c.time("iat"); err != nil {
		return h, signedRefusal(err)
	}
	h.Marks = c.marks(cutClaims)
	return h, t.rules(c, &h)
}

func signedRefusal(err error) error { return &Refusal{Why: err.Error(), Signed: true} }

// inTime returns when a token ends, if it is valid now and not for longer than
// any may be.
func (t *trusted) inTime(c claims, now time.Time) (expires time.Time, err error) {
	expires, there, err := c.time("exp")
	switch {
	case err != nil:
		return expires, err
	case !there:
		return expires, errors.New("it has no end (exp)")
	case !now.Before(expires.Add(t.Leeway)):
		return expires, errors.New("it has expired")
	}
	from := now
	for _, name := range []string{"nbf", "iat"} {
		at, there, err := c.time(name)
		if err != nil {
			return expires, err
		}
		if there && at.After(now.Add(t.Leeway)) {
			return expires, fmt.Errorf("it is not valid yet (%s)", name)
		}
		if there && at.Before(from) {
			from = at
		}
	}
	if t.MaxLife > 0 && expires.Sub(from) > t.MaxLife+t.Leeway {
		return expires, fmt.Errorf("it is valid for longer than %v", t.MaxLife)
	}
	return expires, nil
}

// rules finds out what a token gives.
func (t *trusted) rules(c claims, h *Holder) error {
	for _, s := range t.Sources {
		switch {
		case !c.all(s.Claims):
		case h.Source != "" && h.Source != s.Name:
			return fmt.Errorf("it is of the sources %s and %s at once: %w", h.Source, s.Name, ErrNoRule)
		default:
			h.Source = s.Name
		}
	}
	for _, r := range t.Roles {
		if c.all(r.Claims) && (h.Role == "" || r.Role.AtLeast(h.Role)) {
			h.Role = r.Role
		}
	}
	if h.Source == "" && h.Role == "" {
		return ErrNoRule
	}
	h.Name = c.name(t.Caller)
	if h.Role != "" && h.Name == "" {
		return fmt.Errorf("its claim %s names nobody that the log could name: %w", t.Caller, ErrNoRule)
	}
	if h.Name == "" {
		h.Name = h.Source
	}
	return nil
}
