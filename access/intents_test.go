package access_test

import (
	"fmt"
	"sync"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

const whatEditorsDo = "apiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: editor }\nspec: { type: requestable, intent: Edit for a while. }\n"

// intentOf is what a policy said a role is for that a decision names.
func (w *world) intentOf(i *access.Intents, digest string) (intent string) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		of, err := i.Of(r, schema.Decision{Policy: digest, Object: "role/editor"})
		intent = of["editor"]
		return err
	})
	return intent
}

// TestIntentsAskedOfAreKept has the log name one policy more than are remembered: what goes is
// the one that nobody asked of for longest, and no other is read again. R-POL-6.
func TestIntentsAskedOfAreKept(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var i access.Intents
		digest := func(n int) string { return fmt.Sprintf("policy-%02d", n) }
		const remembered = 16
		w.update(func(tx store.Tx) error {
			for n := range remembered + 1 {
				if err := store.Policies.Put(tx, store.PolicyVersion{Digest: digest(n), Files: map[string]string{"a.yaml": whatEditorsDo}}); err != nil {
					return err
				}
			}
			return nil
		})
		for n := range remembered {
			w.intentOf(&i, digest(n))
		}
		w.intentOf(&i, digest(0)) // the second is now the one that nobody asked of for longest
		w.intentOf(&i, digest(remembered))
		w.update(func(tx store.Tx) error { // what is read again is not there
			for n := range remembered + 1 {
				if err := store.Policies.Delete(tx, digest(n)); err != nil {
					return err
				}
			}
			return nil
		})
		for n := range remembered + 1 {
			if n != 1 && w.intentOf(&i, digest(n)) == "" {
				t.Errorf("%s is remembered no more", digest(n))
			}
		}
		if w.intentOf(&i, digest(1)) != "" {
			t.Errorf("%s is remembered, and so are %d others", digest(1), remembered)
		}
	})
}

// TestIntentsOfWhatCannotBeRead has the log name a policy whose folder cannot be read: nothing
// is known of it, and the log is read all the same. R-POL-6.
func TestIntentsOfWhatCannotBeRead(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.update(func(tx store.Tx) error {
			return store.Policies.Put(tx, store.PolicyVersion{Digest: "astray", Files: map[string]string{"../a.yaml": whatEditorsDo}})
		})
		if got := w.intentOf(&access.Intents{}, "astray"); got != "" {
			t.Errorf("it says %q", got)
		}
	})
}

// TestIntentsAtOnce has many ask at once, of more policies than are remembered.
func TestIntentsAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		var i access.Intents
		w.update(func(tx store.Tx) error {
			for n := range 20 {
				if err := store.Policies.Put(tx, store.PolicyVersion{Digest: fmt.Sprint(n), Files: map[string]string{"a.yaml": whatEditorsDo}}); err != nil {
					return err
				}
			}
			return nil
		})
		var wg sync.WaitGroup
		for who := range 4 {
			wg.Go(func() {
				for n := range 60 {
					if got := w.intentOf(&i, fmt.Sprint((who*7+n)%20)); got != "Edit for a while." {
						t.Errorf("it says %q", got)
					}
				}
			})
		}
		wg.Wait()
	})
}
