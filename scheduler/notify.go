package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/notice"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Notify tells people what they are to be told: all that is due of one person at once,
// by every channel that reaches them. An item of its lane says whom to look at.
type Notify struct {
	Store    *store.Store
	Rules    *access.Rules
	Channels []notice.Channel
	URL      string        // what links are below
	Every    time.Duration // how long after somebody was told they are told again, unless it is urgent
}

// Handle tells one person. What a channel did not take is tried again, by that channel
// only; who has access waits for none of it.
func (n *Notify) Handle(ctx context.Context, item store.Item) (access.Finish, error) {
	var due, old []schema.Notice
	var last time.Time
	var who access.Addressee
	err := n.Store.View(ctx, func(r store.Reader) (err error) {
		if due, old, last, err = access.NoticesOf(r, item.ID); err != nil {
			return err
		}
		who, err = access.AddresseeOf(r, n.Rules.Book(), item.ID)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) { // whoever left is told nothing
		return func(tx store.Tx) (time.Time, error) {
			return time.Time{}, access.ForgetNotices(tx, append(due, old...))
		}, nil
	}
	if err != nil {
		return nil, err
	}
	urgent := slices.ContainsFunc(due, func(d schema.Notice) bool { return d.Urgent })
	if again := last.Add(n.Every); len(due) > 0 && !urgent && !last.IsZero() && again.After(time.Now()) {
		return func(store.Tx) (time.Time, error) { return again, nil }, nil
	}
	outcomes := n.tell(ctx, who, due)
	var failed []error
	for _, o := range outcomes {
		if o.err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", o.channel, o.err))
		}
	}
	finish := func(tx store.Tx) (time.Time, error) {
		return time.Time{}, errors.Join(access.ForgetNotices(tx, old), n.write(tx, due, outcomes, len(failed) == 0))
	}
	return finish, errors.Join(failed...)
}

// An outcome is what came of one channel.
type outcome struct {
	channel string
	told    []schema.Notice
	err     error
}

// tell sends each channel what it has not taken yet.
func (n *Notify) tell(ctx context.Context, who access.Addressee, due []schema.Notice) (outcomes []outcome) {
	to := notice.To{ID: who.To, Name: who.Name, Address: who.Address, Operators: who.To == access.Operators}
	for _, c := range n.Channels {
		o := outcome{channel: c.Name()}
		for _, d := range due {
			if !slices.Contains(d.By, o.channel) {
				o.told = append(o.told, d)
			}
		}
		if len(o.told) == 0 || !c.Reaches(to) {
			continue
		}
		o.err = c.Send(ctx, notice.Message{ID: messageID(o), To: to, Items: notice.ItemsOf(o.told, n.URL), At: time.Now()})
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// messageID is the same for each attempt to tell the same things.
func messageID(o outcome) string {
	sum := sha256.New()
	for _, d := range o.told {
		fmt.Fprintf(sum, "%q %q %q %d\n", d.To, d.Kind, d.Subject, d.Raised.UnixNano())
	}
	return "msg_" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// write records what was told. Somebody whom no channel reaches is done with, too.
func (n *Notify) write(tx store.Tx, due []schema.Notice, outcomes []outcome, done bool) error {
	book := n.Rules.Book()
	for _, o := range outcomes {
		reason := ""
		if o.err != nil {
			reason = "people are not told by it: " + o.err.Error()
		} else if err := access.Notified(tx, book, o.told, o.channel, false); err != nil {
			return err
		}
		if err := access.ReportUntold(tx, book, o.channel, reason); err != nil {
			return err
		}
	}
	if !done {
		return nil
	}
	return access.Notified(tx, book, due, "", true)
}
