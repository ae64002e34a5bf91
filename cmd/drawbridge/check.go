package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
	"drawbridge/connectors/builtin"
	"drawbridge/policy"
	"drawbridge/schema"
)

// errUnfit is the answer to a configuration or a policy that cannot be used.
var errUnfit = errors.New("the bridge would not start, or not as it should be")

func checkCommand() *cobra.Command {
	var a about
	var f format
	var server string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "check (--config FILE | --server URL [--wait 30s])",
		Short: "Say what is wrong with configuration and policy; or whether a bridge is ready",
		Long: "With --config, reads configuration and policy as serve would, secrets included, and starts nothing.\n" +
			"With --server, asks a bridge whether it is ready, as a container's health check does; no token is needed.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.server = server
			running, err := a.running()
			if err != nil {
				return err
			}
			if running {
				return checkServer(cmd.Context(), cmd.OutOrStdout(), a.server, wait, f)
			}
			return checkConfig(cmd.OutOrStdout(), a.config, f)
		},
	}
	a.configFlag(cmd)
	cmd.Flags().StringVar(&server, "server", "", "URL of a running bridge; left out, DRAWBRIDGE_SERVER")
	cmd.Flags().DurationVar(&wait, "wait", 0, "with --server: how long it may take to become ready")
	f.flag(cmd)
	return cmd
}

// A verdict is what a check found.
type verdict struct {
	OK       bool           `json:"ok"`
	Mistakes []string       `json:"mistakes"` // of the configuration, or what makes the policy unusable
	Findings policyFindings `json:"findings"` // of the policy
	Warnings []string       `json:"warnings"`
	Roles    int            `json:"roles"`
	Refused  int            `json:"refused"`
}

// policyFindings are never null in JSON.
type policyFindings = []policy.Finding

func checkConfig(out io.Writer, path string, f format) error {
	v := verdict{Mistakes: []string{}, Findings: policyFindings{}, Warnings: []string{}}
	cfg, err := configs.Load(path, os.LookupEnv)
	if errors.Is(err, schema.ErrNotFound) {
		return err
	}
	if err != nil {
		v.Mistakes = append(v.Mistakes, schema.Told(err))
	} else {
		v.look(cfg)
	}
	v.OK = len(v.Mistakes) == 0 && !policy.Findings(v.Findings).Errors()
	if err := f.print(out, v, v.text); err != nil {
		return err
	}
	if !v.OK {
		return errUnfit
	}
	return nil
}

// look checks a configuration that could be read together with its policy.
func (v *verdict) look(cfg *configs.Config) {
	for _, c := range cfg.Connectors {
		if err := builtin.Check(c); err != nil {
			v.Mistakes = append(v.Mistakes, schema.Told(err))
		}
	}
	p, err := bridge.ReadPolicy(os.DirFS(cfg.Policy.Path))
	if err != nil {
		v.Mistakes = append(v.Mistakes, schema.Told(err))
		return
	}
	v.Findings = append(v.Findings, p.Findings...)
	v.Warnings = slices.Concat(v.Warnings, cfg.Warnings(), bridge.Joins(cfg, p.Book))
	v.Roles, v.Refused = len(p.Book.Roles()), len(p.Book.Refused())
}

func (v *verdict) text(out io.Writer) error {
	for _, m := range v.Mistakes {
		fmt.Fprintln(out, m)
	}
	for _, f := range v.Findings {
		fmt.Fprintln(out, "policy:", f)
	}
	for _, w := range v.Warnings {
		fmt.Fprintln(out, "warning:", w)
	}
	if !v.OK {
		return nil
	}
	_, err := fmt.Fprintf(out, "ok: %s in force, %d refused, %s, %s\n",
		plural(v.Roles, "role"), v.Refused, plural(len(v.Findings), "finding"), plural(len(v.Warnings), "warning"))
	return err
}

func checkServer(ctx context.Context, out io.Writer, server string, wait time.Duration, f format) error {
	c, err := newClient(server, "")
	if err != nil {
		return err
	}
	if err := becomesReady(ctx, c, wait); err != nil {
		return err
	}
	return f.print(out, map[string]bool{"ok": true}, func(out io.Writer) error {
		_, err := fmt.Fprintln(out, "ready")
		return err
	})
}

// becomesReady asks until the bridge is ready, or has had as long as it may take.
func becomesReady(ctx context.Context, c *client, wait time.Duration) error {
	again, over := time.NewTicker(200*time.Millisecond), time.After(wait)
	defer again.Stop()
	for {
		err := c.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-over:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
