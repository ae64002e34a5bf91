package access_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestTestsSayWhatTheBridgeDoes makes up what people do about a role that somebody asks
// for, does it at a bridge, and writes it down as a policy's own test would: both come to
// the same. R-PUB-5.
func TestTestsSayWhatTheBridgeDoes(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(1)))
		defer w.store.Close()
		play := &rehearsed{office: newRegister(w).office, r: r, manager: "boss"}
		w.rules.Use(compiled(t, askedFor+newManagers, "  duration: { default: 8h, max: 24h, renewable: true }\n  triggers: [leaver]", "  duration: { default: 8h, max: 24h, renewable: true }\n  triggers: [leaver, mover]"))
		play.begin()
		for _, next := range chapters[rapid.SampledFrom(slices.Sorted(maps.Keys(chapters))).Draw(r, "chapter")] {
			play.does(next)
		}
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			play.step()
		}
	})
}

// A rehearsed is what happens in an office, and the test that says the same.
type rehearsed struct {
	*office
	r       *rapid.T
	test    policy.Test
	last    time.Time
	request schema.Request
	waiver  schema.Exception // that was asked for last
	manager string
}

// A deed is one thing that happens: what, about what or by whom, and for how long.
type deed struct {
	what, of, who string
	lasts         time.Duration
}

// chapters are how a history begins, by what it tells of: what a random one hardly ever comes
// to, because much has to happen before it, and in order.
var chapters = map[string][]deed{
	"nothing":           nil,
	"given":             given,
	"kept":              then(given, deed{what: "manage", who: "chief"}, deed{what: "keep", who: "boss"}, deed{what: "pass", lasts: 5 * time.Hour}),
	"asked anew":        then(given, deed{what: "manage", who: "chief"}, deed{what: "keep", who: "ada"}, deed{what: "pass", lasts: 5 * time.Hour}),
	"renewed too late":  then(given, deed{what: "ask", of: "editor"}, deed{what: "manage", who: "chief"}, deed{what: "pass", lasts: 5 * time.Hour}),
	"halted before":     then([]deed{{what: "halt"}}, then(given, deed{what: "pass", lasts: time.Hour}, deed{what: "resume"})...),
	"halted, and ended": then(given, deed{what: "halt"}, deed{what: "revoke", of: "editor"}, deed{what: "pass", lasts: time.Hour}),
	"halted, and asked": then(given, deed{what: "halt"}, deed{what: "manage", who: "chief"}, deed{what: "pass", lasts: 5 * time.Hour}, deed{what: "resume"}),
	"halted, and late":  then(given, deed{what: "halt"}, deed{what: "pass", lasts: 9 * time.Hour}, deed{what: "resume"}),
}

// given is what it takes that ada edits the wiki.
var given = []deed{{what: "ask", of: "editor"}, {what: "decide", of: "approve", who: "boss"}, {what: "decide", of: "approve", who: "owner"}}

func then(before []deed, after ...deed) []deed { return slices.Concat(before, after) }

// newManagers asks anew about what somebody may edit whose manager is another one.
const newManagers = `
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: mover, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: manager, on: [event], when: '"manager" in event.changed', action: reapprove, grace: 4h }
`

func address(name string) string { return name + "@example.com" }

func (p *rehearsed) begin() {
	people := map[string]map[string]any{}
	for _, name := range []string{"boss", "owner", "deputy", "sec1", "sec2", "chief", "bob", "iam", "iam2"} {
		people[address(name)] = map[string]any{"department": "Office", "groups": []any{}}
	}
	p.join("desk", "ada")
	p.work()
	for _, name := range []string{"sec1", "sec2"} {
		people[address(name)]["groups"] = []any{"Security"}
	}
	p.last = time.Now()
	p.test.Spec = policy.TestSpec{
		Now: p.last, People: people,
		Identity: map[string]any{
			"id": p.ids["ada"], "userName": address("ada"), "active": true, "department": "Engineering", "manager": address("boss"), "groups": []any{"desk"},
			"employment": map[string]any{"status": "active"},
		},
	}
}

// then writes down a moment.
func (p *rehearsed) then(m policy.TestMoment) {
	m.After = policy.Duration(time.Since(p.last))
	p.last = time.Now()
	p.test.Spec.Then = append(p.test.Spec.Then, m)
}

func (p *rehearsed) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(p.r, what)
}

// step is one thing that happens, whatever it is.
func (p *rehearsed) step() {
	next := deed{what: p.pick("what", "ask", "decide", "decide", "decide", "decide", "revoke", "leave", "move", "pass", "except", "allow", "allow", "end", "manage", "keep", "halt", "resume")}
	switch next.what {
	case "ask":
		next.of = p.pick("role", "editor", "keeper", "payer", "clerk")
	case "decide":
		next.who, next.of = p.pick("who", "boss", "owner", "deputy", "sec1", "sec2", "chief", "ada", "bob"), p.pick("does", "approve", "approve", "approve", "deny", "withdraw")
	case "revoke":
		next.of = p.pick("role", "editor", "keeper")
	case "leave":
		next.who, next.of = p.pick("who", "boss", "owner", "deputy", "chief"), p.pick("gone", "gone", "back")
	case "move":
		next.of, next.who = p.pick("department", "Engineering", "Sales"), p.pick("gone", "no", "no", "yes")
	case "pass":
		next.lasts = rapid.SampledFrom([]time.Duration{time.Hour, 5 * time.Hour, 50 * time.Hour}).Draw(p.r, "for")
	case "except":
		next.lasts = rapid.SampledFrom([]time.Duration{6 * time.Hour, 500 * oneDay}).Draw(p.r, "lasts")
	case "allow", "end":
		next.who, next.of = p.pick("who", "iam", "iam", "iam2", "ada", "boss"), p.pick("agrees", "approve", "deny")
	case "manage":
		next.who = p.pick("manager", "boss", "chief")
	case "keep":
		next.who = p.pick("who", "boss", "ada")
	}
	p.does(next)
}

// does has one thing happen, and compares what comes of it here and there.
func (p *rehearsed) does(next deed) {
	who := next.who
	switch next.what {
	case "ask":
		q, err := p.ask(p.asking(next.of, "ada"))
		if err == nil {
			p.request = q
		}
		p.acted(policy.TestAct{Does: "ask", Role: next.of, Ticket: "CHG-1"}, err)
	case "decide":
		if p.request.ID == "" || p.waiver.Made.After(p.request.Made) {
			return
		}
		_, err := p.decide(map[string]deciding{"approve": access.Approve, "deny": access.Refuse, "withdraw": access.Withdraw}[next.of], p.request, who)
		p.acted(policy.TestAct{Who: address(who), Does: next.of}, err)
	case "revoke":
		p.update(func(tx store.Tx) error {
			return access.Revoke(tx, p.rules.Book(), access.Revocation{Identity: p.ids["ada"], Role: next.of, By: "token/test", Reason: "why not"})
		})
		p.acted(policy.TestAct{Who: address("boss"), Does: "revoke", Role: next.of}, nil)
	case "leave":
		gone := next.of == "gone"
		p.tell(who, "Office", "", gone)
		p.then(policy.TestMoment{People: map[string]map[string]any{address(who): {"active": !gone}}})
	case "move":
		gone := who == "yes"
		p.tell("ada", next.of, p.manager, gone)
		p.then(policy.TestMoment{Identity: map[string]any{"department": next.of, "active": !gone}})
	case "pass":
		time.Sleep(next.lasts) //nolint:forbidigo // of the bubble's own time
	default:
		p.answer(next)
	}
	p.compare()
}

// answer is what happens beside requests: exceptions, answers to triggers, and halts.
func (p *rehearsed) answer(next deed) {
	tried := func(fn func(store.Tx) error) error { return p.store.Update(p.t.Context(), fn) }
	book, who := p.rules.Book(), next.who
	switch next.what {
	case "except":
		e, err := (&register{p.office}).except("ada", next.lasts)
		if err == nil {
			p.waiver = e
		}
		p.acted(policy.TestAct{Does: "except", Constraint: "vendor-vs-payment", For: policy.Duration(next.lasts)}, err)
	case "allow", "end":
		if p.waiver.ID == "" || next.what == "allow" && p.request.Made.After(p.waiver.Made) {
			return
		}
		choice := access.Choice{Request: p.waiver.ID, By: p.as(who), Reason: "why not"}
		if next.what == "end" {
			err := tried(func(tx store.Tx) error { _, err := access.EndException(tx, book, choice); return err })
			p.acted(policy.TestAct{Who: address(who), Does: "end"}, err)
			return
		}
		err := tried(func(tx store.Tx) error {
			_, err := access.DecideException(tx, book, choice, next.of == "approve")
			return err
		})
		p.acted(policy.TestAct{Who: address(who), Does: next.of}, err)
	case "manage":
		if who == p.manager {
			return
		}
		p.manager = who
		p.tell("ada", "Engineering", p.manager, false)
		p.then(policy.TestMoment{
			Identity: map[string]any{"manager": address(p.manager), "department": "Engineering", "active": true}, Changed: []string{"manager"},
		})
	case "keep":
		err := tried(func(tx store.Tx) error {
			return access.Reapprove(tx, book, access.Answer{Identity: p.ids["ada"], Role: "editor", By: "identity/" + p.ids[who], Person: p.ids[who], Reason: "why not"})
		})
		p.acted(policy.TestAct{Who: address(who), Does: "keep", Role: "editor"}, err)
	case "halt":
		p.halt(schema.Everywhere)
		p.acted(policy.TestAct{Does: "halt"}, nil)
	case "resume":
		err := tried(func(tx store.Tx) error {
			_, err := access.Resume(tx, p.halting(schema.Everywhere, "why not"))
			return err
		})
		p.acted(policy.TestAct{Does: "resume"}, err)
	}
}

// targets is what the account at the target has, by the catalogue's names, and how the
// exception stands.
func (p *rehearsed) targets(m policy.Moment) {
	has := []string{}
	if acc := p.world.targets["wiki"]["r-"+p.ids["ada"]]; acc.Active {
		for _, name := range acc.Entitlements {
			has = append(has, "wiki/"+strings.ToLower(name))
		}
	}
	if got, want := strings.Join(schema.Sorted(m.Targets...), " "), strings.Join(schema.Sorted(has...), " "); got != want {
		violated("the target has %q, and in the test %q", want, got)
	}
	if p.waiver.ID == "" {
		return
	}
	var is schema.Exception
	p.view(func(r store.Reader) (err error) {
		is, err = store.Exceptions.Get(r, p.waiver.ID)
		return err
	})
	if is.State != m.Exception {
		violated("the exception is %s, and in the test %s", is.State, m.Exception)
	}
}

// acted compares whether both refuse it.
func (p *rehearsed) acted(act policy.TestAct, err error) {
	p.then(policy.TestMoment{When: &act})
	moments := p.rules.Book().Try(&p.test)
	if m := moments[len(moments)-1]; (err != nil) != (m.Refused != "") {
		violated("%+v: the bridge says %v, and the test %q", act, err, m.Refused)
	}
}

// compare lets all be done that follows, and compares what it comes to.
func (p *rehearsed) compare() {
	p.work()
	time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's own time: governance takes a little
	p.work()
	p.then(policy.TestMoment{})
	moments := p.rules.Book().Try(&p.test)
	m := moments[len(moments)-1]
	p.targets(m)
	var is schema.Request
	held := []string{}
	p.view(func(r store.Reader) error {
		held = []string{}
		for line, err := range store.Assignments.All(r, p.ids["ada"]) {
			if err != nil {
				return err
			}
			held = append(held, line.Ref())
		}
		if p.request.ID == "" {
			return nil
		}
		var err error
		is, err = store.Requests.Get(r, p.request.ID)
		return err
	})
	said := []string{}
	for _, line := range m.Access.Assignments {
		said = append(said, line.Ref())
	}
	if len(m.Access.Keep) == 0 && !slices.Equal(held, said) {
		violated("the bridge gives %v, and the test says %v", held, said)
	}
	if is.State != m.Request || is.State == schema.RequestOpen && is.Stage+1 != m.Stage {
		violated("at the bridge it is %s at stage %d (%s), and in the test %s at %d (%s)", is.State, is.Stage+1, is.Outcome, m.Request, m.Stage, m.Because)
	}
	if is.State != schema.RequestOpen || p.waiver.Made.After(p.request.Made) {
		return
	}
	var may []string
	for _, name := range []string{"ada", "bob", "boss", "chief", "deputy", "owner", "sec1", "sec2"} {
		err := p.store.Try(p.t.Context(), func(tx store.Tx) error {
			_, err := access.Refuse(tx, p.rules.Book(), access.Choice{Request: is.ID, By: p.as(name), Reason: "to see"})
			return err
		})
		if err == nil {
			may = append(may, address(name))
		}
	}
	if got := strings.Join(may, " "); got != strings.Join(m.MayDecide, " ") {
		violated("at the bridge may decide %s, and in the test %s", got, fmt.Sprint(m.MayDecide))
	}
}
