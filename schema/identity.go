package schema

import (
	"encoding/json"
	"time"
)

// A Kind says what sort of being an identity is.
type Kind string

// The kinds of identity. Service, workload and agent are machine identities
// (NHIs): they need an owner among the living.
const (
	Human    Kind = "human"
	Guest    Kind = "guest"
	Service  Kind = "service"
	Workload Kind = "workload"
	Agent    Kind = "agent"
)

// An Identity is a person or a machine, as one source describes it: a record.
//
// Several sources may know the same one. Each keeps its own record, with an id,
// a version and names of its own, and sees no other. All of them are of one
// identity, which goes by the id of the record that it began with (Base): what is
// decided is about that id, and the other records say so in Of.
//
// Resource is the source's own record in canonical SCIM form (RFC 7643): the
// attributes as one JSON object, extensions under their URNs, without id, meta,
// schemas and groups, which are derived. It is kept as sent even where the
// source has no authority for an attribute; policy reads only what the source
// may say.
type Identity struct {
	ID         string          `json:"id"`
	Source     string          `json:"source"`
	Kind       Kind            `json:"kind"`
	UserName   string          `json:"userName"`
	ExternalID string          `json:"externalId,omitempty"`
	Email      string          `json:"email,omitempty"` // the primary one, as sent
	Active     bool            `json:"active"`
	Resource   json.RawMessage `json:"resource"`
	Version    int64           `json:"version"` // counts the changes, from 1; the weak ETag
	Created    time.Time       `json:"created"`
	Modified   time.Time       `json:"modified"`
	Deleted    time.Time       `json:"deleted,omitzero"`  // when its source deleted it; history stays
	Occurred   time.Time       `json:"occurred,omitzero"` // t0 of the newest change: the source's own time; zero is unknown

	OtherEmails []string `json:"otherEmails,omitempty"` // all but the primary one, sorted; it is found by them too
	Unique      []string `json:"unique,omitempty"`      // what no other record of its source may have, by the schemas of extensions: attribute=value, sorted

	Of     string `json:"of,omitempty"`     // id of the identity that this is one more record of; empty where it goes by its own
	Place  Place  `json:"place,omitempty"`  // why it counts for nothing now; empty where it counts
	Bound  bool   `json:"bound,omitempty"`  // a person joined it, and no value of it parts it again
	Apart  bool   `json:"apart,omitempty"`  // a person split it off, and no value of it joins it again
	Lapsed bool   `json:"lapsed,omitempty"` // an authoritative source deleted it: what it alone vouched for ended
}

// Base returns the id of the identity that the record is of.
func (i Identity) Base() string {
	if i.Of != "" {
		return i.Of
	}
	return i.ID
}

// A Place says why a source's record counts for nothing among those of others.
type Place string

// The places.
const (
	Counts     Place = ""
	Waiting    Place = "waiting"      // no authoritative source tells of it yet
	Ambiguous  Place = "ambiguous"    // it may be of several identities: a person says of which
	OutOfScope Place = "out-of-scope" // its source may not speak of such
)

// Gone reports whether the source deleted the record.
func (i Identity) Gone() bool { return !i.Deleted.IsZero() }

// A Group is a source's group. Its members are edges of their own (Member),
// never a list in here, so that joining a large group costs what joining a small
// one does.
type Group struct {
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	DisplayName string          `json:"displayName"`
	ExternalID  string          `json:"externalId,omitempty"`
	Resource    json.RawMessage `json:"resource"` // canonical, without members
	Version     int64           `json:"version"`
	Created     time.Time       `json:"created"`
	Modified    time.Time       `json:"modified"`
	Unique      []string        `json:"unique,omitempty"` // as that of an Identity
}

// A Member is one edge of the membership graph: an identity, or a group, is in a
// group.
type Member struct {
	Group  string `json:"group"`
	Member string `json:"member"`           // id of an identity or of a group
	Nested bool   `json:"nested,omitempty"` // the member is a group
}
