package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// mostAwaiting bounds how many requests are shown to one person at once.
const mostAwaiting = 500

// Awaiting returns the open requests that a person may decide about now, the oldest
// first. It reads those that the names of the person and of their groups lead to,
// and no others.
func Awaiting(r store.Reader, book *policy.Book, person schema.Identity) ([]schema.Request, error) {
	f, err := Gather(r, book, person.Base())
	if err != nil {
		return nil, err
	}
	refs := []string{identityActor(person.Base())}
	for _, name := range append(someoneOf(book, f).names, store.Fold(person.Base())) {
		refs = append(refs, "person/"+name)
	}
	for _, group := range f.Groups {
		refs = append(refs, "group/"+store.Fold(group))
	}
	found := []schema.Request{}
	for _, ref := range schema.Sorted(refs...) {
		for q, err := range store.Requests.By(r, store.RequestAwaits, ref) {
			if err != nil {
				return nil, err
			}
			if len(found) == mostAwaiting {
				break
			}
			known := slices.ContainsFunc(found, func(other schema.Request) bool { return other.ID == q.ID })
			if known || !r.Now().Before(q.Due) {
				continue
			}
			switch err := MayDecide(r, book, q, person); {
			case err == nil:
				found = append(found, q)
			case !errors.Is(err, schema.ErrForbidden):
				return nil, err
			}
		}
	}
	slices.SortFunc(found, func(a, b schema.Request) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// MayDecide returns nil where a person may decide about a request at the stage that
// is open, and otherwise why not.
func MayDecide(r store.Reader, book *policy.Book, q schema.Request, person schema.Identity) error {
	p, stage, err := openPanel(r, book, q)
	if err != nil {
		return err
	}
	return p.may(person, stage)
}

// Deciders returns up to n people who may decide about an open request now.
func Deciders(r store.Reader, book *policy.Book, q schema.Request, n int) ([]schema.Identity, error) {
	if q.State != schema.RequestOpen {
		return nil, nil
	}
	p, stage, err := openPanel(r, book, q)
	if errors.Is(err, schema.ErrForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.deciders(stage, n)
}

// openPanel returns who may decide about a request, and the stage that is open. Of
// one whose flow demands something else by now that is the first.
func openPanel(r store.Reader, book *policy.Book, q schema.Request) (*panel, policy.Stage, error) {
	role, ok := book.Role(q.Role)
	if !ok {
		return nil, policy.Stage{}, fmt.Errorf("role %s is not in force any more: %w", q.Role, schema.ErrForbidden)
	}
	p, err := newPanel(r, book, role, q)
	if err != nil {
		return nil, policy.Stage{}, err
	}
	if stages := p.flow.Spec.Stages; p.flow.Digest() == q.Flow && q.Stage < len(stages) {
		return p, stages[q.Stage], nil
	}
	q.Approvals = nil
	p, err = newPanel(r, book, role, q)
	if err != nil {
		return nil, policy.Stage{}, err
	}
	return p, p.flow.Spec.Stages[0], nil
}
