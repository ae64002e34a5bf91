package schema

import (
	"encoding/json"
	"time"
)

// A ParkedMember is an edge of the membership graph that waits for its member:
// the source named somebody, or a group, that it has not told of yet. The member
// is what the source wrote: an id, or an externalId of that source.
type ParkedMember struct {
	Group  string    `json:"group"`
	Member string    `json:"member"`
	Source string    `json:"source"`
	Since  time.Time `json:"since"`
}

// A RawCopy is what a source sent of a resource, where the record does not hold
// all of it: a body with attributes in it that no schema has. Secrets are not in it, nor
// who is in a group. The decision that admitted it names it by its digest, which tells
// nothing of it to who has not the salt.
type RawCopy struct {
	Resource   string          `json:"resource"` // id of an identity or of a group
	Digest     string          `json:"digest"`   // of the salt and the body
	Salt       string          `json:"salt"`
	Source     string          `json:"source"`
	Method     string          `json:"method"`
	Received   time.Time       `json:"received"`
	Request    string          `json:"request,omitempty"` // id of the request
	Attributes []string        `json:"attributes"`        // those that no schema has, sorted
	Cut        bool            `json:"cut,omitempty"`     // it was too long, and values of it were left out
	Body       json.RawMessage `json:"body"`
}

// An Unmapped is an attribute that a source sends and no schema has, so that it
// is dropped.
type Unmapped struct {
	Source    string    `json:"source"`
	Attribute string    `json:"attribute"`
	Count     int64     `json:"count"` // requests
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Example   string    `json:"example"` // where it was last seen, as in Users/ID
}
