package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access/tokens"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// A cut is what is cut off, as it is written on a command line.
type cut struct {
	claim, before, reason string
	lift, dryRun          bool
}

func tokenCutCommand() *cobra.Command {
	var a about
	var f format
	var c cut
	cmd := &cobra.Command{
		Use:   "cut ISSUER [--claim sub=VALUE] [--before TIME | --lift] --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: "Take no more what an issuer signed before now, or before a time: all of it, or what has a claim",
		Long: "Refuses, from the next request on, signed tokens that have not ended yet. ISSUER is its name in the configuration. A claim is\n" +
			"one of " + strings.Join(tokens.CutClaims(), ", ") + ". With --lift, they are taken again.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what, err := c.cutting(args[0])
			if err != nil {
				return err
			}
			v, err := cutting(cmd.Context(), a, what, c)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return cutText(out, v, c) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&c.claim, "claim", "", "which tokens, as in sub=VALUE or jti=VALUE; all of them if it is left out")
	cmd.Flags().StringVar(&c.before, "before", "", "signed before which time, as in 2026-01-31T09:00:00Z; now if it is left out")
	cmd.Flags().BoolVar(&c.lift, "lift", false, "take them again")
	cmd.Flags().StringVar(&c.reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.MarkFlagsMutuallyExclusive("before", "lift")
	return cmd
}

func (c cut) cutting(issuer string) (what tokens.Cutting, err error) {
	what = tokens.Cutting{Reason: c.reason, Cutoff: schema.Cutoff{Issuer: issuer, By: local()}}
	if c.reason == "" {
		return what, fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
	}
	if c.claim != "" {
		var ok bool
		if what.Claim, what.Value, ok = strings.Cut(c.claim, "="); !ok || what.Claim == "" || what.Value == "" {
			return what, fmt.Errorf("%w: --claim is %q: write a claim and its value, as in sub=0oa1b2c3", errUsage, c.claim)
		}
	}
	if c.before != "" {
		if what.Before, err = time.Parse(time.RFC3339, c.before); err != nil {
			return what, fmt.Errorf("%w: --before is %q: write a time, as in 2026-01-31T09:00:00Z", errUsage, c.before)
		}
	}
	return what, nil
}

func cutText(out io.Writer, v api.CutoffReply, c cut) error {
	which := "tokens of issuer " + v.Issuer
	if v.Claim != "" {
		which += " with " + v.Claim + "=" + v.Value
	}
	will := "are"
	if v.DryRun {
		will = "would be"
	}
	did := will + " refused"
	if c.lift {
		did = will + " taken again"
	}
	_, err := fmt.Fprintf(out, "%s that were signed before %s %s\n", which, moment(v.Before), did)
	return err
}

func cutting(ctx context.Context, a about, what tokens.Cutting, c cut) (v api.CutoffReply, err error) {
	remote, err := a.client()
	if err != nil {
		return v, err
	}
	do, path := tokens.CutOff, "/api/v1/cutoffs"
	if c.lift {
		do, path = tokens.LiftCutoff, path+"/lift"
	}
	if remote != nil {
		body := map[string]any{"issuer": what.Issuer, "reason": what.Reason}
		if what.Claim != "" {
			body["claim"], body["value"] = what.Claim, what.Value
		}
		if !what.Before.IsZero() {
			body["before"] = what.Before
		}
		err = remote.call(ctx, http.MethodPost, dry(path, c.dryRun), body, &v)
		return v, err
	}
	v.DryRun = c.dryRun
	err = a.change(func(s stopped) error {
		what.Known = s.cfg.IssuerNames()
		return s.try(ctx, c.dryRun, func(tx store.Tx) (err error) {
			v.Cutoff, err = do(tx, what)
			return err
		})
	})
	return v, err
}
