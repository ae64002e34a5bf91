package ldap

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// Memberships are all groups, and who is in them. Groups go by their normal names.
type memberships struct {
	groups map[string][]string // that list somebody, by what they list of whom
	names  map[string]string   // the entitlement that a group is
	bySID  map[string]string   // the group, by its SID, where there are primary groups
}

// members reads all groups.
func (s *session) members() (*memberships, error) {
	m := &memberships{groups: map[string][]string{}, names: map[string]string{}, bySID: map[string]string{}}
	if s.groupBase == "" {
		return m, nil
	}
	wanted := []string{s.groupName, s.asked(0), changedAt}
	if s.primary != "" {
		wanted = append(wanted, "objectSid")
	}
	err := s.search(s.groupBase, s.groupFilter, wanted, func(page []*ldap.Entry) error {
		for _, e := range page {
			members, err := s.everybody(e)
			if err != nil {
				return err
			}
			group := normal(e.DN)
			m.names[group] = s.entitlement(e, nil)
			m.bySID[string(e.GetEqualFoldRawAttributeValue("objectSid"))] = group
			for _, member := range members {
				member = s.key(member)
				m.groups[member] = append(m.groups[member], group)
			}
		}
		return nil
	})
	return m, err
}

// held returns the entitlements that the person holds, sorted.
func (m *memberships) held(s *settings, e *ldap.Entry) []string {
	in := slices.Clone(m.groups[s.key(s.listed(e))])
	if sid, ok := s.primarySID(e); ok {
		if group, seen := m.bySID[string(sid)]; seen {
			in = append(in, group)
		}
	}
	seen := map[string]bool{}
	var names []string
	for len(in) > 0 {
		group := in[len(in)-1]
		in = in[:len(in)-1]
		if seen[group] {
			continue
		}
		seen[group] = true
		names = append(names, m.names[group])
		if s.nested {
			in = append(in, m.groups[group]...)
		}
	}
	return schema.Sorted(names...)
}

// primarySID returns the SID of the person's primary group, which does not list
// it: the person names the group instead, by the last part of its SID.
func (s *settings) primarySID(e *ldap.Entry) ([]byte, bool) {
	if s.primary == "" || s.groupBase == "" {
		return nil, false
	}
	return sibling(e.GetEqualFoldRawAttributeValue("objectSid"), e.GetEqualFoldAttributeValue(s.primary))
}

// together is how many groups are asked for in one filter.
const together = 50

// reckon works out what the person holds from the groups that it is in, and the
// groups that these are in, where that counts.
func (s *session) reckon(p *person, spellings []string) error {
	p.through = map[string][]string{}
	names := slices.Collect(maps.Keys(p.groups))
	defer func() {
		p.account.Entitlements = schema.Sorted(slices.AppendSeq(names, maps.Keys(p.through))...)
	}()
	if !s.nested {
		return nil
	}
	seen := map[string]bool{}
	next := all(p.groups)
	for len(next) > 0 {
		var either strings.Builder
		some := next[:min(len(next), together)]
		next = next[len(some):]
		for _, group := range some {
			seen[normal(group)] = true
			either.WriteString(s.listing(group))
		}
		outer, err := s.groups("(|"+either.String()+")", spellings)
		if err != nil {
			return err
		}
		for name, groups := range outer {
			for _, group := range groups {
				if !seen[normal(group)] {
					seen[normal(group)] = true
					p.through[name] = append(p.through[name], group)
					next = append(next, group)
				}
			}
		}
	}
	return nil
}

// changedAt is an attribute that tells of every change to a group, where there is
// one: what was read in pieces has to be of one piece.
const changedAt = "uSNChanged"

// asked returns what to ask a group for, to be told its members from the given one on.
func (s *settings) asked(from int) string {
	switch {
	case s.memberRange > 0:
		return fmt.Sprintf("%s;range=%d-%d", s.member, from, from+s.memberRange-1)
	case from > 0:
		return fmt.Sprintf("%s;range=%d-*", s.member, from)
	}
	return s.member
}

// everybody returns all members of the group. A server may give but some of them
// at a time, and say so in the name of the attribute: member;range=0-1499.
func (s *session) everybody(e *ldap.Entry) ([]string, error) {
	members, next := someOf(e, s.member)
	for first := e; next > 0; {
		e, err := s.entry(first.DN, []string{s.asked(next), changedAt})
		if err != nil {
			return nil, err
		}
		if e == nil || e.GetEqualFoldAttributeValue(changedAt) != first.GetEqualFoldAttributeValue(changedAt) {
			return nil, refused(connectors.Transient, "the group %s changed while its members were read", first.DN)
		}
		more, after := someOf(e, s.member)
		if len(more) == 0 && after > 0 || after > 0 && after <= next {
			return nil, refused(connectors.Permanent, "the server does not get on with the members of %s after %d", first.DN, next)
		}
		members, next = append(members, more...), after
	}
	return members, nil
}

// someOf returns the members that the entry shows, and which comes next; 0: none.
func someOf(e *ldap.Entry, attribute string) ([]string, int) {
	var members []string
	next := 0
	for _, a := range e.Attributes {
		name, bounds, ranged := strings.Cut(strings.ToLower(a.Name), ";range=")
		if !strings.EqualFold(name, attribute) {
			continue
		}
		members = append(members, a.Values...)
		if _, last, ok := strings.Cut(bounds, "-"); ranged && ok && last != "*" {
			if n, err := strconv.Atoi(last); err == nil {
				next = n + 1
			}
		}
	}
	return members, next
}
