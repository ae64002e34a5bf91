package access_test

import (
	"encoding/json"
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
