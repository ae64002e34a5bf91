package access

import (
	"iter"
	"slices"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The inspections for what is late: exceptions about to end, evidence that is owed, feeds that
// are silent, removals that no target confirmed.

// endingPage walks the exceptions that end soon, those that are documents first.
func endingPage(q query, after []string) (l Leaf, err error) {
	soon := q.r.Now().Add(q.bound.Age)
	if after == nil {
		for _, e := range q.book.Exceptions() {
			l.Looked++
			if e.Spec.Expires.Before(soon) {
				f := endsSoon(e.Spec.Expires, q.r.Now())
				f.Subject = "exception/" + e.Metadata.Name
				l.Found = append(l.Found, f)
			}
		}
		l.Next = []string{""}
		return l, nil
	}
	walk := func(at store.Place) iter.Seq2[store.Placed[schema.Exception], error] {
		return store.Exceptions.Walk(q.r, store.ExceptionEnds, at)
	}
	return walked(first(after), walk, func(e schema.Exception) ([]schema.Finding, bool, error) {
		if e.Expires.After(soon) {
			return nil, false, nil
		}
		f := endsSoon(e.Expires, q.r.Now())
		f.Subject, f.Object = e.Identity, exceptionRef(e.ID)
		return []schema.Finding{f}, true, nil
	})
}

// endingRoles returns the role that an exception is about, where it is about one.
func endingRoles(q query, f schema.Finding) ([]string, error) {
	for _, e := range q.book.Exceptions() {
		if f.Subject == "exception/"+e.Metadata.Name {
			return []string{e.Spec.Waives.Role}, nil
		}
	}
	_, id := cutRef(f.Object)
	e, err := store.Exceptions.Get(q.r, id)
	if schema.IsNotFound(err) {
		return nil, nil
	}
	return []string{e.Role}, err
}

func endsSoon(at, now time.Time) schema.Finding {
	if now.Before(at) {
		return schema.Finding{Reason: "it ends at " + day(at)}
	}
	return schema.Finding{Reason: "it should have ended at " + day(at)}
}

func stillEnding(q query, f schema.Finding) (bool, error) {
	soon := q.r.Now().Add(q.bound.Age)
	for _, e := range q.book.Exceptions() {
		if f.Subject == "exception/"+e.Metadata.Name {
			return e.Spec.Expires.Before(soon), nil
		}
	}
	_, id := cutRef(f.Object)
	e, err := store.Exceptions.Get(q.r, id)
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil && e.State == schema.ExceptionApproved && e.Expires.Before(soon), err
}

// owingPage walks the bypasses that nobody reviewed, of which something is owed.
func owingPage(q query, after []string) (Leaf, error) {
	walk := func(at store.Place) iter.Seq2[store.Placed[schema.Bypass], error] {
		return store.Bypasses.Walk(q.r, store.BypassAwaits, at)
	}
	return walked(first(after), walk, func(y schema.Bypass) ([]schema.Finding, bool, error) {
		if !owing(q, y) {
			return nil, true, nil
		}
		return []schema.Finding{{
			Subject: y.Identity, Object: bypassRef(y.ID),
			Reason: "evidence was owed by " + day(y.OwedBy) + ": " + joinLimited(y.Owed, firstDeeds),
		}}, true, nil
	})
}

// owingRoles returns the role that was taken.
func owingRoles(q query, f schema.Finding) ([]string, error) {
	_, id := cutRef(f.Object)
	y, err := store.Bypasses.Get(q.r, id)
	if schema.IsNotFound(err) {
		return nil, nil
	}
	return []string{y.Role}, err
}

func owing(q query, y schema.Bypass) bool {
	return len(y.Owed) > 0 && !y.OwedBy.IsZero() && y.OwedBy.Before(q.r.Now())
}

func stillOwing(q query, f schema.Finding) (bool, error) {
	_, id := cutRef(f.Object)
	y, err := store.Bypasses.Get(q.r, id)
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil && owing(q, y) && !y.Settled(), err
}

// silentPage looks at when sources were heard, those of signals by feed: there are a few
// for each; and when targets told of use. A source may have promised to be heard long
// before nothing is concluded from it.
func silentPage(q query, _ []string) (l Leaf, err error) {
	for f, err := range store.Feeds.All(q.r) {
		if err != nil {
			return l, err
		}
		who, approved := q.feeding(f)
		if !approved {
			continue
		}
		l.Looked++
		since := latest(f.Heard, f.Since)
		if since.IsZero() {
			continue
		}
		stale, promised, silent := q.book.StaleAfter(f.Source), q.book.ExpectEvery(f.Source), q.r.Now().Sub(since)
		found := schema.Finding{Connector: f.Connector, Subject: who, Object: string(f.Topic)}
		switch {
		case silent >= stale:
			found.Reason = "nothing was heard of it for " + policy.Duration(stale).String() + ", last at " + day(since)
		case promised > 0 && silent >= promised+heardEvery: // which is as exactly as it is known
			found.Reason = "it is expected every " + policy.Duration(promised).String() + ", and was last heard at " + since.UTC().Format(time.RFC3339)
		default:
			continue
		}
		l.Found = append(l.Found, found)
	}
	return l, nil
}

// feeding returns who is to be heard by a feed, and whether the policy still knows them.
func (q query) feeding(f schema.Feed) (who string, approved bool) {
	if f.Source == schema.OfTarget {
		_, approved = q.book.Connector(f.Connector)
		return schema.OfTarget + f.Connector, approved
	}
	_, approved = q.book.Source(f.Source)
	return "source/" + f.Source, approved
}

// unconfirmedPage walks, connector by connector, the removals that wait the longest for
// their target to agree.
func unconfirmedPage(q query, after []string) (Leaf, error) {
	var names []string
	for _, c := range q.book.Connectors() {
		names = append(names, c.Metadata.Name)
	}
	names = schema.Sorted(names...)
	at := append(slices.Clone(after), "", "")
	if at[0] == "" && len(names) > 0 {
		at[0] = names[0]
	}
	walk := func(place store.Place) iter.Seq2[store.Placed[schema.Account], error] {
		return store.Accounts.Walk(q.r, store.AccountOpen, place, at[0])
	}
	l, err := walked(at[1], walk, func(a schema.Account) ([]schema.Finding, bool, error) {
		if a.Due.Received.After(q.cutoff()) {
			return nil, false, nil
		}
		return []schema.Finding{unconfirmed(a)}, true, nil
	})
	switch i := slices.Index(names, at[0]); {
	case l.Next != nil:
		l.Next = []string{at[0], l.Next[0]}
	case i >= 0 && i+1 < len(names):
		l.Next = []string{names[i+1]}
	}
	return l, err
}

func unconfirmed(a schema.Account) schema.Finding {
	return schema.Finding{
		Connector: a.Connector, Subject: a.Identity,
		Reason: "its target has not confirmed since " + day(a.Due.Received) + " that access ended",
	}
}

func stillUnconfirmed(q query, f schema.Finding) (bool, error) {
	a, err := account(q.r, f.Connector, f.Subject)
	return err == nil && !a.Due.IsZero() && a.Due.Ends && !a.Due.Received.After(q.cutoff()), err
}
