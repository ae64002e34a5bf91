package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"drawbridge/connectors"
)

// The types of messages.
const (
	typeAccount = "account.desired"
	typePing    = "ping"
)

// A message is the body of a POST.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of this attempt
	Data      *desired  `json:"data,omitempty"`
	Rotate    *rotate   `json:"rotate,omitempty"`
}

// desired is what an account should be.
type desired struct {
	Connector string `json:"connector"`
	Identity  string `json:"identity,omitempty"` // the bridge's id of the person
	// ID is what the receiver called the account; empty if the bridge does not know.
	ID           string            `json:"id"`
	Active       bool              `json:"active"`
	Attributes   map[string]string `json:"attributes"`   // an empty value clears; others are left alone
	Entitlements []string          `json:"entitlements"` // that it is to hold, sorted
	Revoke       []string          `json:"revoke"`       // that it is not to hold; others are left alone
	Decided      time.Time         `json:"decided,omitzero"`
	Because      []string          `json:"because,omitempty"` // ids in the bridge's decision log
}

// messageID returns the id of the message: the same for each attempt at one change,
// and another for another change, also if that asks for the same.
func (d desired) messageID() (string, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return "msg_" + base64.RawURLEncoding.EncodeToString(sum[:18]), nil
}

// state is what a receiver answers: what there is now. What it leaves out is as it
// was asked for.
type state struct {
	ID           json.RawMessage   `json:"id"` // text or a number
	Gone         bool              `json:"gone"`
	Adopted      bool              `json:"adopted"` // it was there before
	Active       *bool             `json:"active"`
	Attributes   map[string]string `json:"attributes"`
	Entitlements *[]string         `json:"entitlements"`
}

// id returns the receiver's id of the account, or else ours.
func (s *state) id(d desired) string {
	if id := text(s.ID); id != "" {
		return id
	}
	for _, id := range []string{d.ID, d.Identity, d.Attributes["userName"]} {
		if id != "" {
			return id
		}
	}
	return ""
}

// text returns a JSON string or number as text.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// A key signs messages.
type key []byte

// shortestKey is what Standard Webhooks asks for, in bytes.
const shortestKey = 24

// parseKeys reads secrets, one or more with spaces or lines between: each as
// Standard Webhooks writes it. More than one is for rotation: every message is then
// signed with each.
func parseKeys(secret connectors.Secret) ([]key, error) {
	var keys []key
	for word := range strings.FieldsSeq(secret.Reveal()) {
		encoded, ok := strings.CutPrefix(word, "whsec_")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			return nil, errors.New("auth.signing: want whsec_ and base64, as Standard Webhooks has it: make one with `echo whsec_$(openssl rand -base64 32)`")
		}
		if len(raw) < shortestKey {
			return nil, errors.New("auth.signing: a secret has at least 24 bytes: make one with `echo whsec_$(openssl rand -base64 32)`")
		}
		keys = append(keys, raw)
	}
	return keys, nil
}

// signed returns the headers of a message, signed now with each of the keys.
func (s *Sender) signed(id string, content []byte) http.Header {
	return Keys(s.keys).Sign(id, s.o.Now(), content)
}
