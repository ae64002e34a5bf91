package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/schema"
	"drawbridge/server/api"
)

// listProposals lists what is proposed: by cause, or line by line those of one.
func (c *client) listProposals(cmd *cobra.Command, f format, of string) error {
	if of == "" {
		groups, err := c.proposalGroups(cmd.Context())
		if err != nil {
			return err
		}
		return f.print(cmd.OutOrStdout(), groups, func(out io.Writer) error { return groupsText(out, groups) })
	}
	open, err := pages[schema.Proposal](cmd.Context(), c, "/api/v1/proposals/"+url.PathEscape(of), url.Values{}, mostWork)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), open, func(out io.Writer) error {
		var rows [][]string
		for _, p := range open {
			rows = append(rows, []string{p.ID, nameOr(p.UserName, p.Identity), string(p.Change), p.Ref(), moment(p.Opened), p.Reason})
		}
		return table(out, "proposal user change entitlement since why", rows)
	})
}

func (c *client) proposalGroups(ctx context.Context) ([]schema.ProposalGroup, error) {
	var list api.List[schema.ProposalGroup]
	err := c.get(ctx, "/api/v1/proposals", nil, &list)
	return list.Items, err
}

// groupsText shows causes as a list; what people have who left stands first, and in
// capitals.
func groupsText(out io.Writer, groups []schema.ProposalGroup) error {
	for _, g := range groups {
		mark := "proposed"
		if g.Urgent {
			mark = "PROPOSED, OF PEOPLE WHO LEFT"
		}
		_, err := fmt.Fprintf(out, "%s: %s, %s, since %s: %s\n", mark, g.ID, plural(g.Count, "line"), moment(g.Since), g.Reason)
		for _, ref := range slices.Sorted(maps.Keys(g.Lines)) {
			if err == nil {
				_, err = fmt.Fprintf(out, "  %s %s: %d\n", g.Change, ref, g.Lines[ref])
			}
		}
		var names []string
		for _, d := range g.First {
			names = append(names, nameOr(d.UserName, d.Identity))
		}
		if more := g.Count - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		if err == nil {
			_, err = fmt.Fprintf(out, "  %s\n  plan %s\n", strings.Join(names, ", "), short(g.Plan))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// workChooseCommand releases or dismisses what is proposed.
func workChooseCommand(verb string) *cobra.Command {
	var a about
	var f format
	var plan, reason string
	var dryRun bool
	what := "Let what is proposed be done: all of one cause, or one line"
	if verb == "dismiss" {
		what = "Decide against what is proposed, until what it was decided from changes"
	}
	cmd := &cobra.Command{
		Use:   verb + " ID... --reason WHY [--plan PLAN] [--dry-run] --server URL",
		Short: what,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" || plan != "" && len(args) > 1 {
				return fmt.Errorf("%w: --reason says why, for the decision log; --plan is of one cause", errUsage)
			}
			c, err := a.ask()
			if err != nil {
				return err
			}
			all, err := c.choose(cmd.Context(), verb, args, plan, reason, dryRun)
			if err != nil {
				return err
			}
			if err := f.print(cmd.OutOrStdout(), all, func(out io.Writer) error { return chosenText(out, verb, all) }); err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(r api.ChosenReply) bool { return r.Awaits > 0 }) {
				return hint(fmt.Errorf("it ends more at once than the policy's limit: a second person is awaited: %w", schema.ErrHeld), "with another token, the same")
			}
			return nil
		},
	}
	a.serverFlag(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().StringVar(&plan, "plan", "", "the plan of the cause that you looked at, or how it begins; left out: the present one")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say how many there are, and do nothing")
	return cmd
}

// choose chooses about each in turn; of a cause, about what it is now.
func (c *client) choose(ctx context.Context, verb string, ids []string, plan, reason string, dryRun bool) (all []api.ChosenReply, err error) {
	groups, err := c.proposalGroups(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		body := map[string]string{"reason": reason, "plan": plan}
		for _, g := range groups {
			if g.ID == id && plan == "" {
				body["plan"] = g.Plan
			}
		}
		var one api.ChosenReply
		if err := c.call(ctx, http.MethodPost, dry("/api/v1/proposals/"+url.PathEscape(id)+"/"+verb, dryRun), body, &one); err != nil {
			return all, hint(err, "drawbridge work list --kind proposal --server URL shows what is proposed")
		}
		all = append(all, one)
	}
	return all, nil
}

func chosenText(out io.Writer, verb string, all []api.ChosenReply) error {
	did := map[string]string{"release": "released", "dismiss": "dismissed"}[verb]
	for _, one := range all {
		is := did
		switch {
		case one.DryRun:
			is = "would be " + did
		case one.Awaits > 0:
			is = "agreed to"
		}
		text := fmt.Sprintf("%s: %s %s", one.Of, plural(one.Count, "line"), is)
		if one.Awaits > 0 {
			text = one.Of + ": " + is
		}
		if one.Own > 0 {
			text += fmt.Sprintf("; %d about yourself are for others", one.Own)
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	return nil
}
