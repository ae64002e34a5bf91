package scim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/connectors/course"
	"drawbridge/schema"
)

// Apply makes the account as wanted. See connectors.Connector.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	want.Attributes = c.fit(want.Attributes)
	m := &move{Connector: c, Course: course.Course{Is: have, Want: want}}
	m.ends = c.signsOut() && have.Exists() && have.Active && !want.Active
	m.begun = connectors.Doubtful(have)
	err := m.Run(ctx, m)
	if m.signedIn != nil && !m.Is.Exists() {
		err = permanent("the account is gone, and what it is signed in with may go on: see there that it ends: %w", m.signedIn)
	}
	if err != nil && m.ends && m.begun && m.Is.Exists() {
		// However disabled it looks, here or in a listing: it is disabled again, and whole.
		m.Doubt(connectors.Step{Verb: connectors.Disable})
	}
	m.Is.Entitlements = schema.Sorted(m.Is.Entitlements...)
	return m.Is, err
}

// A move is one Apply under way.
type move struct {
	*Connector
	course.Course

	ends     bool  // it is to be disabled whatever it looks like: see signsOut
	begun    bool  // it may be disabled in part: what disables was sent, and not refused
	signedIn error // why an account that was taken away may be signed in yet
}

// Plan returns the steps that are left, without what the target has no way to take.
func (m *move) Plan() []connectors.Step {
	steps := m.disabling(m.Course.Plan())
	return slices.DeleteFunc(steps, func(s connectors.Step) bool {
		if s.Verb != connectors.Update {
			return false
		}
		maps.DeleteFunc(s.Attributes, func(name, value string) bool { return m.stays(name, m.Is.Attributes[name], value) })
		return len(s.Attributes) == 0
	})
}

// stays reports whether the target keeps an attribute as it is, whatever is asked of it.
func (c *Connector) stays(name, is, wanted string) bool {
	wishes := c.profile.Attributes
	return slices.Contains(wishes.Fixed, name) || slices.Contains(wishes.Fixed, "*") ||
		slices.Contains(wishes.CaseKept, name) && strings.EqualFold(is, wanted)
}

// Step takes one step.
func (m *move) Step(ctx context.Context, step connectors.Step) error {
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
	if m.profile.Order == connectors.AnyOrder && !m.Seen {
		// The target agrees to a member who is not there, so it is asked before.
		if err := m.Look(ctx); err != nil {
			return err
		}
		return course.ErrAgain
	}
	return m.members(ctx, names, true)
}

// members makes the account a member of each of the groups, or makes it none.
// One group that refuses does not keep the others from being written.
func (m *move) members(ctx context.Context, names []string, in bool) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == m.profile.Account // it comes with the account, and goes with it
	})
	return m.Hold(ctx, m, "group", names, in, func(name string) error { return m.groups.member(ctx, name, m.Is.RemoteID, in) })
}

// Refuses reports whether the target refused, rather than failed.
func (m *move) Refuses(err error) bool {
	_, said := errors.AsType[*refused](err)
	return said && connectors.KindOf(err) != connectors.Transient
}

func (m *move) disable(ctx context.Context) error {
	if m.profile.Irreversible && !m.o.AllowIrreversible {
		return permanent("disabling cannot be undone at this target: allow it with allowIrreversible")
	}
	if m.profile.Irreversible || m.profile.Deactivate == connectors.DeactivateDelete {
		return m.takeAway(ctx)
	}
	err := m.deactivate(ctx)
	if err == nil {
		err = m.signOut(ctx)
	}
	switch {
	case connectors.KindOf(err) == connectors.Gone && err != nil:
		m.Gone()
		return course.ErrAgain
	case err != nil:
		return err
	}
	m.ends, m.Is.Active = false, false
	m.Is.Entitlements = m.withAccount(m.Is.Entitlements, false)
	return nil
}

// takeAway disables an account for good. What it is signed in with is ended before, for
// nobody can be asked to end what was of nobody; but whatever comes of that, who left
// does not keep the account.
func (m *move) takeAway(ctx context.Context) error {
	m.signedIn = m.signOut(ctx)
	if !m.Is.Exists() {
		m.signedIn = nil // there was nobody to sign out
		return course.ErrAgain
	}
	deletes := m.profile.Deactivate == connectors.DeactivateDelete
	var err error
	if deletes {
		err = m.remove(ctx, m.Is.RemoteID)
	} else {
		err = m.deactivate(ctx)
	}
	switch {
	case err != nil && connectors.KindOf(err) == connectors.Gone:
		m.signedIn = nil // nor was there anybody to sign out
	case err != nil && m.signedIn != nil:
		return connectors.Worst([]error{m.signedIn, err})
	case err != nil:
		return err
	case m.signedIn != nil && !deletes:
		return m.signedIn // it is there still, and is asked again
	}
	m.Gone() // and what it held with it
	return course.ErrAgain
}

// deactivate writes that the account is not active.
func (m *move) deactivate(ctx context.Context) error {
	err := m.activate(ctx, m.Is.RemoteID, false)
	m.begun = m.begun || err == nil || uncertain(err)
	return err
}

func (m *move) enable(ctx context.Context) error {
	err := m.activate(ctx, m.Is.RemoteID, true)
	if err != nil && connectors.KindOf(err) == connectors.Gone {
		m.Gone()
		return course.ErrAgain
	}
	if err == nil {
		m.Is.Active = true
		m.Is.Entitlements = m.withAccount(m.Is.Entitlements, true)
	}
	return err
}

func (m *move) update(ctx context.Context, changed map[string]string) error {
	if err := m.writable(m.Want.Attributes); err != nil {
		return err
	}
	err := m.write(ctx, m.Is.RemoteID, changed)
	if err != nil && connectors.KindOf(err) == connectors.Gone {
		m.Gone()
		return course.ErrAgain
	}
	if err != nil && m.Refuses(err) && !m.Seen {
		// Perhaps it is not as remembered, and what was to be changed is not there.
		if lookErr := m.Look(ctx); lookErr == nil {
			return course.ErrAgain
		}
	}
	if err != nil {
		return err
	}
	attributes := map[string]string{}
	maps.Copy(attributes, m.Is.Attributes)
	maps.Copy(attributes, changed)
	m.Is.Attributes = attributes
	return nil
}

// create finds the account, or makes it.
func (m *move) create(ctx context.Context) error {
	if m.profile.Find == connectors.FindFirst || m.Unheard() {
		if found, err := m.find(ctx, m.Want.Attributes); err != nil || found != nil {
			return m.adopt(ctx, found, err)
		}
	}
	if err := m.writable(m.Want.Attributes); err != nil {
		return err
	}
	id, err := m.post(ctx, m.Want.Attributes)
	if err != nil && connectors.KindOf(err) == connectors.Exists {
		found, findErr := m.find(ctx, m.Want.Attributes)
		if findErr == nil && found == nil && m.profile.Hidden && !m.Unheard() {
			return &connectors.Error{Kind: connectors.Exists, Err: fmt.Errorf("%w: the target has such an account and shows none, as it does with those from before: it is adopted there, by hand, or stays as it is", err)}
		}
		if findErr == nil && found == nil {
			return m.Unshown(err)
		}
		return m.adopt(ctx, found, findErr)
	}
	if err != nil {
		return err
	}
	m.Is.RemoteID, m.Is.Active, m.Is.Attributes, m.Is.Entitlements = id, true, maps.Clone(m.Want.Attributes), m.withAccount(nil, true)
	m.Seen = true
	return nil
}

// adopt takes the account over that was found, as it is.
func (m *move) adopt(ctx context.Context, found resource, err error) error {
	if err != nil {
		return err
	}
	if _, err := connectors.Claim(ctx, m.Is, m.Want, m.described(found, nil)); err != nil {
		return err
	}
	if err := m.become(ctx, found, m.groups.asksAbout()...); err != nil {
		return err
	}
	m.Is.Adopted = true
	return course.ErrAgain
}

// Look finds out what is there.
func (m *move) Look(ctx context.Context) error {
	var found resource
	var err error
	if connectors.IsUnnamed(m.Is.RemoteID) {
		found, err = m.find(ctx, m.Is.Attributes)
	} else {
		found, err = m.get(ctx, m.Is.RemoteID)
	}
	switch {
	case err != nil && connectors.KindOf(err) == connectors.Gone:
		m.Gone()
		return nil
	case err == nil && found == nil:
		return m.Nobody()
	case err != nil:
		return err
	}
	if others, _ := connectors.Claim(ctx, m.Is, m.Want, m.described(found, nil)); others {
		m.Gone() // ours was not made, or has another name by now
		return nil
	}
	return m.become(ctx, found)
}

// become takes over what is there, with those of the groups also that are named.
func (m *move) become(ctx context.Context, found resource, also ...string) error {
	account, err := m.account(ctx, found, slices.Concat(m.Is.Entitlements, m.Is.Managed, m.Want.Entitlements, also))
	if err != nil {
		return err
	}
	m.Become(account)
	return nil
}

// Settle finds out what came of a step that failed, where that is not certain.
func (m *move) Settle(ctx context.Context, step connectors.Step, err error) {
	if uncertain(err) {
		m.Course.Settle(ctx, m, step)
	}
}
