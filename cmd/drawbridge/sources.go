package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func sourceListCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "list (--config FILE | --server URL)",
		Short: "List the sources, whom they told of, and what of it could not be used",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := listSources(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				var rows [][]string
				for _, s := range all {
					trust := s.Trust
					if !s.Approved {
						trust = "(no document)"
					}
					rows = append(rows, []string{s.Name, trust, fmt.Sprint(s.Identities), fmt.Sprint(s.Groups), fmt.Sprint(s.Tokens), fmt.Sprint(s.Unmapped), fmt.Sprint(s.Parked), fmt.Sprint(s.Waiting), fmt.Sprint(s.Ambiguous), fmt.Sprint(s.OutOfScope), heard(s)})
				}
				return table(out, "source trust identities groups tokens unmapped parked waiting ambiguous outOfScope heard", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

// heard says when a source was heard last.
func heard(s api.SourceView) string {
	at := moment(s.Heard)
	if s.Stale {
		at += " (stale)"
	}
	return at
}

func listSources(ctx context.Context, a about) (all []api.SourceView, err error) {
	running, err := a.running()
	if err != nil {
		return nil, err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return nil, err
		}
		return c.sources(ctx)
	}
	err = a.read(func(s stopped) error {
		book, err := s.book(ctx)
		if err != nil {
			return err
		}
		return s.store.View(ctx, func(r store.Reader) (err error) {
			all, err = api.SourcesOf(r, book, nil)
			return err
		})
	})
	return all, err
}

// book returns the policy in force, nil if none ever was.
func (s stopped) book(ctx context.Context) (*policy.Book, error) {
	rules, err := s.rules(ctx)
	if errors.Is(err, schema.ErrNotFound) {
		return nil, nil //nolint:nilnil // no policy is no error
	}
	if err != nil {
		return nil, err
	}
	return rules.Book(), nil
}

func sourceUnmappedCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "unmapped SOURCE (--config FILE | --server URL)",
		Short: "List what a source sends and no schema has, so that it is dropped",
		Long: "Lists what a source sends and no schema has, the most often sent first. To keep an attribute, name a file with its\n" +
			"schema in schemas in the configuration; or have the source not send it.",
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := listUnmapped(cmd.Context(), a, args[0])
			if errors.Is(err, schema.ErrNotFound) {
				return hint(err, "drawbridge source list shows the sources")
			}
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				if len(all) == 0 {
					_, err := fmt.Fprintln(out, "everything that it sends is mapped")
					return err
				}
				var rows [][]string
				for _, u := range all {
					rows = append(rows, []string{u.Attribute, fmt.Sprint(u.Count), moment(u.First), moment(u.Last), u.Example})
				}
				return table(out, "attribute count first last example", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func listUnmapped(ctx context.Context, a about, source string) (all []api.UnmappedView, err error) {
	running, err := a.running()
	if err != nil {
		return nil, err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return nil, err
		}
		return c.unmapped(ctx, source)
	}
	err = a.read(func(s stopped) error {
		return s.aboutSource(ctx, source, func(r store.Reader) (err error) {
			all, err = api.UnmappedOf(r, nil, source)
			return err
		})
	})
	return all, err
}

// aboutSource looks at the store for a source, if there is one of the name.
func (s stopped) aboutSource(ctx context.Context, source string, look func(store.Reader) error) error {
	book, err := s.book(ctx)
	if err != nil {
		return err
	}
	return s.store.View(ctx, func(r store.Reader) error {
		if err := api.KnownSource(r, book, nil, source); err != nil {
			return err
		}
		return look(r)
	})
}

func sourceParkedCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "parked SOURCE (--config FILE | --server URL)",
		Short: "List the members that a source named and has not told of yet",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := listParked(cmd.Context(), a, args[0])
			if errors.Is(err, schema.ErrNotFound) {
				return hint(err, "drawbridge source list shows the sources")
			}
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				if len(all) == 0 {
					_, err := fmt.Fprintln(out, "it told of every member that it named")
					return err
				}
				var rows [][]string
				for _, p := range all {
					rows = append(rows, []string{p.Member, p.Group, moment(p.Since)})
				}
				return table(out, "member group since", rows)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func listParked(ctx context.Context, a about, source string) (all []api.ParkedView, err error) {
	running, err := a.running()
	if err != nil {
		return nil, err
	}
	if running {
		c, err := a.ask()
		if err != nil {
			return nil, err
		}
		return pages[api.ParkedView](ctx, c, "/api/v1/sources/"+url.PathEscape(source)+"/parked", nil, mostListed)
	}
	err = a.read(func(s stopped) error {
		return s.aboutSource(ctx, source, func(r store.Reader) error {
			all = []api.ParkedView{}
			for p, err := range store.ParkedMembers.By(r, store.ParkedMember, source) {
				if err != nil {
					return err
				}
				if all = append(all, api.ParkedView{Member: p.Member, Group: p.Group, Since: p.Since}); len(all) == mostListed {
					break
				}
			}
			return nil
		})
	})
	return all, err
}
