package schema

import "time"

// A CredentialUse is what the bridge remembers of a credential that was shown to
// it, or that it was told of: what the credential does not say itself.
type CredentialUse struct {
	ID      string    `json:"id"`               // kind/NAME: token/ID, configured/NAME, certificate/SHA256, issuer/NAME/HOLDER
	Holder  string    `json:"holder"`           // source/NAME, or token/NAME of who uses the API
	Print   []byte    `json:"print,omitempty"`  // of a configured secret, keyed: another secret has another one
	Since   time.Time `json:"since,omitzero"`   // it was not there before, as far as can be known
	Expires time.Time `json:"expires,omitzero"` // of a certificate
	Used    time.Time `json:"used,omitzero"`    // about when it was last shown: to the hour
}
