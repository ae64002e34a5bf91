package policy

import (
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// NHI is the register's entry of one machine identity: a service, a pipeline, an AI
// agent, what a vendor connects. It is an identity by itself, and one with what
// sources tell under its name.
type NHI struct {
	Header
	Spec NHISpec `json:"spec"`
}

// NHISpec is the body of an NHI.
type NHISpec struct {
	Kind        string              `json:"kind" jsonschema:"enum=service-account,enum=api-key,enum=oauth-app,enum=workload,enum=certificate,enum=bot,enum=agent"`
	Purpose     string              `json:"purpose,omitempty" jsonschema:"required"`
	Environment string              `json:"environment,omitempty"`
	Workload    WorkloadBond        `json:"workload,omitzero"`
	Credential  *MachineCredential  `json:"credential,omitempty"` // the only one
	Credentials []MachineCredential `json:"credentials,omitempty"`
	UsedBy      []string            `json:"usedBy,omitempty"`
	ThirdParty  bool                `json:"thirdParty,omitempty"`
	Vendor      *Vendor             `json:"vendor,omitempty"`
	Offboard    Offboarding         `json:"offboard,omitzero"`
	Review      *MachineReview      `json:"review,omitempty"`
}

// A MachineReview says how often whoever answers for a machine identity looks at its entry
// again; who holds a role is reviewed as the role says.
type MachineReview struct {
	Every Duration `json:"every" some:""`
	By    string   `json:"by,omitempty" jsonschema:"enum=owner"`
}

// A WorkloadBond says which workload a machine identity is. Everything that it says
// is matched exactly: who is merely called alike is somebody else.
type WorkloadBond struct {
	Repo        string `json:"repo,omitempty"`
	Attestation string `json:"attestation,omitempty"`

	// What the token says by which it proves itself: who issued it, for whom, and of
	// which workload.
	Issuer   string `json:"issuer,omitempty"`
	Audience string `json:"audience,omitempty"`
	Subject  string `json:"subject,omitempty"`
}

// A MachineCredential says how a machine identity proves itself, and where the
// secret is kept, if there is one. It never holds it.
type MachineCredential struct {
	Name      string    `json:"name,omitempty"` // credential, where there is only one
	Type      string    `json:"type,omitempty" jsonschema:"enum=federated,enum=certificate,enum=key-pair,enum=client-secret,enum=token,enum=api-key,enum=cloud-key,enum=password"`
	Ref       string    `json:"ref,omitempty"`       // SCHEME:WHERE
	Connector string    `json:"connector,omitempty"` // the target that it opens
	Issued    time.Time `json:"issued,omitzero"`     // or last changed, as far as the register knows
	MaxAge    Duration  `json:"maxAge,omitempty" some:""`
}

// A Vendor is who a third party's machine identity belongs to.
type Vendor struct {
	Name        string    `json:"name,omitempty"`
	ContractEnd time.Time `json:"contractEnd,omitzero"`
	Scopes      []string  `json:"scopes,omitempty"` // what it may do here
}

// Offboarding says what becomes of a machine identity whose workload or owner is
// gone.
type Offboarding struct {
	OnWorkloadGone  string   `json:"onWorkloadGone,omitempty" jsonschema:"enum=revoke,enum=suspend"`
	UnseenFor       Duration `json:"unseenFor,omitempty" some:""` // not seen for so long it is gone; none: silence says nothing
	OnOwnerGone     string   `json:"onOwnerGone,omitempty" jsonschema:"enum=reassign,enum=revoke"`
	GraceToReassign Duration `json:"graceToReassign,omitempty" some:""`
}

// graceToReassign is how long a machine has to find an owner, where nobody says.
const graceToReassign = Duration(14 * 24 * time.Hour)

// Grace returns how long somebody may take to name another owner: no time, where
// access is to end with the owner.
func (o Offboarding) Grace() time.Duration {
	switch {
	case o.OnOwnerGone == actionRevoke:
		return 0
	case o.GraceToReassign > 0:
		return time.Duration(o.GraceToReassign)
	}
	return time.Duration(graceToReassign)
}

// federated is the type of a credential without a secret: the workload proves
// itself by where it runs.
const federated = "federated"

// static are the types of a credential that is a secret somebody can carry away.
var static = []string{"client-secret", "token", "api-key", "cloud-key", "password"}

// Static reports whether the credential is a secret that somebody can carry away.
func (m MachineCredential) Static() bool { return slices.Contains(static, m.Type) }

// Rotates reports whether there is anything about it that can get old.
func (m MachineCredential) Rotates() bool { return m.Type != federated }

// Inventory returns the credentials of a machine identity, each with a name.
func (s NHISpec) Inventory() []MachineCredential {
	all := slices.Clone(s.Credentials)
	if s.Credential != nil {
		all = append(all, *s.Credential)
	}
	for i := range all {
		if all[i].Name == "" {
			all[i].Name = "credential"
		}
	}
	return all
}

// Being returns what kind of identity it is.
func (s NHISpec) Being() schema.Kind {
	switch s.Kind {
	case "agent":
		return schema.Agent
	case "workload":
		return schema.Workload
	}
	return schema.Service
}

// Machines returns the register of machine identities, by name: those that are in
// order.
func (b *Book) Machines() []*NHI { return b.machines }

// Machine returns an entry of the register by its name, in any case. Of one that is
// not in order it returns what is wrong with it.
func (b *Book) Machine(name string) (n *NHI, wrong Findings) {
	name = strings.ToLower(name)
	i, ok := slices.BinarySearchFunc(b.machines, name, func(n *NHI, name string) int {
		return strings.Compare(strings.ToLower(n.Metadata.Name), name)
	})
	if ok {
		return b.machines[i], nil
	}
	return nil, b.unregistered[name]
}
