package server

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/connectors"
	"drawbridge/schema"
)

// A Credential is a configured one: of a source, or of a person or program that
// uses the API. It is a bearer token, or a client certificate, or either.
type Credential struct {
	Name        string         // of whoever uses it, for the log
	Source      string         // set for a source's
	Role        schema.APIRole // set for an API user's
	Secret      connectors.Secret
	Certificate ClientCertificate

	use schema.CredentialUse // what is remembered of it when it is shown
}

// holder is who is let in, as the log and the store write it.
func (c Credential) holder() string {
	if c.Source != "" {
		return "source/" + c.Source
	}
	return "token/" + c.Name
}

// auth is how its holder was known, as evidence of what they decide.
func (c Credential) auth() string {
	switch kind, _, _ := strings.Cut(c.use.ID, "/"); access.CredentialKind(kind) {
	case access.SignedToken:
		return "oidc"
	case access.ClientCertificate:
		return "certificate"
	default:
		return "token"
	}
}

// A ClientCertificate says which client certificates are somebody's: those of
// which all that is said here is true, among those that a trusted authority
// signed. One that says nothing is nobody's.
type ClientCertificate struct {
	DNS     string // a name among its alternative names
	URI     string // likewise
	Email   string // likewise
	Subject string // as RFC 2253 writes it
	SHA256  string // of the certificate, in hexadecimal
}

// is reports whether a certificate is the one that is meant.
func (c ClientCertificate) is(leaf *x509.Certificate) bool {
	if c == (ClientCertificate{}) {
		return false
	}
	sum := sha256.Sum256(leaf.Raw)
	return (c.DNS == "" || slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, c.DNS) })) &&
		(c.URI == "" || slices.ContainsFunc(uris(leaf), func(uri string) bool { return uri == c.URI })) &&
		(c.Email == "" || slices.Contains(leaf.EmailAddresses, c.Email)) &&
		(c.Subject == "" || isSubject(leaf, c.Subject)) &&
		(c.SHA256 == "" || hex.EncodeToString(sum[:]) == c.SHA256)
}

func uris(leaf *x509.Certificate) (all []string) {
	for _, u := range leaf.URIs {
		all = append(all, u.String())
	}
	return all
}

// A keyring holds the configured credentials. Secrets are found by their SHA-256,
// so that the time it takes tells nothing of them. It never changes: another one
// takes its place.
type keyring struct {
	bySum        map[[sha256.Size]byte]Credential
	byPrint      map[string][sha256.Size]byte // what names a secret in access tokens, to its sum
	certificates []Credential
}

// shortSecret is how long a configured secret should be at least, in bytes.
const shortSecret = 16

// use puts other configured credentials in the place of those there are. If
// anything is wrong with one, nothing changes.
func (g *gate) use(credentials []Credential) error {
	k := &keyring{bySum: map[[sha256.Size]byte]Credential{}, byPrint: map[string][sha256.Size]byte{}}
	var errs []error
	for _, c := range credentials {
		errs = append(errs, k.add(c, g.log))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	g.ring.Store(k)
	return nil
}

func (k *keyring) add(c Credential, log *slog.Logger) error {
	secret := c.Secret.Reveal()
	sum := sha256.Sum256([]byte(secret))
	other, taken := k.bySum[sum]
	switch {
	case secret == "" && c.Certificate == (ClientCertificate{}):
		return fmt.Errorf("credential %s: its secret is empty: %w", c.Name, schema.ErrInvalid)
	case taken && secret != "":
		return fmt.Errorf("credentials %s and %s have the same secret: %w", other.Name, c.Name, schema.ErrInvalid)
	case c.Source == "" && !c.Role.Known():
		return fmt.Errorf("credential %s: role %q is none of %v: %w", c.Name, c.Role, schema.APIRoles(), schema.ErrInvalid)
	case c.Source != "" && c.Role != "":
		return fmt.Errorf("credential %s: it is a source's or has a role, and not both: %w", c.Name, schema.ErrInvalid)
	}
	if c.Certificate != (ClientCertificate{}) {
		k.certificates = append(k.certificates, c)
	}
	if secret == "" {
		return nil
	}
	if len(secret) < shortSecret {
		log.Warn("the secret of a credential is so short that it may be guessed; 32 random bytes are not", "credential", c.Name)
	}
	c.use = schema.CredentialUse{ID: tokens.ConfiguredID(c.holder()), Holder: c.holder()}
	k.bySum[sum], k.byPrint[printOf(sum)] = c, sum
	return nil
}

// printOf names a configured secret in access tokens: by its holder's name it could
// not be told apart from the one before it, and this gives nothing of it away, for
// it is a hash of a hash, and short.
func printOf(sum [sha256.Size]byte) string {
	again := sha256.Sum256(sum[:])
	return "c" + hex.EncodeToString(again[:8])
}

// configured returns whose a configured token is.
func (k *keyring) configured(token string) (Credential, bool) {
	c, ok := k.bySum[sha256.Sum256([]byte(token))]
	return c, ok
}

// certified returns whose a client certificate is, which a trusted authority
// signed. That was verified when the connection began, and a connection lives on: what
// may have changed since is looked at again.
func (g *gate) certified(r *http.Request, now time.Time) (Credential, error) {
	leaf := certificate(r)
	if g.authorities != nil && !holds(r.TLS.VerifiedChains, g.authorities(), now) {
		return Credential{}, &refusal{why: "the client certificate's authority is believed no more, or has expired: " + leaf.Subject.String()}
	}
	return g.ring.Load().certified(leaf, now)
}

// holds reports whether one of the chains that a certificate was verified by still
// ends in an authority that is believed, with nobody in it who has expired.
func holds(chains [][]*x509.Certificate, believed []*x509.Certificate, now time.Time) bool {
	return slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
		return slices.ContainsFunc(believed, chain[len(chain)-1].Equal) &&
			!slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return now.After(c.NotAfter) })
	})
}

// certified returns whose a client certificate is, which has not ended.
func (k *keyring) certified(leaf *x509.Certificate, now time.Time) (who Credential, err error) {
	if now.After(leaf.NotAfter) {
		return who, &refusal{why: "the client certificate has expired since the connection began: " + leaf.Subject.String()}
	}
	for _, c := range k.certificates {
		switch {
		case !c.Certificate.is(leaf):
		case who.Name != "":
			return Credential{}, fmt.Errorf("the client certificate %s is of %s and of %s: %w", leaf.Subject, who.Name, c.Name, schema.ErrForbidden)
		default:
			who = c
		}
	}
	if who.Name == "" {
		return who, fmt.Errorf("the client certificate %s is nobody's: %w", leaf.Subject, schema.ErrForbidden)
	}
	sum := sha256.Sum256(leaf.Raw)
	who.use = schema.CredentialUse{ID: "certificate/" + hex.EncodeToString(sum[:8]), Holder: who.holder(), Since: leaf.NotBefore, Expires: leaf.NotAfter}
	return who, nil
}

// certificate returns the client certificate that a request came with, if one
// did that a trusted authority signed.
func certificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// thumbprint is how RFC 8705 writes which certificate a token is bound to.
func thumbprint(leaf *x509.Certificate) string {
	if leaf == nil {
		return ""
	}
	sum := sha256.Sum256(leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func sumOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// has reports whether a secret of that sum is still configured, with the role.
func (k *keyring) has(sum string, role schema.APIRole) bool {
	text, err := hex.DecodeString(sum)
	if err != nil || len(text) != sha256.Size {
		return false
	}
	c, ok := k.bySum[[sha256.Size]byte(text)]
	return ok && c.Role == role
}
