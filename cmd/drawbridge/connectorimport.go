package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/schema"
	"drawbridge/server/api"
)

// shownMatches is how many accounts of one kind are shown as text; as JSON all are.
const shownMatches = 20

func connectorImportCommand() *cobra.Command {
	var a about
	var f format
	var p progress
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "import NAME --dry-run --server URL",
		Short: "Read all accounts of a target, and say whose they are; nothing is written",
		Long: "Reads every account of the target and what it holds, and says whose each is: exact, where one identity is meant\n" +
			"and nobody else; ambiguous; unmatched; left, of somebody who left; protected; managed, where the bridge knows it.\n" +
			"A listing that is not complete is refused. To have accounts managed is a decision: drawbridge connector adopt.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !dryRun {
				return hint(fmt.Errorf("%w: import only looks: say --dry-run", errUsage), "drawbridge connector adopt %s --exact has what matches managed", args[0])
			}
			c, err := a.ask()
			if err != nil {
				return err
			}
			say := func(n, _ int) { p.say(cmd.ErrOrStderr(), plural(n, "account")+" read") }
			r, matches, err := follow[access.Import](cmd.Context(), c, http.MethodGet, "/api/v1/connectors/"+url.PathEscape(args[0])+"/import", nil, say)
			if err != nil {
				return err
			}
			all := imported{r, byKind(matches)}
			return f.print(cmd.OutOrStdout(), all, all.text)
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	p.flag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "look and say, and write nothing")
	return cmd
}

// An imported is what an import says, with each account.
type imported struct {
	*access.Import

	Matches []access.Match `json:"matches"`
}

// byKind are the matches by kind, then by user name.
func byKind(matches []access.Match) []access.Match {
	slices.SortStableFunc(matches, func(a, b access.Match) int {
		if d := slices.Index(access.MatchKinds, a.Kind) - slices.Index(access.MatchKinds, b.Kind); d != 0 {
			return d
		}
		return strings.Compare(a.UserName, b.UserName)
	})
	return matches
}

// follow sends a request that is answered in lines, tells how far it came, and
// returns its result and the accounts that it is about.
func follow[T any](ctx context.Context, c *client, method, path string, body any, say func(read, done int)) (*T, []access.Match, error) {
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return nil, nil, err
	}
	matches := []access.Match{}
	defer func() { _ = res.Body.Close() }()
	for lines := json.NewDecoder(res.Body); ; {
		var p struct {
			Read    int           `json:"read"`
			Done    int           `json:"done"`
			Match   *access.Match `json:"match"`
			Result  *T            `json:"result"`
			Problem *struct {
				Status int    `json:"status"`
				Code   string `json:"code"`
				Detail string `json:"detail"`
			} `json:"problem"`
		}
		if err := lines.Decode(&p); err != nil {
			return nil, nil, hint(fmt.Errorf("%w: the answer ended early: %w", schema.ErrUnavailable, err), "it can be asked for again")
		}
		switch {
		case p.Problem != nil:
			return nil, nil, told(p.Problem.Status, p.Problem.Code, p.Problem.Detail)
		case p.Result != nil:
			return p.Result, matches, nil
		case p.Match != nil:
			matches = append(matches, *p.Match)
		}
		if p.Read > 0 || p.Done > 0 {
			say(p.Read, p.Done)
		}
	}
}

func (r imported) text(out io.Writer) error {
	counts := []string{}
	for _, kind := range access.MatchKinds {
		if n := r.Counts[kind]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	fmt.Fprintf(out, "%s at %s: %s\n", plural(r.Accounts, "account"), r.Connector, orDash(strings.Join(counts, ", ")))
	var rows [][]string
	shown := map[access.MatchKind]int{}
	for _, m := range r.Matches {
		if shown[m.Kind]++; m.Kind == access.MatchManaged || shown[m.Kind] > shownMatches {
			continue
		}
		who := m.Person
		if m.By != "" {
			who += " by " + m.By
		}
		rows = append(rows, []string{string(m.Kind), m.UserName, m.Account, orDash(who), orDash(strings.Join(m.Unexplained, ", ")), m.Why})
	}
	if len(rows) > 0 {
		if err := table(out, "match user account identity nobody-gave why", rows); err != nil {
			return err
		}
	}
	for _, kind := range access.MatchKinds {
		if more := shown[kind] - shownMatches; more > 0 && kind != access.MatchManaged {
			fmt.Fprintf(out, "and %d more that are %s: -o json has them all\n", more, kind)
		}
	}
	for _, e := range r.Entitlements {
		if e.ID == "" {
			fmt.Fprintf(out, "%q is held by %s, and the catalogue does not name it\n", e.Target, plural(e.Accounts, "account"))
		}
	}
	absent := map[string]connectors.Absence{}
	for _, a := range r.Absent {
		absent[a.Target] = a
	}
	for _, target := range r.Missing {
		if a, is := absent[target]; is {
			fmt.Fprintf(out, "%q of the catalogue cannot be given: %s\n", target, a)
			continue
		}
		fmt.Fprintf(out, "%q of the catalogue is held by nobody\n", target)
	}
	for _, text := range r.Restrictions {
		fmt.Fprintln(out, "note:", text)
	}
	return nil
}

func connectorAdoptCommand() *cobra.Command {
	var o adopting
	var f format
	cmd := &cobra.Command{
		Use:   "adopt NAME (--exact | ACCOUNT=IDENTITY... [--leavers] | --undo IDENTITY...) --server URL",
		Short: "Have accounts that are there managed, as they are; or undo that",
		Long: "Nothing is taken away by it: what an account holds and no role gives stays, and an account that no role gives\n" +
			"anything is disabled only when its identity leaves. Each is a decision in the log. It can be repeated safely.\n" +
			"An adoption is undone for as long as the bridge has not written to the account.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%w: %s", errUsage, cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.ask()
			if err != nil {
				return err
			}
			if o.undo {
				return o.disown(cmd, c, f, args[0], args[1:])
			}
			return o.adopt(cmd, c, f, args[0], args[1:])
		},
	}
	o.serverFlag(cmd)
	f.flag(cmd)
	o.progress.flag(cmd)
	cmd.Flags().BoolVar(&o.exact, "exact", false, "every account that matches exactly one identity")
	cmd.Flags().BoolVar(&o.leavers, "leavers", false, "those that are named may be of people who left: they are then disabled")
	cmd.Flags().BoolVar(&o.undo, "undo", false, "undo it, for the identities that are named")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be, and do nothing")
	return cmd
}

// An adopting is one run of adopt.
type adopting struct {
	about
	progress                     progress
	exact, leavers, undo, dryRun bool
}

func (o *adopting) adopt(cmd *cobra.Command, c *client, f format, name string, pairs []string) error {
	accounts := map[string]string{}
	for _, pair := range pairs {
		account, identity, ok := strings.Cut(pair, "=")
		if !ok || account == "" || identity == "" {
			return fmt.Errorf("%w: %q is no ACCOUNT=IDENTITY", errUsage, pair)
		}
		accounts[account] = identity
	}
	if o.exact == (len(accounts) > 0) {
		return fmt.Errorf("%w: say which accounts: --exact, or ACCOUNT=IDENTITY", errUsage)
	}
	body := map[string]any{"exact": o.exact, "accounts": accounts, "leavers": o.leavers}
	say := func(read, done int) {
		if done > 0 {
			o.progress.say(cmd.ErrOrStderr(), plural(done, "account")+" adopted")
			return
		}
		o.progress.say(cmd.ErrOrStderr(), plural(read, "account")+" read")
	}
	r, adopted, err := follow[api.AdoptReply](cmd.Context(), c, http.MethodPost, dry("/api/v1/connectors/"+url.PathEscape(name)+"/adopt", o.dryRun), body, say)
	if err != nil {
		return err
	}
	all := struct {
		*api.AdoptReply

		Adopted []access.Match `json:"adopted"`
	}{r, adopted}
	return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
		did := "adopted"
		if r.DryRun {
			did = "would be adopted"
		}
		for i, m := range adopted {
			if i == shownMatches {
				fmt.Fprintf(out, "and %d more\n", len(adopted)-shownMatches)
				break
			}
			fmt.Fprintf(out, "%s: %s's\n", m.UserName, m.Person)
		}
		_, err := fmt.Fprintf(out, "%s of %s %s; %d are left that are not managed\n", plural(r.Accounts, "account"), r.Connector, did, r.Left)
		return err
	})
}

func (o *adopting) disown(cmd *cobra.Command, c *client, f format, name string, identities []string) error {
	if o.exact || o.leavers || len(identities) == 0 {
		return errors.Join(fmt.Errorf("%w: --undo is for identities that are named", errUsage))
	}
	var r api.DisownReply
	path := dry("/api/v1/connectors/"+url.PathEscape(name)+"/disown", o.dryRun)
	if err := c.call(cmd.Context(), http.MethodPost, path, map[string]any{"identities": identities}, &r); err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), r, func(out io.Writer) error {
		did := "is undone"
		if r.DryRun {
			did = "would be undone"
		}
		_, err := fmt.Fprintf(out, "the adoption of %s of %s %s\n", plural(r.Accounts, "account"), r.Connector, did)
		return err
	})
}
