package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	library "github.com/elimity-com/scim/schema"

	"drawbridge/access"
	"drawbridge/policy"
	wire "drawbridge/schema/scim"
	"drawbridge/server"
)

// TestRFC holds the endpoint to what RFC 7643, RFC 7644 and RFC 9865 ask of a
// service provider, over a listener: a row for each of their musts, with the
// section it is in. The rows are in rfc_*_test.go; a row says what must hold and
// shows it. One is kept in another way: a PATCH of more than 1,000 members is done to its
// end once it is accepted, and not in one transaction
// (docs/decisions/0012-large-groups-in-parts.md, TestALargeChangeWhoseSenderLeaves).
func TestRFC(t *testing.T) {
	c := newClient(t)
	for _, rows := range [][]must{schemaMusts(), toldMusts(), resourceMusts(), queryMusts(), changeMusts(), patchMusts(), bulkMusts(), protocolMusts(), cursorMusts()} {
		for _, m := range rows {
			t.Run(m.section+" "+m.says, func(t *testing.T) {
				here := *c
				here.t = t
				m.holds(&here)
			})
		}
	}
}

// A must is something that a service provider must do.
type must struct {
	section string // of RFC 7643 where it begins with "7643", and so on
	says    string
	holds   func(c *client)
}

// A client speaks to the endpoint as RFC 7644 has it, and no other way.
type client struct {
	t    *testing.T
	base string
	api  string
	made *int
}

func newClient(t *testing.T, change ...func(*server.Options)) *client {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	extension, err := wire.ParseSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile("testdata/strict.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	strict, err := wire.ParseSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	here := httptest.NewUnstartedServer(nil)
	base := "http://" + here.Listener.Addr().String()
	w := newWorld(t, func(o *server.Options) {
		o.PublicURL, o.Extensions = base, []library.Schema{extension, strict}
		o.GroupExtensions = []library.Schema{strict}
		set, _ := policy.Load(os.DirFS("../configs/policy"))
		book, _ := policy.Compile(set)
		o.Rules = access.NewRules(book, nil)
		o.Credentials[0].Source = "workday"
		for _, f := range change {
			f(o)
		}
	})
	here.Config.Handler = w.Config.Handler
	here.Start()
	t.Cleanup(here.Close)
	return &client{t: t, base: base + "/scim/v2", api: base + "/api/v1", made: new(int)}
}

// A got is an answer.
type got struct {
	c      *client
	status int
	header http.Header
	text   string
	body   map[string]any
}

// send sends a request with a credential, and headers in pairs; one of them may be
// Authorization, which is left out where it is none.
func (c *client) send(method, path, body string, headers ...string) got {
	c.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = c.base + path
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+sourceSecret)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if r.Header.Get("Authorization") == "none" {
		r.Header.Del("Authorization")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	g := got{c: c, status: res.StatusCode, header: res.Header, text: string(text)}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &g.body); err != nil {
			c.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return g
}

func (c *client) get(path string) got { c.t.Helper(); return c.send(http.MethodGet, path, "") }

// find asks for users by a filter, and returns their userNames.
func (c *client) find(filter string) string {
	c.t.Helper()
	var names []string
	list, _ := c.get("/Users?sortBy=userName&filter=" + url.QueryEscape(filter)).is(200).body["Resources"].([]any)
	for _, u := range list {
		names = append(names, fmt.Sprint(u.(map[string]any)["userName"]))
	}
	return strings.Join(names, " ")
}

// name returns one that nobody has yet.
func (c *client) name() string {
	*c.made++
	return fmt.Sprintf("name%d", *c.made)
}

const (
	coreURNs  = "urn:ietf:params:scim:schemas:core:2.0:"
	userURN   = coreURNs + "User"
	groupURN  = coreURNs + "Group"
	staffURN  = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	rfcURN    = "urn:example:scim:schemas:extension:rfc:2.0:User"
	strictURN = "urn:example:scim:schemas:extension:strict:2.0:Any"
	listURN   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// user makes one with some attributes more, `,"title":"x"`, and returns it.
func (c *client) user(more string) got {
	c.t.Helper()
	return c.send("POST", "/Users", `{"schemas":["`+userURN+`"],"userName":"`+c.name()+`"`+more+`}`).is(201)
}

// group makes one with members, and returns it.
func (c *client) group(members ...string) got {
	c.t.Helper()
	var list []string
	for _, m := range members {
		list = append(list, `{"value":"`+m+`"}`)
	}
	return c.send("POST", "/Groups", `{"schemas":["`+groupURN+`"],"displayName":"`+c.name()+`","members":[`+strings.Join(list, ",")+`]}`).is(201)
}

// patch sends operations to a resource.
func (c *client) patch(path, ops string) got {
	c.t.Helper()
	return c.send("PATCH", path, operations(ops))
}

func (c *client) check(ok bool, format string, args ...any) {
	c.t.Helper()
	if !ok {
		c.t.Errorf(format, args...)
	}
}

func (g got) is(status int) got {
	g.c.t.Helper()
	if g.status != status {
		g.c.t.Fatalf("status %d, want %d: %.600s", g.status, status, g.text)
	}
	return g
}

// refuses checks that it is an error as section 3.12 has it.
func (g got) refuses(status int, scimType string) got {
	g.c.t.Helper()
	g.is(status)
	g.has(fmt.Sprint(status), "status").has("urn:ietf:params:scim:api:messages:2.0:Error", "schemas", 0)
	if got, _ := g.at("scimType").(string); got != scimType {
		g.c.t.Errorf("scimType %q, want %q: %s", got, scimType, g.text)
	}
	if got, _ := g.at("detail").(string); got == "" {
		g.c.t.Errorf("no detail: %s", g.text)
	}
	return g
}

// at returns what is at a path of keys, nil if nothing is.
func (g got) at(keys ...any) any {
	var v any = g.body
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

func (g got) has(want any, keys ...any) got {
	g.c.t.Helper()
	if got := g.at(keys...); got != want {
		g.c.t.Errorf("%v is %v, want %v: %.600s", keys, got, want, g.text)
	}
	return g
}

// count checks how many values are at a path of keys.
func (g got) count(want int, keys ...any) got {
	g.c.t.Helper()
	if l, _ := g.at(keys...).([]any); len(l) != want {
		g.c.t.Errorf("%v are %d, want %d: %.600s", keys, len(l), want, g.text)
	}
	return g
}

func (g got) id() string   { s, _ := g.body["id"].(string); return s }
func (g got) path() string { s, _ := g.at("meta", "location").(string); return s }
func (g got) name() string { s, _ := g.body["userName"].(string); return s }
