package evidence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drawbridge/evidence/pack"
)

// A shown is one control as a pack shows it.
type shown struct {
	Framework string    `json:"framework"`
	Control   Control   `json:"control"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Evidence  []exhibit `json:"evidence"`
}

// An exhibit is one table that shows a control.
type exhibit struct {
	Name    string         `json:"name"`
	Says    string         `json:"says"`
	Rows    int            `json:"rows"`
	Drawn   int            `json:"drawn"`
	Proved  bool           `json:"proved"`
	Table   string         `json:"table"`
	Sample  string         `json:"sample"`
	Counted string         `json:"counted,omitempty"` // the column whose values are counted
	Counts  map[string]int `json:"counts,omitempty"`
}

// controls writes for each control what shows it: as JSON, and as a lead sheet.
func (m *making) controls(context.Context) error {
	by := map[string]*filling{}
	for _, f := range m.filled {
		by[f.name] = f
	}
	for _, c := range m.framework.Controls {
		s := shown{Framework: m.framework.Name, Control: c, From: m.request.From, To: m.request.To}
		for _, name := range c.Evidence {
			f := by[name]
			p := f.population()
			e := exhibit{Name: name, Says: f.says, Rows: p.Rows, Drawn: p.Drawn, Proved: p.Proved, Table: p.TableFile(), Sample: p.SampleFile()}
			if f.tallied >= 0 {
				e.Counted, e.Counts = f.tally, f.values
			}
			s.Evidence = append(s.Evidence, e)
		}
		if err := m.folder.writeJSON(c.File()+".json", s); err != nil {
			return err
		}
		if err := m.leadSheet(c, s, by); err != nil {
			return err
		}
	}
	return nil
}

// leadSheet writes a control's evidence as a row for each table and each value that is
// counted in it.
func (m *making) leadSheet(c Control, s shown, by map[string]*filling) (err error) {
	out, err := m.folder.create(c.File() + ".csv")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	sheet, err := pack.NewTable(out, []string{"control", "evidence", "measure", "count", "drawn", "proved", "table", "sample", "what a row is"})
	if err != nil {
		return err
	}
	for _, e := range s.Evidence {
		if err := sheet.Row([]string{c.ID, e.Name, "rows", number(e.Rows), number(e.Drawn), yes(e.Proved), e.Table, e.Sample, e.Says}); err != nil {
			return err
		}
		f := by[e.Name]
		for _, value := range f.counted() {
			measure := e.Counted + " is " + value
			if value == "" {
				measure = e.Counted + " is empty"
			}
			if err := sheet.Row([]string{c.ID, e.Name, measure, number(f.values[value]), "", "", e.Table, "", ""}); err != nil {
				return err
			}
		}
	}
	return sheet.Flush()
}

// readme writes the page that says what the pack is, and what it is not.
func (m *making) readme(context.Context) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s: evidence of access control\n", m.framework.Title)
	line("Period: %s to before %s. Log: `%s`, entries %d to %d%s.", stamp(m.request.From), stamp(m.request.To), m.log, m.first, m.next-1, m.covered())
	line("Policies in force, in order (their documents are in `policy/`):\n")
	for _, v := range m.versions {
		line("- `%s` since %s", v.publication.Digest, stamp(v.from))
	}
	line("\n## Verify it\n")
	line("    drawbridge audit verify-pack DIR --key audit.key.pub\n")
	line("needs this folder and the log's public key, which you have from somewhere else than this folder. It checks that the manifest is signed by that key and")
	line("lists every file as it is; that the checkpoints at both ends of the period are signed, and that the later one continues the earlier; that each sample is")
	line("what the seed draws of its population; and that each row drawn says what the decisions say that it rests on, which are proved to be in the log.")
	line("\nSeed: `%s`, chosen by %s. A row's rank is SHA-256 over seed, a zero byte, the population's name, a zero byte and the row's id; the lowest are drawn:", m.request.Seed, m.seedBy)
	line("all of 1, 2 of up to 4, 4 of up to 12, 8 of up to 24, 10 of up to 52, 25 of up to 250, 60 of more (never more than there are).")
	m.readmePruned(line)
	m.readmeControls(line)
	m.readmeLimits(line)
	return m.folder.write("README.md", []byte(b.String()))
}

// covered says where the log does not go as far as the period.
func (m *making) covered() string {
	switch {
	case m.next == m.first:
		return " (none: nothing was decided in the period)"
	case m.start == nil:
		return fmt.Sprintf(", recorded from %s to %s; the log was not signed before the period, so there is no earlier checkpoint", stamp(m.firstTime), stamp(m.lastTime))
	}
	return fmt.Sprintf(", recorded from %s to %s", stamp(m.firstTime), stamp(m.lastTime))
}

// readmePruned says what of the period the log has no more.
func (m *making) readmePruned(line func(string, ...any)) {
	n := m.pruned()
	if n == 0 {
		return
	}
	line("\n## What was pruned\n")
	line("Of the entries %d to %d, %d were older than the policy keeps when the pack was made, or belong to the days before the period: only their hashes are left, which the checkpoints", m.first, m.next-1, n)
	line("sign as before. **They are in no table here**, so populations are not complete; those that were still in force when they were pruned are.")
}

func (m *making) readmeControls(line func(string, ...any)) {
	line("\n## What is covered\n")
	for _, c := range m.framework.Controls {
		line("### %s\n", c.ID)
		line("%s. By: %s. Look at: %s.\n", upper(c.Says), c.By, c.Look)
		if c.Without != "" {
			line("**Not shown of it:** %s.\n", c.Without)
		}
		line("Lead sheet: `%s.csv`, `.json`. Evidence:\n", c.File())
		for _, name := range c.Evidence {
			for _, f := range m.filled {
				if f.name == name {
					p := f.population()
					line("- `%s`: %d rows, %d drawn", p.TableFile(), p.Rows, p.Drawn)
				}
			}
		}
		line("")
	}
	line("## What is not covered\n")
	for _, u := range m.framework.Uncovered {
		line("- **%s**, %s: %s.", u.ID, u.Says, u.Why)
	}
}

func (m *making) readmeLimits(line func(string, ...any)) {
	line("\n## How far the proofs go\n")
	line("- A population whose rows are decisions has `decisions`: the numbers of the log's entries that a row rests on; the first is its own, and `hash` is that entry's")
	line("  RFC 6962 leaf hash. What the entry says (`time` to `policy`) is checked against it where the row was drawn. The further columns are from what is kept beside the log.")
	line("- That a population is *complete* rests on the manifest's signature. To prove it, export the whole log (`drawbridge audit export`) and compare: the entries")
	line("  of the period with the verbs of the table are its rows.")
	line("- Registers (tables without `decisions`) say what stood in the store when the pack was made, or in the policy at the end of the period. Their samples are drawn likewise, and proved by nothing.")
	line("- What is empty is not known: no time of a source's own, no confirmation, no last use. `unconfirmed` counts what no target was heard to agree to; it is not success.")
	line("- A finding that is `closed` was resolved or came to hold no longer; when, `findings-resolved` tells where it was recorded.")
	line("- Cells that a spreadsheet would take for a formula begin with an apostrophe.")
	if m.request.Pseudonyms {
		line("- People are called by pseudonyms (`p-...`), the same ones in every pack of this log; identities keep the ids that the bridge gave them. The entries in `proofs/` are as they were hashed:")
		line("  who decided is named in them as the log names them. The documents in `policy/` are as they were published.")
	} else {
		line("- People are named by identity and userName. With `--pseudonyms` they are not.")
	}
}

// upper is a sentence's beginning.
func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
