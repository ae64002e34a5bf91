package main

import (
	"errors"
	"testing"

	"drawbridge/notice"
)

// TestTrialsThatDidNotCome says when a trial of notices fails: whoever watches reads the
// exit code, and not the table.
func TestTrialsThatDidNotCome(t *testing.T) {
	mail, chat := notice.Trial{Channel: "mail", Reaches: true}, notice.Trial{Channel: "chat"}
	refused := notice.Trial{Channel: "mail", Reaches: true, Problem: "550"}
	for name, test := range map[string]struct {
		tried []notice.Trial
		fails bool
	}{
		"no way":                       {nil, true},
		"none that reaches them":       {[]notice.Trial{chat}, true},
		"one that does not take it":    {[]notice.Trial{mail, refused}, true},
		"one that takes it":            {[]notice.Trial{mail}, false},
		"one of two that reaches them": {[]notice.Trial{chat, mail}, false},
	} {
		if err := untold(test.tried); errors.Is(err, errUntold) != test.fails {
			t.Errorf("%s: %v", name, err)
		}
	}
}
