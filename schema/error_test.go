package schema_test

import (
	"errors"
	"fmt"
	"testing"

	"drawbridge/schema"
)

func TestTold(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("credential %s: its secret is empty: %w", "hr", schema.ErrInvalid), "credential hr: its secret is empty"},
		{fmt.Errorf("no identity has the id %q: %w", "x", schema.ErrNotFound), `no identity has the id "x"`},
		{fmt.Errorf("role %s: %w", "editor", schema.ErrNotFound), "role editor: not found"},
		{fmt.Errorf("identity %s of source %s: %w", "1", "hr", schema.ErrNotFound), "identity 1 of source hr: not found"},
		{fmt.Errorf("revoke: %w", fmt.Errorf("record %s: its source deleted it: %w", "1", schema.ErrNotFound)), "revoke: record 1: its source deleted it"},
		{fmt.Errorf("it can not be: %w: %w", fmt.Errorf("who is not there decides nothing: %w", schema.ErrForbidden), schema.ErrConflict), "it can not be: who is not there decides nothing"},
		{errors.Join(fmt.Errorf("a is one thing: %w", schema.ErrInvalid), fmt.Errorf("b is another: %w", schema.ErrConflict)), "a is one thing\nb is another"},
		{schema.ErrInvalid, "invalid"},
		{fmt.Errorf("x: %w", schema.ErrInvalid), "x: invalid"},
		{errors.New("a sentence: about what is invalid"), "a sentence: about what is invalid"},
	} {
		if got := schema.Told(test.err); got != test.want {
			t.Errorf("%v is told as %q, want %q", test.err, got, test.want)
		}
	}
}
