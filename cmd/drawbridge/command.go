package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/schema"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // held or refused by a rule
)

// version is set when a release is built.
var version = ""

// errUsage marks what is wrong with the command line itself.
var errUsage = errors.New("usage")

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	say(stderr, err)
	return exitCode(err)
}

const rootLong = `Drawbridge takes people and groups in by SCIM, decides by governed roles who should
have what, tells every target, and keeps a log that proves it.

Begin with 'drawbridge demo', which needs nothing, or with 'drawbridge init'.

Which bridge a command is about: one that runs, by --server or DRAWBRIDGE_SERVER, with an
API token in DRAWBRIDGE_TOKEN; or one that is stopped, by --config.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 held or refused by a rule.`

// rootCommand is the whole command line.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "drawbridge",
		Short:         "SCIM in, governed roles, every target told, every decision logged",
		Long:          rootLong,
		Version:       versionOf(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Run a bridge:", []*cobra.Command{
			demoCommand(), initCommand(), checkCommand(), serveCommand(), statusCommand(), haltCommand(), resumeCommand(), storeCommand(), tokenCommand(),
		}},
		{"Say who should have what:", []*cobra.Command{policyCommand(), accessCommand(), reviewsCommand(), nhiCommand()}},
		{"Connect what there is:", []*cobra.Command{sourceCommand(), connectorCommand()}},
		{"See what waits for people:", []*cobra.Command{workCommand(), sweepCommand(), findingCommand(), noticeCommand()}},
		{"Prove it:", []*cobra.Command{auditCommand(), exposureCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.title
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(versionCommand())
	nounOnly(root)
	return root
}

// nounOnly makes a noun without a verb show what verbs there are, and one with a
// verb that it does not have an error that says so.
func nounOnly(cmd *cobra.Command) {
	if !cmd.HasSubCommands() {
		return
	}
	var verbs []string
	for _, sub := range cmd.Commands() {
		verbs = append(verbs, sub.Name())
		nounOnly(sub)
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !cmd.HasParent() {
			return cmd.Help()
		}
		if len(args) == 0 {
			cmd.SetOut(cmd.ErrOrStderr()) // an answer it is not
			return errors.Join(cmd.Help(), fmt.Errorf("%w: %s wants one of these commands", errUsage, cmd.CommandPath()))
		}
		err := fmt.Errorf("%w: there is no %q: %s %s", errUsage, args[0], cmd.CommandPath(), strings.Join(verbs, "|"))
		if near := suggestion(cmd, args); near != "" {
			return hint(err, "did you mean %s?", near)
		}
		return err
	}
}

func suggestion(cmd *cobra.Command, args []string) string {
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(args[0])
	if len(near) == 0 {
		return ""
	}
	return near[0]
}

// say tells what went wrong, and what may help.
func say(stderr io.Writer, err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(stderr, "drawbridge:", schema.Told(err))
	if h, ok := errors.AsType[*hinted](err); ok {
		fmt.Fprintln(stderr, "hint:", h.hint)
	}
}

// hinted is an error with what may help.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// hint adds what may help to an error, unless it has a hint already.
func hint(err error, format string, args ...any) error {
	if _, ok := errors.AsType[*hinted](err); ok || err == nil {
		return err
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, schema.ErrHeld), errors.Is(err, schema.ErrForbidden):
		return exitRefused
	}
	return exitFailed
}

// exactly asks for n arguments.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between asks for from least to most arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("%w: %s", errUsage, cmd.UseLine())
		}
		return nil
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "drawbridge", versionOf())
			return err
		},
	}
}

// versionOf is the release's, or else what the build knows of itself.
func versionOf() string {
	if info, ok := debug.ReadBuildInfo(); version == "" && ok {
		return info.Main.Version
	}
	return version
}
