package connectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/schema"
)

func TestSecretsShowAsDots(t *testing.T) {
	const plain = "hunter2"
	c := connectors.Config{Name: "wiki", Auth: connectors.Auth{Secret: plain, User: "bridge"}}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&shown, verb+"\n", c)
		fmt.Fprintf(&shown, verb+"\n", c.Auth.Secret)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	log := slog.New(slog.NewJSONHandler(&shown, nil))
	log.Info("opened", "secret", c.Auth.Secret, "config", c)
	if strings.Contains(shown.String(), plain) {
		t.Errorf("the secret is shown: %s", shown.String())
	}
	if got := c.Auth.Secret.Reveal(); got != plain {
		t.Errorf("Reveal: %q, want %q", got, plain)
	}
}

func TestKindsOpen(t *testing.T) {
	var given connectors.Options
	kinds := connectors.Kinds{
		"one": func(o connectors.Options) (connectors.Connector, error) { given = o; return nothing{}, nil },
		"two": func(connectors.Options) (connectors.Connector, error) { return nil, errors.New("no such thing") },
	}
	p := connectors.DefaultProfile()
	p.Rate.PerSecond = 1
	if _, err := kinds.Open(connectors.Options{Config: connectors.Config{Name: "a", Kind: "one", Profile: p}}); err != nil {
		t.Fatal(err)
	}
	if given.Rate == nil || given.Log == nil || given.Now == nil || given.Profile.Rate.PerSecond != 1 {
		t.Errorf("opened with %+v, want every default and the profile that was given", given)
	}
	_, err := kinds.Open(connectors.Options{Config: connectors.Config{Name: "a", Kind: "three"}})
	if err == nil || !strings.Contains(err.Error(), "three") || !strings.Contains(err.Error(), "one, two") {
		t.Errorf("Open of an unknown kind: %v, want it named, and those there are", err)
	}
	_, err = kinds.Open(connectors.Options{Config: connectors.Config{Name: "b", Kind: "two"}})
	if err == nil || !strings.Contains(err.Error(), "connector b: no such thing") {
		t.Errorf("Open that fails: %v, want the connector named", err)
	}
}

type nothing struct{}

func (nothing) Apply(context.Context, schema.Account, schema.Account) (schema.Account, error) {
	return schema.Account{}, nil
}

func TestOptions(t *testing.T) {
	c := connectors.Config{Kind: "file", Options: map[string]string{"path": "x", "colour": "red", "on": "true", "odd": "yes"}}
	err := c.Known("path", "on", "odd")
	if err == nil || !strings.Contains(err.Error(), "colour") || strings.Contains(err.Error(), `"path"`) {
		t.Errorf("Known: %v, want colour named and no other", err)
	}
	if on, err := c.Flag("on"); err != nil || !on {
		t.Errorf("Flag on: %v, %v", on, err)
	}
	if off, err := c.Flag("off"); err != nil || off {
		t.Errorf("Flag that is left out: %v, %v", off, err)
	}
	if _, err := c.Flag("odd"); err == nil {
		t.Error("Flag odd: no error")
	}
}

func TestErrorKinds(t *testing.T) {
	cause := errors.New("cause")
	wrapped := fmt.Errorf("around: %w", &connectors.Error{Kind: connectors.Gone, After: time.Minute, Code: "404", Err: cause})
	if connectors.KindOf(wrapped) != connectors.Gone || connectors.RetryAfter(wrapped) != time.Minute || !errors.Is(wrapped, cause) {
		t.Errorf("%v is kind %d, after %v", wrapped, connectors.KindOf(wrapped), connectors.RetryAfter(wrapped))
	}
	if got := wrapped.Error(); got != "around: 404: cause" {
		t.Errorf("error reads %q", got)
	}
	if connectors.KindOf(cause) != connectors.Transient || connectors.RetryAfter(cause) != 0 {
		t.Error("any other error is not transient")
	}
}

func TestOptionsOfTheProfile(t *testing.T) {
	p := connectors.DefaultProfile()
	p.Options = map[string]string{"query": "theirs", "page": "10"}
	o := connectors.Options{Config: connectors.Config{Profile: p, Options: map[string]string{"query": "mine"}}}.Defaults()
	if got := o.Options["query"] + o.Options["page"]; got != "mine10" {
		t.Errorf("the options are %v, want those of the configuration, and else those of the profile", o.Options)
	}
	if p.Options["query"] != "theirs" {
		t.Error("the profile was changed")
	}
}
