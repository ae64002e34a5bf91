package schema

import "time"

// A PublicationState says how far a policy that was proposed has come.
type PublicationState string

// The states of a publication. All but the first two are final.
const (
	PublicationProposed  PublicationState = "proposed"  // people have yet to agree
	PublicationApproved  PublicationState = "approved"  // as many agreed as must: it can be published
	PublicationPublished PublicationState = "published" // it came into force
	PublicationRefused   PublicationState = "refused"   // by a person
	PublicationStale     PublicationState = "stale"     // its plan is not what would happen now
	PublicationWithdrawn PublicationState = "withdrawn" // taken back by who proposed it
)

// A Publication is a policy that somebody would put in force, or put: how it came to
// that, and who agreed to which plan of it. Each time that a policy came into force has
// one.
type Publication struct {
	ID       string           `json:"id"`
	Digest   string           `json:"digest"`         // of the policy
	From     string           `json:"from,omitempty"` // digest of the policy in force when it was proposed; empty before the first
	State    PublicationState `json:"state"`
	By       string           `json:"by"`                 // the actor who proposed it
	Proposer string           `json:"proposer,omitempty"` // the identity behind that actor, where it is a person's
	Author   string           `json:"author,omitempty"`   // who wrote the change, as was said: they do not agree to it either
	Commit   string           `json:"commit,omitempty"`   // of version control, as was said
	Folder   string           `json:"folder,omitempty"`   // of the repository, where it was verified that the documents are those of the commit: "." is all of it
	Signer   string           `json:"signer,omitempty"`   // who signed that, where it was verified: then it is so, and not as was said
	Reason   string           `json:"reason,omitempty"`
	Back     bool             `json:"back,omitempty"`   // it goes back to a version that was in force before
	Reread   bool             `json:"reread,omitempty"` // it is what was in force already, as this version of the program reads it
	Plan     string           `json:"plan,omitempty"`   // hash of the plan that people agree to
	Planned  time.Time        `json:"planned,omitzero"`
	Owners   []string         `json:"owners,omitempty"` // email addresses of those who answer for its roles and connectors, case folded
	Beyond   []string         `json:"beyond,omitempty"` // KIND/NAME of what is beyond those who agree: it takes others besides
	Waived   []string         `json:"waived,omitempty"` // groups of which nobody has to agree, for too few of them could, where others have to
	Made     time.Time        `json:"made"`

	Approvals []Approval `json:"approvals,omitempty"` // of those who must agree
	Reviews   []Approval `json:"reviews,omitempty"`   // of others, who answer for a part of it: they do not count as approvals

	Published string    `json:"published,omitempty"` // the actor who published it
	Ended     time.Time `json:"ended,omitzero"`      // when it came to a final state
	Outcome   string    `json:"outcome,omitempty"`   // why it is in the state it is in
}

// Final reports whether nobody can decide about the publication any more.
func (p Publication) Final() bool {
	return p.State != PublicationProposed && p.State != PublicationApproved
}
