package rest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// person reads the account out of the target's own, without what it holds.
func (c *Connector) person(item any) (schema.Account, error) {
	in := c.vars(variables{"item": item})
	id, err := c.d.Account.ID.words(in)
	if err != nil || id == "" {
		return schema.Account{}, transient("an account of the target has no id: %w", orEmpty(err))
	}
	a := schema.Account{RemoteID: id, Active: true, Attributes: map[string]string{}}
	if c.d.Account.Active.given() {
		if a.Active, err = c.d.Account.Active.truth(in); err != nil {
			return a, transient("nobody can tell whether an account is active: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.d.Account.Attributes)) {
		e := c.d.Account.Attributes[name]
		value, err := e.words(in)
		if err != nil && !errors.Is(err, errUnset) {
			return a, transient("attribute %s cannot be read: %w", name, err)
		}
		if value != "" {
			a.Attributes[name] = value
		}
	}
	if c.TellsUse() {
		c.used(&a, in)
	}
	return a, nil
}

// used says of the account when it was used last. What is not there is never.
func (c *Connector) used(a *schema.Account, in variables) {
	text, err := c.d.Account.LastUsed.words(in)
	if err != nil && !errors.Is(err, errUnset) {
		a.UseUnclear = true
		return
	}
	connectors.SetLastUsed(a, text, c.o.Profile.UsedBehind, c.o.Now())
}

// TellsUse reports whether the declaration says where accounts have when they were used
// last.
func (c *Connector) TellsUse() bool { return c.d.Account.LastUsed.given() }

// errEmpty says that what was read is empty.
var errEmpty = errors.New("it is empty")

// orEmpty returns the error, and errEmpty if there is none.
func orEmpty(err error) error {
	if err == nil {
		return errEmpty
	}
	return err
}

// idOf returns the id of an account in a listing.
func (c *Connector) idOf(item any) (string, error) {
	return c.d.Account.ID.words(c.vars(variables{"item": item}))
}

// Read returns the account with the id at the target.
func (c *Connector) Read(ctx context.Context, remoteID string) (schema.Account, error) {
	return c.account(ctx, remoteID, nil)
}

// account returns the account with the id, and what it holds: of the entitlements
// with the names where the target says no more than that.
func (c *Connector) account(ctx context.Context, id string, names []string) (schema.Account, error) {
	item, err := c.fetch(ctx, id)
	if err != nil {
		return schema.Account{}, err
	}
	return c.described(ctx, item, names)
}

// described returns the account that the target's own stands for.
func (c *Connector) described(ctx context.Context, item any, names []string) (schema.Account, error) {
	a, err := c.person(item)
	if err != nil {
		return a, err
	}
	for _, k := range c.kinds {
		held, err := k.of(ctx, item, a.RemoteID, names)
		if err != nil {
			return a, err
		}
		a.Entitlements = append(a.Entitlements, held...)
	}
	a.Entitlements = c.withAccount(schema.Sorted(a.Entitlements...), a.Active)
	return a, nil
}

// fetch returns the target's own account with the id.
func (c *Connector) fetch(ctx context.Context, id string) (any, error) {
	if err := connectors.Named(id); err != nil {
		return nil, err
	}
	r := c.d.Accounts.Read
	if r == nil {
		for item, err := range c.all(ctx, c.d.Accounts.List, nil, c.idOf) {
			if err != nil {
				return nil, astray(err)
			}
			if other, err := c.idOf(item); err == nil && other == id {
				return item, nil
			}
		}
		return nil, &connectors.Error{Kind: connectors.Gone, Err: errors.New("the account is not in the list of accounts")}
	}
	got, err := c.ask(ctx, &r.request, c.vars(variables{"id": id}))
	if err != nil {
		return nil, c.certain(ctx, err)
	}
	item := got.body
	if r.Item.given() {
		if item, err = r.Item.eval(c.vars(variables{"body": got.body})); err != nil {
			return nil, transient("%s: item: %w", r.name(), err)
		}
	}
	if item == nil {
		return nil, c.certain(ctx, &connectors.Error{Kind: connectors.Gone, Err: fmt.Errorf("%s: there is no such account", r.name())})
	}
	return item, nil
}

// find returns the one account that the first attribute to match by finds that finds one
// alone, and nil if none of them finds any. Where all that find any find several, nobody can
// tell which of them is meant, and that is an error.
func (c *Connector) find(ctx context.Context, attributes map[string]string) (any, error) {
	if len(c.d.Accounts.Find) == 0 {
		return c.search(ctx, attributes)
	}
	doubted, ambiguous := false, error(nil)
	for i := range c.d.Accounts.Find {
		f := &c.d.Accounts.Find[i]
		value := attributes[f.By]
		if value == "" {
			continue
		}
		var found []any
		in := c.vars(variables{"attributes": c.filled(attributes)})
		for item, err := range c.all(ctx, &f.listing, in, c.idOf) {
			if isMissing(err) {
				doubted = true
				break // where the path names the account, this is how it is not found
			}
			if err != nil {
				return nil, err
			}
			if same, err := c.has(item, f.By, value); err != nil {
				return nil, err
			} else if same {
				found = append(found, item)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && ambiguous == nil:
			ambiguous = several(f.By)
		}
	}
	if doubted && ambiguous == nil {
		return nil, astray(c.reachable(ctx))
	}
	return nil, ambiguous
}

// search looks through all accounts, by the attributes of the profile's match.
func (c *Connector) search(ctx context.Context, attributes map[string]string) (any, error) {
	found := map[string][]any{}
	for item, err := range c.all(ctx, c.d.Accounts.List, nil, c.idOf) {
		if err != nil {
			return nil, astray(err)
		}
		for _, by := range c.o.Profile.Match {
			value := attributes[by]
			if value == "" {
				continue
			}
			if same, err := c.has(item, by, value); err != nil {
				return nil, err
			} else if same {
				found[by] = append(found[by], item)
			}
		}
	}
	var ambiguous error
	for _, by := range c.o.Profile.Match {
		switch {
		case len(found[by]) == 1:
			return found[by][0], nil
		case len(found[by]) > 1 && ambiguous == nil:
			ambiguous = several(by)
		}
	}
	return nil, ambiguous
}

// has reports whether the account has the value of the attribute, whatever its
// case.
func (c *Connector) has(item any, by, value string) (bool, error) {
	a, err := c.person(item)
	return err == nil && strings.EqualFold(a.Attributes[by], value), err
}

func several(by string) error {
	return &connectors.Error{Kind: connectors.Exists, Err: fmt.Errorf("the target has several accounts with this %s: none of them is adopted", by)}
}

// List returns every account, or an error. Of a target whose accounts are made
// elsewhere it returns those that hold something.
func (c *Connector) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		if c.d.Accounts.List == nil {
			yield(schema.Account{}, permanent("the target's accounts cannot be listed: the declaration says no accounts.list"))
			return
		}
		held, err := c.everybody(ctx)
		if err != nil {
			yield(schema.Account{}, astray(err))
			return
		}
		for item, err := range c.all(ctx, c.d.Accounts.List, nil, c.idOf) {
			var a schema.Account
			if err == nil {
				a, err = c.listed(ctx, item, held)
			}
			if err != nil {
				yield(schema.Account{}, astray(err))
				return
			}
			if c.d.Accounts.Elsewhere && len(a.Entitlements) == 0 {
				continue
			}
			if !yield(a, nil) {
				return
			}
		}
	}
}

// listed returns the account, and what everybody is known to hold, or else what
// the target says of it alone.
func (c *Connector) listed(ctx context.Context, item any, held []map[string][]string) (schema.Account, error) {
	a, err := c.person(item)
	if err != nil {
		return a, err
	}
	for i, k := range c.kinds {
		if held[i] != nil {
			a.Entitlements = append(a.Entitlements, held[i][a.RemoteID]...)
			continue
		}
		names, err := k.of(ctx, item, a.RemoteID, nil)
		if err != nil {
			return a, err
		}
		a.Entitlements = append(a.Entitlements, names...)
	}
	a.Entitlements = c.withAccount(schema.Sorted(a.Entitlements...), a.Active)
	return a, nil
}

// everybody returns what all accounts hold, of each kind by the account's id: nil
// where accounts are better asked for one by one.
func (c *Connector) everybody(ctx context.Context) ([]map[string][]string, error) {
	all := make([]map[string][]string, len(c.kinds))
	for i, k := range c.kinds {
		held, err := k.everyone(ctx)
		if err != nil {
			return nil, err
		}
		all[i] = held
	}
	return all, nil
}
