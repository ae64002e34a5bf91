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

// MailTo begins the name of whoever is known by an address alone.
const MailTo = "mailto:"

const (
	settled    = time.Minute         // how long a notice waits for others for the same person
	sameNotice = 24 * time.Hour      // nobody is told the same thing twice within it
	nearlyTold = 20 * time.Hour      // of what is said again after that the rest of the day is waited for, for what is said daily comes a little early
	keptNotice = 90 * 24 * time.Hour // how long it is known that somebody was told
	mostDue    = 500                 // how much is looked at of one person's at once
)

// Notify has somebody told something, unless they were told so within a day. What was
// not told yet is told as it is now, and what is said again when a day is nearly over is
// told when it is.
func Notify(tx store.Tx, n schema.Notice) error {
	old, err := store.Notices.Get(tx, n.To, n.Kind, n.Subject)
	switch {
	case err != nil && !schema.IsNotFound(err):
		return err
	case err == nil && old.Told.IsZero():
		n.By, n.Left, n.Rests = old.By, old.Left, old.Rests
	case err == nil && tx.Now().Sub(old.Told) < nearlyTold:
		return nil
	case err == nil:
		n.Rests = old.Told.Add(sameNotice)
	}
	n.Raised, n.Told = tx.Now(), time.Time{}
	if err := store.Notices.Put(tx, n); err != nil {
		return err
	}
	switch {
	case tx.Now().Before(n.Rests):
		return tx.Wake(LaneNotice, n.To, n.Rests)
	case n.Urgent:
		return tx.WakeUrgent(LaneNotice, n.To)
	}
	return tx.Wake(LaneNotice, n.To, tx.Now().Add(settled))
}

// A Pile is what there is of one person's notices.
type Pile struct {
	To   string
	Due  []schema.Notice // they are to be told; no more than are told at once
	Old  []schema.Notice // told, and known for long enough
	Last time.Time       // when they were told something last
	Next time.Time       // when the next of what rests may be told, or of what they were told is known for long enough
	More bool            // there is more than was looked at
}

// NoticesOf returns what somebody is to be told, the urgent and the oldest first, and what of what they
// were told is to be forgotten, and when.
func NoticesOf(r store.Reader, to string) (p Pile, err error) {
	p.To = to
	for n, err := range store.Notices.All(r, to) {
		if err != nil {
			return p, err
		}
		forget := n.Told.Add(keptNotice)
		switch {
		case n.Told.IsZero() && r.Now().Before(n.Rests):
			p.Next = earlier(p.Next, n.Rests)
			continue
		case n.Told.IsZero() && len(p.Due) == mostDue, forget.Before(r.Now()) && len(p.Old) == mostDue:
			p.More = true
			continue
		case n.Told.IsZero():
			p.Due = append(p.Due, n)
			continue
		case forget.Before(r.Now()):
			p.Old = append(p.Old, n)
		default:
			p.Next = earlier(p.Next, forget)
		}
		p.Last = latest(p.Last, n.Told)
	}
	slices.SortFunc(p.Due, func(a, b schema.Notice) int {
		if a.Urgent != b.Urgent {
			return map[bool]int{true: -1, false: 1}[a.Urgent]
		}
		return cmp.Or(a.Raised.Compare(b.Raised), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return p, nil
}

// An Addressee is somebody who is told something.
type Addressee struct {
	To      string // as notices have it
	Name    string
	Address string // empty where none is known
}

// AddresseeOf returns who is meant. ErrNotFound if they are not there any more.
func AddresseeOf(r store.Reader, book *policy.Book, to string) (Addressee, error) {
	if address, ok := strings.CutPrefix(to, MailTo); ok {
		return Addressee{To: to, Name: address, Address: address}, nil
	}
	if to == Operators {
		return Addressee{To: to, Name: Operators}, nil
	}
	f, err := whole(r, book, to, false)
	if err != nil {
		return Addressee{}, err
	}
	if f.Identity.Gone() || f.Into != "" || ended(book, f, r.Now()) {
		return Addressee{}, fmt.Errorf("identity %s: %w", to, schema.ErrNotFound)
	}
	return Addressee{To: to, Name: f.Identity.UserName, Address: f.Identity.Email}, nil
}

// Notified records that somebody was told some things by a channel; done, that there is no
// other that they are yet to be told by.
func Notified(tx store.Tx, book *policy.Book, told []schema.Notice, channel string, done bool) error {
	return notified(tx, book, told, channel, func(n *schema.Notice) {
		if channel != "" {
			n.By = schema.Sorted(append(n.By, channel)...)
		}
		if done {
			n.Told, n.Left = tx.Now(), nil
		}
	})
}

// NotifiedSome records that a channel told some of those whom it is for, and which
// addresses are left.
func NotifiedSome(tx store.Tx, book *policy.Book, told []schema.Notice, channel string, left []string) error {
	return notified(tx, book, told, channel, func(n *schema.Notice) {
		all := map[string][]string{channel: left}
		for other, addresses := range n.Left {
			if other != channel {
				all[other] = addresses
			}
		}
		n.Left = all
	})
}

func notified(tx store.Tx, book *policy.Book, told []schema.Notice, channel string, change func(*schema.Notice)) error {
	var subjects []string
	for _, n := range told {
		now, err := store.Notices.Get(tx, n.To, n.Kind, n.Subject)
		if schema.IsNotFound(err) || err == nil && !now.Raised.Equal(n.Raised) {
			continue // it was raised anew
		}
		if err != nil {
			return err
		}
		change(&now)
		if err := store.Notices.Put(tx, now); err != nil {
			return err
		}
		subjects = append(subjects, n.Kind+"/"+n.Subject)
	}
	if len(subjects) == 0 || channel == "" {
		return nil
	}
	subject := told[0].To
	if address, ok := strings.CutPrefix(subject, MailTo); ok { // the log forgets nothing
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

// ReportUntold raises that a channel takes no notices, or none for one person where to is
// said; without a reason it resolves that. Who cannot be told by their own mail address
// says nothing of the others'.
func ReportUntold(tx store.Tx, book *policy.Book, channel, to, reason string) error {
	f := schema.Finding{Kind: findingUntold, Subject: "channel/" + channel, Object: to, Reason: reason}
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
	case !schema.IsNotFound(err) && !errors.Is(err, schema.ErrConflict):
		return "", err
	case strings.Contains(name, "@"):
		return MailTo + store.Fold(name), nil
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
