package access_test

import (
	"encoding/json"
	"iter"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestForgetWords looks through the log, its details and the records for what people said
// of a leaver, and what rules read of them, once they are forgotten. R-LOG-6.
func TestForgetWords(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		const secret = "her knee hurts"
		w.publish(w.rules.Book())
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.grant(ada, "editor")
		w.work()
		said := []schema.Approval{{By: "identity/boss", At: time.Now(), Reason: secret}}
		w.update(func(tx store.Tx) error {
			for _, err := range []error{
				access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: ada, Role: "editor", By: "token/test", Reason: secret}),
				store.Requests.Put(tx, schema.Request{ID: "q", Identity: ada, Role: "editor", State: schema.RequestDenied, Reason: secret, Approvals: said}),
				store.Exceptions.Put(tx, schema.Exception{ID: "e", Identity: ada, Constraint: "c", State: schema.ExceptionEnded, Reason: secret, Approval: said[0]}),
				store.Bypasses.Put(tx, schema.Bypass{
					ID: "b", Identity: ada, Role: "glass", State: schema.BypassReviewed, Removed: time.Now(), Reason: secret,
					Reviews: said, Evidence: []schema.Evidence{{Kind: "incident", Text: secret}},
				}),
				store.ReviewItems.Put(tx, schema.ReviewItem{Review: "r", Identity: ada, Holding: "role/editor", State: schema.ItemKept, Reason: secret}),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		w.work()
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), ada) })
		w.work()
		if n := w.mentions(secret); n == 0 {
			t.Fatal("there is nothing to forget")
		}
		w.forget(ada)
		w.work()
		for _, word := range []string{secret, "to write the manual"} {
			if n := w.mentions(word); n > 0 {
				t.Errorf("%q is in %d places still", word, n)
			}
		}
	})
}

// mentions counts where a text occurs: in entries of the log, in their details, and in
// records of what people asked for and were given.
func (w *world) mentions(text string) (n int) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		n = 0
		for e, err := range store.Log(r, 0) {
			if err != nil {
				return err
			}
			detail, _ := store.Detail(r, e.Decision.ID) // nothing is an answer
			n += strings.Count(string(e.Leaf)+string(detail), text)
		}
		n += occurs(w, store.Grants.All(r), text) + occurs(w, store.Requests.All(r), text) + occurs(w, store.Exceptions.All(r), text)
		n += occurs(w, store.Bypasses.All(r), text) + occurs(w, store.Tombstones.All(r), text) + occurs(w, store.ReviewItems.All(r), text)
		return nil
	})
	return n
}

func occurs[R any](w *world, records iter.Seq2[R, error], text string) (n int) {
	w.t.Helper()
	for record, err := range records {
		if err != nil {
			w.t.Fatal(err)
		}
		written, err := json.Marshal(record)
		if err != nil {
			w.t.Fatal(err)
		}
		n += strings.Count(string(written), text)
	}
	return n
}
