package scim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"drawbridge/access"
	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/connectors/scim"
	"drawbridge/policy"
	"drawbridge/schema"
	server "drawbridge/server/scim"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// TestAgainstOurOwnEndpoint holds this client and this product's own service
// provider to each other: nothing is between them but HTTP.
func TestAgainstOurOwnEndpoint(t *testing.T) {
	p, err := connectors.LoadProfile(os.DirFS("../../configs/profiles"), "drawbridge")
	if err != nil {
		t.Fatal(err)
	}
	for _, update := range []connectors.Method{connectors.UpdatePatch, connectors.UpdatePut} {
		p.Update, p.Groups.Update = update, update
		t.Run(string(update), func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, connectortest.Harness{
				Entitlements: entitlements,
				Open: func(t *testing.T) connectortest.Target {
					e := newEndpoint(t)
					c, err := connectors.Kinds{"scim": scim.Open}.Open(connectors.Options{Config: connectors.Config{
						Name: "bridge", Kind: "scim", BaseURL: e.url, Profile: p, Auth: connectors.Auth{Secret: token},
					}})
					if err != nil {
						t.Fatal(err)
					}
					return connectortest.Target{Connector: c, Hand: e, Faults: e}
				},
			})
		})
	}
}

const endpointPolicy = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam, deputy: iam2 } }
spec: { mode: enforce }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: upstream, owner: { user: hr, deputy: hr2 } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
`

// An endpoint is a real service provider, with a hand and faults. The hand speaks the
// protocol too, by itself, past what counts and what fails.
type endpoint struct {
	url     string
	handler http.Handler
	groups  []string

	mu     sync.Mutex
	writes int
	in     int // requests from now until one fails; 0: none
	took   bool
	spent  bool
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "bridge.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(engine)
	if err != nil {
		t.Fatal(err)
	}
	set, findings := policy.Load(fstest.MapFS{"policy.yaml": {Data: []byte(endpointPolicy)}})
	book, more := policy.Compile(set)
	for _, f := range append(findings, more...) {
		if f.Code[0] == 'E' {
			t.Fatal(f)
		}
	}
	h, err := server.New(server.Options{
		Store: s, Rules: access.NewRules(book, nil), BaseURL: "https://bridge.example/scim/v2",
		Source: func(echo.Context) string { return "upstream" },
	})
	if err != nil {
		t.Fatal(err)
	}
	router := echo.New()
	h.Mount(router.Group("/scim/v2"))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return newFront(t, router, entitlements)
}

// newFront stands in front of a service provider that has nothing in it yet, and
// makes its groups.
func newFront(t *testing.T, handler http.Handler, groups []string) *endpoint {
	t.Helper()
	e := &endpoint{handler: handler, groups: groups}
	front := httptest.NewServer(e)
	t.Cleanup(front.Close)
	e.url = front.URL + "/scim/v2"
	for _, name := range groups {
		if _, err := e.ask(t.Context(), "POST", "/Groups", map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	if r.Method != http.MethodGet {
		e.writes++
	}
	strikes := e.in == 1
	e.in = max(0, e.in-1)
	e.spent = e.spent || strikes
	took := e.took
	e.mu.Unlock()
	if !strikes {
		e.handler.ServeHTTP(w, r)
		return
	}
	if took {
		e.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	http.Error(w, "broken", http.StatusInternalServerError)
}

func (e *endpoint) Fail(nth int, took bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.in, e.took, e.spent = nth, took, false
}

func (e *endpoint) Spent() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.in = 0
	return e.spent
}

func (e *endpoint) Writes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.writes
}

// ask speaks to the endpoint as somebody else.
func (e *endpoint) ask(ctx context.Context, method, path string, body any) (map[string]any, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	r := httptest.NewRequestWithContext(ctx, method, "/scim/v2"+path, sent)
	r.Header.Set("Content-Type", "application/scim+json")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	if w.Code/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	answer := map[string]any{}
	if w.Body.Len() == 0 {
		return answer, nil
	}
	return answer, json.Unmarshal(w.Body.Bytes(), &answer)
}

// all returns every resource of the list.
func (e *endpoint) all(ctx context.Context, path string) ([]map[string]any, error) {
	var all []map[string]any
	for {
		page, err := e.ask(ctx, "GET", fmt.Sprintf("%s?startIndex=%d&count=200", path, len(all)+1), nil)
		if err != nil {
			return nil, err
		}
		for _, r := range page["Resources"].([]any) {
			all = append(all, r.(map[string]any))
		}
		if total := int(page["totalResults"].(float64)); len(all) >= total {
			return all, nil
		}
	}
}

func (e *endpoint) Accounts(ctx context.Context) ([]schema.Account, error) {
	held := map[string][]string{}
	groups, err := e.all(ctx, "/Groups")
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		members, _ := g["members"].([]any)
		for _, m := range members {
			id := m.(map[string]any)["value"].(string)
			held[id] = append(held[id], g["displayName"].(string))
		}
	}
	users, err := e.all(ctx, "/Users")
	if err != nil {
		return nil, err
	}
	var accounts []schema.Account
	for _, u := range users {
		a := schema.Account{RemoteID: u["id"].(string), Active: u["active"] != false, Attributes: map[string]string{}}
		for name, at := range places {
			if v, ok := lookup(u, at...); ok {
				a.Attributes[name] = v
			}
		}
		a.Entitlements = schema.Sorted(held[a.RemoteID]...)
		accounts = append(accounts, a)
	}
	return accounts, nil
}

const enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// places are where the suite's attributes are in a resource.
var places = map[string][]any{
	"userName": {"userName"}, "externalId": {"externalId"}, "displayName": {"displayName"}, "title": {"title"},
	"name.givenName": {"name", "givenName"}, "name.familyName": {"name", "familyName"},
	"name.formatted": {"name", "formatted"}, "emails.value": {"emails", 0, "value"}, "department": {enterpriseURN, "department"},
}

func lookup(v any, at ...any) (string, bool) {
	for _, step := range at {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return "", false
			}
			v = list[step]
		}
	}
	text, ok := v.(string)
	return text, ok
}

func (e *endpoint) Put(ctx context.Context, a schema.Account) (schema.Account, error) {
	user := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User", enterpriseURN}, "active": a.Active}
	name, extension := map[string]any{}, map[string]any{}
	for path, value := range a.Attributes {
		switch path {
		case "name.givenName", "name.familyName", "name.formatted":
			name[path[len("name."):]] = value
		case "emails.value":
			user["emails"] = []any{map[string]any{"value": value, "type": "work", "primary": true}}
		case "department":
			extension[path] = value
		default:
			user[path] = value
		}
	}
	user["name"], user[enterpriseURN] = name, extension
	method, path := http.MethodPost, "/Users"
	if a.RemoteID != "" {
		method, path = http.MethodPut, "/Users/"+a.RemoteID
	}
	made, err := e.ask(ctx, method, path, user)
	if err != nil {
		return a, err
	}
	a.RemoteID = made["id"].(string)
	for _, group := range e.groups {
		found, err := e.ask(ctx, "GET", "/Groups?filter="+url.QueryEscape(`displayName eq `+quoted(group)), nil)
		if err != nil {
			return a, err
		}
		id, _ := lookup(found, "Resources", 0, "id")
		operation := map[string]any{"op": "remove", "path": "members[value eq " + quoted(a.RemoteID) + "]"}
		if slices.Contains(a.Entitlements, group) {
			operation = map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": a.RemoteID}}}
		}
		if _, err := e.ask(ctx, "PATCH", "/Groups/"+id, map[string]any{
			"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{operation},
		}); err != nil {
			return a, err
		}
	}
	return a, nil
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return b.String()[:b.Len()-1]
}

func (e *endpoint) Remove(ctx context.Context, id string) error {
	_, err := e.ask(ctx, "DELETE", "/Users/"+id, nil)
	return err
}
