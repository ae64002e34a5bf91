package sql

import (
	"context"
	db "database/sql"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// sessionsEnd is how often it is looked whether the sessions have ended, the wait
// doubling from a hundredth of a second: two and a half seconds.
const sessionsEnd = 8

// endSessions ends what a disabled account is still logged in with, and looks
// whether it is gone. Until it is, the account counts as active: somebody who has
// a session open has access.
func (c *Connector) endSessions(ctx context.Context, m move, have schema.Account, failed error) (schema.Account, error) {
	whose := m.before.account
	if !whose.Exists() { // it is deleted: its sessions may outlive it
		whose = have
	}
	known := whose.Exists() && !connectors.IsUnnamed(whose.RemoteID) && len(whose.Attributes) > 0
	if len(c.sessions) == 0 || !known || m.before.protected || m.other != "" && !c.apart(whose.RemoteID, m.other) {
		return m.account, failed // nobody's sessions are ended for having a name, also that of one who is gone
	}
	err := c.quiet(ctx, values{id: whose.RemoteID, attributes: whose.Attributes})
	if err == nil {
		return m.account, failed
	}
	got := m.account
	if got.Exists() {
		got.Attributes = nil // in doubt: no listing that shows it disabled settles it
	} else {
		got.RemoteID, got.Attributes = whose.RemoteID, whose.Attributes
	}
	got.Active = true
	if failed != nil {
		err = connectors.Worst([]error{failed, err})
	}
	return got, err
}

// apart reports whether the sessions of an account that is gone cannot be taken for those
// of another that has its name by now: they are asked for by id alone, and the ids are not
// one to a server which minds no case.
func (c *Connector) apart(gone, other string) bool {
	for _, s := range slices.Concat(c.sessions, c.writes[optEndSession]) {
		if slices.ContainsFunc(s.names(), func(name string) bool { return name != paramID && name != paramSession }) {
			return false
		}
	}
	return !strings.EqualFold(gone, other)
}

// quiet ends sessions until there are none.
func (c *Connector) quiet(ctx context.Context, v values) error {
	s, err := c.begin(ctx, "sessions", nil)
	if err != nil {
		return err
	}
	defer s.end()
	wait := 10 * time.Millisecond
	for range sessionsEnd {
		open, err := s.open(v)
		if err != nil || len(open) == 0 {
			return err
		}
		for _, v.session = range open {
			// One may have ended by itself: whether it is there is looked at again.
			err := s.exec(optEndSession, v, func(err error) bool { return connectors.KindOf(err) == connectors.Permanent })
			if err != nil {
				return err
			}
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
	open, err := s.open(v)
	if err != nil || len(open) == 0 {
		return err
	}
	return refused(connectors.Transient, "the account is disabled and still has %d sessions open: option endSession does not end them", len(open))
}

// open returns the account's sessions.
func (s *session) open(v values) (open []string, err error) {
	v.login = s.login
	text, args, err := s.sessions[0].render(v)
	if err != nil {
		return nil, err
	}
	err = s.query(optSessions, text, args, func(rows *db.Rows) error {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		var id db.NullString
		into := []any{&id}
		for range len(columns) - 1 {
			into = append(into, new(any))
		}
		err = rows.Scan(into...)
		open = append(open, id.String)
		return err
	})
	return open, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
