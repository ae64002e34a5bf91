package api

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

type identitiesInput struct {
	Paging
	UserName string `query:"userName" doc:"Those of this name, in any case, at any source."`
	Active   string `query:"active" enum:"true,false"`
	Source   string `query:"source"`
	Starts   string `query:"starts" maxLength:"200" doc:"Those whose userName or email address begins so, in any case; one page."`
	ID       string `query:"id" maxLength:"200" doc:"The one of this id."`
}

func (a *API) listIdentities(ctx context.Context, in *identitiesInput) (*Reply[List[schema.Identity]], error) {
	var list List[schema.Identity]
	keep := func(id schema.Identity) bool {
		return (in.Active == "" || (in.Active == "true") == id.Active) && (in.Source == "" || in.Source == id.Source)
	}
	if strings.TrimSpace(in.Starts) != "" {
		return a.search(ctx, in, keep)
	}
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		switch {
		case in.ID != "":
			list, err = one(r, in.ID, keep)
			return err
		case in.UserName != "":
			list, err = named(r, in.UserName, keep)
			return err
		}
		list, err = page(in.Paging, store.Identities.From(r, after...), pick[schema.Identity]{
			keep: keep, key: func(id schema.Identity) []string { return []string{id.ID} },
		})
		return err
	})
	return reply(list), err
}

// named lists the identities with a userName: one a source at most.
func named(r store.Reader, name string, keep func(schema.Identity) bool) (List[schema.Identity], error) {
	list := List[schema.Identity]{Items: []schema.Identity{}}
	for source, err := range store.IdentityUserName.Firsts(r) {
		if err != nil {
			return list, err
		}
		id, err := store.Identities.One(r, store.IdentityUserName, source, store.Fold(name))
		if errors.Is(err, schema.ErrNotFound) {
			continue
		}
		if err != nil {
			return list, err
		}
		if keep(id) {
			list.Items = append(list.Items, id)
		}
	}
	return list, nil
}

// A Person is an identity with all that is decided about it.
type Person struct {
	schema.Identity `doc:"What its records say, put together."`

	Records     []RecordView        `json:"records" doc:"What each source says of it."`
	Attributes  map[string]Value    `json:"attributes" doc:"What rules may read of it, and which source said it."`
	Groups      []string            `json:"groups,omitempty" doc:"Names of the groups it is in, nested ones included."`
	Grants      []schema.Grant      `json:"grants,omitempty" doc:"Also those that ended."`
	Tombstones  []schema.Tombstone  `json:"tombstones,omitempty" doc:"What stands against roles coming back."`
	Assignments []schema.Assignment `json:"assignments,omitempty"`
	Accounts    []schema.Account    `json:"accounts,omitempty"`
}

// A Value is what rules may read of one attribute, and where it is from.
type Value struct {
	Value any `json:"value,omitempty" doc:"Nothing where sources disagree."`
	policy.Origin
}

type identityInput struct {
	Identity string `path:"identity" doc:"An id, a userName or an email address."`
}

func (a *API) readIdentity(ctx context.Context, in *identityInput) (*Reply[Person], error) {
	var p Person
	err := a.Store.View(ctx, func(r store.Reader) error {
		id, err := access.FindIdentity(r, in.Identity)
		if err != nil {
			return err
		}
		facts, err := access.Gather(r, a.Rules.Book(), id.ID)
		if err != nil {
			return err
		}
		p = Person{Identity: facts.Identity, Groups: facts.Groups, Grants: facts.Grants, Tombstones: facts.Tombstones}
		p.Records, p.Attributes, err = a.said(r, facts)
		if err != nil {
			return err
		}
		for line, err := range store.Assignments.All(r, id.ID) {
			if err != nil {
				return err
			}
			p.Assignments = append(p.Assignments, line)
		}
		p.Accounts, err = a.accountsOf(r, id.ID)
		return err
	})
	if !callerOf(ctx).Role.AtLeast(seesDetail) {
		withoutWords(p.Grants)
		for i := range p.Tombstones {
			p.Tombstones[i].Reason = ""
		}
		for name, v := range p.Attributes {
			v.Value = nil
			p.Attributes[name] = v
		}
	}
	return reply(p), err
}

// said shows what each source says of an identity, and what of it counts.
func (a *API) said(r store.Reader, facts policy.Facts) ([]RecordView, map[string]Value, error) {
	book := a.Rules.Book()
	records := facts.Records
	if len(records) == 0 {
		row, err := store.Identities.Get(r, facts.Identity.ID)
		if err != nil {
			return nil, nil, err
		}
		records = []policy.Record{{Identity: row}}
	}
	views := []RecordView{}
	for _, rec := range records {
		v, err := ViewRecord(r, book, rec.Identity)
		if err != nil {
			return nil, nil, err
		}
		views = append(views, v)
	}
	values := map[string]Value{}
	said := book.Said(facts)
	for name, from := range book.Origins(facts) {
		values[name] = Value{Value: said[name], Origin: from}
	}
	return views, values, nil
}

// accountsOf returns the accounts of an identity: one a connector at most.
func (a *API) accountsOf(r store.Reader, identity string) ([]schema.Account, error) {
	names := slices.Clone(a.Connectors)
	for _, c := range a.Rules.Book().Connectors() {
		names = append(names, c.Metadata.Name)
	}
	accounts := []schema.Account{}
	for _, connector := range schema.Sorted(names...) {
		acc, err := store.Accounts.Get(r, connector, identity)
		if errors.Is(err, schema.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, acc)
	}
	return accounts, nil
}

type accountsInput struct {
	Paging
	Connector string `query:"connector"`
	State     string `query:"state" enum:"pending,settled,retrying,parked"`
	Identity  string `query:"identity" doc:"An id, a userName or an email address."`
}

func (a *API) listAccounts(ctx context.Context, in *accountsInput) (*Reply[List[schema.Account]], error) {
	after, err := in.after(2)
	if err != nil {
		return nil, err
	}
	wanted := pick[schema.Account]{
		keep: func(acc schema.Account) bool {
			return (in.State == "" || string(acc.State) == in.State) && (in.Connector == "" || acc.Connector == in.Connector)
		},
		key: func(acc schema.Account) []string { return []string{acc.Connector, acc.Identity} },
	}
	var list List[schema.Account]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		if in.Identity != "" {
			id, err := access.FindIdentity(r, in.Identity)
			if err != nil {
				return err
			}
			accounts, err := a.accountsOf(r, id.ID)
			list = List[schema.Account]{Items: slices.DeleteFunc(accounts, func(acc schema.Account) bool { return !wanted.keep(acc) })}
			return err
		}
		walk := store.Accounts.From(r, after...)
		if in.Connector != "" {
			walk = a.accountsAt(r, in, after)
			wanted.within = func(acc schema.Account) bool { return acc.Connector == in.Connector }
		}
		list, err = page(in.Paging, walk, wanted)
		return err
	})
	return reply(list), err
}

// accountsAt walks one connector's accounts behind a key, by the index where the
// state has one.
func (a *API) accountsAt(r store.Reader, in *accountsInput, after []string) iter.Seq2[schema.Account, error] {
	if state := schema.State(in.State); state == schema.Retrying || state == schema.Parked {
		return store.Accounts.ByFrom(r, store.AccountState, []string{in.Connector, in.State}, after...)
	}
	if after == nil {
		after = []string{in.Connector}
	}
	return store.Accounts.From(r, after...)
}

// splitRef takes an entitlement's name apart.
func splitRef(ref string) (connector, entitlement string, err error) {
	connector, entitlement, ok := strings.Cut(ref, "/")
	if !ok || connector == "" || entitlement == "" {
		return "", "", fmt.Errorf("%q: an entitlement is named connector/entitlement: %w", ref, schema.ErrInvalid)
	}
	return connector, entitlement, nil
}

type grantsInput struct {
	Paging
	Identity string `query:"identity" doc:"An id, a userName or an email address."`
	Role     string `query:"role"`
}

func (a *API) listGrants(ctx context.Context, in *grantsInput) (*Reply[List[schema.Grant]], error) {
	after, err := in.after(2)
	if err != nil {
		return nil, err
	}
	wanted := pick[schema.Grant]{key: func(g schema.Grant) []string { return []string{g.Identity, g.ID} }}
	var list List[schema.Grant]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		switch {
		case in.Identity != "":
			id, err := access.FindIdentity(r, in.Identity)
			if err != nil {
				return err
			}
			if after == nil {
				after = []string{id.ID}
			}
			wanted.within = func(g schema.Grant) bool { return g.Identity == id.ID }
			wanted.keep = func(g schema.Grant) bool { return in.Role == "" || g.Role == in.Role }
			list, err = page(in.Paging, store.Grants.From(r, after...), wanted)
			return err
		case in.Role != "":
			list, err = page(in.Paging, store.Grants.ByFrom(r, store.GrantRole, []string{in.Role}, after...), wanted)
			return err
		}
		return fmt.Errorf("say whose or of what: ?identity=NAME or ?role=NAME: %w", schema.ErrInvalid)
	})
	if !callerOf(ctx).Role.AtLeast(seesDetail) {
		withoutWords(list.Items)
	}
	return reply(list), err
}

type explainInput struct {
	Identity    string    `query:"identity" required:"true" doc:"An id, a userName or an email address."`
	Entitlement string    `query:"entitlement" required:"true" doc:"connector/id"`
	At          time.Time `query:"at" doc:"As of this time, from the log: also of who is gone since. Without it, as things are."`
}

func (a *API) explain(ctx context.Context, in *explainInput) (*Reply[access.Explanation], error) {
	var e access.Explanation
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		if !in.At.IsZero() {
			e, err = access.ExplainAt(r, a.Rules.Book(), in.Identity, in.Entitlement, in.At)
			return err
		}
		e, err = access.Explain(r, a.Rules, in.Identity, in.Entitlement)
		return err
	})
	if !callerOf(ctx).Role.AtLeast(seesDetail) {
		withoutDetail(&e)
	}
	return reply(e), err
}

// withoutDetail takes out what only auditors see: what rules read, and people's
// own words.
func withoutDetail(e *access.Explanation) {
	for i := range e.Roles {
		e.Roles[i].Inputs = nil
		withoutWords(e.Roles[i].Grants)
		if stone := e.Roles[i].Tombstone; stone != nil {
			stone.Reason = ""
		}
	}
	for i := range e.Decisions {
		e.Decisions[i].Words = ""
		for j := range e.Decisions[i].Approvals {
			e.Decisions[i].Approvals[j].Reason = ""
		}
	}
}

// withoutWords takes people's own words out of grants, and the tickets that they named.
func withoutWords(grants []schema.Grant) {
	for i := range grants {
		grants[i].Reason, grants[i].Ticket = "", ""
		for j := range grants[i].Approvals {
			grants[i].Approvals[j].Reason = ""
		}
	}
}
