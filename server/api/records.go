package api

import (
	"context"
	"fmt"
	"iter"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A RecordView is what one source says of an identity, and how that counts.
type RecordView struct {
	ID         string       `json:"id"`
	Source     string       `json:"source"`
	Identity   string       `json:"identity" doc:"Id of the identity that it is a record of."`
	UserName   string       `json:"userName"`
	ExternalID string       `json:"externalId,omitempty"`
	Email      string       `json:"email,omitempty"`
	Active     bool         `json:"active" doc:"As its source says, whether or not that counts."`
	Place      schema.Place `json:"place,omitempty" enum:"waiting,ambiguous,out-of-scope" doc:"Why it is kept apart; empty where it counts."`
	Why        string       `json:"why,omitempty" doc:"Of an ambiguous one: what speaks against joining it."`
	Bound      bool         `json:"bound,omitempty" doc:"A person joined it."`
	Apart      bool         `json:"apart,omitempty" doc:"A person split it off."`
	Ignored    []string     `json:"ignored,omitempty" doc:"Attributes that its source may not say: kept in the record, and read by no rule."`
	Modified   time.Time    `json:"modified"`
	Deleted    time.Time    `json:"deleted,omitzero"`
}

// ViewRecord shows a record. The book may be nil.
func ViewRecord(r store.Reader, book *policy.Book, rec schema.Identity) (RecordView, error) {
	v := RecordView{
		ID: rec.ID, Source: rec.Source, Identity: rec.Base(), UserName: rec.UserName, ExternalID: rec.ExternalID, Email: rec.Email,
		Active: rec.Active, Place: rec.Place, Bound: rec.Bound, Apart: rec.Apart, Modified: rec.Modified, Deleted: rec.Deleted,
	}
	if book != nil {
		v.Ignored = access.Beyond(book, rec)
	}
	if rec.Place != schema.Ambiguous {
		return v, nil
	}
	var err error
	v.Why, err = access.WhyAmbiguous(r, rec)
	return v, err
}

type recordsInput struct {
	Paging
	Name  string       `path:"name" maxLength:"200"`
	Place schema.Place `query:"place" enum:"waiting,ambiguous,out-of-scope" doc:"Only those that are kept apart for this."`
}

func (a *API) listRecords(ctx context.Context, in *recordsInput) (*Reply[List[RecordView]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	list := List[RecordView]{Items: []RecordView{}}
	err = a.Store.View(ctx, func(r store.Reader) error {
		if err := a.known(r, in.Name); err != nil {
			return err
		}
		rows, err := page(in.Paging, RecordsOf(r, in.Name, in.Place, after...), pick[schema.Identity]{
			keep: func(rec schema.Identity) bool { return in.Place == "" || rec.Place == in.Place },
			key:  func(rec schema.Identity) []string { return []string{rec.ID} },
		})
		if err != nil {
			return err
		}
		list.Items, list.Next = list.Items[:0], rows.Next
		for _, rec := range rows.Items {
			v, err := ViewRecord(r, a.Rules.Book(), rec)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, v)
		}
		return nil
	})
	return reply(list), err
}

// RecordsOf walks the records of a source that are kept apart, for one reason or for
// any, by id, behind an id.
func RecordsOf(r store.Reader, source string, place schema.Place, after ...string) iter.Seq2[schema.Identity, error] {
	if place != "" {
		return store.Identities.ByFrom(r, store.IdentityPlace, []string{source, string(place)}, after...)
	}
	return func(yield func(schema.Identity, error) bool) {
		for _, place := range []schema.Place{schema.Ambiguous, schema.OutOfScope, schema.Waiting} {
			for rec, err := range store.Identities.ByFrom(r, store.IdentityPlace, []string{source, string(place)}, after...) {
				if !yield(rec, err) || err != nil {
					return
				}
			}
		}
	}
}

type joinInput struct {
	DryRun
	ID   string `path:"id" maxLength:"200" doc:"The record's id."`
	Body struct {
		Identity string `json:"identity" minLength:"1" doc:"Whose record it is: an id, a userName or an email address."`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// An Attached says whose a record is, by the word of a person.
type Attached struct {
	RecordView
	DryRun bool `json:"dryRun,omitempty"`
}

func (a *API) joinRecord(ctx context.Context, in *joinInput) (*Reply[Attached], error) {
	return a.attached(ctx, in.DryRun, access.Attachment{
		Record: in.ID, Identity: in.Body.Identity, By: callerOf(ctx).Actor(), Reason: in.Body.Reason,
	})
}

type splitInput struct {
	DryRun
	ID   string `path:"id" maxLength:"200" doc:"The record's id."`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

func (a *API) splitRecord(ctx context.Context, in *splitInput) (*Reply[Attached], error) {
	return a.attached(ctx, in.DryRun, access.Attachment{Record: in.ID, By: callerOf(ctx).Actor(), Reason: in.Body.Reason})
}

func (a *API) attached(ctx context.Context, dry DryRun, what access.Attachment) (*Reply[Attached], error) {
	out := Attached{DryRun: dry.Dry}
	err := a.change(ctx, dry, func(tx store.Tx) (err error) {
		out.RecordView, err = Attach(tx, a.Rules.Book(), what)
		return err
	})
	return reply(out), err
}

// Attach joins a record to an identity, which may be named as people name it, or
// splits it off where none is named.
func Attach(tx store.Tx, book *policy.Book, what access.Attachment) (RecordView, error) {
	do := access.Detach
	if what.Identity != "" {
		id, err := access.FindCalled(tx, book, what.Identity)
		if err != nil {
			return RecordView{}, err
		}
		what.Identity, do = id.ID, access.Attach
	}
	if err := do(tx, book, what); err != nil {
		return RecordView{}, err
	}
	rec, err := store.Identities.Get(tx, what.Record)
	if err != nil {
		return RecordView{}, err
	}
	return ViewRecord(tx, book, rec)
}

type liftInput struct {
	DryRun
	Body struct {
		Identity string `json:"identity" minLength:"1" doc:"An id, a userName or an email address."`
		Role     string `json:"role" minLength:"1"`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why, in your own words; kept where it can be forgotten."`
	}
}

// A Lifted says against what nothing stands any more.
type Lifted struct {
	Identity string `json:"identity"`
	UserName string `json:"userName"`
	Role     string `json:"role"`
	DryRun   bool   `json:"dryRun,omitempty"`
}

func (a *API) lift(ctx context.Context, in *liftInput) (*Reply[Lifted], error) {
	var out Lifted
	who := callerOf(ctx)
	err := a.change(ctx, in.DryRun, func(tx store.Tx) (err error) {
		out, err = Lift(tx, a.Rules.Book(), access.Lifting{Identity: in.Body.Identity, Role: in.Body.Role, By: who.Actor(), Reason: in.Body.Reason})
		return err
	})
	out.DryRun = in.Dry
	return reply(out), err
}

// Lift takes away what stands against a role of an identity, which may be named as
// people name it.
func Lift(tx store.Tx, book *policy.Book, l access.Lifting) (Lifted, error) {
	id, err := access.FindCalled(tx, book, l.Identity)
	if err != nil {
		return Lifted{}, fmt.Errorf("lifting of role %s: %w", l.Role, err)
	}
	l.Identity = id.ID
	return Lifted{Identity: id.ID, UserName: id.UserName, Role: l.Role}, access.Lift(tx, book, l)
}
