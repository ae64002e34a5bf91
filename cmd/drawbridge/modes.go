package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/server/api"
	"drawbridge/store"
)

func accessModesCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "modes (--config FILE | --server URL)",
		Short: "List how far each role goes at each connector, and since when it is decided about as it is",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list api.List[api.ModeView]
			err := a.report(cmd.Context(), "/api/v1/modes", nil, &list, func(r store.Reader, book *policy.Book) (err error) {
				list.Items, err = api.ModesOf(r, book)
				return err
			})
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), list.Items, func(out io.Writer) error {
				var rows [][]string
				for _, m := range list.Items {
					rows = append(rows, []string{m.Role, m.Connector, string(m.Mode), moment(m.Since)})
				}
				return table(out, "role connector mode as-it-is-since", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func accessOwnersCommand() *cobra.Command {
	var a about
	var f format
	most := 20
	cmd := &cobra.Command{
		Use:   "owners [--most 20] (--config FILE | --server URL)",
		Short: "Say who answers for what, and where that is thin: one person alone, one who left, one who has too much",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var report access.OwnersReport
			err := a.report(cmd.Context(), "/api/v1/owners", url.Values{"most": {strconv.Itoa(most)}}, &report, func(r store.Reader, book *policy.Book) (err error) {
				report, err = access.Owners(r, book, most)
				return err
			})
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), report, func(out io.Writer) error { return ownersText(out, report) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().IntVar(&most, "most", most, "who owns more than so many is marked")
	return cmd
}

func ownersText(out io.Writer, report access.OwnersReport) error {
	var rows [][]string
	for _, p := range report.People {
		var marks []string
		switch {
		case p.Left:
			marks = append(marks, "left")
		case !p.There:
			marks = append(marks, "no source told of them")
		}
		if p.Many {
			marks = append(marks, "owns too much")
		}
		rows = append(rows, []string{p.Who, fmt.Sprint(len(p.Owns)), fmt.Sprint(len(p.DeputyOf)), orDash(strings.Join(marks, ", "))})
	}
	if err := table(out, "who owns deputy-of note", rows); err != nil {
		return err
	}
	for _, u := range report.Alone {
		if _, err := fmt.Fprintf(out, "%s: %s (owner %s, deputy %s)\n", u.Ref, u.Why, orDash(u.Owner), orDash(u.Deputy)); err != nil {
			return err
		}
	}
	return nil
}

// report reads something of a bridge that runs, or of the store of one that is stopped.
func (a *about) report(ctx context.Context, path string, query url.Values, into any, read func(store.Reader, *policy.Book) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	if c != nil {
		return c.get(ctx, path, query, into)
	}
	return a.read(func(s stopped) error {
		book, err := s.book(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) error { return read(r, book) })
	})
}
