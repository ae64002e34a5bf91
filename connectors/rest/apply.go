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
	"drawbridge/connectors/course"
	"drawbridge/schema"
)

// notYet is how long to wait until somebody else may have made an account.
const notYet = 5 * time.Minute

// Apply makes the account as wanted. See connectors.Connector.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	want.Attributes = c.fit(want.Attributes)
	m := &move{Connector: c, Course: course.Course{Is: have, Want: want, DisableLast: c.disablesLast()}}
	m.ends = have.Exists() && have.Active && !want.Active && m.severally()
	m.begun = connectors.Doubtful(have)
	err := m.Run(ctx, m)
	if m.undone != nil && !m.Is.Exists() {
		err = permanent("the account is gone, and not all that ends its access was seen to be done: see there that it ended: %w", m.undone)
	}
	if err != nil && m.ends && m.begun && m.Is.Exists() {
		// However disabled it looks, here or in a listing: all of it is done again.
		m.Doubt(connectors.Step{Verb: connectors.Disable})
	}
	m.Is.Entitlements = schema.Sorted(m.Is.Entitlements...)
	return m.Is, err
}

// A move is one Apply under way.
type move struct {
	*Connector
	course.Course

	ends   bool  // it is to be disabled whatever it looks like: see severally
	begun  bool  // it may be disabled in part: what disables was sent, and not refused
	undone error // why what an account that is gone is signed in with, or the like, may go on
}

// disablesLast reports whether what an account holds is taken before it is disabled:
// where others disable it, and the last is to see that it holds nothing of ours; and
// where it is deleted, for whoever gets its name next would hold what is left.
func (c *Connector) disablesLast() bool {
	p := c.o.Profile
	return p.Irreversible || p.Deactivate == connectors.DeactivateDelete || c.d.Accounts.Elsewhere
}

// Plan returns the steps. The attributes of an account that others make are
// theirs: they are what it is found by, and no more.
func (m *move) Plan() []connectors.Step {
	c := m.Course
	if m.d.Accounts.Elsewhere && c.Is.Exists() {
		c.Want.Attributes = nil
	}
	steps := c.Plan()
	disables := func(s connectors.Step) bool { return s.Verb == connectors.Disable }
	if m.ends && m.Is.Exists() && !slices.ContainsFunc(steps, disables) {
		steps = append(steps, connectors.Step{Verb: connectors.Disable})
	}
	return steps
}

// Step takes one step.
func (m *move) Step(ctx context.Context, step connectors.Step) error {
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
	names = slices.DeleteFunc(slices.Clone(names), func(full string) bool {
		return full == m.o.Profile.Account // it comes with the account, and goes with it
	})
	return m.Hold(ctx, m, "entitlement", names, in, func(full string) error { return m.change(ctx, full, in) })
}

// Refuses reports whether the target refused, rather than failed.
func (m *move) Refuses(err error) bool { return refuses(err) }

func (m *move) change(ctx context.Context, full string, in bool) error {
	if err := connectors.Named(m.Is.RemoteID); err != nil {
		return err
	}
	k, name := m.kindOf(full)
	if k == nil {
		if !in {
			return nil // what the target cannot have, nobody holds
		}
		return permanent("the declaration knows no such kind: names begin with %s", m.prefixes())
	}
	return k.change(ctx, m.Is.RemoteID, name, in)
}

func (c *Connector) prefixes() string {
	var all []string
	for _, k := range c.kinds {
		all = append(all, fmt.Sprintf("%q", k.Prefix))
	}
	return strings.Join(all, " or ")
}

// release lets go of an account that others make and disable, once it is read
// back that it holds nothing of ours.
func (m *move) release(ctx context.Context) error {
	managed := slices.Clone(m.Is.Managed)
	if err := m.Look(ctx); err != nil {
		return err
	}
	for _, name := range managed {
		if m.Is.Holds(name) && name != m.o.Profile.Account {
			return transient("the target acknowledged, but read back the account still holds %q", name)
		}
	}
	m.Gone()
	return nil
}

func (m *move) enable(ctx context.Context) error {
	if m.d.Accounts.Elsewhere {
		return &connectors.Error{Kind: connectors.Transient, After: notYet, Err: errors.New("the account is disabled by whoever makes accounts there: it is given nothing until it is active")}
	}
	_, err := m.run(ctx, m.d.Accounts.Enable, m.vars(variables{"id": m.Is.RemoteID}))
	if err := m.certain(ctx, err); err != nil {
		if isMissing(err) {
			m.Gone()
			return course.ErrAgain
		}
		return err
	}
	m.Is.Active = true
	m.Is.Entitlements = m.withAccount(m.Is.Entitlements, true)
	return nil
}

func (m *move) update(ctx context.Context, changed map[string]string) error {
	all := map[string]string{}
	maps.Copy(all, m.Is.Attributes)
	maps.Copy(all, changed)
	if err := m.fixed(changed); err != nil {
		if !m.Seen && m.Look(ctx) == nil {
			return course.ErrAgain // perhaps it is not as remembered
		}
		return err
	}
	_, err := m.run(ctx, m.d.Accounts.Update, m.vars(variables{
		"id": m.Is.RemoteID, "attributes": m.filled(all), "changed": changed,
	}))
	err = m.certain(ctx, err)
	switch {
	case isMissing(err):
		m.Gone()
		return course.ErrAgain
	case err != nil && refuses(err) && !m.Seen && m.Look(ctx) == nil:
		return course.ErrAgain // it was not as remembered, perhaps
	case err != nil:
		return err
	}
	m.Is.Attributes = all
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
	found, err := m.find(ctx, m.Want.Attributes)
	if err != nil || found != nil {
		return m.adopt(ctx, found, err)
	}
	if m.d.Accounts.Elsewhere {
		return &connectors.Error{Kind: connectors.Transient, After: notYet, Err: errors.New("the target has no such account yet, and others make accounts there")}
	}
	attributes := m.filled(m.Want.Attributes)
	if attributes["userName"] == "" {
		return permanent("the person has no %s, which is the user name here", cmp.Or(m.o.Options["userNameFrom"], "userName"))
	}
	answer, err := m.run(ctx, m.d.Accounts.Create, m.vars(variables{"attributes": attributes}))
	if err != nil && connectors.KindOf(err) == connectors.Exists {
		found, findErr := m.find(ctx, m.Want.Attributes)
		if findErr == nil && found == nil {
			return m.Unshown(err)
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
	m.Is.RemoteID, m.Is.Active, m.Is.Entitlements = id, true, m.withAccount(nil, true)
	m.Is.Attributes = maps.Clone(m.Want.Attributes)
	m.Seen = true
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
	m.Is.Adopted = true
	return course.ErrAgain
}
