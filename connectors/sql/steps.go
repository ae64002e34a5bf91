package sql

import (
	"errors"
	"maps"
	"slices"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// step takes one step. The person is changed as the account should be by then.
func (s *session) step(p *person, step connectors.Step) error {
	switch step.Verb {
	case connectors.Revoke:
		return s.revoke(p, step.Entitlements)
	case connectors.Disable:
		return s.disable(p)
	case connectors.Create:
		return s.create(p, step.Attributes)
	case connectors.Update:
		return s.update(p, step.Attributes)
	case connectors.Enable:
		return s.enable(p)
	case connectors.Grant:
		return s.grant(p, step.Entitlements)
	}
	return refused(connectors.Permanent, "a database knows no step %s", step.Verb)
}

func (s *session) revoke(p *person, entitlements []string) error {
	v := p.values()
	for _, v.entitlement = range entitlements {
		if err := s.exec(optRevoke, v, nil); err != nil {
			return err
		}
		p.account.Entitlements = slices.DeleteFunc(p.account.Entitlements, func(e string) bool { return e == v.entitlement })
	}
	return nil
}

func (s *session) grant(p *person, entitlements []string) error {
	v := p.values()
	for _, v.entitlement = range entitlements {
		err := s.exec(optGrant, v, nil)
		if connectors.KindOf(err) == connectors.Exists { // somebody else granted it meanwhile
			e, _ := errors.AsType[*connectors.Error](err)
			return &connectors.Error{Kind: connectors.Transient, Code: e.Code, Err: e.Err}
		}
		if err != nil {
			return err
		}
		p.account.Entitlements = schema.Sorted(append(p.account.Entitlements, v.entitlement)...)
	}
	return nil
}

// disables is the option by which an account is disabled.
func (s *settings) disables() string {
	if len(s.writes[optDisable]) > 0 {
		return optDisable
	}
	return optDelete
}

func (s *session) disable(p *person) error {
	if err := s.exec(s.disables(), p.values(), nil); err != nil {
		return err
	}
	p.account.Active = false
	return nil
}

func (s *session) enable(p *person) error {
	if len(s.writes[optEnable]) == 0 {
		return refused(connectors.Permanent, "the account is not active, and there is no option enable")
	}
	if err := s.exec(optEnable, p.values(), nil); err != nil {
		return err
	}
	p.account.Active = true
	return nil
}

// create makes the account and looks for it, to know its id. One that is made
// disabled is enabled.
func (s *session) create(p *person, attributes map[string]string) error {
	if len(s.writes[optCreate]) == 0 {
		return refused(connectors.Permanent, "there is no such account, and no option create to make it")
	}
	if err := s.exec(optCreate, values{attributes: attributes}, nil); err != nil {
		return err
	}
	made, err := s.find("", attributes)
	if err != nil {
		return err
	}
	if *p = *made; !p.account.Exists() {
		return noEffect(optCreate, "option accounts does not show the account")
	}
	if !p.account.Active {
		return s.enable(p)
	}
	return nil
}

// update writes all attributes that the statement does, changed or not. An
// account that is known by what was changed is looked for again.
func (s *session) update(p *person, attributes map[string]string) error {
	for path := range attributes {
		if !s.written(optUpdate, path) {
			return refused(connectors.Permanent, "%s cannot be changed: option update does not write it", path)
		}
	}
	v := p.values()
	v.was = v.attributes
	v.attributes = maps.Clone(v.was)
	maps.Copy(v.attributes, attributes)
	if err := s.exec(optUpdate, v, nil); err != nil {
		return err
	}
	now, err := s.find(p.account.RemoteID, v.attributes)
	if err != nil {
		return err
	}
	if !now.account.Exists() {
		return refused(connectors.Transient, "the account went away meanwhile")
	}
	*p = *now
	return nil
}
