package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"drawbridge/access"
)

// markdownLines is how many people's lines a plan in a change's description has.
const markdownLines = 50

// planMarkdown writes a plan as the description of a change has it: what counts first,
// who is concerned folded away.
func planMarkdown(out io.Writer, p access.Plan) error {
	m := markdown{out: out}
	m.line("### Plan `%s`", short(p.Hash))
	m.line("")
	from := "no policy"
	if p.From != "" {
		from = "`" + short(p.From) + "`"
	}
	m.line("Policy %s → `%s`, as of %s: of %s, **%d** would gain or lose something.", from, short(p.To), moment(p.At), people(p.Identities), p.Affected)
	m.line("")
	m.table([]string{"grants", "revocations", "changed", "held", "undecided", "blocked", "kept from targets by mode"}, [][]string{{
		fmt.Sprint(p.Grants), fmt.Sprint(p.Revocations), fmt.Sprint(p.Remodes), fmt.Sprint(p.Holds), fmt.Sprint(p.Undecided), fmt.Sprint(p.Blocked), fmt.Sprint(p.Suppressed),
	}})
	m.line("%s.", capital(coverageText(p.Coverage)))
	m.line("")
	m.warnings(p)
	var rows [][]string
	for _, r := range p.Roles {
		rows = append(rows, []string{
			r.Role, fmt.Sprint(r.Holders), fmt.Sprintf("%d (%.1f%%)", r.Identities, r.Share), fmt.Sprint(r.Grants), fmt.Sprint(r.Revocations),
			fmt.Sprint(r.Holds), fmt.Sprint(r.Undecided), fmt.Sprint(r.Blocked),
		})
	}
	m.section("By role", []string{"role", "hold it now", "reaches", "grants", "revocations", "held", "undecided", "blocked"}, rows)
	rows = nil
	for _, t := range p.Totals {
		rows = append(rows, []string{changeText(t.Change, t.ForGood), fmt.Sprint(t.Lines), t.Role, orDash(t.What()), string(t.Mode), t.Reason})
	}
	m.section("By entitlement", []string{"change", "for", "role", "entitlement", "mode", "because"}, rows)
	rows = nil
	for _, l := range p.Lines[:min(len(p.Lines), markdownLines)] {
		rows = append(rows, []string{l.UserName, changeText(l.Change, l.ForGood), orDash(l.What()), strings.Join(l.Roles, ", "), l.Reason})
	}
	m.section("By person", []string{"who", "change", "entitlement", "roles", "because"}, rows)
	if more := p.More + len(p.Lines) - len(rows); more > 0 {
		m.line("And %s more.", plural(more, "line"))
	}
	return m.err
}

// A markdown writes tables; after an error it writes no more.
type markdown struct {
	out io.Writer
	err error
}

func (m *markdown) line(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.out, format+"\n", args...)
	}
}

// section is a table that is folded away, if there is anything in it.
func (m *markdown) section(title string, heading []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	m.line("<details><summary>%s</summary>", title)
	m.line("")
	m.table(heading, rows)
	m.line("</details>")
	m.line("")
}

func (m *markdown) table(heading []string, rows [][]string) {
	m.line("| %s |", strings.Join(heading, " | "))
	m.line("|%s", strings.Repeat("---|", len(heading)))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = escapeMarkdown(cell)
		}
		m.line("| %s |", strings.Join(row, " | "))
	}
	m.line("")
}

// warnings are what a reviewer must not miss.
func (m *markdown) warnings(p access.Plan) {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, r := range p.Refused {
		news := ""
		if r.News {
			news = ", which is in force now"
		}
		say("role `%s`%s is refused: %s", r.Role, news, strings.Join(r.Codes, ", "))
	}
	for _, role := range slices.Sorted(maps.Keys(p.Quarantined)) {
		say("role `%s` is in quarantine: %s", role, p.Quarantined[role])
	}
	for _, mode := range p.Modes {
		say("connector `%s` %s; %s kept from it", mode.Connector, becomes(mode), plural(mode.Suppressed, "write"))
	}
	for _, text := range endingTexts(p) {
		say("for good: %s", text)
	}
	for _, o := range p.Orphaned {
		say("exception `%s` is orphaned: %s", o.Exception, o.Reason)
	}
	for _, b := range p.Brakes {
		if b.Exceeded {
			say("%s", brakeText(b))
		}
	}
	for _, f := range p.Findings {
		say("`%s` %s: %s (%s)", f.Code, f.Object, f.Message, f.Hint)
	}
	for _, text := range all {
		m.line("- :warning: %s", escapeMarkdown(text))
	}
	if len(all) > 0 {
		m.line("")
	}
}

// escapeMarkdown keeps what sources and people wrote from meaning anything: a name is
// no table, no link and no tag.
func escapeMarkdown(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "[", `\[`, "\n", " ", "\r", " ", "@", "&#64;").Replace(text)
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
