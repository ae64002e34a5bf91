package scim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	library "github.com/elimity-com/scim/schema"
	"github.com/rogpeppe/go-internal/txtar"

	wire "drawbridge/schema/scim"
	"drawbridge/server/scim"
)

// TestConversations plays how senders speak, over a listener, and looks at what
// came of it.
func TestConversations(t *testing.T) {
	names, err := filepath.Glob("../../schema/scim/testdata/*/*.txtar")
	if err != nil || len(names) < 12 {
		t.Fatalf("found %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(filepath.Dir(name))+"/"+filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, scim.Options{Extensions: []library.Schema{hr(t)}})
			server := httptest.NewServer(w.handler)
			defer server.Close()
			ids := map[string]string{}
			archive := txtar.Parse(text)
			for i, step := range archive.Files {
				if !t.Run(fmt.Sprintf("%d %s", i+1, step.Name), func(t *testing.T) { play(t, server, contentType(archive), ids, step) }) {
					return
				}
			}
		})
	}
}

// hr is the extension that the conversations' custom attributes are in.
func hr(t *testing.T) library.Schema {
	t.Helper()
	text, err := os.ReadFile("../../configs/testdata/hr.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.ParseSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scimType is what bodies are, unless their sender says otherwise.
const scimType = "application/scim+json"

// contentType is what the top of a conversation says that its bodies are.
func contentType(a *txtar.Archive) string {
	for line := range strings.Lines(string(a.Comment)) {
		if kind, ok := strings.CutPrefix(line, "Content-Type: "); ok {
			return strings.TrimSpace(kind)
		}
	}
	return scimType
}

func play(t *testing.T, server *httptest.Server, kind string, ids map[string]string, step txtar.File) {
	request, keep, _ := strings.Cut(step.Name, " -> ")
	parts := strings.Fields(request)
	if len(parts) != 3 {
		t.Fatal("a step is METHOD PATH STATUS")
	}
	body := string(step.Data)
	for name, id := range ids {
		parts[1], body = strings.ReplaceAll(parts[1], "{"+name+"}", id), strings.ReplaceAll(body, "{"+name+"}", id)
	}
	want := body
	if parts[0] == http.MethodGet || parts[0] == http.MethodDelete {
		body = ""
	}
	r, err := http.NewRequestWithContext(t.Context(), parts[0], server.URL+"/scim/v2"+parts[1], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("From", "hr")
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", kind)
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got any
	err = json.NewDecoder(res.Body).Decode(&got)
	if strconv.Itoa(res.StatusCode) != parts[2] {
		t.Fatalf("status %d, want %s: %v", res.StatusCode, parts[2], got)
	}
	if res.StatusCode != http.StatusNoContent && err != nil {
		t.Fatal(err)
	}
	if keep != "" {
		ids[keep], _ = got.(map[string]any)["id"].(string)
	}
	if parts[0] != http.MethodGet && res.StatusCode < http.StatusMultipleChoices {
		stands(t, server, parts, got)
	}
	if parts[0] == http.MethodGet {
		var expected any
		if err := json.Unmarshal([]byte(want), &expected); err != nil {
			t.Fatal(err)
		}
		holds(t, "", got, expected)
	}
}

// stands reads back what a request changed: it is gone, or as the answer says.
func stands(t *testing.T, server *httptest.Server, parts []string, answer any) {
	t.Helper()
	path, _, _ := strings.Cut(parts[1], "?")
	said, _ := answer.(map[string]any)
	if parts[0] == http.MethodPost {
		id, _ := said["id"].(string)
		path += "/" + id
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/scim/v2"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("From", "hr")
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	want := http.StatusOK
	if parts[0] == http.MethodDelete {
		want = http.StatusNotFound
	}
	var got any
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != want {
		t.Fatalf("read back, status %d, want %d: %v %v", res.StatusCode, want, got, err)
	}
	if said != nil && parts[0] != http.MethodDelete {
		holds(t, "read back", got, answer)
	}
}

// holds checks that what came holds what is wanted: objects may hold more, and
// null is nothing.
func holds(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		o, _ := got.(map[string]any)
		for name, v := range want {
			holds(t, at+"."+name, o[name], v)
		}
	case []any:
		l, _ := got.([]any)
		if len(l) != len(want) {
			t.Errorf("%s is %v, want %v", at, got, want)
			return
		}
		for i, v := range want {
			holds(t, fmt.Sprintf("%s[%d]", at, i), l[i], v)
		}
	default:
		if got != want {
			t.Errorf("%s is %v, want %v", at, got, want)
		}
	}
}
