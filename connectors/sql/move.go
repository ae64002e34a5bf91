package sql

import (
	"context"
	db "database/sql"
	"maps"
	"slices"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A move is what was done to one account, or tried.
type move struct {
	account schema.Account // as it is now, as far as is known
	before  person         // as it was found
	found   bool           // it was there before
	other   string         // the id of what was found, where that is another's
	steps   []connectors.Step
}

// ends returns those of the steps that end access, an entitlement at a time.
func (m move) ends() []connectors.Step {
	var ends []connectors.Step
	for _, step := range m.steps {
		switch step.Verb {
		case connectors.Revoke:
			for _, e := range step.Entitlements {
				ends = append(ends, connectors.Step{Verb: step.Verb, Entitlements: []string{e}})
			}
		case connectors.Disable:
			ends = append(ends, step)
		default: // begins something
		}
	}
	return ends
}

// move looks at the account and takes the steps of the plan that pick leaves.
func (c *Connector) move(ctx context.Context, have, want schema.Account, pick func([]connectors.Step) []connectors.Step) (move, error) {
	m := move{account: have}
	var o *db.TxOptions
	if c.atomic {
		o = &db.TxOptions{Isolation: db.LevelReadCommitted}
	}
	s, err := c.begin(ctx, "apply", o)
	if err != nil {
		return m, err
	}
	defer s.end()
	p, err := s.find(have.RemoteID, want.Attributes, have.Attributes)
	if err == nil && !p.account.Exists() && have.Exists() && !want.Active {
		err = s.anybody()
	}
	if err != nil {
		return m, err
	}
	if others, err := connectors.Claim(ctx, have, want, p.account); others {
		m.account, m.other = schema.Account{}, p.account.RemoteID
		return m, err
	}
	m.before, m.found, m.account = *p, p.account.Exists(), p.account
	now := p.account
	now.Managed = have.Managed
	m.steps = pick(s.steps(now, s.carried(p, want)))
	if p.protected && (len(m.steps) > 0 || !have.Exists()) {
		m.steps = nil // nor anything of it by itself
		if !have.Exists() {
			m.account = have // it is not adopted
		}
		return m, refused(connectors.Permanent, "account %s is protected: option accounts says that it is not ours to change", p.account.RemoteID)
	}
	if len(m.steps) == 0 {
		return m, nil
	}
	p.account.Attributes = maps.Clone(p.account.Attributes)
	p.account.Entitlements = slices.Clone(p.account.Entitlements)
	if err = s.take(p, m.steps, want.Attributes); err == nil {
		err = s.commit()
	}
	switch {
	case err == nil, s.tx == nil && !s.doubt:
		m.account = p.account
	case s.doubt:
		m.account = doubtful(m.before.account, want)
	}
	return m, err
}

// steps returns those from what is there. What an account holds goes before a row
// that it refers to.
func (s *session) steps(now, want schema.Account) []connectors.Step {
	steps := connectors.Plan(now, want)
	if s.disables() == optDelete {
		return connectors.DisableLast(steps)
	}
	return steps
}

// doubtful returns what an account may be after a call that nobody heard of again.
func doubtful(before, want schema.Account) schema.Account {
	maybe := schema.Account{RemoteID: before.RemoteID, Active: true}
	maybe.Entitlements = schema.Sorted(slices.Concat(before.Entitlements, want.Entitlements)...)
	if !before.Exists() {
		maybe.RemoteID, maybe.Attributes = connectors.Unnamed(want.Attributes["userName"]), want.Attributes
	}
	return maybe
}

// carried returns what is wanted without the attributes that the database has no
// place for. What it is found by stays, so that nobody is kept under a name that is
// another's without a word.
func (s *session) carried(p *person, want schema.Account) schema.Account {
	option := optUpdate
	if !p.account.Exists() {
		option = optCreate
	}
	carried := map[string]string{}
	for path, value := range want.Attributes {
		if slices.Contains(s.attributes, path) && (s.written(option, path) || slices.Contains(s.Profile.Match, path)) {
			carried[path] = value
		}
	}
	want.Attributes = carried
	return want
}

// take takes the steps, and looks whether they had the effect they should. The
// person is then as it is there.
func (s *session) take(p *person, steps []connectors.Step, attributes map[string]string) error {
	before := p.account
	before.Attributes = maps.Clone(before.Attributes)
	for _, step := range steps {
		if err := s.step(p, step); err != nil {
			return err
		}
	}
	after, err := s.find(p.account.RemoteID, attributes, p.account.Attributes)
	if err != nil {
		return err
	}
	*p = *after
	for _, step := range steps {
		if err := s.came(step, before, p.account); err != nil {
			return err
		}
	}
	return nil
}

// came finds out whether a step had its effect.
func (s *session) came(step connectors.Step, before, after schema.Account) error {
	ends := step.Ends()
	switch {
	case !after.Exists() && ends:
		return nil
	case !after.Exists():
		return refused(connectors.Transient, "the account went away meanwhile")
	}
	switch step.Verb {
	case connectors.Disable:
		if after.Active {
			return noEffect(s.disables(), "the account is still active")
		}
	case connectors.Create, connectors.Enable:
		if !after.Active {
			return noEffect(optEnable, "the account is not active")
		}
	case connectors.Revoke, connectors.Grant:
		for _, e := range step.Entitlements {
			if after.Holds(e) == ends {
				return s.unmoved(step.Verb, e)
			}
		}
	case connectors.Update:
		for path, value := range step.Attributes {
			// A server may keep a value in a form of its own. What it did not touch
			// was not written.
			if after.Attributes[path] != value && after.Attributes[path] == before.Attributes[path] {
				return noEffect(optUpdate, path+" is as it was")
			}
		}
	}
	return nil
}

func (s *session) unmoved(verb connectors.Verb, entitlement string) error {
	if verb == connectors.Revoke {
		return noEffect(optRevoke, "the account still holds "+entitlement)
	}
	if s.entitlements != nil {
		known := false
		text := s.entitlements.around(s.entitlements.where(colEntitlement, "="))
		err := s.query(optEntitlements, text, []any{entitlement}, func(*db.Rows) error {
			known = true
			return nil
		})
		if err == nil && !known {
			return refused(connectors.Permanent, "there is no entitlement %s", entitlement)
		}
	}
	return noEffect(optGrant, "the account does not hold "+entitlement)
}

func noEffect(option, seen string) error {
	return refused(connectors.Permanent, "option %s had no effect: %s", option, seen)
}
