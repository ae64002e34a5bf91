package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/evidence/pack"
	"drawbridge/schema"
	"drawbridge/store"
)

// A table is one kind of evidence: a population of decisions, or a register.
type table struct {
	name    string
	says    string   // what a row is
	columns []string // of a population, beyond what the entry says
	tally   string   // a column of which it is counted how often each value is there

	// A population: the decisions with these verbs that are meant, and what else is
	// known of each, with the numbers of further entries that it rests on.
	verbs []schema.Verb
	where func(schema.Decision) bool
	only  func(*making, schema.Decision) bool // likewise, by more than the decision
	more  func(x *page, e store.Entry) (cells []string, further []int64, err error)

	// A register: what stands, row by row. The first column is the row's own id.
	list func(ctx context.Context, m *making, row func(cells ...string) error) error
}

func (t *table) proved() bool { return t.list == nil }

// heading is all columns of the table.
func (t *table) heading() []string {
	if t.proved() {
		return slices.Concat(pack.DecisionColumns(), t.columns)
	}
	return slices.Concat([]string{pack.RowColumn}, t.columns)
}

// tables are all there are, by name.
func tables() map[string]*table {
	all := map[string]*table{}
	for _, some := range [][]*table{identityTables(), accessTables(), decisionTables(), policyRegisters(), storeRegisters(), machineRegisters()} {
		for _, t := range some {
			all[t.name] = t
		}
	}
	return all
}

// A filling is a table that is being written.
type filling struct {
	*table
	csv     *pack.Table
	lines   *json.Encoder
	files   []*file
	draw    *pack.Draw
	heads   []string
	row     map[string]string
	values  map[string]int // of the column that is counted
	tallied int            // which that is; -1 if none
}

// mostValues is how many values of a column are told apart.
const mostValues = 50

func (m *making) fill(t *table) (*filling, error) {
	f := &filling{table: t, draw: pack.NewDraw(m.request.Seed, t.name), heads: t.heading(), row: map[string]string{}, values: map[string]int{}}
	f.tallied = slices.Index(f.heads, t.tally)
	for _, extension := range []string{".csv", ".jsonl"} {
		out, err := m.folder.create("populations/" + t.name + extension)
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
		f.files = append(f.files, out)
	}
	var err error
	if f.csv, err = pack.NewTable(f.files[0], f.heads); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.lines = json.NewEncoder(f.files[1])
	f.lines.SetEscapeHTML(false)
	return f, nil
}

// add writes a row.
func (f *filling) add(cells []string, seqs ...int64) error {
	if err := f.csv.Row(cells); err != nil {
		return err
	}
	for i, name := range f.heads {
		f.row[name] = cells[i]
	}
	if err := f.lines.Encode(f.row); err != nil {
		return err
	}
	if f.tallied >= 0 {
		value := cells[f.tallied]
		if _, known := f.values[value]; !known && len(f.values) >= mostValues {
			value = "(others)"
		}
		f.values[value]++
	}
	f.draw.Add(cells[0], cells, seqs...)
	return nil
}

// entry writes the row of one decision.
func (f *filling) entry(x *page, e store.Entry) error {
	if f.where != nil && !f.where(e.Decision) || f.only != nil && !f.only(x.making, e.Decision) {
		return nil
	}
	var cells []string
	seqs := []int64{e.Seq}
	if f.more != nil {
		more, further, err := f.more(x, e)
		if err != nil {
			return err
		}
		cells, seqs = more, append(seqs, further...)
	}
	hash := tlog.RecordHash(e.Leaf)
	says := pack.DecisionCells(e.Decision)
	says[pack.DecisionsColumn], says[pack.HashColumn] = pack.WriteSeqs(seqs), hexHash(hash)
	says["actor"] = x.actor(e.Decision.Actor)
	row := make([]string, 0, len(f.heads))
	for _, name := range pack.DecisionColumns() {
		row = append(row, says[name])
	}
	return f.add(append(row, cells...), seqs...)
}

// close ends both files.
func (f *filling) close() error {
	var problems []error
	if f.csv != nil {
		problems = append(problems, f.csv.Flush())
	}
	for _, out := range f.files {
		problems = append(problems, out.Close())
	}
	return errors.Join(problems...)
}

// sample writes the rows that were drawn.
func (f *filling) sample(m *making) (err error) {
	out, err := m.folder.create(f.population().SampleFile())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	rows, err := pack.NewTable(out, f.heads)
	if err != nil {
		return err
	}
	for _, drawn := range f.draw.Drawn() {
		if err := rows.Row(drawn.Cells); err != nil {
			return err
		}
	}
	return rows.Flush()
}

func (f *filling) population() pack.Population {
	return pack.Population{Name: f.name, Rows: f.draw.Rows(), Drawn: len(f.draw.Drawn()), Proved: f.proved()}
}

// counted are the values of the column that is counted, sorted.
func (f *filling) counted() []string { return slices.Sorted(maps.Keys(f.values)) }
