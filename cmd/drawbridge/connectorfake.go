package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

func connectorFakeCommand() *cobra.Command {
	var o fakeOptions
	cmd := &cobra.Command{
		Use:   "fake --profile NAME [--listen ADDR] [--group NAME]... [--user NAME]...",
		Short: "Serve a SCIM target in memory that behaves as a profile says, to try things on",
		Long: "Serves a SCIM service provider that keeps to the profile: its caps, page sizes, rates and refusals. It forgets\n" +
			"everything when it ends. Whoever shows --token is let in.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := o.provider(cmd.Context())
			if err != nil {
				return err
			}
			listener, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", o.listen)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "http://%s/scim/v2\n", listener.Addr())
			return serveFake(cmd.Context(), listener, p)
		},
	}
	cmd.Flags().StringVar(&o.profile, "profile", "generic", "whose dialect and limits")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:9090", "where it listens")
	cmd.Flags().StringVar(&o.token, "token", "", "the secret that must be presented; left out, everybody is let in")
	cmd.Flags().StringArrayVar(&o.groups, "group", nil, "a group that it has; may be given several times")
	cmd.Flags().StringArrayVar(&o.users, "user", nil, "a user who is there already; may be given several times")
	cmd.Flags().StringVar(&o.profiles, "profiles", "", "a folder of your own profiles, as the configuration names one")
	cmd.Flags().StringArrayVar(&o.used, "used", nil, "when a user was used last, as NAME=TIME, where the profile tells; may be given several times")
	cmd.Flags().BoolVar(&o.deletes, "deletes", false, "users may be deleted, also where the profile disables them otherwise")
	return cmd
}

type fakeOptions struct {
	profile, profiles, listen, token string
	groups, users, used              []string
	deletes                          bool
}

func (o *fakeOptions) provider(ctx context.Context) (*fake.Provider, error) {
	profile, err := connectors.LoadProfile(configs.Profiles(o.profiles), o.profile)
	if err != nil {
		return nil, err
	}
	if profile.Kind != "" && profile.Kind != "scim" {
		return nil, fmt.Errorf("profile %s is for kind %s, which does not speak SCIM: %w", o.profile, profile.Kind, schema.ErrInvalid)
	}
	p := fake.New(fake.Options{Profile: profile, Groups: o.groups, Token: o.token, Deletes: o.deletes})
	for _, name := range o.users {
		user := schema.Account{Active: true, Attributes: map[string]string{"userName": name, "displayName": name}}
		if _, err := p.Put(ctx, user); err != nil {
			return nil, err
		}
	}
	for _, text := range o.used {
		name, at, _ := strings.Cut(text, "=")
		user, ok := p.User(name)
		if !ok || at == "" {
			return nil, fmt.Errorf("--used %s: say which --user, and when, as in ada=2026-11-02T08:30:00Z: %w", text, schema.ErrInvalid)
		}
		if err := p.Use(user.RemoteID, at); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// serveFake serves until ctx is done.
func serveFake(ctx context.Context, listener net.Listener, p *fake.Provider) error {
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
