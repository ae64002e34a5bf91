package scim_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	library "github.com/elimity-com/scim/schema"
	"github.com/rogpeppe/go-internal/txtar"

	"drawbridge/schema"
	"drawbridge/server/scim"
)

// The steps that every sender's conversation must have, or say that the sender does
// not take. What a conversation is credited with is not what it says of itself: it
// is what it sent, and what became of the resource.
const (
	connects, imports, creates, changes  = "connection test", "initial import", "create", "attribute change"
	managed, unmanaged                   = "manager set", "manager cleared"
	inPlace, anew                        = "list element that is there", "list element that is not"
	extended, renames, retries, nonsense = "custom extension", "rename of a user", "retried create", "known nonsense"
	groups, groupRenames, inBulk         = "group create", "rename of a group", "members in bulk"
	byList, byFilter, byReplace          = "removal by a list of values", "removal by a path with a filter", "removal by replace"
	disables, enables, deletes, ends     = "disable", "re-enable", "hard delete", "group delete" // a soft delete is the first
)

var everyStep = []string{
	connects, imports, creates, changes, managed, unmanaged, inPlace, anew, extended, renames, retries, nonsense,
	groups, groupRenames, inBulk, byList, byFilter, byReplace, disables, enables, deletes, ends,
}

var update = flag.Bool("update", false, "write which sender takes which step to schema/scim/testdata/README.md")

// TestSendersTakeEveryStep plays each conversation once more, and looks at what
// each request was and did. A sender of which a step is missing must say on top of
// its file that it does not take it, and why; one that says so must not take it. The
// README has a table of all that, and of who sends what nonsense.
func TestSendersTakeEveryStep(t *testing.T) {
	names, err := filepath.Glob("../../schema/scim/testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	took, not := map[string]map[string]bool{}, map[string]map[string]string{}
	sends := map[string]map[string]bool{} // kinds of nonsense
	for _, name := range names {
		sender := filepath.Base(filepath.Dir(name))
		if sender == "entra" || sender == "okta" { // two dialects each
			sender += " " + strings.TrimSuffix(filepath.Base(name), ".txtar")
		}
		if took[sender] == nil {
			took[sender], not[sender], sends[sender] = map[string]bool{}, map[string]string{}, map[string]bool{}
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		archive := txtar.Parse(text)
		head := string(archive.Comment)
		if !strings.Contains(head, "Shapes") && !strings.Contains(head, "shapes") && !strings.Contains(head, "RFC 764") {
			t.Errorf("%s does not say where its shapes were read", name)
		}
		for line := range strings.Lines(head) {
			if step, why, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "Does not send a ")), ": "); ok && strings.HasPrefix(line, "Does not send a ") {
				not[sender][step] = why
			}
		}
		watch(t, archive, took[sender], sends[sender])
	}
	for sender, steps := range took {
		steps[imports] = slices.ContainsFunc(importers, func(i importer) bool { return i.sender == sender }) // TestSendersImportWhoIsThere
		for _, step := range everyStep {
			switch why, excused := not[sender][step]; {
			case steps[step] && excused:
				t.Errorf("%s is said not to send a %s (%s), and does", sender, step, why)
			case !steps[step] && !excused:
				t.Errorf("%s: no %s in its conversation", sender, step)
			}
		}
		for step := range not[sender] {
			if !slices.Contains(everyStep, step) {
				t.Errorf("%s does not send a %q, which is no step", sender, step)
			}
		}
	}
	if len(took) != 13 {
		t.Errorf("there are conversations with %d senders, want 13", len(took))
	}
	for kind := range kindsOfNonsense {
		if !slices.ContainsFunc(slices.Collect(maps.Values(sends)), func(kinds map[string]bool) bool { return kinds[kind] }) {
			t.Errorf("nobody sends %s", kind)
		}
	}
	tabled(t, took, sends)
}

// tabled holds the README's table to who took which step, and who sent what nonsense.
func tabled(t *testing.T, took, sends map[string]map[string]bool) {
	t.Helper()
	senders := slices.Sorted(maps.Keys(took))
	table := "| | " + strings.Join(senders, " | ") + " |\n|---|" + strings.Repeat("---|", len(senders)) + "\n"
	row := func(what string, has map[string]map[string]bool) {
		table += "| " + what + " |"
		for _, sender := range senders {
			table += map[bool]string{true: " yes |", false: " |"}[has[sender][what]]
		}
		table += "\n"
	}
	for _, step := range everyStep {
		if step != nonsense {
			row(step, took)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kindsOfNonsense)) {
		row(kind, sends)
	}
	const file, mark = "../../schema/scim/testdata/README.md", "<!-- go test ./server/scim -run TestSendersTakeEveryStep -update -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, was, ok := strings.Cut(string(text), mark)
	switch {
	case !ok:
		t.Errorf("%s has no place for the table: %s", file, mark)
	case was != table && *update:
		if err := os.WriteFile(file, []byte(before+mark+table), 0o644); err != nil {
			t.Fatal(err)
		}
	case was != table:
		t.Errorf("the table in %s is otherwise than the conversations: write it anew with -update", file)
	}
}

// A sight is one request, and the resource before and after it.
type sight struct {
	method, path, body string
	status             string
	operations         []map[string]any // of a PATCH
	before, after      map[string]any
}

// watch plays a conversation and credits it with the steps it takes.
func watch(t *testing.T, archive *txtar.Archive, took, sends map[string]bool) {
	t.Helper()
	w := newWorld(t, scim.Options{Extensions: []library.Schema{hr(t)}})
	server := httptest.NewServer(w.handler)
	defer server.Close()
	ids, media := map[string]string{}, contentType(archive)
	sends[otherType] = media != scimType
	for i, file := range archive.Files {
		request, keep, _ := strings.Cut(file.Name, " -> ")
		parts := strings.Fields(request)
		s := sight{method: parts[0], path: parts[1], status: parts[2], body: string(file.Data)}
		for name, id := range ids {
			s.path, s.body = strings.ReplaceAll(s.path, "{"+name+"}", id), strings.ReplaceAll(s.body, "{"+name+"}", id)
		}
		at, _, _ := strings.Cut(s.path, "?")
		s.before = w.resource(server, at)
		play(t, server, media, ids, file)
		if s.method == http.MethodPost && keep != "" {
			at += "/" + ids[keep]
		}
		s.after = w.resource(server, at)
		var body struct{ Operations json.RawMessage }
		if s.method == http.MethodPatch && json.Unmarshal([]byte(s.body), &body) == nil && json.Unmarshal(body.Operations, &s.operations) != nil {
			s.operations = []map[string]any{{}}
			_ = json.Unmarshal(body.Operations, &s.operations[0]) // one, and no list
		}
		took[connects] = took[connects] || i == 0 && s.method == http.MethodGet
		leaves(t, s)
		for step, taken := range stepsOf(s) {
			took[step] = took[step] || taken
		}
		for kind, is := range kindsOfNonsense {
			if s.method != http.MethodGet && is(s) {
				took[nonsense], sends[kind] = true, true
			}
		}
	}
}

// leaves holds a group that was patched, which is answered without a body, to what the
// operations say by a reading of their own.
func leaves(t *testing.T, s sight) {
	t.Helper()
	if s.method != http.MethodPatch || !strings.HasPrefix(s.path, "/Groups") || s.before == nil || s.after == nil {
		return
	}
	members, name := membersOf(s.before), s.before["displayName"]
	for _, op := range s.operations {
		path, value := fmt.Sprint(op["path"]), op["value"]
		if o, ok := value.(map[string]any); ok && op["path"] == nil {
			path, value = "members", o["members"]
			if o["displayName"] != nil {
				name = o["displayName"]
			}
			if value == nil {
				continue
			}
		}
		if path == "displayName" {
			name = value
		}
		if !strings.HasPrefix(path, "members") {
			continue
		}
		var ids []string
		for _, v := range listOf(value) {
			if o, ok := v.(map[string]any); ok {
				v = o["value"]
			}
			ids = append(ids, fmt.Sprint(v))
		}
		if _, where, ok := strings.Cut(path, `value eq "`); ok {
			id, _, _ := strings.Cut(where, `"`)
			ids = []string{id}
		}
		in := func(id string) bool { return slices.Contains(ids, id) }
		switch op := folded(op["op"]); {
		case op == "replace":
			members = ids
		case op == "add":
			members = append(slices.DeleteFunc(members, in), ids...)
		case len(ids) > 0:
			members = slices.DeleteFunc(members, in)
		default:
			members = nil
		}
	}
	if got, want := schema.Sorted(membersOf(s.after)...), schema.Sorted(members...); !slices.Equal(got, want) {
		t.Errorf("%s %s leaves the members %v, want %v", s.path, s.body, got, want)
	}
	if s.after["displayName"] != name {
		t.Errorf("%s %s leaves the name %v, want %v", s.path, s.body, s.after["displayName"], name)
	}
}

// listOf is a list as it is, and anything else as a list of one.
func listOf(v any) []any {
	if l, ok := v.([]any); ok || v == nil {
		return l
	}
	return []any{v}
}

// resource reads one, nil if it is none or not there.
func (w *world) resource(server *httptest.Server, path string) map[string]any {
	r, err := w.over(server, "GET", path, "")
	if err != nil || r.status != http.StatusOK || strings.Count(path, "/") < 2 {
		return nil
	}
	o, _ := r.at().(map[string]any)
	return o
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// stepsOf returns which steps a request was.
func stepsOf(s sight) map[string]bool {
	user, group := strings.HasPrefix(s.path, "/Users"), strings.HasPrefix(s.path, "/Groups")
	both := s.before != nil && s.after != nil
	moved := func(key string) bool { return both && fmt.Sprint(s.before[key]) != fmt.Sprint(s.after[key]) }
	had, has := manager(s.before), manager(s.after)
	was, is := membersOf(s.before), membersOf(s.after)
	left := slices.ContainsFunc(was, func(id string) bool { return !slices.Contains(is, id) })
	replaced, added := elementsMoved(s)
	write := s.method != http.MethodGet
	return map[string]bool{
		creates:      user && s.method == http.MethodPost && s.status == "201",
		retries:      s.method == http.MethodPost && s.status == "409",
		changes:      user && write && (moved("name") || moved("displayName") || moved("title") || moved("nickName")),
		managed:      user && write && has != "" && has != had,
		unmanaged:    user && write && both && had != "" && has == "",
		inPlace:      user && write && replaced,
		anew:         user && write && added,
		extended:     user && write && s.after["urn:example:scim:schemas:extension:hr:2.0:User"] != nil,
		renames:      user && write && moved("userName"),
		groups:       group && s.method == http.MethodPost && s.status == "201",
		groupRenames: group && write && moved("displayName"),
		inBulk:       group && write && len(is)-len(was) >= 2,
		byList: group && both && left && s.operation(func(op map[string]any) bool {
			return folded(op["op"]) == "remove" && op["path"] == "members" && op["value"] != nil
		}),
		byFilter:  group && both && left && s.operation(func(op map[string]any) bool { return strings.HasPrefix(fmt.Sprint(op["path"]), "members[") }),
		byReplace: group && both && left && (s.method == http.MethodPut || s.operation(replacesMembers)),
		disables:  user && both && s.before["active"] == true && s.after["active"] == false,
		enables:   user && both && s.before["active"] == false && s.after["active"] == true,
		deletes:   user && s.method == http.MethodDelete && s.before != nil && s.after == nil,
		ends:      group && s.method == http.MethodDelete && s.before != nil && s.after == nil,
	}
}

func (s sight) operation(is func(map[string]any) bool) bool {
	return slices.ContainsFunc(s.operations, is)
}

func replacesMembers(op map[string]any) bool {
	value, _ := op["value"].(map[string]any)
	return folded(op["op"]) == "replace" && (op["path"] == "members" || value["members"] != nil)
}

func folded(v any) string { return strings.ToLower(fmt.Sprint(v)) }

func manager(user map[string]any) string {
	of, _ := user[enterprise].(map[string]any)
	m, _ := of["manager"].(map[string]any)
	id, _ := m["value"].(string)
	return id
}

func membersOf(group map[string]any) (ids []string) {
	list, _ := group["members"].([]any)
	for _, m := range list {
		o, _ := m.(map[string]any)
		ids = append(ids, fmt.Sprint(o["value"]))
	}
	return ids
}

// elementsMoved reports whether an element of a list that was there has another
// value, and whether there is one of a kind that there was not.
func elementsMoved(s sight) (replaced, added bool) {
	if s.before == nil || s.after == nil {
		return false, false
	}
	for _, name := range []string{"emails", "phoneNumbers", "addresses", "roles", "entitlements"} {
		was, now := byKind(s.before[name]), byKind(s.after[name])
		for kind, value := range now {
			old, ok := was[kind]
			replaced = replaced || ok && old != value
			added = added || !ok
		}
	}
	return replaced, added
}

func byKind(v any) map[string]string {
	kinds := map[string]string{}
	list, _ := v.([]any)
	for _, e := range list {
		o, _ := e.(map[string]any)
		kinds[fmt.Sprint(o["type"])] = fmt.Sprint(o)
	}
	return kinds
}

// otherType is the kind of whoever says that what it sends is plain JSON.
const otherType = "application/json"

// kindsOfNonsense are what senders send that the RFCs do not have.
var kindsOfNonsense = map[string]func(s sight) bool{
	"a truth value as text": func(s sight) bool { return holdsAny(s.body, `"True"`, `"False"`, `"true"`, `"false"`) },
	"a number for a text": func(s sight) bool {
		return holdsAny(s.body, `"employeeNumber":7`, `"employeeNumber":1`, `"value":5550100`)
	},
	"a null":                     func(s sight) bool { return strings.Contains(s.body, ":null") },
	"an empty text":              func(s sight) bool { return strings.Contains(s.body, `:""`) },
	"one object for a list":      func(s sight) bool { return holdsAny(s.body, `"emails":{`, `"members":{`, `"path":"members","value":{`) },
	"a list for one value":       func(s sight) bool { return holdsAny(s.body, `"path":"active","value":[`, `User:manager","value":[`) },
	"a plain text for an object": func(s sight) bool { return holdsAny(s.body, `"manager":"`, `"roles":["`, `"members":["`) },
	"several in one text":        func(s sight) bool { return strings.Contains(s.body, `"roles":"admin,editor"`) },
	"an object as text":          func(s sight) bool { return strings.Contains(s.body, `"value":"{\"`) },
	"an op in capitals": func(s sight) bool {
		return s.operation(func(op map[string]any) bool { return fmt.Sprint(op["op"]) != folded(op["op"]) })
	},
	"a key with a dot": func(s sight) bool {
		return s.operation(func(op map[string]any) bool { return op["path"] == nil && keyed(op["value"], ".givenName") })
	},
	"a key with a URN": func(s sight) bool {
		return s.operation(func(op map[string]any) bool { return op["path"] == nil && keyed(op["value"], "User:") })
	},
	"a key with a filter": func(s sight) bool {
		return s.operation(func(op map[string]any) bool { return op["path"] == nil && keyed(op["value"], "[") })
	},
	"an unknown attribute": func(s sight) bool {
		return holdsAny(s.body, "CustomExtensionName", "favouriteColour", "custom_attributes", "organizationUnit", "jumpcloudOnly", "mfaEnabled", "employmentType", `"origin"`, "tShirt", "lifecycleState")
	},
	"no schemas": func(s sight) bool {
		return s.body != "" && s.method != http.MethodDelete && !strings.Contains(s.body, `"schemas"`)
	},
	"schemas as text":          func(s sight) bool { return strings.Contains(s.body, `"schemas":"`) },
	otherType:                  func(sight) bool { return false }, // all that is sent, as the top of its file says
	"a user's groups":          func(s sight) bool { return strings.Contains(s.body, `"groups":[{`) },
	"no operations":            func(s sight) bool { return strings.Contains(s.body, `"Operations":[]`) },
	"operations as one object": func(s sight) bool { return strings.Contains(s.body, `"Operations":{`) },
	"an id in the body of a PATCH": func(s sight) bool {
		return s.operation(func(op map[string]any) bool { return keyed(op["value"], "id") })
	},
}

func holdsAny(text string, some ...string) bool {
	return slices.ContainsFunc(some, func(one string) bool { return strings.Contains(text, one) })
}

func keyed(v any, part string) bool {
	o, _ := v.(map[string]any)
	for key := range o {
		if key == part || len(part) > 2 && strings.Contains(key, part) || part == "[" && strings.Contains(key, part) {
			return true
		}
	}
	return false
}
