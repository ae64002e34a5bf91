package ldap

import (
	"drawbridge/connectors"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// rename gives the entry another name or parent, and its groups the new name. The
// groups list the new name first, then the entry gets it, and then they drop the
// old one: whatever is cut short loses nobody what they hold, and forget finds
// what is left over.
func (s *session) rename(p *person, rdn, base string) error {
	old, name := p.entry.DN, rdn+","+base
	_, parent, err := split(old)
	if err != nil {
		return refused(connectors.Permanent, "the entry's name %q: %w", old, err)
	}
	follow := !s.memberFollow && s.memberValue == byName && normal(old) != normal(name)
	if normal(old) != normal(name) {
		if err := s.vacant(name); err != nil {
			return err
		}
	}
	if follow {
		if err := s.strays(name); err != nil {
			return err
		}
		for _, group := range all(p.groups) {
			if err := s.join(group, name); err != nil {
				return err
			}
		}
	}
	superior := ""
	if normal(parent) != normal(base) {
		superior = base
	}
	modify := ldap.NewModifyDNRequest(old, rdn, true, superior)
	if err := s.request("rename", func(c *ldap.Conn) error { return c.ModifyDN(modify) }); err != nil {
		return err
	}
	p.entry.DN = name
	if s.memberValue == byName {
		p.member = name
	}
	if !follow {
		return nil
	}
	return s.quit(all(p.groups), old)
}

// forget drops what a rename that was cut short left over: the groups may still
// list a name that the account had when it was last heard of.
func (s *session) forget(p *person, have schema.Account) error {
	if p.entry == nil || !have.Exists() || s.memberFollow {
		return nil
	}
	names, err := s.former(p, have)
	if err != nil {
		return err
	}
	for _, name := range names {
		if s.key(name) == s.key(p.member) {
			continue
		}
		if s.memberValue != byName {
			if others, err := s.matching(s.memberValue, ldap.EscapeFilter(name)); err != nil {
				return err
			} else if len(others) > 0 {
				continue
			}
		} else if other, err := s.entry(name, []string{"1.1"}); err != nil {
			return err
		} else if other != nil {
			continue
		}
		if err := s.strays(name); err != nil {
			return err
		}
	}
	return nil
}

// former returns the names that the entry may have had before.
func (s *session) former(p *person, have schema.Account) ([]string, error) {
	own, parent, err := split(p.entry.DN)
	if err != nil {
		return nil, refused(connectors.Permanent, "the entry's name %q: %w", p.entry.DN, err)
	}
	values := map[string]string{}
	for path, value := range have.Attributes {
		for _, name := range s.attributes[path] {
			if value != "" {
				values[name] = value
			}
		}
	}
	if s.memberValue != byName {
		if was := values[s.memberValue]; was != "" {
			return []string{was}, nil
		}
		return nil, nil
	}
	elsewhere := s.disabledBase
	if elsewhere != "" && below(elsewhere, p.entry.DN) {
		elsewhere = s.userBase
	}
	was, _ := renamed(own, values)
	is, _ := renamed(own, nil)
	switch {
	case s.disable == byMove && have.Active != p.account.Active:
		return []string{was + "," + elsewhere}, nil
	case s.moves():
		// Whether it was moved is not for have to tell.
		return []string{was + "," + parent, was + "," + elsewhere, is + "," + elsewhere}, nil
	}
	return []string{was + "," + parent}, nil
}

// relisted does what changes the entry, and takes its groups along where they list
// it by an attribute that is changed: in the order in which rename does.
func (s *session) relisted(p *person, attributes map[string]string, do func() error) error {
	member := p.member
	for path, value := range attributes {
		if contains(s.attributes[path], s.memberValue) {
			member = value
		}
	}
	if member == p.member || s.memberValue == byName {
		return do()
	}
	if err := s.unclaimed(member); err != nil {
		return err
	}
	if err := s.strays(member); err != nil {
		return err
	}
	for _, group := range all(p.groups) {
		if err := s.join(group, member); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	old := p.member
	p.member = member
	return s.quit(all(p.groups), old)
}
