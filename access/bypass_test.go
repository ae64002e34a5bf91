package access_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// emergencies is a policy with a role for them, in front of that of the office.
const emergencies = `
apiVersion: drawbridge/v1
kind: Source
metadata: { name: itsm, owner: { user: it@example.com, deputy: it2@example.com } }
spec: { protocol: signals, trust: contributing, authoritativeFor: [ticket] }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: glass, owner: { user: owner@example.com, deputy: deputy@example.com } }
spec:
  type: break-glass
  mode: enforce
  intent: Restore service when the normal path is not there.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  bypass:
    when: ticket.kind == "incident" && ticket.priority <= 2 && ticket.state == "in_progress"
    approval: after
    evidenceBefore: [incident, reason, host]
    evidenceAfter: [actions, recording]
    evidenceWithin: 24h
    reviewers: { group: Security, min: 1, excludeSubject: true }
    reviewWithin: 72h
    notify: [duty@example.com]
    drillEvery: 90d
  grants: [{ connector: wiki, entitlement: root }]
  duration: { default: 1h, max: 4h }
  onEnd: { verifyRemoved: true, rotate: [root-password], within: 15m }
  triggers: [leaver]
  concurrent: { max: 2 }
  review: { every: 365d }
---
`

// An emergency is an office where something is on fire.
type emergency struct{ *office }

func newEmergency(w *world) *emergency { return newEmergencyOf(w, emergencies) }

func newEmergencyOf(w *world, emergencies string) *emergency {
	o := newOffice(w)
	w.verifies = true
	w.rules.Use(compiled(w.t, emergencies+askedFor[1:],
		"    - { id: editors,", "    - { id: root, target: Root, risk: critical }\n    - { id: editors,"))
	w.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, w.rules.Book(), "token/test", nil)
		return err
	})
	e := &emergency{o}
	e.incident("in_progress", 1)
	w.work()
	return e
}

func (e *emergency) incident(state string, priority int64) {
	e.t.Helper()
	sig := about(schema.TopicTicket)
	sig.Ticket = &schema.Ticket{ID: "INC-1", Kind: "incident", State: state, Priority: &priority}
	e.update(func(tx store.Tx) error {
		_, err := access.Tell(tx, access.Provenance{Source: "itsm", Received: tx.Now(), Book: e.rules.Book()}, sig)
		return err
	})
}

func (e *emergency) breaking(who string) access.Breaking {
	return access.Breaking{Role: "glass", By: e.as(who), Reason: "the wiki is down", Ticket: "INC-1", Evidence: map[string]string{"host": "wiki-3"}}
}

func (e *emergency) take(b access.Breaking) (y schema.Bypass, err error) {
	e.t.Helper()
	err = e.store.Update(e.t.Context(), func(tx store.Tx) (err error) {
		y, err = access.BreakGlass(tx, e.rules.Book(), b)
		return err
	})
	return y, err
}

// taken is the role as ada took it.
func (e *emergency) taken() schema.Bypass {
	e.t.Helper()
	y, err := e.take(e.breaking("ada"))
	if err != nil {
		e.t.Fatal(err)
	}
	e.work()
	return y
}

func (e *emergency) furnish(y schema.Bypass, who, kind, text string) error {
	e.t.Helper()
	return e.store.Update(e.t.Context(), func(tx store.Tx) error {
		_, err := access.Furnish(tx, e.rules.Book(), access.Furnishing{Bypass: y.ID, Kind: kind, Text: text, By: e.as(who)})
		return err
	})
}

func (e *emergency) review(y schema.Bypass, who string, agree bool) (got schema.Bypass, err error) {
	e.t.Helper()
	err = e.store.Update(e.t.Context(), func(tx store.Tx) (err error) {
		got, err = access.ReviewBypass(tx, e.rules.Book(), access.Choice{Request: y.ID, By: e.as(who), Reason: "I looked at the recording"}, agree)
		return err
	})
	return got, err
}

func (e *emergency) bypass(y schema.Bypass) (got schema.Bypass) {
	e.t.Helper()
	e.view(func(r store.Reader) (err error) {
		got, err = store.Bypasses.Get(r, y.ID)
		return err
	})
	return got
}

func (e *emergency) pass(d time.Duration) {
	e.t.Helper()
	time.Sleep(d) //nolint:forbidigo // of the bubble's own time
	e.work()
}

// must fails unless exactly these kinds of finding are open.
func (e *emergency) must(when string, kinds ...string) {
	e.t.Helper()
	var open []string
	for _, kind := range []string{"bypass", "bypass-unreviewed", "bypass-rejected", "evidence-overdue", "removal-unconfirmed", "rotate", "drill-overdue"} {
		if len(e.findings(kind)) > 0 {
			open = append(open, kind)
		}
	}
	if !slices.Equal(schema.Sorted(open...), schema.Sorted(kinds...)) {
		e.t.Errorf("%s: findings %v are open, want %v", when, open, kinds)
	}
}

// R-BG-1, R-BG-2, R-BG-3, R-BG-4, R-BG-6: access first, a hard end, its removal confirmed,
// evidence, two reviewers of something critical, credentials rotated; and a role that nobody
// tried for too long is not ready.
func TestBreakTheGlass(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		e.must("before", "drill-overdue")
		undrilled := func() bool {
			return slices.ContainsFunc(gaps(w.ready(), "role/glass"), func(g string) bool { return strings.Contains(g, "it is not ready: nobody tried") })
		}
		if !undrilled() {
			t.Errorf("nobody tried whether it can be taken, and readiness says %v", gaps(w.ready(), "role/glass"))
		}
		y := e.taken()
		if undrilled() {
			t.Error("it was taken just now, and readiness says that nobody tried")
		}
		w.want(e.ids["ada"], "Root")
		e.must("taken", "bypass")
		if y.Needs != 2 || y.Until.Sub(y.Taken) != time.Hour {
			t.Errorf("taken: %+v", y)
		}
		if verbs := w.verbs(e.ids["ada"]); !slices.Contains(verbs, schema.Bypassed) || !slices.Contains(verbs, schema.Granted) {
			t.Errorf("decisions %v", verbs)
		}
		_, err := e.take(e.breaking("ada"))
		e.refuses("while it is held", err, schema.ErrConflict)
		_, err = e.review(y, "sec1", true)
		e.refuses("reviewed before there is evidence", err, schema.ErrConflict)
		e.pass(time.Hour)
		w.want(e.ids["ada"], "")
		e.pass(time.Minute)
		if got := e.bypass(y); got.Ended.IsZero() || got.Removed.IsZero() || got.EndedBy != "expired" {
			t.Errorf("ended: %+v", got)
		}
		e.must("ended", "bypass", "rotate")
		for _, kind := range []string{"actions", "recording"} {
			if err := e.furnish(y, "ada", kind, "https://example.com/"+kind); err != nil {
				t.Fatal(err)
			}
		}
		e.refuses("who held it says that it is rotated", e.furnish(y, "ada", "rotated", "root-password"), schema.ErrForbidden)
		if err := e.furnish(y, "bob", "rotated", "root-password"); err != nil {
			t.Error(err)
		}
		for _, who := range []string{"ada", "bob", "owner"} {
			_, err := e.review(y, who, true)
			e.refuses(who+" reviews it", err, schema.ErrForbidden)
		}
		if got, err := e.review(y, "sec1", true); err != nil || got.State != schema.BypassOpen {
			t.Errorf("the first reviewer: %s, %v", got.State, err)
		}
		_, err = e.review(y, "sec1", true)
		e.refuses("the same reviewer twice", err, schema.ErrForbidden)
		if got, err := e.review(y, "sec2", true); err != nil || !got.Settled() {
			t.Errorf("the second reviewer: %+v, %v", got, err)
		}
		e.must("settled")
		e.pass(100 * 24 * time.Hour)
		e.must("long after", "drill-overdue")
	})
}

// R-BG-1: the condition and the evidence before are demanded; R-BG-5: what cannot be
// verified needs to be said, and is in the log.
func TestWhenTheGlassHolds(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		with := func(change func(*access.Breaking)) access.Breaking {
			b := e.breaking("ada")
			change(&b)
			return b
		}
		for name, test := range map[string]struct {
			b    access.Breaking
			want error
		}{
			"no evidence":         {with(func(b *access.Breaking) { b.Evidence = nil }), schema.ErrInvalid},
			"no incident":         {with(func(b *access.Breaking) { b.Ticket = "" }), schema.ErrInvalid},
			"no reason":           {with(func(b *access.Breaking) { b.Reason = " " }), schema.ErrInvalid},
			"too long":            {with(func(b *access.Breaking) { b.Lasts = 5 * time.Hour }), schema.ErrForbidden},
			"a program":           {with(func(b *access.Breaking) { b.By.Identity = "" }), schema.ErrForbidden},
			"who is not eligible": {e.breaking("boss"), schema.ErrForbidden},
			"a role to be asked":  {with(func(b *access.Breaking) { b.Role = "editor" }), schema.ErrForbidden},
			"an unknown incident": {with(func(b *access.Breaking) { b.Ticket = "INC-2" }), schema.ErrForbidden},
			"no such role":        {with(func(b *access.Breaking) { b.Role = "nothing" }), schema.ErrNotFound},
		} {
			_, err := e.take(test.b)
			e.refuses(name, err, test.want)
		}
		e.incident("closed", 1)
		_, err := e.take(with(func(b *access.Breaking) { b.Unverified = "the phone is dead" }))
		e.refuses("an incident that is closed, whatever is said", err, schema.ErrForbidden)
		y, err := e.take(with(func(b *access.Breaking) { b.Ticket, b.Unverified = "INC-2", "the ticket system is down" }))
		if err != nil || y.Unverified == "" {
			t.Fatalf("while the ticket system is down: %v", err)
		}
		found := false
		w.work()
		w.view(func(r store.Reader) error {
			for entry, err := range store.LogAbout(r, e.ids["ada"]) {
				if err != nil {
					return err
				}
				found = found || entry.Decision.Verb == schema.Bypassed && strings.Contains(entry.Decision.Reason, "could not be verified")
			}
			return nil
		})
		if !found {
			t.Error("the log does not say that the condition could not be verified")
		}
	})
}

// R-BG-2: unreviewed at its deadline it is reported, and the role suspended until
// somebody does review it.
func TestUnreviewedInTime(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		y := e.taken()
		e.pass(25 * time.Hour)
		e.must("a day later", "bypass", "evidence-overdue", "rotate")
		e.pass(48 * time.Hour)
		e.must("after three days", "bypass", "evidence-overdue", "rotate", "bypass-unreviewed")
		e.incident("in_progress", 1)
		_, err := e.take(e.breaking("bob"))
		e.refuses("a role that is suspended", err, schema.ErrForbidden)
		for _, kind := range []string{"actions", "recording"} {
			if err := e.furnish(y, "ada", kind, "late"); err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []string{"sec1", "sec2"} {
			if _, err := e.review(y, who, true); err != nil {
				t.Fatal(err)
			}
		}
		e.pass(time.Minute)
		e.must("reviewed late", "bypass", "rotate")
		if _, err := e.take(e.breaking("bob")); err != nil {
			t.Errorf("a role that is suspended no more: %v", err)
		}
	})
}

// R-BG-2: where the deadline comes while the role is held, what it gave is taken at the
// deadline, is gone from the target, and confirmed; and nobody takes the role again.
func TestUnreviewedWhileHeld(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		short := strings.NewReplacer("reviewWithin: 72h", "reviewWithin: 30m", "evidenceWithin: 24h", "evidenceWithin: 20m",
			"duration: { default: 1h, max: 4h }", "duration: { default: 4h, max: 4h }").Replace(emergencies)
		e := newEmergencyOf(w, short)
		y := e.taken()
		w.want(e.ids["ada"], "Root")
		e.pass(29 * time.Minute)
		w.want(e.ids["ada"], "Root")
		if got := e.bypass(y); !got.Ended.IsZero() || got.State != schema.BypassOpen {
			t.Errorf("before its deadline it is %s, and ended at %v", got.State, got.Ended)
		}
		e.pass(2 * time.Minute)
		w.want(e.ids["ada"], "")
		e.pass(time.Minute)
		got := e.bypass(y)
		if got.State != schema.BypassOverdue || got.EndedBy != "unreviewed" || got.Removed.IsZero() || !got.Ended.Before(y.Until.Add(-3*time.Hour)) {
			t.Errorf("at its deadline: %+v; want it ended by being unreviewed, long before its time, and its removal confirmed", got)
		}
		e.must("at the deadline", "bypass", "bypass-unreviewed", "evidence-overdue", "rotate")
		e.incident("in_progress", 2)
		for _, who := range []string{"ada", "bob"} {
			_, err := e.take(e.breaking(who))
			e.refuses("a role that is suspended, by "+who, err, schema.ErrForbidden)
		}
	})
}

// A reviewer who does not agree ends it at once.
func TestRejected(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		y := e.taken()
		for _, kind := range []string{"actions", "recording"} {
			if err := e.furnish(y, "ada", kind, "none"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.review(y, "sec1", false); err != nil {
			t.Fatal(err)
		}
		e.pass(time.Minute)
		w.want(e.ids["ada"], "")
		e.must("rejected", "bypass", "bypass-rejected", "rotate")
		_, err := e.review(y, "sec2", true)
		e.refuses("reviewed again", err, schema.ErrConflict)
	})
}

// R-BG-3, R-REV-8: a removal that no target confirmed is reported, until somebody
// saw it.
func TestRemovalIsNotConfirmed(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		w.verifies = false
		y := e.taken()
		e.pass(time.Hour)
		e.must("at once", "bypass", "rotate")
		e.pass(16 * time.Minute)
		e.must("after the role's time", "bypass", "rotate", "removal-unconfirmed")
		e.refuses("who held it says that it is gone", e.furnish(y, "ada", "removed", "yes"), schema.ErrForbidden)
		if err := e.furnish(y, "bob", "removed", "seen in the console"); err != nil {
			t.Error(err)
		}
		e.must("seen", "bypass", "rotate")
	})
}

// R-BG-8, R-DRIFT-4: what was done by hand at a target is left until the bypass is reviewed, and
// undone afterwards.
func TestDriftUnderBypass(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		e := newEmergency(w)
		drift := func(by string) (acted bool) {
			w.update(func(tx store.Tx) error {
				acc, err := store.Accounts.Get(tx, "wiki", e.ids["ada"])
				if err != nil {
					return err
				}
				acc.Entitlements = schema.Sorted(append(slices.Clone(acc.Entitlements), by)...)
				acted, err = access.Drift(tx, w.rules, "run-1", acc)
				return err
			})
			return acted
		}
		y := e.taken()
		if drift("Keepers") || !slices.Equal(w.findings("drift"), []string{e.ids["ada"]}) {
			t.Error("what was done under a bypass was undone before its review, or not reported")
		}
		e.pass(time.Hour)
		w.want(e.ids["ada"], "")
		if !drift("Root") {
			t.Error("who took it by hand once it had ended has it still")
		}
		w.work()
		for _, kind := range []string{"actions", "recording"} {
			if err := e.furnish(y, "ada", kind, "made ada a keeper for an hour"); err != nil {
				t.Fatal(err)
			}
		}
		for _, who := range []string{"sec1", "sec2"} {
			if _, err := e.review(y, who, true); err != nil {
				t.Fatal(err)
			}
		}
		if !drift("Keepers") {
			t.Error("it was reviewed, and what nobody decided is left")
		}
	})
}

// R-BG-1: a break-glass role without its safeguards is refused.
func TestGlassWithoutSafeguards(t *testing.T) {
	for _, change := range [][2]string{
		{"    when: ticket.kind == \"incident\" && ticket.priority <= 2 && ticket.state == \"in_progress\"\n", ""},
		{"evidenceBefore: [incident, reason, host]", "evidenceBefore: []"},
		{"    evidenceWithin: 24h\n", ""},
		{"    reviewWithin: 72h\n", ""},
		{"verifyRemoved: true, ", ""},
		{"duration: { default: 1h, max: 4h }", "duration: { default: 1h, max: 5h }"},
	} {
		text := strings.Replace(emergencies+askedFor[1:], change[0], change[1], 1)
		text = strings.Replace(text, "    - { id: editors,", "    - { id: root, target: Root, risk: critical }\n    - { id: editors,", 1)
		if refused := refusedIn(t, text); !slices.Equal(refused, []string{"glass E-BYPASS"}) {
			t.Errorf("without %q: refused %v", change[0], refused)
		}
	}
}

func refusedIn(t *testing.T, text string) (refused []string) {
	t.Helper()
	for _, r := range compiledAnyhow(text).Refused() {
		refused = append(refused, r.Role+" "+strings.Join(r.Codes, " "))
	}
	return refused
}

func compiledAnyhow(text string) *policy.Book {
	set, _ := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
	b, _ := policy.Compile(set)
	return b
}

// codesOf are those of everything that is wrong with documents.
func codesOf(text string) (codes []string) {
	set, found := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(text)}})
	_, more := policy.Compile(set)
	for _, f := range append(found, more...) {
		codes = append(codes, string(f.Code))
	}
	return codes
}
