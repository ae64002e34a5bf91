package rest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/rest"
	"drawbridge/schema"
)

// TestPagesThatLie lists a target that repeats, skips, or ends before its end, of accounts
// and of what they hold. Nobody may conclude from such a list who is gone, or holds nothing.
func TestPagesThatLie(t *testing.T) {
	const (
		token = "query: { cursor: page.token }\n      items: body.entries\n      page: { style: token, next: 'body.?next.orValue(\"\")' }"
		held  = "of: { get: '/people/{id}/teams', items: body.entries, page: { style: link }, id: item.team.id }"
	)
	styles := map[string]string{
		"tokens":  strings.Replace(token, `orValue("")' }`, `orValue("")', total: body.total }`, 1),
		"offsets": "query: { offset: page.offset }\n      items: body.entries\n      page: { style: offset, total: body.total }",
		"numbers": "query: { page: page.number }\n      items: body.entries\n      page: { style: number, first: 1, total: body.total }",
	}
	var all []string
	for i := range 8 {
		all = append(all, fmt.Sprint("team", i))
	}
	for style, page := range styles {
		for name, lie := range map[string]func(from, to, all int) (int, int){
			"repeats the first page": func(from, to, _ int) (int, int) { return 0, to - from },
			"repeats one":            func(from, to, _ int) (int, int) { return max(0, from-1), max(0, from-1) + to - from },
			"skips one":              func(from, to, _ int) (int, int) { return min(from+1, to), to },
			"ends early":             func(from, to, all int) (int, int) { return min(from, all-2), min(to, all-2) },
			"has nothing":            func(int, int, int) (int, int) { return 0, 0 },
		} {
			for what, at := range map[string]string{"accounts": "/people", "what is held": "/teams"} {
				t.Run(strings.Join([]string{style, name, what}, ", "), func(t *testing.T) {
					of := strings.Replace(held, "items: body.entries, page: { style: link }", strings.ReplaceAll(page, "\n      ", ", "), 1)
					s := newStaff(all...)
					c := open(t, profile(t, strings.NewReplacer(token, page, held, of).Replace(people)), s)
					var have schema.Account
					for i := range 8 {
						var err error
						if have, err = s.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i), Entitlements: all}); err != nil {
							t.Fatal(err)
						}
					}
					read := func() (err error) {
						if what == "accounts" {
							for _, err = range c.(connectors.Lister).List(t.Context()) {
							}
							return err
						}
						_, err = c.(connectors.Reader).Read(t.Context(), have.RemoteID)
						return err
					}
					if err := read(); err != nil {
						t.Fatalf("of the truth: %v", err)
					}
					s.lies = func(path string, from, to, all int) (int, int) {
						if !strings.HasSuffix(path, at) || path == "/v1/teams" {
							return from, to
						}
						return lie(from, to, all)
					}
					if err := read(); err == nil || connectors.KindOf(err) != connectors.Transient {
						t.Errorf("%v, want an error that passes", err)
					}
				})
			}
		}
	}
}

// TestAThingTwiceInAListing has what is held, who holds it, or what there is to hold be said on
// two pages. Where the pages moved nobody may conclude from it who holds nothing; where somebody
// holds a thing in two ways, that is no reason never to read them.
func TestAThingTwiceInAListing(t *testing.T) {
	line := func(id int, more string) any {
		return map[string]any{"team": map[string]any{"id": id}, "person": id, "id": id, "title": fmt.Sprint("team ", id), "more": more}
	}
	type pages [][]any
	whole := pages{{line(1, ""), line(2, "")}, {line(3, ""), line(4, "")}}
	for name, c := range map[string]struct {
		once, then pages
		fine       bool
	}{
		"a page moved by one":                     {pages{{line(1, ""), line(2, "")}, {line(2, ""), line(4, "")}}, whole, false},
		"and the line says another time":          {pages{{line(1, "12:00"), line(2, "12:00")}, {line(2, "12:01"), line(4, "12:01")}}, whole, false},
		"a page moved by two":                     {pages{{line(1, "12:00"), line(2, "12:00"), line(3, "12:00")}, {line(2, "12:01"), line(3, "12:01"), line(5, "12:01")}}, whole, false},
		"a page moved each time":                  {pages{{line(1, ""), line(2, "")}, {line(2, "again"), line(4, "")}}, pages{{line(1, ""), line(3, "")}, {line(3, "again"), line(4, "")}}, false},
		"it cannot be read again":                 {pages{{line(1, ""), line(2, "")}, {line(2, "again"), line(4, "")}}, nil, false},
		"a page comes twice":                      {pages{{line(1, ""), line(2, "")}, {line(3, "")}, {line(1, ""), line(2, "")}}, whole, false},
		"two ways, from one page to the next":     {pages{{line(1, "lent"), line(2, "lent")}, {line(2, "own"), line(3, "own")}}, pages{{line(1, "lent"), line(2, "lent")}, {line(2, "own"), line(3, "own")}}, true},
		"two ways, of which nothing more is said": {pages{{line(1, ""), line(2, "")}, {line(3, ""), line(1, "")}}, nil, true},
		"two ways on one page, and an empty page": {pages{{line(1, ""), line(1, "")}, {}, {line(3, "")}, {}}, nil, true},
	} {
		for what, at := range map[string]string{"what is held": "/teams", "who holds it": "/members", "what there is": "/v1/teams"} {
			t.Run(name+", "+what, func(t *testing.T) {
				s, reads := newStaff(teams...), 0
				s.before = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, at) || (r.URL.Path == "/v1/teams") != (what == "what there is") {
						return false
					}
					page, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
					if page == 0 {
						reads++
					}
					shown := c.once
					if reads > 1 {
						shown = c.then
					}
					if shown == nil {
						refuse(w, http.StatusServiceUnavailable, "busy")
						return true
					}
					if page+1 < len(shown) {
						w.Header().Set("Link", fmt.Sprintf(`<%s?cursor=%d>; rel="next"`, r.URL.Path, page+1))
					}
					answer(w, http.StatusOK, map[string]any{"entries": shown[page]})
					return true
				}
				text := people
				if what == "who holds it" {
					text = strings.Replace(text, "of: { get: '/people/{id}/teams', items: body.entries, page: { style: link }, id: item.team.id }",
						"members: { get: '/teams/{entitlement.id}/members', items: body.entries, page: { style: link }, account: item.person }", 1)
					s.names = s.names[:1] // so that it is one listing
				}
				a := open(t, profile(t, text), s)
				have, err := s.Put(t.Context(), schema.Account{RemoteID: "7", Active: true, Attributes: connectortest.Person(1)})
				if err != nil {
					t.Fatal(err)
				}
				if what == "what there is" {
					for _, err = range a.(connectors.EntitlementLister).Entitlements(t.Context()) {
					}
				} else {
					_, err = a.(connectors.Reader).Read(t.Context(), have.RemoteID)
				}
				if (err == nil) != c.fine || !c.fine && connectors.KindOf(err) != connectors.Transient || reads == 0 {
					t.Errorf("read %d times: %v; want it fine %v, or an error that passes", reads, err, c.fine)
				}
			})
		}
	}
}

// TestAThrottledCallHoldsTheOthersBack has one call be answered, in words only, that there
// are too many: whoever calls next waits, also for somebody else.
func TestAThrottledCallHoldsTheOthersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		words := "so please slow down please!"
		o := connectors.Options{
			Config: connectors.Config{Name: "staff", Kind: "rest", BaseURL: "http://127.0.0.1/v1", Profile: profile(t, rules)},
			Rate:   connectors.NewRate(connectors.RateLimit{}),
			Transport: sender(func(r *http.Request) *http.Response {
				a := &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(words))}
				if words == "" {
					a.StatusCode, a.Body = http.StatusOK, io.NopCloser(strings.NewReader(`{"ok": true}`))
				}
				return a
			}),
		}
		c, err := connectors.Kinds{"rest": rest.Open}.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.(connectors.Prober).Probe(t.Context()); connectors.KindOf(err) != connectors.Transient {
			t.Errorf("%v, want an error that passes", err)
		}
		words = ""
		began := time.Now()
		if err := c.(connectors.Prober).Probe(t.Context()); err != nil || time.Since(began) < time.Second {
			t.Errorf("%v after %v, want it to wait a second", err, time.Since(began))
		}
	})
}

// TestThrottledInWordsDidNothing has a call be answered with 500 and words that mean "too many
// requests": nothing was done, so that nobody need look what came of it.
func TestThrottledInWordsDidNothing(t *testing.T) {
	for status, looks := range map[int]int{http.StatusInternalServerError: 0, http.StatusServiceUnavailable: 0, http.StatusBadGateway: 1} {
		s, words := newStaff(teams...), "slow down please"
		if looks > 0 {
			words = "out of order"
		}
		gets, throttles := 0, false
		s.before = func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case !throttles:
				return false
			case r.Method == http.MethodGet:
				gets++
				return false
			}
			http.Error(w, words, status)
			return true
		}
		p := profile(t, people)
		p.Throttled = []string{"slow down please"}
		c := open(t, p, s)
		have, err := c.Apply(t.Context(), schema.Account{}, schema.Account{Active: true, Attributes: connectortest.Person(1)})
		if err != nil {
			t.Fatal(err)
		}
		throttles = true
		got, err := c.Apply(t.Context(), have, schema.Account{})
		if connectors.KindOf(err) != connectors.Transient || !got.Active || connectors.Doubtful(got) || (gets > 0) != (looks > 0) {
			t.Errorf("%d %q: %v, %+v after %d looks; want it as it was, and a look only where something may have been done", status, words, err, got, gets)
		}
	}
}

// A sender answers without a network.
type sender func(*http.Request) *http.Response

func (s sender) RoundTrip(r *http.Request) (*http.Response, error) { return s(r), nil }

// TestHalfABatch has the target do half of some batches and say that it failed. Whoever asks
// again gets there, in and out, and who was not asked about stays.
func TestHalfABatch(t *testing.T) {
	s := newStaff(teams...)
	var batches, failed atomic.Int64
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/v1/teams/") || batches.Add(1)%2 == 0 {
			return false
		}
		var body struct {
			IDs []string `json:"ids"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		half, err := json.Marshal(map[string]any{"ids": body.IDs[:len(body.IDs)/2]})
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(half))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.serve(httptest.NewRecorder(), r)
		http.Error(w, "broken", http.StatusInternalServerError)
		return true
	}
	p := dialects(t)["offsets, and members in batches"]
	c := open(t, p, s)
	put := func(i int, held ...string) schema.Account {
		a, err := s.Put(t.Context(), schema.Account{Active: true, Attributes: connectortest.Person(i), Entitlements: held})
		if err != nil {
			t.Fatal(err)
		}
		a.Managed = held
		return a
	}
	put(99, "readers", "writers")
	var group sync.WaitGroup
	for i := range 20 {
		have := put(i, [][]string{{"writers"}, nil}[i%2]...)
		group.Go(func() {
			want := have
			want.Entitlements = []string{"readers"}
			for range 40 {
				got, err := c.Apply(t.Context(), have, want)
				if err == nil {
					return
				}
				if failed.Add(1); connectors.KindOf(err) != connectors.Transient {
					t.Error(err)
					return
				}
				have, have.Managed = got, []string{"readers", "writers"}
			}
			t.Error("forty times were not enough")
		})
	}
	group.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed.Load() == 0 || len(s.teams["readers"]) != 21 || len(s.teams["writers"]) != 1 {
		t.Errorf("%d heard that something failed; %d are readers, %d writers: want 21, and the one whom nobody asked about", failed.Load(), len(s.teams["readers"]), len(s.teams["writers"]))
	}
}
