package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/scim/fake"
)

// The names of the demo's targets, as the shipped policy calls them.
const (
	wiki   = "wiki"
	crm    = "crm"
	alerts = "alerts"
	badges = "badges"
)

// targets are the downstream systems: three SCIM service providers on loopback, of
// different dialects, and a file.
type targets struct {
	providers map[string]*fake.Provider
	configs   []connectors.Config
	servers   []*http.Server
	journal   string
}

// startTargets starts the targets. The wiki is as strict as GitHub is with managed users: a
// hundred members in one request, a thousand who join a group and as many who are made in
// an hour, and it says who is in a group only to a filter. The customer records take PUT only.
// The alerts know nobody who is disabled: whoever has no account any more is deleted, for good.
func startTargets(ctx context.Context, dir, token string) (*targets, error) {
	t := &targets{providers: map[string]*fake.Provider{}, journal: filepath.Join(dir, "badges.jsonl")}
	for _, p := range []struct {
		name, profile string
		groups        []string
	}{
		{wiki, "github-emu", []string{"readers", "runbooks", "people", "contractors"}},
		{crm, "put-only", []string{"accounts", "invoices", "exports", "sync-client"}},
		{alerts, "sentry", []string{"billing"}},
	} {
		if err := t.serve(ctx, p.name, p.profile, token, p.groups); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	t.configs = append(t.configs, connectors.Config{
		Name: badges, Kind: "file", Profile: connectors.DefaultProfile(), Options: map[string]string{"path": t.journal},
	})
	return t, nil
}

func (t *targets) serve(ctx context.Context, name, profile, token string, groups []string) error {
	p, err := connectors.LoadProfile(configs.Profiles(""), profile)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("target %s: %w", name, err)
	}
	t.providers[name] = fake.New(fake.Options{Profile: p, Groups: groups, Token: token})
	server := &http.Server{Handler: t.providers[name], ReadHeaderTimeout: 10 * time.Second}
	t.servers = append(t.servers, server)
	go func() { _ = server.Serve(listener) }() // ends when it is closed
	t.configs = append(t.configs, connectors.Config{
		Name: name, Kind: "scim", BaseURL: "http://" + listener.Addr().String() + "/scim/v2",
		Auth: connectors.Auth{Secret: connectors.Secret(token)}, Profile: p,
		AllowIrreversible: p.Irreversible,
	})
	return nil
}

func (t *targets) close() error {
	var problems []error
	for _, s := range t.servers {
		problems = append(problems, s.Close())
	}
	return errors.Join(problems...)
}
