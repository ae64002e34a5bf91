package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/store"
)

// TestAHeldEndIsSaid has the brake on a source hold that somebody left: what they have
// is explained by that, and nobody else's is.
func TestAHeldEndIsSaid(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		people := w.lose(t, 2)
		there := w.admit(person{name: "there", department: "Engineering"})
		w.work()
		w.view(func(r store.Reader) error {
			e, err := access.Explain(r, w.rules, people[2], "wiki/readers")
			if err != nil {
				return err
			}
			if e.Hold != "source:hr" || !strings.Contains(e.Answer, "it stays only because its end is held (source:hr: ") {
				t.Errorf("it says %q: %s", e.Hold, e.Answer)
			}
			if e, err = access.Explain(r, w.rules, there, "wiki/readers"); err == nil && (e.Hold != "" || e.Kept != "") {
				t.Errorf("of who is there it says %s", e.Answer)
			}
			return err
		})
	})
}
