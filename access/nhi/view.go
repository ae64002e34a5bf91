// Package nhi shows how machine identities stand: what is known of each, and what all of them
// are at risk of. It only looks; what people decide about machines is in access.
package nhi

import (
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A MachineView is how one machine identity stands: what the register and its sources
// say of it, who answers, what it holds, and what it is at risk of now.
type MachineView struct {
	Identity   string      `json:"identity"`
	UserName   string      `json:"userName"`
	Kind       schema.Kind `json:"kind"`
	Registered bool        `json:"registered"` // the register has an entry of it that is in order

	Purpose     string   `json:"purpose,omitempty"`
	Environment string   `json:"environment,omitempty"`
	UsedBy      []string `json:"usedBy,omitempty"`

	Owner      string    `json:"owner,omitempty"`
	OwnerIs    string    `json:"ownerIs"` // here, left or unknown
	Deputy     string    `json:"deputy,omitempty"`
	DeputyIs   string    `json:"deputyIs,omitempty"`
	Assigned   time.Time `json:"assigned,omitzero"`   // since when it is people who said so, and not the register
	ReassignBy time.Time `json:"reassignBy,omitzero"` // its access ends then unless another owner is named

	Workload map[string]any `json:"workload,omitempty"` // what is known of it
	Vendor   *policy.Vendor `json:"vendor,omitempty"`
	Stopped  time.Time      `json:"stopped,omitzero"`

	Holds       []MachineHolding `json:"holds"`
	Credentials []CredentialView `json:"credentials"`
	Risks       []policy.AtRisk  `json:"risks"`
	DryRun      bool             `json:"dryRun,omitempty"`

	claims policy.WorkloadBond
	review *policy.MachineReview
}

// A MachineHolding is one entitlement that a machine holds, and when it was last used, as far
// as anybody tells.
type MachineHolding struct {
	Entitlement string    `json:"entitlement"` // connector/id
	Since       time.Time `json:"since"`
	LastUsed    time.Time `json:"lastUsed,omitzero"`
	ToldBy      string    `json:"toldBy,omitempty"` // who says so: source/NAME, or connector/NAME where it is the target itself
	Privileged  bool      `json:"privileged,omitempty"`
}

// A CredentialView is how one credential of a machine stands. Ref says where the secret
// is kept; the secret itself the bridge never has.
type CredentialView struct {
	Name   string    `json:"name"`
	Type   string    `json:"type"`
	Ref    string    `json:"ref,omitempty"`
	Opens  string    `json:"opens,omitempty"` // the connector
	Since  time.Time `json:"since,omitzero"`  // when it was changed last; of one of which nobody knows, since when the machine is
	Known  bool      `json:"known"`
	MaxAge string    `json:"maxAge,omitempty"`
	Due    time.Time `json:"due,omitzero"`
	Why    string    `json:"why,omitempty"` // why it is to be changed now
}

// View returns how a machine identity stands.
func View(r store.Reader, book *policy.Book, identity string) (MachineView, error) {
	f, _, err := access.GatherAll(r, book, identity)
	if err != nil {
		return MachineView{}, err
	}
	return view(book, f, r.Now()), nil
}

func view(book *policy.Book, f policy.Facts, now time.Time) MachineView {
	f.About = schema.RolesHeld(f.Held)
	a := book.Evaluate(f, now)
	v := MachineView{
		Identity: f.Identity.ID, UserName: f.Identity.UserName, Kind: f.Identity.Kind, Stopped: f.Machine.Stopped,
		Workload: map[string]any{}, Holds: []MachineHolding{}, Credentials: []CredentialView{}, Risks: a.Risks,
	}
	if v.Risks == nil {
		v.Risks = []policy.AtRisk{}
	}
	v.Owner, v.Deputy = book.Stewards(f)
	v.OwnerIs = presenceWords[f.Owner]
	if v.Deputy != "" {
		v.DeputyIs = presenceWords[f.Deputy]
	}
	if stated, _ := book.Stated(f); stated != v.Owner {
		v.Assigned = f.Machine.Assigned
	}
	for _, firing := range a.Firings {
		if firing.Role == "" && firing.Action == "reassign" {
			v.ReassignBy = firing.Due
		}
	}
	for name, value := range book.Values(f) {
		if name, is := strings.CutPrefix(name, "workload."); is {
			v.Workload[name] = value
		}
	}
	v.enter(book, f)
	v.hold(book, f, now)
	for _, s := range a.Secrets {
		c := CredentialView{Name: s.Name, Type: s.Type, Ref: s.Ref, Opens: s.Connector, Known: s.Known, Due: s.Due, Why: s.Why, Since: s.Since}
		if s.MaxAge > 0 {
			c.MaxAge = s.MaxAge.String()
		}
		v.Credentials = append(v.Credentials, c)
	}
	return v
}

var presenceWords = map[schema.Presence]string{schema.Unheard: "unknown", schema.Present: "here", schema.Departed: "left"}

// enter adds what the register says.
func (v *MachineView) enter(book *policy.Book, f policy.Facts) {
	n, _ := book.Registered(f)
	if n == nil {
		v.Environment, _ = v.Workload["environment"].(string)
		return
	}
	v.Registered, v.Purpose, v.Environment, v.UsedBy = true, n.Spec.Purpose, n.Spec.Environment, n.Spec.UsedBy
	v.Vendor, v.claims, v.review = n.Spec.Vendor, n.Spec.Workload, n.Spec.Review
}

// hold adds what it holds, and when that was used.
func (v *MachineView) hold(book *policy.Book, f policy.Facts, now time.Time) {
	for _, line := range f.Held {
		h := MachineHolding{Entitlement: line.Ref(), Since: line.Since}
		for _, e := range book.Effective(line.Ref()) {
			h.Privileged = h.Privileged || e.Privileged
		}
		used := book.LastUse(f.Uses, f.Feeds, line.Connector, line.Entitlement, now)
		h.LastUsed, h.ToldBy = used.Last, used.By
		v.Holds = append(v.Holds, h)
	}
}

// All yields how each machine identity stands, by id, from behind one.
func All(r store.Reader, book *policy.Book, after ...string) func(yield func(MachineView, error) bool) {
	return func(yield func(MachineView, error) bool) {
		for m, err := range store.Machines.From(r, after...) {
			if err != nil {
				yield(MachineView{}, err)
				return
			}
			f, _, err := access.GatherAll(r, book, m.Identity)
			if err != nil {
				yield(MachineView{}, err)
				return
			}
			if f.Into != "" || f.Identity.Gone() || !policy.IsMachine(f.Identity.Kind) {
				continue
			}
			if !yield(view(book, f, r.Now()), nil) {
				return
			}
		}
	}
}
