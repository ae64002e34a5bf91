package rest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"
)

// google has the shapes of the Directory API.
func google(d *directory) http.Handler {
	mux := http.NewServeMux()
	user := func(h *human) map[string]any {
		return map[string]any{
			"kind": "admin#directory#user", "id": h.id, "primaryEmail": h.of["userName"], "suspended": !h.active, "isAdmin": false,
			"lastLoginTime": seen(h, time.Unix(0, 0)),
			"name":          map[string]any{"givenName": h.of["name.givenName"], "familyName": h.of["name.familyName"]},
		}
	}
	// A list that is empty is left out altogether, and so is the last page's token.
	paged := func(w http.ResponseWriter, r *http.Request, key string, all []any) {
		from, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("pageToken"), "~"))
		to := min(len(all), from+3)
		page := map[string]any{"kind": "admin#directory#" + key}
		if from < to {
			page[key] = all[from:to]
		}
		if to < len(all) {
			page["nextPageToken"] = "~" + strconv.Itoa(to)
		}
		answer(w, http.StatusOK, page)
	}
	refused := func(w http.ResponseWriter, status int, reason string) {
		answer(w, status, map[string]any{"error": map[string]any{"code": status, "message": reason, "errors": []any{map[string]any{"domain": "global", "reason": reason}}}})
	}
	write := func(h *human, sent map[string]any) {
		if name, ok := sent["name"].(map[string]any); ok {
			h.of["name.givenName"], h.of["name.familyName"] = word(name["givenName"]), word(name["familyName"])
		}
		if email := word(sent["primaryEmail"]); email != "" {
			h.of["userName"] = email
		}
		if suspended, ok := sent["suspended"].(bool); ok {
			h.active = !suspended
		}
	}
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("customer") != "my_customer" {
			refused(w, http.StatusBadRequest, "badRequest")
			return
		}
		var all []any
		for _, h := range d.everybody() {
			all = append(all, user(h))
		}
		paged(w, r, "users", all)
	})
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		sent, ok := body(w, r, "primaryEmail", "name", "password")
		switch {
		case !ok:
		case len(word(sent["password"])) < 8 || word(sent["primaryEmail"]) == "":
			refused(w, http.StatusBadRequest, "invalid")
		case d.with("userName", word(sent["primaryEmail"])) != nil:
			refused(w, http.StatusConflict, "duplicate")
		default:
			h := d.add("", map[string]string{})
			write(h, sent)
			answer(w, http.StatusOK, user(h))
		}
	})
	find := func(key string) *human {
		if h := d.people[key]; h != nil {
			return h
		}
		return d.with("userName", key)
	}
	mux.HandleFunc("/users/{key}", func(w http.ResponseWriter, r *http.Request) {
		h := find(r.PathValue("key"))
		if h == nil {
			refused(w, http.StatusNotFound, "notFound")
			return
		}
		if r.Method == http.MethodPut {
			sent, ok := body(w, r, "primaryEmail", "name", "suspended")
			if !ok {
				return
			}
			write(h, sent)
		}
		answer(w, http.StatusOK, user(h))
	})
	mux.HandleFunc("POST /users/{key}/signOut", func(w http.ResponseWriter, r *http.Request) {
		if h := find(r.PathValue("key")); h != nil {
			h.in = false
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /groups", func(w http.ResponseWriter, r *http.Request) {
		groups := d.groups
		if key := r.URL.Query().Get("userKey"); key != "" {
			h := find(key)
			if h == nil {
				refused(w, http.StatusNotFound, "notFound")
				return
			}
			groups = d.of(h.id)
		}
		var all []any
		for _, g := range groups {
			all = append(all, map[string]any{"id": g.id, "email": g.name, "name": "A group"})
		}
		paged(w, r, "groups", all)
	})
	mux.HandleFunc("GET /groups/{group}/members", func(w http.ResponseWriter, r *http.Request) {
		all := []any{map[string]any{"id": "nested", "type": "GROUP", "role": "MEMBER"}}
		for _, h := range d.everybody() {
			if d.group(r.PathValue("group")).members[h.id] {
				all = append(all, map[string]any{"id": h.id, "email": h.of["userName"], "type": "USER", "role": "MEMBER"})
			}
		}
		paged(w, r, "members", all)
	})
	mux.HandleFunc("POST /groups/{group}/members", func(w http.ResponseWriter, r *http.Request) {
		sent, ok := body(w, r, "id", "email", "role")
		g, h := d.group(r.PathValue("group")), find(word(sent["email"]))
		switch {
		case !ok:
		case word(sent["email"]) == "":
			refused(w, http.StatusBadRequest, "required")
		case g == nil || h == nil || sent["role"] != "MEMBER":
			refused(w, http.StatusNotFound, "notFound")
		case g.members[h.id]:
			refused(w, http.StatusConflict, "duplicate")
		default:
			g.members[h.id] = true
			answer(w, http.StatusOK, map[string]any{"id": h.id, "role": "MEMBER", "type": "USER"})
		}
	})
	mux.HandleFunc("DELETE /groups/{group}/members/{key}", func(w http.ResponseWriter, r *http.Request) {
		g := d.group(r.PathValue("group"))
		if g == nil || !g.members[r.PathValue("key")] {
			refused(w, http.StatusNotFound, "notFound")
			return
		}
		delete(g.members, r.PathValue("key"))
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// A tokenServer gives tokens to who shows a JWT that the service account's key
// signed, for an administrator.
type tokenServer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	issued atomic.Int64
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &tokenServer{key: key}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.check(r); err != nil {
			answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": err.Error()})
			return
		}
		answer(w, http.StatusOK, map[string]any{"access_token": fmt.Sprintf("token-%d", s.issued.Add(1)), "token_type": "Bearer", "expires_in": 3600})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) check(r *http.Request) error {
	if r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return errors.New("another grant")
	}
	head, rest, _ := strings.Cut(r.FormValue("assertion"), ".")
	claims, signature, _ := strings.Cut(rest, ".")
	signed, err := base64.RawURLEncoding.DecodeString(signature)
	sum := sha256.Sum256([]byte(head + "." + claims))
	if err != nil || rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], signed) != nil {
		return errors.New("it is not signed by the service account")
	}
	text, _ := base64.RawURLEncoding.DecodeString(claims)
	var claim struct{ Iss, Sub, Scope, Aud string }
	if json.Unmarshal(text, &claim) != nil || claim.Sub != "admin@example.com" || claim.Iss != "bridge@project.example" ||
		claim.Aud != s.URL || !strings.Contains(claim.Scope, "admin.directory.user ") {
		return fmt.Errorf("claims %+v", claim)
	}
	return nil
}

// account is the key file.
func (s *tokenServer) account(t *testing.T) connectors.Secret {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "bridge@project.example", "private_key_id": "1", "token_uri": "https://elsewhere.example/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return connectors.Secret(text)
}

func TestGoogleWorkspaceInItsShapes(t *testing.T) {
	t.Parallel()
	tokens := newTokenServer(t)
	names := []string{"editors@example.com", "ops@example.com", "readers@example.com", "writers@example.com"}
	holds(t, "google-workspace", connectortest.Harness{
		Entitlements: names, Person: only("userName", "name.givenName", "name.familyName"),
		Values: map[string][]string{"name.givenName": {"Ann", "Øyvind"}},
	}, func() (*directory, connectortest.Hand) {
		d := newDirectory(false, names...)
		d.api = google(d)
		d.admits = func(r *http.Request) bool {
			return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer token-")
		}
		return d, d
	}, func(o *connectors.Options) {
		o.Auth = connectors.Auth{User: "admin@example.com", Secret: tokens.account(t)}
		o.Profile.Auth.TokenURL = tokens.URL
	})
	if n := tokens.issued.Load(); n > 20 {
		t.Errorf("%d tokens were fetched, want one for each connector", n)
	}
}

// usergroup is one in the shape in which Slack's answers to its Java SDK were recorded:
// what has nobody in it names nobody.
func (d *directory) usergroup(g *group, members bool) map[string]any {
	item := map[string]any{
		"id": g.id, "team_id": "T00000001", "is_usergroup": true, "is_subteam": true, "handle": g.name, "name": strings.ToUpper(g.name),
		"date_create": 1764000000, "date_delete": map[bool]int{true: 1764100000}[g.disabled], "auto_provision": false,
		"prefs": map[string]any{"channels": []string{}, "groups": []string{}}, "is_idp_group": false, "is_membership_locked": false,
	}
	var users []string
	for _, h := range d.everybody() {
		if g.members[h.id] {
			users = append(users, h.id)
		}
	}
	if members && len(users) > 0 {
		item["users"], item["user_count"] = users, len(users)
	}
	return item
}

// slack has the shapes of the Web API.
func slack(d *directory) http.Handler {
	mux := http.NewServeMux()
	user := func(h *human) map[string]any {
		return map[string]any{"id": h.id, "name": h.of["userName"], "deleted": !h.active, "is_bot": false, "profile": map[string]any{"email": h.of["emails.value"]}}
	}
	said := func(w http.ResponseWriter, key string, v any) {
		answer(w, http.StatusOK, map[string]any{"ok": true, key: v})
	}
	wrong := func(w http.ResponseWriter, why string) {
		answer(w, http.StatusOK, map[string]any{"ok": false, "error": why})
	}
	mux.HandleFunc("POST /auth.test", func(w http.ResponseWriter, _ *http.Request) { said(w, "user", "bridge") })
	mux.HandleFunc("GET /users.list", func(w http.ResponseWriter, r *http.Request) {
		all := []any{
			map[string]any{"id": "USLACKBOT", "name": "slackbot", "deleted": false, "profile": map[string]any{}},
			map[string]any{"id": "UBOT", "name": "builds", "deleted": false, "is_bot": true, "profile": map[string]any{}},
		}
		for _, h := range d.everybody() {
			all = append(all, user(h))
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		to, next := min(len(all), from+3), ""
		if to < len(all) {
			next = strconv.Itoa(to)
		}
		answer(w, http.StatusOK, map[string]any{"ok": true, "members": all[from:to], "response_metadata": map[string]any{"next_cursor": next}})
	})
	mux.HandleFunc("GET /users.lookupByEmail", func(w http.ResponseWriter, r *http.Request) {
		if h := d.with("emails.value", r.URL.Query().Get("email")); h != nil {
			said(w, "user", user(h))
			return
		}
		wrong(w, "users_not_found")
	})
	mux.HandleFunc("GET /users.info", func(w http.ResponseWriter, r *http.Request) {
		if h := d.people[r.URL.Query().Get("user")]; h != nil {
			said(w, "user", user(h))
			return
		}
		wrong(w, "user_not_found")
	})
	mux.HandleFunc("GET /usergroups.list", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		all := []any{}
		for _, g := range d.groups {
			if g.disabled && q.Get("include_disabled") != "true" {
				continue
			}
			all = append(all, d.usergroup(g, q.Get("include_users") == "true"))
		}
		said(w, "usergroups", all)
	})
	write := func(do func(http.ResponseWriter, map[string]any, *group)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			sent, ok := body(w, r, "usergroup", "users")
			if !ok {
				return
			}
			if g := d.group(word(sent["usergroup"])); g != nil {
				do(w, sent, g)
				return
			}
			wrong(w, "no_such_subteam")
		}
	}
	mux.HandleFunc("POST /usergroups.enable", write(func(w http.ResponseWriter, _ map[string]any, g *group) {
		g.disabled = false
		said(w, "usergroup", d.usergroup(g, true))
	}))
	mux.HandleFunc("POST /usergroups.disable", write(func(w http.ResponseWriter, _ map[string]any, g *group) {
		g.disabled = true
		said(w, "usergroup", d.usergroup(g, true))
	}))
	mux.HandleFunc("POST /usergroups.users.update", write(func(w http.ResponseWriter, sent map[string]any, g *group) {
		users := strings.Split(word(sent["users"]), ",")
		switch {
		case word(sent["users"]) == "":
			wrong(w, "no_users_provided")
		case slices.ContainsFunc(users, func(id string) bool { return d.people[id] == nil }):
			wrong(w, "invalid_users")
		default:
			g.members = map[string]bool{}
			for _, id := range users {
				g.members[id] = true
			}
			said(w, "usergroup", d.usergroup(g, true))
		}
	}))
	return mux
}

// holding returns who is mentioned by the group's handle.
func (d *directory) holding(name string) (ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.group(name)
	for _, h := range d.people {
		if g.members[h.id] && !g.disabled {
			ids = append(ids, h.of["userName"])
		}
	}
	slices.Sort(ids)
	return ids
}

// TestSlackUserGroupsInItsShapes goes through the life of a user group whose members
// others make.
func TestSlackUserGroupsInItsShapes(t *testing.T) {
	t.Parallel()
	d := newDirectory(false, "oncall", "design")
	d.api = slack(d)
	d.admits = func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+token }
	p := shipped(t, "slack-usergroups")
	p.Rate = connectors.RateLimit{}
	var held, found sync.WaitGroup // writes wait for the first, and that for the second
	waits := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			held.Wait()
		}
		d.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "lookupByEmail") && r.URL.Query().Get("email") >= "p" {
			found.Done()
		}
	})
	c := open(t, p, waits, func(o *connectors.Options) { o.BaseURL = strings.TrimSuffix(o.BaseURL, "/v1") })
	person := func(name string) map[string]string {
		return map[string]string{"userName": name, "emails.value": name + "@example.com", "displayName": "Not ours"}
	}
	wanted := func(name string, groups ...string) schema.Account {
		return schema.Account{Active: true, Attributes: person(name), Entitlements: schema.Sorted(groups...)}
	}
	apply := func(have, want schema.Account) schema.Account {
		t.Helper()
		have.Managed = schema.Sorted(append(slices.Clone(have.Managed), want.Entitlements...)...)
		got, err := c.Apply(t.Context(), have, want)
		if err != nil {
			t.Fatalf("Apply: %v", err)
		}
		got.Managed = slices.DeleteFunc(have.Managed, func(e string) bool { return !got.Holds(e) })
		return got
	}
	is := func(what, group string, want ...string) {
		t.Helper()
		if got := d.holding(group); !slices.Equal(got, want) {
			t.Errorf("%s: %s has %q, want %q", what, group, got, want)
		}
	}

	_, err := c.Apply(t.Context(), schema.Account{}, wanted("ada", "oncall"))
	if err == nil || connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) < time.Minute {
		t.Fatalf("somebody who is not there yet: %v, want it tried again later", err)
	}
	put := func(name string, groups ...string) {
		d.put("", schema.Account{Active: true, Attributes: person(name), Entitlements: groups})
	}
	put("ada")
	put("byhand", "oncall")
	ada := apply(schema.Account{}, wanted("ada", "oncall"))
	is("joined", "oncall", "ada", "byhand")
	if writes := d.Writes(); writes != 1 {
		t.Errorf("%d writes, want 1", writes)
	}
	ada = apply(ada, wanted("ada", "design"))
	is("moved", "oncall", "byhand")
	is("moved", "design", "ada")
	ada = apply(ada, schema.Account{Attributes: person("ada")})
	is("left, as the last one", "design")
	if ada.Exists() || ada.Active {
		t.Errorf("who left is remembered as %+v, want let go of", ada)
	}
	if d.people["U00000001"] == nil || !d.people["U00000001"].active {
		t.Error("the account was touched, and others disable it")
	}

	var joined sync.WaitGroup
	before := d.Writes()
	held.Add(1)
	found.Add(12)
	joined.Go(func() {
		found.Wait() // by then others wait for the one who is written
		held.Done()
	})
	for i := range 12 {
		name := fmt.Sprintf("p%02d", i)
		put(name)
		joined.Go(func() {
			if _, err := c.Apply(t.Context(), schema.Account{}, wanted(name, "design")); err != nil {
				t.Error(err)
			}
		})
	}
	joined.Wait()
	if got := d.holding("design"); len(got) != 12 || slices.Contains(got, "ada") {
		t.Errorf("design has %q, want the twelve who joined at once", got)
	}
	if writes := d.Writes() - before; writes > 8 {
		t.Errorf("twelve who joined at once took %d writes, want that several share one", writes)
	}
	var listed []string
	for a, err := range c.(connectors.Lister).List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, a.Attributes["userName"])
	}
	if len(listed) != 13 || slices.Contains(listed, "ada") {
		t.Errorf("listed %q, want the thirteen who hold something", listed)
	}
}

func TestServicesThatThrottleInTheirWays(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		profile string
		status  int
		header  map[string]string
		body    string
		after   time.Duration
	}{
		"GitHub, used up":       {"github-teams", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(now.Unix()+600, 10)}, `{"message": "API rate limit exceeded"}`, 10 * time.Minute},
		"GitHub, secondary":     {"github-teams", 403, nil, `{"message": "You have exceeded a secondary rate limit."}`, time.Minute},
		"GitHub, with a header": {"github-teams", 403, map[string]string{"Retry-After": "30", "X-RateLimit-Remaining": "42"}, `{"message": "You have exceeded a secondary rate limit."}`, 30 * time.Second},
		"Slack, as a success":   {"slack-usergroups", 200, map[string]string{"Retry-After": "20"}, `{"ok": false, "error": "ratelimited"}`, 20 * time.Second},
		"Google, as forbidden":  {"google-workspace", 403, nil, `{"error": {"message": "slow", "errors": [{"reason": "quotaExceeded"}]}}`, 0},
		"GitLab, as it should":  {"gitlab-groups", 429, map[string]string{"Retry-After": "40"}, `Retry later`, 40 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p := shipped(t, c.profile)
			p.Auth = connectors.AuthScheme{Scheme: connectors.AuthBearer}
			target := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for key, value := range c.header {
					w.Header().Set(key, value)
				}
				answer := []byte(c.body)
				w.WriteHeader(c.status)
				_, _ = w.Write(answer)
			})
			conn := open(t, p, target, func(o *connectors.Options) {
				o.Now = func() time.Time { return now }
				if c.profile == "github-teams" {
					o.Options = map[string]string{"organisation": "acme"}
				}
			})
			err := conn.(connectors.Prober).Probe(t.Context())
			if err == nil || connectors.KindOf(err) != connectors.Transient || connectors.RetryAfter(err) != c.after {
				t.Errorf("%v, kind %d after %v, want it transient after %v", err, connectors.KindOf(err), connectors.RetryAfter(err), c.after)
			}
		})
	}
}

// TestALoginThatIsNotThePersonsUserName takes it from another attribute.
func TestALoginThatIsNotThePersonsUserName(t *testing.T) {
	d := newDirectory(false, "platform")
	d.api = gitHub(d)
	d.admits = func(*http.Request) bool { return true }
	p := shipped(t, "github-teams")
	p.Rate = connectors.RateLimit{}
	c := open(t, p, d, func(o *connectors.Options) {
		o.BaseURL = strings.TrimSuffix(o.BaseURL, "/v1")
		o.Options = map[string]string{"organisation": "acme", "userNameFrom": "externalId"}
	})
	want := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada@example.com", "externalId": "ada-l"}, Entitlements: []string{"platform"}}
	got, err := c.Apply(t.Context(), schema.Account{}, want)
	if err != nil || got.RemoteID != "ada-l" || !slices.Equal(d.holding("platform"), []string{"ada-l"}) {
		t.Errorf("%+v, %v, want the login ada-l in the team", got, err)
	}
	delete(want.Attributes, "externalId")
	if _, err := c.Apply(t.Context(), schema.Account{}, want); err == nil || connectors.KindOf(err) != connectors.Permanent || !strings.Contains(err.Error(), "externalId") {
		t.Errorf("without it: %v, want it parked, and the attribute named", err)
	}
}

// TestSlackWithFaults lets each call fail, both ways, on the way into a user group
// and out of it: asked again, the person gets there.
func TestSlackWithFaults(t *testing.T) {
	t.Parallel()
	p := shipped(t, "slack-usergroups")
	p.Rate = connectors.RateLimit{}
	d := newDirectory(false, "oncall", "design")
	d.api = slack(d)
	d.admits = func(*http.Request) bool { return true }
	c := open(t, p, d, func(o *connectors.Options) { o.BaseURL = strings.TrimSuffix(o.BaseURL, "/v1") })
	attributes := map[string]string{"userName": "ada", "emails.value": "ada@example.com"}
	d.put("", schema.Account{Active: true, Attributes: attributes})
	states := []schema.Account{
		{Active: true, Attributes: attributes, Entitlements: []string{"oncall"}},
		{Active: true, Attributes: attributes, Entitlements: []string{"design"}},
		{Attributes: attributes},
	}
	for _, took := range []bool{true, false} {
		for nth, more := 1, true; more; nth++ {
			have := schema.Account{}
			more = false
			for i, want := range states {
				d.Fail(nth, took)
				for range 3 {
					have.Managed = schema.Sorted(append(have.Managed, want.Entitlements...)...)
					got, err := c.Apply(t.Context(), have, want)
					more = d.Spent() || more
					got.Managed = have.Managed
					if have = got; err == nil {
						break
					}
					if connectors.KindOf(err) != connectors.Transient {
						t.Fatalf("call %d of state %d, took effect %v: %v", nth, i, took, err)
					}
				}
				if in := slices.Concat(d.holding("oncall"), d.holding("design")); want.Active && len(in) != 1 || !want.Active && len(in) != 0 || have.Exists() != want.Active {
					t.Fatalf("call %d of state %d, took effect %v: in %q, remembered %+v", nth, i, took, in, have)
				}
			}
		}
	}
}
