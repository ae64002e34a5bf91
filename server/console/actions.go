package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"drawbridge/schema"
)

// An action is a form that a person sends, and the one API call that it is.
type action struct {
	path  string         // of the form, below Root
	api   string         // what is posted to, below /api/v1
	least schema.APIRole // whom the API lets do it: others are not shown the form
	field []field
	done  string // what is said once it is done
	to    string // the page then; empty: the one that the form was on
}

// A field is a value of a form, by the name that the API has for it too.
type field struct {
	name string
	kind fieldKind
}

type fieldKind int

const (
	text  fieldKind = iota
	lines           // a text with several, a line each
	day             // a date, of which the end is meant
	flag
)

// reason is the field that most forms have.
var reason = field{name: "reason"}

// actions is the list of everything that can be done.
func actions() []action {
	plan := field{name: "plan"}
	return []action{
		{path: "requests", api: "/requests", least: schema.Viewer, done: "Asked. You see here how far it comes.", to: "requests",
			field: []field{{name: "role"}, {name: "identity"}, reason, {name: "ticket"}, {name: "lasts"}}},
		{path: "requests/{id}/approve", api: "/requests/{id}/approve", least: schema.Approver, done: "Approved.", field: []field{reason}},
		{path: "requests/{id}/deny", api: "/requests/{id}/deny", least: schema.Approver, done: "Denied.", field: []field{reason}},
		{path: "requests/{id}/withdraw", api: "/requests/{id}/withdraw", least: schema.Viewer, done: "Withdrawn.", field: []field{reason}},

		{path: "exceptions", api: "/exceptions", least: schema.Viewer, done: "Asked. It allows nothing before somebody agrees.", to: "exceptions",
			field: []field{{name: "constraint"}, {name: "identity"}, reason, {name: "ticket"}, {"compensating", lines}, {"expires", day}}},
		{path: "exceptions/{id}/approve", api: "/exceptions/{id}/approve", least: schema.Approver, done: "Allowed.", field: []field{reason}},
		{path: "exceptions/{id}/deny", api: "/exceptions/{id}/deny", least: schema.Approver, done: "Denied.", field: []field{reason}},
		{path: "exceptions/{id}/end", api: "/exceptions/{id}/end", least: schema.Viewer, done: "Ended.", field: []field{reason}},

		{path: "reviews", api: "/reviews", least: schema.Operator, done: "Begun. Its items are being prepared.", field: []field{{name: "kind"}, {name: "of"}, {name: "within"}, reason}},
		{path: "reviews/{id}/keep", api: "/reviews/{id}/keep", least: schema.Approver, done: "It stays.", field: []field{{name: "identity"}, {name: "holding"}, reason}},
		{path: "reviews/{id}/revoke", api: "/reviews/{id}/revoke", least: schema.Approver, done: "Taken away.", field: []field{{name: "identity"}, {name: "holding"}, reason}},
		{path: "reviews/{id}/close", api: "/reviews/{id}/close", least: schema.Approver, done: "Ended.", field: []field{reason}},
		{path: "reviews/{id}/sign", api: "/reviews/{id}/sign", least: schema.Approver, done: "Signed off.", field: []field{reason}},

		{path: "findings/{id}/ignore", api: "/findings/{id}/ignore", least: schema.Operator, done: "Put aside until then.", field: []field{{"until", day}, reason}},
		{path: "findings/{id}/assign", api: "/findings/{id}/assign", least: schema.Operator, done: "They are to see to it.", field: []field{{name: "to"}, reason}},
		{path: "findings/{id}/revoke", api: "/findings/{id}/revoke", least: schema.Operator, done: "Taken away. The targets are told now.", field: []field{reason}},
		{path: "findings/{id}/adopt", api: "/findings/{id}/adopt", least: schema.Operator, done: "It is theirs now.", field: []field{{name: "to"}, reason}},

		{path: "bypasses/{id}/review", api: "/bypasses/{id}/review", least: schema.Approver, done: "Your review is in the log.", field: []field{{"agree", flag}, reason}},

		{path: "holds/{id}/release", api: "/holds/{id}/release", least: schema.Approver, done: "You agreed to this plan. It is done once two people did.", field: []field{plan, reason}},
		{path: "proposals/{id}/release", api: "/proposals/{id}/release", least: schema.Approver, done: "Released.", to: "held", field: []field{plan, reason}},
		{path: "proposals/{id}/dismiss", api: "/proposals/{id}/dismiss", least: schema.Approver, done: "Dismissed.", to: "held", field: []field{plan, reason}},

		{path: "work/{connector}/{identity}/confirm", api: "/work-items/{connector}/{identity}/confirm", least: schema.Operator, done: "Confirmed.",
			field: []field{plan, {name: "words"}}},
		{path: "work/{connector}/{identity}/decline", api: "/work-items/{connector}/{identity}/decline", least: schema.Operator, done: "Declined.",
			field: []field{plan, {name: "words"}}},

		{path: "sweeps/{name}/run", api: "/sweeps/{name}/run", least: schema.Operator, done: "It was woken and runs now."},
		{path: "connectors/{name}/unpark", api: "/accounts/unpark", least: schema.Operator, done: "They are tried again.", field: []field{{name: "connector"}}},
		{path: "revocations", api: "/revocations", least: schema.Operator, done: "Taken away. The targets are told now.", field: []field{{name: "identity"}, {name: "role"}, reason}},

		{path: "machines/{identity}/stop", api: "/nhi/{identity}/stop", least: schema.Operator, done: "Stopped.", field: []field{reason}},
		{path: "machines/{identity}/start", api: "/nhi/{identity}/start", least: schema.Approver, done: "Started again.", field: []field{reason}},

		{path: "publications/{id}/approve", api: "/publications/{id}/approve", least: schema.Approver, done: "You agreed to this plan.", field: []field{reason}},
		{path: "publications/{id}/deny", api: "/publications/{id}/deny", least: schema.Approver, done: "Refused.", field: []field{reason}},
		{path: "publications/{id}/publish", api: "/publications/{id}/publish", least: schema.Operator, done: "Published: it is in force."},

		{path: "halts", api: "/halts", least: schema.Operator, done: "Halted. What ends access still does.", to: "", field: []field{reason, {name: "connector"}}},
		{path: "halts/resume", api: "/halts/resume", least: schema.Operator, done: "Resumed.", to: "", field: []field{reason, {name: "connector"}}},
	}
}

// act answers a form: it does what it says, and shows the page that the form was on.
// What was refused is told there, with what was typed.
func (c *Console) act(a action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := c.enter(w, r, true)
		if v == nil {
			return
		}
		if err := r.ParseForm(); err != nil {
			c.fail(w, r, v, &problem{Status: http.StatusBadRequest, Detail: "The form cannot be read."})
			return
		}
		if !v.session.from(r.PostForm.Get("form")) {
			c.fail(w, r, v, errForm)
			return
		}
		to := c.wanted(r.PostForm.Get("back"))
		body, err := a.body(r)
		if err == nil {
			err = v.post(v.ctx, a.target(r), body)
		}
		p := &problem{}
		switch {
		case err == nil:
			v.session.say(flash{Kind: "done", Text: a.done})
			if a.to != "" {
				to = c.base + Root + a.to
			}
		case errors.As(err, &p) && p.Status < http.StatusInternalServerError:
			v.session.say(flash{Kind: "refused", Text: p.Error(), Form: a.written(r)})
		default:
			c.fail(w, r, v, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// mostKept is how many bytes of a field are kept to be shown again.
const mostKept = 2000

// written is what the form said, so that nobody writes it twice; no more of it than a
// session may hold until its next page.
func (a action) written(r *http.Request) url.Values {
	kept := url.Values{}
	for _, f := range a.field {
		if value := r.PostForm.Get(f.name); value != "" && len(value) <= mostKept {
			kept.Set(f.name, value)
		}
	}
	return kept
}

// target is the path of the API call.
func (a action) target(r *http.Request) string {
	parts := strings.Split(a.api, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			parts[i] = seg(r.PathValue(strings.TrimSuffix(name, "}")))
		}
	}
	return strings.Join(parts, "/")
}

// body is what is sent: what was left empty is not.
func (a action) body(r *http.Request) (map[string]any, error) {
	if len(a.field) == 0 {
		return nil, nil
	}
	body := map[string]any{}
	for _, f := range a.field {
		value := strings.TrimSpace(r.PostForm.Get(f.name))
		if value == "" {
			continue
		}
		switch f.kind {
		case text:
			body[f.name] = value
		case lines:
			body[f.name] = split(value)
		case flag:
			body[f.name] = value == "yes"
		case day:
			t, err := time.Parse(time.DateOnly, value)
			if err != nil {
				return nil, &problem{Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("%s: write a day, as in 2030-01-31", f.name)}
			}
			body[f.name] = t.AddDate(0, 0, 1).Add(-time.Second)
		}
	}
	return body, nil
}

// split returns the lines that say something.
func split(value string) (all []string) {
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}
