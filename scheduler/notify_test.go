package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/notice"
	"drawbridge/policy"
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
	ids  []string
}

func (c *noticeRoom) Name() string           { return c.name }
func (c *noticeRoom) Reaches(notice.To) bool { return true }
func (c *noticeRoom) Send(_ context.Context, m notice.Message) error {
	c.ids = append(c.ids, m.ID)
	if c.err != nil {
		return c.err
	}
	var all []string
	for _, i := range m.Items {
		all = append(all, i.What+" "+i.Link)
	}
	c.sent = append(c.sent, all)
	return nil
}

// TestNotify tells one person several things at once, by two channels of which one fails
// for a while: the other one is not told twice, and the finding goes when it is over.
func TestNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(enginetest.Again(enginetest.Memory(4)))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		set, _ := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte("apiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: test, owner: { user: iam, deputy: iam2 } }\nspec: { mode: enforce }\n")}})
		book, _ := policy.Compile(set)
		mail, hook := &noticeRoom{name: "mail"}, &noticeRoom{name: "hook", err: errors.New("it answered 500")}
		n := &scheduler.Notify{Store: s, Rules: access.NewRules(book, nil), Channels: []notice.Channel{mail, hook}, URL: "https://b", Every: 15 * time.Minute}
		const to = "mailto:ann@example.com"
		raise := func(subject string, urgent bool) {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				return access.Notify(tx, schema.Notice{To: to, Kind: "work", Subject: subject, What: subject, Path: "/x", Urgent: urgent})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		tell := func() (next time.Time, failed error) {
			finish, failed := n.Handle(t.Context(), store.Item{ID: to})
			err := s.Update(t.Context(), func(tx store.Tx) (err error) { next, err = finish(tx); return err })
			if err != nil {
				t.Fatal(err)
			}
			return next, failed
		}
		findings := func() (all []string) {
			err := s.View(t.Context(), func(r store.Reader) error {
				for f, err := range store.Findings.All(r, "untold") {
					if err != nil {
						return err
					}
					all = append(all, f.Subject)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		raise("a", false)
		raise("b", false)
		if _, err := tell(); err == nil || err.Error() != "hook: it answered 500" {
			t.Errorf("got %v", err)
		}
		if got := findings(); !slices.Equal(got, []string{"channel/hook"}) {
			t.Errorf("findings %v", got)
		}
		hook.err = nil
		if _, err := tell(); err != nil {
			t.Error(err)
		}
		if len(mail.sent) != 1 || len(hook.sent) != 1 || !slices.Equal(hook.sent[0], []string{"a https://b/x", "b https://b/x"}) {
			t.Errorf("mail was told %v, the hook %v", mail.sent, hook.sent)
		}
		if len(hook.ids) != 2 || hook.ids[0] != hook.ids[1] {
			t.Errorf("one message has the ids %v", hook.ids)
		}
		if got := findings(); got != nil {
			t.Errorf("findings %v", got)
		}
		raise("c", false)
		if next, err := tell(); err != nil || next.Before(time.Now().Add(14*time.Minute)) || len(mail.sent) != 1 {
			t.Errorf("told again at once: %v, next %v, %v", mail.sent, next, err)
		}
		raise("d", true)
		if _, err := tell(); err != nil || len(mail.sent) != 2 || len(mail.sent[1]) != 2 {
			t.Errorf("what is urgent waited: %v, %v", mail.sent, err)
		}
	})
}
