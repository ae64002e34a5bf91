package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/access/exposure"
	"drawbridge/evidence/pack"
	"drawbridge/server/api"
	"drawbridge/store"
)

func exposureCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "exposure", Short: "How long access outlives what ends it"}
	cmd.AddCommand(exposureReportCommand(), exposureOpenCommand())
	return cmd
}

// A period is a span of time as it is written on a command line: days, or moments.
type period struct{ from, to string }

func (p *period) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.from, "from", "", "first day (2026-01-31, in UTC) or moment (RFC 3339)")
	cmd.Flags().StringVar(&p.to, "to", "", "the day, or moment, before which it ends; now if it is left out")
}

// span reads it. Without a beginning it is as long as back says.
func (p period) span(now time.Time, back time.Duration) (from, to time.Time, err error) {
	if to, err = readMoment("--to", p.to, now); err != nil {
		return from, to, err
	}
	if from, err = readMoment("--from", p.from, to.Add(-back)); err != nil {
		return from, to, err
	}
	if !from.Before(to) {
		return from, to, fmt.Errorf("%w: the period would end at %s and begin at %s", errUsage, moment(to), moment(from))
	}
	return from, to, nil
}

func readMoment(flag, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %s is %q: write a day, 2026-01-31, or a moment, 2026-01-31T09:00:00Z", errUsage, flag, text)
}

// A tableFormat is a format that may also be CSV.
type tableFormat struct{ format }

// Set refuses anything else before the command does anything.
func (f *tableFormat) Set(name string) error {
	if name == "csv" {
		f.name = name
		return nil
	}
	return f.format.Set(name)
}

const month = 30 * 24 * time.Hour

func exposureReportCommand() *cobra.Command {
	var a about
	var p period
	f := tableFormat{format{"text"}}
	by := exposure.ByConnector
	cmd := &cobra.Command{
		Use:   "report [--from DAY] [--to DAY] [--by connector|trigger|person] (--config FILE | --server URL)",
		Short: "Report how long access outlived the changes that ended it, of the last 30 days or of a period",
		Long: "Counts the exposure windows that were opened in the period, and shows the longest. As CSV it is a row for each\n" +
			"entitlement that each of them took away. What was not read back, and what the source gave no time of, is counted apart.",
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if by != exposure.ByConnector && by != exposure.ByTrigger && by != exposure.ByPerson {
				return fmt.Errorf("%w: --by is %q: write connector, trigger or person", errUsage, by)
			}
			from, to, err := p.span(time.Now().UTC(), month)
			if err != nil {
				return err
			}
			if f.name == "csv" {
				return exposureRows(cmd.Context(), a, from, to, cmd.OutOrStdout())
			}
			report, err := reportExposure(cmd.Context(), a, from, to, by)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), report, exposureText(report))
		},
	}
	a.flags(cmd)
	p.flags(cmd)
	cmd.Flags().VarP(&f, "output", "o", "text, json or csv")
	cmd.Flags().StringVar(&by, "by", by, "connector, trigger or person")
	return cmd
}

func reportExposure(ctx context.Context, a about, from, to time.Time, by string) (report exposure.Report, err error) {
	c, err := a.client()
	if err != nil {
		return report, err
	}
	if c != nil {
		err = c.get(ctx, "/api/v1/exposure", spanQuery(from, to, "by", by), &report)
		return report, err
	}
	err = a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) (err error) {
			report, err = exposure.Measure(r, from, to, by)
			return err
		})
	})
	return report, err
}

func spanQuery(from, to time.Time, more ...string) url.Values {
	query := url.Values{"from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}}
	for i := 0; i+1 < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return query
}

func exposureText(report exposure.Report) func(io.Writer) error {
	return func(out io.Writer) error {
		t := report.Total
		fmt.Fprintf(out, "%s opened from %s to before %s, %d of people who left; as of %s\n",
			plural(t.Windows, "exposure window"), moment(report.From), moment(report.To), t.Left, moment(report.At))
		fmt.Fprintf(out, "  ended: %d read back, %d acknowledged and not read back, %d with nothing left to tell; %d open\n", t.Verified, t.Acknowledged, t.Moot, t.Open)
		fmt.Fprintf(out, "  in time: %d read back, %d acknowledged and not read back; %d too late; %d without an objective, %d awaited, %d with nothing left to tell\n",
			t.Met, t.Unverified, t.Missed, t.NoObjective, t.Awaited, t.Void)
		fmt.Fprintf(out, "  from when the bridge was told: %s\n", tookText(t.Told))
		fmt.Fprintf(out, "  from the source's own time:    %s; of %d the source did not say\n", tookText(t.Source), t.UnknownSource)
		for _, stage := range []string{"received", "decided", "sent", "acknowledged", "verified"} {
			if took, ok := t.Stages[stage]; ok {
				fmt.Fprintf(out, "    %-13s %s\n", stage, tookText(took))
			}
		}
		if report.Held > 0 {
			fmt.Fprintf(out, "  %d who left keep what they have, because a brake holds their end: no window is open for them yet\n", report.Held)
		}
		var rows [][]string
		for _, g := range report.Groups[:min(len(report.Groups), mostListed)] {
			rows = append(rows, []string{g.Name, strconv.Itoa(g.Windows), strconv.Itoa(g.Verified), strconv.Itoa(g.Acknowledged), strconv.Itoa(g.Open), strconv.Itoa(g.Missed),
				lasted(g.Told.Half), lasted(g.Told.Hundred), lasted(g.Told.Most)})
		}
		if len(rows) > 0 {
			fmt.Fprintln(out)
			if err := table(out, report.By+" windows verified acknowledged open late p50 p99 longest", rows); err != nil {
				return err
			}
		}
		if len(report.Worst) == 0 {
			return nil
		}
		fmt.Fprintln(out)
		return windowsText(out, report.Worst)
	}
}

func tookText(t exposure.Took) string {
	if t.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("half within %s, 90%% within %s, 99%% within %s, the longest %s (of %d)", lasted(t.Half), lasted(t.Ninth), lasted(t.Hundred), lasted(t.Most), t.Count)
}

// lasted is some seconds as people read them.
func lasted(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Hour:
		return d.Round(time.Minute).String()
	case d >= time.Minute:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

func windowsText(out io.Writer, all []exposure.Window) error {
	var rows [][]string
	for _, v := range all {
		rows = append(rows, []string{
			orDash(v.UserName), v.Connector, lasted(v.Seconds), string(v.Basis), string(v.Objective), moment(v.Change.Occurred), moment(v.Change.Received), orDash(strings.Join(v.Change.Loses, " ")),
		})
	}
	return table(out, "who connector exposure basis objective occurred received took", rows)
}

func exposureOpenCommand() *cobra.Command {
	var a about
	var f format
	cmd := &cobra.Command{
		Use:   "open (--config FILE | --server URL)",
		Short: "List the exposure windows that are open now: access that is to end, and has not yet as far as is known",
		Args:  exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []exposure.Window{}
			err := openWindows(cmd.Context(), a, func(v exposure.Window) bool {
				all = append(all, v)
				return len(all) < mostListed
			})
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), all, func(out io.Writer) error {
				if len(all) == 0 {
					_, err := fmt.Fprintln(out, "no window is open")
					return err
				}
				return windowsText(out, all)
			})
		},
	}
	a.flags(cmd)
	f.flag(cmd)
	return cmd
}

func openWindows(ctx context.Context, a about, each func(exposure.Window) bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	if c != nil {
		return eachOf(ctx, c, "/api/v1/exposure/open", url.Values{}, each)
	}
	return a.read(func(s stopped) error {
		return s.store.View(ctx, func(r store.Reader) error {
			for v, err := range exposure.Open(r) {
				if err != nil || !each(v) {
					return err
				}
			}
			return nil
		})
	})
}

// eachOf reads a list a page at a time, until each has enough.
func eachOf[T any](ctx context.Context, c *client, path string, query url.Values, each func(T) bool) error {
	query.Set("limit", "500")
	for {
		var page api.List[T]
		if err := c.get(ctx, path, query, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			if !each(item) {
				return nil
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

var exposureColumns = []string{
	"window", "identity", "userName", "connector", "took", "left", "occurred", "received", "decided", "sent", "acknowledged", "verified",
	"basis", "seconds", "secondsSinceSource", "triggers", "objective", "outcome",
}

// exposureRows writes a row for each entitlement, or account, that a window took.
func exposureRows(ctx context.Context, a about, from, to time.Time, out io.Writer) error {
	rows, err := pack.NewTable(out, exposureColumns)
	if err != nil {
		return err
	}
	var failed error
	write := func(v exposure.Window) bool {
		took := v.Change.Loses
		if len(took) == 0 {
			took = []string{""}
		}
		for _, ref := range took {
			if failed = rows.Row(exposureRow(v, ref)); failed != nil {
				return false
			}
		}
		return true
	}
	c, err := a.client()
	switch {
	case err != nil:
		return err
	case c != nil:
		err = eachOf(ctx, c, "/api/v1/exposure/windows", spanQuery(from, to), write)
	default:
		err = a.read(func(s stopped) error {
			return s.store.View(ctx, func(r store.Reader) error {
				for v, err := range exposure.Windows(r, from, to) {
					if err != nil || !write(v) {
						return err
					}
				}
				return nil
			})
		})
	}
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return rows.Flush()
}

func exposureRow(v exposure.Window, ref string) []string {
	c := v.Change
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	since := "unknown"
	if v.SinceSource != nil {
		since = strconv.FormatFloat(*v.SinceSource, 'f', -1, 64)
	}
	return []string{
		v.ID, v.Identity, v.UserName, v.Connector, ref, strconv.FormatBool(c.Left),
		stamp(c.Occurred), stamp(c.Received), stamp(c.Decided), stamp(c.Sent), stamp(c.Acknowledged), stamp(c.Verified),
		string(v.Basis), strconv.FormatFloat(v.Seconds, 'f', -1, 64), since, strings.Join(c.Triggers, " "), stamp(c.Objective), string(v.Objective),
	}
}
