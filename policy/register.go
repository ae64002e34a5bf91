package policy

import "time"

// Registers are what is written down beside the roles. Constraints, and the exceptions
// to them, are asked before a role is granted; what the register of machine identities
// says of one stands above all its roles.
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
	Rationale   string     `json:"rationale,omitempty" jsonschema:"required"`
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

// everything reports whether nothing is left out.
func (r Reach) everything() bool { return !r.Privileged && len(r.Entitlements) == 0 }

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
	Reason       string    `json:"reason,omitempty" jsonschema:"required"`
	Compensating []string  `json:"compensating,omitempty"`
	ApprovedBy   []string  `json:"approvedBy,omitempty" jsonschema:"required"`
	ApprovedAt   time.Time `json:"approvedAt,omitzero"`
	Ticket       string    `json:"ticket,omitempty"`
	Expires      time.Time `json:"expires,omitzero" jsonschema:"required"`
	Review       *Recheck  `json:"review,omitempty"`
	OnExpiry     string    `json:"onExpiry,omitempty" jsonschema:"enum=revoke,enum=fallback"`
}

// A Recheck says how often whoever answers for an exception looks at it again, and what
// becomes of it while they have not.
type Recheck struct {
	Every   Duration `json:"every" some:""`
	Within  Duration `json:"within,omitempty" some:""` // how long there is for it
	Overdue string   `json:"overdue,omitempty" jsonschema:"enum=escalate,enum=suspend,enum=revoke"`
}

// A Waiver names the one rule that an exception deviates from: a constraint, the rule of
// a role or how long it may be held, a trigger; of a document, which gate it passes or
// which warning about it is accepted; of a machine identity, which of the ten risks is.
type Waiver struct {
	Constraint string   `json:"constraint,omitempty"`
	Role       string   `json:"role,omitempty"`                         // alone: whoever it is for qualifies
	Duration   Duration `json:"duration,omitempty" some:""`             // for which the role may be held
	Gate       string   `json:"gate,omitempty" jsonschema:"enum=modes"` // that the role's mode may be raised all the same
	Trigger    string   `json:"trigger,omitempty"`                      // SET/NAME, which ends nothing; of the role alone, if one is named
	Lint       Code     `json:"lint,omitempty"`                         // the warning
	Document   string   `json:"document,omitempty"`                     // KIND/NAME that it is about
	NHI        string   `json:"nhi,omitempty"`
	Risk       RiskID   `json:"risk,omitempty" jsonschema:"enum=NHI1:2025,enum=NHI2:2025,enum=NHI3:2025,enum=NHI4:2025,enum=NHI5:2025,enum=NHI6:2025,enum=NHI7:2025,enum=NHI8:2025,enum=NHI9:2025,enum=NHI10:2025"`
}
