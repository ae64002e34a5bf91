package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// silentActions are triggers that take nothing by what is told, or all of it, with each
// thing that they do once nobody tells.
func silentActions() (all []causeAction) {
	for _, action := range []string{"reapprove", "hold", "suspend"} {
		for _, silence := range []string{"hold", "suspend", "revoke"} {
			all = append(all, causeAction{action: action, silence: silence})
		}
	}
	return all
}

// A quiet is a thing that triggers look at, and whoever tells of it falls silent.
type quiet struct {
	cause
	tell func(c *causes, who string, on bool) // that it holds, or does not
}

// everyQuiet are the things of which somebody has to tell.
func everyQuiet() []quiet {
	state := map[bool][2]string{false: {"approved", "running"}, true: {"closed", "deleted"}}
	all := []quiet{
		{cause{name: "ticket", when: `has(grant.ticket) && ticket.state == "closed"`},
			func(c *causes, who string, on bool) { c.ticket(who, state[on][0]) }},
		{cause{name: "risk", when: `size(risk.events) > 0`},
			func(c *causes, who string, on bool) {
				c.signal("idp", riskSignal("session-revoked", on, who+"@example.com"))
			}},
		{cause{name: "workload", when: `workload.state == "deleted"`, machine: true},
			func(c *causes, who string, on bool) { c.signal("ci", workloadSignal(who, state[on][1])) }},
	}
	for i := range all {
		all[i].on, all[i].actions = "[event, sweep]", silentActions()
	}
	return all
}

// R-REV-3, R-REV-4, R-REV-5: once nobody tells of what a trigger looks at, it does what it
// says of that, whatever was told last: that its cause is not there, that it is, and that it
// is where somebody agreed to it. What is suspended comes back when somebody tells again.
func TestEverySilence(t *testing.T) {
	for _, one := range everyQuiet() {
		t.Run(one.name, func(t *testing.T) {
			engines(t, func(t *testing.T, w *world) { trySilence(newCauses(w, one.cause), one.tell) })
		})
	}
}

func trySilence(c *causes, tell func(c *causes, who string, on bool)) {
	on := func(who string) bool { return who != "ends" }
	c.each(func(who string) { tell(c, who, on(who)) })
	c.work()
	for _, a := range c.does() {
		c.answer("answered", a.role())
	}
	c.world.pass(23 * time.Hour)
	told := func(who string, a causeAction) bool { return !on(who) || a.action != "suspend" }
	c.hear("an hour before it is silence", told)
	c.world.pass(2 * time.Hour)
	c.hear("when it is silence", func(who string, a causeAction) bool { return told(who, a) && a.silence == "hold" })
	c.each(func(who string) { tell(c, who, false) })
	c.world.pass(time.Hour + time.Minute) // of whom nothing new is told is looked at within the hour
	c.hear("when somebody tells again", func(_ string, a causeAction) bool { return c.cause.machine || a.silence != "revoke" })
}

// hear compares what everybody has at the target, of each role.
func (c *causes) hear(when string, has func(who string, a causeAction) bool) {
	c.t.Helper()
	c.each(func(who string) {
		got := strings.Fields(c.holds(c.ids[who]))
		for _, a := range c.does() {
			if want := has(who, a); slices.Contains(got, a.role()) != want {
				c.t.Errorf("%s, %s: %s is at the target %v, want %v", when, who, a.role(), !want, want)
			}
		}
	})
}

// TestNoSilenceIsOutlived makes random histories of what is told and what is not: each has
// at the target what a model says. R-REV-3, R-REV-4, R-REV-5.
func TestNoSilenceIsOutlived(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		one := everyQuiet()[rapid.IntRange(0, 2).Draw(r, "of")]
		h := silences{causes: newCauses(w, one.cause), quiet: one, on: map[string]bool{}, heard: time.Now(), given: map[string]time.Time{}, over: map[string]bool{}, had: map[string]bool{}}
		h.compare()
		for range rapid.IntRange(1, 10).Draw(r, "steps") {
			h.step(r)
			h.compare()
		}
		explained(w)
		h.alike()
	})
}

// silences is one history of what is told, and what a model knows of it.
type silences struct {
	*causes
	quiet quiet
	on    map[string]bool      // of whom it was told last that the cause is there
	heard time.Time            // when something was told last
	given map[string]time.Time // when something was given anew, by who and role
	over  map[string]bool      // what ended for good, likewise
	had   map[string]bool      // what was held when it was looked at last, likewise
}

// step is one thing that happens: something is told, again or anew; time passes; what ended
// is given again; another version of the policy comes into force.
func (h *silences) step(r *rapid.T) {
	who := rapid.SampledFrom(causeSubjects).Draw(r, "who")
	switch rapid.SampledFrom([]string{"tell", "tell", "tell", "time", "time", "answer", "anew", "publish"}).Draw(r, "what") {
	case "tell":
		h.on[who] = rapid.Bool().Draw(r, "on")
		h.quiet.tell(h.causes, who, h.on[who])
		h.heard = time.Now() // whoever tells of one is there to tell of all
		h.work()
		h.world.pass(time.Hour + time.Minute) // of whom nothing new is told is looked at within the hour
	case "time":
		h.world.pass(rapid.SampledFrom([]time.Duration{5 * time.Hour, 13 * time.Hour, 29 * time.Hour}).Draw(r, "pass"))
	case "answer":
		h.answer(who, rapid.SampledFrom(h.does()).Draw(r, "asked").role())
		h.work()
	case "anew":
		for _, a := range h.does() {
			if key := who + " " + a.role(); h.over[key] && !h.silent("") && !h.on[who] {
				if err := h.store.Update(h.t.Context(), func(tx store.Tx) error { return h.give(tx, who, a.role()) }); err != nil {
					violated("%s anew for %s, against whom nothing stands: %v", a.role(), who, err)
				}
				delete(h.over, key)
				h.given[key] = time.Now()
			}
		}
		h.work()
	case "publish":
		h.publish(h.book(fmt.Sprintf("It is ended by what is tried, says version %d.", len(h.verbs("policy"))%2)))
		h.work()
	}
}

// silent reports whether nobody told for a day, nor gave what it is about.
func (h *silences) silent(key string) bool {
	return time.Since(h.heard) >= day24 && time.Since(h.given[key]) >= day24
}

// compare fails where somebody has at the target what they should not, or has not what
// they should.
func (h *silences) compare() {
	h.each(func(who string) {
		got := strings.Fields(h.holds(h.ids[who]))
		for _, a := range h.does() {
			key := who + " " + a.role()
			h.over[key] = h.over[key] || !h.cause.machine && a.silence == "revoke" && h.silent(key)
			want := !h.over[key] && (!h.on[who] || a.action != "suspend") && (!h.silent(key) || a.silence == "hold")
			if h.on[who] && a.action == "hold" && !h.had[key] {
				want = false // it leaves what is held, and gives nothing
			}
			h.had[key] = want
			if slices.Contains(got, a.role()) != want {
				violated("%s has %s %v, want %v; the cause is there %v, told %s ago", who, a.role(), !want, want, h.on[who], time.Since(h.heard))
			}
		}
	})
}
