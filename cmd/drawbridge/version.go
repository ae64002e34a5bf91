package main

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"drawbridge/schema"
	"drawbridge/server/api"
)

// versionCommands look at the policies that were in force.
func versionCommands() []*cobra.Command {
	return []*cobra.Command{versionsCommand(), showCommand(), diffCommand()}
}

func versionsCommand() *cobra.Command {
	var w who
	var f format
	cmd := &cobra.Command{
		Use:   "versions (--config FILE | --server URL)",
		Short: "List the policies that came into force, newest first",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				all, err := c.publications(cmd.Context(), string(schema.PublicationPublished))
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
					var rows [][]string
					for i, v := range all {
						now := "-"
						if v.InForce && i == 0 {
							now = "in force"
						}
						rows = append(rows, []string{short(v.Digest), moment(v.Ended), now, v.Published, fmt.Sprint(len(v.Approvals)), orDash(short(v.Commit)), orDash(v.Outcome)})
					}
					return table(out, "version since now by approvals commit because", rows)
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	return cmd
}

// version reads a version, by how its digest begins.
func (c *client) version(cmd *cobra.Command, begins string) (v api.VersionView, err error) {
	err = c.get(cmd.Context(), "/api/v1/policy/versions/"+url.PathEscape(begins), nil, &v)
	return v, err
}

func showCommand() *cobra.Command {
	var w who
	var f format
	cmd := &cobra.Command{
		Use:   "show VERSION (--config FILE | --server URL)",
		Short: "Print the documents of a version, or the plan of a publication",
		Args:  exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				if strings.Contains(args[0], "-") { // an id; no digest has one
					return showPublication(cmd, c, f, args[0])
				}
				v, err := c.version(cmd, args[0])
				if err != nil {
					return err
				}
				return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error {
					for _, p := range v.Publications {
						fmt.Fprintf(out, "# version %s, published %s by %s, agreed to by %d\n", short(v.Digest), moment(p.Ended), p.Published, len(p.Approvals))
					}
					for _, name := range slices.Sorted(maps.Keys(v.Files)) {
						if _, err := fmt.Fprintf(out, "# %s\n%s\n", name, strings.TrimRight(v.Files[name], "\n")); err != nil {
							return err
						}
					}
					return nil
				})
			})
		},
	}
	w.flags(cmd)
	f.flag(cmd)
	return cmd
}

func showPublication(cmd *cobra.Command, c *client, f format, id string) error {
	var v api.PublicationView
	if err := c.get(cmd.Context(), "/api/v1/publications/"+url.PathEscape(id), nil, &v); err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error {
		if err := publicationText(v)(out); err != nil {
			return err
		}
		fmt.Fprintf(out, "proposed by %s at %s, of commit %s by %s: %s\n", nameOr(v.ProposerName, v.By), moment(v.Made), orDash(short(v.Commit)), orDash(v.Author), orDash(v.Reason))
		if v.Signer != "" {
			fmt.Fprintf(out, "signed by %s\n", v.Signer)
		}
		for kind, some := range map[string][]schema.Approval{"agreed": v.Approvals, "reviewed": v.Reviews} {
			for _, a := range some {
				fmt.Fprintf(out, "%s: %s at %s: %s\n", kind, a.By, moment(a.At), orDash(a.Reason))
			}
		}
		if v.SavedPlan == nil {
			return nil
		}
		return planned(v.SavedPlan.Plan)(out)
	})
}

func diffCommand() *cobra.Command {
	var w who
	cmd := &cobra.Command{
		Use:   "diff VERSION VERSION (--config FILE | --server URL)",
		Short: "Say which lines of the documents differ between two versions",
		Args:  exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.with(cmd.Context(), func(c *client) error {
				from, err := c.version(cmd, args[0])
				if err != nil {
					return err
				}
				to, err := c.version(cmd, args[1])
				if err != nil {
					return err
				}
				return diffFiles(cmd.OutOrStdout(), from.Files, to.Files)
			})
		},
	}
	w.flags(cmd)
	return cmd
}

// diffFiles writes what differs, file by file, as patches have it.
func diffFiles(out io.Writer, from, to map[string]string) error {
	all := maps.Clone(from)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, to)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text := diff.Diff("a/"+name, []byte(from[name]), "b/"+name, []byte(to[name]))
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return nil
}
