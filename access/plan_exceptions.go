package access

import (
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A PlanOrphan is an exception that would allow nothing, or to nobody, or that nobody
// answers for.
type PlanOrphan struct {
	Exception string `json:"exception"` // NAME of a document, or the id of one that was asked for
	Reason    string `json:"reason"`
}

// exceptions adds to a plan the exceptions that would be orphaned, and the accounts of
// nobody.
func (p *planning) exceptions(r store.Reader) error {
	for _, e := range p.to.Exceptions() {
		why, err := p.orphaned(r, e)
		if err != nil {
			return err
		}
		p.orphan(e.Metadata.Name, why)
	}
	for e, err := range store.Exceptions.All(r) {
		if err != nil {
			return err
		}
		if !e.Live(r.Now()) {
			continue
		}
		why := p.nothing(policy.WaiverOf(e), policy.Reach{Entitlements: e.Entitlements})
		id, err := store.Identities.Get(r, e.Identity)
		switch {
		case err != nil && !schema.IsNotFound(err):
			return err
		case why == "" && (err != nil || id.Gone()):
			why = "whom it is for is gone"
		}
		p.orphan(e.ID, why)
	}
	for f, err := range store.Findings.All(r, findingOrphan) {
		if err != nil {
			return err
		}
		p.plan.Coverage.at(f.Connector, Coverage{Ungoverned: 1})
	}
	return nil
}

func (p *planning) orphan(exception, why string) {
	if why != "" {
		p.plan.Orphaned = append(p.plan.Orphaned, PlanOrphan{exception, why})
	}
}

// orphaned says why an exception that is a document allows nothing; nothing if it does.
func (p *planning) orphaned(r store.Reader, e *policy.Exception) (string, error) {
	now := r.Now()
	if !now.Before(e.Spec.Expires) {
		return "it expired at " + instant(e.Spec.Expires), nil
	}
	if why := p.nothing(e.Spec.Waives, e.Spec.Scope); why != "" {
		return why, nil
	}
	if e.Spec.Waives.Personal() {
		if why, err := lacksOwner(r, p.to, e); err != nil || why != "" {
			return why, err
		}
	}
	some := func(names []string, look func(name string) error) (bool, error) {
		for _, name := range names {
			switch err := look(name); {
			case err == nil:
				return true, nil
			case !refusable(err):
				return false, err
			}
		}
		return false, nil
	}
	subject := !e.Spec.Waives.Personal()
	var err error
	if !subject {
		subject, err = some(e.Spec.Subjects, func(name string) error {
			_, err := FindCalled(r, p.to, name)
			return err
		})
	}
	switch {
	case err != nil:
		return "", err
	case !subject:
		return "nobody is called as it says whom it is for: " + strings.Join(e.Spec.Subjects, ", "), nil
	}
	approver, err := some(e.Spec.ApprovedBy, func(name string) error {
		_, err := PersonOf(r, p.to, name)
		return err
	})
	if err == nil && !approver {
		return "nobody is there who allowed it: " + strings.Join(e.Spec.ApprovedBy, ", "), nil
	}
	return "", err
}

// nothing says why what an exception is about is in the policy no more.
func (p *planning) nothing(waives policy.Waiver, scope policy.Reach) string {
	if waives.Constraint != "" {
		if _, ok := p.to.Constraint(waives.Constraint); !ok {
			return "there is no constraint " + waives.Constraint
		}
	}
	if waives.Role != "" {
		if _, ok := p.to.Role(waives.Role); !ok {
			return fmt.Sprintf("role %s is not in force", waives.Role)
		}
	}
	if waives.Trigger != "" && p.to.Waivable(policy.Waiver{Trigger: waives.Trigger}) != nil {
		return "there is no trigger " + waives.Trigger
	}
	known := func(ref string) bool {
		connector, id, _ := strings.Cut(ref, "/")
		_, ok := p.to.Entitlement(connector, id)
		return ok
	}
	if n := len(scope.Entitlements); n > 0 && !slices.ContainsFunc(scope.Entitlements, known) {
		return "no catalogue has what it is about: " + strings.Join(scope.Entitlements, ", ")
	}
	return ""
}
