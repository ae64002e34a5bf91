package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"drawbridge/connectors"
)

func TestWhatMayBeDoneAboutIt(t *testing.T) {
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "m"} }
	my := func(number uint16) error { return &mysql.MySQLError{Number: number, Message: "m"} }
	for _, row := range []struct {
		err    error
		want   connectors.Kind
		status int
	}{
		{pg("40001"), connectors.Transient, 503},
		{pg("40P01"), connectors.Transient, 503},
		{pg("53300"), connectors.Transient, 503},
		{pg("57P01"), connectors.Transient, 503},
		{pg("57014"), connectors.Transient, 503},
		{pg("55P03"), connectors.Transient, 503},
		{pg("25006"), connectors.Transient, 503},
		{pg("XX000"), connectors.Transient, 503},
		{&pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}, connectors.Transient, 503},
		{pg("0A000"), connectors.Permanent, 400},
		{pg("42501"), connectors.Permanent, 400},
		{pg("42601"), connectors.Permanent, 400},
		{pg("23502"), connectors.Permanent, 400},
		{pg("22P02"), connectors.Permanent, 400},
		{pg("23505"), connectors.Exists, 409},
		{my(1213), connectors.Transient, 503},
		{my(1205), connectors.Transient, 503},
		{my(1040), connectors.Transient, 503},
		{my(1969), connectors.Transient, 503},
		{my(1290), connectors.Transient, 503},
		{my(1062), connectors.Exists, 409},
		{my(1142), connectors.Permanent, 400},
		{my(1064), connectors.Permanent, 400},
		{my(1396), connectors.Permanent, 400},
		{errors.New("broken pipe"), connectors.Transient, 0},
		{context.DeadlineExceeded, connectors.Transient, 0},
	} {
		if got := connectors.KindOf(failure(t.Context(), "x", fmt.Errorf("wrapped: %w", row.err), nil)); got != row.want {
			t.Errorf("%v is kind %d, want %d", row.err, got, row.want)
		}
		if got := status(row.err); got != row.status {
			t.Errorf("%v counts as %d, want %d", row.err, got, row.status)
		}
	}
}

func TestCancelledIsNoFailureOfTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := failure(ctx, "x", errors.New("closed"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func TestNotLetIn(t *testing.T) {
	err := unreachable(t.Context(), &pgconn.PgError{Code: "28P01", Message: "password authentication failed for user \"x\""})
	if connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) != lockedOut {
		t.Errorf("%v: kind %d after %v, want transient after %v", err, connectors.KindOf(err), connectors.RetryAfter(err), lockedOut)
	}
	if err := unreachable(t.Context(), errors.New("refused")); connectors.RetryAfter(err) != 0 {
		t.Errorf("a server that is down is left alone for %v, want no time", connectors.RetryAfter(err))
	}
}

// TestNoErrorTellsAValue takes the words that servers put values into.
func TestNoErrorTellsAValue(t *testing.T) {
	bound := []any{"ada@example.com", nil, "a very secret title"}
	for _, err := range []error{
		&mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'ada@example.com' for key 'users.login'"},
		&mysql.MySQLError{Number: 1366, Message: "Incorrect integer value: 'ada@exa' for column `id`"}, // cut off
		&mysql.MySQLError{Number: 1064, Message: "error near '= 'ada@example.com'' at line 1"},
		&pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "a very secret title"`},
		&pgconn.PgError{Code: "23505", Message: `duplicate key value violates unique constraint "users_login_key"`, Detail: "Key (login)=(ada@example.com) already exists."},
	} {
		said := failure(t.Context(), "option create", err, bound).Error()
		for _, secret := range []string{"ada", "secret"} {
			if strings.Contains(said, secret) {
				t.Errorf("the error tells %q: %s", secret, said)
			}
		}
		if !strings.Contains(said, "option create: ") {
			t.Errorf("the error does not say where: %s", said)
		}
	}
}
