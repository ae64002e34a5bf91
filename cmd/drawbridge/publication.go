package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/cmd/drawbridge/internal/git"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/server/api"
)

// publicationCommands are how a policy comes into force.
func publicationCommands() []*cobra.Command {
	return []*cobra.Command{
		proposeCommand(), proposalsCommand(),
		decidePublication("approve", "Agree to the plan of a policy, or review it as who answers for a part of it"),
		decidePublication("deny", "Refuse a policy, which ends its publication"),
		decidePublication("withdraw", "Take a proposal back"),
		publishCommand(), rollbackCommand(),
	}
}

// A proposal is what the command line says of a policy that is to come into force.
type proposal struct {
	Files   map[string]string `json:"files,omitempty"`
	Version string            `json:"version,omitempty"`
	Seen    *access.SavedPlan `json:"seen,omitempty"`
	Reason  string            `json:"reason"`
	Author  string            `json:"author,omitempty"`
	Commit  string            `json:"commit,omitempty"`

	Evidence *signed.Objects `json:"evidence,omitempty"`

	Alone bool `json:"alone,omitempty"`
}

// read takes the documents from a plan that was kept, or else from a folder.
func (p *proposal) read(ctx context.Context, plan string, args []string) error {
	switch {
	case plan != "" && len(args) > 0:
		return fmt.Errorf("%w: a plan has its documents in it: name it, or a folder", errUsage)
	case plan == "" && len(args) == 0:
		return fmt.Errorf("%w: name a plan (--plan FILE), or a folder", errUsage)
	case plan != "":
		saved, err := readPlan(plan)
		if err != nil {
			return err
		}
		p.Files, p.Evidence, p.Commit, p.Author = saved.Files, saved.Evidence, saved.Commit, saved.Author
		saved.Files, saved.Evidence = nil, nil
		p.Seen = &saved
		return nil
	}
	if err := isFolder(args[0]); err != nil {
		return err
	}
	read, err := bridge.ReadPolicy(os.DirFS(args[0]))
	if err != nil {
		return err
	}
	p.Files = read.Files
	p.Commit, p.Author = git.Committed(ctx, args[0])
	return nil
}

// attest adds what it takes to tell who signed the documents of a folder. A plan has it.
func (p *proposal) attest(ctx context.Context, c *client, folder []string) error {
	if len(folder) == 0 {
		return nil
	}
	var now api.PolicyView
	if err := c.call(ctx, http.MethodGet, "/api/v1/policy", nil, &now); err != nil {
		return err
	}
	p.Evidence = git.Repository{Dir: folder[0]}.Evidence(ctx, "HEAD", ".", now.Commit)
	return nil
}

func proposeCommand() *cobra.Command {
	var w who
	var f format
	var p proposal
	var plan string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "propose (--plan FILE | DIR) --reason WHY [--author EMAIL] [--dry-run] (--config FILE --as USER | --server URL)",
		Short: "Propose a policy, for others to agree to its plan",
		Args:  between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.Reason == "" {
				return fmt.Errorf("%w: --reason says why, for those who decide", errUsage)
			}
			author := p.Author
			if err := p.read(cmd.Context(), plan, args); err != nil {
				return err
			}
			if author != "" {
				p.Author = author
			}
			return w.with(cmd.Context(), func(c *client) error {
				if err := p.attest(cmd.Context(), c, args); err != nil {
					return err
				}
				var v api.PublicationView
				if err := c.call(cmd.Context(), http.MethodPost, dry("/api/v1/publications", dryRun), p, &v); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, publicationText(v))
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&plan, "plan", "", "file of the plan that you looked at (policy plan --out FILE)")
	cmd.Flags().StringVar(&p.Reason, "reason", "", "why, for those who decide and for the decision log")
	cmd.Flags().StringVar(&p.Author, "author", "", "who wrote the change, who does not agree to it; left out: as git says")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

// publicationText says how a publication stands, and what comes next.
func publicationText(v api.PublicationView) func(io.Writer) error {
	return func(out io.Writer) error {
		is := "is"
		if v.DryRun {
			is = "would be"
		}
		text := fmt.Sprintf("publication %s of policy %s %s %s", v.ID, short(v.Digest), is, v.State)
		if v.Outcome != "" {
			text += ": " + v.Outcome
		}
		if v.Awaits > 0 {
			text += fmt.Sprintf("; %d more, of %s", v.Awaits, orDash(strings.Join(v.Deciders, ", ")))
		}
		_, err := fmt.Fprintln(out, text)
		return err
	}
}

// unpublished is the answer to what was to come into force and did not.
func unpublished(v api.PublicationView) error {
	if v.State == schema.PublicationPublished {
		return nil
	}
	return hint(fmt.Errorf("policy %s did not come into force: %s: %w", short(v.Digest), v.Outcome, schema.ErrHeld), "drawbridge policy plan says what it would do now")
}

func decidePublication(name, short string) *cobra.Command {
	stale := func(v api.PublicationView) error {
		if v.State != schema.PublicationStale {
			return nil
		}
		return unpublished(v)
	}
	return verb[api.PublicationView]{
		things: "publications", thing: "publication", name: name, short: short, text: publicationText, outcome: stale,
	}.command()
}

func publishCommand() *cobra.Command {
	var w who
	var f format
	var p proposal
	var plan string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "publish (PUBLICATION | --plan FILE | DIR) [--reason WHY] [--alone] [--dry-run] (--config FILE [--as USER] | --server URL)",
		Short: "Put a policy in force: what its plan says, or nothing",
		Long: "Puts a policy in force to whose plan as many people agreed as the policy in force demands.\n" +
			"The plan is worked out again: where anything moved, it says what, and does nothing.\n" +
			"Where nobody has to agree a plan that was kept, or a folder, is enough.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if id, ok := publicationID(plan, args); ok {
				return w.with(cmd.Context(), func(c *client) error {
					return c.publish(cmd.Context(), dry("/api/v1/publications/"+url.PathEscape(id)+"/publish", dryRun), nil, f, cmd.OutOrStdout())
				})
			}
			if p.Reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			if err := p.read(cmd.Context(), plan, args); err != nil {
				return err
			}
			return w.with(cmd.Context(), func(c *client) error {
				if err := p.attest(cmd.Context(), c, args); err != nil {
					return err
				}
				return c.publish(cmd.Context(), dry("/api/v1/policy/publish", dryRun), p, f, cmd.OutOrStdout())
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&plan, "plan", "", "file of the plan that you looked at (policy plan --out FILE)")
	cmd.Flags().StringVar(&p.Reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&p.Alone, "alone", false, "on your own word, where fewer could agree than must: it is logged, and found")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

// publicationID is what was proposed, if that is meant and no folder.
func publicationID(plan string, args []string) (id string, ok bool) {
	if plan != "" || len(args) == 0 {
		return "", false
	}
	info, err := os.Stat(args[0])
	return args[0], err != nil || !info.IsDir()
}

func (c *client) publish(ctx context.Context, path string, body any, f format, out io.Writer) error {
	var v api.PublicationView
	if err := c.call(ctx, http.MethodPost, path, body, &v); err != nil {
		if errors.Is(err, schema.ErrHeld) {
			return hint(err, "drawbridge policy propose --plan FILE --reason WHY, and drawbridge policy approve")
		}
		return err
	}
	if err := f.print(out, v, publicationText(v)); err != nil {
		return err
	}
	return unpublished(v)
}

func rollbackCommand() *cobra.Command {
	var w who
	var f planFormat
	var p proposal
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "rollback --to VERSION --reason WHY [--dry-run] (--config FILE [--as USER] | --server URL)",
		Short: "Go back to a version that was in force: plan it, and publish or propose it as the policy in force demands",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Version == "" || p.Reason == "" && !dryRun {
				return fmt.Errorf("%w: --to says where to, as 'policy versions' lists them, and --reason why", errUsage)
			}
			return w.with(cmd.Context(), func(c *client) error {
				saved, err := c.plan(cmd.Context(), map[string]any{"version": p.Version})
				if err != nil {
					return err
				}
				if err := f.print(cmd.OutOrStdout(), saved.Plan); err != nil || dryRun {
					return err
				}
				p.Version, p.Seen = saved.Plan.To, &saved
				return c.goBack(cmd.Context(), p, cmd.OutOrStdout())
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&p.Version, "to", "", "digest of the version, or how it begins")
	cmd.Flags().StringVar(&p.Reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "plan it, and do nothing")
	return cmd
}

// goBack publishes a version again, or proposes it where others have to agree.
func (c *client) goBack(ctx context.Context, p proposal, out io.Writer) error {
	var v api.PublicationView
	err := c.call(ctx, http.MethodPost, "/api/v1/policy/publish", p, &v)
	if errors.Is(err, schema.ErrHeld) {
		err = c.call(ctx, http.MethodPost, "/api/v1/publications", p, &v)
	}
	if err == nil {
		err = publicationText(v)(out)
	}
	if err == nil && v.State == schema.PublicationProposed {
		return hint(fmt.Errorf("publication %s: others have to agree: %w", v.ID, schema.ErrHeld), "drawbridge policy approve %s, and then drawbridge policy publish %s", v.ID, v.ID)
	}
	return err
}

func proposalsCommand() *cobra.Command {
	var w who
	var f format
	var state string
	cmd := &cobra.Command{
		Use:   "proposals [--state STATE] (--config FILE | --server URL)",
		Short: "List the policies that were proposed, newest first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				all, err := c.publications(cmd.Context(), state)
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
					var rows [][]string
					for _, v := range all {
						rows = append(rows, []string{
							v.ID, short(v.Digest), string(v.State), nameOr(v.ProposerName, v.By), fmt.Sprint(len(v.Approvals)), fmt.Sprint(v.Awaits),
							orDash(strings.Join(v.Deciders, ", ")), moment(v.Made), orDash(v.Outcome),
						})
					}
					return table(out, "publication policy state by approvals awaits of made because", rows)
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only those in this state: proposed, approved, published, refused, stale or withdrawn")
	return cmd
}

// publications returns those in a state, newest first.
func (c *client) publications(ctx context.Context, state string) ([]api.PublicationView, error) {
	all, err := pages[api.PublicationView](ctx, c, "/api/v1/publications", url.Values{"state": {state}}, mostListed)
	slices.Reverse(all)
	return all, err
}
