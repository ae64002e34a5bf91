package ldap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"

	"github.com/go-ldap/ldap/v3"
)

// A person is an account, with where it stands in the directory.
type person struct {
	account schema.Account
	entry   *ldap.Entry         // nil: there is none
	member  string              // what groups list of it
	groups  map[string][]string // the names of the groups that it is in, by entitlement
	through map[string][]string // and of those that these are in, where that counts
}

// nothing stands for the value of an attribute that an entry must have, where the
// source has none.
const nothing = "-"

// carried returns those of the attributes that the directory has a place for.
func (s *settings) carried(attributes map[string]string) map[string]string {
	carried := map[string]string{}
	for path, value := range attributes {
		if len(s.attributes[path]) > 0 {
			carried[path] = value
		}
	}
	return carried
}

// value returns what is written to the attribute for a value.
func (s *settings) value(attribute, value string) string {
	if value == "" && contains(s.required, attribute) {
		return nothing
	}
	return value
}

// account returns the account that the entry is, without entitlements. An
// attribute with many values is shown by one that is expected, if it is there.
func (s *settings) account(e *ldap.Entry, expected ...map[string]string) schema.Account {
	a := schema.Account{RemoteID: s.remoteID(e), Active: s.active(e), Attributes: map[string]string{}}
	for path, names := range s.attributes {
		hints := make([]string, 0, len(expected))
		for _, attributes := range expected {
			hints = append(hints, s.value(names[0], attributes[path]))
		}
		value := shown(e.GetEqualFoldAttributeValues(names[0]), hints)
		if value == nothing && contains(s.required, names[0]) {
			value = ""
		}
		a.Attributes[path] = value
	}
	if s.lastUsed != "" {
		connectors.SetLastUsed(&a, e.GetEqualFoldAttributeValue(s.lastUsed), s.usedBehind, s.now())
	}
	return a
}

func shown(values, hints []string) string {
	for _, hint := range hints {
		if slices.Contains(values, hint) {
			return hint
		}
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func (s *settings) active(e *ldap.Entry) bool {
	switch s.disable {
	case byAttribute:
		return !contains(e.GetEqualFoldAttributeValues(s.disableAttr), s.disableValue)
	case byFlag:
		return flags(e, s.disableAttr)&s.disableBits == 0
	case byMove:
		return !below(s.disabledBase, e.DN)
	}
	return true
}

// wanted are the attributes to ask for of a person: those that are operational
// are given to nobody who does not.
func (s *settings) wanted() []string {
	names := []string{s.id, s.disableAttr}
	if s.lastUsed != "" {
		names = append(names, s.lastUsed)
	}
	if s.primary != "" {
		names = append(names, s.primary, "objectSid")
	}
	for _, c := range slices.Concat(s.protected, s.unadopted) {
		names = append(names, c.attribute)
	}
	for _, carriers := range s.attributes {
		names = append(names, carriers...)
	}
	return schema.Sorted(names...)
}

// bases are the entries below which people may be.
func (s *settings) bases() []string {
	if s.disabledBase == "" || below(s.userBase, s.disabledBase) {
		return []string{s.userBase}
	}
	return []string{s.userBase, s.disabledBase}
}

// find returns the person with the remembered id, or else the one that is matched
// by what is wanted. One that is not there has no entry.
func (s *session) find(have, want schema.Account) (*person, error) {
	expected := []map[string]string{want.Attributes, have.Attributes}
	e, err := s.byID(have.RemoteID)
	if err == nil && e == nil {
		e, err = s.byMatch(want.Attributes, have.Attributes)
	}
	if err == nil && e == nil && have.Exists() && !want.Active {
		err = s.populated()
	}
	if err != nil || e == nil {
		return &person{}, err
	}
	p := &person{account: s.account(e, expected...), entry: e, member: s.listed(e)}
	spellings := slices.Concat(want.Entitlements, have.Entitlements, have.Managed)
	if p.groups, err = s.groupsOf(e, spellings); err != nil {
		return p, err
	}
	return p, s.reckon(p, spellings)
}

// populated fails if the directory shows nobody at all: then an access rule or a
// filter is more likely to blame than that everybody is gone, and nobody's access
// may be taken for ended.
func (s *session) populated() error {
	for _, base := range s.bases() {
		if found, err := s.few(base, s.userFilter, []string{"1.1"}); err != nil || len(found) > 0 {
			return err
		}
	}
	return refused(connectors.Transient, "the server shows us nobody with %s below %s: that the account is gone is not believed", s.userFilter, s.userBase)
}

func (s *session) byID(id string) (*ldap.Entry, error) {
	switch {
	case id == "":
		return nil, nil
	case s.id == "dn":
		return s.entry(id, s.wanted())
	}
	value, ok := s.idValue(id)
	if !ok {
		return nil, nil
	}
	found, err := s.matching(s.id, value)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// byMatch looks by the profile's attributes, in order: the first that finds
// exactly one wins. Where it is not known what is wanted, what was there counts.
func (s *session) byMatch(want, have map[string]string) (*ldap.Entry, error) {
	if len(want) == 0 {
		want = have
	}
	var ambiguous error
	for _, path := range s.Profile.Match {
		if want[path] == "" {
			continue
		}
		attribute := s.attributes[path][0]
		found, err := s.matching(attribute, ldap.EscapeFilter(want[path]))
		switch {
		case err != nil:
			return nil, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && ambiguous == nil:
			ambiguous = refused(connectors.Exists, "%s and %s both have the %s %q: none is adopted", found[0].DN, found[1].DN, attribute, want[path])
		}
	}
	return nil, ambiguous
}

// matching returns the people whose attribute has the value, which is escaped, or
// two of them.
func (s *session) matching(attribute, value string) ([]*ldap.Entry, error) {
	filter := fmt.Sprintf("(&%s(%s=%s))", s.userFilter, attribute, value)
	var all []*ldap.Entry
	for _, base := range s.bases() {
		found, err := s.few(base, filter, s.wanted())
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// errEnough ends a listing that nobody wants the rest of.
var errEnough = errors.New("enough")

// list yields all people, with their groups.
func (s *session) list(yield func(schema.Account, error) bool) error {
	members, err := s.members()
	if err != nil {
		return err
	}
	for _, base := range s.bases() {
		err := s.search(base, s.userFilter, s.wanted(), func(page []*ldap.Entry) error {
			for _, e := range page {
				a := s.account(e)
				a.Entitlements = members.held(s.settings, e)
				if !yield(a, nil) {
					s.good = false // the server has a page open for us
					return errEnough
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// probe looks for the bases, and for the attributes in the server's schema.
func (s *session) probe() error {
	var errs []error
	for name, base := range map[string]string{"userBase": s.userBase, "groupBase": s.groupBase, "disabledBase": s.disabledBase} {
		if base == "" {
			continue
		}
		e, err := s.entry(base, []string{"1.1"})
		if err != nil {
			return err
		}
		if e == nil {
			errs = append(errs, fmt.Errorf("option %s: the server has no %s, or does not show it to us", name, base))
		}
	}
	root, err := s.entry("", []string{"subschemaSubentry"})
	if err != nil {
		return err
	}
	if root == nil || root.GetAttributeValue("subschemaSubentry") == "" {
		return errors.Join(errs...)
	}
	subschema, err := s.entry(root.GetAttributeValue("subschemaSubentry"), []string{"attributeTypes"})
	if err != nil || subschema == nil {
		return errors.Join(append(errs, err)...)
	}
	types := strings.ToLower(strings.Join(subschema.GetAttributeValues("attributeTypes"), "\n"))
	for _, name := range s.written() {
		if !strings.Contains(types, "'"+strings.ToLower(name)+"'") {
			errs = append(errs, fmt.Errorf("the server's schema has no attribute %s", name))
		}
	}
	return errors.Join(errs...)
}

// written are the attributes that the connector may write.
func (s *settings) written() []string {
	names := []string{s.rdn}
	for _, carriers := range s.attributes {
		names = append(names, carriers...)
	}
	if s.disable == byAttribute || s.disable == byFlag {
		names = append(names, s.disableAttr)
	}
	if s.shortName != "" {
		names = append(names, s.shortName)
	}
	if s.groupBase != "" {
		names = append(names, s.groupName, s.member)
	}
	return schema.Sorted(names...)
}

// contains reports whether the word is among the words, whatever its case.
func contains(words []string, word string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
}
