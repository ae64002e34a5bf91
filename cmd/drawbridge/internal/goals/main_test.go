package goals

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A scale is how much is measured with. The full one is what docs/performance.md
// tells of; the tiny one only shows that every goal can still be measured.
type scale struct {
	rounds   int
	users    int           // of a large store
	grants   int           // of a large store
	few      int           // of a small store
	first    int           // users of a first push
	push     int           // users of a long push
	members  int           // of a large group
	edits    int           // timed requests of a round
	leavers  int           // at once
	window   time.Duration // of a steady load
	kills    int
	burst    int // edits of one identity
	crowd    int // identities that are edited at once
	slowness time.Duration
}

var (
	full = scale{
		rounds: 3, users: 1_000_000, grants: 10_000_000, few: 1000, first: 6000, push: 100_000, members: 100_000, edits: 2000,
		leavers: 1000, window: 15 * time.Second, kills: 5, burst: 1000, crowd: 1000, slowness: 50 * time.Millisecond,
	}
	tiny = scale{
		rounds: 1, users: 300, grants: 3000, few: 50, first: 60, push: 120, members: 300, edits: 20,
		leavers: 10, window: 300 * time.Millisecond, kills: 1, burst: 50, crowd: 5, slowness: 5 * time.Millisecond,
	}
)

// A goal is measured by a function that says what it found with m.line.
type goal struct {
	id  string
	run func(m *measure)
}

// goals are in the order in which they are measured: those that share a store
// beside each other.
var goals = []goal{
	{"G1", pushOfNewcomers},
	{"G2", pushOfMany}, // G3 and G23 are found in the same push
	{"G4", lookups},
	{"G5", lookupsAgainstHello}, // and G6
	{"G7", oneMember},
	{"G8", hundredMembers},
	{"G9", wholeGroups}, // and G10
	{"G22", pages},
	{"PATCH", filteredRemovals},
	{"memory", largePatch},
	{"attack", attacks},
	{"G11", sweepOfMany},      // and G12, G18, G19, G20: one large store
	{"console", consolePages}, // in the same, which it fills up
	{"G13", leaversOneByOne},
	{"G14", leaversAtOnce},
	{"scim", oneConnector},
	{"target", oneTarget}, // and how much memory waits with it
	{"G15", oneTargetHangs},
	{"G16", manyEdits},
	{"G17", publicationForMany},
	{"G21", kills},
	{"leaver", leaverInImport},
}

// BenchmarkGoals measures every goal once.
func BenchmarkGoals(b *testing.B) {
	for _, g := range goals {
		b.Run(g.id, func(b *testing.B) { g.run(&measure{TB: b, scale: full}) })
	}
}

// TestGoals runs every goal with next to nothing, so that none of them rots. How
// long it takes is not looked at.
func TestGoals(t *testing.T) {
	for _, g := range goals {
		t.Run(g.id, func(t *testing.T) {
			m := &measure{TB: t, scale: tiny}
			g.run(m)
			if m.lines == 0 {
				t.Error("it said nothing")
			}
		})
	}
}

// A measure is one goal being measured.
type measure struct {
	testing.TB
	scale
	lines int
}

var table struct {
	sync.Mutex
	rows []string
	from int // of rows: those that are not printed yet
}

// atMost says that a value is wanted to be no more than a limit.
func (m *measure) atMost(id, what string, got, limit float64, unit string) {
	m.line(id, what, got, "<=", limit, unit, got <= limit)
}

// atLeast says that a ratio is wanted to be no less than a limit.
func (m *measure) atLeast(id, what string, got, limit float64) {
	m.line(id, what, got, ">=", limit, "x", got >= limit)
}

func (m *measure) line(id, what string, got float64, sign string, limit float64, unit string, holds bool) {
	m.Helper()
	m.lines++
	verdict := "holds"
	if !holds || math.IsNaN(got) {
		verdict = "MISSED"
	}
	row := fmt.Sprintf("%-6s %-72s %9.4g%-3s %s %5.4g%-3s %s", id, what, got, unit, sign, limit, unit, verdict)
	m.Log(row)
	table.Lock()
	table.rows = append(table.rows, row)
	table.Unlock()
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	code := m.Run()
	dropLarge()
	if len(table.rows) > 0 && slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.bench=") && a != "-test.bench=" }) {
		fmt.Fprintln(os.Stdout, strings.Join(table.rows, "\n"))
	}
	os.Exit(code)
}

// median returns the middle one.
func median(values []float64) float64 { return quantile(values, 0.5) }

func quantile[N float64 | time.Duration](values []N, q float64) N {
	if len(values) == 0 {
		var none N
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
