package connectors_test

import (
	"errors"
	"testing"
	"time"

	"drawbridge/connectors"
)

func TestWorstIsWhatAllOfThemAllow(t *testing.T) {
	refused := &connectors.Error{Kind: connectors.Permanent, Err: errors.New("no")}
	busy := &connectors.Error{Kind: connectors.Transient, After: time.Minute, Err: errors.New("busy")}
	for name, c := range map[string]struct {
		errs  []error
		kind  connectors.Kind
		after time.Duration
	}{
		"one is itself":               {[]error{refused}, connectors.Permanent, 0},
		"all for good":                {[]error{refused, refused}, connectors.Permanent, 0},
		"one is worth another try":    {[]error{refused, busy}, connectors.Transient, time.Minute},
		"what names no kind, as well": {[]error{refused, errors.New("cut off")}, connectors.Transient, 0},
	} {
		err := connectors.Worst(c.errs)
		if got := connectors.KindOf(err); got != c.kind || connectors.RetryAfter(err) != c.after {
			t.Errorf("%s: kind %d after %v, want %d after %v", name, got, connectors.RetryAfter(err), c.kind, c.after)
		}
		for _, each := range c.errs {
			if !errors.Is(err, each) {
				t.Errorf("%s: %v is lost in %v", name, each, err)
			}
		}
	}
	if err := connectors.Worst(nil); err != nil {
		t.Errorf("of none: %v", err)
	}
}

func TestASecretIsExposedOnlyOnTheWayToAnotherMachine(t *testing.T) {
	for name, c := range map[string]struct {
		auth connectors.Auth
		host string
		want bool
	}{
		"another machine":          {connectors.Auth{Secret: "s"}, "wiki.example.com", true},
		"its address":              {connectors.Auth{Secret: "s"}, "192.0.2.1", true},
		"this machine by name":     {connectors.Auth{Secret: "s"}, "localhost", false},
		"this machine by address":  {connectors.Auth{Secret: "s"}, "::1", false},
		"nothing to expose":        {connectors.Auth{}, "wiki.example.com", false},
		"allowed by configuration": {connectors.Auth{Secret: "s", Insecure: true}, "wiki.example.com", false},
	} {
		if got := c.auth.Exposed(c.host); got != c.want {
			t.Errorf("%s: exposed is %v, want %v", name, got, c.want)
		}
	}
}
