package access_test

import (
	"errors"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A policy in force that demands signatures and names nobody who could sign, as one from
// when it had no effect, demands none: it can be mended.
func TestSignaturesByNobodyAreNotDemanded(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		before := "  mode: enforce\n  publication: { signedCommits: true }\n  identity:"
		w.update(func(tx store.Tx) error {
			_, err := access.Publish(tx, w.rules.Book(), "token/test", map[string]string{"policy.yaml": strings.Replace(documents, oneMode, before, 1)})
			return err
		})
		var now *access.Draft
		w.view(func(r store.Reader) (err error) {
			now, err = access.InForceAnyhow(r)
			return err
		})
		if now.Book.Unreadable() == "" {
			t.Error("a policy that demands what nobody can do is not refused")
		}
		w.rules.Use(now.Book)
		undone := errors.New("undone")
		mended := draft(t, oneMode, signing(""))
		err := w.store.Update(t.Context(), func(tx store.Tx) error {
			got, err := access.TakeUp(tx, now, mended, "bridge")
			if err != nil || !got.Changed {
				t.Errorf("mended by the folder: changed %t, stays %q, %v", got.Changed, got.Stays, err)
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		c := &council{w, map[string]string{"ada": w.admit(person{name: "ada", department: "Engineering"})}}
		w.work()
		w.update(func(tx store.Tx) error {
			_, err := access.PublishNow(tx, w.rules.Book(), c.proposing(mended), false)
			return err
		})
	})
}

// Where none of the signers is there any more, one person publishes on their own word, which
// is found; where people must agree, they do, and that is enough.
func TestEverySignerLeft(t *testing.T) {
	for name, board := range map[string]string{"nobody must agree": "", "one must agree": theBoard} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) {
				c := newCouncil(w, draft(t, oneMode, signing(board)))
				for _, who := range []string{"one", "ada"} {
					w.admit(person{id: c.ids[who], name: who, department: "Engineering", inactive: true})
				}
				w.work()
				next := draft(t, oneMode, signing(board), "Engineers read the wiki.", "Engineers may read the wiki.")
				publish := func(alone bool) error {
					return w.store.Update(t.Context(), func(tx store.Tx) error {
						_, err := access.PublishNow(tx, c.rules.Book(), c.proposing(next), alone)
						return err
					})
				}
				c.refuses("nobody says that they do it alone", publish(false), schema.ErrHeld)
				if board != "" {
					c.refuses("one does it alone, and others could agree", publish(true), schema.ErrForbidden)
					q := c.must(c.propose(c.proposing(next)))
					c.must(c.approve(q, "three"))
					q = c.must(c.publishPlanned(q, next))
					if !strings.Contains(q.Outcome, "none of them is there any more") {
						t.Errorf("the publication says %q", q.Outcome)
					}
					return
				}
				_, err := c.propose(c.proposing(next))
				c.refuses("proposed to nobody", err, schema.ErrHeld)
				if err := publish(true); err != nil {
					t.Fatal(err)
				}
				w.work()
				if got := w.whyInForce(next.Book.Digest()); !strings.Contains(got, "none of them is there any more: on the word of") {
					t.Errorf("the log says %q", got)
				}
			})
		})
	}
}
