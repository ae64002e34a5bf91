package sql

import (
	"context"
	db "database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"
)

// probed stands in for values and names that a statement is looked at with.
const probed = "drawbridge-probe"

// probe asks the server to show no rows of each query, and to plan or prepare each
// statement without running it.
func (s *session) probe() error {
	var errs []error
	for _, q := range []*query{s.accounts, s.memberships, s.entitlements} {
		if q != nil {
			errs = append(errs, s.columns(q))
		}
	}
	if len(s.sessions) > 0 {
		errs = append(errs, s.plan(s.sessions[0]))
	}
	for _, option := range slices.Sorted(maps.Keys(s.writes)) {
		for _, one := range s.writes[option] {
			errs = append(errs, s.plan(one))
		}
	}
	return worst(errs)
}

// worst is connectors.Worst without those that are none.
func worst(errs []error) error {
	return connectors.Worst(slices.DeleteFunc(errs, func(err error) bool { return err == nil }))
}

// columns holds a query to what it says that it shows.
func (s *session) columns(q *query) error {
	var names []string
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout+grace)
	defer cancel()
	rows, err := s.conn.QueryContext(ctx, q.around("LIMIT 0"))
	if err == nil {
		names, err = rows.Columns()
		err = errors.Join(err, rows.Close(), rows.Err())
	}
	if err != nil {
		return s.found(q.option, err)
	}
	for i, name := range names {
		if i >= len(q.columns) || !strings.EqualFold(name, q.columns[i].name) {
			return refused(connectors.Permanent, "option %s: the server calls column %d %s: give it a name with AS", q.option, i+1, name)
		}
	}
	return nil
}

// plan asks the server what it would do. To plan is not to run, so that it needs no
// transaction, of which one refusal would spoil the rest.
func (s *session) plan(one statement) error {
	v := values{id: "0", entitlement: probed, session: "0", attributes: map[string]string{}, was: map[string]string{}}
	for _, a := range s.attributes {
		v.attributes[a], v.was[a] = probed, probed
	}
	text, args, err := one.render(v)
	if err != nil {
		return err
	}
	explained := []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "REPLACE", "VALUES", "MERGE"}
	if slices.Contains(explained, one.verb()) {
		for i := range args {
			args[i] = nil
		}
		err = s.asked("EXPLAIN "+text, args)
	} else {
		var prepared *db.Stmt
		if prepared, err = s.conn.PrepareContext(s.ctx, text); err == nil {
			err = prepared.Close()
		}
	}
	return s.found(one.option, err)
}

func (s *session) asked(text string, args []any) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout+grace)
	defer cancel()
	rows, err := s.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	for rows.Next() { // an error may follow what comes first
	}
	return errors.Join(rows.Err(), rows.Close())
}

// found is failure for what a probe found out.
func (s *session) found(option string, err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*connectors.Error](err); ours {
		return err
	}
	return failure(s.ctx, fmt.Sprintf("%soption %s", s.At(option, 1), option), err, nil)
}
