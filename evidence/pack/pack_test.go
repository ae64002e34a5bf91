package pack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"drawbridge/evidence/pack"
)

// FuzzCell holds a cell to what a spreadsheet may be given, and to what it was made of.
func FuzzCell(f *testing.F) {
	for _, text := range []string{"", "plain", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "'=1", "＝1", "a=b", "\"", "a,b", "line\nline", "\xff=1", "\x00=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := pack.Cell(text)
		if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
			t.Errorf("%q begins as a formula does", cell)
		}
		if got := pack.Text(cell); got != text {
			t.Errorf("%q became %q", text, got)
		}
		var out strings.Builder
		table, err := pack.NewTable(&out, []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Row([]string{text, "end"}); err != nil {
			t.Fatal(err)
		}
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		kept := text
		for strings.Contains(kept, "\r\n") {
			kept = strings.ReplaceAll(kept, "\r\n", "\n")
		}
		rows := 0
		_, err = pack.ReadTable(strings.NewReader(out.String()), func(row map[string]string) error {
			if rows++; row["a"] != kept || row["b"] != "end" {
				t.Errorf("%q became %q", text, row)
			}
			return nil
		})
		if err != nil || rows != 1 {
			t.Errorf("%q: %d rows, %v", out.String(), rows, err)
		}
	})
}

// TestDraw draws from populations of every size: what is drawn depends on the seed and
// on the ids, and on nothing else.
func TestDraw(t *testing.T) {
	for _, c := range []struct{ rows, drawn int }{{0, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 2}, {5, 4}, {12, 4}, {24, 8}, {52, 10}, {53, 25}, {250, 25}, {251, 60}, {1_000_000, 60}} {
		if got := pack.Size(c.rows); got != c.drawn {
			t.Errorf("of %d rows %d are drawn, want %d", c.rows, got, c.drawn)
		}
	}
	draw := func(seed string, ids []string) (drawn []string) {
		d := pack.NewDraw(seed, "things")
		for _, id := range ids {
			d.Add(id, []string{id})
		}
		for _, row := range d.Drawn() {
			drawn = append(drawn, row.ID)
		}
		return drawn
	}
	rapid.Check(t, func(r *rapid.T) {
		var ids []string
		for i := range rapid.IntRange(0, 400).Draw(r, "rows") {
			ids = append(ids, fmt.Sprint(i))
		}
		one := draw("seed", ids)
		if len(one) != pack.Size(len(ids)) {
			r.Errorf("%d of %d were drawn", len(one), len(ids))
		}
		shuffled := rapid.Permutation(ids).Draw(r, "shuffled")
		if two := draw("seed", shuffled); !slices.Equal(one, two) {
			r.Errorf("in another order others are drawn: %v, %v", one, two)
		}
		if three := draw("another", ids); len(ids) > 100 && slices.Equal(one, three) {
			r.Errorf("another seed draws the same: %v", three)
		}
	})
}
