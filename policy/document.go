package policy

import "drawbridge/schema"

// APIVersion is the version of the document format that this package reads.
const APIVersion = "drawbridge/v1"

// A Header is what every document begins with. (Kind, Metadata.Name) is the
// document's identity; the file it is in carries no meaning.
type Header struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`

	at place
}

// Ref returns the document's name across kinds: Kind/NAME.
func (h *Header) Ref() string { return h.Kind + "/" + h.Metadata.Name }

// Position returns the file the document is in, and the line it begins in.
func (h *Header) Position() (file string, line int) {
	if h.at.node != nil {
		line = h.at.node.Line
	}
	return h.at.file, line
}

// Line returns the line of the value under a path of keys and indices in the document, or
// of the nearest above it that is there.
func (h *Header) Line(path ...string) int {
	if n := h.at.find(path...); n != nil {
		return n.Line
	}
	return 0
}

func (h *Header) header() *Header { return h }

// Metadata names a document and who answers for it.
type Metadata struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	Owner Owner  `json:"owner,omitzero"`
}

// An Owner is the person who answers for an object, and who does when they
// leave. Both are named by email address.
type Owner struct {
	User   string `json:"user,omitempty" jsonschema:"required"`
	Deputy string `json:"deputy,omitempty"`
}

// A Set is everything a folder of documents says, as it was written. Slices are
// in the order of names.
type Set struct {
	Policy     *PolicySet // nil where no document is one
	Sources    []*Source
	Connectors []*Connector
	Roles      []*Role
	Flows      []*ApprovalFlow
	Triggers   []*TriggerSet
	Registers  Registers
	Tests      []*Test

	found Findings // of Load: what a document is refused for before anything is compiled
}

// PolicySet is the ceiling over everything: how far automation may go, which
// attributes rules may read, and the brakes.
type PolicySet struct { //nolint:revive // it is the name of the document's kind
	Header
	Spec PolicySetSpec `json:"spec"`
}

// PolicySetSpec is the body of a PolicySet.
type PolicySetSpec struct { //nolint:revive // it is the name of the document's kind
	Mode        schema.Mode          `json:"mode,omitempty" jsonschema:"enum=observe,enum=propose,enum=enforce"`
	Identity    map[string]Attribute `json:"identity,omitempty"`
	Publication Publication          `json:"publication,omitzero"`
	Limits      Limits               `json:"limits,omitzero"`
	ClockSkew   ClockSkew            `json:"clockSkew,omitzero"`
	Retention   Retention            `json:"retention,omitzero"`
}

// An Attribute declares one attribute of an identity that rules may read.
type Attribute struct {
	Type   string            `json:"type" jsonschema:"enum=string,enum=bool,enum=int,enum=timestamp,enum=list"`
	From   []string          `json:"from,omitempty"`           // the sources that may say it; none named: any with authority
	MaxAge Duration          `json:"maxAge,omitempty" some:""` // older counts as absent
	Path   string            `json:"path,omitempty"`           // where it is in the source's record; empty means under its own name
	Map    map[string]string `json:"map,omitempty"`            // the source's word to ours
}

// Publication says what it takes to put another policy in force.
type Publication struct {
	Approvers     Reviewers `json:"approvers,omitzero"`
	Clearance     string    `json:"clearance,omitempty" jsonschema:"enum=low,enum=moderate,enum=high"` // for how much risk those are cleared
	Escalate      Reviewers `json:"escalate,omitzero"`                                                 // who agrees besides to what is beyond that
	Require       []string  `json:"require,omitempty"`
	PlanMaxAge    Duration  `json:"planMaxAge,omitempty" some:""`
	ObserveFor    *Duration `json:"observeFor,omitempty"` // before a mode is raised; left out: 14 days
	SignedCommits bool      `json:"signedCommits,omitempty"`
	Signers       []Signer  `json:"signers,omitempty"` // who may sign what is published next
	Folder        string    `json:"folder,omitempty"`  // of the repository, in which that is; left out: the one that what is in force is of
}

// A Signer is a person whose signature a policy may carry, by an SSH key.
type Signer struct {
	User string `json:"user"`
	Key  string `json:"key"` // as in a file that ssh-keygen writes: TYPE BASE64
}

// Limits are the brakes on a run that would do too much.
type Limits struct {
	RevokesPerRun    Brake  `json:"revokesPerRun,omitzero"`
	GrantsPerRun     Brake  `json:"grantsPerRun,omitzero"`
	RoleMatchPercent int    `json:"roleMatchPercent,omitempty" jsonschema:"minimum=1,maximum=100"`
	OnExceeded       string `json:"onExceeded,omitempty" jsonschema:"enum=hold"`
}

// ClockSkew says how far clocks may differ from the bridge's.
type ClockSkew struct {
	NotBefore *Duration `json:"notBefore,omitempty"` // how far the start of a grant may lie back that was meant to be now; left out: 2m
	Expiry    Duration  `json:"expiry,omitempty"`    // how much longer a grant lasts than was asked; left out: not at all
}

// A Brake stops a run at a count or at a percentage, whichever comes first; what is left
// out stops nothing, and is therefore never written as zero.
type Brake struct {
	Count   int     `json:"count,omitempty" jsonschema:"minimum=1"`
	Percent float64 `json:"percent,omitempty" jsonschema:"exclusiveMinimum=0,maximum=100"`
}

// Retention says for how long the log is kept; left out: seven years.
type Retention struct {
	Decisions Duration `json:"decisions,omitempty" some:""` // its entries; their hashes stay
	Evidence  Duration `json:"evidence,omitempty" some:""`  // what stands beside them: what they were made from, people's words
}

// A Trust says how far a source is believed.
type Trust string

// The levels of trust.
const (
	Authoritative Trust = "authoritative" // may create and end identities
	Contributing  Trust = "contributing"  // may say the attributes it has authority for
	Observed      Trust = "observed"      // is recorded, and nothing it says is applied
)

// ProtocolSignals is the protocol of a source that tells of tickets, workloads,
// risk and use, and of nobody. What it may tell of are the topics in
// authoritativeFor.
const ProtocolSignals = "signals"

// Source is an approved place that identities, or signals, come from.
type Source struct {
	Header
	Spec SourceSpec `json:"spec"`
}

// SourceSpec is the body of a Source.
type SourceSpec struct {
	Protocol         string     `json:"protocol" jsonschema:"enum=scim,enum=signals"`
	Trust            Trust      `json:"trust" jsonschema:"enum=authoritative,enum=contributing,enum=observed"`
	Scope            string     `json:"scope,omitempty"` // CEL over identity; empty means every identity
	AuthoritativeFor []string   `json:"authoritativeFor,omitempty"`
	CorrelateBy      []string   `json:"correlateBy,omitempty"`
	TimeZone         string     `json:"timeZone,omitempty"` // of days and times that it sends without one, as in Europe/Berlin; left out: UTC
	Freshness        Freshness  `json:"freshness,omitzero"`
	MassChange       MassChange `json:"massChange,omitzero"`
	Credential       Credential `json:"credential,omitzero"`
}

// Freshness says how often a source is heard from, and what its silence means.
type Freshness struct {
	ExpectEvery Duration `json:"expectEvery,omitempty" some:""`
	StaleAfter  Duration `json:"staleAfter,omitempty" some:""`
	OnStale     string   `json:"onStale,omitempty" jsonschema:"enum=hold"`
}

// MassChange is the brake on one source.
type MassChange struct {
	DeactivationsPerHour int     `json:"deactivationsPerHour,omitempty" jsonschema:"minimum=1"`
	PercentPerDay        float64 `json:"percentPerDay,omitempty" jsonschema:"exclusiveMinimum=0,maximum=100"`
	OnExceeded           string  `json:"onExceeded,omitempty" jsonschema:"enum=hold"`
}

// A Credential refers to a secret; it never holds one.
type Credential struct {
	Ref         string   `json:"ref,omitempty"`
	RotateEvery Duration `json:"rotateEvery,omitempty" some:""`
}

// An Authority says whether a connector's target is ours alone.
type Authority string

// The kinds of authority over a target.
const (
	Exclusive Authority = "exclusive" // the bridge is the only writer: drift is reverted
	Shared    Authority = "shared"    // others write too: drift is reported
)

// Connector is a downstream system and the catalogue of what can be held there.
type Connector struct {
	Header
	Spec ConnectorSpec `json:"spec"`
}

// ConnectorSpec is the body of a Connector.
type ConnectorSpec struct {
	Type         string        `json:"type" jsonschema:"enum=scim,enum=ldap,enum=sql,enum=rest,enum=webhook,enum=manual,enum=file,enum=memory"`
	Mode         schema.Mode   `json:"mode,omitempty" jsonschema:"enum=observe,enum=propose,enum=enforce"`
	Authority    Authority     `json:"authority,omitempty" jsonschema:"enum=exclusive,enum=shared"`
	Entitlements []Entitlement `json:"entitlements,omitempty"`
}

// An Entitlement is one entry of a connector's catalogue.
type Entitlement struct {
	ID         string   `json:"id"`
	Target     string   `json:"target"` // its exact name at the target
	Risk       string   `json:"risk,omitempty" jsonschema:"enum=low,enum=moderate,enum=high,enum=critical"`
	Owner      string   `json:"owner,omitempty"`
	Privileged bool     `json:"privileged,omitempty"`
	Confers    []string `json:"confers,omitempty"` // connector/id of what comes with it

	Environment string `json:"environment,omitempty"` // where it leads; empty is no matter
}
