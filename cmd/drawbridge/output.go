package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// A format is how an answer is printed: for people, or as JSON for programs.
// Nothing but the answer goes to stdout.
type format struct{ name string }

func (f *format) flag(cmd *cobra.Command) {
	f.name = "text"
	cmd.Flags().VarP(f, "output", "o", "text or json")
}

// Set refuses anything else before the command does anything.
func (f *format) Set(name string) error {
	if name != "text" && name != "json" {
		return errors.New("write text or json")
	}
	f.name = name
	return nil
}

func (f *format) String() string { return f.name }

// Type is how the usage names the value.
func (f *format) Type() string { return "string" }

// print prints v as JSON, or as text writes it.
func (f *format) print(out io.Writer, v any, text func(io.Writer) error) error {
	if f.name != "json" {
		return text(out)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table prints rows in columns, under a heading with a word for each column.
func table(out io.Writer, heading string, rows [][]string) error {
	return columns(out, append([][]string{strings.Fields(heading)}, rows...))
}

func columns(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// moment is a time as people read it; none is a dash.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// orDash is a text, or a dash where there is none.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
