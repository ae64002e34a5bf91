package access

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A waiver is an exception that allows something now, and until when it does.
type waiver struct {
	ref   string // exception/NAME of a document, exception/ID of one that was asked for
	until time.Time
}

// waived returns the exception that lets an identity break a constraint, with the
// entitlements (connector/id) that meet in it; the one that lasts longest of several.
func waived(r store.Reader, book *policy.Book, f policy.Facts, b policy.Breach) (found waiver, ok bool, err error) {
	all, err := passes(r, book, f)
	if err != nil {
		return found, false, err
	}
	found, ok = among(book, all, b)
	return found, ok, nil
}

// A pass is a waiver with what it is about.
type pass struct {
	waiver
	constraint string
	scope      policy.Reach
}

// passes returns what exceptions allow an identity now.
func passes(r store.Reader, book *policy.Book, f policy.Facts) (all []pass, err error) {
	for _, e := range book.Exceptions() {
		if e.Spec.Waives.Constraint == "" {
			continue
		}
		allows, err := documentAllows(r, book, e, f)
		if err != nil {
			return nil, err
		}
		if allows {
			all = append(all, pass{waiver{exceptionRef(e.Metadata.Name), e.Spec.Expires}, e.Spec.Waives.Constraint, e.Spec.Scope})
		}
	}
	for e, err := range store.Exceptions.By(r, store.ExceptionIdentity, f.Identity.ID) {
		if err != nil {
			return nil, err
		}
		if e.Live(r.Now()) {
			all = append(all, pass{waiver{exceptionRef(e.ID), e.Expires}, e.Constraint, policy.Reach{Entitlements: e.Entitlements}})
		}
	}
	return all, nil
}

func exceptionRef(name string) string { return "exception/" + name }

// documentAllows reports whether an exception of the policy is for somebody now: it
// names them, it has begun and not expired, and somebody who is there, and is neither
// they nor its author, allowed it.
func documentAllows(r store.Reader, book *policy.Book, e *policy.Exception, f policy.Facts) (bool, error) {
	now, who := r.Now(), someoneOf(book, f)
	named := func(name string) bool { return name == who.id || slices.Contains(who.names, store.Fold(name)) }
	if book.Unanswered(e.Ref()) != "" || now.Before(e.Spec.ApprovedAt) || !now.Before(e.Spec.Expires) || !slices.ContainsFunc(e.Spec.Subjects, named) {
		return false, nil
	}
	for _, name := range e.Spec.ApprovedBy {
		approver, err := PersonOf(r, book, name)
		switch {
		case err == nil && approver.ID != who.id && !strings.EqualFold(name, e.Metadata.Owner.User):
			return true, nil
		case err != nil && !refusable(err):
			return false, err
		}
	}
	return false, nil
}

// excepted takes out of what a grant would break what an exception allows, and cites
// it in the grant, which ends with the first of those exceptions.
func excepted(r store.Reader, book *policy.Book, f policy.Facts, breaches []policy.Breach, g *schema.Grant) (left []policy.Breach, err error) {
	g.Excepted = nil
	for _, b := range breaches {
		w, ok, err := waived(r, book, f, b)
		if err != nil {
			return nil, err
		}
		if !ok {
			left = append(left, b)
			continue
		}
		g.Excepted = schema.Sorted(append(g.Excepted, w.ref)...)
		g.Until = earlier(g.Until, w.until)
	}
	return left, nil
}

// An ending is a grant that ends, and why.
type ending struct {
	grant  schema.Grant
	actor  string
	verb   schema.Verb
	by     string // as the grant says
	reason string
}

func (e ending) decision(digest string) schema.Decision {
	return schema.Decision{
		Actor: e.actor, Verb: e.verb, Subject: e.grant.Identity, Object: "role/" + e.grant.Role,
		Because: []string{"grant/" + e.grant.ID}, Reason: e.reason, Policy: digest,
	}
}

// unfoundedEnd is the end of a grant of which an exception is no more.
func unfoundedEnd(g schema.Grant, why string) ending {
	return ending{g, "bridge", schema.Revoked, "exception", why}
}

// takeUnfounded ends in the facts of an identity the grants that rest on an exception
// which is no more, so that nothing is earned by them, and returns them as they were.
func takeUnfounded(r store.Reader, book *policy.Book, f *policy.Facts, now time.Time) (map[string]ending, error) {
	var ends map[string]ending
	for i, g := range f.Grants {
		if !g.Ended.IsZero() || len(g.Excepted) == 0 {
			continue
		}
		why, err := unfounded(r, book, g)
		if err != nil {
			return nil, err
		}
		if why == "" {
			continue
		}
		if ends == nil {
			ends = map[string]ending{}
		}
		ends[g.ID] = unfoundedEnd(g, why)
		f.Grants[i].Until = now
	}
	return ends, nil
}

// unfounded says why a grant that rests on exceptions holds no more: one of them was
// ended, or is in the policy no longer. That they expire ends it by itself.
func unfounded(r store.Reader, book *policy.Book, g schema.Grant) (why string, err error) {
	for _, ref := range g.Excepted {
		name := strings.TrimPrefix(ref, "exception/")
		if slices.ContainsFunc(book.Exceptions(), func(e *policy.Exception) bool { return e.Metadata.Name == name }) {
			if book.Unanswered("Exception/"+name) != "" {
				return fmt.Sprintf("nobody answers for %s any more, on which it rests", ref), nil
			}
			continue
		}
		e, err := store.Exceptions.Get(r, name)
		switch {
		case notFound(err):
			return fmt.Sprintf("%s, on which it rests, is in the policy no more", ref), nil
		case err != nil:
			return "", err
		case e.State != schema.ExceptionApproved && e.State != schema.ExceptionExpired:
			return fmt.Sprintf("%s, on which it rests, was ended", ref), nil
		}
	}
	return "", nil
}
