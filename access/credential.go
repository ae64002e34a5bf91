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
	Holder  string         `json:"holder"`          // source/NAME, or token/NAME of who uses the API; of one that the bridge shows itself connector/NAME
	Owner   string         `json:"owner,omitempty"` // who renews one that the bridge shows: an email address
	Role    schema.APIRole `json:"role,omitempty"`
	Since   time.Time      `json:"since,omitzero"`
	Expires time.Time      `json:"expires,omitzero"`
	Used    time.Time      `json:"used,omitzero"` // to the hour; zero: never, as far as is known
	Revoked time.Time      `json:"revoked,omitzero"`
	Problem string         `json:"problem,omitempty"` // expiring, expired, old, ownerless
	Reason  string         `json:"reason,omitempty"`  // of the problem, and what to do

	// Life is how long one of its kind lives, where nothing says when it ends; 0: unknown.
	Life time.Duration `json:"-"`
	// Tied says in words whose leaving ends it; empty: nobody's. Its Owner is that person.
	Tied string `json:"-"`
}

// A CredentialKind says by what somebody is known, or the bridge is.
type CredentialKind string

// The kinds of credential.
const (
	IssuedToken       CredentialKind = "issued"      // a token that the bridge made
	ConfiguredToken   CredentialKind = "configured"  // a token that the configuration refers to
	SignedToken       CredentialKind = "issuer"      // tokens that an issuer signs
	ClientCertificate CredentialKind = "certificate" // of a client
	OwnCertificate    CredentialKind = "listener"    // the bridge's own, and the authorities it believes
	ShownCredential   CredentialKind = "connector"   // by which the bridge is known to a target
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
	for i := range all {
		all[i].lasts(uses)
	}
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
	people := governance{book: book, reader: r, known: map[string]presence{}}
	for i := range all {
		all[i].judge(all, r.Now(), warnBefore, rotateEvery(book, all[i]))
		if err := all[i].deserted(&people); err != nil {
			return nil, err
		}
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

// lasts adds what is remembered of a credential that the configuration refers to, and
// takes it from what else there is.
func (c *Credential) lasts(uses map[string]schema.CredentialUse) {
	u, known := uses[c.ID]
	if !known {
		return
	}
	delete(uses, c.ID)
	c.Since = u.Since
	if c.Expires.IsZero() && c.Life > 0 {
		c.Expires = u.Since.Add(c.Life)
	}
}

// judge says what is the matter with a credential among all of them.
func (c *Credential) judge(all []Credential, now time.Time, warnBefore, rotateEvery time.Duration) {
	if !c.Revoked.IsZero() {
		return
	}
	left := c.Expires.Sub(now)
	switch {
	case c.Expires.IsZero():
	case c.Kind == ShownCredential:
		c.forewarn(left)
		return
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

// forewarned is how long before the end of a credential that the bridge shows its owner
// is told, and told again. When it ends, nothing can be taken away at its target.
var forewarned = []forewarning{{24 * time.Hour, "a day"}, {7 * 24 * time.Hour, "7 days"}, {30 * 24 * time.Hour, "30 days"}}

type forewarning struct {
	left time.Duration
	text string
}

// forewarn says that one that the bridge shows ends soon, each time in other words.
func (c *Credential) forewarn(left time.Duration) {
	end := c.Expires.UTC().Format(time.RFC3339)
	i := slices.IndexFunc(forewarned, func(f forewarning) bool { return left <= f.left })
	switch {
	case left <= 0:
		c.Problem, c.Reason = "expired", "it expired at "+end+", and nothing can be taken away at its target until there is another one"
	case i >= 0:
		c.Problem, c.Reason = "expiring", "it expires at "+end+", in less than "+forewarned[i].text+": have another one made at the target, and configure that"
	default:
		return
	}
	if c.Owner != "" {
		c.Reason += "; " + c.Owner + " answers for it"
	}
}

// deserted says that the person left with whom a credential ends that the bridge shows.
func (c *Credential) deserted(people *governance) error {
	if people.book == nil || c.Tied == "" || c.Problem == "expired" {
		return nil
	}
	there, err := people.presence(c.Owner)
	if err == nil && there == left {
		c.Problem = "ownerless"
		c.Reason = fmt.Sprintf("it ends with the account of %s (%s), who left: have somebody who is there make another one, and configure that, before nothing can be taken away at its target", c.Tied, c.Owner)
	}
	return err
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
