package tokens

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// A token that an issuer signed is good until it ends, and the issuer has no way to take
// it back. A cut-off does that here, from the next request on: for one token (jti), for
// whom it is about (sub), for the client that got it (azp, client_id), for a session
// (sid), or for all that the issuer signed before an instant.

// cutClaims are the claims by which tokens are cut off: each is looked up, and none is
// searched for, so that any number of cut-offs costs a request the same.
var cutClaims = []string{"azp", "client_id", "jti", "sid", "sub"}

// CutClaims returns the claims by which tokens are cut off.
func CutClaims() []string { return slices.Clone(cutClaims) }

// mostCutValue is how long the value of a claim may be, in bytes.
const mostCutValue = 500

// A Cutting is what a person decides about the tokens of an issuer.
type Cutting struct {
	schema.Cutoff
	Known  []string // the issuers there are: what another one signed is taken nowhere
	Reason string
}

// known says whether there is the issuer. One that was is still there to be lifted.
func (c Cutting) known() error {
	if slices.Contains(c.Known, c.Issuer) {
		return nil
	}
	there := "there is none"
	if len(c.Known) > 0 {
		there = "there are " + strings.Join(schema.Sorted(c.Known...), ", ")
	}
	return fmt.Errorf("no issuer is named %q; %s: %w", c.Issuer, there, schema.ErrNotFound)
}

// CutOff has tokens refused from the next request on. A token that does not say when it
// was signed was signed before. What is refused already stays so: ErrConflict answers an
// instant before the one that stands, which LiftCutoff alone takes back.
func CutOff(tx store.Tx, c Cutting) (schema.Cutoff, error) {
	switch now := tx.Now(); {
	case c.Before.IsZero():
		c.Before = now
	case c.Before.After(now):
		return c.Cutoff, fmt.Errorf("cut-off: %s is yet to come; what will be signed is refused by taking the issuer's rule out: %w",
			c.Before.UTC().Format(time.RFC3339), schema.ErrInvalid)
	}
	if err := c.known(); err != nil {
		return c.Cutoff, err
	}
	c.Before, c.Since = c.Before.UTC(), tx.Now()
	if err := c.check(); err != nil {
		return c.Cutoff, fmt.Errorf("cut-off: %w: %w", err, schema.ErrInvalid)
	}
	switch was, err := store.Cutoffs.Get(tx, c.Issuer, c.Claim, c.Value); {
	case err != nil && !schema.IsNotFound(err):
		return c.Cutoff, err
	case err == nil && was.Before.After(c.Before):
		return c.Cutoff, fmt.Errorf("cut-off: what was signed before %s is refused already; lift that first: %w", was.Before.Format(time.RFC3339), schema.ErrConflict)
	}
	if err := store.Cutoffs.Put(tx, c.Cutoff); err != nil {
		return c.Cutoff, err
	}
	return c.Cutoff, cut(tx, c, "what it signed before "+c.Before.Format(time.RFC3339)+" is refused")
}

// LiftCutoff ends a cut-off.
func LiftCutoff(tx store.Tx, c Cutting) (schema.Cutoff, error) {
	if err := c.check(); err != nil {
		return c.Cutoff, fmt.Errorf("cut-off: %w: %w", err, schema.ErrInvalid)
	}
	was, err := store.Cutoffs.Get(tx, c.Issuer, c.Claim, c.Value)
	if err != nil {
		return was, err
	}
	if err := store.Cutoffs.Delete(tx, c.Issuer, c.Claim, c.Value); err != nil {
		return was, err
	}
	return was, cut(tx, c, "what it signed before "+was.Before.Format(time.RFC3339)+" is taken again")
}

func (c Cutting) check() error {
	switch {
	case c.By == "" || strings.TrimSpace(c.Reason) == "":
		return fmt.Errorf("say who decides and why")
	case c.Issuer == "":
		return fmt.Errorf("name an issuer, as the configuration calls it")
	case c.Claim != "" && !slices.Contains(cutClaims, c.Claim):
		return fmt.Errorf("claim %q is none of %s", c.Claim, strings.Join(cutClaims, ", "))
	case (c.Claim == "") != (c.Value == ""):
		return fmt.Errorf("a claim has a value, and a value is of a claim")
	case len(c.Value) > mostCutValue || strings.ContainsRune(c.Value, 0):
		return fmt.Errorf("the value of a claim has at most %d bytes, none of them NUL", mostCutValue)
	}
	return nil
}

// cut records what was decided about an issuer's tokens. Why, and whose they are, is
// detail.
func cut(tx store.Tx, c Cutting, what string) error {
	digest, err := store.PolicyInForce(tx)
	if err != nil {
		return err
	}
	said := map[string]string{"reason": c.Reason}
	if c.Claim != "" {
		what += ", of one " + c.Claim
		said["value"] = c.Value
	}
	detail, err := json.Marshal(said)
	if err != nil {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: c.By, Verb: schema.Tokened, Subject: "issuer/" + c.Issuer, Reason: what, Policy: digest, Detail: detail,
	})
	return err
}

// IsCutOff reports whether a token is refused that an issuer signed at an instant, zero
// if it does not say when, with these claims.
func IsCutOff(r store.Reader, issuer string, signed time.Time, claims map[string]string) (bool, error) {
	if n, err := store.Cutoffs.Count(r); err != nil || n == 0 {
		return false, err
	}
	before := func(claim, value string) (bool, error) {
		c, err := store.Cutoffs.Get(r, issuer, claim, value)
		if schema.IsNotFound(err) {
			return false, nil
		}
		return err == nil && signed.Before(c.Before), err
	}
	if cut, err := before("", ""); err != nil || cut {
		return cut, err
	}
	for _, claim := range cutClaims {
		if value := claims[claim]; value != "" {
			if cut, err := before(claim, value); err != nil || cut {
				return cut, err
			}
		}
	}
	return false, nil
}
