package api

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/store"
)

// A TokenView is a credential without its secret, of which not even the hash is
// shown.
type TokenView struct {
	ID      string    `json:"id"`
	Source  string    `json:"source,omitempty" doc:"The source whose it is."`
	Name    string    `json:"name,omitempty" doc:"Of the person or program whose it is."`
	Role    apiRole   `json:"role,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// ViewToken returns what is shown of a credential.
func ViewToken(t schema.Token) TokenView {
	return TokenView{ID: t.ID, Source: t.Source, Name: t.Name, Role: apiRole(t.Role), Created: t.Created, Expires: t.Expires, Revoked: t.Revoked}
}

// An apiRole is an API role whose schema lists what there is to choose from.
type apiRole schema.APIRole

// Schema returns the schema; huma asks for it.
func (apiRole) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, role := range schema.APIRoles() {
		s.Enum = append(s.Enum, string(role))
	}
	return s
}

type tokensInput struct{ Paging }

func (a *API) listTokens(ctx context.Context, in *tokensInput) (*Reply[List[TokenView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	var tokens List[schema.Token]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		tokens, err = page(in.Paging, store.Tokens.From(r, after...), pick[schema.Token]{
			key: func(t schema.Token) []string { return []string{t.ID} },
		})
		return err
	})
	list := List[TokenView]{Items: []TokenView{}, Next: tokens.Next}
	for _, t := range tokens.Items {
		list.Items = append(list.Items, ViewToken(t))
	}
	return reply(list), err
}

type issueInput struct {
	DryRun
	Body struct {
		Source  string    `json:"source,omitempty" maxLength:"200" doc:"For a source: its name."`
		Name    string    `json:"name,omitempty" maxLength:"200" doc:"For a person or program that uses the API: what the log calls it."`
		Role    apiRole   `json:"role,omitempty" doc:"With a name."`
		Expires time.Time `json:"expires,omitzero" doc:"Left out: never."`
	}
}

// An Issued is a credential with its secret, which is shown this once.
type Issued struct {
	TokenView
	Secret string `json:"secret,omitempty" doc:"Shown this once. The bridge keeps a hash."`
	DryRun bool   `json:"dryRun,omitempty"`
}

func (a *API) issueToken(ctx context.Context, in *issueInput) (*Reply[Issued], error) {
	t := schema.Token{Source: in.Body.Source, Name: in.Body.Name, Role: schema.APIRole(in.Body.Role), Expires: in.Body.Expires}
	if _, approved := a.Rules.Book().Source(t.Source); t.Source != "" && !approved {
		return nil, fmt.Errorf("source %s: no Source document approves it, so that its credential would open nothing: %w", t.Source, schema.ErrInvalid)
	}
	var out Issued
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		secret, made, err := a.TokenKey.Issue(tx, callerOf(ctx).Actor(), t)
		out = Issued{TokenView: ViewToken(made), Secret: secret, DryRun: in.Dry}
		return err
	})
	if in.Dry {
		out.ID, out.Secret = "", ""
	}
	return reply(out), err
}

type revokeTokenInput struct {
	DryRun
	ID string `path:"id"`
}

func (a *API) revokeToken(ctx context.Context, in *revokeTokenInput) (*Reply[TokenView], error) {
	var out TokenView
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		if err := tokens.Revoke(tx, callerOf(ctx).Actor(), in.ID); err != nil {
			return err
		}
		t, err := store.Tokens.Get(tx, in.ID)
		out = ViewToken(t)
		return err
	})
	return reply(out), err
}
