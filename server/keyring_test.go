package server

import (
	"testing"

	"drawbridge/schema"
)

// TestHowACallerWasKnown is what stands in the evidence of what they decide.
func TestHowACallerWasKnown(t *testing.T) {
	for id, want := range map[string]string{
		"token/0193": "token", "configured/token/root": "token", "issuer/idp/token/ada": "oidc", "certificate/0a1b": "certificate", "": "token",
	} {
		if got := (Credential{use: schema.CredentialUse{ID: id}}).auth(); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}
