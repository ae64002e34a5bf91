package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func sourceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "Where identities come from"}
	token := &cobra.Command{Use: "token", Short: "The credentials by which a source is known"}
	token.AddCommand(tokenIssueCommand(), tokenListCommand(), tokenRevokeCommand())
	cmd.AddCommand(sourceListCommand(), sourceUnmappedCommand(), sourceParkedCommand(), sourceRecordsCommand(), sourceJoinCommand(), sourceSplitCommand(), token)
	return cmd
}

// local is how decisions name whoever works on the store of a stopped bridge.
func local() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "local/" + u.Username
	}
	return "local/unknown"
}

func tokenIssueCommand() *cobra.Command {
	var a about
	var f format
	var expires string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "issue SOURCE [--expires 90d] (--config FILE | --server URL)",
		Short: "Make a token for a source, and print its secret this once",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t := schema.Token{Source: args[0]}
			if expires != "" {
				life, err := policy.ParseDuration(expires)
				if err != nil || life == 0 {
					return fmt.Errorf("%w: --expires is %q: write a duration, as in 90d or 12h", errUsage, expires)
				}
				t.Expires = time.Now().Add(time.Duration(life)).UTC().Truncate(time.Second)
			}
			secret, t, err := issueToken(cmd.Context(), a, t, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), issued{t.ID, t.Source, t.Expires, secret}, func(out io.Writer) error {
				if dryRun {
					_, err := fmt.Fprintf(out, "a token would be issued for source %s, %s\n", t.Source, until(t.Expires))
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "token %s for source %s, %s; it is not shown again:\n", t.ID, t.Source, until(t.Expires))
				_, err := fmt.Fprintln(out, secret)
				return err
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&expires, "expires", "", "how long it is valid; without an end if it is left out")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

// issued is a token as it is shown once.
type issued struct {
	ID      string    `json:"id,omitempty"`
	Source  string    `json:"source"`
	Expires time.Time `json:"expires,omitzero"`
	Secret  string    `json:"secret,omitempty"`
}

func until(t time.Time) string {
	if t.IsZero() {
		return "without an end"
	}
	return "until " + moment(t)
}

func issueToken(ctx context.Context, a about, t schema.Token, dryRun bool) (secret string, _ schema.Token, err error) {
	c, err := a.client()
	if err != nil {
		return "", t, err
	}
	if c != nil {
		return c.issue(ctx, t, dryRun)
	}
	err = a.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		if _, ok := rules.Book().Source(t.Source); !ok {
			return hint(fmt.Errorf("source %s: %w", t.Source, schema.ErrNotFound), "the policy in force approves no source of that name")
		}
		key, err := bridge.TokenKey(s.cfg.Audit)
		if err != nil {
			return err
		}
		return s.try(ctx, dryRun, func(tx store.Tx) (err error) {
			secret, t, err = key.Issue(tx, local(), t)
			return err
		})
	})
	if dryRun {
		secret, t.ID = "", ""
	}
	return secret, t, err
}

func tokenRevokeCommand() *cobra.Command {
	var a about
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "revoke ID (--config FILE | --server URL)",
		Short: "End a token from the next request on",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := revokeToken(cmd.Context(), a, strings.TrimPrefix(args[0], issuedPrefix), dryRun)
			if errors.Is(err, schema.ErrNotFound) {
				return hint(err, "drawbridge source token list shows the ids")
			}
			if err != nil {
				return err
			}
			did := "revoked"
			if dryRun {
				did = "would be revoked"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "token %s of source %s: %s\n", t.ID, t.Source, did)
			return err
		},
	}
	a.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

func revokeToken(ctx context.Context, a about, id string, dryRun bool) (t api.TokenView, err error) {
	c, err := a.client()
	if err != nil {
		return t, err
	}
	if c != nil {
		return c.revokeToken(ctx, id, dryRun)
	}
	err = a.change(func(s stopped) error {
		return s.try(ctx, dryRun, func(tx store.Tx) error {
			known, err := store.Tokens.Get(tx, id)
			if err != nil {
				return fmt.Errorf("token %s: %w", id, err)
			}
			t = api.ViewToken(known)
			return access.RevokeToken(tx, local(), id)
		})
	})
	return t, err
}
