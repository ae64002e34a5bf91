package rest

import (
	"context"
	"slices"

	"drawbridge/connectors"
)

// Look finds out what is there.
func (m *move) Look(ctx context.Context) error {
	var found any
	var err error
	if connectors.IsUnnamed(m.Is.RemoteID) {
		found, err = m.find(ctx, m.Is.Attributes)
	} else {
		found, err = m.fetch(ctx, m.Is.RemoteID)
	}
	switch {
	case isMissing(err):
		m.Gone()
		return nil
	case err == nil && found == nil:
		return m.Nobody()
	case err != nil:
		return err
	}
	if others, _ := m.claim(ctx, found); others {
		m.Gone() // ours was not made, or has another name by now
		return nil
	}
	return m.become(ctx, found, append([]string{}, slices.Concat(m.Is.Entitlements, m.Is.Managed, m.Want.Entitlements)...))
}

// become takes over what is there: of entitlements that are asked for one by one
// those with the names, or all.
func (m *move) become(ctx context.Context, found any, names []string) error {
	account, err := m.described(ctx, found, names)
	if err != nil {
		return err
	}
	m.Become(account)
	return nil
}

// claim finds out whether the account that was found is another identity's.
func (m *move) claim(ctx context.Context, found any) (others bool, err error) {
	account, err := m.person(found)
	if err != nil {
		return false, err
	}
	return connectors.Claim(ctx, m.Is, m.Want, account)
}

// Settle finds out what came of a step that failed, where that is not certain.
func (m *move) Settle(ctx context.Context, step connectors.Step, err error) {
	if uncertain(err) {
		m.Course.Settle(ctx, m, step)
	}
}
