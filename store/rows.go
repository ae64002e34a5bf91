package store

import (
	"encoding/json"
	"fmt"
	"time"

	"drawbridge/schema"
)

// This file has the records of collections that nobody but the bridge itself speaks of.

// A Correlation is one value of a record that others may be found by.
type Correlation struct {
	Attribute string `json:"attribute"`
	Value     string `json:"value"`
	Source    string `json:"source,omitempty"`
	Record    string `json:"record,omitempty"`
}

// A Uniqueness is which attributes of users, or of groups, records are found by because
// they are to be unique, and behind which record it is yet to be looked whether they are.
type Uniqueness struct {
	Of         string   `json:"of"` // users or groups
	Attributes []string `json:"attributes,omitempty"`
	Behind     string   `json:"behind,omitempty"`
	Done       bool     `json:"done,omitempty"`
}

// An Owned is one edge from an owner, by the name their machine's source gives
// them, to a machine identity.
type Owned struct {
	Owner   string `json:"owner"`
	Machine string `json:"machine"`
}

// A FormerName is a name that something had, and when it last lost it.
type FormerName struct {
	Name string    `json:"name"`
	Lost time.Time `json:"lost"`
}

// A Bound is one edge from a name that a workload goes by to a machine identity.
type Bound struct {
	Name    string `json:"name"`
	Machine string `json:"machine"`
}

// A Withheld is an identity as it was before its source ended it, which is what
// policy goes by until people let the end through.
type Withheld struct {
	Identity schema.Identity `json:"identity"`
	Groups   []string        `json:"groups,omitempty"` // names of those it was in, nested ones included
	Since    time.Time       `json:"since"`
	Reason   string          `json:"reason"`
	Round    int             `json:"round,omitempty"` // of the hold on its source that it belongs to
}

// An Affected is one identity, or one record of it, that may lose something by what
// a source did; or a group, all in which may.
type Affected struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Parted bool   `json:"parted,omitempty"` // it brought other records to the identity, or took some from it
}

// A Loss is what an identity would lose by what a source did, and keeps until people
// let it through.
type Loss struct {
	Identity string    `json:"identity"`
	Source   string    `json:"source"`
	Parted   bool      `json:"parted,omitempty"` // it brought other records to the identity, or took some from it
	What     []string  `json:"what,omitempty"`   // connector/entitlement
	Risks    []string  `json:"risks,omitempty"`  // kinds of those that its source told of and that are not acted on
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`
	Round    int       `json:"round,omitempty"`    // of the hold on its source that it belongs to
	Released bool      `json:"released,omitempty"` // people let it through; it happens when the identity is looked at
}

// A PolicyVersion is a policy as it was put in force.
type PolicyVersion struct {
	Digest    string            `json:"digest"`
	Published time.Time         `json:"published"`
	By        string            `json:"by"`
	Files     map[string]string `json:"files,omitempty"` // path to text

	// The commit that it is of, and who wrote and signed it, where that was verified.
	Commit string `json:"commit,omitempty"`
	Author string `json:"author,omitempty"`
	Signer string `json:"signer,omitempty"`
}

// A KeptPlan is the plan of a publication.
type KeptPlan struct {
	Publication string          `json:"publication"`
	Plan        json.RawMessage `json:"plan"`
}

// A Setting is a single value.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SettingPolicy names the digest of the policy in force.
const SettingPolicy = "policy"

// PolicyInForce returns the digest of the policy in force; empty before the first.
func PolicyInForce(r Reader) (digest string, err error) {
	current, err := Settings.Get(r, SettingPolicy)
	if schema.IsNotFound(err) {
		return "", nil
	}
	return current.Value, err
}

// unbounded refuses a grant that would never end by itself and does not say why: whoever
// gives one has to decide that.
func unbounded(g schema.Grant) error {
	if g.Bounded() {
		return nil
	}
	return fmt.Errorf("grant %s of role %s to %s has no end, and does not say why it needs none: %w", g.ID, g.Role, g.Identity, schema.ErrInvalid)
}
