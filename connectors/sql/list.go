package sql

import (
	"context"
	db "database/sql"
	"errors"
	"fmt"
	"iter"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// errEnough ends a listing that nobody wants the rest of.
var errEnough = errors.New("enough")

// List returns all accounts, page by page in the order of their ids, in one
// snapshot: an account that is renamed meanwhile is listed once, as it was.
func (c *Connector) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		err := c.with(ctx, "list", func(s *session) error {
			for last := ""; ; {
				page, err := s.page(last)
				if err != nil {
					return err
				}
				for _, p := range page {
					if !yield(p.account, nil) {
						return errEnough
					}
				}
				if len(page) < s.pageSize {
					return nil
				}
				last = page[len(page)-1].account.RemoteID
				if err := s.Rate.Wait(ctx, "list"); err != nil {
					return err
				}
			}
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(schema.Account{}, fmt.Errorf("list: %w", err))
		}
	}
}

// Entitlements returns what the query of that name shows.
func (c *Connector) Entitlements(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if c.entitlements == nil {
			yield("", fmt.Errorf("option %s is not set, which would say which there are: %w", optEntitlements, errors.ErrUnsupported))
			return
		}
		enough := false
		err := c.with(ctx, "list", func(s *session) error {
			return s.query(optEntitlements, s.entitlements.around(""), nil, func(rows *db.Rows) error {
				cells, err := s.entitlements.texts(rows)
				if err != nil {
					return err
				}
				if enough = !yield(cells[s.entitlements.at(colEntitlement)].String, nil); enough {
					return errEnough
				}
				return nil
			})
		})
		if err != nil && !enough {
			yield("", fmt.Errorf("list entitlements: %w", err))
		}
	}
}

// page returns the accounts whose ids follow the last one, with what they hold.
func (s *session) page(last string) ([]*person, error) {
	text, args := s.accounts.around(s.accounts.by(colID, s.pageSize)), []any(nil)
	if last != "" {
		text = s.accounts.around(s.accounts.where(colID, ">") + s.accounts.by(colID, s.pageSize))
		args = []any{last}
	}
	var page []*person
	err := s.query(optAccounts, text, args, func(rows *db.Rows) error {
		p, err := s.row(rows)
		if err != nil {
			return err
		}
		if p.account.RemoteID == last {
			return refused(connectors.Permanent, "option accounts shows the account %s twice, or in no order", last)
		}
		last = p.account.RemoteID
		page = append(page, p)
		return nil
	})
	if err != nil || s.memberships == nil || len(page) == 0 {
		return page, err
	}
	return page, s.fill(page)
}

// fill reads what the accounts of a page hold.
func (s *session) fill(page []*person) error {
	ids := make([]any, len(page))
	by := make(map[string]*person, len(page))
	for i, p := range page {
		ids[i], by[p.account.RemoteID] = p.account.RemoteID, p
	}
	text := s.memberships.around(s.memberships.among(colAccount, len(ids)))
	err := s.query(optMemberships, text, ids, func(rows *db.Rows) error {
		account, entitlement, err := s.membership(rows)
		if p := by[account]; p != nil {
			p.account.Entitlements = append(p.account.Entitlements, entitlement)
		}
		return err
	})
	for _, p := range page {
		if len(p.account.Entitlements) > 0 {
			p.account.Entitlements = schema.Sorted(p.account.Entitlements...)
		}
	}
	return err
}
