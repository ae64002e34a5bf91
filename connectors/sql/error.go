package sql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"drawbridge/connectors"
)

// lockedOut is how long the server is left alone after it did not let us in:
// every account's work runs into that, and none is at fault.
const lockedOut = time.Minute

// An answer is an error that the server told us of, in the terms of either kind.
type answer struct {
	code string
	kind connectors.Kind
	text string // which may hold values
	on   string // what of the schema it is about
}

// answered returns what the server answered. Where it is nil, nobody knows what
// came of what was asked.
func answered(err error) *answer {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		on := strings.Join(slices.DeleteFunc([]string{pg.TableName, pg.ColumnName, pg.ConstraintName}, func(s string) bool { return s == "" }), " ")
		return &answer{pg.Code, postgresKind(pg), pg.Message, on}
	}
	if my, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return &answer{code: strconv.Itoa(int(my.Number)), kind: mysqlKind(my.Number), text: my.Message}
	}
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return &answer{code: "rollback", kind: connectors.Transient, text: "the server rolled back instead of committing"}
	}
	return nil
}

// passing are the classes and codes of PostgreSQL, beginning with which an error
// passes: connections, resources, an operator's hand, the server's own trouble,
// others at the same rows.
var passing = []string{"08", "40", "53", "57", "58", "XX", "25006", "26000", "55P03", "55006"}

func postgresKind(e *pgconn.PgError) connectors.Kind {
	switch {
	case e.Code == "23505":
		return connectors.Exists
	case slices.ContainsFunc(passing, func(p string) bool { return strings.HasPrefix(e.Code, p) }),
		e.Code == "0A000" && strings.Contains(e.Message, "cached plan"): // the schema was changed meanwhile
		return connectors.Transient
	}
	return connectors.Permanent
}

// mysqlPassing are the numbers of MySQL and MariaDB that pass.
var mysqlPassing = []uint16{
	1021, // disk full
	1037, // out of memory
	1040, // too many connections
	1041,
	1053,                   // shutdown
	1129,                   // too many failed connections
	1158, 1159, 1160, 1161, // the network
	1180,       // while committing
	1203,       // too many connections of one user
	1205,       // waited for a lock
	1213,       // deadlock
	1226,       // a limit of the account
	1290,       // read-only
	1317,       // interrupted
	1614,       // the transaction was ended
	1615,       // to be prepared again
	1637,       // too many transactions
	1792, 1836, // read-only
	1927, // killed
	1969, // max_statement_time
	3024, // max_execution_time
	3058, // deadlock of locks by name
	3100, // a plug-in of replication
	3101,
	4031, // idle for too long
}

func mysqlKind(number uint16) connectors.Kind {
	switch {
	case number == 1062, number == 1586:
		return connectors.Exists
	case slices.Contains(mysqlPassing, number):
		return connectors.Transient
	}
	return connectors.Permanent
}

// failure returns the error of what was asked, as the bridge understands it,
// without any of the values that were bound.
func failure(ctx context.Context, what string, err error, bound []any) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	if _, ours := errors.AsType[*connectors.Error](err); ours {
		return err
	}
	a := answered(err)
	if a == nil {
		return &connectors.Error{Kind: connectors.Transient, Err: fmt.Errorf("%s: no answer: %w", what, err)}
	}
	text := scrubbed(a.text, bound)
	if a.on != "" {
		text += " (" + a.on + ")"
	}
	return &connectors.Error{Kind: a.kind, Code: a.code, Err: fmt.Errorf("%s: %s", what, text)}
}

// unreachable returns the error of not getting as far as to ask anything. It is
// about us and the server and not about an account, so that it is tried again,
// whatever it is; and less often where the server let us know that it will not.
func unreachable(ctx context.Context, err error) error {
	a := answered(err)
	err = failure(ctx, "connect", err, nil)
	if e, ok := errors.AsType[*connectors.Error](err); ok {
		if a != nil && e.Kind != connectors.Transient {
			e.After = lockedOut
		}
		e.Kind = connectors.Transient
	}
	return err
}

var inQuotes = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// scrubbed returns a server's message without what it tells of the values: they
// are people's. Servers cut what they quote, so that a part of a value is one too.
// A very short value is looked for in quotes only: it may be part of any word.
func scrubbed(message string, bound []any) string {
	for _, b := range bound {
		if v, ok := b.(string); ok && len(v) > 3 {
			message = strings.ReplaceAll(message, v, "…")
		}
	}
	return inQuotes.ReplaceAllStringFunc(message, func(quoted string) string {
		inside := quoted[1 : len(quoted)-1]
		for _, b := range bound {
			if v, ok := b.(string); ok && inside != "" && (strings.Contains(inside, v) || strings.Contains(v, inside)) {
				return "…"
			}
		}
		return quoted
	})
}

// status returns what came of a request as Options.Observe counts it, in HTTP's
// terms: 0 for no answer.
func status(err error) int {
	if err == nil {
		return 200
	}
	a := answered(err)
	switch {
	case a == nil:
		return 0
	case a.kind == connectors.Exists:
		return 409
	case a.kind == connectors.Transient:
		return 503
	}
	return 400
}

func refused(kind connectors.Kind, format string, args ...any) error {
	return &connectors.Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}
