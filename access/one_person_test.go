package access_test

import (
	"errors"
	"testing"

	"drawbridge/schema"
)

// TestOnePersonReleasesOnce has one person release what is held by two ways in: a token
// that is named for them, and having logged in. It stays one person's yes.
func TestOnePersonReleasesOnce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		boss := w.admit(person{name: "boss", department: "Sales"})
		w.work()
		w.lose(t, 3)
		const hold = "source:hr"
		h := w.held(hold)
		if _, err := w.agree("token/boss", hold, h.Plan); err != nil {
			t.Fatal(err)
		}
		if _, err := w.agree("identity/"+boss, hold, h.Plan); !errors.Is(err, schema.ErrForbidden) {
			t.Errorf("the same person again: %v, want %v", err, schema.ErrForbidden)
		}
		if h, err := w.agree("token/other", hold, h.Plan); err != nil || h.Released.IsZero() {
			t.Errorf("somebody else: %+v, %v", h, err)
		}
	})
}
