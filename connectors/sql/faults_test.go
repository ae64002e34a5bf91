package sql_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/sql/sqltest"
	"drawbridge/schema"
)

// TestAServerThatIsKilled ends it without a warning in the middle of a move, at one
// request after the other, and starts it again: the next Apply gets there.
func TestAServerThatIsKilled(t *testing.T) {
	for _, scheme := range []string{"postgres", "mariadb"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := sqltest.Own(t, scheme)
			x := withTables(t, s, nil)
			want := ada("plain", groupNames[2])
			want.Attributes["title"] = "Countess"
			have := schema.Account{}
			for _, nth := range []int{5, 13} {
				x.proxy.Before(nth, s.Kill)
				got, err := x.Connector.Apply(t.Context(), have, want)
				if !x.proxy.Spent() {
					t.Fatalf("the move has fewer than %d requests: %+v, %v", nth, got, err)
				}
				fails(t, err, connectors.Transient, "")
				if got.Exists() && !connectors.IsUnnamed(got.RemoteID) {
					t.Errorf("killed at request %d, it returned %+v", nth, got)
				}
				s.Restart(t)
				_ = x.admin.PingContext(t.Context()) // which finds out that its connection is gone
				have = got
				have.Managed = want.Entitlements
				if is := x.at(t, "ada"); is.Exists() {
					t.Errorf("killed at request %d, half of it was kept: %+v", nth, is)
				}
			}
			got, err := x.Connector.Apply(t.Context(), have, want)
			if err != nil {
				t.Fatal(err)
			}
			if is := x.at(t, "ada"); !is.Active || !slices.Equal(is.Entitlements, want.Entitlements) || is.RemoteID != got.RemoteID {
				t.Errorf("there is %+v, and returned was %+v", is, got)
			}
		})
	}
}

// TestAListingCutShort is an error, and never a short listing.
func TestAListingCutShort(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		for i := range 10 {
			x.Hand.(*rows).must(t, "INSERT INTO users (login, active) VALUES (?, true)", fmt.Sprintf("p%02d", i))
		}
		seen := 0
		for _, err := range x.connector.List(t.Context()) {
			if seen++; seen == 4 {
				x.proxy.HangUp()
			}
			if err != nil {
				fails(t, err, connectors.Transient, "list:")
				return
			}
		}
		t.Errorf("the listing ended after %d accounts, and there are 11", seen)
	})
}

// TestAListingIsOneMoment changes what is listed meanwhile.
func TestAListingIsOneMoment(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		h := x.Hand.(*rows)
		for i := range 10 {
			h.must(t, "INSERT INTO users (login, active) VALUES (?, true)", fmt.Sprintf("p%02d", i))
		}
		var seen []string
		for a, err := range x.connector.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if seen = append(seen, a.Attributes["userName"]); len(seen) == 2 {
				h.must(t, "DELETE FROM users WHERE login = ?", "p09")
				h.must(t, "UPDATE users SET login = ? WHERE login = 'p08'", "zed")
				h.must(t, "INSERT INTO users (login, active) VALUES (?, true)", "late")
				h.must(t, "INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g WHERE u.login = ? AND g.name = 'plain'", "p07")
			}
			if len(a.Entitlements) > 0 {
				t.Errorf("%s holds %q, which was granted afterwards", seen[len(seen)-1], a.Entitlements)
			}
		}
		want := []string{"resident", "p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09"}
		if !slices.Equal(seen, want) {
			t.Errorf("listed %q, want %q", seen, want)
		}
	})
}

// innodb is for who looks into MariaDB's transactions: what is shown of them is as
// old as when they were last looked at less than a tenth of a second after somebody.
var innodb sync.Mutex

// waiting reports whether a transaction in the database waits for another.
func (x *target) waiting(t *testing.T) bool {
	t.Helper()
	text := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	if x.mariadb() {
		innodb.Lock()
		defer innodb.Unlock()
		<-time.After(120 * time.Millisecond)
		text = "SELECT count(*) FROM information_schema.innodb_trx x JOIN information_schema.processlist p ON p.ID = x.trx_mysql_thread_id " +
			"WHERE x.trx_state = 'LOCK WAIT' AND p.DB = DATABASE()"
	}
	n := 0
	if err := x.admin.QueryRowContext(t.Context(), text).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// wait returns when the connector waits for a lock.
func (x *target) wait(t *testing.T, ended <-chan error) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !x.waiting(t) {
		select {
		case <-tick.C:
		case err := <-ended:
			t.Fatalf("it did not wait: %v", err)
		case <-late:
			t.Fatal("nothing ever waited")
		}
	}
}

// blocked has somebody hold ada's row while test goes on, and waits until the
// connector waits for it.
func (x *target) blocked(t *testing.T, apply func(context.Context) error, then func(release func())) error {
	t.Helper()
	tx, err := x.admin.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "UPDATE users SET title = 'held' WHERE login = 'ada'"); err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(func() { _ = tx.Rollback() })
	defer release()
	ended := make(chan error, 1)
	go func() { ended <- apply(t.Context()) }()
	x.wait(t, ended)
	then(release)
	return <-ended
}

func TestWhoWaitsForALock(t *testing.T) {
	t.Run("goes on", func(t *testing.T) {
		each(t, nil, func(t *testing.T, x *target) {
			have := x.provision(t, ada("plain"))
			err := x.blocked(t, func(ctx context.Context) error {
				_, err := x.Connector.Apply(ctx, have, schema.Account{})
				return err
			}, func(release func()) { release() })
			if err != nil || x.at(t, "ada").Active {
				t.Errorf("%v, and there is %+v", err, x.at(t, "ada"))
			}
		})
	})
	t.Run("is cancelled", func(t *testing.T) {
		each(t, nil, func(t *testing.T, x *target) {
			have := x.provision(t, ada("plain"))
			cancel := context.CancelFunc(nil)
			err := x.blocked(t, func(ctx context.Context) error {
				ctx, cancel = context.WithCancel(ctx)
				_, err := x.Connector.Apply(ctx, have, schema.Account{})
				return err
			}, func(func()) { cancel() })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want context.Canceled", err)
			}
			if is := x.at(t, "ada"); !is.Active || !is.Holds("plain") {
				t.Errorf("half of it was kept: %+v", is)
			}
		})
	})
	t.Run("gives up", func(t *testing.T) {
		each(t, map[string]string{"timeout": "1s"}, func(t *testing.T, x *target) {
			have := x.provision(t, ada("plain"))
			var got schema.Account
			err := x.blocked(t, func(ctx context.Context) (err error) {
				got, err = x.Connector.Apply(ctx, have, schema.Account{})
				return err
			}, func(func()) {})
			fails(t, err, connectors.Transient, "option disable")
			if is := x.at(t, "ada"); !is.Active || !got.Active || is.Holds("plain") || got.Holds("plain") {
				t.Errorf("there is %+v, and returned was %+v: want it active, and without what could be taken", is, got)
			}
		})
	})
}

// TestADeadlock has somebody wait for what the connector has, who has what it waits
// for.
func TestADeadlock(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		have := x.provision(t, ada("plain"))
		if !x.mariadb() {
			// Whose time is up first is the victim: it must be the connector's.
			must(t, x.admin, "ALTER DATABASE "+x.database(t)+" SET deadlock_timeout = '1s'")
		}
		tx, err := x.admin.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		script := []string{"SET LOCAL deadlock_timeout = '1h'"}
		if x.mariadb() {
			script = nil
			for range 20 { // who wrote less is the victim
				script = append(script, "INSERT INTO tokens (user_id) VALUES (0)")
			}
		}
		for _, text := range append(script, "DELETE FROM user_groups") {
			if _, err := tx.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		var got schema.Account
		ended := make(chan error, 1)
		go func() {
			var err error
			got, err = x.Connector.Apply(t.Context(), have, schema.Account{})
			ended <- err
		}()
		x.wait(t, ended)
		if _, err := tx.ExecContext(t.Context(), "UPDATE users SET title = 'held' WHERE login = 'ada'"); err != nil {
			t.Fatalf("the wrong one was the victim: %v", err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		err = <-ended
		fails(t, err, connectors.Transient, "")
		if e, ok := errors.AsType[*connectors.Error](err); !ok || e.Code != map[bool]string{true: "1213", false: "40P01"}[x.mariadb()] {
			t.Errorf("the error is %v, want a deadlock", err)
		}
		got.Managed = have.Managed
		if got, err := x.Connector.Apply(t.Context(), got, schema.Account{}); err != nil || got.Active || x.at(t, "ada").Active || x.at(t, "ada").Holds("plain") {
			t.Errorf("%v, and there is %+v", err, x.at(t, "ada"))
		}
	})
}

// TestALostCommit is the call of which nobody knows what came of it.
func TestALostCommit(t *testing.T) {
	each(t, nil, func(t *testing.T, x *target) {
		for _, took := range []bool{true, false} {
			want := ada("plain")
			want.Attributes["userName"] = fmt.Sprint("ada", took)
			x.proxy.FailCommit(took)
			got, err := x.Connector.Apply(t.Context(), schema.Account{}, want)
			if !x.proxy.Spent() {
				t.Fatal("there was no commit")
			}
			fails(t, err, connectors.Transient, "commit: no answer")
			if !connectors.IsUnnamed(got.RemoteID) || !got.Active || !got.Holds("plain") {
				t.Errorf("took %v: returned %+v, want what may be there", took, got)
			}
			if is := x.at(t, want.Attributes["userName"]); is.Exists() != took {
				t.Errorf("took %v: there is %+v", took, is)
			}
			got.Managed = []string{"plain"}
			if got, err = x.Connector.Apply(t.Context(), got, schema.Account{}); err != nil || got.Active || x.at(t, want.Attributes["userName"]).Active {
				t.Errorf("took %v: %+v, %v", took, got, err)
			}
		}
	})
}
