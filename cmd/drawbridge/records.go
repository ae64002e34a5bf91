package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func sourceRecordsCommand() *cobra.Command {
	var a about
	var f format
	var place string
	cmd := &cobra.Command{
		Use:   "records SOURCE [--place waiting|ambiguous|out-of-scope] (--config FILE | --server URL)",
		Short: "List the records of a source that are kept apart, and why",
		Long: "Lists the records that are joined to nobody: those that wait for an authoritative source, those that may be of several\n" +
			"identities, and those of whom the source may not speak. Who they are of is said by source join.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch schema.Place(place) {
			case "", schema.Waiting, schema.Ambiguous, schema.OutOfScope:
			default:
				return fmt.Errorf("%w: --place is %q: write waiting, ambiguous or out-of-scope", errUsage, place)
			}
			all, err := listRecords(cmd.Context(), a, args[0], schema.Place(place))
			if errors.Is(err, schema.ErrNotFound) {
				return hint(err, "drawbridge source list shows the sources")
			}
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				if len(all) == 0 {
					_, err := fmt.Fprintln(out, "every record of it counts")
					return err
				}
				var rows [][]string
				for _, r := range all {
					rows = append(rows, []string{r.ID, r.UserName, string(r.Place), moment(r.Modified), orDash(r.Why)})
				}
				return table(out, "record userName place since why", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&place, "place", "", "only those kept apart for this: waiting, ambiguous or out-of-scope")
	return cmd
}

func listRecords(ctx context.Context, a about, source string, place schema.Place) (all []api.RecordView, err error) {
	running, err := a.running()
	if err != nil {
		return nil, err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return nil, err
		}
		query := url.Values{}
		if place != "" {
			query.Set("place", string(place))
		}
		return pages[api.RecordView](ctx, c, "/api/v1/sources/"+url.PathEscape(source)+"/records", query, mostListed)
	}
	err = a.read(func(s stopped) error {
		book, err := s.book(ctx)
		if err != nil {
			return err
		}
		return s.aboutSource(ctx, source, func(r store.Reader) error {
			all = []api.RecordView{}
			for rec, err := range api.RecordsOf(r, source, place) {
				if err != nil {
					return err
				}
				v, err := api.ViewRecord(r, book, rec)
				if err != nil {
					return err
				}
				if all = append(all, v); len(all) == mostListed {
					break
				}
			}
			return nil
		})
	})
	return all, err
}

func sourceJoinCommand() *cobra.Command {
	return attachCommand(&cobra.Command{
		Use:   "join RECORD USER --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: "Say whose a source's record is; nothing that it says parts them again",
		Args:  exactly(2),
	})
}

func sourceSplitCommand() *cobra.Command {
	return attachCommand(&cobra.Command{
		Use:   "split RECORD --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: "Say that a source's record is of an identity of its own; nothing that it says joins it again",
		Args:  exactly(1),
	})
}

// attachCommand is a person's word on whose a record is: the first argument, of the
// identity that the second one names, if there is one.
func attachCommand(cmd *cobra.Command) *cobra.Command {
	var a about
	var f format
	var reason string
	var dryRun bool
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
		}
		what := access.Attachment{Record: args[0], By: local(), Reason: reason}
		if len(args) > 1 {
			what.Identity = args[1]
		}
		v, err := attach(cmd.Context(), a, what, dryRun)
		if err != nil {
			return err
		}
		return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error {
			is := "is"
			if dryRun {
				is = "would be"
			}
			whose := "of identity " + v.Identity
			if v.Identity == v.ID {
				whose = "of an identity of its own"
			}
			_, err := fmt.Fprintf(out, "record %s (%s of source %s) %s %s\n", v.ID, v.UserName, v.Source, is, whose)
			return err
		})
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

func attach(ctx context.Context, a about, what access.Attachment, dryRun bool) (v api.RecordView, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		body, verb := map[string]string{"reason": what.Reason}, "split"
		if what.Identity != "" {
			body["identity"], verb = what.Identity, "join"
		}
		err = c.call(ctx, http.MethodPost, dry("/api/v1/records/"+url.PathEscape(what.Record)+"/"+verb, dryRun), body, &v)
		return v, err
	}
	err = a.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.try(ctx, dryRun, func(tx store.Tx) (err error) {
			v, err = api.Attach(tx, rules.Book(), what)
			return err
		})
	})
	return v, err
}

func accessLiftCommand() *cobra.Command {
	var a about
	var f format
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "lift USER ROLE --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: "Take away what stands against a role coming back, since it was revoked",
		Args:  exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			l, err := lift(cmd.Context(), a, access.Lifting{Identity: args[0], Role: args[1], By: local(), Reason: reason}, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), l, func(out io.Writer) error {
				did := "nothing stands any more against role %s coming back to %s, where its rule gives it\n"
				if dryRun {
					did = strings.Replace(did, "stands", "would stand", 1)
				}
				_, err := fmt.Fprintf(out, did, l.Role, l.UserName)
				return err
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

func lift(ctx context.Context, a about, l access.Lifting, dryRun bool) (v api.Lifted, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		body := map[string]string{"identity": l.Identity, "role": l.Role, "reason": l.Reason}
		err = c.call(ctx, http.MethodPost, dry("/api/v1/liftings", dryRun), body, &v)
		return v, err
	}
	err = a.change(func(s stopped) error {
		rules, err := s.rules(ctx)
		if err != nil {
			return err
		}
		return s.try(ctx, dryRun, func(tx store.Tx) (err error) {
			v, err = api.Lift(tx, rules.Book(), l)
			return err
		})
	})
	return v, err
}
