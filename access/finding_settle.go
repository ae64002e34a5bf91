package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A finding lives until what it is about is as it should be. What people do about it is
// a decision: they take the access away, say whose an account is, allow it for a time,
// have somebody see to it, or put it aside until a day. One that is mended goes by
// itself.

// mostQuiet is how long a finding may be put aside, or allowed, at most.
const mostQuiet = 366 * 24 * time.Hour

// A Settling is what a person decides about a finding.
type Settling struct {
	Finding      string // its id
	By           Decider
	Reason       string
	Until        time.Time
	Assignee     string // id of a person
	Compensating []string
}

// FindFinding returns the open finding with an id.
func FindFinding(r store.Reader, id string) (schema.Finding, error) {
	f, err := store.Findings.One(r, store.FindingID, id)
	if schema.IsNotFound(err) {
		err = fmt.Errorf("no finding is open that has the id %q: %w", id, schema.ErrNotFound)
	}
	return f, err
}

// FindOrphan returns the open finding with an id, if it is of an account that may be
// adopted.
func FindOrphan(r store.Reader, id string) (schema.Finding, error) {
	f, err := FindFinding(r, id)
	if err == nil && f.Kind != findingOrphan {
		err = fmt.Errorf("a finding of kind %s is of no account that could be adopted: %w", f.Kind, schema.ErrInvalid)
	}
	return f, err
}

// settling returns the finding that a decision is about.
func settling(r store.Reader, s Settling) (schema.Finding, error) {
	f, err := FindFinding(r, s.Finding)
	if err == nil && (s.By.Actor == "" || strings.TrimSpace(s.Reason) == "") {
		err = fmt.Errorf("finding %s: say who decides and why: %w", s.Finding, schema.ErrInvalid)
	}
	return f, err
}

// IgnoreFinding puts a finding aside until a day, on which it comes back.
func IgnoreFinding(tx store.Tx, book *policy.Book, s Settling) (schema.Finding, error) {
	f, err := settling(tx, s)
	if err != nil {
		return f, err
	}
	if own, err := isAbout(tx, book, f, s.By.Identity); err != nil || own {
		return f, orForbidden(err, "nobody decides about what is their own")
	}
	if err := quietFor(tx.Now(), s.Until); err != nil {
		return f, fmt.Errorf("finding %s: %w", s.Finding, err)
	}
	f.Settled = s.settlement(tx, f)
	f.Settled.Until, f.Settled.Excepted, f.Settled.Compensating = s.Until.UTC(), false, nil
	return f, putSettled(tx, book, f, s, schema.Resolved, "it is put aside until "+day(s.Until))
}

// ExceptFinding allows for a time what a finding is about, with what is done instead. It
// is for those to allow who answer for the connector, or for the policy, and not about
// themselves.
func ExceptFinding(tx store.Tx, book *policy.Book, s Settling) (schema.Finding, error) {
	f, err := settling(tx, s)
	if err != nil {
		return f, err
	}
	if len(s.Compensating) == 0 {
		return f, fmt.Errorf("finding %s: say what is done instead: %w", s.Finding, schema.ErrInvalid)
	}
	if err := quietFor(tx.Now(), s.Until); err != nil {
		return f, fmt.Errorf("finding %s: %w", s.Finding, err)
	}
	if err := mayAllow(tx, book, f, s.By.Identity); err != nil {
		return f, err
	}
	f.Settled = s.settlement(tx, f)
	f.Settled.Until, f.Settled.Excepted, f.Settled.Compensating = s.Until.UTC(), true, s.Compensating
	return f, putSettled(tx, book, f, s, schema.Excepted, "it is allowed until "+day(s.Until))
}

// AssignFinding has a person see to a finding.
func AssignFinding(tx store.Tx, book *policy.Book, s Settling) (schema.Finding, error) {
	f, err := settling(tx, s)
	if err != nil {
		return f, err
	}
	if s.Assignee == "" {
		return f, fmt.Errorf("finding %s: say who is to see to it: %w", s.Finding, schema.ErrInvalid)
	}
	if _, err := present(tx, book, s.Assignee); err != nil {
		return f, fmt.Errorf("finding %s is for somebody to see to who is there: %w", s.Finding, err)
	}
	f.Settled = s.settlement(tx, f)
	f.Settled.Assignee = s.Assignee
	return f, putSettled(tx, book, f, s, schema.Reassigned, identityActor(s.Assignee)+" is to see to it")
}

// RevokeFinding takes away the access that a finding is about: what an account has and
// no role gives, or every role by which somebody has what they do not use. The finding
// goes when it is seen that it is gone.
func RevokeFinding(tx store.Tx, rules *Rules, s Settling) (schema.Finding, error) {
	f, err := settling(tx, s)
	if err != nil {
		return f, err
	}
	if own, err := isAbout(tx, rules.Book(), f, s.By.Identity); err != nil || own {
		return f, orForbidden(err, "nobody decides about what is their own")
	}
	switch f.Kind {
	case findingUnmanaged:
		if f.Object == "" {
			return f, fmt.Errorf("finding %s: the account has nothing that could be taken: give its identity a role, or except it: %w", s.Finding, schema.ErrInvalid)
		}
		d, err := recordSettling(tx, rules.Book(), f, s, schema.Revoked, "a person decided that it ends, and no role gives it")
		if err != nil {
			return f, err
		}
		return f, disclaim(tx, rules, f.Connector, f.Subject, f.Object, d)
	case findingUnused:
		return f, revokeUnused(tx, rules.Book(), f, s)
	}
	return f, fmt.Errorf("a finding of kind %s has no access to revoke: %w", f.Kind, schema.ErrInvalid)
}

// revokeUnused revokes every role by which somebody has what a finding says is not used.
func revokeUnused(tx store.Tx, book *policy.Book, f schema.Finding, s Settling) error {
	var roles []string
	for a, err := range store.Assignments.All(tx, f.Subject, f.Connector) {
		if err != nil {
			return err
		}
		if f.Object == "" || f.Object == a.Entitlement {
			roles = append(roles, a.Roles()...)
		}
	}
	if len(roles) == 0 {
		return fmt.Errorf("finding %s: no role gives it any more: %w", s.Finding, schema.ErrConflict)
	}
	for _, role := range schema.Sorted(roles...) {
		_, err := revoke(tx, book, Revocation{Identity: f.Subject, Role: role, By: s.By.Actor, Reason: s.Reason},
			"what it gives is not used", []string{"finding/" + f.ID()})
		if err != nil {
			return err
		}
	}
	return nil
}

// AdoptFinding makes the account that a finding of an orphan is about somebody's.
func AdoptFinding(tx store.Tx, rules *Rules, s Settling, a Adoption) (schema.Finding, error) {
	if f, err := FindOrphan(tx, s.Finding); err != nil {
		return f, err
	}
	f, err := settling(tx, s)
	if err != nil {
		return f, err
	}
	if s.By.Identity != "" && s.By.Identity == a.Identity {
		return f, fmt.Errorf("nobody adopts an account for themselves: %w", schema.ErrForbidden)
	}
	a.Why = "a person said whose it is"
	if _, err := recordSettling(tx, rules.Book(), f, s, schema.Resolved, "it is adopted as identity "+a.Identity+"'s"); err != nil {
		return f, err
	}
	return f, Adopt(tx, rules, s.By.Actor, a)
}

// mended ends a finding that no longer holds, and records that.
func mended(tx store.Tx, book *policy.Book, actor string, f schema.Finding) error {
	_, there, err := store.Findings.Take(tx, f.Kind, f.Connector, f.Subject, f.Object)
	if err != nil || !there {
		return err
	}
	_, err = tx.Record(schema.Decision{
		Actor: actor, Verb: schema.Resolved, Subject: f.Subject, Object: f.Connector, Reason: f.Kind + ": it is so no more", Policy: book.Digest(),
	})
	return err
}

func quietFor(now, until time.Time) error {
	switch {
	case !until.After(now):
		return fmt.Errorf("say until when, in time to come: %w", schema.ErrInvalid)
	case until.Sub(now) > mostQuiet:
		return fmt.Errorf("it comes back after 366 days at the latest: %w", schema.ErrForbidden)
	}
	return nil
}

// settlement is what was decided about a finding before, as somebody decides again.
func (s Settling) settlement(tx store.Tx, f schema.Finding) *schema.Settlement {
	now := schema.Settlement{}
	if f.Settled != nil {
		now = *f.Settled
	}
	now.By, now.At, now.Reason = s.By.Actor, tx.Now(), s.Reason
	return &now
}

func putSettled(tx store.Tx, book *policy.Book, f schema.Finding, s Settling, verb schema.Verb, reason string) error {
	if _, err := recordSettling(tx, book, f, s, verb, reason); err != nil {
		return err
	}
	return store.Findings.Put(tx, f)
}

func recordSettling(tx store.Tx, book *policy.Book, f schema.Finding, s Settling, verb schema.Verb, reason string) (string, error) {
	detail, err := json.Marshal(map[string]any{"reason": s.Reason, "compensating": s.Compensating})
	if err != nil {
		return "", err
	}
	because := []string{"finding/" + f.ID()}
	if s.By.Identity != "" {
		because = append(because, identityActor(s.By.Identity))
	}
	d, err := tx.Record(schema.Decision{
		Actor: s.By.Actor, Verb: verb, Subject: f.Subject, Object: f.Connector, Because: schema.Sorted(because...),
		Reason: f.Kind + ": " + reason, Policy: book.Digest(), Detail: detail,
	})
	return d.ID, err
}

// mayAllow returns nil where a person may allow what a finding is about.
func mayAllow(r store.Reader, book *policy.Book, f schema.Finding, person string) error {
	if person == "" {
		return fmt.Errorf("finding %s is for people to allow: %w", f.ID(), schema.ErrForbidden)
	}
	if own, err := isAbout(r, book, f, person); err != nil || own {
		return orForbidden(err, "nobody allows what is their own")
	}
	facts, err := present(r, book, person)
	if err != nil {
		return err
	}
	owners := []policy.Owner{book.Owner()}
	if c, ok := book.Connector(f.Connector); ok {
		owners = append(owners, c.Metadata.Owner)
	}
	names := append(someoneOf(book, facts).names, store.Fold(person))
	if slices.ContainsFunc(owners, func(o policy.Owner) bool {
		return slices.Contains(names, store.Fold(o.User)) || o.Deputy != "" && slices.Contains(names, store.Fold(o.Deputy))
	}) {
		return nil
	}
	return fmt.Errorf("finding %s is for those to allow who answer for the connector, or for the policy: %w", f.ID(), schema.ErrForbidden)
}

// isAbout reports whether a finding is about a person's own access.
func isAbout(r store.Reader, book *policy.Book, f schema.Finding, person string) (bool, error) {
	if person == "" || f.Kind == findingOrphan {
		return false, nil
	}
	about, err := whole(r, book, f.Subject, false)
	if schema.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	who, err := whole(r, book, person, false)
	return err == nil && someoneOf(book, who).is(someoneOf(book, about)), err
}

// orForbidden is the error, or a refusal for a reason.
func orForbidden(err error, why string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", why, schema.ErrForbidden)
}
