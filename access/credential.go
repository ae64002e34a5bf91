package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Credential says how one stands by which somebody is known to the bridge.
type Credential struct {
	ID      string         `json:"id"` // kind/NAME
	Kind    CredentialKind `json:"kind"`
	Holder  string         `json:"holder"` // source/NAME, or token/NAME of who uses the API
	Role    schema.APIRole `json:"role,omitempty"`
	Since   time.Time      `json:"since,omitzero"`
	Expires time.Time      `json:"expires,omitzero"`
	Used    time.Time      `json:"used,omitzero"` // to the hour; zero: never, as far as is known
	Revoked time.Time      `json:"revoked,omitzero"`
	Problem string         `json:"problem,omitempty"` // expiring, expired, old
	Reason  string         `json:"reason,omitempty"`  // of the problem, and what to do
}

// A CredentialKind says by what somebody is known.
type CredentialKind string

// The kinds of credential.
const (
	IssuedToken       CredentialKind = "issued"      // a token that the bridge made
	ConfiguredToken   CredentialKind = "configured"  // a token that the configuration refers to
	SignedToken       CredentialKind = "issuer"      // tokens that an issuer signs
	ClientCertificate CredentialKind = "certificate" // of a client
	OwnCertificate    CredentialKind = "listener"    // the bridge's own, and the authorities it believes
)

// Source returns the source that it lets in, if it lets one in.
func (c Credential) Source() (name string, ok bool) { return strings.CutPrefix(c.Holder, "source/") }

// Alive reports whether it lets somebody in.
func (c Credential) Alive(now time.Time) bool {
	return c.Revoked.IsZero() && (c.Expires.IsZero() || now.Before(c.Expires))
}

// Credentials returns how every credential stands that the bridge issued, was told
// of or was shown, and what is the matter with each: one that ends within a time
// with nothing to take its place, one that ended, and one that is older than its
// Source allows. The book may be nil. Further ones are looked at with them.
func Credentials(r store.Reader, book *policy.Book, warnBefore time.Duration, further ...Credential) ([]Credential, error) {
	uses := map[string]schema.CredentialUse{}
	for u, err := range store.CredentialUses.All(r) {
		if err != nil {
			return nil, err
		}
		uses[u.ID] = u
	}
	all := append([]Credential{}, further...)
	for t, err := range store.Tokens.All(r) {
		if err != nil {
			return nil, err
		}
		c := Credential{ID: "token/" + t.ID, Kind: IssuedToken, Holder: holder(t), Role: t.Role, Since: t.Created, Expires: t.Expires, Revoked: t.Revoked}
		c.Used = uses[c.ID].Used
		all = append(all, c)
	}
	for id, u := range uses {
		kind, _, _ := strings.Cut(id, "/")
		if kind == "token" {
			continue
		}
		all = append(all, Credential{ID: id, Kind: CredentialKind(kind), Holder: u.Holder, Since: u.Since, Expires: u.Expires, Used: u.Used})
	}
	for i := range all {
		all[i].judge(all, r.Now(), warnBefore, rotateEvery(book, all[i]))
	}
	slices.SortFunc(all, func(a, b Credential) int {
		if c := strings.Compare(a.Holder, b.Holder); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, nil
}

// holder is whose a token is.
func holder(t schema.Token) string {
	if t.Source != "" {
		return "source/" + t.Source
	}
	return "token/" + t.Name
}

// rotateEvery is how old a source's secrets may get; 0 where its document does not
// say.
func rotateEvery(book *policy.Book, c Credential) time.Duration {
	name, ok := c.Source()
	if book == nil || !ok || c.Kind != IssuedToken && c.Kind != ConfiguredToken {
		return 0
	}
	source, ok := book.Source(name)
	if !ok {
		return 0
	}
	return time.Duration(source.Spec.Credential.RotateEvery)
}

// judge says what is the matter with a credential among all of them.
func (c *Credential) judge(all []Credential, now time.Time, warnBefore, rotateEvery time.Duration) {
	if !c.Revoked.IsZero() {
		return
	}
	left := c.Expires.Sub(now)
	switch {
	case c.Expires.IsZero():
	case left <= 0 && !c.otherwise(all, now):
		c.Problem, c.Reason = "expired", fmt.Sprintf("it expired at %s, and nothing took its place: issue another, or revoke it", c.Expires.UTC().Format(time.RFC3339))
		return
	case left > 0 && left < c.notice(warnBefore) && !c.outlived(all, now):
		c.Problem, c.Reason = "expiring", fmt.Sprintf("it expires at %s: have another one take its place", c.Expires.UTC().Format(time.RFC3339))
		return
	}
	if rotateEvery > 0 && c.Alive(now) && !c.Since.IsZero() && now.Sub(c.Since) > rotateEvery {
		c.Problem, c.Reason = "old", fmt.Sprintf("it is there since %s, and its Source has it rotated every %s: issue another, then revoke it",
			c.Since.UTC().Format(time.RFC3339), policy.Duration(rotateEvery))
	}
}

// notice is how long before its end somebody is to know: of what lives shortly, the
// last third of its life.
func (c *Credential) notice(warnBefore time.Duration) time.Duration {
	if c.Since.IsZero() {
		return warnBefore
	}
	return min(warnBefore, c.Expires.Sub(c.Since)/3)
}

// outlived reports whether another credential of the same kind and holder is alive
// for longer, so that nobody is locked out when this one ends.
func (c *Credential) outlived(all []Credential, now time.Time) bool {
	return slices.ContainsFunc(all, func(o Credential) bool {
		return o.ID != c.ID && o.Kind == c.Kind && o.Holder == c.Holder && o.Alive(now) && (o.Expires.IsZero() || o.Expires.After(c.Expires))
	})
}

// otherwise reports whether its holder is let in by anything else.
func (c *Credential) otherwise(all []Credential, now time.Time) bool {
	return slices.ContainsFunc(all, func(o Credential) bool { return o.ID != c.ID && o.Holder == c.Holder && o.Alive(now) })
}
