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
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"
)

// A directory is what stands behind the shapes of a service that was never called:
// people, and groups that they are in, with a hand and faults. What the service
// answers to what was written from its documentation; see the profile of each.
type directory struct {
	api    http.Handler
	admits func(*http.Request) bool // shows who it is as the service wants it
	numbed bool                     // ids are numbers from 1

	mu     sync.Mutex
	people map[string]*human
	groups []*group
	last   int
	writes int
	in     int
	took   bool
	spent  bool
}

type human struct {
	id     string
	active bool
	of     map[string]string // attributes by SCIM path
	seen   time.Time         // when it was last used
	in     bool              // signed in
}

type group struct {
	id, name string
	members  map[string]bool
	disabled bool
}

// newDirectory returns one with groups, whose ids are "g1" and so on, or numbers.
func newDirectory(numbed bool, names ...string) *directory {
	d := &directory{people: map[string]*human{}, numbed: numbed}
	for i, name := range names {
		id := "g" + strconv.Itoa(i+1)
		if numbed {
			id = strconv.Itoa(100 + i)
		}
		d.groups = append(d.groups, &group{id: id, name: name, members: map[string]bool{}})
	}
	return d
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Method != http.MethodGet {
		d.writes++
	}
	strikes := d.in == 1
	d.in = max(0, d.in-1)
	d.spent = d.spent || strikes
	switch {
	case !d.admits(r):
		answer(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
	case strikes:
		if d.took {
			d.api.ServeHTTP(httptest.NewRecorder(), r)
		}
		http.Error(w, "<html>upstream</html>", http.StatusBadGateway)
	default:
		d.api.ServeHTTP(w, r)
	}
}

func (d *directory) Fail(nth int, took bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in, d.took, d.spent = nth, took, false
}

func (d *directory) Spent() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in = 0
	return d.spent
}

func (d *directory) Writes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

// add makes somebody; a given id is theirs.
func (d *directory) add(id string, of map[string]string) *human {
	d.last++
	switch {
	case id != "":
	case d.numbed:
		id = strconv.Itoa(d.last)
	default:
		id = fmt.Sprintf("U%08d", d.last)
	}
	h := &human{id: id, active: true, of: of}
	d.people[id] = h
	return h
}

// with returns who has the value of the attribute.
func (d *directory) with(name, value string) *human {
	for _, h := range d.people {
		if strings.EqualFold(h.of[name], value) {
			return h
		}
	}
	return nil
}

func (d *directory) everybody() []*human {
	return slices.SortedFunc(maps.Values(d.people), func(a, b *human) int { return strings.Compare(a.id, b.id) })
}

// group returns the group with the id, or whose name it is.
func (d *directory) group(id string) *group {
	for _, g := range d.groups {
		if g.id == id || g.name == id {
			return g
		}
	}
	return nil
}

func (d *directory) of(id string) (in []*group) {
	for _, g := range d.groups {
		if g.members[id] {
			in = append(in, g)
		}
	}
	return in
}

func (d *directory) Accounts(context.Context) (all []schema.Account, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.people {
		a := schema.Account{RemoteID: h.id, Active: h.active, Attributes: maps.Clone(h.of)}
		for _, g := range d.of(h.id) {
			a.Entitlements = append(a.Entitlements, g.name)
		}
		slices.Sort(a.Entitlements)
		all = append(all, a)
	}
	return all, nil
}

// login says that an account's id is its user name.
const login = "login"

func (d *directory) put(how string, a schema.Account) schema.Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.people[a.RemoteID]
	if h == nil {
		id := ""
		if how == login {
			id = a.Attributes["userName"]
		}
		h = d.add(id, nil)
	}
	h.of, h.active = maps.Clone(a.Attributes), a.Active || how == login
	for _, g := range d.groups {
		delete(g.members, h.id)
		if slices.Contains(a.Entitlements, g.name) {
			g.members[h.id] = true
		}
	}
	a.RemoteID = h.id
	return a
}

func (d *directory) Put(_ context.Context, a schema.Account) (schema.Account, error) {
	return d.put("", a), nil
}

func (d *directory) Remove(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(id)
	return nil
}

func (d *directory) remove(id string) {
	delete(d.people, id)
	for _, g := range d.groups {
		delete(g.members, id)
	}
}

// linked answers a page of the list as GitHub and GitLab do: with a Link to the next.
func linked(w http.ResponseWriter, r *http.Request, all []any) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("page"))
	if err != nil {
		n = 1
	}
	size, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || size > 100 {
		size = 20
	}
	size = min(size, 3) // that there are several pages
	from, to := min(len(all), (n-1)*size), min(len(all), n*size)
	if to < len(all) {
		q.Set("page", strconv.Itoa(n+1))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next", <http://%s%s?page=1>; rel="first"`, r.Host, r.URL.EscapedPath(), q.Encode(), r.Host, r.URL.EscapedPath()))
	}
	answer(w, http.StatusOK, append([]any{}, all[from:to]...))
}

// body reads the JSON that was sent, which has no key but those.
func body(w http.ResponseWriter, r *http.Request, keys ...string) (map[string]any, bool) {
	var sent map[string]any
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || json.NewDecoder(r.Body).Decode(&sent) != nil {
		answer(w, http.StatusBadRequest, map[string]any{"message": "Problems parsing JSON"})
		return nil, false
	}
	for key := range sent {
		if !slices.Contains(keys, key) {
			answer(w, http.StatusUnprocessableEntity, map[string]any{"message": "no such field: " + key})
			return nil, false
		}
	}
	return sent, true
}

func word(v any) string {
	text, _ := v.(string)
	return text
}

func nothing(w http.ResponseWriter, text string) {
	answer(w, http.StatusNotFound, map[string]any{"message": text})
}

// only returns the named of the suite's attributes.
func only(names ...string) func(int) map[string]string {
	return func(n int) map[string]string {
		person := connectortest.Person(n)
		maps.DeleteFunc(person, func(name, _ string) bool { return !slices.Contains(names, name) })
		return person
	}
}

// seen is when somebody was last seen, or what a service writes for never.
func seen(h *human, never time.Time) string {
	if h.seen.IsZero() {
		return never.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	return h.seen.Format("2006-01-02T15:04:05.000Z07:00")
}

// age is how long ago that is, as Grafana says it.
func age(h *human) string {
	if h.seen.IsZero() {
		return "11 years"
	}
	return "3 months"
}

// use has somebody used at a service that tells of it.
func use(d *directory, c connectors.Connector) func(string, time.Time) error {
	if !connectors.TellsUse(c) {
		return nil
	}
	return func(id string, at time.Time) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.people[id].seen = at
		return nil
	}
}

// holds runs the contract for a profile that ships against the shapes of its service.
func holds(t *testing.T, name string, h connectortest.Harness, start func() (*directory, connectortest.Hand), change func(*connectors.Options)) {
	p := shipped(t, name)
	p.Rate = connectors.RateLimit{} // a test has no hour to spare
	h.Open = func(t *testing.T) connectortest.Target {
		d, hand := start()
		c := open(t, p, d, func(o *connectors.Options) {
			o.BaseURL = strings.TrimSuffix(o.BaseURL, "/v1")
			change(o)
		})
		return connectortest.Target{Hand: hand, Faults: d, Connector: c, Use: use(d, c)}
	}
	connectortest.Run(t, h)
}

// gitHub has the shapes of the organisation acme.
func gitHub(d *directory) http.Handler {
	mux := http.NewServeMux()
	user := func(h *human) any {
		return map[string]any{"login": h.id, "id": 9_007_199_254 + len(h.id), "type": "User"}
	}
	membership := func(h *human) any {
		return map[string]any{"state": "active", "role": "member", "user": user(h)}
	}
	mux.HandleFunc("GET /orgs/acme", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]any{"login": "acme"}) })
	mux.HandleFunc("GET /orgs/acme/members", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, h := range d.everybody() {
			all = append(all, user(h))
		}
		linked(w, r, all)
	})
	mux.HandleFunc("/orgs/acme/memberships/{login}", func(w http.ResponseWriter, r *http.Request) {
		h := d.people[r.PathValue("login")]
		switch {
		case r.Method == http.MethodPut:
			if sent, ok := body(w, r, "role"); !ok || sent["role"] != "member" {
				return
			}
			if h == nil {
				h = d.add(r.PathValue("login"), map[string]string{"userName": r.PathValue("login")})
			}
			answer(w, http.StatusOK, membership(h))
		case h == nil:
			nothing(w, "Not Found")
		case r.Method == http.MethodDelete:
			d.remove(h.id)
			w.WriteHeader(http.StatusNoContent)
		default:
			answer(w, http.StatusOK, membership(h))
		}
	})
	mux.HandleFunc("GET /orgs/acme/teams", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, g := range d.groups {
			all = append(all, map[string]any{"id": 1, "slug": g.name, "name": strings.ToUpper(g.name), "privacy": "closed"})
		}
		linked(w, r, all)
	})
	mux.HandleFunc("GET /orgs/acme/teams/{team}/members", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, id := range slices.Sorted(maps.Keys(d.group(r.PathValue("team")).members)) {
			all = append(all, user(d.people[id]))
		}
		linked(w, r, all)
	})
	mux.HandleFunc("/orgs/acme/teams/{team}/memberships/{login}", func(w http.ResponseWriter, r *http.Request) {
		g, id := d.group(r.PathValue("team")), r.PathValue("login")
		switch {
		case g == nil || d.people[id] == nil || r.Method != http.MethodPut && !g.members[id]:
			nothing(w, "Not Found")
		case r.Method == http.MethodPut:
			if sent, ok := body(w, r, "role"); !ok || sent["role"] != "member" {
				return
			}
			g.members[id] = true
			answer(w, http.StatusOK, map[string]any{"role": "member", "state": "active"})
		case r.Method == http.MethodDelete:
			delete(g.members, id)
			w.WriteHeader(http.StatusNoContent)
		default:
			answer(w, http.StatusOK, map[string]any{"role": "member", "state": "active"})
		}
	})
	return mux
}

// byLogin is a hand for a service where the id of an account is its user name.
type byLogin struct{ *directory }

func (b byLogin) Put(_ context.Context, a schema.Account) (schema.Account, error) {
	return b.put(login, a), nil
}

func TestGitHubTeamsInItsShapes(t *testing.T) {
	t.Parallel()
	holds(t, "github-teams", connectortest.Harness{
		Entitlements: []string{"editors", "operators", "readers", "writers"}, Deletes: true,
		Person: func(n int) map[string]string { return map[string]string{"userName": fmt.Sprintf("p%04d", n)} },
		Values: map[string][]string{},
	}, func() (*directory, connectortest.Hand) {
		d := newDirectory(false, "editors", "operators", "readers", "writers")
		d.api = gitHub(d)
		d.admits = func(r *http.Request) bool {
			return r.Header.Get("Authorization") == "Bearer "+token && r.Header.Get("User-Agent") != "" && r.Header.Get("X-GitHub-Api-Version") == "2022-11-28"
		}
		return d, byLogin{d}
	}, func(o *connectors.Options) { o.Options = map[string]string{"organisation": "acme"} })
}

// grafana has the shapes of its user, admin and team APIs.
func grafana(d *directory) http.Handler {
	mux := http.NewServeMux()
	user := func(h *human) map[string]any {
		n, _ := strconv.Atoi(h.id)
		return map[string]any{"id": n, "login": h.of["userName"], "name": h.of["displayName"], "email": h.of["emails.value"], "isDisabled": !h.active, "isExternal": false,
			"lastSeenAt": seen(h, time.Now().AddDate(-10, 0, 0)), "lastSeenAtAge": age(h)}
	}
	team := func(g *group) map[string]any {
		n, _ := strconv.Atoi(g.id)
		return map[string]any{"id": n, "orgId": 1, "name": g.name}
	}
	paged := func(w http.ResponseWriter, r *http.Request, key string, all []any) {
		n, _ := strconv.Atoi(r.URL.Query().Get("page"))
		const size = 3 // whatever was asked for
		from, to := min(len(all), max(0, n-1)*size), min(len(all), max(1, n)*size)
		answer(w, http.StatusOK, map[string]any{"totalCount": len(all), key: append([]any{}, all[from:to]...), "page": n, "perPage": size})
	}
	mux.HandleFunc("GET /users/search", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, h := range d.everybody() {
			all = append(all, user(h))
		}
		paged(w, r, "users", all)
	})
	mux.HandleFunc("GET /users/lookup", func(w http.ResponseWriter, r *http.Request) {
		if h := d.with("userName", r.URL.Query().Get("loginOrEmail")); h != nil {
			answer(w, http.StatusOK, user(h))
			return
		}
		nothing(w, "user not found")
	})
	one := func(do func(http.ResponseWriter, *http.Request, *human)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if h := d.people[r.PathValue("id")]; h != nil {
				do(w, r, h)
				return
			}
			nothing(w, "user not found")
		}
	}
	write := func(h *human, sent map[string]any) {
		h.of = map[string]string{"userName": word(sent["login"]), "displayName": word(sent["name"]), "emails.value": word(sent["email"])}
	}
	mux.HandleFunc("GET /users/{id}", one(func(w http.ResponseWriter, _ *http.Request, h *human) { answer(w, 200, user(h)) }))
	mux.HandleFunc("PUT /users/{id}", one(func(w http.ResponseWriter, r *http.Request, h *human) {
		if sent, ok := body(w, r, "login", "name", "email", "theme"); ok {
			write(h, sent)
			answer(w, http.StatusOK, map[string]any{"message": "User updated"})
		}
	}))
	mux.HandleFunc("GET /users/{id}/teams", one(func(w http.ResponseWriter, _ *http.Request, h *human) {
		all := []any{}
		for _, g := range d.of(h.id) {
			all = append(all, team(g))
		}
		answer(w, http.StatusOK, all)
	}))
	mux.HandleFunc("POST /admin/users", func(w http.ResponseWriter, r *http.Request) {
		sent, ok := body(w, r, "login", "name", "email", "password", "OrgId")
		switch {
		case !ok:
		case len(word(sent["password"])) < 4:
			answer(w, http.StatusBadRequest, map[string]any{"message": "Password is missing or too short"})
		case d.with("userName", word(sent["login"])) != nil:
			answer(w, http.StatusPreconditionFailed, map[string]any{"message": "user already exists"})
		default:
			h := d.add("", nil)
			write(h, sent)
			answer(w, http.StatusOK, map[string]any{"id": user(h)["id"], "message": "User created"})
		}
	})
	for verb, active := range map[string]bool{"disable": false, "enable": true} {
		mux.HandleFunc("POST /admin/users/{id}/"+verb, one(func(w http.ResponseWriter, _ *http.Request, h *human) {
			h.active = active
			answer(w, http.StatusOK, map[string]any{"message": "User " + verb + "d"})
		}))
	}
	mux.HandleFunc("POST /admin/users/{id}/logout", one(func(w http.ResponseWriter, _ *http.Request, h *human) {
		h.in = false
		answer(w, http.StatusOK, map[string]any{"message": "User logged out"})
	}))
	mux.HandleFunc("GET /teams/search", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, g := range d.groups {
			all = append(all, team(g))
		}
		paged(w, r, "teams", all)
	})
	mux.HandleFunc("GET /teams/{team}/members", func(w http.ResponseWriter, r *http.Request) {
		all := []any{}
		for id := range d.group(r.PathValue("team")).members {
			n, _ := strconv.Atoi(id)
			all = append(all, map[string]any{"orgId": 1, "userId": n, "login": d.people[id].of["userName"]})
		}
		answer(w, http.StatusOK, all)
	})
	mux.HandleFunc("POST /teams/{team}/members", func(w http.ResponseWriter, r *http.Request) {
		sent, ok := body(w, r, "userId")
		n, number := sent["userId"].(float64)
		id, g := strconv.Itoa(int(n)), d.group(r.PathValue("team"))
		switch {
		case !ok:
		case !number:
			answer(w, http.StatusBadRequest, map[string]any{"message": "bad request data"})
		case g == nil || d.people[id] == nil:
			nothing(w, "Team not found")
		case g.members[id]:
			answer(w, http.StatusBadRequest, map[string]any{"message": "User is already added to this team"})
		default:
			g.members[id] = true
			answer(w, http.StatusOK, map[string]any{"message": "Member added to Team"})
		}
	})
	mux.HandleFunc("DELETE /teams/{team}/members/{id}", func(w http.ResponseWriter, r *http.Request) {
		g, id := d.group(r.PathValue("team")), r.PathValue("id")
		if g == nil || !g.members[id] {
			nothing(w, "Team member not found")
			return
		}
		delete(g.members, id)
		answer(w, http.StatusOK, map[string]any{"message": "Team Member removed"})
	})
	return mux
}

func TestGrafanaInItsShapes(t *testing.T) {
	t.Parallel()
	names := []string{"Editors", "Ops & friends", "Readers", "Writers"}
	holds(t, "grafana", connectortest.Harness{
		Entitlements: names, Person: only("userName", "displayName", "emails.value"),
		Values: map[string][]string{"displayName": {"Ann", `The "Head" of Köln`}},
	}, func() (*directory, connectortest.Hand) {
		d := newDirectory(true, names...)
		d.api = grafana(d)
		d.admits = func(r *http.Request) bool {
			user, password, ok := r.BasicAuth()
			return ok && user == "bridge" && password == token
		}
		return d, d
	}, func(*connectors.Options) {})
}

// gitLab has the shapes of its users, moderation, groups and members APIs.
func gitLab(d *directory) http.Handler {
	mux := http.NewServeMux()
	user := func(h *human) map[string]any {
		n, _ := strconv.Atoi(h.id)
		state := map[bool]string{true: "active", false: "blocked"}[h.active]
		return map[string]any{"id": n, "username": h.of["userName"], "name": h.of["displayName"], "email": h.of["emails.value"], "state": state}
	}
	write := func(h *human, sent map[string]any) {
		h.of = map[string]string{"userName": word(sent["username"]), "displayName": word(sent["name"]), "emails.value": word(sent["email"])}
	}
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		name, byName := r.URL.Query()["username"]
		for _, h := range d.everybody() {
			if !byName || strings.EqualFold(name[0], h.of["userName"]) {
				all = append(all, user(h))
			}
		}
		linked(w, r, all)
	})
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		sent, ok := body(w, r, "username", "name", "email", "force_random_password", "skip_confirmation")
		switch {
		case !ok:
		case sent["force_random_password"] != true || word(sent["email"]) == "" || word(sent["name"]) == "":
			answer(w, http.StatusBadRequest, map[string]any{"error": "email, name and one of the password attributes are missing"})
		case d.with("userName", word(sent["username"])) != nil:
			answer(w, http.StatusConflict, map[string]any{"message": "Username has already been taken"})
		default:
			h := d.add("", nil)
			write(h, sent)
			answer(w, http.StatusCreated, user(h))
		}
	})
	mux.HandleFunc("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		h := d.people[r.PathValue("id")]
		if h == nil {
			nothing(w, "404 User Not Found")
			return
		}
		if r.Method == http.MethodPut {
			sent, ok := body(w, r, "username", "name", "email", "skip_reconfirmation")
			if !ok {
				return
			}
			write(h, sent)
		}
		answer(w, http.StatusOK, user(h))
	})
	mux.HandleFunc("POST /users/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
		h := d.people[r.PathValue("id")]
		if h == nil {
			nothing(w, "404 User Not Found")
			return
		}
		h.active = r.PathValue("verb") == "unblock"
		answer(w, http.StatusCreated, true)
	})
	mux.HandleFunc("GET /users/{id}/memberships", func(w http.ResponseWriter, r *http.Request) {
		if d.people[r.PathValue("id")] == nil || r.URL.Query().Get("type") != "Namespace" {
			nothing(w, "404 User Not Found")
			return
		}
		var all []any
		for _, g := range d.of(r.PathValue("id")) {
			n, _ := strconv.Atoi(g.id)
			all = append(all, map[string]any{"source_id": n, "source_name": g.name, "source_type": "Namespace", "access_level": 30})
		}
		linked(w, r, all)
	})
	mux.HandleFunc("GET /groups", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, g := range d.groups {
			n, _ := strconv.Atoi(g.id)
			all = append(all, map[string]any{"id": n, "name": "x", "full_path": g.name})
		}
		linked(w, r, all)
	})
	mux.HandleFunc("GET /groups/{group}/members", func(w http.ResponseWriter, r *http.Request) {
		var all []any
		for _, id := range slices.Sorted(maps.Keys(d.group(r.PathValue("group")).members)) {
			all = append(all, user(d.people[id]))
		}
		linked(w, r, all)
	})
	mux.HandleFunc("POST /groups/{group}/members", func(w http.ResponseWriter, r *http.Request) {
		sent, ok := body(w, r, "user_id", "access_level")
		n, _ := sent["user_id"].(float64)
		g, id := d.group(r.PathValue("group")), strconv.Itoa(int(n))
		switch {
		case !ok:
		case sent["access_level"] != 30.0:
			answer(w, http.StatusBadRequest, map[string]any{"error": "access_level does not have a valid value"})
		case g == nil || d.people[id] == nil:
			nothing(w, "404 Not Found")
		case g.members[id]:
			answer(w, http.StatusConflict, map[string]any{"message": "Member already exists"})
		default:
			g.members[id] = true
			answer(w, http.StatusCreated, user(d.people[id]))
		}
	})
	mux.HandleFunc("DELETE /groups/{group}/members/{id}", func(w http.ResponseWriter, r *http.Request) {
		g, id := d.group(r.PathValue("group")), r.PathValue("id")
		if g == nil || !g.members[id] || r.URL.Query().Get("skip_subresources") != "true" {
			nothing(w, "404 Not found")
			return
		}
		delete(g.members, id)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func TestGitLabGroupsInItsShapes(t *testing.T) {
	t.Parallel()
	names := []string{"editors", "platform/ops", "platform/ops/night", "readers"}
	holds(t, "gitlab-groups", connectortest.Harness{
		Entitlements: names, Person: only("userName", "displayName", "emails.value"),
		Values: map[string][]string{"displayName": {"Ann", `The "Head" of Köln`}},
	}, func() (*directory, connectortest.Hand) {
		d := newDirectory(true, names...)
		d.api = gitLab(d)
		d.admits = func(r *http.Request) bool { return r.Header.Get("PRIVATE-TOKEN") == token }
		return d, d
	}, func(*connectors.Options) {})
}
