package ldap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// groupsOf returns the names of the groups that the person is in, by entitlement:
// those that list it, and its primary group. An entitlement is spelt as among
// spellings, if it is there: the directory does not tell case apart.
func (s *session) groupsOf(e *ldap.Entry, spellings []string) (map[string][]string, error) {
	either := s.listing(s.listed(e))
	if sid, ok := s.primarySID(e); ok {
		either = "(|" + either + "(objectSid=" + octets(sid) + "))"
	}
	return s.groups(either, spellings)
}

// listing is the filter for the groups that list the member.
func (s *settings) listing(member string) string {
	return fmt.Sprintf("(%s=%s)", s.member, ldap.EscapeFilter(member))
}

// groups returns the names of the groups that the filter finds, by entitlement.
func (s *session) groups(filter string, spellings []string) (map[string][]string, error) {
	if s.groupBase == "" {
		return nil, nil
	}
	groups := map[string][]string{}
	err := s.search(s.groupBase, "(&"+s.groupFilter+filter+")", []string{s.groupName}, func(page []*ldap.Entry) error {
		for _, e := range page {
			name := s.entitlement(e, spellings)
			groups[name] = append(groups[name], e.DN)
		}
		return nil
	})
	return groups, err
}

// entitlement returns the entitlement that the group is.
func (s *settings) entitlement(e *ldap.Entry, spellings []string) string {
	names := []string{e.DN}
	if s.groupName != "dn" {
		names = e.GetEqualFoldAttributeValues(s.groupName)
	}
	for _, name := range names {
		for _, spelling := range spellings {
			if strings.EqualFold(name, spelling) {
				return spelling
			}
		}
	}
	if len(names) == 0 {
		return e.DN
	}
	return names[0]
}

// revoke takes the person out of the groups: out of all it can.
func (s *session) revoke(p *person, entitlements []string) error {
	primary, err := s.primaryGroup(p, entitlements)
	if err != nil {
		return err
	}
	var failed []error
	for _, entitlement := range entitlements {
		var err error
		if len(primary[entitlement]) == 0 {
			err = s.quit(p.groups[entitlement], p.member)
		} else {
			err = refused(connectors.Permanent, "%s is the primary group of %s, which cannot be left: make another one its primary group first", entitlement, p.entry.DN)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		delete(p.groups, entitlement)
	}
	if err := s.reckon(p, slices.Concat(entitlements, p.account.Entitlements)); err != nil {
		return connectors.Worst(append(failed, err))
	}
	for _, entitlement := range entitlements {
		if len(p.through[entitlement]) > 0 {
			failed = append(failed, refused(connectors.Permanent, "%s is still held: %s is in it by way of another group, which is not ours to leave", entitlement, p.entry.DN))
		}
	}
	return connectors.Worst(failed)
}

// primaryGroup returns the names of the person's primary group, by entitlement.
func (s *session) primaryGroup(p *person, spellings []string) (map[string][]string, error) {
	sid, ok := s.primarySID(p.entry)
	if !ok {
		return nil, nil
	}
	return s.groups("(objectSid="+octets(sid)+")", spellings)
}

// quit makes every one of the groups not list the member, and fails if one still
// does.
func (s *session) quit(groups []string, member string) error {
	var failed []error
	for _, group := range groups {
		if err := s.leave(group, member); err != nil {
			failed = append(failed, err)
		}
	}
	return connectors.Worst(failed)
}

// grant puts the person into the groups. Those that are there are joined even if
// others are not.
func (s *session) grant(p *person, entitlements []string) error {
	if s.groupBase == "" {
		return refused(connectors.Permanent, "there are no groups to grant: option groupBase is empty")
	}
	found, err := s.named(entitlements)
	if err != nil {
		return err
	}
	var problem error
	for _, entitlement := range entitlements {
		groups := found[entitlement]
		switch {
		case len(groups) == 0:
			problem = refused(connectors.Permanent, "there is no group %q below %s", entitlement, s.groupBase)
			continue
		case len(groups) > 1:
			problem = refused(connectors.Permanent, "%s and %s are both called %q: which is meant is not clear", groups[0], groups[1], entitlement)
			continue
		}
		if err := s.join(groups[0], p.member); err != nil {
			return errors.Join(err, s.reckon(p, slices.Concat(entitlements, p.account.Entitlements)))
		}
		if p.groups == nil {
			p.groups = map[string][]string{}
		}
		p.groups[entitlement] = groups
	}
	return errors.Join(problem, s.reckon(p, slices.Concat(entitlements, p.account.Entitlements)))
}

// named returns the names of the groups that are the entitlements.
func (s *session) named(entitlements []string) (map[string][]string, error) {
	found := map[string][]string{}
	if s.groupName == "dn" {
		for _, entitlement := range entitlements {
			e, err := s.entry(entitlement, []string{"1.1"})
			if err != nil {
				return nil, err
			}
			if e != nil && below(s.groupBase, e.DN) {
				found[entitlement] = []string{e.DN}
			}
		}
		return found, nil
	}
	var either strings.Builder
	for _, entitlement := range entitlements {
		fmt.Fprintf(&either, "(%s=%s)", s.groupName, ldap.EscapeFilter(entitlement))
	}
	filter := fmt.Sprintf("(&%s(|%s))", s.groupFilter, either.String())
	err := s.search(s.groupBase, filter, []string{s.groupName}, func(page []*ldap.Entry) error {
		for _, e := range page {
			name := s.entitlement(e, entitlements)
			found[name] = append(found[name], e.DN)
		}
		return nil
	})
	return found, err
}

// join makes the group list the member. That it does already is fine.
func (s *session) join(group, member string) error {
	m := ldap.NewModifyRequest(group, nil)
	m.Add(s.member, []string{member})
	err := s.modify(m, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultEntryAlreadyExists)
	if is(err, ldap.LDAPResultNoSuchObject) {
		return refused(connectors.Transient, "the group %s is gone, or whom it would list", group)
	}
	return err
}

// leave makes the group not list the member. That it does not is fine, and so is
// that there is no such group. A group that may not be empty gets the
// placeholder, in the same request.
func (s *session) leave(group, member string) error {
	m := ldap.NewModifyRequest(group, nil)
	m.Delete(s.member, []string{member})
	gone := []uint16{ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultNoSuchObject}
	err := s.modify(m, gone...)
	switch {
	case is(err, ldap.LDAPResultUnwillingToPerform):
		// So Active Directory says that the group does not list it, and more.
		if listed, again := s.lists(group, member); again != nil || !listed {
			return again
		}
	case is(err, ldap.LDAPResultObjectClassViolation):
		m.Add(s.member, []string{s.placeholder})
		return s.modify(m, gone...)
	}
	return err
}

// lists reports whether the group lists the member.
func (s *session) lists(group, member string) (bool, error) {
	result, err := s.ask(group, ldap.ScopeBaseObject, s.listing(member), []string{"1.1"}, 0)
	if is(err, ldap.LDAPResultNoSuchObject) {
		return false, nil
	}
	return err == nil && len(result.Entries) > 0, err
}

// strays takes what groups list of no entry that is there out of all groups that still list it.
func (s *session) strays(name string) error {
	groups, err := s.groups(s.listing(name), nil)
	if err != nil {
		return err
	}
	return s.quit(all(groups), name)
}

// all returns the names of all groups, whatever the entitlement.
func all(groups map[string][]string) []string {
	return slices.Concat(slices.Collect(maps.Values(groups))...)
}
