package sql

import (
	"context"
	db "database/sql"
	"errors"
	"fmt"
	"time"

	"drawbridge/connectors"
)

// grace is how much longer than the server we wait for a statement: then it is
// not the statement that hangs.
const grace = 2 * time.Second

// A session is one connection at work for one call of the connector, with or
// without a transaction.
type session struct {
	*Connector

	ctx  context.Context // of the call, as long as which the session lives
	conn interface {
		ExecContext(ctx context.Context, query string, args ...any) (db.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*db.Rows, error)
		PrepareContext(ctx context.Context, query string) (*db.Stmt, error)
	}
	tx   *db.Tx // nil: each statement is for itself
	done func() // gives the connection back

	// doubt says that something was asked for and nobody knows what came of it.
	doubt bool
}

// begin has a session, in a transaction with the options; without any for nil.
func (c *Connector) begin(ctx context.Context, what string, o *db.TxOptions) (*session, error) {
	if err := c.Rate.Wait(ctx, what); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout+grace)
	defer cancel()
	start := time.Now()
	conn, err := c.pool.Conn(limited)
	if err != nil {
		c.observe("connect", start, err)
		return nil, unreachable(ctx, err)
	}
	s := &session{Connector: c, ctx: ctx, conn: conn, done: func() { _ = conn.Close() }}
	if o == nil {
		return s, nil
	}
	s.tx, err = conn.BeginTx(ctx, o)
	if err != nil {
		s.done()
		return nil, unreachable(ctx, err)
	}
	s.conn = s.tx
	return s, nil
}

// end ends the session. A transaction that was not committed has not been.
func (s *session) end() {
	if s.tx != nil {
		_ = s.tx.Rollback()
	}
	s.done()
}

// commit commits, where there is something to.
func (s *session) commit() error {
	if s.tx == nil {
		return nil
	}
	start := time.Now()
	err := s.tx.Commit()
	s.observe("commit", start, err)
	s.doubt = err != nil && answered(err) == nil
	return failure(s.ctx, "commit", err, nil)
}

// with has a session to read what is there, at one moment.
func (c *Connector) with(ctx context.Context, what string, do func(*session) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s, err := c.begin(ctx, what, &db.TxOptions{Isolation: db.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer s.end()
	if err := do(s); err != nil {
		return err
	}
	return s.commit()
}

// query asks, and has each row read.
func (s *session) query(what, text string, args []any, row func(*db.Rows) error) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout+grace)
	defer cancel()
	start := time.Now()
	rows, err := s.conn.QueryContext(ctx, text, args...)
	if err != nil {
		s.observe(what, start, err)
		return failure(s.ctx, "option "+what, err, args)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows); err != nil {
			s.observe(what, start, nil)
			return failure(s.ctx, "option "+what, err, args)
		}
	}
	err = errors.Join(rows.Err(), rows.Close())
	s.observe(what, start, err)
	return failure(s.ctx, "option "+what, err, args)
}

// exec runs the statements of an option. The last of them changes one account at
// most: one that changes more has lost its WHERE. What does not matter is in fine.
func (s *session) exec(option string, v values, fine func(error) bool) error {
	v.login = s.login
	all := s.writes[option]
	for i, one := range all {
		text, args, err := one.render(v)
		if err != nil {
			return err
		}
		n, err := s.run(option, text, args)
		if err != nil && (fine == nil || !fine(err)) {
			return err
		}
		if i == len(all)-1 && n > 1 {
			return refused(connectors.Permanent, "option %s changed %d rows for one account: does it lack a WHERE? %s", option, n, s.kept())
		}
	}
	return nil
}

func (s *session) kept() string {
	if s.tx == nil {
		return "The server had no way to take that back"
	}
	return "Nothing of it was kept"
}

func (s *session) run(option, text string, args []any) (int64, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout+grace)
	defer cancel()
	start := time.Now()
	result, err := s.conn.ExecContext(ctx, text, args...)
	s.observe(option, start, err)
	if err != nil {
		a := answered(err)
		s.doubt = s.doubt || s.tx == nil && (a == nil || a.kind == connectors.Transient)
		return 0, failure(s.ctx, "option "+option, err, args)
	}
	n, err := result.RowsAffected()
	return n, failure(s.ctx, "option "+option, err, args)
}

func (c *Connector) observe(what string, start time.Time, err error) {
	if c.Observe != nil {
		c.Observe(what, status(err), time.Since(start))
	}
}
