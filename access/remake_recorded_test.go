package access_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestAgreedAgain makes grants to requests, and their ends, again from what is recorded;
// and others that say they are what the rules of then would not have made. R-ENG-2.
func TestAgreedAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		got := o.approve(q, "owner", schema.RequestFulfilled, 1)
		w.work()
		ada := o.ids["ada"]
		granted, approvals := o.lastOf(ada, schema.Granted)
		if len(approvals) != 2 {
			t.Fatalf("agreed: %v", approvals)
		}
		w.passing(48 * time.Hour)
		w.update(func(tx store.Tx) error {
			g, err := store.Grants.Get(tx, ada, got.Grant)
			if err == nil && g.Ended.IsZero() {
				_, err = access.Expire(tx, "sweep/expiry", w.rules.Book().Digest(), g)
			}
			return err
		})
		w.work()
		same := map[schema.Verb]bool{}
		for _, a := range w.decidedAgain() {
			if a.Subject == ada && a.Sameness == access.Same {
				same[a.Verb] = true
			}
		}
		if !same[schema.Granted] || !same[schema.Expired] {
			t.Errorf("made again and the same: %v; want granted and expired among them", same)
		}
		w.forged = true
		twice := []schema.Approval{approvals[0], approvals[0]}
		twice[1].Stage = 1
		own := []schema.Approval{approvals[0], approvals[1]}
		own[1].By = "identity/" + ada
		void := []schema.Approval{approvals[0], approvals[1]}
		void[0].Void = "who gave it is not there any more"
		for _, c := range []struct {
			name      string
			approvals []schema.Approval
			want      string
		}{
			{"nobody agreed", nil, "stage 1 takes 1 people, and 0 agreed"},
			{"a stage left out", approvals[:1], "stage 2 takes 1 people, and 0 agreed"},
			{"one that counts no more", void, "stage 1 takes 1"},
			{"by oneself", own, "agreed to it themselves"},
			{"by one alone", twice, "is counted twice"},
		} {
			detail, err := json.Marshal(map[string]any{"approvals": c.approvals})
			if err != nil {
				t.Fatal(err)
			}
			w.differs(c.name, c.want, func(tx store.Tx) schema.Decision {
				forged := granted
				forged.ID, forged.Detail = tx.NewID(), detail
				return forged
			})
		}
		w.differs("too soon", "its time had not come", func(tx store.Tx) schema.Decision {
			return schema.Decision{
				Time: granted.Time, Actor: "bridge", Verb: schema.Expired, Subject: ada, Object: "role/editor",
				Because: []string{"grant/" + got.Grant}, Reason: "reached its end", Policy: granted.Policy,
			}
		})
	})
}

// differs records what nobody decided, and wants that to show when it is made again.
func (w *world) differs(name, want string, forge func(store.Tx) schema.Decision) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		_, err := tx.Record(forge(tx))
		return err
	})
	w.work()
	all := w.decidedAgain()
	last := all[len(all)-1]
	why := strings.Replace(last.Why, "the grant's time", "its time", 1)
	if last.Sameness != access.Differs || !strings.Contains(why, want) {
		w.t.Errorf("%s: %s %s, want that it differs: %s", name, last.Sameness, last.Why, want)
	}
}

// lastOf returns the last decision about somebody with a verb, and who agreed to it.
func (o *office) lastOf(who string, verb schema.Verb) (d schema.Decision, approvals []schema.Approval) {
	o.t.Helper()
	o.view(func(r store.Reader) error {
		for e, err := range store.LogAbout(r, who) {
			if err != nil {
				return err
			}
			if e.Decision.Verb == verb {
				d = e.Decision
			}
		}
		raw, err := store.Detail(r, d.ID)
		if err != nil {
			return err
		}
		var kept struct{ Approvals []schema.Approval }
		err = json.Unmarshal(raw, &kept)
		approvals = kept.Approvals
		return err
	})
	return d, approvals
}

// TestEveryVerbIsMadeAgainOrSaidWhy goes through the words of the log: where a decision
// has nothing kept that it could be made from, it is said why. R-ENG-2.
func TestEveryVerbIsMadeAgainOrSaidWhy(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../schema/decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	unmade := access.Unmade()
	ast.Inspect(file, func(n ast.Node) bool {
		is, ok := n.(*ast.ValueSpec)
		if !ok || len(is.Values) != 1 {
			return true
		}
		word, isText := is.Values[0].(*ast.BasicLit)
		if of, named := is.Type.(*ast.Ident); !named || of.Name != "Verb" || !isText {
			return true
		}
		verb, err := strconv.Unquote(word.Value)
		if err != nil {
			t.Fatal(err)
		}
		if unmade[schema.Verb(verb)] == "" {
			t.Errorf("%s: nothing says why a decision of the bridge's with that verb is not made again", verb)
		}
		delete(unmade, schema.Verb(verb))
		return true
	})
	for verb := range unmade {
		t.Errorf("%q is no word of the log", verb)
	}
}

// samenesses counts, by verb, what became of decisions about a subject that were made again.
func (w *world) samenesses(subject string) map[schema.Verb]int {
	w.t.Helper()
	n := map[schema.Verb]int{}
	for _, a := range w.decidedAgain() {
		if a.Subject == subject && a.Sameness == access.Same {
			n[a.Verb]++
		}
	}
	return n
}

// TestAnsweredAgain has an owner leave, a deputy answer, and nobody any more, and the owner
// come back: each is decided again from who was there. R-ENG-2, R-OWN-2.
func TestAnsweredAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		lead := w.admit(person{name: "lead", department: "Engineering"})
		second := w.admit(person{name: "second", department: "Engineering"})
		w.work()
		w.admit(person{id: lead, name: "lead", department: "Engineering", inactive: true})
		w.work()
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), second) })
		w.work()
		w.admit(person{id: lead, name: "lead", department: "Engineering"})
		w.work()
		same := w.samenesses("role/engineer")
		if same[schema.Reassigned] < 2 || same[schema.Quarantined] != 1 || same[schema.Released] != 1 {
			t.Errorf("made again and the same: %v; want that the deputy answers and the owner does, and in and out of quarantine", same)
		}
		w.forged = true
		var put schema.Decision
		w.view(func(r store.Reader) error {
			for e, err := range store.LogAbout(r, "role/engineer") {
				if err != nil {
					return err
				}
				if e.Decision.Verb == schema.Quarantined {
					put = e.Decision
				}
			}
			return nil
		})
		for name, c := range map[string]struct{ kept, want string }{
			"an owner who is there":  {`{"standing":{"here":["lead@example.com"],"left":["second@example.com"]}}`, "somebody answers for it again"},
			"a deputy who is there":  {`{"standing":{"here":["second@example.com"],"left":["lead@example.com"]}}`, "somebody answers for it again"},
			"nobody ever heard of":   {`{"standing":{}}`, "somebody answers for it again"},
			"a deputy for too long":  {`{"standing":{"at":"2001-02-01T00:00:00Z","here":["second@example.com"],"left":["lead@example.com"],"since":"2001-01-01T00:00:00Z"}}`, "for 14d nobody named another"},
			"what it rests on is so": {`{"standing":{"restsOn":{"Connector/wiki":"its owner left"}}}`, "it rests on Connector/wiki"},
		} {
			w.differs(name, c.want, func(tx store.Tx) schema.Decision {
				forged := put
				forged.ID, forged.Detail = tx.NewID(), json.RawMessage(c.kept)
				return forged
			})
		}
	})
}

// TestReleasedAgain has two people release what a source's brake holds: their yeses, and
// what comes of them, are made again from who agreed to which plan. R-ENG-2, R-BRAKE-5.
func TestReleasedAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		people := w.lose(t, 3)
		h := w.held("source:hr")
		w.release("source:hr", "it is as it should be")
		w.work()
		if same := w.samenesses("source/hr"); same[schema.Agreed] != 1 || same[schema.Released] != 1 {
			t.Errorf("made again and the same: %v; want both yeses", same)
		}
		through := 0
		for _, id := range people {
			through += w.samenesses(id)[schema.Released]
		}
		if through != 3 {
			t.Errorf("made again and the same: that %d were let through, want 3", through)
		}
		w.forged = true
		yes := func(by, plan string) schema.Agreement { return schema.Agreement{By: by, Plan: plan} }
		for _, c := range []struct {
			name   string
			agreed []schema.Agreement
			want   string
		}{
			{"one person twice", []schema.Agreement{yes("token/b", h.Plan), yes("token/b", h.Plan)}, "counted twice"},
			{"one person", []schema.Agreement{yes("token/b", h.Plan)}, "a second person has to"},
			{"another plan", []schema.Agreement{yes("token/a", "5f0c"), yes("token/b", h.Plan)}, "agreed to another plan"},
			{"somebody else", []schema.Agreement{yes("token/a", h.Plan), yes("token/c", h.Plan)}, "the last to agree was token/c"},
			{"who never agreed", []schema.Agreement{yes("token/z", h.Plan), yes("token/b", h.Plan)}, "that token/z agreed is not in the log"},
		} {
			var names []string
			for _, a := range c.agreed {
				names = append(names, a.By)
			}
			detail, err := json.Marshal(map[string]any{"plan": h.Plan, "count": 3, "agreed": c.agreed})
			if err != nil {
				t.Fatal(err)
			}
			w.differs(c.name, c.want, func(tx store.Tx) schema.Decision {
				return schema.Decision{
					ID: tx.NewID(), Actor: "token/b", Verb: schema.Released, Subject: "source/hr", Detail: detail,
					Reason: "plan " + h.Plan + ", of 3, was agreed to by " + strings.Join(names, " and "),
				}
			})
		}
		w.differs("let through by nobody", "that token/y and token/z released source/hr is not in the log", func(tx store.Tx) schema.Decision {
			return schema.Decision{ID: tx.NewID(), Actor: "bridge", Verb: schema.Released, Subject: people[1], Object: "source/hr", Reason: "two people released it: token/y and token/z"}
		})
	})
}

// TestPublishedAgain puts policies in force by those who must agree, and by one person who
// only lowers a mode: that each might come into force is asked again, of the policy before
// it. R-ENG-2, R-PUB-2.
func TestPublishedAgain(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, governing))
		next := draft(t, oneMode, governing, "user: lead@example.com", "user: ada@example.com")
		q := c.must(c.propose(c.proposing(next)))
		c.must(c.approve(q, "one"))
		c.must(c.approve(q, "two"))
		q = c.must(c.publishPlanned(q, next))
		w.work()
		subject := "policy/" + next.Book.Digest()
		if same := w.samenesses(subject); same[schema.Published] != 1 {
			t.Fatalf("made again and the same: %v; want that it came into force", same)
		}
		if same := w.samenesses("role/engineer"); same[schema.Reassigned] != 1 {
			t.Errorf("made again and the same: %v; want that somebody else answers for the role", same)
		}
		w.forged = true
		for _, f := range []struct {
			name, want string
			forge      func(q *schema.Publication)
		}{
			{"one yes less", "2 must agree, and 1 did", func(q *schema.Publication) { q.Approvals = q.Approvals[:1] }},
			{"one yes twice", "counted twice", func(q *schema.Publication) { q.Approvals = slices.Repeat(q.Approvals[:1], 2) }},
			{"the proposer's own", "agreed to it themselves", func(q *schema.Publication) { q.Proposer = c.ids["one"] }},
			{"by somebody else", "by token/eve", func(q *schema.Publication) { q.Published = "token/eve" }},
			{"another outcome", "; nobody was asked", func(q *schema.Publication) { q.Outcome = "nobody was asked" }},
		} {
			is := q
			is.Approvals = slices.Clone(q.Approvals)
			f.forge(&is)
			w.update(func(tx store.Tx) error { return store.Publications.Put(tx, is) })
			for _, a := range w.decidedAgain() {
				if a.Subject == subject && a.Verb == schema.Published && (a.Sameness != access.Differs || !strings.Contains(a.Why, f.want)) {
					t.Errorf("%s: %s %s, want that it differs: %s", f.name, a.Sameness, a.Why, f.want)
				}
			}
		}
	})
}
