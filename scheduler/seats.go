package scheduler

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"drawbridge/connectors"
)

// Seats are which identities are writing to which accounts of one target. An account of
// somebody who is gone goes over to whoever finds it there by its name: only once nothing
// is under way for the former holder, and to one of several who find it at the same time,
// for what either writes the other knows nothing of. Whose it is is in the store when
// what came of the taking is; until then it is here. The zero value is ready, and safe
// for concurrent use.
type seats struct {
	mu    sync.Mutex
	busy  map[string]string // identities, by the ids of the accounts that are written to
	taken map[string]taking // by the ids of accounts that were found
}

// A taking is who takes over an account. Nobody else does before it is written down.
type taking struct {
	by    string
	until time.Time // zero: as long as they write to it
}

// writeDown is how long after a taking it is certainly written down.
const writeDown = time.Minute

// sit begins to write to an account, which stand ends.
func (s *seats) sit(account, identity string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(account, identity); err != nil {
		return err
	}
	if s.busy == nil {
		s.busy = map[string]string{}
	}
	s.busy[account] = identity
	return nil
}

// take begins to take over an account that was found, if it may be taken, which stand ends.
// That is asked first, and of a store: whoever takes it meanwhile has it for long enough.
func (s *seats) take(account, identity string, may func() error) error {
	if err := may(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(account, identity); err != nil {
		return err
	}
	if s.taken == nil {
		s.taken = map[string]taking{}
	}
	s.taken[account] = taking{by: identity}
	return nil
}

// stand ends what an identity does at the target, which then has the account of that id.
// What else it was to take over, and did not, is free.
func (s *seats) stand(identity, has string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for account, by := range s.busy {
		if by == identity {
			delete(s.busy, account)
		}
	}
	for account, t := range s.taken {
		switch {
		case t.by == identity && t.until.IsZero() && account != has:
			delete(s.taken, account)
		case t.by == identity && t.until.IsZero():
			s.taken[account] = taking{identity, now.Add(writeDown)}
		case !t.until.IsZero() && now.After(t.until):
			delete(s.taken, account)
		}
	}
}

// free returns an error, which passes, if another identity is at an account.
func (s *seats) free(account, identity string) error {
	if by, busy := s.busy[account]; busy && by != identity {
		return inUse(account, by, lookAgain)
	}
	t, taken := s.taken[account]
	left := time.Until(t.until)
	switch {
	case !taken || t.by == identity:
		return nil
	case t.until.IsZero():
		return inUse(account, t.by, lookAgain)
	case left > 0: // nobody hears of it when it is written down, which is at once, or late
		return inUse(account, t.by, max(lookAgain, min(writeDown-left, left)))
	}
	return nil
}

// errInUse is why somebody waits for an account that another is at. It says nothing about
// the target, and what waits for it was not begun.
var errInUse = errors.New("it is looked at again")

// lookAgain is how soon an account that is in use is looked at again, at the least. Of one
// that was taken, and of which it is not written down, each look is a search at the target:
// there it is as long again as it has been so.
const lookAgain = time.Second

func inUse(account, by string, again time.Duration) error {
	return &connectors.Error{
		Kind: connectors.Transient, After: again,
		Err: fmt.Errorf("account %s is being written to for identity %s: %w", account, by, errInUse),
	}
}
