package connectors

import (
	"maps"
	"slices"

	"drawbridge/schema"
)

// A Verb is what one step does.
type Verb int

// The steps, in the order in which they are taken: access ends before anything
// else happens, at one stroke where nobody wants the account active, and begins
// only when the account is ready for it.
const (
	Disable Verb = iota
	Revoke
	Create
	Update
	Enable
	Grant
)

// String returns the verb in lower case.
func (v Verb) String() string {
	return [...]string{"disable", "revoke", "create", "update", "enable", "grant"}[v]
}

// A Step is one thing to do to one account.
type Step struct {
	Verb         Verb
	Entitlements []string          // of Revoke and Grant: the target's names, sorted
	Attributes   map[string]string // of Create and Update: what to write; an empty value clears
}

// Ends reports whether the step takes access away.
func (s Step) Ends() bool { return s.Verb == Revoke || s.Verb == Disable }

// Plan returns the steps that turn have into want. Only entitlements that have
// says are managed are revoked, an account nobody wants active is not created,
// and nothing is granted to an account that will not be active. An account that
// may be there, and whose id is not known, is told everything: what is remembered
// of it is what it may be.
func Plan(have, want schema.Account) []Step {
	var steps []Step
	if !want.Active && have.Exists() && have.Active {
		steps = append(steps, Step{Verb: Disable})
	}
	if gone := minus(intersect(have.Entitlements, have.Managed), want.Entitlements); len(gone) > 0 {
		steps = append(steps, Step{Verb: Revoke, Entitlements: gone})
	}
	if !want.Active {
		return steps
	}
	unnamed := IsUnnamed(have.RemoteID)
	if !have.Exists() || unnamed {
		steps = append(steps, Step{Verb: Create, Attributes: maps.Clone(want.Attributes)})
	} else {
		if changed := changes(have.Attributes, want.Attributes); len(changed) > 0 {
			steps = append(steps, Step{Verb: Update, Attributes: changed})
		}
		if !have.Active {
			steps = append(steps, Step{Verb: Enable})
		}
	}
	if unnamed {
		have.Entitlements = nil
	}
	if missing := minus(want.Entitlements, have.Entitlements); len(missing) > 0 {
		steps = append(steps, Step{Verb: Grant, Entitlements: missing})
	}
	return steps
}

// DisableLast returns the steps with what is revoked before the account is disabled:
// for a target at which nothing can be taken from an account after that.
func DisableLast(steps []Step) []Step {
	last := slices.Clone(steps)
	slices.SortStableFunc(last, func(a, b Step) int {
		switch {
		case a.Verb == Disable && b.Verb == Revoke:
			return 1
		case a.Verb == Revoke && b.Verb == Disable:
			return -1
		}
		return 0
	})
	return last
}

// changes returns what of want differs from have. Attributes that want does not
// name are left alone: they are not ours.
func changes(have, want map[string]string) map[string]string {
	changed := map[string]string{}
	for name, value := range want {
		if have[name] != value {
			changed[name] = value
		}
	}
	return changed
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
