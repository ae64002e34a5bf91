package access

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What people are to be told is written down in the transaction that gives rise to it.
// Somebody else tells it (scheduler.Notify), several things at once, and says here when
// and by what it was told, which is the evidence that they knew.

// Operators are whoever operates the bridge: what is for nobody who is there goes to
// them.
const Operators = "operators"

const (
	mailTo = "mailto:"

	settled    = time.Minute         // how long a notice waits for others for the same person
	sameNotice = 20 * time.Hour      // nobody is told the same thing twice within it: less than a day, for what is said daily waits a little each time
	keptNotice = 90 * 24 * time.Hour // how long it is known that somebody was told
	mostAsked  = 20                  // how many of those who may decide are told of one request
)

// Notify has somebody told something, unless they were told so within a day. What was
// not told yet is told as it is now.
func Notify(tx store.Tx, n schema.Notice) error {
	old, err := store.Notices.Get(tx, n.To, n.Kind, n.Subject)
	switch {
	case err != nil && !notFound(err):
		return err
	case err == nil && !old.Told.IsZero() && tx.Now().Sub(old.Told) < sameNotice:
		return nil
	case err == nil && old.Told.IsZero():
		n.By = old.By
	}
	n.Raised, n.Told = tx.Now(), time.Time{}
	if err := store.Notices.Put(tx, n); err != nil {
		return err
	}
	if n.Urgent {
		return tx.WakeUrgent(LaneNotice, n.To)
	}
	return tx.Wake(LaneNotice, n.To, tx.Now().Add(settled))
}

// NoticesOf returns what somebody is to be told, and when they were told something last.
// It says which of what they were told is known for long enough.
func NoticesOf(r store.Reader, to string) (due, old []schema.Notice, last time.Time, err error) {
	for n, err := range store.Notices.All(r, to) {
		switch {
		case err != nil:
			return nil, nil, last, err
		case n.Told.IsZero():
			due = append(due, n)
			continue
		case r.Now().Sub(n.Told) > keptNotice:
			old = append(old, n)
		}
		if n.Told.After(last) {
			last = n.Told
		}
	}
	slices.SortFunc(due, func(a, b schema.Notice) int {
		return cmp.Or(a.Raised.Compare(b.Raised), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return due, old, last, nil
}

// An Addressee is somebody who is told something.
type Addressee struct {
	To      string // as notices have it
	Name    string
	Address string // empty where none is known
}

// AddresseeOf returns who is meant. ErrNotFound if they are not there any more.
func AddresseeOf(r store.Reader, book *policy.Book, to string) (Addressee, error) {
	if address, ok := strings.CutPrefix(to, mailTo); ok {
		return Addressee{To: to, Name: address, Address: address}, nil
	}
	if to == Operators {
		return Addressee{To: to, Name: Operators}, nil
	}
	f, err := whole(r, book, to, false)
	if err != nil {
		return Addressee{}, err
	}
	if f.Identity.Gone() || f.Into != "" {
		return Addressee{}, fmt.Errorf("identity %s: %w", to, schema.ErrNotFound)
	}
	return Addressee{To: to, Name: f.Identity.UserName, Address: f.Identity.Email}, nil
}

// Notified records that somebody was told some things by a channel; done, that there is no
// other that they are yet to be told by.
func Notified(tx store.Tx, book *policy.Book, told []schema.Notice, channel string, done bool) error {
	var subjects []string
	for _, n := range told {
		now, err := store.Notices.Get(tx, n.To, n.Kind, n.Subject)
		if notFound(err) || err == nil && !now.Raised.Equal(n.Raised) {
			continue // it was raised anew
		}
		if err != nil {
			return err
		}
		if channel != "" {
			now.By = schema.Sorted(append(now.By, channel)...)
		}
		if done {
			now.Told = tx.Now()
		}
		if err := store.Notices.Put(tx, now); err != nil {
			return err
		}
		subjects = append(subjects, n.Kind+"/"+n.Subject)
	}
	if len(subjects) == 0 || channel == "" {
		return nil
	}
	subject := told[0].To
	if address, ok := strings.CutPrefix(subject, mailTo); ok { // the log forgets nothing
		var err error
		if subject, err = pseudonym(tx, "policy", address); err != nil {
			return err
		}
	}
	_, err := tx.Record(schema.Decision{
		Actor: "bridge", Verb: schema.Notified, Subject: subject, Object: "channel/" + channel, Policy: book.Digest(),
		Because: schema.Sorted(subjects...), Reason: fmt.Sprintf("told of %d by %s", len(subjects), channel),
	})
	return err
}

// ForgetNotices lets go of notices.
func ForgetNotices(tx store.Tx, gone []schema.Notice) error {
	for _, n := range gone {
		if err := store.Notices.Delete(tx, n.To, n.Kind, n.Subject); err != nil {
			return err
		}
	}
	return nil
}

// findingUntold is of a channel that takes no notices.
const findingUntold = "untold"

// ReportUntold raises that a channel takes no notices, or, without a reason, resolves it.
func ReportUntold(tx store.Tx, book *policy.Book, channel, reason string) error {
	f := schema.Finding{Kind: findingUntold, Subject: "channel/" + channel, Reason: reason}
	if reason == "" {
		return resolve(tx, f)
	}
	return Report(tx, book, "bridge", f)
}

// called returns who a policy means by a name, for notices: an identity, or else an
// address, or else whoever operates the bridge.
func called(r store.Reader, book *policy.Book, name string) (string, error) {
	id, err := FindCalled(r, book, name)
	switch {
	case err == nil:
		return id.Base(), nil
	case !notFound(err) && !errors.Is(err, schema.ErrConflict):
		return "", err
	case strings.Contains(name, "@"):
		return mailTo + store.Fold(name), nil
	}
	return Operators, nil
}

// notifyEach has everybody told whom names in a policy mean.
func notifyEach(tx store.Tx, book *policy.Book, n schema.Notice, names ...string) error {
	var all []string
	for _, name := range names {
		if name == "" {
			continue
		}
		to, err := called(tx, book, name)
		if err != nil {
			return err
		}
		all = append(all, to)
	}
	for _, to := range schema.Sorted(all...) {
		n.To = to
		if err := Notify(tx, n); err != nil {
			return err
		}
	}
	return nil
}

// notifyFound has those told of a new finding who answer for what it is about, and
// whoever operates the bridge. Findings of one kind at one connector are one thing.
func notifyFound(tx store.Tx, book *policy.Book, f schema.Finding) error {
	if f.Kind == findingUntold { // it would be told by what does not tell
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
		Kind: "work", Subject: "work/" + w.Connector + "/" + w.Identity, Due: w.Due, Path: "/console/work",
		What: "at " + w.Connector + ", for " + w.UserName + ": " + w.What,
	}, cmp.Or(w.Assignee, owner.User))
}

// foresaid is how long before a grant ends its holder is told, of one that lives for
// long; of others it is the last quarter.
const foresaid = 72 * time.Hour

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
		if _, err := store.Notices.Get(tx, l.facts.Identity.ID, "ending", "grant/"+g.ID); !notFound(err) {
			if err != nil {
				return next, err
			}
			continue // they were told, or are about to be
		}
		err := Notify(tx, schema.Notice{
			To: l.facts.Identity.ID, Kind: "ending", Subject: "grant/" + g.ID, Due: g.Until, Path: "/console/requests",
			What: "role " + g.Role + " ends on " + minute(g.Until),
		})
		if err != nil {
			return next, err
		}
	}
	return next, nil
}

// notifyReview has somebody told how much of a review waits for them.
func notifyReview(tx store.Tx, book *policy.Book, v schema.Review, m schema.Reminder) error {
	n := schema.Notice{
		Kind: "review", Subject: v.Ref() + "/" + m.Kind, Due: m.Until, Path: "/console/inbox",
		What: fmt.Sprintf("review %s, %s: %d to decide", v.Ref(), m.Kind, m.Items),
	}
	if id := identityOf(m.To); id != "" {
		n.To = id
		return Notify(tx, n)
	}
	return notifyEach(tx, book, n, strings.TrimPrefix(m.To, "person/"))
}
