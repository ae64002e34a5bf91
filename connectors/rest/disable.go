package rest

import (
	"context"

	"drawbridge/connectors"
	"drawbridge/connectors/course"
)

// severally reports whether an account is disabled by several requests. One that
// looks disabled may then be so by the first alone, and what the others end, such as
// sessions, goes on: all of them are made again until they were all answered.
func (m *move) severally() bool { return len(m.d.Accounts.Disable) > 1 }

func (m *move) disable(ctx context.Context) error {
	if m.o.Profile.Irreversible && !m.o.AllowIrreversible {
		return permanent("disabling cannot be undone at this target: allow it with allowIrreversible")
	}
	if m.d.Accounts.Elsewhere {
		return m.release(ctx)
	}
	wrote, failed, err := m.endEach(ctx)
	switch {
	case err != nil:
		return err
	case len(failed) > 0:
		return m.disabledInPart(ctx, wrote, connectors.Worst(failed))
	}
	m.begun, m.ends, m.undone = true, false, nil
	if m.o.Profile.Deactivate == connectors.DeactivateDelete || m.o.Profile.Irreversible {
		m.Gone()
	}
	m.Is.Active = false
	m.Is.Entitlements = m.withAccount(m.Is.Entitlements, false)
	return nil
}

// endEach makes each of the requests that disable, whatever becomes of those whose answer
// it does not go by and that are not needed, unless the account turns out not to be there.
// It reports whether one took effect, and what failed of those about an account that is
// there.
func (m *move) endEach(ctx context.Context) (wrote bool, failed []error, err error) {
	s := m.sequence(m.vars(variables{"id": m.Is.RemoteID}))
	for _, r := range m.d.Accounts.Disable {
		err := s.make(ctx, r)
		if isMissing(err) {
			lookErr := m.Look(ctx)
			switch {
			case lookErr != nil:
				err = lookErr
			case !m.Is.Exists():
				// One that failed may be what removed the account.
				if s.wrote || len(failed) > 1 && uncertain(connectors.Worst(failed)) {
					m.undone = connectors.Worst(failed)
				}
				return s.wrote, failed, course.ErrAgain
			default:
				err = permanent("the account is there, and %w: correct accounts.disable of the profile", err)
			}
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return s.wrote, failed, nil
}

// disabledInPart finds out what is there where some of what disables failed.
func (m *move) disabledInPart(ctx context.Context, wrote bool, failed error) error {
	unclear := uncertain(failed)
	m.begun = m.begun || unclear
	if m.severally() && (wrote || unclear) {
		m.undone = failed
	}
	if unclear || !wrote {
		return failed // Settle looks where nobody can tell
	}
	if err := m.Look(ctx); err != nil {
		m.begun = true
		return connectors.Worst([]error{failed, err})
	}
	if !m.Is.Exists() {
		return course.ErrAgain
	}
	m.begun = m.begun || !m.Is.Active
	return failed
}
