package manual_test

import (
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/manual"
	"drawbridge/schema"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  connectors.Config
		refused string // in the error; empty: it opens
		want    connectors.Terms
	}{
		{"none", connectors.Config{}, "", connectors.Terms{Within: 72 * time.Hour, EndsWithin: 24 * time.Hour, Remind: 24 * time.Hour}},
		{
			"all", connectors.Config{Options: map[string]string{"assignee": "desk@example.com", "within": "48h", "endsWithin": "90m", "remindEvery": "36h"}},
			"", connectors.Terms{Assignee: "desk@example.com", Within: 48 * time.Hour, EndsWithin: 90 * time.Minute, Remind: 36 * time.Hour},
		},
		{"an assignee with a name", connectors.Config{Options: map[string]string{"assignee": "Desk <desk@example.com>"}}, "email address", connectors.Terms{}},
		{"a span without a unit", connectors.Config{Options: map[string]string{"within": "48"}}, "within", connectors.Terms{}},
		{"no time at all", connectors.Config{Options: map[string]string{"endsWithin": "0s"}}, "endsWithin", connectors.Terms{}},
		{"reminders all day", connectors.Config{Options: map[string]string{"remindEvery": "1h"}}, "at least 24h", connectors.Terms{}},
		{"a URL", connectors.Config{BaseURL: "https://example.com"}, "never called", connectors.Terms{}},
		{"an unknown one", connectors.Config{Options: map[string]string{"who": "me"}}, `"who"`, connectors.Terms{}},
	} {
		opened, err := manual.Open(connectors.Options{Config: c.config})
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want it refused with %q", c.name, err, c.refused)
		case err == nil && opened.(connectors.Asker).Terms() != c.want:
			t.Errorf("%s: %+v, want %+v", c.name, opened.(connectors.Asker).Terms(), c.want)
		}
	}
}

// TestNothingIsPretended asks for what is so, and for what only a person can do.
func TestNothingIsPretended(t *testing.T) {
	c, err := manual.Open(connectors.Options{})
	if err != nil {
		t.Fatal(err)
	}
	there := schema.Account{RemoteID: "ada", Active: true, Entitlements: []string{"Door"}, Managed: []string{"Door"}}
	if got, err := c.Apply(t.Context(), there, there); err != nil || !got.Active {
		t.Errorf("what is so: %+v, %v", got, err)
	}
	got, err := c.Apply(t.Context(), there, schema.Account{RemoteID: "ada"})
	if connectors.KindOf(err) != connectors.Permanent || !got.Active || !got.Holds("Door") {
		t.Errorf("a removal: %+v, %v; want it refused, and the account as it was", got, err)
	}
}
