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
	"drawbridge/server/api"
	"drawbridge/store"
)

func exceptionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "exception", Short: "The register of what a rule forbids and somebody allowed"}
	cmd.AddCommand(
		exceptionRequestCommand(), exceptionListCommand(),
		decideException("approve", "Allow an exception, as somebody who answers for the rule"),
		decideException("deny", "Refuse an exception"),
		decideException("keep", "Say of one that is to be looked at again that it is still wanted; a document goes by its name"),
		decideException("end", "End an exception, and what was granted by it, before its time"),
	)
	return cmd
}

// An exceptionAsked is what the command line says of an exception.
type exceptionAsked struct {
	Constraint   string    `json:"constraint,omitempty"`
	Role         string    `json:"role,omitempty"`
	Seconds      int64     `json:"seconds,omitempty"`
	Trigger      string    `json:"trigger,omitempty"`
	Identity     string    `json:"identity,omitempty"`
	Entitlements []string  `json:"entitlements,omitempty"`
	Reason       string    `json:"reason"`
	Compensating []string  `json:"compensating"`
	Ticket       string    `json:"ticket,omitempty"`
	Expires      time.Time `json:"expires"`
	Review       int64     `json:"review,omitempty"`
}

func exceptionRequestCommand() *cobra.Command {
	var w who
	var f format
	var x exceptionAsked
	var lasts, held, review string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "request (CONSTRAINT | --role ROLE [--held-for 30d] | --trigger SET/NAME [--role ROLE]) --reason WHY --compensating WHAT... --lasts 30d [--review 30d] [--for USER] [--entitlement C/E]... [--ticket T] [--dry-run] (--config FILE --as USER | --server URL)",
		Short: "Ask for an exception to a constraint, a role or a trigger",
		Args:  between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if x.Constraint = strings.Join(args, ""); (x.Constraint == "") == (x.Role == "" && x.Trigger == "") {
				return fmt.Errorf("%w: name one rule: a constraint, a --role or a --trigger", errUsage)
			}
			if held != "" {
				most, err := policy.ParseDuration(held)
				if err != nil || most <= 0 || x.Role == "" {
					return fmt.Errorf("%w: --held-for says for how long the --role may be held, as in 30d", errUsage)
				}
				x.Seconds = int64(time.Duration(most) / time.Second)
			}
			life, err := policy.ParseDuration(lasts)
			if x.Reason == "" || len(x.Compensating) == 0 || err != nil || life <= 0 {
				return fmt.Errorf("%w: --reason says why, --compensating what is done instead, --lasts how long, as in 30d", errUsage)
			}
			if review != "" {
				every, err := policy.ParseDuration(review)
				if err != nil || every <= 0 {
					return fmt.Errorf("%w: --review says how often it is to be looked at again, as in 30d", errUsage)
				}
				x.Review = int64(time.Duration(every) / time.Second)
			}
			x.Expires = time.Now().Add(time.Duration(life)).UTC().Truncate(time.Second)
			v, err := x.ask(cmd.Context(), &w, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, exceptionText(v))
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&x.Reason, "reason", "", "why, for the decision log")
	flags.StringArrayVar(&x.Compensating, "compensating", nil, "what is done instead")
	flags.StringVar(&lasts, "lasts", "", "how long, as in 30d; 366d at most")
	flags.StringVar(&review, "review", "", "how often it is to be looked at again, as in 30d; left out: not before it ends")
	flags.StringVar(&x.Role, "role", "", "a role: to qualify for it though its rule says not")
	flags.StringVar(&held, "held-for", "", "to hold the role for so long, though it says less")
	flags.StringVar(&x.Trigger, "trigger", "", "a trigger that is not to end what they have, as SET/NAME")
	flags.StringVar(&x.Identity, "for", "", "whom it is for; left out: yourself")
	flags.StringArrayVar(&x.Entitlements, "entitlement", nil, "only for this one; left out: all that the constraint is about")
	flags.StringVar(&x.Ticket, "ticket", "", "the ticket that it is for")
	flags.BoolVar(&dryRun, "dry-run", false, "say what would happen, and do nothing")
	return cmd
}

func (x exceptionAsked) ask(ctx context.Context, w *who, dryRun bool) (v api.ExceptionView, err error) {
	c, err := w.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		err = c.call(ctx, http.MethodPost, dry("/api/v1/exceptions", dryRun), x, &v)
		return v, err
	}
	name := cmp.Or(x.Identity, w.as)
	if name == "" {
		return v, fmt.Errorf("%w: say who you are (--as), or whom it is for (--for)", errUsage)
	}
	err = w.on(ctx, dryRun, func(tx store.Tx, book *policy.Book, by access.Decider) error {
		id, err := access.FindCalled(tx, book, name)
		if err != nil {
			return err
		}
		e, err := access.Except(tx, book, access.Excepting{
			Constraint: x.Constraint, Role: x.Role, Lasts: time.Duration(x.Seconds) * time.Second, Trigger: x.Trigger, Identity: id.ID, Entitlements: x.Entitlements, Reason: x.Reason, Ticket: x.Ticket,
			Compensating: x.Compensating, Expires: x.Expires, Review: time.Duration(x.Review) * time.Second, By: by,
		})
		if err != nil {
			return err
		}
		v, err = api.ViewException(tx, e)
		v.DryRun = dryRun
		return err
	})
	return v, err
}

func decideException(name, short string) *cobra.Command {
	return verb[api.ExceptionView]{things: "exceptions", thing: "exception", name: name, short: short, text: exceptionText}.command()
}

// exceptionText says how an exception stands.
func exceptionText(v api.ExceptionView) func(io.Writer) error {
	return func(out io.Writer) error {
		is := "is"
		if v.DryRun {
			is = "would be"
		}
		again := ""
		if !v.LookAgain.IsZero() {
			again = ", and is to be looked at again by " + moment(v.LookAgain)
		}
		_, err := fmt.Fprintf(out, "exception %s to %s for %s %s %s; it ends at %s%s\n",
			v.ID, v.Rule(), cmp.Or(nameOr(v.UserName, v.Identity), strings.Join(v.Subjects, ", ")), is, v.State, moment(v.Expires), again)
		return err
	}
}

func exceptionListCommand() *cobra.Command {
	var a about
	var f format
	var state string
	cmd := &cobra.Command{
		Use:   "list [--state STATE] (--config FILE | --server URL)",
		Short: "List the exceptions that were asked for; those that are documents are in the policy",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listExceptions(cmd.Context(), a, state)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, v := range all {
					rows = append(rows, []string{v.ID, v.Rule(), nameOr(v.UserName, v.Identity), string(v.State), moment(v.Expires), fmt.Sprint(v.Renewal), orDash(v.Reason)})
				}
				return table(out, "exception rule for state ends renewals reason", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only those in this state: open, approved, denied, expired or ended")
	return cmd
}

func listExceptions(ctx context.Context, a about, state string) (all []api.ExceptionView, err error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	if c != nil {
		return pages[api.ExceptionView](ctx, c, "/api/v1/exceptions", url.Values{"state": {state}}, mostListed)
	}
	all = []api.ExceptionView{}
	err = a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			for e, err := range store.Exceptions.All(r) {
				if err != nil {
					return err
				}
				if string(e.State) != cmp.Or(state, string(e.State)) || len(all) == mostListed {
					continue
				}
				v, err := api.ViewException(r, e)
				if err != nil {
					return err
				}
				all = append(all, v)
			}
			return nil
		})
	})
	return all, err
}
