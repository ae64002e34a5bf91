package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"drawbridge/connectors"
	"drawbridge/connectors/rest"
	"drawbridge/schema"
)

// token is what the targets of these tests want to be shown.
const token = "s3cret-of-the-tests"

// A staff is a service with an API of its own, with a hand and faults. It speaks
// every dialect at once; which is used is the declaration's choice.
type staff struct {
	pageSize int
	lies     func(path string, from, to, all int) (int, int) // what it shows instead of a page
	before   func(http.ResponseWriter, *http.Request) bool   // answers instead, if it says so

	mu     sync.Mutex
	people map[string]map[string]any
	teams  map[string]map[string]bool // name to members; the id is "t-" and the name's place
	names  []string
	last   int
	writes int
	calls  []string
	in     int // requests from now until one fails; 0: none
	took   bool
	spent  bool
}

func newStaff(teams ...string) *staff {
	s := &staff{pageSize: 3, people: map[string]map[string]any{}, teams: map[string]map[string]bool{}, names: teams}
	for _, name := range teams {
		s.teams[name] = map[string]bool{}
	}
	return s
}

func (s *staff) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.before != nil && s.before(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	if r.Method != http.MethodGet {
		s.writes++
	}
	strikes := s.in == 1
	s.in = max(0, s.in-1)
	s.spent = s.spent || strikes
	if strikes {
		if s.took {
			s.serve(httptest.NewRecorder(), r)
		}
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	s.serve(w, r)
}

func (s *staff) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+token {
		refuse(w, http.StatusUnauthorized, "who are you?")
		return
	}
	at := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/"), "/")
	switch {
	case at[0] == "people" && len(at) == 1 && r.Method == http.MethodGet:
		s.list(w, r)
	case at[0] == "people" && len(at) == 1:
		s.create(w, r)
	case at[0] == "people":
		s.person(w, r, at[1:])
	case at[0] == "teams" && len(at) == 1:
		all := []any{}
		for i, name := range s.names {
			all = append(all, map[string]any{"id": i + 1, "title": name})
		}
		s.paged(w, r, all)
	case at[0] == "teams":
		s.team(w, r, at[1:])
	default:
		refuse(w, http.StatusNotFound, "no such path")
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, map[string]any{"error": map[string]any{"message": why}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// paged answers a page in every style there is.
func (s *staff) paged(w http.ResponseWriter, r *http.Request, all []any) {
	q := r.URL.Query()
	from, _ := strconv.Atoi(q.Get("offset"))
	if n, err := strconv.Atoi(q.Get("page")); err == nil {
		from = (n - 1) * s.pageSize
	}
	if cursor := q.Get("cursor"); cursor != "" {
		from, _ = strconv.Atoi(strings.TrimPrefix(cursor, "after-"))
	}
	to := min(len(all), from+s.pageSize)
	if q.Has("everything") {
		to = len(all)
	}
	shown := all[min(from, to):to]
	if s.lies != nil {
		first, last := s.lies(r.URL.Path, from, to, len(all))
		shown = all[max(0, min(first, last)):max(0, last)]
	}
	page := map[string]any{"total": len(all), "entries": shown}
	if to < len(all) {
		page["next"] = fmt.Sprintf("after-%d", to)
		q.Set("cursor", fmt.Sprintf("after-%d", to))
		w.Header().Set("Link", fmt.Sprintf(`<%s?cursor=x>; rel="first", <%s?%s>; rel="next"`, r.URL.Path, r.URL.Path, q.Encode()))
	}
	answer(w, http.StatusOK, page)
}

func (s *staff) list(w http.ResponseWriter, r *http.Request) {
	all := []any{}
	login, byLogin := r.URL.Query()["login"]
	for _, id := range slices.Sorted(maps.Keys(s.people)) {
		if !byLogin || strings.EqualFold(s.people[id]["login"].(string), login[0]) {
			all = append(all, s.people[id])
		}
	}
	s.paged(w, r, all)
}

func (s *staff) create(w http.ResponseWriter, r *http.Request) {
	var p map[string]any
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil || p["login"] == nil {
		refuse(w, http.StatusBadRequest, "no person")
		return
	}
	for _, other := range s.people {
		if strings.EqualFold(other["login"].(string), p["login"].(string)) {
			refuse(w, http.StatusUnprocessableEntity, "login has already been taken")
			return
		}
	}
	answer(w, http.StatusCreated, s.add(p))
}

func (s *staff) add(p map[string]any) map[string]any {
	s.last++
	id := strconv.Itoa(1_000_000_000_000 + s.last)
	p["id"], p["state"] = 1_000_000_000_000+s.last, "on"
	s.people[id] = p
	return p
}

func (s *staff) person(w http.ResponseWriter, r *http.Request, at []string) {
	id := at[0]
	p, ok := s.people[id]
	if !ok {
		refuse(w, http.StatusNotFound, "no such person")
		return
	}
	switch {
	case len(at) == 2 && at[1] == "teams":
		all := []any{}
		for i, name := range s.names {
			if s.teams[name][id] {
				all = append(all, map[string]any{"team": map[string]any{"id": i + 1}})
			}
		}
		s.paged(w, r, all)
	case len(at) == 2 && r.Method == http.MethodPost:
		switch at[1] {
		case "suspend":
			p["state"] = "off"
		case "resume":
			p["state"] = "on"
		case "signOut":
			p["sessions"] = nil
		}
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		s.remove(id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPatch:
		if json.NewDecoder(r.Body).Decode(&p) != nil {
			refuse(w, http.StatusBadRequest, "no JSON")
			return
		}
		answer(w, http.StatusOK, p)
	default:
		answer(w, http.StatusOK, p)
	}
}

func (s *staff) remove(id string) {
	delete(s.people, id)
	for _, members := range s.teams {
		delete(members, id)
	}
}

func (s *staff) team(w http.ResponseWriter, r *http.Request, at []string) {
	n, _ := strconv.Atoi(at[0])
	if n < 1 || n > len(s.names) {
		refuse(w, http.StatusNotFound, "no such team")
		return
	}
	members := s.teams[s.names[n-1]]
	var ids []string
	switch {
	case len(at) == 3:
		ids = []string{at[2]}
	case r.Method != http.MethodGet:
		var body struct{ IDs []string }
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			refuse(w, http.StatusBadRequest, "no JSON")
			return
		}
		ids = body.IDs
	}
	for _, id := range ids {
		if s.people[id] == nil {
			refuse(w, http.StatusNotFound, "no such person")
			return
		}
	}
	switch {
	case r.Method == http.MethodGet && len(at) == 3 && !members[at[2]]:
		refuse(w, http.StatusNotFound, "no member")
	case r.Method == http.MethodGet && len(at) == 3:
		answer(w, http.StatusOK, map[string]any{"state": "active"})
	case r.Method == http.MethodGet:
		all := []any{}
		for _, id := range slices.Sorted(maps.Keys(members)) {
			all = append(all, map[string]any{"person": id})
		}
		s.paged(w, r, all)
	case r.Method == http.MethodDelete || len(at) == 2 && at[1] == "remove":
		for _, id := range ids {
			delete(members, id)
		}
		answer(w, http.StatusOK, map[string]any{"removed": ids})
	default:
		for _, id := range ids {
			members[id] = true
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *staff) Fail(nth int, took bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in, s.took, s.spent = nth, took, false
}

func (s *staff) Spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = 0
	return s.spent
}

func (s *staff) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// keys are where the staff keeps attributes.
var keys = map[string]string{
	"userName": "login", "externalId": "ref", "displayName": "shown", "title": "job", "department": "unit",
	"name.givenName": "first", "name.familyName": "last", "emails.value": "mail",
}

func (s *staff) Accounts(context.Context) ([]schema.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []schema.Account
	for id, p := range s.people {
		a := schema.Account{RemoteID: id, Active: p["state"] == "on", Attributes: map[string]string{}}
		for name, key := range keys {
			if v, _ := p[key].(string); v != "" {
				a.Attributes[name] = v
			}
		}
		for name, members := range s.teams {
			if members[id] {
				a.Entitlements = append(a.Entitlements, name)
			}
		}
		slices.Sort(a.Entitlements)
		all = append(all, a)
	}
	return all, nil
}

func (s *staff) Put(_ context.Context, a schema.Account) (schema.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := map[string]any{}
	for name, value := range a.Attributes {
		p[keys[name]] = value
	}
	if a.RemoteID == "" {
		s.add(p)
		a.RemoteID = fmt.Sprint(p["id"])
	}
	p["id"], _ = strconv.Atoi(a.RemoteID)
	p["state"] = map[bool]string{true: "on", false: "off"}[a.Active]
	s.people[a.RemoteID] = p
	for name, members := range s.teams {
		delete(members, a.RemoteID)
		if slices.Contains(a.Entitlements, name) {
			members[a.RemoteID] = true
		}
	}
	return a, nil
}

func (s *staff) Remove(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(id)
	return nil
}

// profile reads a profile, and fails the test if it is wrong.
func profile(t *testing.T, text string) connectors.Profile {
	t.Helper()
	p, err := connectors.ParseProfile("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// open starts the target and a connector to it.
func open(t *testing.T, p connectors.Profile, target http.Handler, change ...func(*connectors.Options)) connectors.Connector {
	t.Helper()
	server := httptest.NewServer(target)
	t.Cleanup(server.Close)
	o := connectors.Options{Config: connectors.Config{
		Name: "staff", Kind: "rest", BaseURL: server.URL + "/v1", Profile: p,
		Auth: connectors.Auth{Secret: token, User: "bridge"}, AllowIrreversible: true,
	}}
	for _, c := range change {
		c(&o)
	}
	c, err := connectors.Kinds{"rest": rest.Open}.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(connectors.Closer).Close() })
	return c
}
