package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

func haltCommand() *cobra.Command {
	return haltingCommand("halt", access.Halt, "Stop what is written to a target, or to all of them; removals that are due go on",
		"Stops at once, until it is resumed, also over a restart. The bridge goes on taking in and deciding; what it may not write\n"+
			"waits. Still removed is what those hold who left, and what rested on grants that reached their end or that people ended.\n"+
			"With --config it works on the store of a bridge that is stopped, when nothing else can be reached.")
}

func resumeCommand() *cobra.Command {
	return haltingCommand("resume", access.Resume, "Let what was halted go on, what ends access first", "")
}

func haltingCommand(verb string, do func(store.Tx, access.Halting) (schema.Halt, error), short, long string) *cobra.Command {
	var a about
	var f format
	h := access.Halting{Connector: schema.Everywhere, By: local()}
	var dryRun bool
	cmd := &cobra.Command{
		Use:   verb + " [CONNECTOR] --reason WHY [--dry-run] (--config FILE | --server URL)",
		Short: short,
		Long:  long,
		Args:  between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if h.Reason == "" {
				return fmt.Errorf("%w: --reason says why, for the decision log", errUsage)
			}
			if len(args) > 0 {
				h.Connector = args[0]
			}
			v, err := halting(cmd.Context(), a, verb, h, do, dryRun)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return haltText(out, verb, v) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	cmd.Flags().StringVar(&h.Reason, "reason", "", "why, for the decision log")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}

// haltText says what is halted, or goes on.
func haltText(out io.Writer, verb string, v api.HaltReply) error {
	is, what := "is", "connector "+v.Connector
	if v.DryRun {
		is = "would be"
	}
	if v.Connector == schema.Everywhere {
		what = "everything"
	}
	if verb == "resume" {
		_, err := fmt.Fprintf(out, "%s %s resumed; it was halted since %s by %s: %s\n", what, is, moment(v.At), v.By, v.Reason)
		return err
	}
	_, err := fmt.Fprintf(out, "%s %s halted since %s by %s: %s\n", what, is, moment(v.At), v.By, v.Reason)
	return err
}

func halting(
	ctx context.Context, a about, verb string, h access.Halting, do func(store.Tx, access.Halting) (schema.Halt, error), dryRun bool,
) (v api.HaltReply, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		body, path := map[string]string{"reason": h.Reason}, "/api/v1/halts"
		if h.Connector != schema.Everywhere {
			body["connector"] = h.Connector
		}
		if verb == "resume" {
			path += "/resume"
		}
		err = c.call(ctx, http.MethodPost, dry(path, dryRun), body, &v)
		return v, err
	}
	v.DryRun = dryRun
	err = a.change(func(s stopped) error {
		h.Known = s.connectors()
		err := s.try(ctx, dryRun, func(tx store.Tx) (err error) {
			v.Halt, err = do(tx, h)
			return err
		})
		if err != nil || dryRun {
			return err
		}
		return s.sign(ctx)
	})
	return v, err
}

// sign signs the log of a stopped bridge with its key, if that is there.
func (s stopped) sign(ctx context.Context) error {
	if _, err := os.Stat(s.cfg.Audit.Key); err != nil {
		return nil //nolint:nilerr // it is signed when the bridge runs
	}
	return bridge.Sign(ctx, s.cfg.Audit, s.store)
}

// connectors are the names of those that are configured.
func (s stopped) connectors() []string {
	var names []string
	for _, c := range s.cfg.Connectors {
		names = append(names, c.Name)
	}
	return names
}

func statusCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "status (--config FILE | --server URL)",
		Short: "Say how a bridge stands: what is halted, held and waited for",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := status(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), v, func(out io.Writer) error { return statusText(out, v) })
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func status(ctx context.Context, a about) (v api.StatusView, err error) {
	c, err := a.client()
	if err != nil {
		return v, err
	}
	if c != nil {
		return v, c.get(ctx, "/api/v1/status", nil, &v)
	}
	err = a.read(func(s stopped) error {
		var book *policy.Book
		if p, err := bridge.InForce(ctx, s.store); err == nil { // without one it is told what there is
			book = p.Book
		}
		return s.store.View(ctx, func(r store.Reader) error {
			v, err = api.StatusOf(r, book, s.connectors())
			return err
		})
	})
	return v, err
}

func statusText(out io.Writer, v api.StatusView) error {
	for _, h := range v.Halts {
		if err := haltText(out, "halt", api.HaltReply{Halt: h}); err != nil {
			return err
		}
	}
	lines := []string{fmt.Sprintf("policy %s, mode %s", orDash(short(v.Policy)), orDash(string(v.Mode)))}
	if v.Leavers > 0 {
		lines = append(lines, fmt.Sprintf("NOW: %s of people who left wait for a release: drawbridge work list --kind proposal", plural(v.Leavers, "line")))
	}
	if v.Proposals > 0 {
		lines = append(lines, plural(v.Proposals, "proposal")+": drawbridge work list --kind proposal shows them by cause")
	}
	if v.Holds > 0 {
		lines = append(lines, plural(v.Holds, "hold")+": drawbridge sweep list shows what is held")
	}
	if _, err := fmt.Fprintln(out, strings.Join(lines, "\n")); err != nil {
		return err
	}
	var rows [][]string
	for _, c := range v.Connectors {
		state := "writes"
		switch {
		case c.Halted:
			state = "halted"
		case c.Mode == schema.Propose:
			state = "asks"
		case c.Mode != schema.Enforce:
			state = "-"
		}
		rows = append(rows, []string{c.Name, orDash(string(c.Mode)), state, fmt.Sprint(c.Waiting), moment(c.Open)})
	}
	return table(out, "connector mode state waiting open-since", rows)
}
