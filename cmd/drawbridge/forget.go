package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/access/erasure"
	"drawbridge/server/api"
)

func auditForgetCommand() *cobra.Command {
	var a about
	var f format
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "forget USER --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: "Forget what rules read of somebody who left, and people's words about them; the log stays, and can be verified",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			v, err := forget(cmd.Context(), a, erasure.Forgetting{Identity: args[0], By: local(), Reason: reason, DryRun: dryRun})
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error {
				did := "are forgotten"
				if dryRun {
					did = "would be forgotten"
				}
				fmt.Fprintf(out, "the details of %s about %s %s\n", plural(v.Decisions, "decision"), args[0], did)
				for _, kept := range v.Kept {
					fmt.Fprintf(out, "kept: %s\n", kept)
				}
				if len(v.Kept) > 0 {
					fmt.Fprintf(out, "forget %s again then\n", v.Identity)
				}
				return nil
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be forgotten, and do nothing")
	return cmd
}

func forget(ctx context.Context, a about, e erasure.Forgetting) (v api.Forgotten, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		return c.forget(ctx, e, e.DryRun)
	}
	err = a.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		v, err = api.Forget(ctx, s.store, rules.Book(), e)
		return err
	})
	return v, err
}
