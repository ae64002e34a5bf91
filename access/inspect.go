package access

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Inspection is how a sweep finds one kind of thing that is not as it should be: page by
// page along an index that leads to little else, so that it reads what it finds and not
// the world. Whether what was found before still is so it asks of each by itself.
type Inspection struct {
	Kind  schema.FindingKind
	Name  string // of the sweep
	page  func(q query, after []string) (Leaf, error)
	still func(q query, f schema.Finding) (bool, error)
	roles func(q query, f schema.Finding) ([]string, error) // that a finding is about; nil where it is about none
}

// A Bound is what an inspection is about: how old is too old, and where.
type Bound struct {
	Age  time.Duration
	At   func(connector string) bool
	Of   func(role string) bool  // which roles are within the scope; nil is any, and none
	Meet func(policy.Facts) bool // who is within the scope; nil is everybody
}

// A Leaf is what a page of an inspection came to: what it found, among how much, and where
// it goes on; no place where it came to the end.
type Leaf struct {
	Found  []schema.Finding
	Looked int
	Next   []string
}

// A query is one read of an inspection.
type query struct {
	r     store.Reader
	book  *policy.Book
	bound Bound
}

// inspectPage is how many things one read looks at.
const inspectPage = 250

// Inspections returns those there are, by the sweep's name.
func Inspections() map[string]Inspection {
	all := map[string]Inspection{}
	for _, s := range []Inspection{
		{Name: "unused", Kind: findingUnused, page: unusedPage, still: stillUnused, roles: unusedRoles},
		{Name: "unmanaged", Kind: findingUnmanaged, page: unmanagedPage, still: stillUnmanaged},
		{Name: "ownerless", Kind: findingOwnerless, page: ownerlessPage, still: stillOwnerless, roles: ownerlessRoles},
		{Name: "exceptions", Kind: findingEnding, page: endingPage, still: stillEnding, roles: endingRoles},
		{Name: "evidence", Kind: findingOwed, page: owingPage, still: stillOwing, roles: owingRoles},
		{Name: "silence", Kind: findingSilent, page: silentPage, still: inPage(silentPage)},
		{Name: "unconfirmed", Kind: findingRemoval, page: unconfirmedPage, still: stillUnconfirmed},
	} {
		all[s.Name] = s
	}
	return all
}

// Page returns what it finds behind a place.
func (s Inspection) Page(r store.Reader, book *policy.Book, b Bound, after []string) (l Leaf, err error) {
	q := query{r, book, b}
	if l, err = s.page(q, after); err != nil {
		return Leaf{}, fmt.Errorf("sweep %s: %w", s.Name, err)
	}
	all := l.Found
	l.Found = nil
	for _, f := range all {
		f.Kind = s.Kind
		within, err := s.within(q, f)
		if err != nil {
			return Leaf{}, fmt.Errorf("sweep %s: %w", s.Name, err)
		}
		if within {
			l.Found = append(l.Found, f)
		}
	}
	return l, nil
}

// Keep reports what an inspection found, in one transaction.
func (s Inspection) Keep(tx store.Tx, book *policy.Book, found []schema.Finding) error {
	for _, f := range found {
		if err := Report(tx, book, "sweep/"+s.Name, f); err != nil {
			return err
		}
	}
	return nil
}

// Settle lets go of its findings that are so no more.
func (s Inspection) Settle(ctx context.Context, st *store.Store, book *policy.Book, bound func(store.Reader) Bound) error {
	for after := []string{s.Kind}; after != nil; {
		var gone []schema.Finding
		err := st.View(ctx, func(r store.Reader) (err error) {
			gone, after, err = s.gone(query{r, book, bound(r)}, after)
			return err
		})
		if err != nil {
			return err
		}
		if len(gone) == 0 {
			continue
		}
		err = st.Update(store.Background(ctx), func(tx store.Tx) error {
			for _, f := range gone {
				if err := mended(tx, book, "sweep/"+s.Name, f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gone returns those of the next findings that are so no more, and where to go on.
func (s Inspection) gone(q query, after []string) (gone []schema.Finding, next []string, err error) {
	n := 0
	for f, err := range store.Findings.From(q.r, after...) {
		if err != nil || f.Kind != s.Kind {
			return gone, nil, err
		}
		if n++; n > inspectPage {
			return gone, next, nil
		}
		next = []string{f.Kind, f.Connector, f.Subject, f.Object}
		within, err := s.within(q, f)
		if err != nil {
			return nil, nil, err
		}
		if !within {
			continue
		}
		still, err := s.still(q, f)
		if err != nil {
			return nil, nil, err
		}
		if !still {
			gone = append(gone, f)
		}
	}
	return gone, nil, nil
}

// within reports whether a finding is within the scope. Where that is bound to roles or to
// people, what is about none is not.
func (s Inspection) within(q query, f schema.Finding) (bool, error) {
	if connector := q.place(f); connector != "" && q.bound.At != nil && !q.bound.At(connector) {
		return false, nil
	}
	if q.bound.Of != nil {
		if s.roles == nil {
			return false, nil
		}
		roles, err := s.roles(q, f)
		if err != nil || !slices.ContainsFunc(roles, q.bound.Of) {
			return false, err
		}
	}
	if q.bound.Meet == nil {
		return true, nil
	}
	facts, err := Gather(q.r, q.book, f.Subject)
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil && q.bound.Meet(facts), err
}

// place returns the connector that a finding is about, if it is about one.
func (q query) place(f schema.Finding) string {
	if f.Connector != "" {
		return f.Connector
	}
	kind, name := cutRef(f.Subject)
	if !strings.EqualFold(kind, "connector") {
		return ""
	}
	return name
}

func (q query) cutoff() time.Time { return q.r.Now().Add(-q.bound.Age) }

// inPage is still for what is so little that all of it is looked at at once.
func inPage(page func(query, []string) (Leaf, error)) func(query, schema.Finding) (bool, error) {
	return func(q query, f schema.Finding) (bool, error) {
		l, err := page(q, nil)
		return slices.ContainsFunc(l.Found, func(o schema.Finding) bool {
			return o.Subject == f.Subject && o.Object == f.Object && o.Connector == f.Connector
		}), err
	}
}

// walked makes a page of a walk along an index, behind a place in it: of each record what
// there is to find, until there is no more to see.
func walked[R any](after string, walk func(store.Place) iter.Seq2[store.Placed[R], error], see func(R) (found []schema.Finding, more bool, err error)) (l Leaf, err error) {
	place, err := base64.RawStdEncoding.DecodeString(after)
	if err != nil {
		return l, err
	}
	for p, err := range walk(store.Place(place)) {
		if err != nil {
			return l, err
		}
		found, more, err := see(p.Record)
		if err != nil || !more {
			return l, err
		}
		l.Found = append(l.Found, found...)
		if l.Looked++; l.Looked == inspectPage {
			l.Next = []string{base64.RawStdEncoding.EncodeToString([]byte(p.Place))}
			return l, nil
		}
	}
	return l, nil
}

// first is the first of where a page begins.
func first(after []string) string { return append(after, "")[0] }
