package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestNoTriggerIsOutlived makes random histories of what triggers look at, for people who
// hold by grants and for machines that hold by rule, with every action: causes that come,
// go and overlap, answers, time, grants anew, policies that are published, halts and
// resumes. Whatever happened, and in whichever order, each has at the target what a model
// says, and nothing that no decision explains. R-REV-1, R-REV-3, R-REV-4, R-REV-5, R-REV-7,
// R-BG-7.
func TestNoTriggerIsOutlived(t *testing.T) {
	for name, c := range map[string]cause{
		"people": {
			name: "people", on: "[event, sweep]",
			when: `identity.employment.status == "leave" || size(risk.events) > 0 || has(grant.ticket) && ticket.state == "closed"`,
		},
		"machines": {
			name: "machines", on: "[event, sweep]", machine: true,
			when: `workload.state == "deleted" || workload.ownerActive == false`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubbles(t, func(t *testing.T, r *rapid.T) {
				w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
				defer w.store.Close()
				h := triggered{causes: newCauses(w, c), r: r, model: map[string]*fired{}}
				h.each(func(who string) { h.model[who] = newFired(c.machine) })
				h.run()
			})
		})
	}
}

// fired is what a model knows of one who holds a role for each action.
type fired struct {
	machine  bool
	on       map[string]bool // the causes that hold
	since    time.Time       // one of them holds without a break
	answered map[string]bool // roles about which somebody agreed meanwhile
	over     map[string]bool // roles that ended for good
}

func newFired(machine bool) *fired {
	return &fired{machine: machine, on: map[string]bool{}, answered: map[string]bool{}, over: map[string]bool{}}
}

func (m *fired) firing() bool { return !m.since.IsZero() }

// turn has a cause begin or end.
func (m *fired) turn(cause string, on bool, now time.Time) {
	m.on[cause] = on
	some := false
	for _, holds := range m.on {
		some = some || holds
	}
	switch {
	case !some:
		m.since, m.answered = time.Time{}, map[string]bool{}
	case m.since.IsZero():
		m.since = now
	}
}

// late reports whether the grace of a role is over.
func (m *fired) late(grace time.Duration, now time.Time) bool {
	return m.firing() && grace > 0 && !now.Before(m.since.Add(grace))
}

// has reports whether a role has effect now, and notes what ends for good: of people, who
// hold by a grant, that ends with it; a machine qualifies again.
func (m *fired) has(action string, grace time.Duration, now time.Time) bool {
	role := causeRole(action, grace)
	ends := m.late(grace, now) && action != "rotate" && action != "hold" && !m.answered[role] ||
		m.firing() && action == "revoke" && grace == 0
	if ends && !m.machine {
		m.over[role] = true
	}
	return !m.over[role] && !ends && (!m.firing() || action != "suspend")
}

// triggered is one history.
type triggered struct {
	*causes
	r      *rapid.T
	model  map[string]*fired
	halted bool
	books  int
}

func (h *triggered) run() {
	h.compare("before anything")
	for range rapid.IntRange(1, 12).Draw(h.r, "steps") {
		h.step(rapid.SampledFrom(causeSubjects).Draw(h.r, "who"))
		h.work()
		h.compare("after a step")
	}
	if h.halted {
		h.resume(schema.Everywhere)
		h.work()
		h.halted = false
		h.compare("resumed at last")
	}
	explained(h.world)
	h.alike()
}

// step is one thing that happens to somebody.
func (h *triggered) step(who string) {
	m := h.model[who]
	switch rapid.IntRange(0, 8).Draw(h.r, "what") {
	case 0, 1, 2, 3:
		kinds := []string{"employment", "ticket", "risk"}
		if m.machine {
			kinds = []string{"workload", "owner"}
		}
		cause := rapid.SampledFrom(kinds).Draw(h.r, "cause")
		m.turn(cause, !m.on[cause], time.Now())
		h.tell(who, cause, m.on[cause])
	case 4, 5:
		time.Sleep(rapid.SampledFrom([]time.Duration{5 * time.Hour, 13 * time.Hour, 29 * time.Hour}).Draw(h.r, "pass")) //nolint:forbidigo // of the bubble's own time
	case 6:
		a := rapid.SampledFrom(causeActions).Draw(h.r, "asked")
		role := causeRole(a.action, a.grace)
		if m.late(a.grace, time.Now()) {
			return // it is too late to answer
		}
		asks := asksPeople(a.action) && m.firing() && !m.answered[role] && !m.over[role]
		if got := h.answer(who, role); got != asks {
			violated("%s of %s is there to be answered %v, want %v", role, who, got, asks)
		}
		m.answered[role] = m.answered[role] || asks
	case 7:
		h.anew(who)
	case 8:
		h.aside()
	}
}

func (h *triggered) tell(who, cause string, on bool) {
	pick := func(yes, no string) string { return map[bool]string{true: yes, false: no}[on] }
	switch cause {
	case "employment":
		h.say(who, map[string]any{"employmentStatus": pick("leave", "active")}, "Cook")
	case "ticket":
		h.ticket(who, pick("closed", "approved"))
	case "risk":
		h.signal("idp", riskSignal("session-revoked", on, who+"@example.com"))
	case "workload":
		h.signal("ci", workloadSignal(who, pick("deleted", "running")))
	case "owner":
		h.owner(who, on)
	}
}

// anew gives once more what ended, while nothing stands against it.
func (h *triggered) anew(who string) {
	m := h.model[who]
	if m.firing() || h.halted {
		return
	}
	for _, a := range causeActions {
		role := causeRole(a.action, a.grace)
		if !m.over[role] {
			continue
		}
		if err := h.store.Update(h.t.Context(), func(tx store.Tx) error { return h.give(tx, who, role) }); err != nil {
			violated("%s anew for %s, against whom nothing stands: %v", role, who, err)
		}
		m.over[role] = false
	}
}

// aside is what gives and takes nothing by itself: everything is halted, or goes on, and
// another version of the same policy comes into force.
func (h *triggered) aside() {
	if rapid.Bool().Draw(h.r, "publish") {
		h.books++
		h.publish(h.book("It is ended by what is tried, says version " + strings.Repeat("i", 1+h.books%2) + "."))
		return
	}
	if h.halted = !h.halted; h.halted {
		h.halt(schema.Everywhere)
	} else {
		h.resume(schema.Everywhere)
	}
}

// compare fails where somebody has at the target what they should not, or has not what
// they should. While all is halted nothing is said: what waits is told afterwards.
func (h *triggered) compare(when string) {
	h.each(func(who string) {
		got := strings.Fields(h.holds(h.ids[who]))
		for _, a := range causeActions {
			role := causeRole(a.action, a.grace)
			want := h.model[who].has(a.action, a.grace, time.Now())
			if has := slices.Contains(got, role); has != want && !h.halted {
				violated("%s: %s has %s %v, want %v; the causes %v hold since %v", when, who, role, has, want, h.model[who].on, h.model[who].since)
			}
		}
	})
}
