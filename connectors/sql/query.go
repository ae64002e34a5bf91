package sql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A query is a statement that shows rows. What is asked of it is asked around it:
// SELECT * FROM (query) WHERE ..., so that one text is enough to list accounts and to
// find one.
type query struct {
	statement

	columns []column
}

// A column is one of a query's.
type column struct {
	name string // as it is written
	ref  string // as the server has it, quoted
}

// newQuery reads a query, whose columns must have names.
func newQuery(d *dialect, option, src string) (*query, error) {
	all, err := statements(d, option, src)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || !slices.Contains(reads, all[0].verb()) {
		return nil, &misread{1, errors.New("want one query, which begins with SELECT")}
	}
	q := &query{statement: all[0]}
	if q.columns, err = q.readColumns(); err != nil {
		return nil, err
	}
	return q, nil
}

// readColumns returns what the text calls its columns: the last name of each
// item between the first SELECT and its FROM.
func (q *query) readColumns() ([]column, error) {
	var all []column
	var last, before token // of the item
	depth, inside := 0, false
	item := func(at token) error {
		c, err := q.column(last)
		if err != nil {
			return &misread{at.line, fmt.Errorf("column %d has no name: write one, as in u.login AS userName", len(all)+1)}
		}
		if slices.ContainsFunc(all, func(a column) bool { return strings.EqualFold(a.name, c.name) }) {
			return &misread{at.line, fmt.Errorf("column %s is there twice", c.name)}
		}
		all = append(all, c)
		last = token{}
		return nil
	}
	for _, t := range q.tokens {
		switch {
		case t.kind == blank:
			continue
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth > 0:
		case !inside:
			inside = t.is("SELECT")
			continue
		case t.is(","):
			if err := item(t); err != nil {
				return nil, err
			}
			continue
		case t.is("FROM") && !before.is("DISTINCT"), t.is("UNION"):
			return all, item(t)
		}
		before, last = t, t
	}
	if !inside {
		return nil, &misread{1, errors.New("want a query with a SELECT whose columns have names")}
	}
	return all, item(last)
}

func (q *query) column(last token) (column, error) {
	switch {
	case last.kind == nameText, last.kind == text && q.mysql:
		ref, err := q.quotedColumn(last.name)
		return column{last.name, ref}, err
	case last.kind == word && !last.is("END") && (last.text[0] < '0' || last.text[0] > '9'):
		ref, err := q.quotedColumn(q.folded(last.text))
		return column{last.text, ref}, err
	}
	return column{}, errors.New("no name")
}

// quotedColumn is quoted, for a name out of the configuration.
func (q *query) quotedColumn(name string) (string, error) {
	if name == "" {
		return "", errors.New("no name")
	}
	mark := string(q.quote)
	return mark + strings.ReplaceAll(name, mark, mark+mark) + mark, nil
}

// at returns the place of the column, or -1.
func (q *query) at(name string) int {
	return slices.IndexFunc(q.columns, func(c column) bool { return c.name == name })
}

// around returns the query as something to select from, with what follows.
func (q *query) around(rest string) string {
	var b strings.Builder
	b.WriteString("SELECT * FROM (")
	for _, t := range q.tokens {
		b.WriteString(t.text)
	}
	b.WriteString("\n) AS q ")
	b.WriteString(rest)
	return b.String()
}

// where returns the rows whose column has a value, which is to be bound.
func (q *query) where(name, operator string) string {
	return fmt.Sprintf("WHERE q.%s %s %s ", q.columns[q.at(name)].ref, operator, q.placeholder(1))
}

// among returns the rows whose column has one of n values.
func (q *query) among(name string, n int) string {
	marks := make([]string, n)
	for i := range marks {
		marks[i] = q.placeholder(i + 1)
	}
	return fmt.Sprintf("WHERE q.%s IN (%s)", q.columns[q.at(name)].ref, strings.Join(marks, ", "))
}

// by is the order of a column.
func (q *query) by(name string, limit int) string {
	return fmt.Sprintf("ORDER BY q.%s LIMIT %d", q.columns[q.at(name)].ref, limit)
}
