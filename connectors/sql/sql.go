// Package sql provisions to databases: to an application whose accounts are rows
// of its tables, and to a server whose accounts are roles of its own.
//
// What there is to know of a database is said in its configuration, as statements.
// A few queries show what is there; they are asked for one account, or for all,
// by what is put around them. A few statements change one account. Values go into
// them bound, never as text; the one thing that cannot be bound, a name in
// CREATE ROLE, goes through dialect.account, which refuses what is no name.
//
// Nothing is believed of a statement but what can be seen afterwards: before a
// transaction is committed the account is looked at again, and what should have
// changed and did not is an error.
package sql

import (
	"context"
	db "database/sql"
	"errors"
	"fmt"
	"slices"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A Connector keeps accounts in one database.
type Connector struct {
	connectors.Options
	*settings

	pool *db.DB
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

// Open returns a connector to the database at BaseURL. It connects when it is
// first used.
func Open(o connectors.Options) (connectors.Connector, error) {
	o = o.Defaults()
	s, err := read(o.Config)
	if err != nil {
		return nil, err
	}
	pool, err := s.open()
	if err != nil {
		return nil, err
	}
	s.now = o.Now
	return &Connector{Options: o, settings: s, pool: pool}, nil
}

// EndsForGood reports whether who is disabled is deleted.
func (c *Connector) EndsForGood() bool { return c.Profile.Deactivate == connectors.DeactivateDelete }

// TellsUse reports whether the query for accounts shows when they were used last.
func (c *Connector) TellsUse() bool { return c.accounts.at(colLastUsed) >= 0 }

// Apply takes the steps between the account as the database has it and want, in
// one transaction where the server can. Where that fails, what ends access is
// tried once more by itself, whole, whatever of it fails. Then sessions end.
func (c *Connector) Apply(ctx context.Context, have, want schema.Account) (got schema.Account, err error) {
	if err := ctx.Err(); err != nil {
		return have, fmt.Errorf("apply: %w", err)
	}
	m, err := c.move(ctx, have, want, all)
	if ends := m.ends(); err != nil && len(ends) > 0 && len(ends)+len(m.steps) > 2 && ctx.Err() == nil {
		m, err = c.endEach(ctx, have, want, m, err)
	}
	got = m.account
	if !want.Active && !got.Active {
		got, err = c.endSessions(ctx, m, have, err)
	}
	got.Connector, got.Identity = want.Connector, want.Identity
	got.Adopted = m.found && got.Exists() && !have.Exists()
	return got, err
}

// endEach takes the steps that end access, each by itself. The error is theirs,
// or else what kept the rest from being done.
func (c *Connector) endEach(ctx context.Context, have, want schema.Account, m move, failed error) (move, error) {
	var errs []error
	for _, step := range m.ends() {
		one, err := c.move(ctx, have, want, only(step))
		one.found = m.found
		if m = one; err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return m, failed
	}
	return m, connectors.Worst(errs)
}

// all leaves a plan as it is.
func all(steps []connectors.Step) []connectors.Step { return steps }

// only leaves of a plan what one step is.
func only(step connectors.Step) func([]connectors.Step) []connectors.Step {
	return func(steps []connectors.Step) []connectors.Step {
		for _, s := range steps {
			if s.Verb == step.Verb && (len(step.Entitlements) == 0 || slices.Contains(s.Entitlements, step.Entitlements[0])) {
				return []connectors.Step{step}
			}
		}
		return nil
	}
}

// Read returns the account with the remote id.
func (c *Connector) Read(ctx context.Context, remoteID string) (got schema.Account, err error) {
	err = c.with(ctx, "read", func(s *session) error {
		p, err := s.find(remoteID)
		if err != nil {
			return err
		}
		if got = p.account; !got.Exists() {
			return refused(connectors.Gone, "there is no account with id %s", remoteID)
		}
		return nil
	})
	return got, err
}

// Probe reports whether the server lets us in, shows the columns that are
// declared, and understands every statement. It changes nothing.
func (c *Connector) Probe(ctx context.Context) error {
	s, err := c.begin(ctx, "probe", nil)
	if err != nil {
		return err
	}
	defer s.end()
	return s.probe()
}

// Close closes the connections.
func (c *Connector) Close() error {
	if err := c.pool.Close(); err != nil && !errors.Is(err, db.ErrConnDone) {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
