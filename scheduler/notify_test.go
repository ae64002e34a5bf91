package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/notice"
	"drawbridge/policy/booktest"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// A room is a channel that keeps what it was told.
type noticeRoom struct {
	name string
	err  error
	sent [][]string // what of each message
	more int        // that the last one did not say
	ids  []string
	left [][]string // whom alone each one was for
	but  [][]string // whom each one was not for
}

func (c *noticeRoom) Name() string           { return c.name }
func (c *noticeRoom) Reaches(notice.To) bool { return true }
func (c *noticeRoom) Send(_ context.Context, m notice.Message) error {
	c.ids, c.left, c.but = append(c.ids, m.ID), append(c.left, m.To.Left), append(c.but, m.To.But)
	if c.err != nil {
		return c.err
	}
	var all []string
	for _, i := range m.Items {
		all = append(all, i.What+" "+i.Link)
	}
	c.sent, c.more = append(c.sent, all), m.More
	return nil
}

// A desk is a store with people to be told, and those who tell them.
type desk struct {
	t     *testing.T
	store *store.Store
	*scheduler.Notify
}

func atDesk(t *testing.T, fn func(d *desk), channels ...notice.Channel) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(4)))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		book := booktest.Compile(t, "apiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: test, owner: { user: iam, deputy: iam2 } }\nspec: { mode: enforce }\n")
		fn(&desk{t, s, &scheduler.Notify{Store: s, Rules: access.NewRules(book, nil), Channels: channels, URL: "https://b", Every: 15 * time.Minute}})
	})
}

func (d *desk) raise(to, subject string, urgent bool) {
	d.t.Helper()
	err := d.store.Update(d.t.Context(), func(tx store.Tx) error {
		return access.Notify(tx, schema.Notice{To: to, Kind: "work", Subject: subject, What: subject, Path: "/x", Urgent: urgent})
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) tell(to string) (next time.Time, failed error) {
	d.t.Helper()
	finish, failed := d.Handle(d.t.Context(), store.Item{ID: to})
	err := d.store.Update(d.t.Context(), func(tx store.Tx) (err error) { next, err = finish(tx); return err })
	if err != nil {
		d.t.Fatal(err)
	}
	return next, failed
}

// findings returns what is untold, each with whom it is about where it is about one.
func (d *desk) findings() (all []string) {
	d.t.Helper()
	err := d.store.View(d.t.Context(), func(r store.Reader) error {
		all = nil
		for f, err := range store.Findings.All(r, "untold") {
			if err != nil {
				return err
			}
			all = append(all, strings.TrimSpace(f.Subject+" "+f.Object))
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// TestNotify tells one person several things at once, by two channels of which one fails
// for a while: the other one is not told twice, and the finding goes when it is over.
func TestNotify(t *testing.T) {
	mail, hook := &noticeRoom{name: "mail"}, &noticeRoom{name: "hook", err: errors.New("it answered 500")}
	atDesk(t, func(d *desk) {
		const to = "mailto:ann@example.com"
		d.raise(to, "a", false)
		d.raise(to, "b", false)
		if _, err := d.tell(to); err == nil || err.Error() != "hook: it answered 500" {
			t.Errorf("got %v", err)
		}
		if got := d.findings(); !slices.Equal(got, []string{"channel/hook"}) {
			t.Errorf("findings %v", got)
		}
		hook.err = nil
		if _, err := d.tell(to); err != nil {
			t.Error(err)
		}
		if len(mail.sent) != 1 || len(hook.sent) != 1 || !slices.Equal(hook.sent[0], []string{"a https://b/x", "b https://b/x"}) {
			t.Errorf("mail was told %v, the hook %v", mail.sent, hook.sent)
		}
		if len(hook.ids) != 2 || hook.ids[0] != hook.ids[1] {
			t.Errorf("one message has the ids %v", hook.ids)
		}
		if got := d.findings(); got != nil {
			t.Errorf("findings %v", got)
		}
		d.raise(to, "c", false)
		if next, err := d.tell(to); err != nil || next.Before(time.Now().Add(14*time.Minute)) || len(mail.sent) != 1 {
			t.Errorf("told again at once: %v, next %v, %v", mail.sent, next, err)
		}
		d.raise(to, "d", true)
		if _, err := d.tell(to); err != nil || len(mail.sent) != 2 || len(mail.sent[1]) != 2 {
			t.Errorf("what is urgent waited: %v, %v", mail.sent, err)
		}
	}, mail, hook)
}

// TestOneWhoCannotBeTold has a mail server refuse one person for good: they are not tried
// again and again, that is one finding about them which stays while others are told, and
// the channel itself is well. It goes when they are told.
func TestOneWhoCannotBeTold(t *testing.T) {
	mail := &noticeRoom{name: "mail"}
	atDesk(t, func(d *desk) {
		const bad, good = "mailto:bad@example.com", "mailto:good@example.com"
		refused := &notice.Refusal{Reason: "the server did not take 1 of 1 addresses (it answered 550)"}
		for range 3 {
			d.raise(bad, "a", true)
			mail.err = refused
			if _, err := d.tell(bad); err != nil {
				t.Errorf("it is tried again: %v", err)
			}
			d.raise(good, "a", true)
			mail.err = nil
			if _, err := d.tell(good); err != nil {
				t.Error(err)
			}
			if got := d.findings(); !slices.Equal(got, []string{"channel/mail " + bad}) {
				t.Errorf("findings %v", got)
			}
			time.Sleep(25 * time.Hour) //nolint:forbidigo // of the bubble's own time
		}
		if len(mail.sent) != 3 {
			t.Errorf("the other one was told %v", mail.sent)
		}
		mail.err = &notice.Refusal{Reason: "later", Again: true}
		d.raise(bad, "b", true)
		if _, err := d.tell(bad); err == nil {
			t.Error("who may be told later is not tried again")
		}
		mail.err = nil
		if _, err := d.tell(bad); err != nil || d.findings() != nil {
			t.Errorf("they were told, and there is %v, %v", d.findings(), err)
		}
		mail.err = &notice.Refusal{Reason: "1 of 2", Some: true}
		d.raise(access.Operators, "a", true)
		if _, err := d.tell(access.Operators); err != nil {
			t.Errorf("what some have is sent to them again: %v", err)
		}
		if got := d.findings(); !slices.Equal(got, []string{"channel/mail operators"}) {
			t.Errorf("findings %v", got)
		}
	}, mail)
}

// TestSomeLater has a mail server put off one of the operators: the message is tried
// again for them alone, beside what else there is for all by then.
func TestSomeLater(t *testing.T) {
	mail, hook := &noticeRoom{name: "mail"}, &noticeRoom{name: "hook"}
	atDesk(t, func(d *desk) {
		night := []string{"night@example.com"}
		mail.err = &notice.Refusal{Reason: "1 of 2", Some: true, Again: true, Left: night}
		d.raise(access.Operators, "a", true)
		if _, err := d.tell(access.Operators); err == nil {
			t.Error("who was put off is not told later")
		}
		if got := d.findings(); !slices.Equal(got, []string{"channel/mail operators"}) {
			t.Errorf("findings %v", got)
		}
		mail.err = &notice.Refusal{Reason: "1 of 1", Again: true}
		if _, err := d.tell(access.Operators); err == nil {
			t.Error("who was put off twice is not told later")
		}
		mail.err = nil
		d.raise(access.Operators, "b", true)
		if _, err := d.tell(access.Operators); err != nil || d.findings() != nil {
			t.Errorf("they were told, and there is %v, %v", d.findings(), err)
		}
		if want := [][]string{nil, night, night, nil}; !slices.EqualFunc(mail.left, want, slices.Equal) || len(mail.sent) != 2 || len(hook.sent) != 2 {
			t.Errorf("mail was for %q, want %q; sent %v, and by the hook %v", mail.left, want, mail.sent, hook.sent)
		}
		if _, err := d.tell(access.Operators); err != nil || len(mail.left) != 4 {
			t.Errorf("told again: %v, %v", mail.left, err)
		}
	}, mail, hook)
}

// TestAnOwnerAmongTheOperators has somebody answer for what the operators are told of, who
// is one of them, by their address and as somebody who is known: what they are told by
// themselves they are not told as one of many, and what they are not, they are.
func TestAnOwnerAmongTheOperators(t *testing.T) {
	mail := &noticeRoom{name: "mail"}
	atDesk(t, func(d *desk) {
		d.Operators = []string{"Ann@example.com", "bob@example.com", "night@example.com"}
		bob := schema.Identity{ID: "b0b", Kind: schema.Human, UserName: "bob", Email: "bob@example.com", Active: true, Resource: []byte(`{}`), Version: 1}
		err := d.store.Update(d.t.Context(), func(tx store.Tx) error { return store.Identities.Put(tx, bob) })
		if err != nil {
			d.t.Fatal(err)
		}
		for _, to := range []string{access.Operators, "mailto:ann@example.com", bob.ID} {
			d.raise(to, "a", true)
		}
		d.raise(access.Operators, "b", true)
		for _, to := range []string{bob.ID, access.Operators, "mailto:ann@example.com"} {
			if _, err := d.tell(to); err != nil {
				t.Error(err)
			}
		}
		want := [][]string{nil, {"Ann@example.com", "bob@example.com"}, nil, nil}
		if !slices.EqualFunc(mail.but, want, slices.Equal) || len(mail.sent) != 4 || mail.sent[1][0] != "a https://b/x" || mail.sent[2][0] != "b https://b/x" {
			t.Errorf("sent %q, but to %q", mail.sent, mail.but)
		}
		time.Sleep(25 * time.Hour) //nolint:forbidigo // of the bubble's own time
		d.raise(access.Operators, "a", true)
		if _, err := d.tell(access.Operators); err != nil || len(mail.but) != 5 || mail.but[4] != nil {
			t.Errorf("what they are told by themselves no more went to all but %q, %v", mail.but, err)
		}
	}, mail)
}

// TestTheRestOfADay has something said again when the day is nearly over: it is told when
// it is, by itself.
func TestTheRestOfADay(t *testing.T) {
	mail := &noticeRoom{name: "mail"}
	atDesk(t, func(d *desk) {
		const to = "mailto:ann@example.com"
		d.raise(to, "a", true)
		if _, err := d.tell(to); err != nil || len(mail.sent) != 1 {
			t.Fatalf("sent %v, %v", mail.sent, err)
		}
		told := time.Now()
		time.Sleep(21 * time.Hour) //nolint:forbidigo // of the bubble's own time
		d.raise(to, "a", true)
		next, err := d.tell(to)
		if err != nil || len(mail.sent) != 1 || !next.Equal(told.Add(24*time.Hour)) {
			t.Fatalf("after 21 hours: sent %v, next %s, %v", mail.sent, next, err)
		}
		time.Sleep(time.Until(next)) //nolint:forbidigo // of the bubble's own time
		if _, err := d.tell(to); err != nil || len(mail.sent) != 2 {
			t.Errorf("after a day: sent %v, %v", mail.sent, err)
		}
	}, mail)
}

// TestManyAtOnce tells somebody a great deal in messages that one can read, one after the
// other, until all was said: what is urgent is in the first.
func TestManyAtOnce(t *testing.T) {
	mail := &noticeRoom{name: "mail"}
	atDesk(t, func(d *desk) {
		const to = "mailto:ann@example.com"
		for i := range 120 {
			d.raise(to, fmt.Sprint(i), false)
			time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
		}
		d.raise(to, "urgent", true)
		next, err := d.tell(to)
		if err != nil || len(mail.sent) != 1 || len(mail.sent[0]) != 50 || mail.more != 71 || mail.sent[0][0] != "urgent https://b/x" {
			t.Fatalf("%d messages, %d more: %v", len(mail.sent), mail.more, err)
		}
		for n, more := range []int{21, 0} {
			if want := time.Now().Add(d.Every); next.Sub(want).Abs() > time.Second {
				t.Errorf("what was not said comes at %s, want %s", next, want)
			}
			if early, err := d.tell(to); err != nil || !early.Equal(next) || len(mail.sent) != n+1 {
				t.Errorf("told again at once: %d messages, next %s, %v", len(mail.sent), early, err)
			}
			time.Sleep(d.Every + time.Second) //nolint:forbidigo // likewise
			if next, err = d.tell(to); err != nil || len(mail.sent) != n+2 || mail.more != more {
				t.Fatalf("%d messages, %d more: %v", len(mail.sent), mail.more, err)
			}
		}
		said := slices.Concat(mail.sent...)
		if slices.Sort(said); len(said) != 121 || len(slices.Compact(said)) != 121 || mail.ids[0] == mail.ids[1] {
			t.Errorf("%d things were said in messages %v", len(said), mail.ids)
		}
		if want := time.Now().Add(90*24*time.Hour - 2*d.Every); next.Sub(want).Abs() > 5*time.Second {
			t.Errorf("it comes again at %s, want when it is forgotten, %s", next, want)
		}
		time.Sleep(90*24*time.Hour + time.Second) //nolint:forbidigo // of the bubble's own time
		if next, err := d.tell(to); err != nil || !next.IsZero() || len(mail.sent) != 3 {
			t.Errorf("then %s, %v", next, err)
		}
		err = d.store.View(d.t.Context(), func(r store.Reader) error {
			if n, err := store.Notices.Count(r); n != 0 || err != nil {
				t.Errorf("%d are left: %v", n, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}, mail)
}
