package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"drawbridge/connectors"
)

var _ connectors.Rotator = (*Sender)(nil)

// typeRotate asks whoever keeps a secret to change it (option rotates).
const typeRotate = "credential.rotate"

// rotate is what a message of typeRotate says. No secret is in it, nor in the answer.
type rotate struct {
	Connector  string `json:"connector"`
	Machine    string `json:"machine"`
	ID         string `json:"id,omitempty"` // what the receiver called the account
	Credential string `json:"credential"`
	Ref        string `json:"ref,omitempty"`
}

// Rotates reports whether the receiver knows such messages.
func (s *Sender) Rotates() bool { return s.rotates }

// Rotate asks the receiver to change a secret. Its answer says when it did: a receiver
// that says nothing of it may not have understood.
func (s *Sender) Rotate(ctx context.Context, r connectors.Rotation) (time.Time, error) {
	sum := sha256.Sum256([]byte(typeRotate + " " + r.ID))
	m := message{Type: typeRotate, Rotate: &rotate{s.o.Name, r.Machine, r.Account, r.Credential, r.Ref}}
	answer, err := s.post(ctx, m, "msg_"+base64.RawURLEncoding.EncodeToString(sum[:18]))
	if err != nil {
		return time.Time{}, connectors.Discreet(err)
	}
	var said struct {
		Rotated time.Time `json:"rotated"`
	}
	if json.Unmarshal(answer.Body, &said) != nil || said.Rotated.IsZero() {
		return time.Time{}, &connectors.Error{Kind: connectors.Permanent, Err: errors.New(`the receiver does not say that the secret was changed: want {"rotated": TIME}`)}
	}
	return said.Rotated, nil
}
