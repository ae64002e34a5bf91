package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// causeNamed is one of the things that triggers look at.
func causeNamed(name string) cause {
	all := everyCause()
	return all[slices.IndexFunc(all, func(c cause) bool { return c.name == name })]
}

// TestNoMoveIsOutlived makes random histories of people who move, who are told of again as
// they are, of answers, time and grants anew: a trigger on what happens goes on until
// somebody answers, or what it asked for was done, and each has at the target what a model
// says. R-REV-2, R-REV-7.
func TestNoMoveIsOutlived(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		h := moves{causes: newCauses(w, causeNamed("movement")), asks: map[string]time.Time{}, over: map[string]bool{}, title: map[string]string{}}
		h.each(func(who string) { h.title[who] = "Cook" })
		h.compare()
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			h.step(r, rapid.SampledFrom(causeSubjects).Draw(r, "who"))
			h.work()
			h.compare()
		}
		explained(w)
		h.alike()
	})
}

// moves is one history of people who move, and what a model knows of it: by who and role,
// since when it is asked about, and what ended for good.
type moves struct {
	*causes
	asks  map[string]time.Time
	over  map[string]bool
	title map[string]string
}

func (h *moves) step(r *rapid.T, who string) {
	switch rapid.SampledFrom([]string{"move", "move", "same", "time", "time", "answer", "answer", "anew"}).Draw(r, "what") {
	case "move":
		h.title[who] = map[string]string{"Cook": "Chief", "Chief": "Cook"}[h.title[who]]
		h.say(who, nil, h.title[who])
		for _, a := range causeActions {
			if key := who + " " + a.role(); !h.over[key] && h.asks[key].IsZero() {
				h.asks[key] = time.Now()
			}
		}
	case "same":
		h.say(who, nil, h.title[who])
	case "time":
		time.Sleep(rapid.SampledFrom([]time.Duration{5 * time.Hour, 13 * time.Hour, 29 * time.Hour}).Draw(r, "pass")) //nolint:forbidigo // of the bubble's own time
	case "answer":
		a := rapid.SampledFrom(causeActions).Draw(r, "asked")
		key := who + " " + a.role()
		asked := a.action != "revoke" && !h.asks[key].IsZero()
		if got := h.answer(who, a.role()); got != asked {
			violated("%s of %s is there to be answered %v, want %v", a.role(), who, got, asked)
		}
		if asked {
			delete(h.asks, key)
		}
	case "anew":
		for _, a := range causeActions {
			key := who + " " + a.role()
			if !h.over[key] {
				continue
			}
			if err := h.store.Update(h.t.Context(), func(tx store.Tx) error { return h.give(tx, who, a.role()) }); err != nil {
				violated("%s anew for %s, whose move is long over: %v", a.role(), who, err)
			}
			delete(h.over, key)
		}
	}
}

// compare fails where somebody has at the target what they should not, or has not what they
// should.
func (h *moves) compare() {
	h.each(func(who string) {
		got := strings.Fields(h.holds(h.ids[who]))
		for _, a := range causeActions {
			key := who + " " + a.role()
			since := h.asks[key]
			late := a.grace > 0 && !since.IsZero() && !time.Now().Before(since.Add(a.grace))
			if late && a.action != "rotate" && a.action != "hold" || a.action == "revoke" && a.grace == 0 && !since.IsZero() {
				h.over[key] = true
				delete(h.asks, key)
				since = time.Time{}
			}
			want := !h.over[key] && (a.action != "suspend" || since.IsZero())
			if slices.Contains(got, a.role()) != want {
				violated("%s has %s %v, want %v; asked about since %v", who, a.role(), !want, want, since)
			}
		}
	})
}

// TestNoIdleAccessIsOutlived makes random histories of what is used and what is not, of
// answers, time and grants anew, while who tells of use goes on telling. R-REV-6.
func TestNoIdleAccessIsOutlived(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		h := idles{causes: newCauses(w, causeNamed("inactivity")), model: map[string]*fired{}, used: map[string]time.Time{}, given: map[string]time.Time{}}
		h.each(func(who string) { h.model[who] = newFired(false) })
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			h.step(r, rapid.SampledFrom(causeSubjects).Draw(r, "who"))
			h.work()
			h.compare()
		}
		explained(w)
		h.alike()
	})
}

// idles is one history of use, and what a model knows of it.
type idles struct {
	*causes
	model map[string]*fired
	used  map[string]time.Time // when an account was used last, as somebody told
	given map[string]time.Time // when a role was given anew, by who and role
}

// fresh reports whether somebody was given a role after they used anything last: that they
// do not use it yet says nothing.
func (h *idles) fresh(who, role string) bool { return h.given[who+" "+role].After(h.used[who]) }

func (h *idles) step(r *rapid.T, who string) {
	m := h.model[who]
	switch rapid.SampledFrom([]string{"use", "use", "time", "time", "time", "answer", "anew"}).Draw(r, "what") {
	case "use":
		h.signal("idp", useSignal("r-"+h.ids[who]))
		h.used[who] = time.Now()
	case "time":
		h.wait(rapid.SampledFrom([]time.Duration{6 * time.Hour, 18 * time.Hour, 42 * time.Hour}).Draw(r, "pass"))
	case "answer":
		h.settle(who)
		a := rapid.SampledFrom(causeActions).Draw(r, "asked")
		if m.late(a.grace, time.Now()) {
			return // it is too late to answer
		}
		role := a.role()
		asks := asksPeople(a.action) && m.firing() && !m.answered[role] && !m.over[role] && !h.fresh(who, role)
		if got := h.answer(who, role); got != asks {
			violated("%s of %s is there to be answered %v, want %v", role, who, got, asks)
		}
		m.answered[role] = m.answered[role] || asks
	case "anew":
		if h.settle(who); m.firing() {
			return
		}
		for _, a := range causeActions {
			if role := a.role(); m.over[role] {
				if err := h.store.Update(h.t.Context(), func(tx store.Tx) error { return h.give(tx, who, role) }); err != nil {
					violated("%s anew for %s, who uses what they have: %v", role, who, err)
				}
				m.over[role], h.given[who+" "+role] = false, time.Now()
			}
		}
	}
}

// settle has the model know whether what somebody has is idle by now.
func (h *idles) settle(who string) {
	m := h.model[who]
	if last := h.used[who]; !last.IsZero() && time.Since(last) > 48*time.Hour {
		m.since = last.Add(48 * time.Hour)
	} else {
		m.since, m.answered = time.Time{}, map[string]bool{}
	}
}

func (h *idles) compare() {
	h.each(func(who string) {
		h.settle(who)
		got := strings.Fields(h.holds(h.ids[who]))
		for _, a := range causeActions {
			want := h.fresh(who, a.role()) || h.model[who].has(a.action, a.grace, time.Now())
			if slices.Contains(got, a.role()) != want {
				violated("%s has %s %v, want %v; used %s ago", who, a.role(), !want, want, time.Since(h.used[who]))
			}
		}
	})
}
