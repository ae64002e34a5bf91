package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func accessCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "access", Short: "Who should have what, and why"}
	cmd.AddCommand(accessExplainCommand(), accessListCommand(), accessRevokeCommand(), accessLiftCommand())
	cmd.AddCommand(requestCommands()...)
	cmd.AddCommand(bypassCommands()...)
	cmd.AddCommand(exceptionCommand(), accessModesCommand(), accessOwnersCommand())
	return cmd
}

func accessExplainCommand() *cobra.Command {
	var a about
	var f format
	var when string
	cmd := &cobra.Command{
		Use:   "explain USER CONNECTOR/ENTITLEMENT [--at TIME] (--config FILE | --server URL)",
		Short: "Say why somebody has, had or lost something, from the decision log",
		Long:  "USER is an identity's id, userName or email address, also of one who is gone.",
		Args:  exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := isRef("the entitlement", args[1]); err != nil {
				return err
			}
			at, err := momentOf(when, time.Now())
			if err != nil {
				return err
			}
			e, err := explain(cmd.Context(), a, args[0], args[1], at)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), e, explanation(e))
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	atFlag(cmd, &when)
	return cmd
}

// atFlag asks for how things were.
func atFlag(cmd *cobra.Command, when *string) {
	cmd.Flags().StringVar(when, "at", "", "as of a time (RFC 3339), a day, or so long ago (24h, 7d); left out: as things are")
}

func explain(ctx context.Context, a about, who, what string, at time.Time) (e access.Explanation, err error) {
	c, err := a.client()
	if err != nil {
		return e, err
	}
	if c != nil {
		return c.explain(ctx, who, what, at)
	}
	err = a.read(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error {
			if !at.IsZero() {
				e, err = access.ExplainAt(r, rules.Book(), who, what, at)
				return err
			}
			e, err = access.Explain(r, rules, who, what)
			return err
		})
	})
	return e, err
}

// mostListed is how many lines a list has at most, unless more are asked for.
const mostListed = 1000

func accessListCommand() *cobra.Command {
	var a about
	var f format
	var q heldQuery
	var when string
	cmd := &cobra.Command{
		Use:   "list [USER] [--entitlement CONNECTOR/ENTITLEMENT] [--at TIME] (--config FILE | --server URL)",
		Short: "List who should have what, or should have had",
		Args:  between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.who = args[0]
			}
			var err error
			if q.at, err = momentOf(when, time.Now()); err != nil {
				return err
			}
			if err := q.check(); err != nil {
				return err
			}
			lines, more, err := listHeld(cmd.Context(), a, q)
			if err != nil {
				return err
			}
			err = f.print(cmd.OutOrStdout(), lines, func(out io.Writer) error {
				var rows [][]string
				for _, l := range lines {
					rows = append(rows, []string{cmp.Or(l.UserName, l.Identity), held(l), string(l.Mode), moment(l.Since), strings.Join(l.Because, ", ")})
				}
				return table(out, "who entitlement mode since because", rows)
			})
			if err == nil && more {
				fmt.Fprintf(cmd.ErrOrStderr(), "these are the first %d; --limit shows more\n", len(lines))
			}
			return err
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&q.entitlement, "entitlement", "", "only who should have this one, by itself or by way of another that confers it")
	atFlag(cmd, &when)
	cmd.Flags().IntVar(&q.limit, "limit", mostListed, "lines at most")
	return cmd
}

// held is what somebody has, what it was listed for where that comes along with it, and that it
// is over where it has yet to be taken.
func held(l api.AssignmentView) string {
	what := l.Ref()
	if l.Confers != "" {
		what += " (confers " + l.Confers + ")"
	}
	if !l.Over.IsZero() {
		what += " (ended " + moment(l.Over) + ", to be taken)"
	}
	return what
}

// A heldQuery asks for lines of desired state.
type heldQuery struct {
	who, entitlement string
	at               time.Time
	limit            int
}

func (q heldQuery) check() error {
	if q.entitlement != "" {
		if err := isRef("--entitlement", q.entitlement); err != nil {
			return err
		}
	}
	if !q.at.IsZero() && q.who == "" && q.entitlement == "" {
		return fmt.Errorf("%w: with --at, name a USER or an --entitlement", errUsage)
	}
	if q.limit < 1 {
		return fmt.Errorf("%w: --limit is %d", errUsage, q.limit)
	}
	return nil
}

// isRef refuses what does not name an entitlement.
func isRef(what, ref string) error {
	if c, e, ok := strings.Cut(ref, "/"); !ok || c == "" || e == "" {
		return fmt.Errorf("%w: %s is %q: write CONNECTOR/ENTITLEMENT, as in wiki/readers", errUsage, what, ref)
	}
	return nil
}

// listHeld returns the first lines that are asked for, and whether there are
// more.
func listHeld(ctx context.Context, a about, q heldQuery) (lines []api.AssignmentView, more bool, err error) {
	c, err := a.client()
	if err != nil {
		return nil, false, err
	}
	if c != nil {
		return c.held(ctx, q)
	}
	err = a.read(func(s stopped) error {
		var book *policy.Book // where it is asked what confers what
		if q.entitlement != "" {
			if book, err = s.book(ctx); err != nil {
				return err
			}
			book = cmp.Or(book, &policy.Book{})
		}
		return s.store.View(ctx, func(r store.Reader) error {
			lines, more, err = q.from(r, book)
			return err
		})
	})
	return lines, more, err
}

// from reads the lines from a store, by the index that answers.
func (q heldQuery) from(r store.Reader, book *policy.Book) (lines []api.AssignmentView, more bool, err error) {
	if !q.at.IsZero() {
		lines, next, err := api.LinesAt(r, book, q.who, q.entitlement, q.at, q.limit)
		return lines, next != nil, err
	}
	names := map[string]string{}
	all := store.Assignments.All(r)
	switch {
	case q.who != "":
		id, err := access.FindIdentity(r, q.who)
		if err != nil {
			return nil, false, err
		}
		all = store.Assignments.All(r, id.ID)
	case q.entitlement != "":
		if all, err = api.HeldFrom(r, book, q.entitlement, nil); err != nil {
			return nil, false, err
		}
	}
	lines = []api.AssignmentView{}
	for line, err := range all {
		if err != nil {
			return nil, false, err
		}
		if q.entitlement != "" && !book.Confers(line.Ref(), q.entitlement) {
			continue
		}
		if len(lines) == q.limit {
			return lines, true, nil
		}
		if _, ok := names[line.Identity]; !ok {
			if names[line.Identity], err = nameOf(r, line.Identity); err != nil {
				return nil, false, err
			}
		}
		over, err := access.Over(r, line)
		if err != nil {
			return nil, false, err
		}
		lines = append(lines, api.AssignmentView{Assignment: line, UserName: names[line.Identity], Confers: api.Conferred(line, q.entitlement), Over: over})
	}
	return lines, false, nil
}

func nameOf(r store.Reader, identity string) (string, error) {
	id, err := store.Identities.Get(r, identity)
	if errors.Is(err, schema.ErrNotFound) {
		return identity, nil
	}
	return id.UserName, err
}

func accessRevokeCommand() *cobra.Command {
	var a about
	var f format
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "revoke USER ROLE --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: "Take a role from somebody, so that nothing but a new decision gives it back",
		Args:  exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			r, err := revoke(cmd.Context(), a, access.Revocation{Identity: args[0], Role: args[1], By: local(), Reason: reason}, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), r, losses(r))
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be lost, and do nothing")
	return cmd
}

func revoke(ctx context.Context, a about, v access.Revocation, dryRun bool) (r api.Revoked, err error) {
	c, err := a.client()
	if err != nil {
		return r, err
	}
	if c != nil {
		return c.revoke(ctx, v, dryRun)
	}
	err = a.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.try(ctx, dryRun, func(tx store.Tx) error {
			id, err := access.FindCalled(tx, rules.Book(), v.Identity)
			if err != nil {
				return err
			}
			v.Identity = id.ID
			r = api.Revoked{Identity: id.ID, UserName: id.UserName, Role: v.Role, DryRun: dryRun}
			if r.Ends, err = access.Losing(tx, rules.Book(), v.Identity, v.Role); err != nil {
				return err
			}
			return access.Revoke(tx, rules.Book(), v)
		})
	})
	return r, err
}

// losses says what somebody loses, or would.
func losses(r api.Revoked) func(io.Writer) error {
	return func(out io.Writer) error {
		did, loses := "is revoked from", "loses"
		if r.DryRun {
			did, loses = "would be revoked from", "would lose"
		}
		_, err := fmt.Fprintf(out, "role %s %s %s\n", r.Role, did, r.UserName)
		for _, ref := range r.Ends {
			fmt.Fprintf(out, "  who %s %s\n", loses, ref)
		}
		return err
	}
}
