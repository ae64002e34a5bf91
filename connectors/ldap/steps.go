package ldap

import (
	"maps"
	"slices"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// take takes one step. The person is changed as the entry is.
func (s *session) take(p *person, step connectors.Step) error {
	switch step.Verb {
	case connectors.Revoke:
		return s.revoke(p, step.Entitlements)
	case connectors.Disable:
		return s.switchOff(p)
	case connectors.Create:
		return s.create(p, step.Attributes)
	case connectors.Update:
		return s.update(p, step.Attributes)
	case connectors.Enable:
		return s.switchOn(p)
	case connectors.Grant:
		return s.grant(p, step.Entitlements)
	}
	return refused(connectors.Permanent, "a directory knows no step %s", step.Verb)
}

// create adds the entry and reads the id that the server gave it.
func (s *session) create(p *person, attributes map[string]string) error {
	values := map[string]string{}
	for path, value := range attributes {
		for _, name := range s.attributes[path] {
			values[name] = s.value(name, value)
		}
	}
	if values[s.rdn] == "" {
		return refused(connectors.Permanent, "the entry would have no %s, which names it", s.rdn)
	}
	name := dn(s.rdn, values[s.rdn], s.userBase)
	if err := s.vacant(name); err != nil {
		return err
	}
	member := name
	if s.memberValue != byName {
		member = values[s.memberValue]
	}
	if err := s.unclaimed(member); err != nil {
		return err
	}
	if err := s.strays(member); err != nil {
		return err
	}
	for _, attribute := range s.required {
		if values[attribute] == "" {
			values[attribute] = nothing
		}
	}
	if (s.disable == byAttribute || s.disable == byFlag) && s.enableValue != "" {
		values[s.disableAttr] = s.enableValue
	}
	if s.password {
		values["unicodePwd"] = password()
	}
	s.fill(values)
	if err := s.numbered(values, func() error { return s.add(name, values, attributes["userName"]) }); err != nil {
		return err
	}
	e, err := s.entry(name, s.wanted())
	if err != nil {
		return err
	}
	if e == nil {
		return refused(connectors.Transient, "%s was added and is not there", name)
	}
	p.entry, p.member, p.account = e, s.listed(e), s.account(e, attributes)
	if s.primary == "" {
		return nil
	}
	// It is in a group that nobody granted.
	if p.groups, err = s.groupsOf(e, nil); err != nil {
		return err
	}
	return s.reckon(p, nil)
}

// moves reports whether the disabled are moved besides.
func (s *settings) moves() bool {
	return s.disabledBase != "" && (s.disable == byAttribute || s.disable == byFlag)
}

// add adds the entry, with the first short name that nobody has, where entries
// have one.
func (s *session) add(name string, values map[string]string, userName string) error {
	candidates := []string{""}
	if s.shortName != "" {
		candidates = shortNames(userName)
	}
	var err error
	for _, short := range candidates {
		add := ldap.NewAddRequest(name, nil)
		add.Attribute("objectClass", s.userClasses)
		for attribute, value := range values {
			if value != "" {
				add.Attribute(attribute, []string{value})
			}
		}
		if short != "" {
			add.Attribute(s.shortName, []string{short})
		}
		err = s.request("add", func(c *ldap.Conn) error { return c.Add(add) })
		if !is(err, ldap.LDAPResultEntryAlreadyExists) {
			return err
		}
	}
	return err
}

// vacant refuses a name that an entry has already, which is not the account: it
// would have been found.
func (s *session) vacant(name string) error {
	e, err := s.entry(name, []string{"1.1"})
	if err == nil && e != nil {
		return refused(connectors.Exists, "there is an entry %s already, which is not matched: it is not taken over", name)
	}
	return err
}

// update changes attributes: by a new name where the entry is named by them, and
// otherwise in one request.
func (s *session) update(p *person, attributes map[string]string) error {
	own, parent, err := split(p.entry.DN)
	if err != nil {
		return refused(connectors.Permanent, "the entry's name %q: %w", p.entry.DN, err)
	}
	modify := ldap.NewModifyRequest(p.entry.DN, nil)
	naming := map[string]string{}
	for path, value := range attributes {
		for _, name := range s.attributes[path] {
			if names(own, name) {
				naming[name] = s.value(name, value)
				continue
			}
			change(modify, name, p.entry.GetEqualFoldAttributeValues(name), p.account.Attributes[path], s.value(name, value))
		}
	}
	err = s.relisted(p, attributes, func() error {
		if rdn, changed := renamed(own, naming); changed {
			for name, value := range naming {
				if value == "" {
					return refused(connectors.Permanent, "%s cannot be cleared: it names the entry", name)
				}
			}
			if err := s.rename(p, rdn, parent); err != nil {
				return err
			}
		}
		if len(modify.Changes) == 0 {
			return nil
		}
		modify.DN = p.entry.DN
		return s.modify(modify)
	})
	if err == nil {
		maps.Copy(p.account.Attributes, attributes)
	}
	return err
}

// change adds what replaces one value of an attribute by another. Further values
// are not ours.
func change(m *ldap.ModifyRequest, attribute string, values []string, was, value string) {
	var now []string
	if value != "" {
		now = []string{value}
	}
	switch {
	case len(values) <= 1:
		m.Replace(attribute, now)
	case !slices.Contains(values, was):
		if value != "" && !slices.Contains(values, value) {
			m.Add(attribute, now)
		}
	default:
		m.Delete(attribute, []string{was})
		if value != "" && !slices.Contains(values, value) {
			m.Add(attribute, now)
		}
	}
}

func (s *session) modify(m *ldap.ModifyRequest, fine ...uint16) error {
	return s.request("modify", func(c *ldap.Conn) error { return c.Modify(m) }, fine...)
}

// switchOff disables the account, the way that is configured.
func (s *session) switchOff(p *person) error {
	switch s.disable {
	case byMove:
		return s.move(p, s.disabledBase, false)
	case byDelete:
		return s.remove(p)
	case byFlag:
		return s.flag(p, false)
	}
	return s.mark(p, s.disableValue, false)
}

// switchOn enables it again.
func (s *session) switchOn(p *person) error {
	switch s.disable {
	case byMove:
		return s.move(p, s.userBase, true)
	case byFlag:
		return s.flag(p, true)
	}
	return s.mark(p, s.enableValue, true)
}

// mark writes the attribute that says whether the account is disabled.
func (s *session) mark(p *person, value string, active bool) error {
	m := ldap.NewModifyRequest(p.entry.DN, nil)
	if value != "" {
		m.Replace(s.disableAttr, []string{value})
	} else {
		m.Replace(s.disableAttr, nil)
	}
	if err := s.modify(m); err != nil {
		return err
	}
	p.account.Active = active
	return nil
}

// stand sees to it that who is disabled stands with the disabled, and nobody
// else, where an attribute disables and the place does not. It comes last: it
// takes no access from anybody.
func (s *session) stand(p *person, active bool) error {
	if p.entry == nil || !s.moves() {
		return nil
	}
	if _, ok := met(p.entry, s.protected); ok {
		return nil
	}
	switch away := below(s.disabledBase, p.entry.DN); {
	case active && away:
		return s.move(p, s.userBase, p.account.Active)
	case !active && !away:
		return s.move(p, s.disabledBase, p.account.Active)
	}
	return nil
}

func (s *session) move(p *person, base string, active bool) error {
	own, _, err := split(p.entry.DN)
	if err != nil {
		return refused(connectors.Permanent, "the entry's name %q: %w", p.entry.DN, err)
	}
	rdn, _ := renamed(own, nil)
	if err := s.rename(p, rdn, base); err != nil {
		return err
	}
	p.account.Active = active
	return nil
}

// remove deletes the entry, and its name from every group: what a group lists
// that is not there would be held by whoever gets the name next.
func (s *session) remove(p *person) error {
	left := s.quit(all(p.groups), p.member)
	del := ldap.NewDelRequest(p.entry.DN, nil)
	if err := s.request("delete", func(c *ldap.Conn) error { return c.Del(del) }, ldap.LDAPResultNoSuchObject); err != nil {
		return err
	}
	*p = person{}
	return left
}
