package scheduler

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"drawbridge/access"
	"drawbridge/notice"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// A Notify tells people what they are to be told: all that is due of one person at once,
// as far as one message goes, by every channel that reaches them. An item of its lane says whom to look at.
type Notify struct {
	Store     *store.Store
	Rules     *access.Rules
	Channels  []notice.Channel
	Operators []string      // addresses of whoever operates the bridge
	URL       string        // what links are below
	Every     time.Duration // how long after somebody was told they are told again, unless it is urgent
}

// Handle tells one person. What a channel did not take is tried again, by that channel
// only; who has access waits for none of it. Somebody who was told comes again when that
// is to be forgotten.
func (n *Notify) Handle(ctx context.Context, item store.Item) (access.Finish, error) {
	var pile access.Pile
	var who access.Addressee
	var due []said
	err := n.Store.View(ctx, func(r store.Reader) (err error) {
		if pile, err = access.NoticesOf(r, item.ID); err != nil {
			return err
		}
		if due, err = n.personally(r, pile); err != nil {
			return err
		}
		who, err = access.AddresseeOf(r, n.Rules.Book(), item.ID)
		return err
	})
	if errors.Is(err, schema.ErrNotFound) { // whoever left is told nothing
		return func(tx store.Tx) (time.Time, error) { return n.next(tx, pile, n.forget(tx, pile)) }, nil
	}
	if err != nil {
		return nil, err
	}
	urgent := slices.ContainsFunc(pile.Due, func(d schema.Notice) bool { return d.Urgent })
	if again := pile.Last.Add(n.Every); len(pile.Due) > 0 && !urgent && !pile.Last.IsZero() && again.After(time.Now()) {
		return func(store.Tx) (time.Time, error) { return again, nil }, nil
	}
	outcomes := n.tell(ctx, who, due)
	var failed []error
	for _, o := range outcomes {
		if o.again() {
			failed = append(failed, fmt.Errorf("%s: %w", o.channel, o.err))
		}
	}
	finish := func(tx store.Tx) (time.Time, error) {
		err := errors.Join(access.ForgetNotices(tx, pile.Old), n.write(tx, item.ID, complete(pile.Due, outcomes), outcomes, len(failed) == 0))
		return n.next(tx, pile, err)
	}
	return finish, errors.Join(failed...)
}

// A said is a notice, with who among those whom it is for is told it by themselves.
type said struct {
	schema.Notice
	but []string
}

// personally finds out who of the operators is told by themselves what they are told.
func (n *Notify) personally(r store.Reader, p access.Pile) (all []said, err error) {
	for _, d := range p.Due {
		s := said{Notice: d}
		if p.To == access.Operators {
			if s.but, err = access.Personally(r, n.Rules.Book(), d, n.Operators); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// forget lets go of what there is for somebody who left.
func (n *Notify) forget(tx store.Tx, p access.Pile) error {
	for _, c := range n.Channels {
		if err := access.ReportUntold(tx, n.Rules.Book(), c.Name(), p.To, ""); err != nil {
			return err
		}
	}
	return access.ForgetNotices(tx, append(p.Due, p.Old...))
}

// next is when to look at somebody again.
func (n *Notify) next(tx store.Tx, p access.Pile, err error) (time.Time, error) {
	switch {
	case err != nil:
		return time.Time{}, err
	case p.More:
		return tx.Now().Add(n.Every), nil
	}
	now, err := access.NoticesOf(tx, p.To)
	switch {
	case err != nil || len(now.Due) == 0:
		return now.Next, err
	case now.Due[0].Urgent: // the urgent are first
		return tx.Now(), nil
	}
	return tx.Now().Add(n.Every), nil
}

// An outcome is what came of one message by one channel.
type outcome struct {
	channel string
	told    []schema.Notice
	left    []schema.Notice // the message had no room for them
	err     error
}

// refused returns what a channel said that takes nothing for this person; nil where it
// took it, or takes nothing for anybody.
func (o outcome) refused() *notice.Refusal {
	r, _ := errors.AsType[*notice.Refusal](o.err)
	return r
}

// again reports whether it is to be tried again.
func (o outcome) again() bool {
	r := o.refused()
	return o.err != nil && (r == nil || r.Again)
}

// tell sends each channel what it has not taken yet.
func (n *Notify) tell(ctx context.Context, who access.Addressee, due []said) (outcomes []outcome) {
	to := notice.To{ID: who.To, Name: who.Name, Address: who.Address, Operators: who.To == access.Operators}
	for _, c := range n.Channels {
		if !c.Reaches(to) {
			continue
		}
		for _, m := range messages(due, c.Name()) {
			fit := min(len(m.told), notice.MostItems)
			o := outcome{channel: c.Name(), told: m.told[:fit], left: m.told[fit:]}
			to.Left, to.But = m.left, m.but
			o.err = c.Send(ctx, notice.Of(messageID(o), to, m.told, n.URL, time.Now()))
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// complete returns what no channel has yet to find room for.
func complete(due []schema.Notice, outcomes []outcome) []schema.Notice {
	return slices.DeleteFunc(slices.Clone(due), func(d schema.Notice) bool {
		return slices.ContainsFunc(outcomes, func(o outcome) bool {
			return slices.ContainsFunc(o.left, func(l schema.Notice) bool { return l.Kind == d.Kind && l.Subject == d.Subject })
		})
	})
}

// A message is for some of those whom its notices are for.
type message struct {
	told      []schema.Notice
	left, but []string
}

// messages are of what a channel has not taken yet: one is for all, and what some have is
// in others, for those who are left.
func messages(due []said, channel string) (all []message) {
	for _, d := range due {
		if slices.Contains(d.By, channel) {
			continue
		}
		i := slices.IndexFunc(all, func(m message) bool { return slices.Equal(m.left, d.Left[channel]) && slices.Equal(m.but, d.but) })
		if i < 0 {
			i, all = len(all), append(all, message{left: d.Left[channel], but: d.but})
		}
		all[i].told = append(all[i].told, d.Notice)
	}
	return all
}

// Try sends somebody a trial by every channel, and says what each made of it.
func (n *Notify) Try(ctx context.Context, who access.Addressee) []notice.Trial {
	to := notice.To{ID: who.To, Name: who.Name, Address: who.Address, Operators: who.To == access.Operators}
	trials := []notice.Trial{}
	for _, c := range n.Channels {
		t := notice.Trial{Channel: c.Name(), Reaches: c.Reaches(to)}
		if t.Reaches {
			trial := schema.Notice{Kind: "test", Subject: "test", What: "this is a trial, and asks nothing of you", Path: "/console/"}
			if err := c.Send(ctx, notice.Of("msg_"+rand.Text(), to, []schema.Notice{trial}, n.URL, time.Now())); err != nil {
				t.Problem = err.Error()
			}
		}
		trials = append(trials, t)
	}
	return trials
}

// messageID is the same for each attempt to tell the same things.
func messageID(o outcome) string {
	sum := sha256.New()
	for _, d := range o.told {
		fmt.Fprintf(sum, "%q %q %q %d\n", d.To, d.Kind, d.Subject, d.Raised.UnixNano())
	}
	return "msg_" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// record records who was told.
func (o outcome) record(tx store.Tx, book *policy.Book) error {
	refused := o.refused()
	switch {
	case o.err == nil, refused != nil && refused.Some && !refused.Again:
		return access.Notified(tx, book, o.told, o.channel, false)
	case refused != nil && refused.Some:
		return access.NotifiedSome(tx, book, o.told, o.channel, refused.Left)
	}
	return nil
}

// write records what was told. Somebody whom no channel reaches is done with, too.
func (n *Notify) write(tx store.Tx, to string, said []schema.Notice, outcomes []outcome, done bool) error {
	book := n.Rules.Book()
	for _, o := range outcomes {
		refused := o.refused()
		if err := o.record(tx, book); err != nil {
			return err
		}
		channel, person := "", ""
		switch {
		case refused != nil:
			person = "it does not reach them: " + refused.Reason
		case o.err != nil:
			channel = "people are not told by it: " + o.err.Error()
		}
		if err := access.ReportUntold(tx, book, o.channel, "", channel); err != nil {
			return err
		}
		if o.err == nil || refused != nil {
			if err := access.ReportUntold(tx, book, o.channel, to, person); err != nil {
				return err
			}
		}
	}
	if !done {
		return nil
	}
	return access.Notified(tx, book, said, "", true)
}
