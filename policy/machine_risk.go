package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// An AtRisk is one reason why a machine identity is at one of the ten risks now: what
// only data can tell, and what documents say and nobody accepted.
type AtRisk struct {
	Risk   RiskID `json:"risk"`
	Object string `json:"object"` // what of it: owner, workload, credential/NAME, CONNECTOR/ENTITLEMENT, ...
	Reason string `json:"reason"`
}

const (
	unusedFor    = 90 * day // after which what a machine holds and does not use is too much
	contractSoon = 30 * day // before which the end of a contract is told
)

// risks gathers what a machine is at risk of.
type risks struct {
	*evaluation
	all []AtRisk
}

func (r *risks) at(risk RiskID, object, format string, args ...any) {
	r.all = append(r.all, AtRisk{risk, object, fmt.Sprintf(format, args...)})
}

// written is at, of what documents say: it is not told while an exception accepts it.
func (r *risks) written(risk RiskID, object, format string, args ...any) {
	ended := time.Time{}
	for _, x := range r.book.exceptions {
		if x.Spec.Waives.Risk != risk || !strings.EqualFold(x.Spec.Waives.NHI, r.entry.Metadata.Name) {
			continue
		}
		r.soon(x.Spec.ApprovedAt)
		r.soon(x.Spec.Expires)
		if !r.now.Before(x.Spec.ApprovedAt) && r.now.Before(x.Spec.Expires) {
			return
		}
		ended = later(ended, x.Spec.Expires)
	}
	if !ended.IsZero() && !ended.After(r.now) {
		format, args = format+"; that it is accepted ended on %s", append(args, ended.UTC().Format(time.DateOnly))
	}
	r.at(risk, object, format, args...)
}

// atRisk works out what a machine identity is at risk of.
func (e *evaluation) atRisk() {
	f := e.facts
	if !IsMachine(f.Identity.Kind) || f.Identity.Gone() || f.Into != "" {
		return
	}
	r := risks{evaluation: e}
	r.offboarding()
	r.environment()
	r.holdings()
	r.sightings()
	for _, s := range e.secrets {
		r.secret(s)
	}
	if e.entry != nil {
		r.register()
	}
	for _, other := range f.Shares {
		r.at(RiskReuse, "shared", "%s", other)
	}
	slices.SortStableFunc(r.all, func(a, b AtRisk) int {
		return cmp.Or(cmp.Compare(a.Risk, b.Risk), cmp.Compare(a.Object, b.Object))
	})
	e.access.Risks = r.all
}

// offboarding is NHI1: nobody answers, or what it is for is gone.
func (r *risks) offboarding() {
	owner, deputy := r.book.Stewards(r.facts)
	for _, s := range r.standings {
		switch s.trigger {
		case triggerOrphaned:
			by := "its access ends on " + s.due.UTC().Format(time.DateOnly) + ", unless another owner is named"
			if s.action == actionRevoke {
				by = "its access ended on " + s.due.UTC().Format(time.DateOnly)
			}
			switch {
			case owner == "":
				r.at(RiskOffboarding, "owner", "nobody answers for it; %s", by)
			case r.facts.Owner == schema.Departed && r.facts.Deputy == schema.Present:
				r.at(RiskOffboarding, "owner", "its owner %s left, and the deputy %s answers; %s", owner, deputy, by)
			case r.facts.Owner == schema.Departed:
				r.at(RiskOffboarding, "owner", "its owner %s left, and no deputy is there; %s", owner, by)
			default:
				r.at(RiskOffboarding, "owner", "its owner %s is nobody of whom a source tells; %s", owner, by)
			}
		case triggerGone:
			r.at(RiskOffboarding, "workload", "what it is for is gone")
		case triggerRefused:
			r.at(RiskOffboarding, "register", "its entry in the register is not in order: nothing new is given")
		}
	}
	if owner != "" && deputy != "" && r.facts.Deputy == schema.Departed {
		r.at(RiskOffboarding, "deputy", "its deputy %s left", deputy)
	}
}

// register is what the register says that somebody is to decide about.
func (r *risks) register() {
	n, name := r.entry, r.entry.Metadata.Name
	if used := len(n.Spec.UsedBy); used > 1 {
		r.written(RiskReuse, "usedBy", "it is used by %d: %s", used, strings.Join(n.Spec.UsedBy, ", "))
	}
	if claims := r.mismatch(); len(claims) > 0 {
		r.at(RiskDeployment, "claims", "what goes by the name %s says of itself another %s than the register", name, strings.Join(claims, ", "))
	}
	v := n.Spec.Vendor
	if v == nil {
		return
	}
	r.soon(v.ContractEnd.Add(-contractSoon))
	switch day := v.ContractEnd.UTC().Format(time.DateOnly); {
	case !r.now.Before(v.ContractEnd):
		r.at(RiskThirdParty, "contract", "the contract with %s ended on %s", v.Name, day)
	case !r.now.Before(v.ContractEnd.Add(-contractSoon)):
		r.at(RiskThirdParty, "contract", "the contract with %s ends on %s", v.Name, day)
	}
	if n.Spec.Review != nil {
		due := later(r.facts.Identity.Created, r.settled(RiskThirdParty)).Add(time.Duration(n.Spec.Review.Every))
		if r.soon(due); !r.now.Before(due) {
			r.at(RiskThirdParty, "review", "nobody looked at it again since %s", due.Add(-time.Duration(n.Spec.Review.Every)).UTC().Format(time.DateOnly))
		}
	}
	for _, scope := range v.Scopes {
		if strings.Contains(scope, "*") {
			r.written(RiskOverprivileged, "scope/"+scope, "the scope %s of %s is whatever comes to be", scope, v.Name)
		}
	}
}

func (r *risks) settled(risk RiskID) time.Time { return r.facts.Machine.Settled[string(risk)] }

// secret is NHI4, NHI6 and NHI7: how it proves itself, and how old that is.
func (r *risks) secret(s Secret) {
	object := "credential/" + s.Name
	switch {
	case s.Why != "":
		r.at(RiskLongLived, object, "%s of type %s is to be changed: %s", s.Name, s.Type, s.Why)
	case s.Static() && !s.Known:
		r.at(RiskLongLived, object, "when %s of type %s was changed last is not known", s.Name, s.Type)
	case s.Static() && s.MaxAge > goodSecretAge:
		r.written(RiskLongLived, object, "%s of type %s may get %s old", s.Name, s.Type, s.MaxAge)
	}
	switch other := slices.ContainsFunc(r.secrets, func(o Secret) bool { return !o.Static() }); {
	case !s.Static():
	case r.entry.Spec.Workload.proves():
		r.written(RiskDeployment, object, "%s is a %s, and its workload can prove itself", s.Name, s.Type)
	case other:
		r.written(RiskAuthentication, object, "%s is a %s beside what needs no secret", s.Name, s.Type)
	}
	for _, v := range r.access.Verdicts {
		role := r.book.byName[v.Role]
		if v.Outcome != Assigned || role == nil || role.Spec.NHI == nil || role.Spec.NHI.Credential == "" {
			continue
		}
		if want := role.Spec.NHI.Credential; s.Type != want {
			r.at(RiskAuthentication, object, "%s is a %s, and role %s is for what is %s", s.Name, s.Type, v.Role, want)
		}
	}
}

// environment is NHI8: it runs elsewhere than it should, or reaches elsewhere.
func (r *risks) environment() {
	where := r.saidText("environment")
	if n := r.entry; n != nil {
		if where != "" && where != n.Spec.Environment {
			r.at(RiskEnvironment, "workload", "it runs in %s, and is registered for %s", where, n.Spec.Environment)
		}
		where = n.Spec.Environment
	}
	if where == "" {
		return
	}
	for _, line := range r.access.Assignments {
		if e, _ := r.book.byRef(line.Ref()); e.Environment != "" && e.Environment != where {
			r.at(RiskEnvironment, line.Ref(), "it is of %s, and what it holds leads to %s", where, e.Environment)
		}
	}
	for _, v := range r.access.Verdicts {
		role := r.book.byName[v.Role]
		if v.Outcome == Assigned && role != nil && role.Spec.NHI != nil && len(role.Spec.NHI.Environments) > 0 && !slices.Contains(role.Spec.NHI.Environments, where) {
			r.at(RiskEnvironment, "role/"+v.Role, "it is of %s, and role %s is for %s", where, v.Role, strings.Join(role.Spec.NHI.Environments, ", "))
		}
	}
}

// holdings is NHI5: it holds more than its work needs.
func (r *risks) holdings() {
	for _, line := range r.access.Assignments {
		for ref, e := range r.book.effective(line.Ref()) {
			if e.Privileged {
				r.at(RiskOverprivileged, ref, "it holds %s, which is privileged, by %s", ref, strings.Join(line.Because, ", "))
			}
		}
		since, used := r.heldSince(line), r.lastUse(line.Connector, line.Entitlement)
		if since.IsZero() || !used.Seen {
			continue // that it is not used would not be seen
		}
		last := later(since, used.Last)
		over := used.Reckoned(since, r.now).Add(unusedFor)
		if r.soon(over); !r.now.Before(over) {
			r.at(RiskOverprivileged, line.Ref()+" unused", "it holds %s and did not use it since %s", line.Ref(), last.UTC().Format(time.DateOnly))
		}
	}
}

// heldSince returns since when a line is held; zero if it is new.
func (r *risks) heldSince(line schema.Assignment) time.Time {
	for _, held := range r.facts.Held {
		if held.Ref() == line.Ref() {
			return held.Since
		}
	}
	return time.Time{}
}

// sightings are what those who see it at work tell: NHI2, that a secret leaked, and
// NHI10, that a person signed in as it.
func (r *risks) sightings() {
	for _, k := range r.facts.Risks {
		if k.Open && k.Kind == "credential-compromise" {
			r.at(RiskSecretLeakage, "source/"+k.Source, "source %s says that a credential of it is known to others", k.Source)
		}
	}
	for _, u := range r.facts.Uses {
		if u.Interactive.After(r.settled(RiskHumanUse)) {
			r.at(RiskHumanUse, u.Connector, "a person signed in as it at %s on %s", u.Connector, u.Interactive.UTC().Format(time.RFC3339))
		}
	}
}
