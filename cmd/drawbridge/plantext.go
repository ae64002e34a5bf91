package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/access"
)

// A planFormat is how a plan is printed: for people, for programs, or for the
// description of a change that others are to review.
type planFormat struct{ name string }

func (f *planFormat) flag(cmd *cobra.Command) {
	f.name = "text"
	cmd.Flags().Var(f, "format", "text, json or markdown")
	cmd.Flags().VarP(f, "output", "o", "the same")
}

// Set refuses anything else before the command does anything.
func (f *planFormat) Set(name string) error {
	if name != "text" && name != "json" && name != "markdown" {
		return errors.New("write text, json or markdown")
	}
	f.name = name
	return nil
}

func (f *planFormat) String() string { return f.name }

// Type is how the usage names the value.
func (f *planFormat) Type() string { return "string" }

func (f *planFormat) print(out io.Writer, p access.Plan) error {
	if f.name == "markdown" {
		return planMarkdown(out, p)
	}
	one := format{f.name}
	return one.print(out, p, planned(p))
}

// planned writes a plan: the sums first, then what is alike, then for whom.
func planned(p access.Plan) func(io.Writer) error {
	return func(out io.Writer) error {
		planHead(out, p)
		fmt.Fprintln(out, coverageText(p.Coverage))
		if err := planTotals(out, p); err != nil {
			return err
		}
		planWarnings(out, p)
		_, err := fmt.Fprintf(out, "plan %s; nothing was touched\n", short(p.Hash))
		return err
	}
}

// planHead writes the sums.
func planHead(out io.Writer, p access.Plan) {
	from := "no policy"
	if p.From != "" {
		from = "policy " + short(p.From)
	}
	fmt.Fprintf(out, "from %s to %s: of %s, %d would gain or lose something\n", from, short(p.To), people(p.Identities), p.Affected)
	fmt.Fprintf(out, "%s, %s, %d changed in reason or mode, %d held back, %d undecided, %d blocked\n",
		plural(p.Grants, "grant"), plural(p.Revocations, "revocation"), p.Remodes, p.Holds, p.Undecided, p.Blocked)
	if p.Pending > 0 {
		fmt.Fprintf(out, "%d of them would happen anyway: the policy in force is about to make them\n", p.Pending)
	}
}

func people(n int) string {
	if n == 1 {
		return "1 identity"
	}
	return fmt.Sprintf("%d identities", n)
}

// coverageText says how much of what was observed is explained.
func coverageText(c access.Coverage) string {
	text := "coverage: nothing was observed at any target yet"
	if c.Observed > 0 {
		text = fmt.Sprintf("coverage: of %s seen at targets, roles would explain %.1f%%, exceptions %.1f%%; %.1f%% is held, and nothing explains %.1f%%",
			plural(c.Observed, "entitlement"), c.Share(c.ByRoles), c.Share(c.ByException), c.Share(c.Held), c.Share(c.Unexplained))
	}
	if c.Uncatalogued > 0 {
		text += fmt.Sprintf("; no catalogue names %d", c.Uncatalogued)
	}
	if c.Ungoverned > 0 {
		text += fmt.Sprintf("; %s of nobody", plural(c.Ungoverned, "account"))
	}
	return text
}

// planRoles says how far each role reaches.
func planRoles(out io.Writer, p access.Plan) error {
	var rows [][]string
	for _, r := range p.Roles {
		rows = append(rows, []string{
			r.Role, fmt.Sprint(r.Holders), fmt.Sprint(r.Identities), fmt.Sprintf("%.1f%%", r.Share),
			fmt.Sprint(r.Grants), fmt.Sprint(r.Revocations), fmt.Sprint(r.Remodes), fmt.Sprint(r.Holds), fmt.Sprint(r.Undecided), fmt.Sprint(r.Blocked),
		})
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	return table(out, "role holders reaches share grants revocations changed held undecided blocked", rows)
}

func planTotals(out io.Writer, p access.Plan) error {
	if err := planRoles(out, p); err != nil {
		return err
	}
	var rows [][]string
	for _, t := range p.Totals {
		rows = append(rows, []string{changeText(t.Change, t.ForGood), fmt.Sprint(t.Lines), t.Role, orDash(t.What()), string(t.Mode), t.Reason})
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
		if err := table(out, "change for role entitlement mode because", rows); err != nil {
			return err
		}
	}
	rows = nil
	for _, l := range p.Lines {
		rows = append(rows, []string{l.UserName, changeText(l.Change, l.ForGood), orDash(l.What()), strings.Join(l.Roles, ", "), l.Reason})
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
		if err := table(out, "who change entitlement roles because", rows); err != nil {
			return err
		}
	}
	if p.More > 0 {
		fmt.Fprintf(out, "and %s more\n", plural(p.More, "line"))
	}
	if len(rows) > 0 {
		fmt.Fprintln(out)
	}
	return nil
}

func planWarnings(out io.Writer, p access.Plan) {
	for _, r := range p.Refused {
		news := ""
		if r.News {
			news = ", which is in force now"
		}
		fmt.Fprintf(out, "refused: role %s%s (%s)\n", r.Role, news, strings.Join(r.Codes, ", "))
	}
	for _, role := range slices.Sorted(maps.Keys(p.Quarantined)) {
		fmt.Fprintf(out, "quarantined: role %s: %s\n", role, p.Quarantined[role])
	}
	for _, m := range p.Modes {
		fmt.Fprintf(out, "mode: connector %s %s; %s kept from it\n", m.Connector, becomes(m), plural(m.Suppressed, "write"))
	}
	for _, text := range endingTexts(p) {
		fmt.Fprintf(out, "for good: %s\n", text)
	}
	for _, o := range p.Orphaned {
		fmt.Fprintf(out, "orphaned: exception %s: %s\n", o.Exception, o.Reason)
	}
	for _, b := range p.Brakes {
		if b.Exceeded {
			fmt.Fprintln(out, brakeText(b))
		}
	}
	for _, f := range p.Findings {
		fmt.Fprintln(out, f)
	}
}

// changeText says what changes, and that its account is not to be had back then.
func changeText(change access.PlanChange, forGood bool) string {
	if forGood {
		return string(change) + " (for good)"
	}
	return string(change)
}

// endingTexts say what of a plan cannot be undone, and where nobody knows.
func endingTexts(p access.Plan) (all []string) {
	for _, e := range p.Endings {
		all = append(all, e.String())
	}
	if len(p.Unnoted) > 0 {
		all = append(all, "it is not known whether what ends at "+strings.Join(p.Unnoted, ", ")+" can be had back: no bridge has run with it yet that notes this")
	}
	return all
}

// becomes says what happens to a connector's mode.
func becomes(m access.PlanMode) string {
	switch {
	case m.To == "":
		return fmt.Sprintf("is in mode %s now, and its document is gone", m.From)
	case m.From == "":
		return fmt.Sprintf("is new, in mode %s", m.To)
	case m.From == m.To:
		return fmt.Sprintf("stays in mode %s", m.To)
	}
	return fmt.Sprintf("goes from %s to %s", m.From, m.To)
}

// brakeText says of a limit by how much it would be exceeded.
func brakeText(b access.PlanBrake) string {
	if b.Role != "" {
		return fmt.Sprintf("brake: %s would be exceeded: the rule of role %s matches %s, %.1f%% of all (limit: %g%%)", b.Name, b.Role, people(b.Lines), b.Share, b.Percent)
	}
	return fmt.Sprintf("brake: %s would be exceeded: %d lines, %.1f%% of those held (limits: %d, %g%%)", b.Name, b.Lines, b.Share, b.Count, b.Percent)
}
