package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// TestNoBypassIsOutlived makes random histories of emergencies: incidents that come and go,
// people who take the role, leave, move and are back, evidence, reviewers who agree or do
// not, and time. Whatever happened, and in whichever order, each has at the target what a
// model says, may do what it says, and what is owed is told of for as long as it is owed.
// R-BG-1, R-BG-2, R-BG-3, R-BG-4.
func TestNoBypassIsOutlived(t *testing.T) {
	inBubbles(t, func(t *testing.T, r *rapid.T) {
		w := newWorld(t, enginetest.Again(enginetest.Memory(rapid.SampledFrom([]int{1, 4}).Draw(r, "writers"))))
		defer w.store.Close()
		d := newAlarms(w, rapid.SampledFrom([]terms{
			{lasts: time.Hour, evidence: 24 * time.Hour, review: 72 * time.Hour, holders: 2},
			{lasts: 4 * time.Hour, evidence: 20 * time.Minute, review: 30 * time.Minute, holders: 2},
			{lasts: 3 * time.Hour, evidence: time.Hour, review: 2 * time.Hour, holders: 1},
		}).Draw(r, "terms"))
		for range rapid.IntRange(4, 24).Draw(r, "steps") {
			d.happen(r)
			d.work()
			d.judge("at once")
			d.settle()
			d.judge("a minute later")
		}
		d.pass(d.lasts)
		d.judge("at last")
		d.confirmed()
		explained(w)
		d.alike()
	})
}

// terms are what a break-glass role says of time and number, as the model has it.
type terms struct {
	lasts, evidence, review time.Duration
	holders                 int
}

// An alarm is what a model knows of one bypass.
type alarm struct {
	id, who   string
	taken     time.Time
	over      bool // before its time: nobody reviewed it, or a reviewer does not agree
	state     schema.BypassState
	owed      map[string]bool
	reviewers map[string]bool
	rotated   bool
}

// alarms is one history of emergencies.
type alarms struct {
	*emergency
	terms
	all       []*alarm
	away      map[string]bool
	elsewhere map[string]bool // in another department
	serious   bool            // there is an incident for which the role may be taken
	holding   map[string]bool // who has it at the target
}

// takers may take the role, reviewers review it; ada is among both.
var takers, alarmReviewers = []string{"ada", "bob"}, []string{"ada", "sec1", "sec2"}

func newAlarms(w *world, terms terms) *alarms {
	text := strings.NewReplacer(
		"evidenceWithin: 24h", "evidenceWithin: "+terms.evidence.String(),
		"reviewWithin: 72h", "reviewWithin: "+terms.review.String(),
		"duration: { default: 1h, max: 4h }", "duration: { default: "+terms.lasts.String()+", max: 4h }",
		"concurrent: { max: 2 }", "concurrent: { max: "+string(rune('0'+terms.holders))+" }",
	).Replace(emergencies)
	d := &alarms{
		emergency: newEmergencyOf(w, text), terms: terms, serious: true,
		away: map[string]bool{}, elsewhere: map[string]bool{}, holding: map[string]bool{},
	}
	d.join("Security", "ada")
	d.work()
	return d
}

// happen is one thing that happens, or is tried.
func (d *alarms) happen(r *rapid.T) {
	switch rapid.SampledFrom([]string{"take", "take", "furnish", "furnish", "review", "review", "leave", "move", "incident", "rotate", "time", "time"}).Draw(r, "what") {
	case "take":
		d.tries(rapid.SampledFrom(takers).Draw(r, "taker"))
	case "furnish":
		if a := d.some(r); a != nil {
			d.gives(a, rapid.SampledFrom([]string{"actions", "recording"}).Draw(r, "kind"))
		}
	case "rotate":
		if a := d.some(r); a != nil {
			d.rotates(a, rapid.SampledFrom([]string{"ada", "bob", "boss"}).Draw(r, "by"))
		}
	case "review":
		if a := d.some(r); a != nil {
			d.judges(a, rapid.SampledFrom([]string{"ada", "bob", "sec1", "sec1", "sec2", "sec2"}).Draw(r, "reviewer"), rapid.IntRange(0, 3).Draw(r, "agree") > 0)
		}
	case "leave":
		who := rapid.SampledFrom([]string{"ada", "bob", "sec1"}).Draw(r, "who")
		d.away[who] = !d.away[who]
		d.tellOf(who)
	case "move":
		who := rapid.SampledFrom(takers).Draw(r, "who")
		d.elsewhere[who] = !d.elsewhere[who]
		d.tellOf(who)
	case "incident":
		state, priority := rapid.SampledFrom([]string{"in_progress", "closed"}).Draw(r, "state"), rapid.Int64Range(1, 3).Draw(r, "priority")
		d.incident(state, priority)
		d.serious = state == "in_progress" && priority <= 2
	case "time":
		d.pass(rapid.SampledFrom([]time.Duration{10 * time.Minute, 45 * time.Minute, 2 * time.Hour, 26 * time.Hour}).Draw(r, "pass"))
	}
	d.age()
}

func (d *alarms) some(r *rapid.T) *alarm {
	d.age()
	if len(d.all) == 0 {
		return nil
	}
	return rapid.SampledFrom(d.all).Draw(r, "bypass")
}

func (d *alarms) tellOf(who string) {
	department := "Engineering"
	if d.elsewhere[who] || strings.HasPrefix(who, "sec") {
		department = "Office"
	}
	d.tell(who, department, "", d.away[who])
}

// age is what time does: nobody reviewed in time.
func (d *alarms) age() {
	for _, a := range d.all {
		if a.state == schema.BypassOpen && !time.Now().Before(a.taken.Add(d.terms.review)) {
			a.state, a.over = schema.BypassOverdue, true
		}
	}
}

// settle lets pass what it takes to note that something ended, a moment after it did.
func (d *alarms) settle() {
	d.pass(time.Minute)
	for _, a := range d.all {
		for _, end := range []time.Duration{d.lasts, d.terms.review} {
			if since := time.Since(a.taken.Add(end)); since >= 0 && since < time.Minute {
				d.pass(time.Minute)
			}
		}
	}
}

func (d *alarms) live(a *alarm) bool { return !a.over && time.Now().Before(a.taken.Add(d.lasts)) }

// suspended reports whether nobody takes the role, because it was not reviewed in time.
func (d *alarms) suspended() bool {
	return slices.ContainsFunc(d.all, func(a *alarm) bool { return a.state == schema.BypassOverdue })
}

// granted reports whether somebody has a bypass that has not ended, and how many others.
func (d *alarms) granted(who string) (own bool, others int) {
	for _, a := range d.all {
		switch {
		case !d.live(a):
		case a.who == who:
			own = true
		default:
			others++
		}
	}
	return own, others
}

func (d *alarms) tries(who string) {
	own, others := d.granted(who)
	may := d.serious && !d.away[who] && !d.elsewhere[who] && !d.suspended() && !own && others < d.holders
	y, err := d.take(d.breaking(who))
	if (err == nil) != may {
		violated("%s takes the role: %v; an incident for it %v, away %v, elsewhere %v, suspended %v, held %v and by %d others",
			who, err, d.serious, d.away[who], d.elsewhere[who], d.suspended(), own, others)
	}
	if err == nil {
		d.all = append(d.all, &alarm{
			id: y.ID, who: who, taken: y.Taken, state: schema.BypassOpen,
			owed: map[string]bool{"actions": true, "recording": true}, reviewers: map[string]bool{},
		})
	}
}

func (d *alarms) gives(a *alarm, kind string) {
	if err := d.furnish(schema.Bypass{ID: a.id}, "bob", kind, "https://example.com/"+kind); err != nil {
		violated("evidence: %v", err)
	}
	delete(a.owed, kind)
}

func (d *alarms) rotates(a *alarm, by string) {
	may := !d.live(a) && !a.rotated && by != a.who
	err := d.furnish(schema.Bypass{ID: a.id}, by, "rotated", "root-password")
	if (err == nil) != may {
		violated("%s says of what %s took that the credential is rotated: %v, ended %v, rotated %v", by, a.who, err, !d.live(a), a.rotated)
	}
	a.rotated = a.rotated || err == nil
}

func (d *alarms) judges(a *alarm, by string, agree bool) {
	open := a.state == schema.BypassOpen || a.state == schema.BypassOverdue
	may := open && by != a.who && slices.Contains(alarmReviewers, by) && !d.away[by] && !a.reviewers[by] && len(a.owed) == 0
	_, err := d.emergency.review(schema.Bypass{ID: a.id}, by, agree)
	if (err == nil) != may {
		violated("%s reviews what %s took: %v; it is %s, %v is owed, and reviewed by %v", by, a.who, err, a.state, a.owed, a.reviewers)
	}
	switch {
	case err != nil && !errors.Is(err, schema.ErrForbidden) && !errors.Is(err, schema.ErrConflict):
		violated("%v", err)
	case err != nil:
	case !agree:
		a.state, a.over = schema.BypassRejected, true
	default:
		if a.reviewers[by] = true; len(a.reviewers) == 2 { // of what is critical
			a.state = schema.BypassReviewed
		}
	}
}

// judge compares what everybody has at the target, and what is told, with the model. A
// role that is suspended gives nobody anything, and what is held goes on until its end.
func (d *alarms) judge(when string) {
	d.age()
	for _, who := range takers {
		granted, _ := d.granted(who)
		if !granted || d.away[who] || d.elsewhere[who] {
			d.holding[who] = false
		} else if !d.suspended() {
			d.holding[who] = true
		}
		if has := d.holds(d.ids[who]) == "Root"; has != d.holding[who] {
			violated("%s: %s has %q, want it %v; granted %v, away %v, elsewhere %v, suspended %v",
				when, who, d.holds(d.ids[who]), d.holding[who], granted, d.away[who], d.elsewhere[who], d.suspended())
		}
	}
	if when == "at once" {
		return
	}
	for kind, told := range map[string]func(*alarm) bool{
		"bypass-unreviewed": func(a *alarm) bool { return a.state == schema.BypassOverdue },
		"bypass-rejected":   func(a *alarm) bool { return a.state == schema.BypassRejected },
		"evidence-overdue":  func(a *alarm) bool { return len(a.owed) > 0 && !time.Now().Before(a.taken.Add(d.evidence)) },
		"rotate":            func(a *alarm) bool { return !d.live(a) && !a.rotated },
	} {
		var want []string
		for _, a := range d.all {
			if told(a) {
				want = append(want, d.ids[a.who])
			}
		}
		if got := d.findings(kind); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			violated("%s: %s is told of %v, want %v", when, kind, got, want)
		}
	}
}

// confirmed fails where the removal of something that ended is not confirmed.
func (d *alarms) confirmed() {
	for _, a := range d.all {
		d.view(func(r store.Reader) error {
			y, err := store.Bypasses.Get(r, a.id)
			if err == nil && (y.Ended.IsZero() || y.Removed.IsZero()) {
				violated("what %s took at %v ended %v, and is gone from the target %v", a.who, a.taken, y.Ended, y.Removed)
			}
			return err
		})
	}
}
