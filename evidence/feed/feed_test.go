package feed_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/audit"
	"drawbridge/evidence/feed"
	"drawbridge/schema"
)

func event(t testing.TB, d schema.Decision) feed.Event {
	t.Helper()
	d.ID, d.Time = "01a218c6-1823-7498-969b-f3808df3e3eb", time.Date(2026, 11, 26, 16, 52, 45, 219172950, time.UTC)
	leaf, err := audit.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return feed.Event{Seq: 16, Leaf: leaf, Decision: d, UserName: "ada", Log: "drawbridge", Version: "1.2|3"}
}

// Of OCSF 1.3.0: what every event of the category has, and what each class demands
// beside; and the activities that each class has.
var (
	everyEvent = []string{"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
	ofClass    = map[float64][]string{3001: {"user"}, 3004: {"entity"}, 3005: {"user", "privileges"}, 3006: {"group"}}
	activities = map[float64][]float64{3001: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99}, 3004: {0, 1, 2, 3, 4, 99}, 3005: {0, 1, 2, 99}, 3006: {0, 1, 2, 3, 4, 5, 6, 99}}
)

// TestOCSF holds an event of each verb, about somebody and about something else, to
// what the schema requires of its class.
func TestOCSF(t *testing.T) {
	for _, verb := range verbs(t) {
		for _, about := range []struct{ subject, object, reason string }{
			{"01a218c6-1743-7a36-834d-b2175a9d80b0", "wiki/readers", "because"}, {"01a218c6-1743-7a36-834d-b2175a9d80b0", "role/editor", ""},
			{"01a218c6-1743-7a36-834d-b2175a9d80b0", "", "created"}, {"01a218c6-1743-7a36-834d-b2175a9d80b0", "group/1", "deleted by its source"}, {"policy/abc", "publication/1", "x"}, {"connector/wiki", "", "<html>&"},
		} {
			line, err := feed.OCSF(event(t, schema.Decision{Verb: verb, Actor: "token/ops", Subject: about.subject, Object: about.object, Reason: about.reason, Because: []string{"role/editor"}, Policy: "p"}))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.ContainsAny(line, "\r\n") {
				t.Errorf("%s: more than a line: %s", verb, line)
			}
			var got map[string]any
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			class, _ := got["class_uid"].(float64)
			activity, _ := got["activity_id"].(float64)
			for _, name := range slices.Concat(everyEvent, ofClass[class]) {
				if got[name] == nil {
					t.Errorf("%s about %s %s: class %v wants %s: %s", verb, about.subject, about.object, class, name, line)
				}
			}
			if !slices.Contains(activities[class], activity) || got["type_uid"] != class*100+activity || got["category_uid"] != 3.0 {
				t.Errorf("%s: class %v, activity %v, type %v", verb, class, activity, got["type_uid"])
			}
			metadata, _ := got["metadata"].(map[string]any)
			product, _ := metadata["product"].(map[string]any)
			if metadata["version"] != "1.3.0" || product["vendor_name"] == nil || product["name"] == nil || metadata["sequence"] != 16.0 {
				t.Errorf("%s: metadata %v", verb, metadata)
			}
			if severity, _ := got["severity_id"].(float64); severity < 1 || severity > 6 {
				t.Errorf("%s: severity %v", verb, got["severity_id"])
			}
			if got["time"] != 1795711965219.0 {
				t.Errorf("%s: time %v is not in milliseconds", verb, got["time"])
			}
			if user, ok := got["user"].(map[string]any); ok && (user["uid"] == nil || user["name"] != "ada") {
				t.Errorf("%s: user %v", verb, user)
			}
		}
	}
	for _, c := range []struct {
		verb     schema.Verb
		object   string
		reason   string
		typeUID  float64
		statusID float64
	}{
		{schema.Admitted, "", "created", 300101, 1}, {schema.Left, "", "deactivated by its source", 300105, 1}, {schema.Left, "", "deleted by its source", 300106, 1},
		{schema.Assigned, "wiki/readers", "", 300501, 1}, {schema.Unassigned, "wiki/readers", "", 300502, 1}, {schema.Joined, "group/1", "", 300603, 1},
		{schema.Denied, "role/admin", "", 300599, 2}, {schema.Failed, "wiki", "", 300199, 2},
	} {
		line, err := feed.OCSF(event(t, schema.Decision{Verb: c.verb, Actor: "bridge", Subject: "somebody", Object: c.object, Reason: c.reason}))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			TypeUID  float64 `json:"type_uid"`
			StatusID float64 `json:"status_id"`
		}
		if err := json.Unmarshal(line, &got); err != nil || got.TypeUID != c.typeUID || got.StatusID != c.statusID {
			t.Errorf("%s %s is type %v and status %v, want %v and %v (%v)", c.verb, c.object, got.TypeUID, got.StatusID, c.typeUID, c.statusID, err)
		}
	}
}

// verbs are all that there are, as package schema has them.
func verbs(t *testing.T) (all []schema.Verb) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "schema", "decision.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if is && fmt.Sprint(spec.Type) == "Verb" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, schema.Verb(text))
		}
		return true
	})
	if !slices.Contains(all, schema.Notified) || !slices.Contains(all, schema.Admitted) {
		t.Fatalf("these are not all verbs: %q", all)
	}
	return all
}

// readCEF takes a line apart as a receiver does.
func readCEF(line string) (header []string, fields map[string]string, err error) {
	rest := line
	for range 7 {
		var field strings.Builder
		i := 0
		for ; i < len(rest) && rest[i] != '|'; i++ {
			if rest[i] == '\\' {
				if i++; i == len(rest) || rest[i] != '\\' && rest[i] != '|' {
					return nil, nil, fmt.Errorf("a backslash stands alone in the header of %q", line)
				}
			}
			field.WriteByte(rest[i])
		}
		if i == len(rest) {
			return nil, nil, fmt.Errorf("%q has %d fields in its header", line, len(header))
		}
		header, rest = append(header, field.String()), rest[i+1:]
	}
	fields = map[string]string{}
	keys := regexp.MustCompile(`(?:^| )([A-Za-z0-9]+)=`)
	places := keys.FindAllStringSubmatchIndex(rest, -1)
	for i, p := range places {
		end := len(rest)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		value, err := unescape(rest[p[1]:end])
		if err != nil {
			return header, nil, err
		}
		fields[rest[p[2]:p[3]]] = value
	}
	return header, fields, nil
}

func unescape(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '=' {
			return "", fmt.Errorf("an equals sign stands bare in %q", text)
		}
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", fmt.Errorf("%q ends with a backslash", text)
		}
		plain, ok := map[byte]byte{'\\': '\\', '=': '=', 'n': '\n', 'r': '\r'}[text[i]]
		if !ok {
			return "", fmt.Errorf("%q escapes %q", text, text[i])
		}
		b.WriteByte(plain)
	}
	return b.String(), nil
}

// TestCEF reads a line field by field, as a receiver does: each says what the entry does, and
// how much it weighs; and one of each verb is a line with a name, a weight and an outcome.
func TestCEF(t *testing.T) {
	e := event(t, schema.Decision{
		Verb: schema.Failed, Actor: "connector/wiki", Subject: "01a218c6-1743-7a36-834d-b2175a9d80b0", Object: "wiki/readers", Because: []string{"role/editor", "grant/1"},
		Reason: "503: try=later | C:\\", Policy: "5f0c", Mode: schema.Enforce,
	})
	line, err := feed.CEF(e)
	if err != nil {
		t.Fatal(err)
	}
	header, fields, err := readCEF(string(line))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"CEF:0", "Drawbridge", "Drawbridge", "1.2|3", "failed", "failed identity", "6"}; !slices.Equal(header, want) {
		t.Errorf("header %q, want %q", header, want)
	}
	hash := tlog.RecordHash(e.Leaf)
	for key, want := range map[string]string{
		"rt": "1795711965219", "externalId": e.Decision.ID, "act": "failed", "outcome": "failure", "suser": "connector/wiki", "duid": e.Decision.Subject, "duser": "ada",
		"reason": e.Decision.Reason, "cn1Label": "sequence", "cn1": "16", "cs1Label": "object", "cs1": "wiki/readers", "cs2Label": "because", "cs2": "role/editor grant/1",
		"cs3Label": "policy", "cs3": "5f0c", "cs4Label": "mode", "cs4": "enforce", "cs5Label": "log", "cs5": "drawbridge", "cs6Label": "leafHash", "cs6": hash.String(),
	} {
		if fields[key] != want {
			t.Errorf("%s is %q, want %q", key, fields[key], want)
		}
	}
	if !strings.Contains(fields["msg"], "wiki/readers") || !strings.Contains(fields["msg"], "ada") {
		t.Errorf("the message is %q", fields["msg"])
	}
	for _, verb := range verbs(t) {
		for about, kind := range map[string]string{"01a218c6-1743-7a36-834d-b2175a9d80b0": "identity", "policy/abc": "policy"} {
			line, err := feed.CEF(event(t, schema.Decision{Verb: verb, Actor: "bridge", Subject: about}))
			if err != nil {
				t.Fatal(err)
			}
			header, fields, err := readCEF(string(line))
			if err != nil {
				t.Fatal(err)
			}
			if header[4] != string(verb) || header[5] != string(verb)+" "+kind || !slices.Contains([]string{"2", "4", "6", "8"}, header[6]) {
				t.Errorf("%s: header %q", verb, header)
			}
			failed := slices.Contains([]schema.Verb{schema.Failed, schema.Denied, schema.Refused}, verb)
			if want := map[bool]string{false: "success", true: "failure"}[failed]; fields["outcome"] != want {
				t.Errorf("%s came to %s, want %s", verb, fields["outcome"], want)
			}
		}
	}
}

// FuzzLines makes lines of whatever a decision may say: each is one line, and a
// receiver reads of it what was said.
func FuzzLines(f *testing.F) {
	f.Add("token/ops", "somebody", "wiki/readers", "role a: b", "ada")
	f.Add("a|b", `c\d`, "e=f g=h", "x\ny\r\nz act=forged", "CEF:0|evil|")
	f.Add(`\`, `|`, `=`, "\n", `\n`)
	f.Add("", "", "", "\x00\xff", "“”")
	f.Fuzz(func(t *testing.T, actor, subject, object, reason, name string) {
		e := event(t, schema.Decision{Verb: schema.Assigned, Actor: actor, Subject: subject, Object: object, Reason: reason})
		e.UserName = name
		for format, write := range feed.Formats {
			m, err := feed.MessageOf(write, e)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.ContainsAny(m.Line, "\r\n") {
				t.Errorf("%s: more than a line: %q", format, m.Line)
			}
			record := feed.Record(actor, m)
			head := regexp.MustCompile(`^<\d{1,3}>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} drawbridge - [!-~]{1,32} - `)
			if !head.Match(record) || !bytes.HasSuffix(record, m.Line) {
				t.Errorf("%q is no record of RFC 5424", record)
			}
		}
		line, err := feed.OCSF(e)
		if err != nil || !json.Valid(line) {
			t.Errorf("%q: %v", line, err)
		}
		if line, err = feed.CEF(e); err != nil {
			t.Fatal(err)
		}
		header, fields, err := readCEF(string(line))
		if err != nil {
			t.Fatal(err)
		}
		if header[0] != "CEF:0" || header[3] != "1.2|3" || header[4] != "assigned" {
			t.Errorf("header %q", header)
		}
		for key, want := range map[string]string{"suser": actor, "duid": subject, "duser": name, "cs1": object, "reason": reason, "act": "assigned", "cn1": "16"} {
			if fields[key] != want {
				t.Errorf("%s is %q, want %q, of %q", key, fields[key], want, line)
			}
		}
	})
}
