package schema

import (
	"slices"
	"time"
)

// A Token is a credential by which a source, or a person or program using the
// API, is known. The secret itself is not kept.
type Token struct {
	ID      string    `json:"id"`
	Source  string    `json:"source,omitempty"` // set for a source's token
	Name    string    `json:"name,omitempty"`   // set for an API token
	Role    APIRole   `json:"role,omitempty"`   // set for an API token
	Hash    []byte    `json:"hash"`             // of the secret and of the above, keyed
	Key     string    `json:"key,omitempty"`    // which key that is; not the key
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// A Cutoff takes back tokens that an issuer signed and that have not ended yet: those
// with a claim, or all of them, that were signed before an instant.
type Cutoff struct {
	Issuer string    `json:"issuer"`          // its name in the configuration
	Claim  string    `json:"claim,omitempty"` // empty: whatever they say
	Value  string    `json:"value,omitempty"` // of the claim
	Before time.Time `json:"before"`
	Since  time.Time `json:"since"` // when somebody said so
	By     string    `json:"by"`
}

// An APIRole says what a person or program that uses the API may do. API roles
// are ordered: each may do what those before it may.
type APIRole string

// The API roles, from least to most.
const (
	Viewer   APIRole = "viewer"
	Auditor  APIRole = "auditor"
	Approver APIRole = "approver"
	Operator APIRole = "operator"
	Admin    APIRole = "admin"
)

// APIRoles returns the API roles, from least to most.
func APIRoles() []APIRole { return []APIRole{Viewer, Auditor, Approver, Operator, Admin} }

// Known reports whether there is such an API role.
func (r APIRole) Known() bool { return slices.Contains(APIRoles(), r) }

// AtLeast reports whether the role may do what the least one may. One that is not
// known may do nothing, and nobody may do what needs one that is not known.
func (r APIRole) AtLeast(least APIRole) bool {
	all := APIRoles()
	has, needs := slices.Index(all, r), slices.Index(all, least)
	return needs >= 0 && has >= needs
}
