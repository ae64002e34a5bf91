package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/connectors/builtin"
	"drawbridge/connectors/describe"
)

func connectorDescribeCommand() *cobra.Command {
	var c connectorDescribe
	var f format
	cmd := &cobra.Command{
		Use:   "describe (NAME --config FILE | --profile PROFILE [--profiles DIR])",
		Short: "Say what a target can do and cannot, what cannot be undone, how fast, and how that is known",
		Long: "Says what is known of a target without asking it: what can be done there and what cannot, what cannot be\n" +
			"undone, its limits, and beside each what that rests on: the profile, with where it was read; a default; a guess,\n" +
			"where nobody has found out; the kind of connector; or the configuration. connector check asks the target itself.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := c.describe(args)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), d, func(out io.Writer) error { return describeText(out, d) })
		},
	}
	cmd.Flags().StringVar(&c.config, "config", "", "configuration file")
	cmd.Flags().StringVar(&c.profile, "profile", "", "a profile, instead of a connector that is configured")
	cmd.Flags().StringVar(&c.profiles, "profiles", "", "with --profile: a folder with profiles of your own, which count before those that ship")
	f.flag(cmd)
	return cmd
}

type connectorDescribe struct{ config, profile, profiles string }

func (c connectorDescribe) describe(args []string) (d describe.Description, err error) {
	if (len(args) == 1) == (c.profile != "") || c.profile == "" && c.profiles != "" || c.profile != "" && c.config != "" {
		return d, fmt.Errorf("%w: name a connector and its --config, or a --profile", errUsage)
	}
	if c.profile != "" {
		cfg, err := configs.ProfileOf(configs.Profiles(c.profiles), c.profile)
		if err != nil {
			return d, err
		}
		return describe.Of(cfg, builtin.Sample(cfg)), nil
	}
	cfg, err := (&connectorCheck{name: args[0], config: c.config}).find()
	if err != nil {
		return d, err
	}
	target, err := builtin.Unasked(cfg)
	if err != nil {
		return d, err
	}
	if closer, ok := target.(connectors.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	return describe.Of(cfg, target), nil
}

func describeText(out io.Writer, d describe.Description) error {
	head := d.Title
	if d.Connector != "" {
		head = d.Connector + ": " + head
	}
	head += " (kind " + d.Kind
	if d.Profile != "" {
		head += ", profile " + d.Profile
	}
	head += ")"
	if d.Address != "" {
		head += ", " + d.Address
	}
	fmt.Fprintln(out, head)
	for _, part := range []struct {
		title string
		all   []describe.Statement
	}{{"it can", d.Can}, {"it cannot", d.Cannot}, {"for good", d.ForGood}, {"limits", d.Limits}, {"credential", d.Access}} {
		if err := statements(out, part.title, part.all); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		title string
		all   []string
	}{{"it demands, and the bridge can do nothing about it", d.Demands}, {"nobody has found out", d.Unknown}, {"what the profile says", d.Notes}} {
		if len(part.all) > 0 {
			fmt.Fprintf(out, "\n%s:\n", part.title)
		}
		for _, text := range part.all {
			fmt.Fprintf(out, "  %s\n", text)
		}
	}
	return nil
}

// statements writes what is said with what it rests on.
func statements(out io.Writer, title string, all []describe.Statement) error {
	if len(all) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\n%s:\n", title)
	var rows [][]string
	for _, s := range all {
		rows = append(rows, []string{"  " + s.Says, restsOn(s)})
	}
	return columns(out, rows)
}

// restsOn is what a statement rests on, for people.
func restsOn(s describe.Statement) string {
	text := string(s.From)
	if s.From == describe.Assumed {
		text = "assumed: nobody has found out"
	}
	if s.Read != "" {
		text += ": " + s.Read
	}
	return text
}
