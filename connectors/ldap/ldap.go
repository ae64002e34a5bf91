// Package ldap provisions to a directory that speaks LDAP: people are entries
// below one base, and what they hold are groups below another, which list their
// members by name.
//
// Two things of a directory shape this package. An entry's name is where it
// stands, so that renaming or moving it makes every group that lists it wrong,
// unless the server sees to that; and a name that nobody has any longer may
// still be listed, so that whoever gets it next would hold what was another's.
// See session.rename and session.strays.
package ldap

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"drawbridge/connectors"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// A Connector keeps accounts in one directory.
type Connector struct {
	connectors.Options
	*settings

	pool    *pool
	numbers *counter
}

var (
	_ connectors.Connector = (*Connector)(nil)
	_ connectors.Lister    = (*Connector)(nil)
	_ connectors.Reader    = (*Connector)(nil)
	_ connectors.Prober    = (*Connector)(nil)
	_ connectors.Closer    = (*Connector)(nil)
	_ connectors.UseTeller = (*Connector)(nil)
	_ connectors.Ender     = (*Connector)(nil)

	_ connectors.EntitlementLister = (*Connector)(nil)
)

// Open returns a connector to the directory at BaseURL. It connects when it is
// first used.
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	s, err := read(o.Config)
	if err != nil {
		return nil, err
	}
	s.now = o.Now
	return &Connector{Options: o, settings: s, pool: newPool(s), numbers: &counter{next: map[string]int64{}}}, nil
}

// EndsForGood reports whether who is disabled is deleted.
func (c *Connector) EndsForGood() bool { return c.disable == byDelete }

// TellsUse reports whether the profile says which attribute has when people were last
// seen.
func (c *Connector) TellsUse() bool { return c.lastUsed != "" }

// doubt is connectors.Doubt of an account of which the name is still told: a rename
// that was cut short leaves the old one in groups.
func (s *session) doubt(is, want schema.Account, err error) schema.Account {
	maybe := connectors.Doubt(is, want, err)
	if maybe.Attributes != nil {
		return maybe
	}
	for path, value := range is.Attributes {
		if slices.Contains(s.attributes[path], s.rdn) {
			maybe.Attributes = map[string]string{path: value}
		}
	}
	return maybe
}

// Apply takes the steps between the account as the directory has it and want.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (got schema.Account, err error) {
	got = have
	if err := ctx.Err(); err != nil {
		return got, fmt.Errorf("apply: %w", err)
	}
	err = c.with(ctx, func(s *session) error {
		p, err := s.find(have, want)
		if err != nil {
			return err
		}
		if others, err := connectors.Claim(ctx, have, want, p.account); others {
			got = schema.Account{Connector: want.Connector, Identity: want.Identity}
			return err
		}
		adopted := p.account.Exists() && !have.Exists()
		defer func() {
			got = p.account
			got.Connector, got.Identity, got.Adopted = want.Connector, want.Identity, adopted
		}()
		err = s.apply(p, have, want)
		p.account = s.doubt(p.account, want, err)
		return err
	})
	return got, err
}

func (s *session) apply(p *person, have, want schema.Account) error {
	if err := s.forget(p, have); err != nil {
		return err
	}
	now := p.account
	now.Managed = have.Managed
	want.Attributes = s.carried(want.Attributes)
	steps := s.plan(now, want)
	if err := s.allowed(p, have, steps); err != nil {
		return err
	}
	// What ends access is tried whole, whatever of it fails. Nothing else is done
	// unless all of it succeeded.
	var failed []error
	for _, step := range steps {
		if !step.Ends() && len(failed) > 0 {
			break
		}
		if err := s.take(p, step); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) == 0 {
		return s.stand(p, want.Active)
	}
	return connectors.Worst(failed)
}

// plan returns the steps from what is there. An entry that is deleted takes its groups
// along, and is gone for what would be taken from it then; one that is moved joins each
// of its groups under its new name first, so that it had better be in few.
func (s *session) plan(now, want schema.Account) []connectors.Step {
	steps := connectors.Plan(now, want)
	moves := s.disable == byMove && !s.memberFollow && s.memberValue == byName
	if moves || s.disable == byDelete {
		return connectors.DisableLast(steps)
	}
	return steps
}

// allowed refuses to write to an entry that is protected, and to take over one
// that is not to be.
func (s *session) allowed(p *person, have schema.Account, steps []connectors.Step) error {
	if p.entry == nil {
		return nil
	}
	if c, ok := met(p.entry, s.protected); ok && (len(steps) > 0 || !have.Exists()) {
		return refused(connectors.Permanent, "%s has %s=%s, and is protected: it is not ours to change", p.entry.DN, c.attribute, c.value)
	}
	if c, ok := met(p.entry, s.unadopted); ok && !have.Exists() {
		return refused(connectors.Exists, "%s has %s=%s: such an entry is not taken over", p.entry.DN, c.attribute, c.value)
	}
	return nil
}

// met returns the first of the conditions that the entry meets.
func met(e *ldap.Entry, conditions []condition) (condition, bool) {
	for _, c := range conditions {
		if contains(e.GetEqualFoldAttributeValues(c.attribute), c.value) {
			return c, true
		}
	}
	return condition{}, false
}

// Read returns the account with the remote id.
func (c *Connector) Read(ctx context.Context, remoteID string) (got schema.Account, err error) {
	err = c.with(ctx, func(s *session) error {
		p, err := s.find(schema.Account{RemoteID: remoteID}, schema.Account{})
		if err != nil {
			return err
		}
		if got = p.account; !got.Exists() {
			return refused(connectors.Gone, "there is no entry with %s %s", s.id, remoteID)
		}
		return nil
	})
	return got, err
}

// List returns all accounts. It reads the groups first and keeps who is in which,
// and then reads the people page by page.
func (c *Connector) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		err := ctx.Err()
		if err == nil {
			err = c.with(ctx, func(s *session) error { return s.list(yield) })
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(schema.Account{}, fmt.Errorf("list: %w", err))
		}
	}
}

// Entitlements returns the names of the groups below the base for groups.
func (c *Connector) Entitlements(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := ctx.Err()
		if err == nil && c.groupBase != "" {
			err = c.with(ctx, func(s *session) error {
				return s.search(s.groupBase, s.groupFilter, []string{s.groupName}, func(page []*ldap.Entry) error {
					for _, e := range page {
						if !yield(s.entitlement(e, nil), nil) {
							return errEnough
						}
					}
					return nil
				})
			})
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield("", fmt.Errorf("list groups: %w", err))
		}
	}
}

// Probe reports whether the server lets us in, has the bases, and knows the
// attributes that are to be written.
func (c *Connector) Probe(ctx context.Context) error {
	return c.with(ctx, func(s *session) error { return s.probe() })
}

// Close ends the connections that are not in use.
func (c *Connector) Close() error {
	c.pool.close()
	return nil
}
