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

func exceptionRef(name string) string { return "exception/" + name }

// passes returns what exceptions allow an identity now, or will: those of the policy that
// name it, and those that were asked for and allowed.
func passes(r store.Reader, book *policy.Book, f policy.Facts) (all []policy.Pass, err error) {
	who := someone{}
	for _, e := range book.Exceptions() {
		if !e.Spec.Waives.Personal() || !r.Now().Before(e.Spec.Expires) {
			continue
		}
		if who.id == "" {
			who = someoneOf(book, f)
		}
		allows, err := documentAllows(r, book, e, who)
		if err != nil {
			return nil, err
		}
		if allows {
			all = append(all, e.Pass())
		}
	}
	for e, err := range store.Exceptions.By(r, store.ExceptionIdentity, f.Identity.ID) {
		if err != nil {
			return nil, err
		}
		if e.Live(r.Now()) {
			all = append(all, policy.PassOf(e))
		}
	}
	return all, nil
}

// documentAllows reports whether an exception of the policy is for somebody: it names
// them, and somebody who is there, and is neither they nor its author, allowed it; where
// it was renewed more often than once, whoever owns what it waives.
func documentAllows(r store.Reader, book *policy.Book, e *policy.Exception, who someone) (bool, error) {
	if book.Unanswered(e.Ref()) != "" {
		return false, nil
	}
	named := func(name string) bool { return name == who.id || slices.Contains(who.names, store.Fold(name)) }
	if !slices.ContainsFunc(e.Spec.Subjects, named) {
		return false, nil
	}
	if lacks, err := lacksOwner(r, book, e); err != nil || lacks != "" {
		return false, err
	}
	for _, name := range e.Spec.ApprovedBy {
		approver, err := PersonOf(r, book, name)
		switch {
		case refusable(err) || err == nil && approver.ID == who.id:
			continue
		case err != nil:
			return false, err
		}
		if author, err := IsCalled(r, book, approver.ID, e.Metadata.Owner.User); !author || err != nil {
			return err == nil, err
		}
	}
	return false, nil
}

// among finds the pass that allows a breach, and lasts longest.
func among(book *policy.Book, passes []policy.Pass, b policy.Breach, now time.Time) (found policy.Pass, ok bool) {
	for _, p := range passes {
		if p.Waives.Constraint == b.Constraint && p.Live(now) && book.Covers(p.Scope, b.Entitlements) && (!ok || p.Until.After(found.Until)) {
			found, ok = p, true
		}
	}
	return found, ok
}

// excepted takes out of what a grant would break what an exception allows, and cites
// it in the grant.
func excepted(book *policy.Book, f policy.Facts, breaches []policy.Breach, g *schema.Grant, now time.Time) (left []policy.Breach) {
	for _, b := range breaches {
		if p, ok := among(book, f.Passes, b, now); ok {
			p.Bear(g)
			continue
		}
		left = append(left, b)
	}
	return left
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
	if book.Unreadable() != "" { // which exceptions there are cannot be told
		return nil, nil
	}
	var ends map[string]ending
	for i, g := range f.Grants {
		if !g.Ended.IsZero() || len(g.Excepted) == 0 {
			continue
		}
		why, err := unfounded(r, book, *f, g)
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

// unfounded says why a grant that rests on exceptions holds no more: one of them allows
// it no longer. What is to stay at the end of one stays if it needs none by then.
func unfounded(r store.Reader, book *policy.Book, f policy.Facts, g schema.Grant) (why string, err error) {
	for _, ref := range g.Excepted {
		if slices.ContainsFunc(f.Passes, func(p policy.Pass) bool { return p.Exception == ref && p.Live(r.Now()) }) {
			continue
		}
		why, falls, err := lapsed(r, book, ref)
		if err != nil {
			return "", err
		}
		if falls {
			if falls, err = stands(r, book, f, g); err != nil {
				return "", err
			}
		}
		if why != "" && !falls {
			return why, nil
		}
	}
	return "", nil
}

// lapsed says why an exception allows nobody anything by now, and whether what it allowed
// stays as far as it needs no exception. That one which was asked for expired is nothing
// to say: the grant has the same end.
func lapsed(r store.Reader, book *policy.Book, ref string) (why string, falls bool, err error) {
	name := strings.TrimPrefix(ref, exceptionRef(""))
	all := book.Exceptions()
	if i := slices.IndexFunc(all, func(e *policy.Exception) bool { return e.Metadata.Name == name }); i >= 0 {
		falls = all[i].Pass().Falls
		switch {
		case book.Unanswered(all[i].Ref()) != "":
			return fmt.Sprintf("%s, on which it rests, allows nothing any more: %s", ref, book.Unanswered(all[i].Ref())), falls, nil
		case !r.Now().Before(all[i].Spec.Expires):
			return fmt.Sprintf("%s, on which it rests, expired", ref), falls, nil
		}
		return fmt.Sprintf("%s, on which it rests, allows it no more", ref), falls, nil
	}
	e, err := store.Exceptions.Get(r, name)
	switch {
	case schema.IsNotFound(err):
		return fmt.Sprintf("%s, on which it rests, is in the policy no more", ref), false, nil
	case err != nil:
		return "", false, err
	case e.State != schema.ExceptionApproved && e.State != schema.ExceptionExpired:
		return fmt.Sprintf("%s, on which it rests, was ended", ref), false, nil
	}
	return "", false, nil
}

// stands reports whether a grant needs no exception: whom it is for qualifies by now,
// nothing that they have besides conflicts with it, and it lasts no longer than the role
// allows.
func stands(r store.Reader, book *policy.Book, f policy.Facts, g schema.Grant) (bool, error) {
	role, ok := book.Role(g.Role)
	_, longer := book.Skew() // which it was given on top of what was asked for
	if !ok || role.TooLong(g.Until.Sub(g.From)-longer) {
		return false, nil
	}
	own := func(o schema.Grant) bool { return o.ID == g.ID }
	f.Grants, f.Passes = slices.DeleteFunc(slices.Clone(f.Grants), own), nil
	for _, v := range book.EvaluateRoles(f, []string{g.Role}, r.Now()).Verdicts {
		if v.Outcome == policy.NotEligible {
			return false, nil
		}
	}
	held, err := heldOrComing(r, book, f, r.Now())
	return err == nil && len(book.Breaches(f, held, role, r.Now())) == 0, err
}
