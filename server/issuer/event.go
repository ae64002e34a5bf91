package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What is wrong with a Security Event Token, beside a Refusal that is none of these.
var (
	ErrIssuer   = errors.New("its issuer is not one that the source may push tokens of")
	ErrAudience = errors.New("it is for another audience")
	ErrKey      = errors.New("its key is not one that its issuer publishes, or may not be used so")
)

// eventTokens are the kinds of token that tell of events. One that lets somebody in
// tells of none, and the other way round.
var eventTokens = []string{"secevent+jwt"}

// Event returns the claims of a Security Event Token (RFC 8417) that an issuer
// signed, which a source may push the tokens of. Such a token has no end; that it
// comes once, and what it means, is for the caller.
//
// The error is ErrIssuer, ErrAudience or ErrKey, a *Refusal of anything else that
// is wrong with it, and schema.ErrUnavailable where the issuer's keys are not known.
func (s *Set) Event(ctx context.Context, source, token string) ([]byte, error) {
	if s == nil || len(s.byIssuer) == 0 {
		return nil, ErrIssuer
	}
	if len(token) > mostTokenSize {
		return nil, refuse("the token has %d bytes, and at most %d are read", len(token), mostTokenSize)
	}
	jws, err := jose.ParseSignedCompact(token, asymmetric)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, refuse("it is no token with a signature that could be verified")
	}
	t, err := s.of(jws)
	if err != nil || !slices.Contains(t.Events, source) {
		return nil, ErrIssuer
	}
	header := jws.Signatures[0].Protected
	if !slices.Contains(t.Algorithms, header.Algorithm) {
		return nil, ErrKey
	}
	if err := t.heading(header, eventTokens); err != nil {
		return nil, err
	}
	c, _, err := t.signed(ctx, jws, eventTokens)
	if r, refused := errors.AsType[*Refusal](err); refused && !r.Forged {
		return nil, ErrKey
	}
	if err != nil {
		return nil, err
	}
	issued, there, err := c.time("iat")
	switch {
	case err != nil || !there:
		return nil, refuse("it does not say when it was issued (iat)")
	case issued.After(time.Now().Add(t.Leeway)):
		return nil, refuse("it is not issued yet (iat)")
	case !c.forAny(t.Audience):
		return nil, ErrAudience
	}
	return json.Marshal(c)
}
