package access_test

import (
	"fmt"
	"testing"

	"drawbridge/access"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestRecordOfEverybody has a source of which nothing is believed tell of somebody with
// the addresses of everybody. What that costs, and what the next change of one of them
// does, must not grow with how many these are: there is one writer.
func TestRecordOfEverybody(t *testing.T) {
	e := &counting{Engine: enginetest.Memory(1)}
	w := newWorld(t, e)
	defer w.store.Close()
	w.rules.Use(withSpy(t))
	var emails []string
	for i := range 40 {
		emails = append(emails, fmt.Sprintf("p%02d@y", i))
		w.tell(attested{source: "hr", name: fmt.Sprint("p", i), email: emails[i], external: fmt.Sprint("x", i)})
	}
	for j := range 2 {
		id := attested{source: "spy", name: fmt.Sprint("s", j), email: fmt.Sprintf("p%02d@y", 39-j)}.identity(t)
		id.OtherEmails = emails
		before := e.reads
		w.update(func(tx store.Tx) error {
			_, err := access.Admit(tx, w.as("spy"), id)
			return err
		})
		if n := e.reads - before; n > 1500 {
			t.Errorf("record %d with 40 addresses took %d reads, want at most 1500", j, n)
		}
	}
}
