package access_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// R-POL-3, R-OWN-3, R-JIT-1, R-JIT-2, R-JIT-6: no sequence of requests and
// decisions, of comings and goings, yields a grant without as many distinct people
// who are there as its flow demands, none of them who asked or whom it is for; a
// grant without an end; or more holders than a role allows. What ended does not come
// back by what a source repeats.
func TestNoGrantWithoutItsApprovers(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		officeDays(r, newOffice(w))
		w.alike()
	})
}

var staff = []string{"ada", "bob", "boss", "owner", "deputy", "sec1", "sec2", "chief"}

// demands are what the flows of the roles demand, written out again by hand.
var demands = map[string][]int{"editor": {1, 1}, "keeper": {2}}

// A day is what a model of the office knows.
type day struct {
	*office
	gone   map[string]bool
	judged map[string]bool // grants
	asked  []schema.Request
}

func officeDays(r *rapid.T, o *office) {
	d := &day{office: o, gone: map[string]bool{}, judged: map[string]bool{}}
	for range rapid.IntRange(5, 40).Draw(r, "steps") {
		d.happen(r)
		d.judge()
		if rapid.Bool().Draw(r, "work") {
			o.work()
			d.judge()
		}
	}
	o.work()
	d.judge()
	if report, err := o.store.Check(o.t.Context()); err != nil || !report.OK() {
		violated("%v %v", report.Faults, err)
	}
}

func (d *day) happen(r *rapid.T) {
	who := rapid.SampledFrom(staff).Draw(r, "who")
	switch rapid.IntRange(0, 9).Draw(r, "what") {
	case 0, 1:
		a := d.asking(rapid.SampledFrom([]string{"editor", "keeper"}).Draw(r, "role"), rapid.SampledFrom([]string{"ada", "bob"}).Draw(r, "for"))
		a.By = d.as(who)
		a.Lasts = rapid.SampledFrom([]time.Duration{0, time.Hour, 30 * time.Hour}).Draw(r, "lasts")
		if q, err := d.ask(a); err == nil {
			d.asked = append(d.asked, q)
		} else if !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrConflict) {
			violated("%v", err)
		}
	case 2, 3, 4, 5, 6:
		if len(d.asked) == 0 {
			return
		}
		q := rapid.SampledFrom(d.asked).Draw(r, "request")
		verb := rapid.SampledFrom([]deciding{access.Approve, access.Approve, access.Approve, access.Approve, access.Refuse, access.Withdraw}).Draw(r, "verb")
		if rapid.IntRange(0, 3).Draw(r, "by who may") > 0 {
			who = d.able(r, q, who)
		}
		if _, err := d.decide(verb, q, who); err != nil && !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrConflict) {
			violated("%v", err)
		}
	case 7:
		d.gone[who] = !d.gone[who]
		d.repeat(who)
	case 8:
		d.repeat(who) // a source says again what it said before
	case 9:
		time.Sleep(rapid.SampledFrom([]time.Duration{time.Minute, 3 * time.Hour, 50 * time.Hour}).Draw(r, "pass")) //nolint:forbidigo // of the bubble's own time
	}
}

// able is somebody who may decide about a request now, if anybody may.
func (d *day) able(r *rapid.T, q schema.Request, otherwise string) string {
	var able []string
	d.view(func(rd store.Reader) error {
		q, err := store.Requests.Get(rd, q.ID)
		if err != nil {
			return err
		}
		found, err := access.Deciders(rd, d.rules.Book(), q, 10)
		able = nil
		for _, id := range found {
			able = append(able, id.UserName)
		}
		return err
	})
	if len(able) == 0 {
		return otherwise
	}
	return rapid.SampledFrom(able).Draw(r, "able")
}

// repeat tells of somebody as they are.
func (d *day) repeat(who string) {
	department, manager := "Office", ""
	if who == "ada" || who == "bob" {
		department, manager = "Engineering", "boss"
	}
	d.tell(who, department, manager, d.gone[who])
}

// judge looks at every grant that is new, and at who holds what now.
func (d *day) judge() {
	names := map[string]string{}
	for name, id := range d.ids {
		names["identity/"+id] = name
	}
	now, holders := time.Now(), map[string]map[string]bool{"keeper": {}}
	d.view(func(r store.Reader) error {
		for g, err := range store.Grants.All(r) {
			if err != nil {
				return err
			}
			if g.Role == "keeper" && g.Live(now) {
				holders["keeper"][g.Identity] = true
			}
			if d.judged[g.ID] {
				continue
			}
			d.judged[g.ID] = true
			if g.Until.IsZero() {
				violated("a grant without an end")
			}
			d.count(r, g, names)
		}
		return nil
	})
	if n := len(holders["keeper"]); n > 1 {
		violated("%d hold what one may", n)
	}
}

// count counts who agreed to a grant that was given a moment ago.
func (d *day) count(r store.Reader, g schema.Grant, names map[string]string) {
	q, err := store.Requests.Get(r, g.Request)
	if err != nil {
		violated("a grant without a request: %v", err)
	}
	stages, people := make([]int, len(demands[g.Role])), map[string]bool{}
	for _, a := range g.Approvals {
		name := names[a.By]
		switch {
		case name == "" || d.gone[name]:
			violated("%q approved and is not there", name)
		case d.ids[name] == g.Identity || d.ids[name] == q.Requester:
			violated("%s", name+" approved what is their own")
		case people[name]:
			violated("%s", name+" approved twice")
		}
		people[name] = true
		stages[a.Stage]++
	}
	for i, n := range demands[g.Role] {
		if stages[i] < n {
			violated("stage %d of %s has %d approvals, want %d", i, g.Role, stages[i], n)
		}
	}
}

// What ended stays ended: a source that says a thousand times what it said before
// gives nothing back. R-JIT-2.
func TestWhatEndedStaysEnded(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		o.approve(q, "owner", schema.RequestFulfilled, 1)
		w.work()
		w.want(o.ids["ada"], "Editors")
		time.Sleep(8 * time.Hour) //nolint:forbidigo // of the bubble's own time
		w.work()
		w.want(o.ids["ada"], "")
		calls := w.calls
		for i := range 1000 {
			department := "Engineering"
			if i%2 == 0 {
				department = "Sales"
			}
			o.tell("ada", department, "boss", false)
		}
		for range 10 {
			o.tell("ada", "Engineering", "boss", false)
			w.work()
		}
		w.want(o.ids["ada"], "")
		if w.calls != calls {
			t.Errorf("%d calls to the target, want none", w.calls-calls)
		}
	})
}
