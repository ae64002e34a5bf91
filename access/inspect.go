package access

import (
	"context"
	"encoding/base64"
	"fmt"
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
	Kind  string // of the findings
	Name  string // of the sweep
	page  func(q query, after []string) (found []schema.Finding, next []string, err error)
	still func(q query, f schema.Finding) (bool, error)
}

// A Bound is what an inspection is about: how old is too old, and where.
type Bound struct {
	Age  time.Duration
	At   func(connector string) bool
	Meet func(policy.Facts) bool // who is within the scope; nil is everybody
}

// A query is one read of an inspection.
type query struct {
	r     store.Reader
	book  *policy.Book
	bound Bound
}

// inspectPage is how many things one read looks at.
const inspectPage = 250

// The kinds of finding that inspections raise.
const (
	findingUnused    = "unused"
	findingUnmanaged = "unmanaged"
	findingOwnerless = "ownerless"
	findingEnding    = "exception-ending"
	findingOwing     = "evidence-overdue"
	findingSilent    = "silent-feed"
	findingRemoval   = "unconfirmed-removal"
)

// Inspections returns those there are, by the sweep's name.
func Inspections() map[string]Inspection {
	all := map[string]Inspection{}
	for _, s := range []Inspection{
		{Name: "unused", Kind: findingUnused, page: unusedPage, still: stillUnused},
		{Name: "unmanaged", Kind: findingUnmanaged, page: unmanagedPage, still: stillUnmanaged},
		{Name: "ownerless", Kind: findingOwnerless, page: ownerlessPage, still: stillOwnerless},
		{Name: "exceptions", Kind: findingEnding, page: endingPage, still: stillEnding},
		{Name: "evidence", Kind: findingOwing, page: owingPage, still: stillOwing},
		{Name: "silence", Kind: findingSilent, page: silentPage, still: inPage(silentPage)},
		{Name: "unconfirmed", Kind: findingRemoval, page: unconfirmedPage, still: stillUnconfirmed},
	} {
		all[s.Name] = s
	}
	return all
}

// Page returns what it finds behind a place, and where it goes on; no place where
// it came to the end.
func (s Inspection) Page(r store.Reader, book *policy.Book, b Bound, after []string) (found []schema.Finding, next []string, err error) {
	q := query{r, book, b}
	found, next, err = s.page(q, after)
	if err != nil {
		return nil, nil, fmt.Errorf("sweep %s: %w", s.Name, err)
	}
	found = slices.DeleteFunc(found, func(f schema.Finding) bool { return !q.within(f) })
	for i := range found {
		found[i].Kind = s.Kind
	}
	return found, next, nil
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
		if !q.within(f) {
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

// within reports whether a finding is within the scope.
func (q query) within(f schema.Finding) bool {
	if f.Connector != "" && q.bound.At != nil && !q.bound.At(f.Connector) {
		return false
	}
	if q.bound.Meet == nil {
		return true
	}
	facts, err := Gather(q.r, q.book, f.Subject)
	return err == nil && q.bound.Meet(facts)
}

func (q query) cutoff() time.Time { return q.r.Now().Add(-q.bound.Age) }

// inPage is still for what is so little that all of it is looked at at once.
func inPage(page func(query, []string) ([]schema.Finding, []string, error)) func(query, schema.Finding) (bool, error) {
	return func(q query, f schema.Finding) (bool, error) {
		found, _, err := page(q, nil)
		return slices.ContainsFunc(found, func(o schema.Finding) bool {
			return o.Subject == f.Subject && o.Object == f.Object && o.Connector == f.Connector
		}), err
	}
}

// unusedPage walks what was not used for the longest.
func unusedPage(q query, after []string) (found []schema.Finding, next []string, err error) {
	place, err := base64.RawStdEncoding.DecodeString(append(after, "")[0])
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for p, err := range store.Uses.Walk(q.r, store.UseLast, store.Place(place)) {
		if err != nil {
			return nil, nil, err
		}
		if p.Record.LastUsed.After(q.cutoff()) {
			return found, nil, nil
		}
		if f, so, err := unusedFinding(q, p.Record); err != nil {
			return nil, nil, err
		} else if so {
			found = append(found, f)
		}
		if n++; n == inspectPage {
			return found, []string{base64.RawStdEncoding.EncodeToString([]byte(p.Place))}, nil
		}
	}
	return found, nil, nil
}

// unusedFinding says of what was not used for long whether it is still held, and
// whether use of it would have been seen.
func unusedFinding(q query, u schema.Use) (f schema.Finding, so bool, err error) {
	f = schema.Finding{Connector: u.Connector, Subject: u.Identity, Object: u.Entitlement}
	if u.LastUsed.After(q.cutoff()) {
		return f, false, nil
	}
	a, err := account(q.r, u.Connector, u.Identity)
	if err != nil || !a.Exists() || !a.Active {
		return f, false, err
	}
	if e, ok := q.book.Entitlement(u.Connector, u.Entitlement); ok && !a.Holds(e.Target) {
		return f, false, nil
	}
	feeds, err := useFeeds(q.r, q.book)
	if err != nil || !q.book.Sees(u.Connector, feeds, q.r.Now()) {
		return f, false, err // that it was not used means nothing: it is reviewed twice as often
	}
	f.Reason = "it was used last at " + day(u.LastUsed)
	return f, true, nil
}

func stillUnused(q query, f schema.Finding) (bool, error) {
	u, err := store.Uses.Get(q.r, f.Subject, f.Connector, f.Object)
	if schema.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, so, err := unusedFinding(q, u)
	return so, err
}

// unmanagedPage walks the accounts that hold what nobody decided.
func unmanagedPage(q query, after []string) (found []schema.Finding, next []string, err error) {
	place, err := base64.RawStdEncoding.DecodeString(append(after, "")[0])
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for p, err := range store.Accounts.Walk(q.r, store.AccountUnmanaged, store.Place(place)) {
		if err != nil {
			return nil, nil, err
		}
		found = append(found, unmanagedOf(p.Record)...)
		if n++; n == inspectPage {
			return found, []string{base64.RawStdEncoding.EncodeToString([]byte(p.Place))}, nil
		}
	}
	return found, nil, nil
}

func unmanagedOf(a schema.Account) (found []schema.Finding) {
	for _, target := range a.Entitlements {
		if !slices.Contains(a.Managed, target) {
			found = append(found, schema.Finding{Connector: a.Connector, Subject: a.Identity, Object: target, Reason: "its account has it, and no role gives it"})
		}
	}
	if len(found) == 0 && a.Unearned {
		found = append(found, schema.Finding{Connector: a.Connector, Subject: a.Identity, Reason: "its account was adopted, and no role gives anything there"})
	}
	return found
}

func stillUnmanaged(q query, f schema.Finding) (bool, error) {
	a, err := account(q.r, f.Connector, f.Subject)
	return err == nil && a.Ungoverned() && slices.ContainsFunc(unmanagedOf(a), func(o schema.Finding) bool { return o.Object == f.Object }), err
}

// ownerlessPage looks at who answers for the documents in force, of which there are as
// many as the policy has, and then for the machines, by their register.
func ownerlessPage(q query, after []string) (found []schema.Finding, next []string, err error) {
	if after == nil {
		found, err = ownerlessDocuments(q)
		return found, []string{""}, err
	}
	walk := store.Machines.From(q.r, after...)
	if after[0] == "" {
		walk = store.Machines.All(q.r)
	}
	n := 0
	for m, err := range walk {
		if err != nil {
			return nil, nil, err
		}
		if n++; n > inspectPage {
			return found, next, nil
		}
		next = []string{m.Identity}
		why, err := ownerlessMachine(q, m.Identity)
		if err != nil {
			return nil, nil, err
		}
		if why != "" {
			found = append(found, schema.Finding{Subject: m.Identity, Reason: why})
		}
	}
	return found, nil, nil
}

// ownerlessMachine says why nobody answers for a machine; nothing where somebody does, or
// it is gone.
func ownerlessMachine(q query, id string) (string, error) {
	f, _, err := gather(q.r, q.book, id)
	if schema.IsNotFound(err) || err == nil && (f.Identity.Gone() || !f.Identity.Active || f.Into != "") {
		return "", nil
	}
	owner, _ := q.book.Stewards(f)
	switch {
	case err != nil:
		return "", err
	case owner == "":
		return "nobody owns it", nil
	case f.Owner == schema.Departed && f.Deputy != schema.Present:
		return "its owner left, and no deputy is there", nil
	}
	return "", nil
}

func stillOwnerless(q query, f schema.Finding) (bool, error) {
	if strings.Contains(f.Subject, "/") {
		return inPage(ownerlessPage)(q, f)
	}
	why, err := ownerlessMachine(q, f.Subject)
	return why != "", err
}

func ownerlessDocuments(q query) (found []schema.Finding, err error) {
	g := governance{book: q.book, reader: q.r, known: map[string]presence{}}
	for _, d := range q.book.Owned() {
		there, err := g.presence(d.User)
		if err != nil {
			return nil, err
		}
		deputy, err := g.presence(d.Deputy)
		if err != nil {
			return nil, err
		}
		switch {
		case d.User == "":
			found = append(found, schema.Finding{Subject: d.Ref, Reason: "nobody owns it"})
		case there == left && deputy != here:
			found = append(found, schema.Finding{Subject: d.Ref, Reason: "its owner left, and no deputy is there"})
		}
	}
	return found, nil
}
