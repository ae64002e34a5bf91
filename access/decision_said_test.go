package access_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

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
