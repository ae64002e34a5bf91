// Package memory is a system that exists only in memory: the target to measure
// the bridge against, and to try it with. It keeps the connectors' contract, can
// be made slow and made to fail, and is empty whenever the bridge starts.
//
// It also judges: it refuses to be told of one account twice at once, which
// nobody may do to a connector, and counts it.
package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// A Call is one request that the system is sent. The zero Hooks answer it at
// once and truthfully.
type Call struct {
	N       int64  // counts calls from 1
	Verb    string // of connectors.Verb, or find, read, list
	Account string // the id, or the user name where there is none yet
}

// Writes reports whether the call is to change something.
func (c Call) Writes() bool { return c.Verb != "find" && c.Verb != "read" && c.Verb != "list" }

// Hooks make a system behave badly. They are called by many goroutines at once.
type Hooks struct {
	// Latency returns how long the call takes.
	Latency func(Call) time.Duration
	// Fail returns what the call fails with, and whether it takes effect all the
	// same, so that only the answer is lost.
	Fail func(Call) (took bool, err error)
	// Used returns when the account with the id was used last. Without it the system is
	// none that tells.
	Used func(id string) time.Time
}

// A System is a system in memory, and the connector to it. Accounts are matched
// by user name, whatever its case.
type System struct {
	hooks   Hooks
	observe func(method string, status int, took time.Duration) // as connectors.Options has it; may be nil

	mu       sync.Mutex
	accounts map[string]schema.Account
	byName   map[string]string // user name in lower case to id
	last     int64             // the newest account's id
	calls    int64
	writes   int
	busy     map[string]bool // user names that an Apply is at work for
	overlaps int
	nests    []connectors.Nest
}

var (
	_ connectors.Connector = (*System)(nil)
	_ connectors.Lister    = (*System)(nil)
	_ connectors.Reader    = (*System)(nil)
	_ connectors.Prober    = (*System)(nil)
	_ connectors.Nester    = (*System)(nil)
	_ connectors.UseTeller = (*System)(nil)
)

// New returns an empty system.
func New(h Hooks) *System {
	return &System{hooks: h, accounts: map[string]schema.Account{}, byName: map[string]string{}, busy: map[string]bool{}}
}

// Open returns an empty system for kind memory. Option latency is how long each
// call takes, as in 20ms.
func Open(o connectors.Options) (connectors.Connector, error) {
	errs := []error{o.Known("latency")}
	var h Hooks
	if text := o.Options["latency"]; text != "" {
		latency, err := time.ParseDuration(text)
		if err != nil || latency < 0 {
			errs = append(errs, fmt.Errorf("option latency is %q, want a duration such as 20ms", text))
		}
		h.Latency = func(Call) time.Duration { return latency }
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := New(h)
	s.observe = o.Observe
	return s, nil
}

// Apply takes the steps from the account as it is to want, each in a call.
func (s *System) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	name := want.Attributes["userName"]
	if name == "" {
		name = have.Attributes["userName"]
	}
	leave, err := s.enter(have.RemoteID, name)
	if err != nil {
		return have, err
	}
	defer leave()
	var now schema.Account
	find := func() error {
		if connectors.IsUnnamed(have.RemoteID) { // by what it may have been made as
			now = s.find("", have.Attributes["userName"])
		}
		if !now.Exists() {
			now = s.find(have.RemoteID, name)
		}
		return nil
	}
	if err := s.call(ctx, "find", name, find); err != nil {
		return have, err
	}
	if others, err := connectors.Claim(ctx, have, want, now); others {
		return gone(have), err
	}
	adopted := now.Exists() && !have.Exists()
	now.Managed = have.Managed
	for _, step := range connectors.Plan(now, want) {
		id := now.RemoteID
		if err := s.call(ctx, step.Verb.String(), cmp.Or(id, name), func() (err error) { id, err = s.take(id, step); return err }); err != nil {
			now.Adopted = adopted
			return connectors.Doubt(now, want, err), err
		}
		now = s.Account(id)
	}
	now.Connector, now.Identity, now.Managed, now.Adopted = want.Connector, want.Identity, nil, adopted
	return now, nil
}

// gone returns the account as one that is not there.
func gone(have schema.Account) schema.Account {
	return schema.Account{Connector: have.Connector, Identity: have.Identity, Managed: have.Managed}
}

// enter notes that an Apply is at work for the account, and refuses a second.
func (s *System) enter(id, name string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := cmp.Or(id, "name "+strings.ToLower(name))
	if s.busy[key] {
		s.overlaps++
		return nil, fmt.Errorf("account %s is being applied already", key)
	}
	s.busy[key] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, key)
	}, nil
}

// call has the system do something: after its latency, and unless it fails. What
// it does is done under the lock.
func (s *System) call(ctx context.Context, verb, account string, do func() error) error {
	c := Call{Verb: verb, Account: account}
	s.mu.Lock()
	s.calls++
	c.N = s.calls
	if c.Writes() {
		s.writes++
	}
	s.mu.Unlock()
	start := time.Now()
	err := s.answer(ctx, c, do)
	if s.observe != nil {
		status := 200
		if err != nil {
			status = 0
		}
		s.observe(verb, status, time.Since(start))
	}
	return err
}

func (s *System) answer(ctx context.Context, c Call, do func() error) error {
	if err := s.wait(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", c.Verb, err)
	}
	took, failure := true, error(nil)
	if s.hooks.Fail != nil {
		took, failure = s.hooks.Fail(c)
	}
	if failure == nil || took {
		s.mu.Lock()
		err := do()
		s.mu.Unlock()
		if failure == nil {
			return err
		}
	}
	return failure
}

func (s *System) wait(ctx context.Context, c Call) error {
	if s.hooks.Latency == nil {
		return ctx.Err()
	}
	timer := time.NewTimer(s.hooks.Latency(c))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns the account with the id, or else with the user name. The caller
// has the lock, as of take and copied.
func (s *System) find(id, name string) schema.Account {
	if _, ok := s.accounts[id]; !ok {
		id = s.byName[strings.ToLower(name)]
	}
	return s.copied(id)
}

// copied returns a copy of the account, empty if there is none.
func (s *System) copied(id string) schema.Account {
	a := s.accounts[id]
	a.Attributes, a.Entitlements = maps.Clone(a.Attributes), slices.Clone(a.Entitlements)
	return a
}

// take takes one step and returns the account's id.
func (s *System) take(id string, step connectors.Step) (string, error) {
	a := s.copied(id)
	name := strings.ToLower(step.Attributes["userName"])
	if owner, taken := s.byName[name]; name != "" && taken && owner != id {
		return id, &connectors.Error{Kind: connectors.Exists, Err: fmt.Errorf("account %s has the user name %q", owner, name)}
	}
	if !a.Exists() && step.Verb != connectors.Create {
		return id, &connectors.Error{Kind: connectors.Gone, Err: fmt.Errorf("%s: there is no account %s", step.Verb, id)}
	}
	switch step.Verb {
	case connectors.Revoke:
		a.Entitlements = slices.DeleteFunc(a.Entitlements, func(e string) bool { return slices.Contains(step.Entitlements, e) })
	case connectors.Disable:
		a.Active = false
	case connectors.Create:
		s.last++
		a = schema.Account{RemoteID: strconv.FormatInt(s.last, 10), Active: true, Attributes: map[string]string{}}
		fallthrough
	case connectors.Update:
		maps.Copy(a.Attributes, step.Attributes)
	case connectors.Enable:
		a.Active = true
	case connectors.Grant:
		a.Entitlements = schema.Sorted(append(a.Entitlements, step.Entitlements...)...)
	}
	s.keep(a)
	return a.RemoteID, nil
}

// keep stores the account, under its name too.
func (s *System) keep(a schema.Account) {
	delete(s.byName, strings.ToLower(s.accounts[a.RemoteID].Attributes["userName"]))
	s.byName[strings.ToLower(a.Attributes["userName"])] = a.RemoteID
	s.accounts[a.RemoteID] = a
}

// Read returns the account with the remote id.
func (s *System) Read(ctx context.Context, remoteID string) (a schema.Account, err error) {
	err = s.call(ctx, "read", remoteID, func() error { a = s.copied(remoteID); return nil })
	if err == nil && !a.Exists() {
		err = &connectors.Error{Kind: connectors.Gone, Err: fmt.Errorf("there is no account %s", remoteID)}
	}
	return a, err
}

// List returns all accounts, in the order in which they were made, in pages of a
// thousand.
func (s *System) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		for after, more := int64(0), true; more; {
			var page []schema.Account
			err := s.call(ctx, "list", "", func() error { page, after, more = s.page(after); return nil })
			if err != nil {
				yield(schema.Account{}, err)
				return
			}
			for _, a := range page {
				if s.hooks.Used != nil {
					a.LastUsed = s.hooks.Used(a.RemoteID)
				}
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

// TellsUse reports whether the listing says when accounts were used.
func (s *System) TellsUse() bool { return s.hooks.Used != nil }

const pageSize = 1000

// page returns the accounts made after the one with the id, where the next page
// begins, and whether there may be one.
func (s *System) page(after int64) (page []schema.Account, last int64, more bool) {
	for ; after < s.last && len(page) < pageSize; after++ {
		if a := s.copied(strconv.FormatInt(after+1, 10)); a.Exists() {
			page = append(page, a)
		}
	}
	return page, after, after < s.last
}

// Probe says that the system is there, unless its hooks say otherwise.
func (s *System) Probe(ctx context.Context) error {
	return s.call(ctx, "read", "", func() error { return nil })
}
