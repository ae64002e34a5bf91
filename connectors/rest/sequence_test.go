package rest_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"drawbridge/connectors"
	"drawbridge/schema"
)

// disabling opens a target whose people are disabled by the requests, and which gives some of
// them answers of its own, and returns what came of disabling one of them, who is signed in,
// with the requests after the /v1/people/ of which ID stands for theirs.
func disabling(t *testing.T, disable string, answers map[string]func(s *staff, id string, w http.ResponseWriter)) (s *staff, asked []string, got schema.Account, err error) {
	t.Helper()
	s = newStaff(teams...)
	id := ""
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if id == "" {
			return false
		}
		request := r.Method + " " + strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/v1"), id, "ID")
		asked = append(asked, request)
		if answers[request] != nil {
			answers[request](s, id, w)
		}
		return answers[request] != nil
	}
	c := open(t, profile(t, strings.NewReplacer("disable: { post: '/people/{id}/suspend' }", "disable: ["+disable+"]",
		"rest:\n", "rest:\n  options: { heir: { default: bob } }\n").Replace(people)), s)
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: off.Attributes})
	if err != nil {
		t.Fatal(err)
	}
	s.people[have.RemoteID]["sessions"], s.people[have.RemoteID]["job"] = "open", "Engineer"
	id = have.RemoteID
	got, err = c.Apply(t.Context(), have, off)
	return s, asked, got, err
}

// failing answers with the status.
func failing(status int) func(*staff, string, http.ResponseWriter) {
	return func(_ *staff, _ string, w http.ResponseWriter) { refuse(w, status, "no") }
}

// TestNoRequestGoesByAnAnswerThatFailed has one of the requests that disable fail: each of the
// others is made, but none that would go by what it did not answer, nor one that needs it.
func TestNoRequestGoesByAnAnswerThatFailed(t *testing.T) {
	const (
		signOut, suspend, find = "{ post: '/people/{id}/signOut' }", "{ post: '/people/{id}/suspend' }", "{ get: '/devices/of/{id}' }"
		off                    = "{ patch: '/people/{id}', body: '{\"state\": \"off\"}' }"
	)
	found := func(_ *staff, _ string, w http.ResponseWriter) { answer(w, http.StatusOK, map[string]any{"id": 7}) }
	done := func(_ *staff, _ string, w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }
	for name, c := range map[string]struct {
		disable   string
		fails     string
		made, not string
	}{
		"another's answer is older":         {off + ", " + find + ", { delete: '/devices/{answer.id}' }, " + suspend, "GET /devices/of/ID", "POST /people/ID/suspend", "DELETE"},
		"what is read is written":           {"{ get: '/people/{id}' }, { patch: '/people/{id}', body: '{\"state\": \"off\", \"job\": answer.?job.orValue(\"\")}' }", "GET /people/ID", "", "PATCH"},
		"it asks whether there is one":      {find + ", { delete: '/devices/1', when: 'answer == null' }, " + suspend, "GET /devices/of/ID", "POST /people/ID/suspend", "DELETE"},
		"its query says it":                 {find + ", { delete: /devices, query: { id: 'answer.?id.orValue(\"\")' } }, " + suspend, "GET /devices/of/ID", "POST /people/ID/suspend", "DELETE"},
		"one that is not made comes before": {find + ", { post: '/people/{id}/resume', when: 'false' }, { delete: '/devices/{answer.?id.orValue(1)}' }", "GET /devices/of/ID", "", "DELETE"},
		"all answers":                       {find + ", " + signOut + ", { delete: '/devices/{answers[0].?id.orValue(1)}' }, " + suspend, "GET /devices/of/ID", "POST /people/ID/suspend", "DELETE"},
		"an older one is answered":          {signOut + ", " + find + ", { delete: '/devices/{answer.id}' }", "POST /people/ID/signOut", "DELETE /devices/7", "nothing"},
		"it is needed":                      {signOut + ", { post: '/people/{id}/transfer', needed: true }, { delete: '/people/{id}' }", "POST /people/ID/transfer", "POST /people/ID/signOut", "DELETE"},
		"it is needed by what comes later":  {"{ post: '/people/{id}/transfer', needed: true }, { post: '/people/{id}/resume', when: 'false' }, " + suspend, "POST /people/ID/transfer", "", "suspend"},
		"another is needed":                 {"{ post: '/people/{id}/transfer', needed: true }, " + signOut + ", { delete: '/people/{id}' }", "POST /people/ID/signOut", "DELETE /people/ID", "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{http.StatusServiceUnavailable, http.StatusForbidden} {
				answers := map[string]func(*staff, string, http.ResponseWriter){
					"GET /devices/of/ID": found, "DELETE /devices/7": done, "DELETE /devices/1": done, "DELETE /devices": done, "POST /people/ID/transfer": done,
				}
				answers[c.fails] = failing(status)
				s, asked, _, err := disabling(t, c.disable, answers)
				if err == nil || !slices.Contains(asked, c.fails) || c.made != "" && !slices.Contains(asked, c.made) {
					t.Errorf("%d: asked %q, %v; want an error, and %s", status, asked, err, c.made)
				}
				if slices.ContainsFunc(asked, func(a string) bool { return strings.Contains(a, c.not) }) {
					t.Errorf("%d: asked %q; want no %s", status, asked, c.not)
				}
				for _, p := range s.people {
					if p["job"] != "Engineer" {
						t.Errorf("%d: there is %v; want the job that she had", status, p)
					}
				}
				if passes := status == http.StatusServiceUnavailable && len(s.people) > 0; (connectors.KindOf(err) == connectors.Transient) != passes {
					t.Errorf("%d: %v; want it tried again only where that helps", status, err)
				}
			}
		})
	}
}

// TestWhatFailedIsToldOfWhomALostAnswerRemoved has signing out be refused and the deletion take
// effect without an answer, so that the last request finds nobody. What was refused is told;
// where nothing was, a deletion that was done is no failure. R-REV-9.
func TestWhatFailedIsToldOfWhomALostAnswerRemoved(t *testing.T) {
	const signOut, remove, suspend = "{ post: '/people/{id}/signOut' }", "{ delete: '/people/{id}' }", "{ post: '/people/{id}/suspend' }"
	for disable, told := range map[string]bool{signOut + ", " + remove + ", " + suspend: true, remove + ", " + suspend: false} {
		_, asked, got, err := disabling(t, disable, map[string]func(*staff, string, http.ResponseWriter){
			"POST /people/ID/signOut": failing(http.StatusForbidden),
			"DELETE /people/ID": func(s *staff, id string, w http.ResponseWriter) {
				s.remove(id)
				refuse(w, http.StatusInternalServerError, "broken")
			},
		})
		if got.Exists() || (err != nil) != told || told && connectors.KindOf(err) != connectors.Permanent {
			t.Errorf("by %s: %+v, %v, asked %q; want it told %v", disable, got, err, asked, told)
		}
	}
}

// TestDisablingAsDocumented has the example of docs/connectors/rest.md do as the page says: what
// ends access is done whatever else is refused, and nobody is deleted whose things could not be
// handed over.
func TestDisablingAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/rest.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "```yaml\ndisable:\n  - ")
	example, _, found := strings.Cut(after, "\n```")
	if !found {
		t.Fatal("the page has no example of disable")
	}
	example = strings.NewReplacer("\n  - ", ", ", "/users/", "/people/").Replace(example)
	const suspend, signOut, transfer, remove = "POST /people/ID/suspend", "POST /people/ID/signOut", "POST /people/ID/transfer", "DELETE /people/ID"
	done := func(_ *staff, _ string, w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }
	for fails, want := range map[string][]string{
		"nothing": {suspend, signOut, transfer, remove}, signOut: {suspend, signOut, transfer, remove}, transfer: {suspend, signOut, transfer},
	} {
		answers := map[string]func(*staff, string, http.ResponseWriter){transfer: done}
		answers[fails] = failing(http.StatusForbidden)
		_, asked, _, err := disabling(t, example, answers)
		asked = slices.DeleteFunc(asked, func(a string) bool { return strings.HasPrefix(a, "GET ") })
		if !slices.Equal(asked, want) || (err == nil) != (fails == "nothing") {
			t.Errorf("%s fails: asked %q, %v; want %q", fails, asked, err, want)
		}
	}
}
