package access_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestDecisionsSayWhatTheyRestOn follows one grant through the log: each decision says who, what,
// why, by which policy and in which mode, and on whose word, and has beside it what people said
// and what its rule read. R-LOG-2.
func TestDecisionsSayWhatTheyRestOn(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		o := newOffice(w)
		q := o.mustAsk("editor", "ada")
		o.approve(q, "boss", schema.RequestOpen, 1)
		q = o.approve(q, "owner", schema.RequestFulfilled, 1)
		w.work()
		request, grant := "role-request/"+q.ID, "grant/"+q.Grant
		for verb, want := range map[schema.Verb]struct {
			actor, object string
			because       []string
			beside        []string // of what is kept beside it
		}{
			schema.Requested: {"token/ada", "role/editor", []string{request, "identity/" + o.ids["ada"]}, []string{q.Reason}},
			schema.Approved:  {"token/owner", "role/editor", []string{request, "identity/" + o.ids["owner"]}, nil},
			schema.Granted: {"", "role/editor", []string{request, grant}, []string{
				`"identity/` + o.ids["boss"] + `"`, `"identity/` + o.ids["owner"] + `"`, `"stage":1`, `"auth":"token"`, `"at":`, q.Reason,
			}},
			schema.Assigned: {"bridge", "wiki/editors", []string{"role/editor", grant}, []string{"Engineering", `"source":"hr"`}},
		} {
			var d schema.Decision
			beside := ""
			w.view(func(r store.Reader) error {
				for e, err := range store.LogAbout(r, o.ids["ada"]) {
					if err != nil {
						return err
					}
					if e.Decision.Verb == verb && e.Decision.Object == want.object {
						d = e.Decision
					}
				}
				of := d.ID
				if d.Inputs != "" {
					of = d.Inputs
				}
				text, err := store.Detail(r, of)
				beside = string(text)
				return err
			})
			if d.Subject != o.ids["ada"] || d.Time.IsZero() || d.Reason == "" || d.Policy != w.rules.Book().Digest() || d.Actor == "" || want.actor != "" && d.Actor != want.actor {
				t.Errorf("%s: %+v", verb, d)
			}
			if verb == schema.Assigned && (d.Mode != schema.Enforce || d.Inputs == "") {
				t.Errorf("%s: in mode %q, made from what %q keeps", verb, d.Mode, d.Inputs)
			}
			for _, ref := range want.because {
				if !slices.Contains(d.Because, ref) {
					t.Errorf("%s: because of %v, want %s among them", verb, d.Because, ref)
				}
			}
			for _, word := range want.beside {
				if !json.Valid([]byte(beside)) || !strings.Contains(beside, word) {
					t.Errorf("%s: beside it is %s, want %s", verb, beside, word)
				}
			}
		}
	})
}

// TestWhatChangesNothingIsLogged holds that a decision by which nobody gets or loses anything is
// one all the same: that something cannot be decided, and for want of what; that it is only
// watched; that it stays although nothing earns it. R-LOG-1.
func TestWhatChangesNothingIsLogged(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		logged := func(subject string, verb schema.Verb, object string) (d schema.Decision) {
			t.Helper()
			w.view(func(r store.Reader) error {
				for e, err := range store.LogAbout(r, subject) {
					if err != nil {
						return err
					}
					if e.Decision.Verb == verb && e.Decision.Object == object {
						d = e.Decision
					}
				}
				return nil
			})
			if d.ID == "" || d.Policy != w.rules.Book().Digest() || d.Reason == "" {
				t.Errorf("%s %s: logged is %+v of %v", verb, object, d, w.verbs(subject))
			}
			return d
		}
		w.rules.Use(book(t))
		sam := w.admit(person{name: "sam", department: "Sales"})
		nobody := w.admit(person{name: "nobody"})
		ada := w.admit(person{name: "ada", department: "Engineering"})
		w.work()
		if d := logged(sam, schema.Assigned, "crm/sales"); d.Mode != schema.Observe {
			t.Errorf("what is only watched: %+v", d)
		}
		if d := logged(nobody, schema.Undecided, "role/engineer"); !strings.Contains(d.Reason, "identity.department") {
			t.Errorf("for want of what: %+v", d)
		}
		w.want(ada, "Readers")
		w.admit(person{id: ada, name: "ada"}) // of whom the source says no department any more
		w.work()
		w.want(ada, "Readers")
		if d := logged(ada, schema.Kept, "wiki/readers"); !strings.Contains(d.Reason, "can not be decided now") {
			t.Errorf("what stays: %+v", d)
		}
	})
}

// TestWhatNoRuleReadsIsNotLogged has a source tell much of somebody: of all that the log and what
// is kept beside it have the value that a rule read, and none that no rule did, be it declared or
// not. R-LOG-6.
func TestWhatNoRuleReadsIsNotLogged(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		const said = "department: { type: string, from: [hr] }"
		w.publish(book(t, said, said+"\n    title: { type: string, from: [hr] }\n    costCenter: { type: string, from: [hr] }"))
		id := person{name: "ada", department: "Engineering"}.identity(t)
		tell := func(title string) {
			id.Resource = json.RawMessage(`{"userName":"ada","title":"` + title + `","name":{"familyName":"Lovelace"},"phoneNumbers":[{"value":"555-0100"}],` +
				`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering","costCenter":"cc-4711"}}`)
			var got schema.Identity
			w.update(func(tx store.Tx) (err error) {
				got, err = access.Admit(tx, w.hr(), id)
				return err
			})
			id.ID = got.ID
			w.work()
		}
		tell("Countess")
		w.grant(id.ID, "editor")
		w.work()
		tell("Enchantress")
		id.Active = false
		tell("Enchantress")
		var kept strings.Builder
		w.view(func(r store.Reader) error {
			for e, err := range store.Log(r, 0) {
				if err != nil {
					return err
				}
				text, err := json.Marshal(e.Decision)
				if err != nil {
					return err
				}
				detail, err := store.Detail(r, e.Decision.ID)
				if err != nil && !schema.IsNotFound(err) {
					return err
				}
				kept.Write(text)
				kept.Write(detail)
			}
			return nil
		})
		for word, want := range map[string]bool{"Engineering": true, "Countess": false, "Enchantress": false, "Lovelace": false, "555-0100": false, "cc-4711": false} {
			if strings.Contains(kept.String(), word) != want {
				t.Errorf("%s is in the log: %v, want %v", word, !want, want)
			}
		}
	})
}
