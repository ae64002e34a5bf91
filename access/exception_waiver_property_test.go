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
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// R-EXC-4, R-EXC-5: no sequence of exceptions that are asked for, allowed, written into the
// policy, ended and expire, of requests, comings and goings, yields what a rule keeps from
// somebody and no exception that holds allows.
func TestNothingWithoutItsException(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		exceptionalDays(r, w)
		w.alike()
	})
}

// An allowance is one exception, as the model has it.
type allowance struct {
	id    string
	rule  string
	until time.Time
	ended bool
}

// An exceptional is what the model knows.
type exceptional struct {
	*register
	books   map[bool]*policy.Book // with an exception that is a document, and without
	written bool
	away    bool
	asked   []*allowance
}

func exceptionalDays(r *rapid.T, w *world) {
	x := &exceptional{register: newRegister(w), books: map[bool]*policy.Book{
		false: compiled(w.t, exemptedPolicy("")), true: compiled(w.t, exemptedPolicy(except1("{ constraint: vendor-vs-payment }"))),
	}}
	w.publish(x.books[false])
	w.work()
	for range rapid.IntRange(4, 16).Draw(r, "steps") {
		x.happen(r)
		w.work()
		x.judge()
	}
}

func (x *exceptional) happen(r *rapid.T) {
	switch rapid.IntRange(0, 7).Draw(r, "what") {
	case 0, 1:
		x.allow(r)
	case 2, 3:
		if len(x.asked) == 0 {
			return
		}
		a := rapid.SampledFrom(x.asked).Draw(r, "which")
		err := x.store.Update(x.t.Context(), func(tx store.Tx) error {
			_, err := access.EndException(tx, x.rules.Book(), access.Choice{Request: a.id, By: x.as("bob"), Reason: "no more"})
			return err
		})
		a.ended = a.ended || err == nil
	case 4:
		x.request(rapid.SampledFrom([]string{"payer", "boards", "editor"}).Draw(r, "role"))
	case 5:
		if rapid.Bool().Draw(r, "at the desk") {
			x.join("desk", "bob")
		} else {
			x.part("desk", "bob")
		}
	case 6:
		if x.away = !x.away; x.away {
			x.leave("bob")
		} else {
			x.tell("bob", "Engineering", "boss", false)
		}
	case 7:
		if rapid.Bool().Draw(r, "pass") {
			time.Sleep(rapid.SampledFrom([]time.Duration{time.Minute, 2 * time.Hour, 9 * time.Hour}).Draw(r, "long")) //nolint:forbidigo // of the bubble's own time
			return
		}
		x.written = !x.written
		x.publish(x.books[x.written])
	}
}

// request has bob ask for a role, and others agree, where they may.
func (x *exceptional) request(role string) {
	q, err := x.ask(x.asking(role, "bob"))
	if err != nil {
		return
	}
	for _, who := range []string{"boss", "owner"} { // what stands against it by now denies it
		_, _ = x.decide(access.Approve, q, who)
	}
}

// allow has bob ask for an exception, and somebody allow it.
func (x *exceptional) allow(r *rapid.T) {
	one := rapid.SampledFrom(everyWaiver()).Draw(r, "rule")
	asked := access.Excepting{
		Identity: x.ids["bob"], Reason: "nobody else is here", Compensating: []string{"review"}, By: x.as("bob"),
		Expires: time.Now().Add(time.Duration(rapid.IntRange(1, 12).Draw(r, "hours")) * time.Hour),
	}
	one.asking(&asked)
	var e schema.Exception
	err := x.store.Update(x.t.Context(), func(tx store.Tx) (err error) {
		e, err = access.Except(tx, x.rules.Book(), asked)
		return err
	})
	if err != nil {
		violated("asked for an exception: %v", err)
	}
	if e, err = x.decideOn(e, one.owner); err != nil {
		violated("allowed an exception: %v", err)
	}
	x.asked = append(x.asked, &allowance{id: e.ID, rule: e.Rule(), until: e.Expires})
	if rapid.Bool().Draw(r, "used") {
		x.request(one.role)
	}
}

// judge compares what bob has with what holds of his exceptions.
func (x *exceptional) judge() {
	has := strings.Fields(x.holds(x.ids["bob"]))
	allowed := func(rule string) bool {
		return slices.ContainsFunc(x.asked, func(a *allowance) bool { return a.rule == rule && !a.ended && time.Now().Before(a.until) })
	}
	holds := func(target string) bool { return slices.Contains(has, target) }
	switch {
	case holds("Payers") && holds("Desk") && !x.written && !allowed("constraint/vendor-vs-payment"):
		violated("has %v, and nothing allows both", has)
	case holds("Keepers") && !allowed("role/boards"):
		violated("has %v, and is not of the board", has)
	case holds("Editors") && x.away && !allowed("trigger/away/on-leave"):
		violated("has %v, and is on leave", has)
	}
}
