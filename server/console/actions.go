package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	done  string                     // what is said once it is done
	says  func(answer []byte) string // instead: what the API answered says
	to    string                     // the page then; empty: the one that the form was on
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
	named // lines of NAME: TEXT
)

// reason is the field that most forms have.
var reason = field{name: "reason"}

// actions is the list of everything that can be done.
func actions() []action { return slices.Concat(decisions(), operations()) }

// decisions are what people ask for and decide about each other.
func decisions() []action {
	return []action{
		{path: "requests", api: "/requests", least: schema.Viewer, done: "Asked. You see here how far it comes.", to: "requests",
			field: []field{{name: "role"}, {name: "identity"}, reason, {name: "ticket"}, {name: "lasts"}}},
		{path: "requests/{id}/approve", api: "/requests/{id}/approve", least: schema.Approver, done: "Approved.", field: []field{reason}},
		{path: "requests/{id}/deny", api: "/requests/{id}/deny", least: schema.Approver, done: "Denied.", field: []field{reason}},
		{path: "requests/{id}/withdraw", api: "/requests/{id}/withdraw", least: schema.Viewer, done: "Withdrawn.", field: []field{reason}},

		{path: "exceptions", api: "/exceptions", least: schema.Viewer, done: "Asked. It allows nothing before somebody agrees.", to: "exceptions",
			field: []field{{name: "constraint"}, {name: "role"}, {name: "trigger"}, {name: "identity"}, reason, {name: "ticket"}, {"compensating", lines}, {"expires", day}}},
		{path: "exceptions/{id}/approve", api: "/exceptions/{id}/approve", least: schema.Approver, done: "Allowed.", field: []field{reason}},
		{path: "exceptions/{id}/deny", api: "/exceptions/{id}/deny", least: schema.Approver, done: "Denied.", field: []field{reason}},
		{path: "exceptions/{id}/end", api: "/exceptions/{id}/end", least: schema.Viewer, done: "Ended.", field: []field{reason}},

		{path: "reviews", api: "/reviews", least: schema.Operator, done: "Begun. Its items are being prepared.", field: []field{{name: "kind"}, {name: "of"}, {name: "within"}, reason}},
		{path: "reviews/{id}/keep", api: "/reviews/{id}/keep", least: schema.Approver, done: "It stays.", field: []field{{name: "identity"}, {name: "holding"}, reason}},
		{path: "reviews/{id}/revoke", api: "/reviews/{id}/revoke", least: schema.Approver, done: "Taken away.", field: []field{{name: "identity"}, {name: "holding"}, reason}},
		{path: "reviews/{id}/modify", api: "/reviews/{id}/modify", least: schema.Approver, done: "It stays until then.", field: []field{{name: "identity"}, {name: "holding"}, {"until", day}, reason}},
		{path: "reviews/{id}/delegate", api: "/reviews/{id}/delegate", least: schema.Approver, done: "They may decide about it, too.", field: []field{{name: "identity"}, {name: "holding"}, {name: "to"}, reason}},
		{path: "reviews/{id}/escalate", api: "/reviews/{id}/escalate", least: schema.Approver, done: "Who comes next may decide about it, too.", field: []field{{name: "identity"}, {name: "holding"}, reason}},
		{path: "reviews/{id}/close", api: "/reviews/{id}/close", least: schema.Approver, done: "Ended.", field: []field{reason}},
		{path: "reviews/{id}/sign", api: "/reviews/{id}/sign", least: schema.Approver, done: "Signed off.", field: []field{reason}},

		{path: "bypasses", api: "/bypasses", least: schema.Viewer, done: "You have it now. What is owed for it is below.", to: "bypasses",
			field: []field{{name: "role"}, reason, {name: "ticket"}, {"evidence", named}, {name: "lasts"}, {"drill", flag}, {name: "unverified"}}},
		{path: "bypasses/{id}/evidence", api: "/bypasses/{id}/evidence", least: schema.Viewer, done: "It is on record.", field: []field{{name: "kind"}, {name: "text"}}},
		{path: "bypasses/{id}/review", api: "/bypasses/{id}/review", least: schema.Approver, done: "Your review is in the log.", field: []field{{"agree", flag}, reason}},
	}
}

// operations are what is done about the bridge and what it found.
func operations() []action {
	plan := field{name: "plan"}
	return []action{
		{path: "findings/{id}/ignore", api: "/findings/{id}/ignore", least: schema.Operator, done: "Put aside until then.", field: []field{{"until", day}, reason}},
		{path: "findings/{id}/assign", api: "/findings/{id}/assign", least: schema.Operator, done: "They are to see to it.", field: []field{{name: "to"}, reason}},
		{path: "findings/{id}/revoke", api: "/findings/{id}/revoke", least: schema.Operator, done: "Taken away. The targets are told now.", field: []field{reason}},
		{path: "findings/{id}/adopt", api: "/findings/{id}/adopt", least: schema.Operator, done: "It is theirs now.", field: []field{{name: "to"}, reason}},

		{path: "findings/{id}/except", api: "/findings/{id}/except", least: schema.Approver, done: "Allowed until then.", field: []field{{"until", day}, {"compensating", lines}, reason}},

		{path: "holds/{id}/release", api: "/holds/{id}/release", least: schema.Approver, done: "You agreed to this plan. It is done once two people did.", field: []field{plan, reason}},
		{path: "proposals/{id}/release", api: "/proposals/{id}/release", least: schema.Approver, done: "Released.", to: "held", field: []field{plan, reason}},
		{path: "proposals/{id}/dismiss", api: "/proposals/{id}/dismiss", least: schema.Approver, done: "Dismissed.", to: "held", field: []field{plan, reason}},

		{path: "work/{connector}/{identity}/confirm", api: "/work-items/{connector}/{identity}/confirm", least: schema.Operator, done: "Confirmed.",
			field: []field{plan, {name: "words"}}},
		{path: "work/{connector}/{identity}/decline", api: "/work-items/{connector}/{identity}/decline", least: schema.Operator, done: "Declined.",
			field: []field{plan, {name: "words"}}},

		{path: "sweeps/{name}/run", api: "/sweeps/{name}/run", least: schema.Operator, done: "It was woken and runs now."},
		{path: "sweeps/{name}/preview", api: "/sweeps/{name}/run?dryRun=true", least: schema.Operator, says: previewed},
		{path: "connectors/{name}/unpark", api: "/accounts/unpark", least: schema.Operator, done: "They are tried again.", field: []field{{name: "connector"}}},
		{path: "revocations", api: "/revocations", least: schema.Operator, done: "Taken away. The targets are told now.", field: []field{{name: "identity"}, {name: "role"}, reason}},

		{path: "liftings", api: "/liftings", least: schema.Approver, done: "It may come back.", field: []field{{name: "identity"}, {name: "role"}, reason}},
		{path: "notices/test", api: "/notices/test", least: schema.Operator, says: tried, field: []field{{name: "to"}}},

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
		var answer json.RawMessage
		if err == nil {
			err = v.post(v.ctx, a.target(r), body, &answer)
		}
		p := &problem{}
		switch {
		case err == nil:
			v.session.say(flash{Kind: "done", Text: a.did(answer)})
			if a.to != "" {
				to = c.base + Root + a.to
			}
		case errors.As(err, &p) && p.Status < http.StatusInternalServerError:
			v.session.say(flash{Kind: "refused", Text: p.Error(), Form: written(r)})
		default:
			c.fail(w, r, v, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// did is what is said once it is done.
func (a action) did(answer []byte) string {
	if a.says != nil {
		return a.says(answer)
	}
	return a.done
}

// tried says what each way made of a trial.
func tried(answer []byte) string {
	var trials list[struct {
		Channel string `json:"channel"`
		Reaches bool   `json:"reaches"`
		Problem string `json:"problem"`
	}]
	if err := json.Unmarshal(answer, &trials); err != nil || len(trials.Items) == 0 {
		return "No way is configured by which people are told anything."
	}
	var said []string
	for _, t := range trials.Items {
		switch {
		case !t.Reaches:
			said = append(said, t.Channel+" does not reach them")
		case t.Problem != "":
			said = append(said, t.Channel+" did not take it: "+t.Problem)
		default:
			said = append(said, t.Channel+" took it")
		}
	}
	return strings.Join(said, "; ") + "."
}

// Bounds on what is kept of a form until its page is shown again.
const (
	mostKept   = 2000 // bytes of a field
	mostFields = 20
)

// written is what a form said, so that nobody writes it twice; no more of it than a
// session may hold until its next page.
func written(r *http.Request) url.Values {
	kept := url.Values{}
	for name := range r.PostForm {
		if value := r.PostForm.Get(name); name != "form" && name != "back" && value != "" && len(name)+len(value) <= mostKept && len(kept) < mostFields {
			kept.Set(name, value)
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
		case named:
			body[f.name] = pairs(value)
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

// pairs returns what lines say of names: NAME: TEXT.
func pairs(value string) map[string]string {
	all := map[string]string{}
	for _, line := range split(value) {
		name, text, _ := strings.Cut(line, ":")
		all[strings.TrimSpace(name)] = strings.TrimSpace(text)
	}
	return all
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
