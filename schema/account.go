package schema

import (
	"slices"
	"strings"
	"time"
)

// An Assignment is one line of desired state: this identity should hold this
// entitlement, for these reasons.
type Assignment struct {
	Identity    string    `json:"identity"`
	Connector   string    `json:"connector"`
	Entitlement string    `json:"entitlement"` // id in the connector's catalogue
	Because     []string  `json:"because"`     // role/NAME and grant/ID, sorted
	Mode        Mode      `json:"mode"`        // only Enforce reaches a target
	Since       time.Time `json:"since"`

	// Released is the id of the decision by which a person let it reach its target
	// though its mode is propose.
	Released string `json:"released,omitempty"`
}

// Reaches reports whether the line is to reach its target: by its mode, or because a
// person released it.
func (a Assignment) Reaches() bool { return a.Mode == Enforce || a.Released != "" }

// Ref returns the entitlement's name across connectors: connector/id.
func (a Assignment) Ref() string { return a.Connector + "/" + a.Entitlement }

// Roles returns the names of the roles that the line rests on.
func (a Assignment) Roles() []string {
	var roles []string
	for _, b := range a.Because {
		if role, ok := strings.CutPrefix(b, "role/"); ok {
			roles = append(roles, role)
		}
	}
	return roles
}

// RolesHeld returns the names of the roles that any of the lines rests on.
func RolesHeld(lines []Assignment) []string {
	var roles []string
	for _, line := range lines {
		roles = append(roles, line.Roles()...)
	}
	return Sorted(roles...)
}

// A State says how an account's last provisioning ended.
type State string

// The states of an account.
const (
	Pending  State = "pending"  // desired and observed differ; work is due
	Settled  State = "settled"  // the target agreed
	Retrying State = "retrying" // failed, and is tried again
	Parked   State = "parked"   // failed for good, until something changes
	Asked    State = "asked"    // a person was asked, and has yet to confirm
)

// An Account is one identity at one connector. What a connector is given and
// returns is RemoteID, Active, Attributes and Entitlements; the rest is the
// bridge's own memory of it.
type Account struct {
	Connector    string            `json:"connector"`
	Identity     string            `json:"identity"`
	RemoteID     string            `json:"remoteId,omitempty"` // the target's id; empty means no account there
	Active       bool              `json:"active"`
	Attributes   map[string]string `json:"attributes,omitempty"`   // by SCIM path: userName, name.givenName, emails.value, ...
	Entitlements []string          `json:"entitlements,omitempty"` // the target's names, sorted
	From         string            `json:"from,omitempty"`         // id of the identity that it was of, which is a record of this one now and gets it back when it is split off
	Adopted      bool              `json:"adopted,omitempty"`      // it was there before the bridge first wrote to it; set by a connector that found it

	// Unearned says that it was adopted as it is, and that no role has given anything
	// there since: it is disabled when its identity leaves, and for nothing else.
	Unearned bool `json:"unearned,omitempty"`

	Managed  []string  `json:"managed,omitempty"` // those of Entitlements that the bridge granted or adopted, sorted
	State    State     `json:"state,omitempty"`
	Problem  string    `json:"problem,omitempty"`  // of the last failure, for people
	WaitsFor string    `json:"waitsFor,omitempty"` // id of the identity whose account is in the way, of one that is parked for that
	Attempt  int       `json:"attempt,omitempty"`  // of the last failure: what came of a later one nobody wrote down; 0 if it did not fail, or was parked
	Observed time.Time `json:"observed,omitzero"`  // when the target last told us
	Verified bool      `json:"verified,omitempty"` // it was read back, not only acknowledged
	Due      Change    `json:"due,omitzero"`       // the change the target has yet to hear of
	Last     Change    `json:"last,omitzero"`      // the newest change it agreed to

	// LastUsed is what a listing says of its use, where its target tells: when it was
	// used last, at the latest. Zero is never, or unknown where the target does not
	// tell. It is kept as a Use, and never here.
	LastUsed time.Time `json:"-"`

	// UseUnclear says that a target that tells said something that is no time: unlike
	// of one that was never used, nothing is known of it.
	UseUnclear bool `json:"-"`
}

// Exists reports whether the target is known to have the account.
func (a Account) Exists() bool { return a.RemoteID != "" }

// Ungoverned reports whether the account holds anything that the bridge neither gave nor
// adopted, or is one that no role gave anything yet.
func (a Account) Ungoverned() bool {
	if !a.Exists() || !a.Active {
		return false
	}
	return a.Unearned || slices.ContainsFunc(a.Entitlements, func(e string) bool { return !slices.Contains(a.Managed, e) })
}

// Holds reports whether the account holds the entitlement, by its target's name.
func (a Account) Holds(target string) bool {
	_, ok := slices.BinarySearch(a.Entitlements, target)
	return ok
}

// Sorted returns the values sorted and without repeats, in a slice of its own.
func Sorted(values ...string) []string {
	s := slices.Clone(values)
	slices.Sort(s)
	return slices.Compact(s)
}
