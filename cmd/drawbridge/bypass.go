package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// bypassCommands are how the glass is broken, and what comes after.
func bypassCommands() []*cobra.Command {
	return []*cobra.Command{breakGlassCommand(), bypassesCommand(), evidenceCommand(), reviewCommand()}
}

// A doing is something about a bypass: as a request to a running bridge, and on the
// store of one that is stopped.
type doing struct {
	path string
	body any
	on   func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Bypass, error)
}

func (w *who) bypass(ctx context.Context, d doing, dryRun bool) (v api.BypassView, err error) {
	c, err := w.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		err = c.call(ctx, http.MethodPost, dry("/api/v1/bypasses"+d.path, dryRun), d.body, &v)
		return v, err
	}
	err = w.on(ctx, dryRun, func(tx store.Tx, book *policy.Book, by access.Decider) error {
		y, err := d.on(tx, book, by)
		if err != nil {
			return err
		}
		v, err = api.ViewBypass(tx, y)
		v.DryRun = dryRun
		return err
	})
	return v, err
}

// A taking is what the command line says of breaking the glass.
type taking struct {
	Role       string            `json:"role"`
	Reason     string            `json:"reason"`
	Ticket     string            `json:"ticket,omitempty"`
	Evidence   map[string]string `json:"evidence,omitempty"`
	Lasts      string            `json:"lasts,omitempty"`
	Drill      bool              `json:"drill,omitempty"`
	Unverified string            `json:"unverified,omitempty"`
}

func breakGlassCommand() *cobra.Command {
	w := who{proven: true}
	var f format
	var b taking
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "break-glass ROLE --reason WHY [--ticket INCIDENT] [--evidence KIND=TEXT]... [--lasts 1h] [--drill] [--unverified WHY] [--dry-run] (--config FILE --key FILE | --server URL)",
		Short: "Take a break-glass role at once; what is owed for it comes after",
		Long: "Takes a break-glass role for yourself, before anybody agrees. With --config it works on the store of a bridge that is\n" +
			"stopped, when the identity provider, the ticket system or the console is not there, and --key says who you are: a file\n" +
			"with the token you were issued before. The access follows once it runs.\n" +
			"--unverified says why the role's condition cannot be verified now: it is in the log, and for the reviewers to judge.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.Role = args[0]
			if b.Reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log and the reviewers", errUsage)
			}
			var lasts policy.Duration
			var err error
			if b.Lasts != "" {
				if lasts, err = policy.ParseDuration(b.Lasts); err != nil {
					return fmt.Errorf("%w: --lasts: %w", errUsage, err)
				}
			}
			v, err := w.bypass(cmd.Context(), doing{body: b, on: func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Bypass, error) {
				return access.BreakGlass(tx, book, access.Breaking{
					Role: b.Role, By: by, Reason: b.Reason, Ticket: b.Ticket, Evidence: b.Evidence,
					Lasts: time.Duration(lasts), Drill: b.Drill, Unverified: b.Unverified,
				})
			}}, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, bypassText(v))
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&b.Reason, "reason", "", "why, for the decision log and the reviewers")
	flags.StringVar(&b.Ticket, "ticket", "", "the incident")
	flags.StringToStringVar(&b.Evidence, "evidence", nil, "what else the role demands before, by kind")
	flags.StringVar(&b.Lasts, "lasts", "", "how long, as in 1h; left out: as the role says")
	flags.BoolVar(&b.Drill, "drill", false, "it is taken to see that it can be")
	flags.StringVar(&b.Unverified, "unverified", "", "why the role's condition cannot be verified now")
	flags.BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

func evidenceCommand() *cobra.Command {
	w := who{proven: true}
	var f format
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "evidence BYPASS KIND TEXT [--dry-run] (--config FILE --key FILE | --server URL)",
		Short: "Give evidence about a bypass: what is owed, that a credential was rotated, or a removal seen",
		Args:  exactly(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := doing{path: "/" + url.PathEscape(args[0]) + "/evidence", body: map[string]string{"kind": args[1], "text": args[2]}}
			d.on = func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Bypass, error) {
				return access.Furnish(tx, book, access.Furnishing{Bypass: args[0], Kind: args[1], Text: args[2], By: by})
			}
			v, err := w.bypass(cmd.Context(), d, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, bypassText(v))
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

func reviewCommand() *cobra.Command {
	w := who{proven: true}
	var f format
	var reason string
	var reject, dryRun bool
	cmd := &cobra.Command{
		Use:   "review BYPASS --reason WHY [--reject] [--dry-run] (--config FILE --key FILE | --server URL)",
		Short: "Agree to a bypass afterwards, or with --reject do not",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			d := doing{path: "/" + url.PathEscape(args[0]) + "/review", body: map[string]any{"agree": !reject, "reason": reason}}
			d.on = func(tx store.Tx, book *policy.Book, by access.Decider) (schema.Bypass, error) {
				return access.ReviewBypass(tx, book, access.Choice{Request: args[0], By: by, Reason: reason}, !reject)
			}
			v, err := w.bypass(cmd.Context(), d, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, bypassText(v))
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&reject, "reject", false, "do not agree: the access ends at once, and it is reported")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

// bypassText says how a bypass stands, and what is left to do.
func bypassText(v api.BypassView) func(io.Writer) error {
	return func(out io.Writer) error {
		is := "is"
		if v.DryRun {
			is = "would be"
		}
		_, err := fmt.Fprintf(out, "bypass %s of role %s by %s %s %s; held until %s\n", v.ID, v.Role, nameOr(v.UserName, v.Identity), is, v.State, moment(v.Until))
		if left := owedBy(v); left != "" {
			fmt.Fprintf(out, "  %s\n", left)
		}
		return err
	}
}

// owedBy says what is left to do about a bypass.
func owedBy(v api.BypassView) string {
	var left []string
	if len(v.Owed) > 0 {
		left = append(left, fmt.Sprintf("owed by %s: %s", moment(v.OwedBy), strings.Join(v.Owed, ", ")))
	}
	if v.State == schema.BypassOpen || v.State == schema.BypassOverdue {
		left = append(left, fmt.Sprintf("%d of %d of %s to review it by %s", v.Needs-len(v.Reviews), v.Needs, v.Reviewers, moment(v.ReviewBy)))
	}
	if v.Removed.IsZero() {
		left = append(left, "its removal to be confirmed")
	}
	if len(v.Rotate) > 0 {
		left = append(left, "to be rotated: "+strings.Join(v.Rotate, ", "))
	}
	return strings.Join(left, "; ")
}

func bypassesCommand() *cobra.Command {
	var w who
	var f format
	var q bypassQuery
	cmd := &cobra.Command{
		Use:   "bypasses [--reviewer USER | --identity USER | --role ROLE] (--config FILE | --server URL)",
		Short: "List how the glass was broken; with --reviewer me, what waits for your review",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := q.list(cmd.Context(), &w)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, v := range all {
					rows = append(rows, []string{v.ID, v.Role, nameOr(v.UserName, v.Identity), moment(v.Taken), string(v.State), orDash(v.Ticket), orDash(owedBy(v))})
				}
				return table(out, "bypass role by taken state ticket left", rows)
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&q.reviewer, "reviewer", "", "only those that this person may review: me, or an id, a userName or an email address")
	cmd.Flags().StringVar(&q.identity, "identity", "", "only those of this person")
	cmd.Flags().StringVar(&q.role, "role", "", "only those of this role")
	return cmd
}

// A bypassQuery asks for bypasses.
type bypassQuery struct{ reviewer, identity, role string }

func (q bypassQuery) list(ctx context.Context, w *who) (all []api.BypassView, err error) {
	c, err := w.client()
	if err != nil {
		return nil, err
	}
	if c != nil {
		return pages[api.BypassView](ctx, c, "/api/v1/bypasses", url.Values{
			"reviewer": {q.reviewer}, "identity": {q.identity}, "role": {q.role},
		}, mostListed)
	}
	err = w.read(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error {
			all, err = q.from(r, rules.Book(), w.as)
			return err
		})
	})
	return all, err
}

// from reads the bypasses from a store.
func (q bypassQuery) from(r store.Reader, book *policy.Book, me string) ([]api.BypassView, error) {
	who := requestQuery{approver: q.reviewer, identity: q.identity}
	id, err := who.meant(r, me)
	if err != nil {
		return nil, err
	}
	found := []schema.Bypass{}
	if q.reviewer != "" {
		if found, err = access.AwaitingReview(r, book, id); err != nil {
			return nil, err
		}
	} else {
		for y, err := range store.Bypasses.All(r) {
			if err != nil {
				return nil, err
			}
			if y.Role == cmp.Or(q.role, y.Role) && y.Identity == cmp.Or(id.ID, y.Identity) && len(found) < mostListed {
				found = append(found, y)
			}
		}
	}
	all := []api.BypassView{}
	for _, y := range found {
		v, err := api.ViewBypass(r, y)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
