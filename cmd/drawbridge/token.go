package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access/tokens"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Tokens by which people and programs use the API and this command"}
	cmd.AddCommand(tokenIssueCommand(), tokenListCommand(), tokenRevokeCommand("token"), tokenCutCommand())
	return cmd
}

func tokenIssueCommand() *cobra.Command {
	var i issuing
	var role string
	cmd := &cobra.Command{
		Use:   "issue NAME --role ROLE [--expires 90d] (--config FILE | --server URL)",
		Short: "Make a token for a person or a program, and print its secret this once",
		Long: "Makes a token for a person or a program. Name a person's token by their userName or email address: as them it asks,\n" +
			"and decides what is theirs to decide. A token with another name may ask for others, and decides nothing.\n" +
			"Roles: " + strings.Join(apiRoles(), ", ") + "; each may do what those before it may.",
		Example: "  drawbridge token issue ada@example.com --role approver --expires 90d > ada.token",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !schema.APIRole(role).Known() {
				return fmt.Errorf("%w: --role is %q: write %s", errUsage, role, strings.Join(apiRoles(), ", "))
			}
			return i.run(cmd, schema.Token{Name: args[0], Role: schema.APIRole(role)})
		},
	}
	i.flags(cmd)
	cmd.Flags().StringVar(&role, "role", "", "what it may do: "+strings.Join(apiRoles(), ", "))
	return cmd
}

func apiRoles() (names []string) {
	for _, role := range schema.APIRoles() {
		names = append(names, string(role))
	}
	return names
}

func sourceTokenIssueCommand() *cobra.Command {
	var i issuing
	cmd := &cobra.Command{
		Use:   "issue SOURCE [--expires 90d] (--config FILE | --server URL)",
		Short: "Make a token for a source, and print its secret this once",
		Args:  exactly(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return i.run(cmd, schema.Token{Source: args[0]}) },
	}
	i.flags(cmd)
	return cmd
}

// issuing is how a token is to be made, whosever it is.
type issuing struct {
	about
	format  format
	expires string
	dryRun  bool
}

func (i *issuing) flags(cmd *cobra.Command) {
	i.about.flags(cmd)
	i.format.flag(cmd)
	cmd.Flags().StringVar(&i.expires, "expires", "", "how long it is valid; without an end if it is left out")
	cmd.Flags().BoolVar(&i.dryRun, "dry-run", false, "say what would be done, and do nothing")
}

func (i *issuing) run(cmd *cobra.Command, t schema.Token) error {
	if i.expires != "" {
		life, err := policy.ParseDuration(i.expires)
		if err != nil || life == 0 {
			return fmt.Errorf("%w: --expires is %q: write a duration, as in 90d or 12h", errUsage, i.expires)
		}
		t.Expires = time.Now().Add(time.Duration(life)).UTC().Truncate(time.Second)
	}
	secret, t, err := i.issue(cmd.Context(), t)
	if err != nil {
		return err
	}
	answer := issued{ID: t.ID, Source: t.Source, Name: t.Name, Role: t.Role, Expires: t.Expires, Secret: secret}
	f := i.format
	return f.print(cmd.OutOrStdout(), answer, func(out io.Writer) error {
		if i.dryRun {
			_, err := fmt.Fprintf(out, "a token would be issued for %s, %s\n", holderOf(t.Source, t.Name), until(t.Expires))
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "token %s for %s, %s; it is not shown again:\n", t.ID, holderOf(t.Source, t.Name), until(t.Expires))
		_, err := fmt.Fprintln(out, secret)
		return err
	})
}

// issued is a token as it is shown once.
type issued struct {
	ID      string         `json:"id,omitempty"`
	Source  string         `json:"source,omitempty"`
	Name    string         `json:"name,omitempty"`
	Role    schema.APIRole `json:"role,omitempty"`
	Expires time.Time      `json:"expires,omitzero"`
	Secret  string         `json:"secret,omitempty"`
}

// holderOf says whose a token is: a source's, or that of who is named.
func holderOf(source, name string) string {
	if source == "" {
		return name
	}
	return "source " + source
}

func until(t time.Time) string {
	if t.IsZero() {
		return "without an end"
	}
	return "until " + moment(t)
}

// issue makes the token, or of a dry run finds out that it could be made.
func (i *issuing) issue(ctx context.Context, t schema.Token) (secret string, _ schema.Token, err error) {
	c, err := i.client()
	if err != nil {
		return "", t, err
	}
	if c != nil {
		return c.issue(ctx, t, i.dryRun)
	}
	err = i.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		if _, ok := rules.Book().Source(t.Source); t.Source != "" && !ok {
			return hint(fmt.Errorf("source %s: %w", t.Source, schema.ErrNotFound), "the policy in force approves no source of that name")
		}
		key, err := bridge.TokenKey(s.cfg.Audit)
		if err != nil {
			return err
		}
		return s.try(ctx, i.dryRun, func(tx store.Tx) (err error) {
			secret, t, err = key.Issue(tx, local(), t)
			return err
		})
	})
	if i.dryRun {
		secret, t.ID = "", ""
	}
	return secret, t, err
}

// tokenRevokeCommand is the same for every token; noun is where it stands.
func tokenRevokeCommand(noun string) *cobra.Command {
	var a about
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "revoke ID (--config FILE | --server URL)",
		Short: "End a token from the next request on",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := revokeToken(cmd.Context(), a, strings.TrimPrefix(args[0], issuedPrefix), dryRun)
			if errors.Is(err, schema.ErrNotFound) {
				return hint(err, "drawbridge %s list shows the ids", noun)
			}
			if err != nil {
				return err
			}
			did := "revoked"
			if dryRun {
				did = "would be revoked"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "token %s of %s: %s\n", t.ID, holderOf(t.Source, t.Name), did)
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
			return tokens.Revoke(tx, local(), id)
		})
	})
	return t, err
}
