package pack

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// Size is how many rows are drawn of a population: all of a very small one, and of
// others what auditors commonly draw of a control that works that often, from twice
// in a quarter to many times a day.
func Size(population int) int {
	for _, step := range []struct{ rows, drawn int }{{1, 1}, {4, 2}, {12, 4}, {24, 8}, {52, 10}, {250, 25}} {
		if population <= step.rows {
			return min(population, step.drawn)
		}
	}
	return most
}

// most is how many rows are drawn of the largest populations.
const most = 60

// A Draw draws rows of one population. A row's rank is a hash over the seed, the
// population's name and the row's own id; those of the lowest rank are drawn. So a
// row's chance does not depend on where it stands, whoever has the seed draws the
// same, and whoever chooses neither seed nor ids chooses nothing. It holds no more
// rows than it may draw.
type Draw struct {
	salt  string
	rows  int
	drawn []Drawn
}

// A Drawn row is one that was drawn.
type Drawn struct {
	ID    string
	Cells []string
	Seqs  []int64 // numbers of the decisions that it rests on

	rank string
}

// NewDraw begins to draw.
func NewDraw(seed, population string) *Draw { return &Draw{salt: seed + "\x00" + population + "\x00"} }

// Add adds a row to the population. Cells and seqs are copied if it may be drawn.
func (d *Draw) Add(id string, cells []string, seqs ...int64) {
	d.rows++
	hash := sha256.Sum256([]byte(d.salt + id))
	row := Drawn{ID: id, rank: string(hash[:])}
	at, _ := slices.BinarySearchFunc(d.drawn, row, func(a, b Drawn) int { return strings.Compare(a.rank, b.rank) })
	if at == most {
		return
	}
	row.Cells, row.Seqs = slices.Clone(cells), slices.Clone(seqs)
	if d.drawn = slices.Insert(d.drawn, at, row); len(d.drawn) > most {
		d.drawn = d.drawn[:most]
	}
}

// Rows is how many rows were added.
func (d *Draw) Rows() int { return d.rows }

// Drawn returns the rows that are drawn of those that were added, in the order of
// drawing.
func (d *Draw) Drawn() []Drawn { return d.drawn[:Size(d.rows)] }
