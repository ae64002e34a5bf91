package pack

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// Cell is a text as a spreadsheet may be given it: what begins as a formula would is
// text. So is, for Text, what begins with the mark itself.
func Cell(text string) string {
	if text == "" || !strings.ContainsRune("=+-@\t\r\n'＝＋－＠", []rune(text)[0]) {
		return text
	}
	return "'" + text
}

// Text is what a Cell was made of.
func Text(cell string) string { return strings.TrimPrefix(cell, "'") }

// normal is a text as a table keeps it: its lines end as they do in Go, whatever
// those who read CSV make of other ends.
func normal(text string) string {
	for strings.Contains(text, "\r\n") {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	return text
}

// A Table writes rows as CSV (RFC 4180), one after the other.
type Table struct {
	csv   *csv.Writer
	cells []string
}

// NewTable begins a table with its heading.
func NewTable(w io.Writer, columns []string) (*Table, error) {
	t := &Table{csv: csv.NewWriter(w)}
	return t, t.csv.Write(columns)
}

// Row writes a row.
func (t *Table) Row(values []string) error {
	t.cells = t.cells[:0]
	for _, v := range values {
		t.cells = append(t.cells, Cell(normal(v)))
	}
	return t.csv.Write(t.cells)
}

// Flush writes what was not written yet.
func (t *Table) Flush() error {
	t.csv.Flush()
	return t.csv.Error()
}

// errColumns is a row that is not like its heading.
var errColumns = errors.New("it has another number of cells than the heading")

// ReadTable calls each with every row of a table, by column.
func ReadTable(r io.Reader, each func(row map[string]string) error) (columns []string, err error) {
	return readTable(r, each, nil)
}

// readTable is ReadTable, that also says which columns there are before the first row.
func readTable(r io.Reader, each func(row map[string]string) error, early *[]string) (columns []string, err error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	heading, err := in.Read()
	if err != nil {
		return nil, err
	}
	columns = append(columns, heading...)
	if early != nil {
		*early = columns
	}
	row := make(map[string]string, len(columns))
	for {
		cells, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return columns, nil
		case err != nil:
			return columns, err
		case len(cells) != len(columns):
			return columns, errColumns
		}
		for i, name := range columns {
			row[name] = Text(cells[i])
		}
		if err := each(row); err != nil {
			return columns, err
		}
	}
}
