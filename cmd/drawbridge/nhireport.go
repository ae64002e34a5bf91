package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access/nhi"
	"drawbridge/policy"
	"drawbridge/store"
)

func nhiReportCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "report (--config FILE | --server URL)",
		Short: "Report what machine identities are at risk of, a block for each of the ten risks of OWASP (2025)",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := reportMachines(cmd.Context(), a)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), report, reportText(report))
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func reportMachines(ctx context.Context, a about) (report nhi.MachineReport, err error) {
	c, err := a.client()
	if err != nil {
		return report, err
	}
	if c != nil {
		err = c.call(ctx, http.MethodGet, "/api/v1/nhi-report", nil, &report)
		return report, err
	}
	err = a.look(ctx, func(r store.Reader, book *policy.Book) (err error) {
		report, err = nhi.Report(r, book)
		return err
	})
	return report, err
}

func reportText(report nhi.MachineReport) func(io.Writer) error {
	return func(out io.Writer) error {
		fmt.Fprintf(out, "%s, %s among them; at %s, by policy %s\n",
			plural(report.Machines, "machine"), plural(report.Agents, "agent"), moment(report.At), report.Policy[:min(12, len(report.Policy))])
		for _, b := range report.Blocks {
			fmt.Fprintf(out, "\n%s %s: %s at risk\n  looked at: %s\n", b.ID, b.Title, plural(b.AtRisk, "machine"), b.Looks)
			var counts []string
			for _, name := range slices.Sorted(maps.Keys(b.Counts)) {
				counts = append(counts, fmt.Sprintf("%s %d", name, b.Counts[name]))
			}
			if len(counts) > 0 {
				fmt.Fprintf(out, "  counted: %s\n", strings.Join(counts, ", "))
			}
			for _, line := range b.Findings {
				since := ""
				if !line.Since.IsZero() {
					since = " (known since " + moment(line.Since) + ")"
				}
				fmt.Fprintf(out, "  ! %s: %s: %s%s\n", line.UserName, line.What, line.Reason, since)
			}
			for _, line := range b.Register {
				fmt.Fprintf(out, "    %s: %s\n", line.UserName, line.What)
			}
		}
		return nil
	}
}

// machineText says how a machine stands.
func machineText(v nhi.MachineView) func(io.Writer) error {
	return func(out io.Writer) error {
		is := "is"
		if v.DryRun {
			is = "would be"
		}
		fmt.Fprintf(out, "%s %s a %s of %s, %s\n", v.UserName, is, v.Kind, cmp.Or(v.Environment, "no environment"), cmp.Or(v.Purpose, "in no register"))
		fmt.Fprintf(out, "  owner   %s\n", ownerText(v))
		if v.Deputy != "" {
			fmt.Fprintf(out, "  deputy  %s (%s)\n", v.Deputy, v.DeputyIs)
		}
		if !v.ReassignBy.IsZero() {
			fmt.Fprintf(out, "  its access ends on %s, unless another owner is named\n", v.ReassignBy.UTC().Format(time.DateOnly))
		}
		if !v.Stopped.IsZero() {
			fmt.Fprintf(out, "  stopped at %s: it holds nothing until somebody starts it\n", moment(v.Stopped))
		}
		for _, h := range v.Holds {
			fmt.Fprintf(out, "  holds   %s since %s, last used %s\n", h.Entitlement, moment(h.Since), moment(h.LastUsed))
		}
		for _, c := range v.Credentials {
			fmt.Fprintf(out, "  proves itself by %s, a %s%s\n", c.Name, c.Type, map[bool]string{true: "; change it: " + c.Why}[c.Why != ""])
		}
		for _, r := range v.Risks {
			if _, err := fmt.Fprintf(out, "  ! %s %s: %s\n", r.Risk, r.Object, r.Reason); err != nil {
				return err
			}
		}
		return nil
	}
}

// credentialsText lists the credentials of a machine. Of a secret it says where it is
// kept; what it is nobody here knows.
func credentialsText(v nhi.MachineView) func(io.Writer) error {
	return func(out io.Writer) error {
		var rows [][]string
		for _, c := range v.Credentials {
			since := moment(c.Since)
			if !c.Known {
				since = "not known"
			}
			rows = append(rows, []string{c.Name, c.Type, orDash(c.Ref), orDash(c.Opens), since, orDash(c.MaxAge), moment(c.Due), orDash(c.Why)})
		}
		return table(out, "credential type ref opens changed maxAge due change", rows)
	}
}
