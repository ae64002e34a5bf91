package access

import (
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// The inspections for what is late: exceptions about to end, evidence that is owed, feeds that
// are silent, removals that no target confirmed.

// endingPage walks the exceptions that end soon, those that are documents first.
func endingPage(q query, after []string) (found []schema.Finding, next []string, err error) {
	soon := q.r.Now().Add(q.bound.Age)
	if after == nil {
		for _, e := range q.book.Exceptions() {
			if e.Spec.Expires.Before(soon) {
				f := endsSoon(e.Spec.Expires, q.r.Now())
				f.Subject = "exception/" + e.Metadata.Name
				found = append(found, f)
			}
		}
		return found, []string{"", "register"}, nil
	}
	place, err := base64.RawStdEncoding.DecodeString(after[0])
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for p, err := range store.Exceptions.Walk(q.r, store.ExceptionEnds, store.Place(place)) {
		if err != nil || p.Record.Expires.After(soon) {
			return found, nil, err
		}
		f := endsSoon(p.Record.Expires, q.r.Now())
		f.Subject, f.Object = p.Record.Identity, exceptionRef(p.Record.ID)
		found = append(found, f)
		if n++; n == inspectPage {
			return found, []string{base64.RawStdEncoding.EncodeToString([]byte(p.Place)), "register"}, nil
		}
	}
	return found, nil, nil
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
func owingPage(q query, after []string) (found []schema.Finding, next []string, err error) {
	skip, _ := strconv.Atoi(append(after, "0")[0])
	n := 0
	for y, err := range store.Bypasses.By(q.r, store.BypassAwaits) {
		if err != nil {
			return nil, nil, err
		}
		if n++; n <= skip {
			continue
		}
		if owing(q, y) {
			found = append(found, schema.Finding{
				Subject: y.Identity, Object: bypassRef(y.ID),
				Reason: "evidence was owed by " + day(y.OwedBy) + ": " + joinLimited(y.Owed, firstDeeds),
			})
		}
		if n == skip+inspectPage {
			return found, []string{strconv.Itoa(n)}, nil
		}
	}
	return found, nil, nil
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

// silentPage looks at the feeds of signals: there are a few for each source.
func silentPage(q query, _ []string) (found []schema.Finding, next []string, err error) {
	for f, err := range store.Feeds.All(q.r) {
		if err != nil {
			return nil, nil, err
		}
		if _, approved := q.book.Source(f.Source); !approved {
			continue
		}
		since := latest(f.Heard, f.Since)
		if since.IsZero() || q.r.Now().Sub(since) < q.book.StaleAfter(f.Source) {
			continue
		}
		found = append(found, schema.Finding{
			Connector: f.Connector, Subject: "source/" + f.Source, Object: string(f.Topic),
			Reason: "nothing was heard of it for " + policy.Duration(q.book.StaleAfter(f.Source)).String() + ", last at " + day(since),
		})
	}
	return found, nil, nil
}

// unconfirmedPage walks, connector by connector, the removals that wait the longest for
// their target to agree.
func unconfirmedPage(q query, after []string) (found []schema.Finding, next []string, err error) {
	at, place := append(after, "", "")[0], []byte(nil)
	if len(after) > 1 {
		if place, err = base64.RawStdEncoding.DecodeString(after[1]); err != nil {
			return nil, nil, err
		}
	}
	connectors := q.book.Connectors()
	names := make([]string, len(connectors))
	for i, c := range connectors {
		names[i] = c.Metadata.Name
	}
	names = schema.Sorted(names...)
	if at == "" && len(names) > 0 {
		at = names[0]
	}
	n := 0
	for p, err := range store.Accounts.Walk(q.r, store.AccountOpen, store.Place(place), at) {
		if err != nil {
			return nil, nil, err
		}
		if p.Record.Due.Received.After(q.cutoff()) {
			break
		}
		found = append(found, unconfirmed(p.Record))
		if n++; n == inspectPage {
			return found, []string{at, base64.RawStdEncoding.EncodeToString([]byte(p.Place))}, nil
		}
	}
	if i := slices.Index(names, at); i >= 0 && i+1 < len(names) {
		return found, []string{names[i+1]}, nil
	}
	return found, nil, nil
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
