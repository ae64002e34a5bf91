package access

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What people are told, and who is: those who are to decide, those who answer for what it
// is about, and those whose access it is.

// mostAsked is how many of those who may decide are told of one request.
const mostAsked = 20

// notifyFound has those told of a new finding who answer for what it is about, and
// whoever operates the bridge. Findings of one kind at one connector are one thing.
func notifyFound(tx store.Tx, book *policy.Book, f schema.Finding) error {
	if f.Kind == findingUntold && (f.Object == "" || f.Object == Operators) { // it would be told by what does not tell
		return nil
	}
	about := f.Subject
	if f.Connector != "" {
		about = "connector/" + f.Connector
	}
	owner := ownerOf(book, about)
	if owner == (policy.Owner{}) && !strings.Contains(about, "/") {
		about = "identities"
	}
	n := schema.Notice{To: Operators, Kind: "finding", Subject: f.Kind + "/" + about, What: f.Kind + " (" + about + "): " + f.Reason, Path: "/console/findings"}
	if err := Notify(tx, n); err != nil {
		return err
	}
	return notifyEach(tx, book, n, owner.User, owner.Deputy)
}

// ownerOf returns who answers for what the log calls so.
func ownerOf(book *policy.Book, about string) policy.Owner {
	kind, name, _ := strings.Cut(about, "/")
	switch kind {
	case "source":
		if s, ok := book.Source(name); ok {
			return s.Metadata.Owner
		}
	case "connector":
		if c, ok := book.Connector(name); ok {
			return c.Metadata.Owner
		}
	case "role":
		if r, ok := book.Role(name); ok {
			return r.Metadata.Owner
		}
	case "exception":
		if e, ok := exceptionCalled(book, name); ok {
			return e.Metadata.Owner
		}
	case "policy":
		return book.Owner()
	}
	return policy.Owner{}
}

// notifyApprovers has those told who may decide about a request now.
func notifyApprovers(tx store.Tx, p *panel, q schema.Request) error {
	able, err := p.deciders(p.flow.Spec.Stages[q.Stage], mostAsked)
	if err != nil {
		return err
	}
	for _, id := range able {
		err := Notify(tx, schema.Notice{
			To: id.Base(), Kind: "approval", Subject: fmt.Sprintf("%s/%d", requestRef(q.ID), q.Stage+1), Due: q.Due, Path: "/console/inbox",
			What: fmt.Sprintf("%s is to have role %s, if you agree", p.subject.Identity.UserName, q.Role),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// notifyDecided has whoever asked, and whom it is for, told what became of a request.
func notifyDecided(tx store.Tx, q schema.Request) error {
	for _, to := range schema.Sorted(q.Identity, q.Requester) {
		if to == "" {
			continue
		}
		err := Notify(tx, schema.Notice{
			To: to, Kind: "decided", Subject: requestRef(q.ID), Path: "/console/requests",
			What: fmt.Sprintf("the request for role %s is %s: %s", q.Role, q.State, q.Outcome),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// notifyBoard has those told who could agree to a policy, while its plan is young enough.
func notifyBoard(tx store.Tx, b *board, q schema.Publication) error {
	able, err := b.able(mostAsked)
	if err != nil {
		return err
	}
	for _, m := range able {
		err := Notify(tx, schema.Notice{
			To: m.Base(), Kind: "approval", Subject: publicationRef(q.ID), Due: q.Planned.Add(b.book.Publication().PlanAge()), Path: publicationPath(q),
			What: "policy " + brief(q.Digest) + " is to come into force, if you agree" + escalated(q),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// notifyPublished has whoever proposed a policy told what became of it, unless they did that
// themselves.
func notifyPublished(tx store.Tx, q schema.Publication, by Decider) error {
	if q.Proposer == "" || q.Proposer == by.Identity {
		return nil
	}
	return Notify(tx, schema.Notice{
		To: q.Proposer, Kind: "decided", Subject: publicationRef(q.ID), Path: publicationPath(q),
		What: fmt.Sprintf("policy %s is %s: %s", brief(q.Digest), q.State, q.Outcome),
	})
}

func publicationPath(q schema.Publication) string { return "/console/publications/" + q.ID }

// notifyTaken has those told whom a role names that is for an emergency (R-BG-1).
func notifyTaken(tx store.Tx, book *policy.Book, y schema.Bypass, names []string) error {
	role, _ := book.Role(y.Role)
	n := schema.Notice{
		To: Operators, Kind: "bypass", Subject: "bypass/" + y.ID, Due: y.Until, Urgent: true, Path: "/console/inbox",
		What: "role " + y.Role + " was taken by way of emergency, until " + minute(y.Until),
	}
	if err := Notify(tx, n); err != nil {
		return err
	}
	return notifyEach(tx, book, n, append([]string{role.Metadata.Owner.User}, names...)...)
}

// notifyAsked has whoever tends a target told what they are asked to do there.
func notifyAsked(tx store.Tx, book *policy.Book, w schema.WorkItem) error {
	owner := ownerOf(book, "connector/"+w.Connector)
	return notifyEach(tx, book, schema.Notice{
		Kind: "work", Subject: "work/" + strings.Join(w.Key(), "/"), Due: w.Due, Path: "/console/work",
		What: "at " + w.Connector + ", for " + w.UserName + ": " + w.What,
	}, cmp.Or(w.Assignee, owner.User))
}

// foresaid is how long before a grant ends its holder is told, of one that lives for
// long; of others it is the last quarter. Of an exception, which takes longer to do
// without, it is warned.
const (
	foresaid = 72 * time.Hour
	warned   = 14 * 24 * time.Hour
)

// notifyHolder has whose access it is told, or, of a machine, whoever answers for it.
func notifyHolder(tx store.Tx, book *policy.Book, f policy.Facts, n schema.Notice) error {
	if isPerson(f.Identity) {
		n.To = f.Identity.Base()
		return Notify(tx, n)
	}
	owner, deputy := book.Stewards(f)
	n.What = f.Identity.UserName + ": " + n.What
	return notifyEach(tx, book, n, owner, deputy)
}

// forewarn has whoever holds something told that it is about to end. It returns when to
// look again.
func (l *look) forewarn(tx store.Tx, next time.Time) (time.Time, error) {
	for _, g := range l.facts.Grants {
		if g.Until.IsZero() || !g.Live(l.now) {
			continue
		}
		at := g.Until.Add(-min(foresaid, g.Until.Sub(g.From)/4))
		if at.After(l.now) {
			next = earlier(next, at)
			continue
		}
		if _, err := store.Notices.Get(tx, l.facts.Identity.ID, "ending", "grant/"+g.ID); !schema.IsNotFound(err) {
			if err != nil {
				return next, err
			}
			continue // they were told, or are about to be
		}
		err := notifyHolder(tx, l.book, l.facts, schema.Notice{
			Kind: "ending", Subject: "grant/" + g.ID, Due: g.Until, Path: "/console/requests",
			What: "role " + g.Role + " ends on " + minute(g.Until),
		})
		if err != nil {
			return next, err
		}
	}
	return next, nil
}

// forewarnException has those told that an exception is about to end whom that concerns:
// for whom it is, who asked for it, and who answers for what it deviates from. It returns
// when to look again.
func forewarnException(tx store.Tx, book *policy.Book, e schema.Exception) (time.Time, error) {
	at := e.Expires.Add(-min(warned, e.Expires.Sub(e.Approval.At)/4))
	if at.After(tx.Now()) {
		return at, nil
	}
	n := schema.Notice{
		Kind: "ending", Subject: exceptionRef(e.ID), Due: e.Expires, Path: "/console/exceptions",
		What: "an exception to " + e.Rule() + " ends on " + minute(e.Expires) + ": what was granted by it ends, too",
	}
	return e.Expires, notifyExcepted(tx, book, e, n, true)
}

// notifyExcepted has those told whom an exception concerns.
func notifyExcepted(tx store.Tx, book *policy.Book, e schema.Exception, n schema.Notice, owners bool) error {
	if f, err := whole(tx, book, e.Identity, false); err == nil {
		err = notifyHolder(tx, book, f, n)
		if err != nil {
			return err
		}
	} else if !schema.IsNotFound(err) {
		return err
	}
	if e.Requester != "" && e.Requester != e.Identity {
		n.To = e.Requester
		if err := Notify(tx, n); err != nil {
			return err
		}
	}
	owner, ok := book.Waiving(policy.WaiverOf(e))
	if !ok || !owners {
		return nil
	}
	return notifyEach(tx, book, n, owner.User, owner.Deputy)
}

// notifyExcepting has those told that an exception is asked for who answer for what it
// deviates from.
func notifyExcepting(tx store.Tx, book *policy.Book, e schema.Exception, who string) error {
	owner, _ := book.Waiving(policy.WaiverOf(e))
	return notifyEach(tx, book, schema.Notice{
		Kind: "approval", Subject: exceptionRef(e.ID), Due: e.Due, Path: "/console/inbox",
		What: who + " is to be excepted from " + e.Rule() + ", if you agree",
	}, owner.User, owner.Deputy)
}

// notifySettled has those told what became of an exception for whom it is, and who asked.
func notifySettled(tx store.Tx, book *policy.Book, e schema.Exception) error {
	return notifyExcepted(tx, book, e, schema.Notice{
		Kind: "decided", Subject: exceptionRef(e.ID), Path: "/console/exceptions",
		What: fmt.Sprintf("the exception to %s is %s: %s", e.Rule(), e.State, e.Outcome),
	}, false)
}

// notifyLost has somebody told that people, or a review, took a role from them. What a
// rule ends, because they moved or left, is no news to them.
func notifyLost(tx store.Tx, book *policy.Book, identity, role, why string) error {
	f, err := whole(tx, book, identity, false)
	if err != nil {
		return err
	}
	return notifyHolder(tx, book, f, schema.Notice{
		Kind: "ended", Subject: "role/" + role, Path: "/console/people/" + identity, What: "role " + role + ": " + why,
	})
}

// notifyHeld has those told who can release what is held: the operators, and whoever
// answers for what it is about; anew each day for as long as it is held.
func notifyHeld(tx store.Tx, book *policy.Book, h schema.Hold) error {
	if h.Kind != schema.SweepHold { // that a source or a policy is held is a finding, and told as one
		return nil
	}
	n := schema.Notice{
		To: Operators, Kind: "held", Subject: h.Subject, Path: "/console/held",
		What: fmt.Sprintf("%s is held, %d changes wait for two people: %s", h.Subject, h.Count, h.Reason),
	}
	if err := Notify(tx, n); err != nil {
		return err
	}
	about, err := heldAbout(tx, h.Subject)
	if err != nil {
		return err
	}
	owner := ownerOf(book, about)
	return notifyEach(tx, book, n, owner.User, owner.Deputy)
}

// heldAbout returns what a sweep is held about: sweep/NAME/CONNECTOR, and sweep/reviews/ID.
func heldAbout(r store.Reader, subject string) (string, error) {
	name, about, _ := strings.Cut(strings.TrimPrefix(subject, "sweep/"), "/")
	if name != "reviews" {
		return "connector/" + about, nil
	}
	v, err := store.Reviews.Get(r, about)
	if schema.IsNotFound(err) {
		return "", nil
	}
	return v.About(), err
}

// notifyTriggered has whoever holds a role told that a trigger asks about it, and those
// who can answer.
func notifyTriggered(tx store.Tx, book *policy.Book, facts policy.Facts, f schema.Firing) error {
	n := schema.Notice{
		Kind: "asked", Subject: "role/" + f.Role + "/" + f.Trigger, Due: f.Due, Path: "/console/people/" + f.Identity,
		What: "trigger " + f.Trigger + " asks whether role " + f.Role + " stays",
	}
	if f.Role == "" { // of a machine as a whole
		n.Subject, n.What = "trigger/"+f.Trigger, "trigger "+f.Trigger+" asks somebody to see to it"
	}
	if err := notifyHolder(tx, book, facts, n); err != nil {
		return err
	}
	n.Subject += "/" + f.Identity
	n.What += " with " + facts.Identity.UserName
	owner := ownerOf(book, "role/"+f.Role)
	return notifyEach(tx, book, n, owner.User, owner.Deputy)
}

// notifyReview has somebody told how much of a review waits for them.
func notifyReview(tx store.Tx, book *policy.Book, v schema.Review, m schema.Reminder) error {
	of := map[schema.ReviewKind]string{
		schema.ReviewRole: "who has role " + v.Of, schema.ReviewConnector: "what is held at " + v.Of,
		schema.ReviewManager: "what managers’ people hold", schema.ReviewChange: "what somebody holds who moved",
	}[v.Kind]
	how := map[string]string{
		remindOpened: "is to be decided", remindSoon: "is soon to be decided", remindOverdue: "should have been decided", remindEscalated: "was not decided in time, and is yours too",
	}[m.Kind]
	n := schema.Notice{
		Kind: "review", Subject: v.Ref() + "/" + m.Kind, Due: m.Until, Path: "/console/inbox",
		What: fmt.Sprintf("review of %s: %d %s", of, m.Items, how),
	}
	if id := identityOf(m.To); id != "" {
		n.To = id
		return Notify(tx, n)
	}
	return notifyEach(tx, book, n, strings.TrimPrefix(m.To, "person/"))
}
