package rest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

const (
	remembered = 5 * time.Minute  // how long a catalogue is believed
	soonest    = 10 * time.Second // after which one is read again for what it lacks
)

// errNone says that the target has no entitlement of the name.
var errNone = errors.New("the target has no such entitlement")

// A kind is one kind of entitlements at the target.
type kind struct {
	*entitlement
	c *Connector

	turn chan struct{} // holds one element while nobody reads the catalogue

	mu      sync.Mutex
	ids     map[string]string // by name, without the prefix
	names   map[string]string // by id
	doubled map[string]bool   // names of several
	read    time.Time
	queues  map[string]*queue // of entitlements that changes wait for, by id
}

func newKind(c *Connector, e *entitlement) *kind {
	k := &kind{entitlement: e, c: c, turn: make(chan struct{}, 1), queues: map[string]*queue{}}
	k.turn <- struct{}{}
	return k
}

// kindOf returns the kind that the entitlement is of, and its name there.
func (c *Connector) kindOf(name string) (*kind, string) {
	for _, k := range c.kinds {
		if rest, ok := strings.CutPrefix(name, k.Prefix); ok && rest != "" {
			return k, rest
		}
	}
	return nil, ""
}

// id returns the id of the entitlement with the name.
func (k *kind) id(ctx context.Context, name string) (string, error) {
	if k.Catalogue == nil {
		return name, nil
	}
	for fresh := remembered; ; fresh = soonest {
		if err := k.learn(ctx, fresh); err != nil {
			return "", err
		}
		k.mu.Lock()
		id, known, doubled := k.ids[name], k.ids[name] != "", k.doubled[name]
		k.mu.Unlock()
		switch {
		case doubled:
			return "", permanent("the target has several entitlements of this name")
		case known:
			return id, nil
		case fresh == soonest:
			return "", &connectors.Error{Kind: connectors.Permanent, Err: errNone}
		}
	}
}

// nameOf returns the name of the entitlement with the id.
func (k *kind) nameOf(ctx context.Context, id string) (string, error) {
	if k.Catalogue == nil {
		return id, nil
	}
	for fresh := remembered; ; fresh = soonest {
		if err := k.learn(ctx, fresh); err != nil {
			return "", err
		}
		k.mu.Lock()
		name, known := k.names[id]
		k.mu.Unlock()
		if known {
			return name, nil
		}
		if fresh == soonest {
			return "", transient("an account holds an entitlement that the target does not list")
		}
	}
}

// learn reads the catalogue, unless it was read not longer than that ago. Of
// several who want to know at once, one reads.
func (k *kind) learn(ctx context.Context, fresh time.Duration) error {
	known := func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return !k.read.IsZero() && k.c.o.Now().Sub(k.read) < fresh
	}
	if known() {
		return nil
	}
	select {
	case <-k.turn:
		defer func() { k.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if known() {
		return nil
	}
	began := k.c.o.Now()
	ids, names, doubled := map[string]string{}, map[string]string{}, map[string]bool{}
	for item, err := range k.c.lines(ctx, &k.Catalogue.listing, nil, k.says(&k.Catalogue.ID)) {
		if err != nil {
			return astray(err)
		}
		in := k.c.vars(variables{"item": item})
		id, idErr := k.Catalogue.ID.words(in)
		name, nameErr := k.Catalogue.Name.words(in)
		if idErr != nil || nameErr != nil || id == "" || name == "" {
			return transient("an entitlement of the target has no id or no name: %w", orEmpty(errors.Join(idErr, nameErr)))
		}
		if _, twice := ids[name]; twice && ids[name] != id {
			doubled[name] = true
		}
		ids[name], names[id] = id, name
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids, k.names, k.doubled, k.read = ids, names, doubled, began
	return nil
}

// forget lets go of the catalogue, which the target contradicts.
func (k *kind) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = time.Time{}
}

// all returns the names of the catalogue, sorted.
func (k *kind) all(ctx context.Context) ([]string, error) {
	if err := k.learn(ctx, remembered); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	for name := range k.ids {
		names = append(names, name)
	}
	return schema.Sorted(names...), nil
}

// of returns what the account holds of this kind, with the prefix: of those with
// the names where the target cannot say what else there is.
func (k *kind) of(ctx context.Context, item any, id string, names []string) ([]string, error) {
	switch {
	case k.Of != nil && !k.Of.asks():
		return k.held(ctx, k.Of, item)
	case k.Of != nil:
		var held []string
		for line, err := range k.c.lines(ctx, &k.Of.listing, k.c.vars(variables{"id": id}), k.says(&k.Of.ID, &k.Of.Name)) {
			if isMissing(err) {
				return nil, k.c.certain(ctx, err)
			}
			if err != nil {
				return nil, err
			}
			more, err := k.held(ctx, k.Of, line)
			if err != nil {
				return nil, err
			}
			held = append(held, more...)
		}
		return schema.Sorted(held...), nil
	case k.Holds != nil:
		return k.asked(ctx, id, names)
	}
	everyone, err := k.everyone(ctx)
	return everyone[id], err
}

// held returns what a line of a listing says is held, with the prefix.
func (k *kind) held(ctx context.Context, h *holding, item any) ([]string, error) {
	e, byID := &h.Name, h.ID.given()
	if byID {
		e = &h.ID
	}
	v, err := e.eval(k.c.vars(variables{"item": item}))
	if err != nil {
		return nil, transient("nobody can tell what an account holds: %w", err)
	}
	list, several := v.([]any)
	if !several {
		list = []any{v}
	}
	var held []string
	for _, v := range list {
		name, ok := asText(v)
		if !ok {
			return nil, transient("nobody can tell what an account holds: line %d: this is no text and no number", e.line)
		}
		if name == "" {
			continue
		}
		if byID {
			if name, err = k.nameOf(ctx, name); err != nil {
				return nil, err
			}
		}
		held = append(held, k.Prefix+name)
	}
	return held, nil
}

// asked returns those of the entitlements with the names that the account holds,
// asking for one by one; without names, for all that the bridge had to do with.
func (k *kind) asked(ctx context.Context, account string, names []string) (held []string, err error) {
	if names == nil {
		if names, err = k.heard(ctx); err != nil {
			return nil, err
		}
	}
	for _, full := range schema.Sorted(names...) {
		of, name := k.c.kindOf(full)
		if of != k {
			continue
		}
		id, err := k.id(ctx, name)
		if errors.Is(err, errNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		in := k.c.vars(variables{"id": account, "entitlement": map[string]string{"id": id, "name": name}})
		_, err = k.c.ask(ctx, k.Holds, in)
		switch {
		case isMissing(err):
			if err := k.c.certain(ctx, err); !isMissing(err) {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			held = append(held, full)
		}
	}
	return held, nil
}

// heard returns the names that there are to ask for.
func (k *kind) heard(ctx context.Context) ([]string, error) {
	if k.Catalogue == nil {
		return nil, nil
	}
	names, err := k.all(ctx)
	for i, name := range names {
		names[i] = k.Prefix + name
	}
	return names, err
}

// everyone returns what all accounts hold, by account; nil where each account is
// better asked for.
func (k *kind) everyone(ctx context.Context) (map[string][]string, error) {
	switch {
	case k.Everyone != nil:
		held := map[string][]string{}
		for line, err := range k.c.lines(ctx, &k.Everyone.listing, nil, k.says(&k.Everyone.Account, &k.Everyone.ID, &k.Everyone.Name)) {
			if err != nil {
				return nil, err
			}
			account, err := k.Everyone.Account.words(k.c.vars(variables{"item": line}))
			if err != nil {
				return nil, transient("nobody can tell who holds what: %w", err)
			}
			more, err := k.held(ctx, k.Everyone, line)
			if err != nil {
				return nil, err
			}
			held[account] = append(held[account], more...)
		}
		return held, nil
	case k.Members != nil:
		return k.memberships(ctx)
	}
	return nil, nil
}

// memberships asks every entitlement of the catalogue who holds it.
func (k *kind) memberships(ctx context.Context) (map[string][]string, error) {
	names, err := k.all(ctx)
	if err != nil {
		return nil, err
	}
	held := map[string][]string{}
	for _, name := range names {
		id, err := k.id(ctx, name)
		if err != nil {
			return nil, err
		}
		members, err := k.members(ctx, id, name)
		if isMissing(err) {
			k.forget()
			return nil, transient("an entitlement went while it was being listed: %w", err)
		}
		if err != nil {
			return nil, err
		}
		for _, account := range members {
			if full := k.Prefix + name; !slices.Contains(held[account], full) {
				held[account] = append(held[account], full)
			}
		}
	}
	return held, nil
}

// members returns the ids of the accounts that hold the entitlement.
func (k *kind) members(ctx context.Context, id, name string) (accounts []string, err error) {
	in := k.c.vars(variables{"entitlement": map[string]string{"id": id, "name": name}})
	for line, err := range k.c.lines(ctx, &k.Members.listing, in, k.says(&k.Members.Account)) {
		if err != nil {
			return nil, err
		}
		account, err := k.Members.Account.words(k.c.vars(variables{"item": line}))
		if err != nil {
			return nil, transient("nobody can tell who holds an entitlement: %w", err)
		}
		accounts = append(accounts, account)
	}
	return accounts, nil
}

// change gives the account the entitlement, or takes it away.
func (k *kind) change(ctx context.Context, account, name string, in bool) error {
	for again := false; ; again = true {
		id, err := k.id(ctx, name)
		if errors.Is(err, errNone) && !in {
			return nil
		}
		if err != nil {
			return err
		}
		if k.Batch > 0 {
			err = k.enqueue(ctx, id, name, account, in)
		} else {
			err = k.write(ctx, variables{"id": account}, id, name, in)
		}
		if err == nil || !isMissing(err) {
			return err
		}
		if again || k.Catalogue == nil {
			return &connectors.Error{Kind: connectors.Permanent, Err: err}
		}
		k.forget() // it may have been made anew, under another id
	}
}

// write makes the requests that give an entitlement or take it away.
func (k *kind) write(ctx context.Context, who variables, id, name string, in bool) error {
	all := k.Revoke
	if in {
		all = k.Grant
	}
	vars := k.c.vars(who)
	vars["entitlement"] = map[string]string{"id": id, "name": name}
	_, err := k.c.run(ctx, all, vars)
	return err
}
