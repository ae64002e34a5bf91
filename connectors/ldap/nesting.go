package ldap

import (
	"context"
	"fmt"
	"iter"

	"drawbridge/connectors"

	"github.com/go-ldap/ldap/v3"
)

// Nesting returns which groups are in others: those that another lists by name. A
// directory whose groups list something else than names of entries has none.
func (c *Connector) Nesting(ctx context.Context) iter.Seq2[connectors.Nest, error] {
	return func(yield func(connectors.Nest, error) bool) {
		var all []connectors.Nest
		err := c.with(ctx, func(s *session) (err error) {
			all, err = s.nests()
			return err
		})
		if err != nil {
			yield(connectors.Nest{}, fmt.Errorf("list what groups are in: %w", err))
			return
		}
		for _, n := range all {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// nests asks of each group which others list it: a search a group, for the lists
// themselves may be of very many people.
func (s *session) nests() (all []connectors.Nest, err error) {
	if s.groupBase == "" || s.memberValue != byName {
		return nil, nil
	}
	type group struct{ dn, name string }
	var groups []group
	err = s.search(s.groupBase, s.groupFilter, []string{s.groupName}, func(page []*ldap.Entry) error {
		for _, e := range page {
			groups = append(groups, group{e.DN, s.entitlement(e, nil)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		in, err := s.groups(s.listing(g.dn), nil)
		if err != nil {
			return nil, err
		}
		for name := range in {
			all = append(all, connectors.Nest{Group: g.name, In: name})
		}
	}
	return all, nil
}
