package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/schema"
	"drawbridge/server/api"
)

func reviewsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "review", Short: "Campaigns in which people look at who holds what"}
	cmd.AddCommand(
		reviewOpenCommand(), reviewListCommand(), reviewShowCommand(), reviewItemsCommand(),
		reviewItemCommand("keep", "Let somebody keep what they hold"),
		reviewItemCommand("modify", "Let somebody keep what they hold until an earlier end"),
		reviewItemCommand("revoke", "Take away what somebody holds"),
		reviewItemCommand("delegate", "Have somebody else decide about an item too"),
		reviewItemCommand("escalate", "Have whoever comes next decide about an item too"),
		wholeReview("close", "End a review before everything is decided"),
		wholeReview("sign", "Acknowledge what came of a review, for management"),
		reviewExportCommand(),
	)
	return cmd
}

func wholeReview(name, short string) *cobra.Command {
	return verb[api.ReviewView]{things: "reviews", thing: "review", name: name, short: short, text: reviewText}.command()
}

// A reviewAsked is what the command line says of a review.
type reviewAsked struct {
	Kind     string   `json:"kind"`
	Of       string   `json:"of,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Within   string   `json:"within,omitempty"`
	Reviewer string   `json:"reviewer,omitempty"`
	Overdue  string   `json:"overdue,omitempty"`
	Reason   string   `json:"reason"`
}

func reviewOpenCommand() *cobra.Command {
	var w who
	var f format
	var q reviewAsked
	of := map[string]*string{"role": new(string), "connector": new(string), "manager": new(string), "change": new(string)}
	var dryRun bool
	cmd := &cobra.Command{
		Use: "open (--role NAME | --connector NAME | --manager USER|all | --change USER) --reason WHY [--only ROLE]... [--within 14d] " +
			"[--reviewer owner|manager|entitlementOwner] [--overdue escalate|suspend|revoke] [--dry-run] (--config FILE | --server URL)",
		Short: "Begin a review",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, kind := range slices.Sorted(maps.Keys(of)) {
				if *of[kind] == "" {
					continue
				}
				if q.Kind != "" {
					return fmt.Errorf("%w: a review is of one thing; give one of --role, --connector, --manager and --change", errUsage)
				}
				q.Kind, q.Of = kind, *of[kind]
			}
			if q.Kind == "manager" && q.Of == "all" {
				q.Of = ""
			}
			if q.Kind == "" || q.Reason == "" {
				return fmt.Errorf("%w: say what it is of, and --reason why", errUsage)
			}
			return w.with(cmd.Context(), func(c *client) error {
				var v api.ReviewView
				if err := c.call(cmd.Context(), http.MethodPost, dry("/api/v1/reviews", dryRun), q, &v); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, reviewText(v))
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	flags := cmd.Flags()
	flags.StringVar(of["role"], "role", "", "of all who have a role")
	flags.StringVar(of["connector"], "connector", "", "of all that is held at a connector")
	flags.StringVar(of["manager"], "manager", "", "of what somebody's people hold; all is of every manager's")
	flags.StringVar(of["change"], "change", "", "of what one identity holds")
	flags.StringArrayVar(&q.Roles, "only", nil, "only this role")
	flags.StringVar(&q.Within, "within", "", "how long reviewers have, as in 14d; left out: as the role says")
	flags.StringVar(&q.Reviewer, "reviewer", "", "who decides: owner, manager or entitlementOwner")
	flags.StringVar(&q.Overdue, "overdue", "", "what becomes of what nobody decides in time: escalate, suspend or revoke")
	flags.StringVar(&q.Reason, "reason", "", "why, for the decision log")
	flags.BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

// reviewText says how a review stands.
func reviewText(v api.ReviewView) func(io.Writer) error {
	return func(out io.Writer) error {
		is := "is"
		if v.DryRun {
			is = "would be"
		}
		_, err := fmt.Fprintf(out, "review %s of %s %s %s, to be decided by %s: %s\n", v.ID, aboutReview(v), is, v.State, moment(v.Due), counted(v))
		if err == nil && v.Outcome != "" {
			_, err = fmt.Fprintf(out, "%s\n", v.Outcome)
		}
		if err == nil && v.Signature != nil {
			_, err = fmt.Fprintf(out, "signed off by %s at %s\n", v.Signature.By, moment(v.Signature.At))
		}
		return err
	}
}

func aboutReview(v api.ReviewView) string {
	if v.OfName != "" {
		return string(v.Kind) + "/" + v.OfName
	}
	return v.About()
}

// counted says how many items of a review are in each state.
func counted(v api.ReviewView) string {
	parts := []string{}
	for _, state := range schema.ItemStates() {
		if n := v.Counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		return "no items yet"
	}
	return strings.Join(parts, ", ")
}

func reviewListCommand() *cobra.Command {
	var w who
	var f format
	var state, kind string
	cmd := &cobra.Command{
		Use:   "list [--state STATE] [--kind KIND] (--config FILE | --server URL)",
		Short: "List reviews, and how far each has come",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				all, err := pages[api.ReviewView](cmd.Context(), c, "/api/v1/reviews", url.Values{"state": {state}, "kind": {kind}}, mostListed)
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
					var rows [][]string
					for _, v := range all {
						rows = append(rows, []string{v.ID, aboutReview(v), string(v.State), moment(v.Opened), moment(v.Due), counted(v)})
					}
					return table(out, "review of state opened due items", rows)
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only those: preparing, open, closed, signed or empty")
	cmd.Flags().StringVar(&kind, "kind", "", "only those: role, connector, manager or change")
	return cmd
}

func reviewShowCommand() *cobra.Command {
	var w who
	var f format
	cmd := &cobra.Command{
		Use:   "show REVIEW (--config FILE | --server URL)",
		Short: "Say how a review stands",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				var v api.ReviewView
				if err := c.get(cmd.Context(), "/api/v1/reviews/"+url.PathEscape(args[0]), nil, &v); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, reviewText(v))
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	return cmd
}

func reviewItemsCommand() *cobra.Command {
	var w who
	var f format
	var state, reviewer string
	cmd := &cobra.Command{
		Use:   "items [REVIEW [--state STATE] | --reviewer me|USER] (--config FILE --as USER | --server URL)",
		Short: "List what is to be decided: of a review, or what waits for somebody in all of them",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, query := "/api/v1/review-items", url.Values{"reviewer": {reviewer}}
			switch {
			case len(args) == 1 && cmd.Flags().Changed("reviewer"), len(args) == 0 && state != "":
				return fmt.Errorf("%w: --state goes with a review, --reviewer without one", errUsage)
			case len(args) == 1:
				path, query = "/api/v1/reviews/"+url.PathEscape(args[0])+"/items", url.Values{"state": {state}}
			}
			return w.with(cmd.Context(), func(c *client) error {
				all, err := pages[api.ReviewItemView](cmd.Context(), c, path, query, mostListed)
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error { return itemsText(out, all) })
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only those: open, suspended, kept, modified, revoked, lapsed or undecided")
	cmd.Flags().StringVar(&reviewer, "reviewer", "me", "whose decision they wait for")
	return cmd
}

func itemsText(out io.Writer, all []api.ReviewItemView) error {
	var rows [][]string
	for _, i := range all {
		used := moment(i.LastUsed)
		if i.LastUsed.IsZero() && len(i.Unseen) > 0 {
			used = "unseen"
		}
		rows = append(rows, []string{
			i.Review, nameOr(i.UserName, i.Identity), i.Holding, orDash(i.Risk), moment(i.Since), used,
			fmt.Sprintf("%d/%d", i.Alike, i.Peers), string(i.State), i.Because,
		})
	}
	return table(out, "review user holding risk since used peers state why", rows)
}

// A said is what a reviewer says of an item.
type said struct {
	Identity string     `json:"identity"`
	Holding  string     `json:"holding,omitempty"`
	Reason   string     `json:"reason"`
	Until    *time.Time `json:"until,omitempty"`
	To       string     `json:"to,omitempty"`
}

// reviewItemCommand is what a reviewer does about one item.
func reviewItemCommand(name, short string) *cobra.Command {
	var w who
	var f format
	var s said
	var until string
	var dryRun bool
	further := map[string]string{"modify": " --until TIME", "delegate": " --to USER"}[name]
	cmd := &cobra.Command{
		Use:   name + " REVIEW USER [HOLDING]" + further + " --reason WHY [--dry-run] (--config FILE --as USER | --server URL)",
		Short: short,
		Long:  short + ". HOLDING is role/NAME, or entitlement/CONNECTOR/TARGET; it may be left out where one thing of USER waits.",
		Args:  cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.Identity = args[1]
			if len(args) == 3 {
				s.Holding = args[2]
			}
			if until != "" {
				at, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return fmt.Errorf("%w: --until is written 2030-01-01T00:00:00Z", errUsage)
				}
				s.Until = &at
			}
			return w.with(cmd.Context(), func(c *client) error {
				var v api.ReviewItemView
				path := "/api/v1/reviews/" + url.PathEscape(args[0]) + "/" + name
				if err := c.call(cmd.Context(), http.MethodPost, dry(path, dryRun), s, &v); err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error {
					is := "is"
					if v.DryRun {
						is = "would be"
					}
					_, err := fmt.Fprintf(out, "%s of %s %s %s\n", v.Holding, nameOr(v.UserName, v.Identity), is, v.State)
					return err
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&s.Reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	switch name {
	case "modify":
		cmd.Flags().StringVar(&until, "until", "", "when it is to end")
	case "delegate":
		cmd.Flags().StringVar(&s.To, "to", "", "who is to decide: an id, a userName or an email address")
	}
	return cmd
}

func reviewExportCommand() *cobra.Command {
	var w who
	var file string
	cmd := &cobra.Command{
		Use:   "export REVIEW [--file FILE] (--config FILE | --server URL)",
		Short: "Write what came of a review as JSON Lines: the review with its signature, and each decision",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				res, err := c.send(cmd.Context(), http.MethodGet, "/api/v1/reviews/"+url.PathEscape(args[0])+"/result", nil)
				if err != nil {
					return err
				}
				if file == "" {
					_, err = io.Copy(cmd.OutOrStdout(), res.Body)
				} else {
					err = copyToNew(file, res.Body)
				}
				return errors.Join(err, res.Body.Close())
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&file, "file", "", "where to; left out: to standard output")
	return cmd
}

// copyToNew copies what is read to a file that is not there yet.
func copyToNew(name string, from io.Reader) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}
