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

type assignmentsInput struct {
	Paging
	Identity    string    `query:"identity" doc:"An id, a userName or an email address."`
	Entitlement string    `query:"entitlement" doc:"connector/id: who has it, by itself or by way of another that confers it, as the catalogue is now."`
	Role        string    `query:"role" doc:"Those that somebody has by this role."`
	At          time.Time `query:"at" doc:"As of this time, from the log: also of who is gone since. An identity or an entitlement is to be named. Without it, as things are."`
}

// An AssignmentView is a line of desired state, with whose it is by name.
type AssignmentView struct {
	schema.Assignment
	UserName string    `json:"userName"`
	Confers  string    `json:"confers,omitempty" doc:"The entitlement that was asked for, where they have it by way of this one."`
	Over     time.Time `json:"over,omitzero" doc:"When the last of the grants ended that it is held by, where nothing else gives it and it has yet to be taken."`
	Decision string    `json:"decision,omitempty" doc:"As of a time: the decision that made it so."`
	Reason   string    `json:"reason,omitempty" doc:"As of a time: why."`
	Agreed   time.Time `json:"agreed,omitzero" doc:"As of a time: when its target agreed; missing where it had not by then."`
}

func (a *API) listAssignments(ctx context.Context, in *assignmentsInput) (*Reply[List[AssignmentView]], error) {
	if !in.At.IsZero() {
		return a.assignmentsAt(ctx, in)
	}
	after, err := in.after(3)
	if err != nil {
		return nil, err
	}
	book := a.Rules.Book()
	var named List[AssignmentView]
	err = a.Store.View(ctx, func(r store.Reader) error {
		list, err := in.from(r, book, after)
		if err != nil {
			return err
		}
		named = List[AssignmentView]{Items: []AssignmentView{}, Next: list.Next}
		for _, line := range list.Items {
			id, err := store.Identities.Get(r, line.Identity)
			if err != nil && !errors.Is(err, schema.ErrNotFound) {
				return err
			}
			over, err := access.Over(r, line)
			if err != nil {
				return err
			}
			named.Items = append(named.Items, AssignmentView{Assignment: line, UserName: id.UserName, Confers: Conferred(line, in.Entitlement), Over: over})
		}
		return nil
	})
	return reply(named), err
}

// assignmentsAt answers from the log.
func (a *API) assignmentsAt(ctx context.Context, in *assignmentsInput) (*Reply[List[AssignmentView]], error) {
	after, err := in.after(2)
	if err != nil {
		return nil, err
	}
	list := List[AssignmentView]{Items: []AssignmentView{}}
	err = a.Store.View(ctx, func(r store.Reader) error {
		lines, next, err := LinesAt(r, a.Rules.Book(), in.Identity, in.Entitlement, in.At, in.Limit, after...)
		if err == nil && next != nil {
			list.Next = cursor(next)
		}
		for _, l := range lines {
			if in.byRole(l.Assignment) {
				list.Items = append(list.Items, l)
			}
		}
		return err
	})
	return reply(list), err
}

// LinesAt returns up to n lines as they were at a time: of an identity, or of an
// entitlement and what confers it as the catalogue is now; of the latter those behind an
// identity and one of these, and which to go on behind.
func LinesAt(r store.Reader, book *policy.Book, identity, entitlement string, at time.Time, n int, behind ...string) (views []AssignmentView, next []string, err error) {
	view := func(l access.PastLine) error {
		name, err := access.NameAt(r, l.Identity)
		views = append(views, AssignmentView{
			Assignment: l.Assignment, UserName: name, Confers: Conferred(l.Assignment, entitlement), Decision: l.Decision, Reason: l.Reason, Agreed: l.Agreed,
		})
		return err
	}
	switch {
	case identity != "":
		id, err := access.FindIdentity(r, identity)
		if err != nil {
			return nil, nil, err
		}
		lines, err := access.HeldAt(r, id.ID, at)
		for _, l := range lines {
			if entitlement == "" || book.Confers(l.Ref(), entitlement) {
				err = errors.Join(err, view(l))
			}
		}
		return views, nil, err
	case entitlement == "":
		return nil, nil, fmt.Errorf("as of a time, name an identity or an entitlement: %w", schema.ErrInvalid)
	}
	refs, after, err := goingOn(book.Bringing(entitlement), behind)
	if err != nil {
		return nil, nil, err
	}
	for _, ref := range refs {
		for l, err := range access.HoldersAt(r, ref, at, after) {
			if err != nil {
				return nil, nil, err
			}
			if len(views) == n {
				return views, next, nil
			}
			if err := view(l); err != nil {
				return nil, nil, err
			}
			next = []string{l.Identity, ref}
		}
		after = ""
	}
	return views, nil, nil
}

// goingOn is which entitlements a list goes on with, and behind whom of the first of them:
// behind an identity and an entitlement, or from the beginning.
func goingOn(refs, behind []string) (left []string, after string, err error) {
	if len(behind) == 0 {
		return refs, "", nil
	}
	i := slices.Index(refs, behind[1])
	if i < 0 {
		return nil, "", fmt.Errorf("cursor: the policy changed, begin anew: %w", schema.ErrInvalid)
	}
	return refs[i:], behind[0], nil
}

// Conferred is the entitlement that was asked for, where a line is of one that confers it.
func Conferred(line schema.Assignment, asked string) string {
	if line.Ref() == asked {
		return ""
	}
	return asked
}

// HeldFrom walks the lines of an entitlement, and then those of what confers it as the
// catalogue is now, from behind a key on.
func HeldFrom(r store.Reader, book *policy.Book, entitlement string, after []string) (iter.Seq2[schema.Assignment, error], error) {
	var behind []string
	if after != nil {
		behind = []string{after[0], after[1] + "/" + after[2]}
	}
	refs, _, err := goingOn(book.Bringing(entitlement), behind)
	if err != nil {
		return nil, err
	}
	return func(yield func(schema.Assignment, error) bool) {
		for _, ref := range refs {
			connector, id, _ := strings.Cut(ref, "/")
			for line, err := range store.Assignments.ByFrom(r, store.AssignmentHeld, []string{connector, id}, after...) {
				if !yield(line, err) || err != nil {
					return
				}
			}
			after = nil
		}
	}, nil
}

// byRole reports whether a line is one by the role that is asked for.
func (in *assignmentsInput) byRole(l schema.Assignment) bool {
	return in.Role == "" || slices.Contains(l.Because, "role/"+in.Role)
}

// from takes the page from the store, by the index that answers.
func (in *assignmentsInput) from(r store.Reader, book *policy.Book, after []string) (list List[schema.Assignment], err error) {
	wanted := pick[schema.Assignment]{
		key:  func(l schema.Assignment) []string { return []string{l.Identity, l.Connector, l.Entitlement} },
		keep: in.byRole,
	}
	switch {
	case in.Identity != "":
		id, err := access.FindIdentity(r, in.Identity)
		if err != nil {
			return list, err
		}
		if after == nil {
			after = []string{id.ID}
		}
		wanted.within = func(l schema.Assignment) bool { return l.Identity == id.ID }
		wanted.keep = func(l schema.Assignment) bool {
			return (in.Entitlement == "" || book.Confers(l.Ref(), in.Entitlement)) && in.byRole(l)
		}
		return page(in.Paging, store.Assignments.From(r, after...), wanted)
	case in.Entitlement != "":
		if _, _, err := splitRef(in.Entitlement); err != nil {
			return list, err
		}
		walk, err := HeldFrom(r, book, in.Entitlement, after)
		if err != nil {
			return list, err
		}
		return page(in.Paging, walk, wanted)
	}
	return page(in.Paging, store.Assignments.From(r, after...), wanted)
}
