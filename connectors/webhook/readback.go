package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"drawbridge/connectors"
	"drawbridge/connectors/web"
	"drawbridge/schema"
)

// maxPages is more than any receiver can need: it ends a listing that would go on
// for ever.
const maxPages = 1_000_000

// A ReadBack is a Sender to an application that also says what accounts it has,
// at /accounts and /accounts/ID below the address that is sent to.
type ReadBack struct{ *Sender }

// The abilities.
var (
	_ connectors.Lister = (*ReadBack)(nil)
	_ connectors.Reader = (*ReadBack)(nil)
	_ connectors.Prober = (*ReadBack)(nil)
)

// Apply sends what the account should be, unless it is that already: then what is
// remembered is looked at, for somebody doubts it.
func (b *ReadBack) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	known := have.Exists() && !connectors.IsUnnamed(have.RemoteID)
	if len(connectors.Plan(have, want)) > 0 || !known {
		return b.Sender.Apply(ctx, have, want)
	}
	is, err := b.Read(ctx, have.RemoteID)
	switch {
	case err != nil && connectors.KindOf(err) == connectors.Gone:
		is = absent(have)
	case err != nil:
		return have, err
	}
	is.Connector, is.Identity, is.Managed, is.Due, is.Adopted = have.Connector, have.Identity, have.Managed, have.Due, have.Adopted
	return b.Sender.Apply(ctx, is, want)
}

// account is one that the receiver has.
type account struct {
	ID           json.RawMessage   `json:"id"`
	Active       *bool             `json:"active"`
	Attributes   map[string]string `json:"attributes"`
	Entitlements []string          `json:"entitlements"`
}

func (a account) read() (schema.Account, error) {
	id := text(a.ID)
	if id == "" || a.Active == nil || a.Attributes["userName"] == "" {
		return schema.Account{}, &connectors.Error{Kind: connectors.Transient, Err: errors.New("the receiver has an account without id, active or attributes.userName")}
	}
	return schema.Account{RemoteID: id, Active: *a.Active, Attributes: a.Attributes, Entitlements: schema.Sorted(a.Entitlements...)}, nil
}

// Read returns the account with the id at the receiver.
func (b *ReadBack) Read(ctx context.Context, remoteID string) (schema.Account, error) {
	var a account
	err := b.get(ctx, "/accounts/"+url.PathEscape(remoteID), nil, &a)
	if err != nil && connectors.KindOf(err) == connectors.Gone {
		if pageErr := b.Probe(ctx); pageErr != nil {
			return schema.Account{}, &connectors.Error{Kind: connectors.Transient, Err: errors.New("an account was not found, which is not believed: the list of accounts is not there either")}
		}
	}
	if err != nil {
		return schema.Account{}, err
	}
	return a.read()
}

// Probe asks for the first page of accounts.
func (b *ReadBack) Probe(ctx context.Context) error {
	return b.get(ctx, "/accounts", nil, &page{})
}

type page struct {
	Accounts []account `json:"accounts"`
	Next     string    `json:"next"`
}

// List returns every account, or an error: a list that repeats itself is none.
func (b *ReadBack) List(ctx context.Context) iter.Seq2[schema.Account, error] {
	return func(yield func(schema.Account, error) bool) {
		incomplete := func(why string) {
			yield(schema.Account{}, &connectors.Error{Kind: connectors.Transient, Err: errors.New("the list of accounts is not complete: " + why)})
		}
		seen, cursors, cursor := map[string]struct{}{}, map[string]struct{}{"": {}}, ""
		for range maxPages {
			var p page
			var query url.Values
			if cursor != "" {
				query = url.Values{"cursor": {cursor}}
			}
			if err := b.get(ctx, "/accounts", query, &p); err != nil {
				if connectors.KindOf(err) == connectors.Gone {
					err = &connectors.Error{Kind: connectors.Transient, Err: err} // that nobody is there, it does not mean
				}
				yield(schema.Account{}, err)
				return
			}
			if p.Accounts == nil {
				incomplete("a page has no accounts, not even none")
				return
			}
			for _, a := range p.Accounts {
				is, err := a.read()
				if _, twice := seen[is.RemoteID]; twice && err == nil {
					incomplete("an account is listed twice")
					return
				}
				seen[is.RemoteID] = struct{}{}
				if !yield(is, err) || err != nil {
					return
				}
			}
			if cursor = p.Next; cursor == "" {
				return
			}
			if _, before := cursors[cursor]; before {
				incomplete("a page leads back to one before")
				return
			}
			cursors[cursor] = struct{}{}
		}
		incomplete("it does not end")
	}
}

// get asks for something. What is signed is the method and the address, for there
// is no body.
func (b *ReadBack) get(ctx context.Context, path string, query url.Values, into any) error {
	content := http.MethodGet + " " + path
	if len(query) > 0 {
		content += "?" + query.Encode()
	}
	id := "get_" + strconv.FormatInt(b.o.Now().UnixNano(), 36)
	answer, err := b.do(ctx, web.Request{Name: "GET /accounts", Method: http.MethodGet, Path: path, Query: query}, id, []byte(content))
	if err != nil {
		return err
	}
	if json.Unmarshal(answer.Body, into) != nil {
		return &connectors.Error{Kind: connectors.Transient, Err: errors.New("GET /accounts: the receiver's answer is not as its contract has it")}
	}
	return nil
}
