package api

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/access/unmapped"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A SourceView says how a source stands.
type SourceView struct {
	Name       string `json:"name"`
	Approved   bool   `json:"approved" doc:"A Source document in force names it."`
	Trust      string `json:"trust,omitempty" doc:"As its document says."`
	Identities int64  `json:"identities" doc:"Those that it still knows."`
	Groups     int64  `json:"groups"`
	Tokens     int    `json:"tokens" doc:"Issued for it and not revoked; a configured one is not among them."`
	Unmapped   int    `json:"unmapped" doc:"Attributes that it sends and no schema has."`
	Parked     int64  `json:"parked" doc:"Memberships of whom it has not told of yet."`
	Waiting    int    `json:"waiting" doc:"Records that no authoritative source vouches for yet. 10,000 stands for that many or more, here and below."`
	Ambiguous  int    `json:"ambiguous" doc:"Records that may be of several identities: a person says of which."`
	OutOfScope int    `json:"outOfScope" doc:"Records of whom the source may not speak."`

	Heard time.Time `json:"heard,omitzero" doc:"When a request of its was last let in: by a running bridge to the moment, in the store to five minutes."`
	Stale bool      `json:"stale,omitempty" doc:"It was silent for longer than its document allows."`
}

// SourcesOf says how sources stand: those of the book, which may be nil, and
// those that told of somebody. Unmapped may be nil.
func SourcesOf(r store.Reader, book *policy.Book, counter *unmapped.Counter) ([]SourceView, error) {
	var names []string
	if book != nil {
		for _, s := range book.Sources() {
			names = append(names, s.Metadata.Name)
		}
	}
	for _, known := range []iter.Seq2[string, error]{store.IdentityUserName.Firsts(r), store.GroupName.Firsts(r), store.UnmappedSource.Firsts(r)} {
		for name, err := range known {
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
	}
	views := []SourceView{}
	for _, name := range schema.Sorted(names...) {
		v, err := viewSource(r, book, counter, name)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func viewSource(r store.Reader, book *policy.Book, counter *unmapped.Counter, name string) (v SourceView, err error) {
	v.Name = name
	if book != nil {
		if s, ok := book.Source(name); ok {
			v.Approved, v.Trust = true, string(s.Spec.Trust)
		}
	}
	for _, count := range []struct {
		of func(store.Reader, string) (int64, error)
		to *int64
	}{
		{store.IdentityUserName.Kept, &v.Identities}, {store.GroupName.Kept, &v.Groups}, {store.ParkedMember.Kept, &v.Parked},
	} {
		if *count.to, err = count.of(r, name); err != nil {
			return v, err
		}
	}
	for t, err := range store.Tokens.By(r, store.TokenSource, name) {
		if err != nil {
			return v, err
		}
		if t.Revoked.IsZero() && (t.Expires.IsZero() || t.Expires.After(r.Now())) {
			v.Tokens++
		}
	}
	for _, count := range []struct {
		of schema.Place
		to *int
	}{{schema.Waiting, &v.Waiting}, {schema.Ambiguous, &v.Ambiguous}, {schema.OutOfScope, &v.OutOfScope}} {
		if *count.to, err = store.IdentityPlace.Count(r, mostTroubled, name, string(count.of)); err != nil {
			return v, err
		}
	}
	if v.Heard, v.Stale, err = access.HeardOf(r, book, name); err != nil {
		return v, err
	}
	rows, err := counter.Of(r, name)
	v.Unmapped = len(rows)
	return v, err
}

func (a *API) listSources(ctx context.Context, _ *struct{}) (*Reply[List[SourceView]], error) {
	var list List[SourceView]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = SourcesOf(r, a.Rules.Book(), a.Unmapped)
		return err
	})
	for i, v := range list.Items {
		if at := a.Hearing.Last(v.Name); at.After(v.Heard) {
			list.Items[i].Heard = at
		}
	}
	return reply(list), err
}

type sourceInput struct {
	Name string `path:"name" maxLength:"200"`
}

// An UnmappedView is an attribute that a source sends and no schema has.
type UnmappedView struct {
	Attribute string    `json:"attribute" doc:"As it was sent, behind its URN where it has one; (others) are those beyond the first 500."`
	Count     int64     `json:"count" doc:"Requests that it was in."`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Example   string    `json:"example" doc:"Where it was last."`
}

func (a *API) listUnmapped(ctx context.Context, in *sourceInput) (*Reply[List[UnmappedView]], error) {
	var list List[UnmappedView]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		if err := a.known(r, in.Name); err != nil {
			return err
		}
		list.Items, err = UnmappedOf(r, a.Unmapped, in.Name)
		return err
	})
	return reply(list), err
}

// UnmappedOf returns what a source sends and no schema has. Unmapped may be nil.
func UnmappedOf(r store.Reader, counter *unmapped.Counter, source string) ([]UnmappedView, error) {
	rows, err := counter.Of(r, source)
	views := []UnmappedView{}
	for _, u := range rows {
		views = append(views, UnmappedView{u.Attribute, u.Count, u.First, u.Last, u.Example})
	}
	return views, err
}

func (a *API) known(r store.Reader, name string) error {
	return KnownSource(r, a.Rules.Book(), a.Unmapped, name)
}

// KnownSource returns an error unless there is a source of that name. The book
// may be nil, and so may what is unmapped.
func KnownSource(r store.Reader, book *policy.Book, counter *unmapped.Counter, name string) error {
	all, err := SourcesOf(r, book, counter)
	if err == nil && !slices.ContainsFunc(all, func(v SourceView) bool { return v.Name == name }) {
		err = fmt.Errorf("source %s: %w", name, schema.ErrNotFound)
	}
	return err
}

type parkedInput struct {
	Paging
	Name string `path:"name" maxLength:"200"`
}

// A ParkedView is a membership that waits for its member.
type ParkedView struct {
	Member string    `json:"member" doc:"As the source wrote it: an id, or an externalId of its own."`
	Group  string    `json:"group"`
	Since  time.Time `json:"since"`
}

func (a *API) listParked(ctx context.Context, in *parkedInput) (*Reply[List[ParkedView]], error) {
	after, err := in.after(2)
	if err != nil {
		return nil, err
	}
	var page List[schema.ParkedMember]
	err = a.Store.View(ctx, func(r store.Reader) (err error) {
		if err := a.known(r, in.Name); err != nil {
			return err
		}
		page, err = pageParked(r, in, after)
		return err
	})
	list := List[ParkedView]{Items: []ParkedView{}, Next: page.Next}
	for _, p := range page.Items {
		list.Items = append(list.Items, ParkedView{p.Member, p.Group, p.Since})
	}
	return reply(list), err
}

// pageParked goes by group and member, over all sources; few wait.
func pageParked(r store.Reader, in *parkedInput, after []string) (List[schema.ParkedMember], error) {
	return page(in.Paging, store.ParkedMembers.From(r, after...), pick[schema.ParkedMember]{
		keep: func(p schema.ParkedMember) bool { return p.Source == in.Name },
		key:  func(p schema.ParkedMember) []string { return []string{p.Group, p.Member} },
	})
}

type rawInput struct {
	ID     string `path:"id" maxLength:"200" doc:"Of an identity or a group."`
	Digest string `query:"digest" maxLength:"64" doc:"Of one copy, as a decision names it: raw/DIGEST. The newest, where it is left out."`
}

// readRaw shows what was sent of a resource, where the record does not hold all.
func (a *API) readRaw(ctx context.Context, in *rawInput) (*Reply[schema.RawCopy], error) {
	var raw schema.RawCopy
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		raw, err = access.Raw(r, in.ID, in.Digest)
		return err
	})
	return reply(raw), err
}
