package rest_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/rest"
)

// FuzzDeclaration reads any text as a profile, and has its mistakes told: each has
// its line, and none of them is a panic.
func FuzzDeclaration(f *testing.F) {
	files, err := filepath.Glob("../../configs/profiles/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "\nrest:") {
			f.Add(string(text))
		}
	}
	f.Add(people)
	f.Add("rest: []")
	f.Add("rest: { accounts: { list: { get: '/{\"}\"}', items: body } } }")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := connectors.ParseProfile("fuzz.yaml", []byte(text))
		if err != nil || p.REST.Node == nil {
			return
		}
		if err := rest.Check(p); err != nil && !strings.HasPrefix(err.Error(), "fuzz.yaml:") {
			t.Errorf("a mistake without its place: %v", err)
		}
	})
}

// An answers is a target that always says the same, until it is changed.
type answers struct {
	status     int
	link, body string
	hours      int64
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Request: r, Body: io.NopCloser(strings.NewReader(a.body)),
		Header: http.Header{"Link": {a.link}, "Retry-After": {a.link}},
	}, r.Context().Err()
}

// FuzzAnswers lets a target answer anything: reading and listing end, and a listing
// that ends well is one that was read whole.
func FuzzAnswers(f *testing.F) {
	f.Add(uint16(200), `</v1/people?cursor=x>; rel="next"`, `{"total": 1, "entries": [{"id": 7, "login": "ada", "state": "on", "team": {"id": 1}}]}`)
	f.Add(uint16(200), `<https://elsewhere.example/>; rel=next`, `{"entries": [], "next": "again"}`)
	f.Add(uint16(200), `<<>>;;,<; rel`, `{"entries": [{"id": {}}, null, 3]}`)
	f.Add(uint16(429), `99999999999999999999`, `{"error": {"message": "\u0000"}}`)
	f.Add(uint16(204), ``, ``)
	p, err := connectors.ParseProfile("people.yaml", []byte(people))
	if err != nil {
		f.Fatal(err)
	}
	target := &answers{}
	c, err := rest.Open(connectors.Options{
		Transport: target, Now: func() time.Time { return time.Unix(1_800_000_000+3600*target.hours, 0) },
		Config: connectors.Config{Name: "fuzz", Kind: "rest", BaseURL: "https://staff.example/v1", Profile: p},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status uint16, link, body string) {
		// An hour later nothing that was learned is believed any longer.
		target.status, target.link, target.body, target.hours = 200+int(status)%400, link, body, target.hours+1
		if a, err := c.(connectors.Reader).Read(t.Context(), "7"); err == nil && (a.RemoteID == "" || a.Attributes == nil) {
			t.Errorf("read %+v", a)
		}
		seen := map[string]bool{}
		for a, err := range c.(connectors.Lister).List(t.Context()) {
			if err != nil {
				break
			}
			if seen[a.RemoteID] || a.RemoteID == "" {
				t.Errorf("listed %q twice, or nobody", a.RemoteID)
			}
			seen[a.RemoteID] = true
		}
	})
}
