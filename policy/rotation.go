package policy

import (
	"slices"
	"time"

	"drawbridge/schema"
)

// A Secret is how one credential of a machine identity stands.
type Secret struct {
	MachineCredential
	Since time.Time // when it was changed last, as far as is known
	Known bool      // that is known, and not merely since when the machine is
	Due   time.Time // when it is to be changed; zero: it does not get old
	Why   string    // why it is to be changed now; nothing if it need not be
}

// secrets returns how the credentials of a registered machine stand, where somebody who
// could read them may have left. One changes when somebody says so, or whoever tells of
// the account that it opens.
func secrets(n *NHI, f Facts, exposed, now time.Time) (all []Secret) {
	for _, m := range n.Spec.Inventory() {
		s := Secret{MachineCredential: m, Since: later(m.Issued, f.Machine.Rotated[m.Name])}
		for _, u := range f.Uses {
			if u.Connector == m.Connector && u.Entitlement == "" && m.Connector != "" {
				s.Since = later(s.Since, u.Rotated)
			}
		}
		if s.Known = !s.Since.IsZero(); !s.Known {
			s.Since = f.Identity.Created // it is as old as that at least
		}
		if !exposed.IsZero() && s.Rotates() && s.Since.Before(exposed) {
			s.Why = "somebody who could read it left"
		}
		s.ages(m.MaxAge, "", now)
		all = append(all, s)
	}
	return all
}

// ages has a secret get no older than an age, if it was not to be younger already.
func (s *Secret) ages(most Duration, by string, now time.Time) {
	if most <= 0 || !s.Rotates() || s.MaxAge > 0 && s.MaxAge < most {
		return
	}
	s.MaxAge, s.Due = most, s.Since.Add(time.Duration(most))
	if s.Why == "" && !now.Before(s.Due) {
		s.Why = "it is older than " + most.String() + by
	}
}

// outgrown reports whether a machine has a secret that is older than a role allows.
func (e *evaluation) outgrown(r *compiledRole) bool {
	most := r.secretMaxAge()
	return most > 0 && slices.ContainsFunc(e.secrets, func(s Secret) bool {
		return s.Rotates() && !e.now.Before(s.Since.Add(most))
	})
}

// age has the secrets of a machine get no older than the roles allow that it holds.
func (e *evaluation) age() {
	if len(e.secrets) == 0 {
		return
	}
	for _, v := range e.access.Verdicts {
		r, ok := e.book.byName[v.Role]
		if !ok || v.Outcome != Assigned && !slices.Contains(e.access.Keep, v.Role) {
			continue
		}
		for i := range e.secrets {
			s := &e.secrets[i]
			s.ages(Duration(r.secretMaxAge()), ", and role "+v.Role+" allows no older one", e.now)
			e.soon(s.Due)
		}
	}
	e.access.Secrets = e.secrets
}

// secretMaxAge is how old a secret of who holds a role may get; 0 is any age.
func (r *compiledRole) secretMaxAge() time.Duration {
	if r.Spec.NHI == nil {
		return 0
	}
	return time.Duration(r.Spec.NHI.SecretMaxAge)
}

// rotation asks for other secrets: where one is too old, and where the owner, who
// could read them, left (R-NHI-3, R-NHI-8). That is remembered until all were changed,
// whoever answers for the machine by then.
func (e *evaluation) rotation() {
	if e.entry == nil {
		return
	}
	known, exposed := e.firingOf(triggerRotate)
	if e.facts.Owner == schema.Departed && !exposed {
		known = schema.Firing{Trigger: triggerRotate, Action: actionRotate, Since: e.now}
	}
	e.secrets = secrets(e.entry, e.facts, known.Since, e.now)
	asked, read := false, false
	for _, s := range e.secrets {
		e.soon(s.Due)
		asked = asked || s.Why != ""
		read = read || s.Rotates() && s.Since.Before(known.Since)
	}
	if e.facts.Owner == schema.Departed || read { // one departure is one reason
		e.keep(known)
	}
	if asked {
		e.standings = append(e.standings, standing{trigger: triggerRotate, action: actionRotate})
	}
}

// changedSince reports whether all secrets of the machine at the connectors where a role
// gives something were changed since a trigger asked for it, and when the last of them was.
func (e *evaluation) changedSince(o occasion, since time.Time) (last time.Time, all bool) {
	for _, s := range e.secrets {
		if !s.Rotates() || !slices.ContainsFunc(o.role.Spec.Grants, func(h Holding) bool { return h.Connector == s.Connector }) {
			continue
		}
		if s.Since.Before(since) {
			return last, false
		}
		last, all = later(last, s.Since), true
	}
	return last, all
}
