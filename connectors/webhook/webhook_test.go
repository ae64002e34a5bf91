package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
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
	"drawbridge/connectors/webhook"
	"drawbridge/schema"
)

var (
	secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two bytes, yes"))
	older  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("another secret of as many bytes.."))
)

// A shop is a receiver, with a hand and faults. It refuses what is not signed.
type shop struct {
	key      string
	pageSize int

	mu       sync.Mutex
	accounts map[string]*schema.Account
	last     int
	writes   int
	messages []received
	in       int
	took     bool
	spent    bool
}

// received is a message that came.
type received struct {
	id   string
	body map[string]any
}

func newShop() *shop { return &shop{key: secret, pageSize: 3, accounts: map[string]*schema.Account{}} }

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	content := body
	if r.Method == http.MethodGet {
		content = []byte("GET " + strings.TrimPrefix(r.URL.RequestURI(), "/hook"))
	}
	if !verified(s.key, r.Header, content) {
		http.Error(w, `{"detail": "it is not signed"}`, http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodGet {
		s.writes++
	}
	strikes := s.in == 1
	s.in = max(0, s.in-1)
	s.spent = s.spent || strikes
	if strikes && s.took {
		s.serve(httptest.NewRecorder(), r, body)
	}
	if strikes {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	s.serve(w, r, body)
}

// verified checks a signature as Standard Webhooks says.
func verified(secret string, h http.Header, content []byte) bool {
	at, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", h.Get("webhook-id"), at, content)
	return slices.Contains(strings.Fields(h.Get("webhook-signature")), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (s *shop) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method == http.MethodGet {
		s.look(w, r)
		return
	}
	var m map[string]any
	var message struct {
		Type string
		Data struct {
			ID                   string
			Active               bool
			Attributes           map[string]string
			Entitlements, Revoke []string
		}
	}
	if json.Unmarshal(body, &message) != nil || json.Unmarshal(body, &m) != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	s.messages = append(s.messages, received{r.Header.Get("webhook-id"), m})
	if message.Type != "account.desired" {
		return
	}
	d := message.Data
	a, known := s.accounts[d.ID]
	if d.ID != "" && !known {
		http.Error(w, `{"detail": "no such account"}`, http.StatusNotFound)
		return
	}
	adopted := false
	if !known {
		a, adopted = s.named(d.Attributes["userName"])
	}
	if a == nil && !d.Active {
		_, _ = io.WriteString(w, `{"gone": true}`)
		return
	}
	if a == nil {
		a = s.add()
	}
	a.Entitlements = slices.DeleteFunc(a.Entitlements, func(e string) bool { return slices.Contains(d.Revoke, e) })
	a.Entitlements = schema.Sorted(append(a.Entitlements, d.Entitlements...)...)
	a.Active = d.Active
	for path, value := range d.Attributes {
		if a.Attributes[path] = value; value == "" {
			delete(a.Attributes, path)
		}
	}
	show(w, a, adopted)
}

func (s *shop) add() *schema.Account {
	s.last++
	id := strconv.Itoa(s.last)
	s.accounts[id] = &schema.Account{RemoteID: id, Attributes: map[string]string{}, Entitlements: []string{}}
	return s.accounts[id]
}

func (s *shop) named(userName string) (*schema.Account, bool) {
	for _, a := range s.accounts {
		if a.Attributes["userName"] == userName {
			return a, true
		}
	}
	return nil, false
}

func shown(a *schema.Account) map[string]any {
	n, _ := strconv.Atoi(a.RemoteID)
	return map[string]any{"id": n, "active": a.Active, "attributes": a.Attributes, "entitlements": append([]string{}, a.Entitlements...)}
}

func show(w http.ResponseWriter, a *schema.Account, adopted bool) {
	answer := shown(a)
	answer["adopted"] = adopted
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *shop) look(w http.ResponseWriter, r *http.Request) {
	if id, one := strings.CutPrefix(r.URL.Path, "/hook/accounts/"); one {
		if a, ok := s.accounts[id]; ok {
			show(w, a, false)
			return
		}
		http.Error(w, "no such account", http.StatusNotFound)
		return
	}
	page := map[string]any{"accounts": []any{}}
	ids := slices.Sorted(maps.Keys(s.accounts))
	from := 0
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		from = slices.Index(ids, cursor)
	}
	to := min(len(ids), from+s.pageSize)
	all := []any{}
	for _, id := range ids[from:to] {
		all = append(all, shown(s.accounts[id]))
	}
	if page["accounts"] = all; to < len(ids) {
		page["next"] = ids[to]
	}
	_ = json.NewEncoder(w).Encode(page)
}

func (s *shop) Fail(nth int, took bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in, s.took, s.spent = nth, took, false
}

func (s *shop) Spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = 0
	return s.spent
}

func (s *shop) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *shop) Accounts(context.Context) (all []schema.Account, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		c := *a
		c.Attributes, c.Entitlements = maps.Clone(a.Attributes), slices.Clone(a.Entitlements)
		all = append(all, c)
	}
	return all, nil
}

func (s *shop) Put(_ context.Context, a schema.Account) (schema.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.accounts[a.RemoteID]
	if is == nil {
		is = s.add()
	}
	is.Active, is.Attributes, is.Entitlements = a.Active, maps.Clone(a.Attributes), schema.Sorted(a.Entitlements...)
	a.RemoteID = is.RemoteID
	return a, nil
}

func (s *shop) Remove(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, id)
	return nil
}

func open(t *testing.T, target http.Handler, change ...func(*connectors.Options)) connectors.Connector {
	t.Helper()
	server := httptest.NewServer(target)
	t.Cleanup(server.Close)
	p := connectors.DefaultProfile()
	p.Auth = connectors.AuthScheme{Scheme: connectors.AuthSigned}
	o := connectors.Options{Config: connectors.Config{
		Name: "shop", Kind: "webhook", BaseURL: server.URL + "/hook", Profile: p, Auth: connectors.Auth{Secret: connectors.Secret(secret)},
	}}
	for _, c := range change {
		c(&o)
	}
	c, err := connectors.Kinds{"webhook": webhook.Open}.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.(connectors.Closer).Close() })
	return c
}

func readBack(o *connectors.Options) { o.Options = map[string]string{"accounts": "true"} }

func TestContract(t *testing.T) {
	for name, change := range map[string]func(*connectors.Options){"sends": func(*connectors.Options) {}, "reads back": readBack} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, connectortest.Harness{
				Entitlements: []string{"auditor", "clerk", `head of "things"`, "manager"},
				Exceptions: map[string]string{
					connectortest.Claims:   "the receiver finds accounts by itself, and is told whose each is to be",
					connectortest.Nameless: "whose id is not known is named to the receiver, by identity and userName",
				},
				Open: func(t *testing.T) connectortest.Target {
					s := newShop()
					return connectortest.Target{Connector: open(t, s, change), Hand: s, Faults: s}
				},
			})
		})
	}
}

func TestOnlyWhoSaysWhatItHasIsReadBack(t *testing.T) {
	if _, reads := open(t, newShop()).(connectors.Reader); reads {
		t.Error("a receiver without option accounts can be read")
	}
	if _, lists := open(t, newShop(), readBack).(connectors.Lister); !lists {
		t.Error("a receiver with option accounts cannot be listed")
	}
}

// TestTheIDIsOneOfTheChange keeps the id over attempts, and changes it with the
// decision, also where the same is asked for again.
func TestTheIDIsOneOfTheChange(t *testing.T) {
	s := newShop()
	c := open(t, s)
	have := schema.Account{Identity: "i-1", Due: schema.Change{Decided: time.Unix(100, 0), Because: []string{"d1"}}}
	want := schema.Account{Identity: "i-1", Active: true, Attributes: map[string]string{"userName": "ada"}}
	send := func(have schema.Account, fails bool) {
		if fails {
			s.Fail(1, false)
		}
		if _, err := c.Apply(t.Context(), have, want); (err != nil) != fails {
			t.Fatalf("Apply: %v", err)
		}
	}
	s.Fail(1, true)
	if _, err := c.Apply(t.Context(), have, want); err == nil {
		t.Fatal("no fault")
	}
	send(have, false)
	have.Due.Because = []string{"d2"}
	send(have, false)
	if a, b, d := s.messages[0].id, s.messages[1].id, s.messages[2].id; a != b || b == d || !strings.HasPrefix(a, "msg_") {
		t.Errorf("ids %s and %s of one change, and %s of another", a, b, d)
	}
}

func TestSecretsRotate(t *testing.T) {
	both := func(o *connectors.Options) { o.Auth.Secret = connectors.Secret(older + "\n" + secret) }
	for name, c := range map[string]struct {
		key    string
		change func(*connectors.Options)
		fine   bool
	}{
		"the one there is":        {secret, func(*connectors.Options) {}, true},
		"another":                 {older, func(*connectors.Options) {}, false},
		"the old one of two":      {older, both, true},
		"the new one of two":      {secret, both, true},
		"none, and one is wanted": {secret, func(o *connectors.Options) { o.Auth.Secret = "" }, false},
	} {
		s := newShop()
		s.key = c.key
		err := open(t, s, c.change).(connectors.Prober).Probe(t.Context())
		if (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (connectors.KindOf(err) != connectors.Transient || !strings.Contains(err.Error(), "it is not signed")) {
			t.Errorf("%s: %v, want it transient, with what the receiver says", name, err)
		}
	}
}

func TestSecretsThatAreNone(t *testing.T) {
	for _, text := range []string{"hunter2hunter2hunter2hunter2hunter2", "whsec_notbase64!", "whsec_c2hvcnQ=", secret + " whsec_"} {
		p := connectors.DefaultProfile()
		p.Auth.Scheme = connectors.AuthSigned
		_, err := webhook.Open(connectors.Options{Config: connectors.Config{
			Kind: "webhook", BaseURL: "https://shop.example/hook", Profile: p, Auth: connectors.Auth{Secret: connectors.Secret(text)},
		}})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "openssl") {
			t.Errorf("%q: %v, want it refused, with what to do and without the secret", text, err)
		}
	}
	_, err := webhook.Open(connectors.Options{Config: connectors.Config{
		Kind: "webhook", BaseURL: "https://shop.example/hook", Profile: connectors.DefaultProfile(), Auth: connectors.Auth{Secret: "a bearer token"},
	}})
	if err == nil || !strings.Contains(err.Error(), "signing") {
		t.Errorf("a bearer token: %v, want it refused", err)
	}
}

func TestWhatAnswersMean(t *testing.T) {
	have := schema.Account{RemoteID: "42", Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"byhand", "clerk"}, Managed: []string{"clerk"}}
	on := schema.Account{Active: true, Attributes: map[string]string{"userName": "ada"}, Entitlements: []string{"manager"}}
	off := schema.Account{Attributes: map[string]string{"userName": "ada"}}
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		want   schema.Account
		fine   bool
		kind   connectors.Kind
		after  time.Duration
		got    string // id, active and entitlements after it
	}{
		"nothing":                  {204, "", "", on, true, 0, 0, "42 true [byhand manager]"},
		"what there is":            {200, "", `{"id": 7, "entitlements": ["manager", "other"]}`, on, true, 0, 0, "7 true [manager other]"},
		"disabled":                 {200, "", "", off, true, 0, 0, "42 false [byhand]"},
		"gone, and none is wanted": {410, "", "", off, true, 0, 0, " false []"},
		"gone twice":               {404, "", "", on, false, connectors.Permanent, 0, "42 true [byhand clerk]"},
		"done, and still held":     {200, "", `{"entitlements": ["clerk", "manager"]}`, on, false, connectors.Transient, 0, "42 true [clerk manager]"},
		"done, and not given":      {200, "", `{"entitlements": []}`, on, false, connectors.Transient, 0, "42 true []"},
		"done, and still active":   {200, "", `{"active": true}`, off, false, connectors.Transient, 0, "42 true [byhand]"},
		"done, and there is none":  {200, "", `{"gone": true}`, on, false, connectors.Transient, 0, "42 true [byhand clerk]"},
		"no JSON":                  {200, "", `<html>`, on, false, connectors.Transient, 0, "42 true [byhand clerk manager]"},
		"somebody else's":          {409, "", "", on, false, connectors.Exists, 0, "42 true [byhand clerk]"},
		"it cannot be done":        {422, "", `{"detail": "no such role"}`, on, false, connectors.Permanent, 0, "42 true [byhand clerk]"},
		"not now":                  {503, "Retry-After: 90", "", on, false, connectors.Transient, 90 * time.Second, "42 true [byhand clerk manager]"},
		"a redirect":               {307, "Location: https://elsewhere.example/", "", on, false, connectors.Permanent, 0, "42 true [byhand clerk]"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if key, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(key, value)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			got, err := conn.Apply(t.Context(), have, c.want)
			if (err == nil) != c.fine || err != nil && (connectors.KindOf(err) != c.kind || connectors.RetryAfter(err) != c.after) {
				t.Errorf("kind %d after %v: %v", connectors.KindOf(err), connectors.RetryAfter(err), err)
			}
			if is := fmt.Sprint(got.RemoteID, " ", got.Active, " ", got.Entitlements); is != c.got {
				t.Errorf("the account is %s, want %s", is, c.got)
			}
		})
	}
}

func TestListsThatAreNotComplete(t *testing.T) {
	one := `{"id": "1", "active": true, "attributes": {"userName": "ada"}}`
	for name, body := range map[string]string{
		"no accounts":     `{}`,
		"twice":           `{"accounts": [` + one + `,` + one + `]}`,
		"without an id":   `{"accounts": [{"active": true, "attributes": {"userName": "ada"}}]}`,
		"without a state": `{"accounts": [{"id": "1", "attributes": {"userName": "ada"}}]}`,
		"leads to itself": `{"accounts": [], "next": "x"}`,
		"something else":  `[]`,
	} {
		c := open(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }), readBack)
		var err error
		for _, err = range c.(connectors.Lister).List(t.Context()) {
		}
		if err == nil || connectors.KindOf(err) != connectors.Transient {
			t.Errorf("%s: %v, want an error that is transient", name, err)
		}
	}
	c := open(t, http.NotFoundHandler(), readBack)
	if _, err := c.(connectors.Reader).Read(t.Context(), "1"); err == nil || connectors.KindOf(err) != connectors.Transient {
		t.Errorf("read where nothing is found: %v, want that it is not believed", err)
	}
}
