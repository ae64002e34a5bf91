package rest

import (
	"context"
	"maps"
	"slices"
	"time"

	"drawbridge/connectors"
)

// lookAfter is how long to look at what came of a call that got no answer.
const lookAfter = 5 * time.Second

// look finds out what is there.
func (m *move) look(ctx context.Context) error {
	var found any
	var err error
	if connectors.IsUnnamed(m.is.RemoteID) {
		found, err = m.find(ctx, m.is.Attributes)
	} else {
		found, err = m.fetch(ctx, m.is.RemoteID)
	}
	switch {
	case isMissing(err), err == nil && found == nil:
		m.gone()
		return nil
	case err != nil:
		return err
	}
	if others, _ := m.claim(ctx, found); others {
		m.gone() // ours was not made, or has another name by now
		return nil
	}
	return m.become(ctx, found, append([]string{}, slices.Concat(m.is.Entitlements, m.is.Managed, m.want.Entitlements)...))
}

// become takes over what is there: of entitlements that are asked for one by one
// those with the names, or all.
func (m *move) become(ctx context.Context, found any, names []string) error {
	account, err := m.described(ctx, found, names)
	if err != nil {
		return err
	}
	m.is.RemoteID, m.is.Active = account.RemoteID, account.Active
	m.is.Attributes, m.is.Entitlements = account.Attributes, account.Entitlements
	m.seen = true
	return nil
}

// claim finds out whether the account that was found is another identity's.
func (m *move) claim(ctx context.Context, found any) (others bool, err error) {
	id, err := m.idOf(found)
	if err != nil {
		return false, err
	}
	return connectors.Claim(ctx, m.is, m.want, id)
}

// gone forgets an account that is not there.
func (m *move) gone() {
	m.is.Adopted = false
	m.is.RemoteID, m.is.Active, m.is.Attributes, m.is.Entitlements = "", false, nil, nil
	m.seen = true
}

// settle finds out what came of a step that failed, where that is not certain.
// If it cannot be found out now, the account is left in doubt.
func (m *move) settle(ctx context.Context, step connectors.Step, err error) {
	if !uncertain(err) {
		return
	}
	if step.Verb == connectors.Create {
		m.is.RemoteID, m.is.Attributes = connectors.Unnamed(m.want.Attributes["userName"]), maps.Clone(m.want.Attributes)
	}
	looking, cancel := context.WithTimeout(ctx, lookAfter)
	defer cancel()
	if err := m.look(looking); err != nil || step.Verb == connectors.Disable && m.severally() && m.is.Exists() {
		m.doubt(step)
	}
}

// doubt makes the account one of which it is not known what is there. It says
// so by being active, so that a wish to have it disabled is a step to take, and
// by having no attributes, so that any other wish is; and it holds whatever it
// may hold, so that all of it stays managed. Only an account without a known id
// keeps its attributes, to be found by.
func (m *move) doubt(step connectors.Step) {
	m.is.Active = true
	if !connectors.IsUnnamed(m.is.RemoteID) {
		m.is.Attributes = nil
	}
	if step.Verb == connectors.Grant {
		m.is.Entitlements = append(slices.Clone(m.is.Entitlements), step.Entitlements...)
	}
}

// doubtful reports whether the account is there, or may be, and nobody knows how.
func (m *move) doubtful() bool {
	return m.is.Exists() && (len(m.is.Attributes) == 0 || connectors.IsUnnamed(m.is.RemoteID))
}
