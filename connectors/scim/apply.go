package scim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

const (
	attempts  = 4               // at planning one Apply, each because the target was not as remembered
	lookAfter = 5 * time.Second // how long to look at what came of a call that got no answer
)

// errAgain says that the target is not as remembered, that the move now knows
// how it is, and that the steps have to be planned anew.
var errAgain = errors.New("plan again")

// Apply makes the account as wanted. See connectors.Connector.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	want.Attributes = c.fit(want.Attributes)
	m := &move{Connector: c, is: have, want: want, unheard: connectors.IsUnnamed(have.RemoteID)}
	err := m.run(ctx)
	if err != nil && m.unheard && !m.is.Exists() {
		m.is = have // what one search did not show may be there all the same
	}
	m.is.Entitlements = schema.Sorted(m.is.Entitlements...)
	return m.is, err
}

// A move is one Apply under way.
type move struct {
	*Connector
	is   schema.Account // what is there, as far as is known
	want schema.Account
	seen bool // this move has looked at the account, or made it

	// It began with an account that may have been made, by a call that nobody heard
	// the answer of.
	unheard bool
}

func (m *move) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.doubtful() {
		if err := m.look(ctx); err != nil {
			return err
		}
	}
	for range attempts {
		steps := connectors.Plan(m.is, m.want)
		if len(steps) == 0 && m.is.Exists() && !m.seen {
			// Asked although there is nothing to do: what is remembered must be
			// what is doubted.
			if err := m.look(ctx); err != nil {
				return err
			}
			continue
		}
		if err := m.take(ctx, steps); !errors.Is(err, errAgain) {
			return err
		}
	}
	return transient("the account changed at the target each time it was written to")
}

// take takes the steps. What ends access is tried whole, whatever of it fails;
// nothing else is done unless all of it succeeded.
func (m *move) take(ctx context.Context, steps []connectors.Step) error {
	var failed []error
	for _, step := range steps {
		if !step.Ends() && len(failed) > 0 {
			break
		}
		err := m.step(ctx, step)
		if errors.Is(err, errAgain) {
			return err
		}
		if err != nil {
			m.settle(ctx, step, err)
			failed = append(failed, err)
		}
	}
	return connectors.Worst(failed)
}

func (m *move) step(ctx context.Context, step connectors.Step) error {
	switch step.Verb {
	case connectors.Revoke:
		return m.revoke(ctx, step.Entitlements)
	case connectors.Disable:
		return m.disable(ctx)
	case connectors.Create:
		return m.create(ctx)
	case connectors.Update:
		return m.update(ctx, step.Attributes)
	case connectors.Enable:
		return m.enable(ctx)
	case connectors.Grant:
		return m.grant(ctx, step.Entitlements)
	}
	return nil
}

func (m *move) revoke(ctx context.Context, names []string) error {
	return m.members(ctx, names, false)
}

func (m *move) grant(ctx context.Context, names []string) error {
	return m.members(ctx, names, true)
}

// members makes the account a member of each of the groups, or makes it none.
// One group that refuses does not keep the others from being written.
func (m *move) members(ctx context.Context, names []string, in bool) error {
	var failed []error
	for _, name := range names {
		if name == m.profile.Account {
			continue // it comes with the account, and goes with it
		}
		err := m.groups.member(ctx, name, m.is.RemoteID, in)
		if err != nil && refusesIt(err) {
			// Perhaps because the account is not there any longer, or holds it, or
			// holds it not, as is wanted: that alone is no failure.
			if lookErr := m.look(ctx); lookErr == nil && !m.is.Exists() {
				return errAgain
			} else if lookErr == nil && m.is.Holds(name) == in {
				err = nil
			}
		}
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("group %q: %w", name, err))
		case in:
			m.is.Entitlements = schema.Sorted(append(slices.Clone(m.is.Entitlements), name)...)
		default:
			m.is.Entitlements = slices.DeleteFunc(slices.Clone(m.is.Entitlements), func(e string) bool { return e == name })
		}
	}
	return connectors.Worst(failed)
}

// refusesIt reports whether the target refused, rather than failed.
func refusesIt(err error) bool {
	_, said := errors.AsType[*refused](err)
	return said && connectors.KindOf(err) != connectors.Transient
}

func (m *move) disable(ctx context.Context) error {
	deletes := m.profile.Deactivate == connectors.DeactivateDelete
	if m.profile.Irreversible && !m.o.AllowIrreversible {
		return permanent("disabling cannot be undone at this target: allow it with allowIrreversible")
	}
	var err error
	if deletes {
		err = m.remove(ctx, m.is.RemoteID)
	} else {
		err = m.activate(ctx, m.is.RemoteID, false)
	}
	switch {
	case connectors.KindOf(err) == connectors.Gone && err != nil:
		m.gone()
		return errAgain
	case err != nil:
		return err
	case deletes || m.profile.Irreversible:
		m.gone()
	}
	m.is.Active = false
	m.is.Entitlements = m.withAccount(m.is.Entitlements, false)
	return nil
}

func (m *move) enable(ctx context.Context) error {
	err := m.activate(ctx, m.is.RemoteID, true)
	if err != nil && connectors.KindOf(err) == connectors.Gone {
		m.gone()
		return errAgain
	}
	if err == nil {
		m.is.Active = true
		m.is.Entitlements = m.withAccount(m.is.Entitlements, true)
	}
	return err
}

func (m *move) update(ctx context.Context, changed map[string]string) error {
	if err := m.writable(m.want.Attributes); err != nil {
		return err
	}
	err := m.write(ctx, m.is.RemoteID, changed)
	if err != nil && connectors.KindOf(err) == connectors.Gone {
		m.gone()
		return errAgain
	}
	if err != nil && refusesIt(err) && !m.seen {
		// Perhaps it is not as remembered, and what was to be changed is not there.
		if lookErr := m.look(ctx); lookErr == nil {
			return errAgain
		}
	}
	if err != nil {
		return err
	}
	attributes := map[string]string{}
	maps.Copy(attributes, m.is.Attributes)
	maps.Copy(attributes, changed)
	m.is.Attributes = attributes
	return nil
}

// create finds the account, or makes it.
func (m *move) create(ctx context.Context) error {
	if m.profile.Find == connectors.FindFirst {
		if found, err := m.find(ctx, m.want.Attributes); err != nil || found != nil {
			return m.adopt(ctx, found, err)
		}
	}
	if err := m.writable(m.want.Attributes); err != nil {
		return err
	}
	id, err := m.post(ctx, m.want.Attributes)
	if err != nil && connectors.KindOf(err) == connectors.Exists {
		found, findErr := m.find(ctx, m.want.Attributes)
		if findErr == nil && found == nil && m.unheard {
			return transient("the account was made, it seems, and is not shown yet: %w", err)
		}
		if findErr == nil && found == nil {
			return err
		}
		return m.adopt(ctx, found, findErr)
	}
	if err != nil {
		return err
	}
	m.is.RemoteID, m.is.Active, m.is.Attributes, m.is.Entitlements = id, true, maps.Clone(m.want.Attributes), m.withAccount(nil, true)
	m.seen = true
	return nil
}

// adopt takes the account over that was found, as it is.
func (m *move) adopt(ctx context.Context, found resource, err error) error {
	if err != nil {
		return err
	}
	if _, err := connectors.Claim(ctx, m.is, m.want, found.id()); err != nil {
		return err
	}
	if err := m.become(ctx, found); err != nil {
		return err
	}
	m.is.Adopted = true
	return errAgain
}

// look finds out what is there.
func (m *move) look(ctx context.Context) error {
	var found resource
	var err error
	if connectors.IsUnnamed(m.is.RemoteID) {
		found, err = m.find(ctx, m.is.Attributes)
	} else {
		found, err = m.get(ctx, m.is.RemoteID)
	}
	switch {
	case err != nil && connectors.KindOf(err) == connectors.Gone, err == nil && found == nil:
		m.gone()
		return nil
	case err != nil:
		return err
	}
	if others, _ := connectors.Claim(ctx, m.is, m.want, found.id()); others {
		m.gone() // ours was not made, or has another name by now
		return nil
	}
	return m.become(ctx, found)
}

func (m *move) become(ctx context.Context, found resource) error {
	account, err := m.account(ctx, found, slices.Concat(m.is.Entitlements, m.is.Managed, m.want.Entitlements))
	if err != nil {
		return err
	}
	m.is.RemoteID, m.is.Active = account.RemoteID, account.Active
	m.is.Attributes, m.is.Entitlements = account.Attributes, account.Entitlements
	m.seen = true
	return nil
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
		m.unnamed()
	}
	looking, cancel := context.WithTimeout(ctx, lookAfter)
	defer cancel()
	switch lookErr := m.look(looking); {
	case lookErr != nil:
		m.doubt(step)
	case step.Verb == connectors.Create && !m.is.Exists():
		// A search may be behind what was made just now: the next Apply looks again
		// before it believes that there is nobody.
		m.unnamed()
		m.doubt(step)
	}
}

// unnamed makes the account one that may have been made.
func (m *move) unnamed() {
	m.is.RemoteID, m.is.Attributes = connectors.Unnamed(m.want.Attributes["userName"]), maps.Clone(m.want.Attributes)
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
