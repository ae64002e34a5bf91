package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store/enginetest"
)

// TestTestsSayWhatRegistersDo makes up what becomes of an exception that is to be looked at
// again, of a rule from which others are excepted as well, and of a break-glass role that
// is to be tried now and then; does it at a bridge, and writes it down as a policy's own test
// would: both come to the same. R-PUB-5, R-EXC-1, R-EXC-6, R-BG-6.
func TestTestsSayWhatRegistersDo(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(1)))
		defer w.store.Close()
		exception := strings.Replace(strings.Replace(documented, "  onExpiry: revoke", "  review: { every: 7d, within: 3d, overdue: revoke }\n  onExpiry: revoke", 1), "[bob]", "[bob@example.com]", 1)
		e := newEmergencyOf(w, exception+"---"+emergencies)
		play := &registers{register: &register{e.office}, glass: e, rehearsed: rehearsed{office: e.office, r: r, manager: "boss"}}
		play.begin(rapid.IntRange(3, 5).Draw(r, "others"))
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			play.step()
		}
	})
}

// registers is what happens to exceptions and break-glass roles, and the test that says the
// same.
type registers struct {
	*register
	rehearsed
	glass *emergency
}

const keptApart = "constraint/vendor-vs-payment"

// begin has others be excepted for longer than anything takes, and writes that down.
func (p *registers) begin(others int) {
	people := map[string]map[string]any{}
	for _, name := range []string{"iam", "iam2"} {
		p.rehearsed.tell(name, "Office", "", false)
	}
	for _, name := range []string{"boss", "owner", "deputy", "sec1", "sec2", "chief", "ada", "iam", "iam2"} {
		people[address(name)] = map[string]any{"department": "Office", "groups": []any{}}
	}
	p.rehearsed.join("desk", "bob")
	p.rehearsed.work()
	for _, who := range []string{"ada", "boss", "owner", "deputy", "chief"}[:others] {
		p.allow(who, 300*oneDay, "iam")
	}
	p.rehearsed.work()
	p.last = time.Now()
	p.test.Spec = policy.TestSpec{
		Now: p.last, People: people, Waived: map[string]int{keptApart: others},
		Identity: map[string]any{
			"id": p.rehearsed.ids["bob"], "userName": address("bob"), "active": true, "department": "Engineering", "manager": address("boss"), "groups": []any{"desk"},
			"employment": map[string]any{"status": "active"},
		},
		Ticket: map[string]any{"id": "INC-1", "kind": "incident", "priority": int64(1), "state": "in_progress"},
	}
}

// step is one thing that happens, and what comes of it here and there.
func (p *registers) step() {
	switch p.pick("what", "keep", "keep", "end", "take", "take", "incident", "pass", "pass") {
	case "keep":
		who := p.pick("who", "boss", "iam", "iam2", "bob", "ada")
		p.acted(policy.TestAct{Who: address(who), Does: "keep", Exception: "exc-1"}, p.say(access.KeepException, "exc-1", who))
	case "end":
		if who := p.pick("who", "boss", "iam", "bob", "ada", "ada", "ada"); p.pick("really", "no", "yes") == "yes" {
			p.acted(policy.TestAct{Who: address(who), Does: "end", Exception: "exc-1"}, p.say(access.EndException, "exc-1", who))
		}
	case "take":
		b := p.glass.breaking("bob")
		b.Ticket = p.pick("ticket", "INC-1", "INC-1", "INC-2")
		b.Unverified = p.pick("unverified", "", "what tells of incidents is down")
		_, err := p.glass.take(b)
		p.acted(policy.TestAct{Who: address("bob"), Does: "take", Role: "glass", Ticket: b.Ticket, Evidence: []string{"host"}, Unverified: b.Unverified != ""}, err)
	case "incident":
		state := p.pick("state", "in_progress", "closed")
		p.glass.incident(state, 1)
		p.then(policy.TestMoment{Ticket: map[string]any{"state": state}})
	case "pass":
		days := rapid.SampledFrom([]int{1, 4, 8, 20, 95}).Draw(p.r, "days")
		time.Sleep(time.Duration(days) * oneDay) //nolint:forbidigo // of the bubble's own time
	}
	p.compare()
}

// compare compares what is to be looked at again, what is excepted from too often, and what
// nobody tried, here and there.
func (p *registers) compare() {
	p.rehearsed.work()
	time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's own time: governance takes a little
	p.rehearsed.work()
	p.then(policy.TestMoment{})
	moments := p.rehearsed.rules.Book().Try(&p.test)
	m := moments[len(moments)-1]
	for _, both := range []struct {
		kind  schema.FindingKind
		about string // which the bridge says before the name
		said  []string
	}{
		{"exception-review", "exception/", m.LookAgain},
		{"exception-pressure", "", m.Dominated},
		{"drill-overdue", "role/", m.Undrilled},
	} {
		found := slices.Collect(func(yield func(string) bool) {
			for _, subject := range p.rehearsed.findings(both.kind) {
				if !yield(strings.TrimPrefix(subject, both.about)) {
					return
				}
			}
		})
		if got, want := strings.Join(schema.Sorted(both.said...), " "), strings.Join(schema.Sorted(found...), " "); got != want {
			violated("the bridge finds %s of %q, and the test says %q", both.kind, want, got)
		}
	}
}
