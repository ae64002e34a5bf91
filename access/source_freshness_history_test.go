package access_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/store/enginetest"
)

// TestNothingIsConcludedFromStaleRecords makes random histories of what a source tells of
// people, and of when it is heard: while it is stale nobody gets anything new, and nobody
// loses what they have but those of whom it tells that they left. R-SRC-6, R-ENG-3.
func TestNothingIsConcludedFromStaleRecords(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		w.publish(book(t, `authoritativeFor: ["*"] }`, `authoritativeFor: ["*"], freshness: { staleAfter: 6h, onStale: hold } }`))
		h := staleness{world: w, hearing: &access.Hearing{}, people: map[string]person{}, has: map[string]string{}}
		h.hear()
		for range rapid.IntRange(1, 16).Draw(r, "steps") {
			h.step(r)
			h.compare()
		}
		w.check()
	})
}

// staleness is one history of what a source tells, and what a model knows of it.
type staleness struct {
	*world
	hearing *access.Hearing
	heard   time.Time
	people  map[string]person // as they were told of last, by name
	has     map[string]string // what they have at the target
}

func (h *staleness) hear() {
	h.hears(h.hearing, "hr")
	h.heard = time.Now()
}

func (h *staleness) step(r *rapid.T) {
	switch rapid.SampledFrom([]string{"hear", "tell", "tell", "tell", "time"}).Draw(r, "what") {
	case "hear":
		h.hear()
	case "tell": // without its being heard, as by a restore
		p := person{name: rapid.SampledFrom([]string{"ada", "bob", "eve"}).Draw(r, "who")}
		p.id = h.people[p.name].id
		p.department = rapid.SampledFrom([]string{"Engineering", "Operations", "Sales"}).Draw(r, "where")
		p.inactive = rapid.SampledFrom([]bool{false, false, true}).Draw(r, "left")
		p.id = h.admit(p)
		h.people[p.name] = p
	case "time":
		h.pass(rapid.SampledFrom([]time.Duration{time.Hour, 4 * time.Hour, 9 * time.Hour}).Draw(r, "for"))
	}
	h.pass(time.Minute)
}

// compare fails where somebody has something else at the target than the model says.
func (h *staleness) compare() {
	earned := map[string]string{"Engineering": "Readers", "Operations": "Admins"}
	stale := time.Since(h.heard) >= 6*time.Hour
	for name, p := range h.people {
		switch {
		case p.inactive:
			h.has[name] = ""
		case !stale:
			h.has[name] = earned[p.department]
		}
		if got := h.holds(p.id); got != h.has[name] {
			violated("%s of %s, who left %v, holds %q, want %q; heard %s ago", name, p.department, p.inactive, got, h.has[name], time.Since(h.heard))
		}
	}
}
