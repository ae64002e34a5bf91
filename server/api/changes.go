package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// DryRun asks for what would happen, and for nothing to happen.
type DryRun struct {
	Dry bool `query:"dryRun" doc:"Say what would happen, and change nothing."`
}

// change runs fn in a transaction; of a dry run nothing stays.
func (a *API) change(ctx context.Context, dry DryRun, fn func(store.Tx) error) error {
	if dry.Dry {
		return a.Store.Try(ctx, fn)
	}
	return a.Store.Update(ctx, fn)
}

type revokeInput struct {
	DryRun
	Body struct {
		Identity string `json:"identity" minLength:"1" doc:"An id, a userName or an email address."`
		Role     string `json:"role" minLength:"1"`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A Revoked says what a revocation does.
type Revoked struct {
	Identity string   `json:"identity"`
	UserName string   `json:"userName"`
	Role     string   `json:"role"`
	Ends     []string `json:"ends" nullable:"false" doc:"Entitlements held because of this role alone."`
	DryRun   bool     `json:"dryRun,omitempty"`
}

func (a *API) revoke(ctx context.Context, in *revokeInput) (*Reply[Revoked], error) {
	book := a.Rules.Book()
	who := callerOf(ctx)
	var out Revoked
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error {
		id, err := access.FindCalled(tx, book, in.Body.Identity)
		if err != nil {
			return err
		}
		out = Revoked{Identity: id.ID, UserName: id.UserName, Role: in.Body.Role, DryRun: in.Dry}
		if out.Ends, err = access.Losing(tx, book, id.ID, in.Body.Role); err != nil {
			return err
		}
		return access.Revoke(tx, book, access.Revocation{Identity: id.ID, Role: in.Body.Role, By: who.Actor(), Reason: in.Body.Reason})
	})
	return reply(out), err
}

type grantInput struct {
	DryRun
	Body struct {
		Identity  string       `json:"identity" minLength:"1" doc:"An id, a userName or an email address."`
		Role      string       `json:"role" minLength:"1"`
		From      time.Time    `json:"from,omitzero" doc:"Left out: now."`
		Until     time.Time    `json:"until,omitzero" doc:"Left out: as long as the role says."`
		Reason    string       `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
		Ticket    string       `json:"ticket,omitempty" maxLength:"200"`
		Approvals []ApprovedBy `json:"approvals,omitempty" maxItems:"20" doc:"Who agreed elsewhere: those whom the role's flow names."`
	}
}

// ApprovedBy names somebody who agreed to a grant.
type ApprovedBy struct {
	By     string    `json:"by" minLength:"1" doc:"The approver's id, userName or email address."`
	At     time.Time `json:"at,omitzero" doc:"Left out: now."`
	Stage  int       `json:"stage,omitempty" minimum:"0"`
	Reason string    `json:"reason,omitempty" maxLength:"2000"`
}

// A Granted is a grant as it was given, or would be.
type Granted struct {
	schema.Grant
	DryRun bool `json:"dryRun,omitempty"`
}

func (a *API) grant(ctx context.Context, in *grantInput) (*Reply[Granted], error) {
	book := a.Rules.Book()
	who := callerOf(ctx)
	var out Granted
	var id schema.Identity
	err := a.change(ctx, in.DryRun, func(tx store.Tx) (err error) {
		if id, err = access.FindCalled(tx, book, in.Body.Identity); err != nil {
			return err
		}
		g := schema.Grant{
			Identity: id.ID, Role: in.Body.Role, From: in.Body.From, Until: in.Body.Until,
			By: who.Actor(), Reason: in.Body.Reason, Ticket: in.Body.Ticket,
		}
		if g.Approvals, err = approvals(tx, book, who, id.ID, in.Body.Approvals); err != nil {
			return err
		}
		g, err = access.Attest(tx, book, g)
		out = Granted{Grant: g, DryRun: in.Dry}
		return err
	})
	if errors.Is(err, schema.ErrForbidden) && !in.Dry {
		if noted := a.deny(ctx, book, who, id.ID, in.Body.Role, err); noted != nil {
			return nil, noted
		}
	}
	return reply(out), err
}

// isCaller reports whether any source knows an identity by one of the caller's names.
func isCaller(r store.Reader, book *policy.Book, who Caller, identity string) (bool, error) {
	for _, name := range []string{who.Name, who.Person} {
		if own, err := access.IsCalled(r, book, identity, name); err != nil || own {
			return own, err
		}
	}
	return false, nil
}

// approvals returns who agreed elsewhere, on the word of the caller, who vouches for
// it and agrees to nothing by it. That they are whom the role's flow names is
// access.Attest's to say.
func approvals(r store.Reader, book *policy.Book, who Caller, subject string, named []ApprovedBy) ([]schema.Approval, error) {
	if own, err := isCaller(r, book, who, subject); err != nil {
		return nil, err
	} else if own {
		return nil, fmt.Errorf("nobody gives access to themselves: %w", schema.ErrForbidden)
	}
	var agreed []schema.Approval
	for _, n := range named {
		id, err := access.FindCalled(r, book, n.By)
		if err != nil {
			return nil, fmt.Errorf("approval by %s: %w", n.By, err)
		}
		if !id.Active || id.Gone() {
			return nil, fmt.Errorf("who has left approves nothing: %w", schema.ErrForbidden)
		}
		at := n.At
		if at.IsZero() || at.After(r.Now()) {
			at = r.Now()
		}
		agreed = append(agreed, schema.Approval{By: "identity/" + id.ID, At: at, Stage: n.Stage, Reason: n.Reason, Auth: "stated"})
	}
	return agreed, nil
}

// deny has the log say that a grant was refused, and by which rule.
func (a *API) deny(ctx context.Context, book *policy.Book, who Caller, identity, role string, why error) error {
	return a.Store.Update(ctx, func(tx store.Tx) error {
		return access.Deny(tx, book, access.Denial{Identity: identity, Role: role, By: who.Actor(), Rule: why.Error()})
	})
}
