package file

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"drawbridge/schema"
)

// A sheet is a table in memory. What its columns say beyond what the layout knows
// stays as it is.
type sheet struct {
	*layout

	header []string
	at     map[string]int // of each column
	rows   []*row
	byID   map[string][]*row            // more than one: nobody can say which is meant
	index  map[string]map[string][]*row // by attribute and folded value
}

// A row is one account, and how it is written.
type row struct {
	account schema.Account
	cells   []string
	line    int // where it was read; 0: it was made here
}

// newSheet returns a sheet without rows.
func newSheet(l *layout, header, match []string) *sheet {
	s := &sheet{layout: l, header: header, at: map[string]int{}, byID: map[string][]*row{}, index: map[string]map[string][]*row{"userName": {}}}
	for i, column := range header {
		s.at[column] = i
	}
	for _, path := range match {
		s.index[path] = map[string][]*row{}
	}
	return s
}

// empty returns a sheet with the columns that the layout needs, and nobody on it.
func (l *layout) empty(match []string) *sheet {
	var header []string
	for _, u := range l.uses() {
		header = append(header, u.column)
	}
	return newSheet(l, header, match)
}

// parse reads a whole table. One that ends within a line, or whose rows are not
// all as long as its first, is none: whoever writes it may not be done.
func (l *layout) parse(raw []byte, match []string) (*sheet, error) {
	text, err := l.encoding.text(raw)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, errors.New("it is empty, and has not even the names of the columns")
	}
	if !strings.HasSuffix(text, "\n") {
		return nil, errors.New("it ends within a line: it may not be written to its end")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = l.delimiter
	header, err := r.Read()
	if err != nil {
		return nil, err
	}
	s := newSheet(l, header, match)
	if err := s.complete(); err != nil {
		return nil, err
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		s.put(&row{cells: cells, line: line, account: s.account(cells)})
	}
}

// complete fails if a column is missing, or there twice.
func (s *sheet) complete() error {
	var errs []error
	for _, u := range s.uses() {
		switch at, ok := s.at[u.column]; {
		case !ok:
			errs = append(errs, fmt.Errorf("it has no column %q, which option %s names", u.column, u.option))
		case slices.Index(s.header, u.column) != at:
			errs = append(errs, fmt.Errorf("it has two columns %q, which option %s names", u.column, u.option))
		}
	}
	return errors.Join(errs...)
}

// account returns the account that the cells are. Without an id of its own it goes
// by its user name.
func (s *sheet) account(cells []string) schema.Account {
	a := schema.Account{Active: true, Attributes: map[string]string{}}
	for path, column := range s.columns {
		if value := s.value(cells, column); value != "" {
			a.Attributes[path] = value
		}
	}
	if a.RemoteID = a.Attributes["userName"]; s.id != "" && s.value(cells, s.id) != "" {
		a.RemoteID = s.value(cells, s.id)
	}
	if s.active != "" {
		a.Active = !strings.EqualFold(s.value(cells, s.active), s.off)
	}
	if s.entitlements != "" {
		for name := range strings.SplitSeq(s.value(cells, s.entitlements), s.separator) {
			if name = strings.TrimSpace(name); name != "" {
				a.Entitlements = append(a.Entitlements, name)
			}
		}
		a.Entitlements = schema.Sorted(a.Entitlements...)
	}
	return a
}

// formulas are the signs by which a spreadsheet knows a formula.
const formulas = "=+-@\t"

func (s *sheet) value(cells []string, column string) string {
	value := cells[s.at[column]]
	if plain, quoted := strings.CutPrefix(value, "'"); s.guard && quoted && formula(plain) {
		return plain
	}
	return value
}

// formula reports whether a spreadsheet would take the value for one, or might
// once an apostrophe is taken off.
func formula(value string) bool {
	value = strings.TrimLeft(value, "'")
	return value != "" && strings.ContainsRune(formulas, rune(value[0]))
}

// write makes the cells say the account, where they do not say it already: how
// somebody else wrote the same is left.
func (s *sheet) write(cells []string, a schema.Account) {
	is := s.account(cells)
	set := func(column, value string) {
		if s.guard && formula(value) {
			value = "'" + value
		}
		cells[s.at[column]] = value
	}
	for path, column := range s.columns {
		if is.Attributes[path] != a.Attributes[path] {
			set(column, a.Attributes[path])
		}
	}
	if s.id != "" && s.value(cells, s.id) == "" && a.RemoteID != a.Attributes["userName"] {
		set(s.id, a.RemoteID)
	}
	if s.active != "" && is.Active != a.Active {
		set(s.active, map[bool]string{true: s.on, false: s.off}[a.Active])
	}
	if s.entitlements != "" && !slices.Equal(is.Entitlements, a.Entitlements) {
		set(s.entitlements, strings.Join(a.Entitlements, s.separator))
	}
}

// add makes a new row of the account.
func (s *sheet) add(a schema.Account) {
	cells := make([]string, len(s.header))
	for column, value := range s.fixed {
		cells[s.at[column]] = value
	}
	if s.active != "" {
		cells[s.at[s.active]] = s.on
	}
	s.write(cells, a)
	s.put(&row{cells: cells, account: s.account(cells)})
}

// change makes the row say the account.
func (s *sheet) change(r *row, a schema.Account) {
	s.unindex(r)
	s.write(r.cells, a)
	r.account = s.account(r.cells)
	s.enter(r)
}

func (s *sheet) remove(r *row) {
	s.unindex(r)
	s.rows = slices.DeleteFunc(s.rows, func(other *row) bool { return other == r })
}

func (s *sheet) put(r *row) {
	s.rows = append(s.rows, r)
	s.enter(r)
}

func (s *sheet) enter(r *row) {
	s.byID[r.account.RemoteID] = append(s.byID[r.account.RemoteID], r)
	for path, values := range s.index {
		if value := folded(path, r.account.Attributes[path]); value != "" {
			values[value] = append(values[value], r)
		}
	}
}

func (s *sheet) unindex(r *row) {
	drop := func(m map[string][]*row, key string) {
		if m[key] = slices.DeleteFunc(m[key], func(other *row) bool { return other == r }); len(m[key]) == 0 {
			delete(m, key)
		}
	}
	drop(s.byID, r.account.RemoteID)
	for path, values := range s.index {
		drop(values, folded(path, r.account.Attributes[path]))
	}
}

// whole fails if a row is nobody's, or two are one account: then nobody can say
// who is on the sheet.
func (s *sheet) whole() error {
	var errs []error
	for _, r := range s.rows {
		switch others := s.byID[r.account.RemoteID]; {
		case r.account.RemoteID == "":
			errs = append(errs, fmt.Errorf("line %d has no %s", r.line, s.columns["userName"]))
		case len(others) > 1 && others[0] == r:
			errs = append(errs, fmt.Errorf("lines %d and %d are both %q", others[0].line, others[1].line, r.account.RemoteID))
		}
	}
	return errors.Join(errs...)
}

// render writes the whole table.
func (s *sheet) render() ([]byte, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = s.delimiter, s.crlf
	if err := w.Write(s.header); err != nil {
		return nil, err
	}
	for _, r := range s.rows {
		if err := w.Write(r.cells); err != nil {
			return nil, err
		}
	}
	if w.Flush(); w.Error() != nil {
		return nil, w.Error()
	}
	return s.encoding.raw(b.String())
}
