package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

const (
	attempts = 4               // at planning one Apply, each because the target was not as remembered
	notYet   = 5 * time.Minute // until somebody else may have made an account
)

// errAgain says that the target is not as remembered, that the move now knows
// how it is, and that the steps have to be planned anew.
var errAgain = errors.New("plan again")

// Apply makes the account as wanted. See connectors.Connector.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	want.Attributes = c.fit(want.Attributes)
	m := &move{Connector: c, is: have, want: want}
	m.ends = have.Exists() && have.Active && !want.Active && m.severally()
	err := m.run(ctx)
	if err != nil && connectors.IsUnnamed(have.RemoteID) && !m.is.Exists() {
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
	ends bool // it is to be disabled whatever it looks like: see severally
}

// severally reports whether an account is disabled by several requests. One that
// looks disabled may then be so by the first alone, and what the others end, such as
// sessions, goes on: all of them are made again until they were all answered.
func (m *move) severally() bool { return len(m.d.Accounts.Disable) > 1 }

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
		steps := m.plan()
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

// plan returns the steps. The attributes of an account that others make are
// theirs: they are what it is found by, and no more.
func (m *move) plan() []connectors.Step {
	want := m.want
	if m.d.Accounts.Elsewhere && m.is.Exists() {
		want.Attributes = nil
	}
	steps := connectors.Plan(m.is, want)
	disables := func(s connectors.Step) bool { return s.Verb == connectors.Disable }
	if m.ends && m.is.Exists() && !slices.ContainsFunc(steps, disables) {
		steps = append(steps, connectors.Step{Verb: connectors.Disable})
	}
	return steps
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
		return m.hold(ctx, step.Entitlements, false)
	case connectors.Disable:
		return m.disable(ctx)
	case connectors.Create:
		return m.create(ctx)
	case connectors.Update:
		return m.update(ctx, step.Attributes)
	case connectors.Enable:
		return m.enable(ctx)
	case connectors.Grant:
		return m.hold(ctx, step.Entitlements, true)
	}
	return nil
}

// hold gives the account each of the entitlements, or takes it away. One that is
// refused does not keep the others from being written.
func (m *move) hold(ctx context.Context, names []string, in bool) error {
	var failed []error
	for _, full := range names {
		if full == m.o.Profile.Account {
			continue // it comes with the account, and goes with it
		}
		err := m.change(ctx, full, in)
		if err != nil && refuses(err) {
			// Perhaps because the account is not there any longer, or holds it, or
			// holds it not, as is wanted: that alone is no failure.
			if lookErr := m.look(ctx); lookErr == nil && !m.is.Exists() {
				return errAgain
			} else if lookErr == nil && m.is.Holds(full) == in {
				err = nil
			}
		}
		switch {
		case err != nil:
			failed = append(failed, fmt.Errorf("entitlement %q: %w", full, err))
		case in:
			m.is.Entitlements = schema.Sorted(append(slices.Clone(m.is.Entitlements), full)...)
		default:
			m.is.Entitlements = slices.DeleteFunc(slices.Clone(m.is.Entitlements), func(e string) bool { return e == full })
		}
	}
	return connectors.Worst(failed)
}

func (m *move) change(ctx context.Context, full string, in bool) error {
	k, name := m.kindOf(full)
	if k == nil {
		if !in {
			return nil // what the target cannot have, nobody holds
		}
		return permanent("the declaration knows no such kind: names begin with %s", m.prefixes())
	}
	return k.change(ctx, m.is.RemoteID, name, in)
}

func (c *Connector) prefixes() string {
	var all []string
	for _, k := range c.kinds {
		all = append(all, fmt.Sprintf("%q", k.Prefix))
	}
	return strings.Join(all, " or ")
}

func (m *move) disable(ctx context.Context) error {
	if m.o.Profile.Irreversible && !m.o.AllowIrreversible {
		return permanent("disabling cannot be undone at this target: allow it with allowIrreversible")
	}
	if m.d.Accounts.Elsewhere {
		return m.release(ctx)
	}
	_, err := m.Connector.run(ctx, m.d.Accounts.Disable, m.vars(variables{"id": m.is.RemoteID}))
	if err := m.certain(ctx, err); err != nil {
		if isMissing(err) {
			m.gone()
			return errAgain
		}
		return err
	}
	m.ends = false
	if m.o.Profile.Deactivate == connectors.DeactivateDelete || m.o.Profile.Irreversible {
		m.gone()
	}
	m.is.Active = false
	m.is.Entitlements = m.withAccount(m.is.Entitlements, false)
	return nil
}

// release lets go of an account that others make and disable, once it is read
// back that it holds nothing of ours.
func (m *move) release(ctx context.Context) error {
	managed := slices.Clone(m.is.Managed)
	if err := m.look(ctx); err != nil {
		return err
	}
	for _, name := range managed {
		if m.is.Holds(name) && name != m.o.Profile.Account {
			return transient("the target acknowledged, but read back the account still holds %q", name)
		}
	}
	m.gone()
	return nil
}

func (m *move) enable(ctx context.Context) error {
	if m.d.Accounts.Elsewhere {
		return &connectors.Error{Kind: connectors.Transient, After: notYet, Err: errors.New("the account is disabled by whoever makes accounts there: it is given nothing until it is active")}
	}
	_, err := m.Connector.run(ctx, m.d.Accounts.Enable, m.vars(variables{"id": m.is.RemoteID}))
	if err := m.certain(ctx, err); err != nil {
		if isMissing(err) {
			m.gone()
			return errAgain
		}
		return err
	}
	m.is.Active = true
	m.is.Entitlements = m.withAccount(m.is.Entitlements, true)
	return nil
}

func (m *move) update(ctx context.Context, changed map[string]string) error {
	all := map[string]string{}
	maps.Copy(all, m.is.Attributes)
	maps.Copy(all, changed)
	if err := m.fixed(changed); err != nil {
		if !m.seen && m.look(ctx) == nil {
			return errAgain // perhaps it is not as remembered
		}
		return err
	}
	_, err := m.Connector.run(ctx, m.d.Accounts.Update, m.vars(variables{
		"id": m.is.RemoteID, "attributes": m.filled(all), "changed": changed,
	}))
	err = m.certain(ctx, err)
	switch {
	case isMissing(err):
		m.gone()
		return errAgain
	case err != nil && refuses(err) && !m.seen && m.look(ctx) == nil:
		return errAgain // it was not as remembered, perhaps
	case err != nil:
		return err
	}
	m.is.Attributes = all
	return nil
}

// fixed returns an error if one of the attributes cannot be changed.
func (m *move) fixed(changed map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		if slices.Contains(m.d.Account.Fixed, name) || len(m.d.Accounts.Update) == 0 {
			return permanent("the target cannot change %s of an account: change it there by hand, or make another account", name)
		}
	}
	return nil
}

// create finds the account, or makes it.
func (m *move) create(ctx context.Context) error {
	found, err := m.find(ctx, m.want.Attributes)
	if err != nil || found != nil {
		return m.adopt(ctx, found, err)
	}
	if m.d.Accounts.Elsewhere {
		return &connectors.Error{Kind: connectors.Transient, After: notYet, Err: errors.New("the target has no such account yet, and others make accounts there")}
	}
	attributes := m.filled(m.want.Attributes)
	if attributes["userName"] == "" {
		return permanent("the person has no %s, which is the user name here", cmp.Or(m.o.Options["userNameFrom"], "userName"))
	}
	answer, err := m.Connector.run(ctx, m.d.Accounts.Create, m.vars(variables{"attributes": attributes}))
	if err != nil && connectors.KindOf(err) == connectors.Exists {
		found, findErr := m.find(ctx, m.want.Attributes)
		if findErr == nil && found == nil {
			return err
		}
		return m.adopt(ctx, found, findErr)
	}
	if err != nil {
		return astray(err)
	}
	id, err := m.made(answer, attributes)
	if err != nil {
		return err
	}
	m.is.RemoteID, m.is.Active, m.is.Entitlements = id, true, m.withAccount(nil, true)
	m.is.Attributes = maps.Clone(m.want.Attributes)
	m.seen = true
	return nil
}

// made returns the id of the account that was made.
func (m *move) made(answer any, attributes map[string]string) (id string, err error) {
	if m.d.Accounts.ID.given() {
		id, err = m.d.Accounts.ID.words(m.vars(variables{"answer": answer, "attributes": attributes}))
	} else {
		id, err = m.idOf(answer)
	}
	if err != nil || id == "" {
		return "", transient("the target says that it made the account, and not its id: %w", orEmpty(err))
	}
	return id, nil
}

// adopt takes the account over that was found, as it is.
func (m *move) adopt(ctx context.Context, found any, err error) error {
	if err != nil {
		return err
	}
	if _, err := m.claim(ctx, found); err != nil {
		return err
	}
	if err := m.become(ctx, found, nil); err != nil {
		return err
	}
	m.is.Adopted = true
	return errAgain
}
