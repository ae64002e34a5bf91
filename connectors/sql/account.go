package sql

import (
	db "database/sql"
	"fmt"
	"strconv"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A person is an account as a row shows it; one without a remote id is not there.
type person struct {
	account   schema.Account
	protected bool
}

// values returns what a statement may be about, for the account.
func (p *person) values() values {
	return values{id: p.account.RemoteID, attributes: p.account.Attributes}
}

// row reads one row of accounts.
func (s *settings) row(rows *db.Rows) (*person, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if len(names) != len(s.accounts.columns) {
		return nil, refused(connectors.Permanent, "option accounts has %d columns, and the server shows %d", len(s.accounts.columns), len(names))
	}
	cells := make([]db.NullString, len(names))
	into := make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	p := &person{account: schema.Account{Attributes: map[string]string{}}}
	for i, c := range s.accounts.columns {
		switch c.name {
		case colID:
			p.account.RemoteID = cells[i].String
		case colActive:
			p.account.Active, err = truth(c.name, cells[i])
		case colProtected:
			p.protected, err = truth(c.name, cells[i])
		case colLastUsed:
			connectors.SetLastUsed(&p.account, cells[i].String, s.usedBehind, s.now())
		default:
			p.account.Attributes[c.name] = cells[i].String
		}
		if err != nil {
			return nil, err
		}
	}
	if p.account.RemoteID == "" {
		return nil, refused(connectors.Permanent, "option accounts shows an account without an id")
	}
	return p, nil
}

// truth reads a boolean. What is unknown is not taken for either.
func truth(column string, cell db.NullString) (bool, error) {
	switch cell.String {
	case "\x00", "\x01": // a bit of MySQL
		return cell.String == "\x01", nil
	}
	yes, err := strconv.ParseBool(cell.String)
	if err != nil || !cell.Valid {
		return false, refused(connectors.Permanent, "option accounts shows an account that is neither %s nor not: want true or false", column)
	}
	return yes, nil
}

// find returns the account with the id, or else the one that the first of the
// attributes that are there match.
func (s *session) find(id string, attributes ...map[string]string) (*person, error) {
	p, err := s.byID(id)
	for _, a := range attributes {
		if err != nil || p.account.Exists() {
			break
		}
		if len(a) > 0 {
			p, err = s.byMatch(a)
			break
		}
	}
	if err != nil || !p.account.Exists() {
		return p, err
	}
	p.account.Entitlements, err = s.holds(p.account.RemoteID)
	return p, err
}

func (s *session) byID(id string) (*person, error) {
	if id == "" || connectors.IsUnnamed(id) {
		return &person{}, nil
	}
	found, err := s.few(colID, id)
	switch {
	case err != nil:
		return &person{}, err
	case len(found) > 1:
		return &person{}, refused(connectors.Permanent, "option accounts shows %d accounts with the id %s", len(found), id)
	case len(found) == 0:
		return &person{}, nil
	}
	return found[0], nil
}

// byMatch looks by the profile's attributes, in order: the first that finds
// exactly one wins.
func (s *session) byMatch(attributes map[string]string) (*person, error) {
	var ambiguous error
	for _, path := range s.Profile.Match {
		if attributes[path] == "" {
			continue
		}
		found, err := s.few(path, attributes[path])
		switch {
		case err != nil:
			return &person{}, err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && ambiguous == nil:
			ambiguous = refused(connectors.Exists, "the accounts %s and %s both have this %s: none is adopted", found[0].account.RemoteID, found[1].account.RemoteID, path)
		}
	}
	return &person{}, ambiguous
}

// few returns the accounts whose column has the value, or some of them. What is
// equal to a server may be another: a letter without its accent, a number and a word.
// Only the case may differ, and of an id not even that.
func (s *session) few(column, value string) (found []*person, err error) {
	text := s.accounts.around(s.accounts.where(column, "=") + "LIMIT 20")
	err = s.query(optAccounts, text, []any{value}, func(rows *db.Rows) error {
		p, err := s.row(rows)
		switch {
		case err != nil:
			return err
		case column == colID && p.account.RemoteID == value, column != colID && strings.EqualFold(p.account.Attributes[column], value):
			found = append(found, p)
		}
		return nil
	})
	return found, err
}

// anybody fails if the database shows no account at all: then rights or a filter
// are more likely to blame than that everybody is gone, and nobody's access may be
// taken for ended.
func (s *session) anybody() error {
	found := false
	err := s.query(optAccounts, s.accounts.around("LIMIT 1"), nil, func(*db.Rows) error {
		found = true
		return nil
	})
	if err == nil && !found {
		return refused(connectors.Transient, "option accounts shows nobody at all: that the account is gone is not believed")
	}
	return err
}

// holds returns what the account holds, sorted.
func (s *session) holds(id string) ([]string, error) {
	if s.memberships == nil {
		return nil, nil
	}
	var held []string
	text := s.memberships.around(s.memberships.where(colAccount, "="))
	err := s.query(optMemberships, text, []any{id}, func(rows *db.Rows) error {
		_, entitlement, err := s.membership(rows)
		held = append(held, entitlement)
		return err
	})
	if len(held) == 0 {
		return nil, err
	}
	return schema.Sorted(held...), err
}

// membership reads one row of memberships.
func (s *settings) membership(rows *db.Rows) (account, entitlement string, err error) {
	cells, err := s.memberships.texts(rows)
	if err != nil {
		return "", "", err
	}
	return cells[s.memberships.at(colAccount)].String, cells[s.memberships.at(colEntitlement)].String, nil
}

// texts reads one row of the query, each column as text.
func (q *query) texts(rows *db.Rows) ([]db.NullString, error) {
	cells := make([]db.NullString, len(q.columns))
	into := make([]any, len(cells))
	for i := range cells {
		into[i] = &cells[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, fmt.Errorf("option %s: %w", q.option, err)
	}
	return cells, nil
}
