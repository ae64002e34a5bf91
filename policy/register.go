package policy

import "time"

// Registers are the documents that evaluation does not act on. Constraints, and the
// exceptions to them, are asked before a role is granted; the register of machine
// identities is read strictly and checked for what it refers to.
type Registers struct {
	Constraints []*Constraint
	Exceptions  []*Exception
	NHIs        []*NHI
}

// Constraint forbids a combination of entitlements, or demands something of
// whoever holds them.
type Constraint struct {
	Header
	Spec ConstraintSpec `json:"spec"`
}

// ConstraintSpec is the body of a Constraint.
type ConstraintSpec struct {
	Type        string     `json:"type" jsonschema:"enum=separation-of-duties,enum=invariant"`
	Risk        string     `json:"risk,omitempty" jsonschema:"enum=low,enum=moderate,enum=high,enum=critical"`
	Rationale   string     `json:"rationale,omitempty"`
	Conflict    [][]string `json:"conflict,omitempty"` // sides, each a list of connector/id
	AppliesTo   Reach      `json:"appliesTo,omitzero"`
	Require     string     `json:"require,omitempty"` // CEL over identity
	Enforcement string     `json:"enforcement,omitempty" jsonschema:"enum=prevent,enum=detect"`
	Mitigations []string   `json:"mitigations,omitempty"`
}

// A Reach says which entitlements a constraint is about.
type Reach struct {
	Privileged   bool     `json:"privileged,omitempty"`
	Entitlements []string `json:"entitlements,omitempty"`
}

// Exception is a recorded, approved, expiring deviation from a rule.
type Exception struct {
	Header
	Spec ExceptionSpec `json:"spec"`
}

// ExceptionSpec is the body of an Exception.
type ExceptionSpec struct {
	Waives       Waiver    `json:"waives"`
	Subjects     []string  `json:"subjects,omitempty"`
	Scope        Reach     `json:"scope,omitzero"`
	Reason       string    `json:"reason,omitempty"`
	Compensating []string  `json:"compensating,omitempty"`
	ApprovedBy   []string  `json:"approvedBy,omitempty"`
	ApprovedAt   time.Time `json:"approvedAt,omitzero"`
	Ticket       string    `json:"ticket,omitempty"`
	Expires      time.Time `json:"expires,omitzero"`
	Review       *Review   `json:"review,omitempty"`
	OnExpiry     string    `json:"onExpiry,omitempty" jsonschema:"enum=revoke,enum=fallback"`
}

// A Waiver names the rule an exception deviates from.
type Waiver struct {
	Constraint string `json:"constraint,omitempty"`
	Role       string `json:"role,omitempty"`
}

// NHI is the register's entry of one machine identity.
type NHI struct {
	Header
	Spec NHISpec `json:"spec"`
}

// NHISpec is the body of an NHI.
type NHISpec struct {
	Kind        string            `json:"kind" jsonschema:"enum=service-account,enum=api-key,enum=oauth-app,enum=workload,enum=certificate,enum=bot,enum=agent"`
	Purpose     string            `json:"purpose,omitempty"`
	Environment string            `json:"environment,omitempty"`
	Workload    WorkloadBond      `json:"workload,omitzero"`
	Credential  MachineCredential `json:"credential,omitzero"`
	UsedBy      []string          `json:"usedBy,omitempty"`
	ThirdParty  bool              `json:"thirdParty,omitempty"`
	Offboard    Offboarding       `json:"offboard,omitzero"`
}

// A WorkloadBond says which workload a machine identity is.
type WorkloadBond struct {
	Repo        string `json:"repo,omitempty"`
	Attestation string `json:"attestation,omitempty"`
}

// A MachineCredential says how a machine identity proves itself.
type MachineCredential struct {
	Type   string   `json:"type,omitempty"`
	MaxAge Duration `json:"maxAge,omitempty"`
}

// Offboarding says what becomes of a machine identity whose workload or owner is
// gone.
type Offboarding struct {
	OnWorkloadGone  string   `json:"onWorkloadGone,omitempty" jsonschema:"enum=revoke,enum=suspend"`
	OnOwnerGone     string   `json:"onOwnerGone,omitempty" jsonschema:"enum=reassign,enum=revoke"`
	GraceToReassign Duration `json:"graceToReassign,omitempty"`
}
