package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/server"
)

const otherSecret = "another source's secret, which is long"

// A target is the whole server on a listener, as it is run, and on another one
// with less patience.
type target struct {
	*world
	addr      string
	impatient string
	user      string
	cursor    string
	bystander sync.WaitGroup
}

func newTarget(t *testing.T) *target {
	t.Helper()
	w := newWorld(t, func(o *server.Options) {
		o.Credentials = append(o.Credentials, server.Credential{Name: "other", Source: "other", Secret: otherSecret})
	})
	listen := func(patience time.Duration) string {
		s := server.HTTP(w.Config.Handler, slog.New(slog.DiscardHandler))
		if patience > 0 {
			s.ReadHeaderTimeout, s.ReadTimeout = patience, 2*patience
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		t.Cleanup(func() {
			_ = s.Close()
			<-done
		})
		return l.Addr().String()
	}
	at := &target{world: w, addr: listen(0), impatient: listen(time.Second)}
	at.user = at.must(t, "POST", "/Users", `{"userName":"victim"}`)["id"].(string)
	at.must(t, "POST", "/Users", `{"userName":"another"}`)
	at.cursor = at.must(t, "GET", "/Users?count=1&cursor=", "")["nextCursor"].(string)
	return at
}

// must sends what an honest sender does, and returns what it is answered.
func (at *target) must(t *testing.T, method, path, body string) map[string]any {
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+at.addr+"/scim/v2"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+sourceSecret)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Errorf("an honest %s of %s: %v", method, path, err)
		return nil
	}
	defer got.Body.Close()
	var o map[string]any
	if err := json.NewDecoder(got.Body).Decode(&o); err != nil || got.StatusCode >= 300 {
		t.Errorf("an honest %s of %s: status %d, %v", method, path, got.StatusCode, err)
	}
	return o
}

// beside has an honest sender go on with its work until the context ends. All of
// it must be answered.
func (at *target) beside(ctx context.Context, t *testing.T) {
	at.bystander.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			id, _ := at.must(t, "POST", "/Users", fmt.Sprintf(`{"userName":"honest%d"}`, i))["id"].(string)
			at.must(t, "GET", "/Users/"+id, "")
			at.must(t, "GET", fmt.Sprintf("/Users?filter=userName+eq+%%22honest%d%%22", i), "")
		}
	})
}

// An attack is what is sent, byte for byte, and what comes back. Where net/http
// answers for itself, before a request is one, the scimType is "-".
type attack struct {
	name     string
	status   int
	scimType string
	send     func(at *target, to io.Writer)
}

// plain is an attack by one request.
func plain(name string, status int, scimType, method, path, body string, headers ...string) attack {
	return attack{name, status, scimType, func(at *target, to io.Writer) {
		path := strings.NewReplacer("{user}", at.user, "{cursor}", at.cursor).Replace(path)
		secret := sourceSecret
		var b bytes.Buffer
		for i := 0; i+1 < len(headers); i += 2 {
			if headers[i] == "Secret" {
				secret = headers[i+1]
				continue
			}
			fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
		}
		if body != "" {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
		}
		fmt.Fprintf(to, "%s /scim/v2%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n%s", method, path, secret, b.String(), body)
	}}
}

// raw is an attack that goes on until the connection ends.
func raw(name string, status int, scimType, begin, again string) attack {
	return attack{name, status, scimType, func(at *target, to io.Writer) {
		if _, err := io.WriteString(to, strings.ReplaceAll(begin, "{secret}", sourceSecret)); err != nil {
			return
		}
		for again != "" {
			if _, err := io.WriteString(to, again); err != nil {
				return
			}
		}
	}}
}

func many(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }

func operations(list string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + list + `]}`
}

func attacks() []attack {
	parentheses := strings.Repeat("(", 100_000)
	create := "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
	return []attack{
		plain("100,000 nested parentheses in a filter, by GET", 431, "-", "GET", "/Users?filter="+parentheses, ""),
		plain("100,000 nested parentheses in a filter, by .search", 400, "invalidFilter", "POST", "/Users/.search", `{"filter":"`+parentheses+`"}`),
		plain("the same at the root", 400, "invalidFilter", "POST", "/.search", `{"filter":"`+parentheses+`"}`),
		plain("4,000 nested parentheses in a filter", 400, "invalidFilter", "GET", "/Users?filter="+parentheses[:4000], ""),
		plain("a filter of 1 MB", 400, "invalidFilter", "POST", "/Users/.search", `{"filter":"userName eq \"`+strings.Repeat("x", 1_000_000)+`\""}`),
		plain("4,000 parentheses in the path of an operation", 400, "invalidFilter", "PATCH", "/Users/{user}", operations(`{"op":"remove","path":"emails[`+parentheses[:4000]+`]"}`)),
		plain("JSON nested 500,000 deep", 400, "invalidSyntax", "POST", "/Users", strings.Repeat("[", 500_000)),
		plain("JSON nested deep within a value", 400, "invalidSyntax", "POST", "/Users", `{"userName":"x","name":`+strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 101)),
		plain("the same key twice", 400, "invalidSyntax", "POST", "/Users", `{"userName":"once","userName":"twice"}`),
		plain("the character NUL", 400, "invalidValue", "POST", "/Users", `{"userName":"a\u0000b"}`),
		plain("broken UTF-8", 400, "invalidSyntax", "POST", "/Users", "{\"userName\":\"\xff\xfe\"}"),
		plain("a number beyond all range", 200, "", "GET", "/Users?startIndex=1"+strings.Repeat("0", 400), ""),
		plain("a truth value of a million digits", 400, "invalidValue", "POST", "/Users", `{"userName":"n","active":1`+strings.Repeat("0", 1_000_000)+`}`),
		plain("60,000 unknown attributes", 201, "", "POST", "/Users", `{"userName":"u",`+numbered(60_000, `"x%d":1`)+`}`),
		plain("10,000 values of one attribute", 400, "invalidValue", "POST", "/Users", `{"userName":"v","emails":[`+many(10_000, `"x"`)+`]}`),
		plain("100,000 operations", 413, "tooMany", "PATCH", "/Groups/x", operations(many(100_000, `{"op":"remove","path":"members"}`))),
		plain("a million members", 413, "tooMany", "POST", "/Groups", `{"displayName":"g","members":[`+many(1_000_000, `"x"`)+`]}`),
		plain("a million members, some at a time", 413, "tooMany", "PATCH", "/Groups/x", operations(many(4, `{"op":"add","path":"members","value":[`+many(250_000, `"x"`)+`]}`))),
		plain("a Bulk of 10,000 operations", 413, "tooMany", "POST", "/Bulk", `{"Operations":[`+many(10_000, `{"method":"DELETE","path":"/Users/x"}`)+`]}`),
		plain("a Bulk that refers to itself 10,000 times", 200, "", "POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"a","members":[`+many(10_000, `"bulkId:a"`)+`]}}]}`),
		plain("a body that is larger than allowed", 413, "", "POST", "/Users", strings.Repeat(" ", 2<<20)),
		plain("a body that is packed", 415, "", "POST", "/Users", "\x1f\x8b\x08", "Content-Encoding", "gzip"),
		plain("a body that is no JSON, by its own word", 415, "", "POST", "/Users", "<x/>", "Content-Type", "text/xml"),
		raw("a body without an end", 413, "", create+"Transfer-Encoding: chunked\r\n\r\n", "1000\r\n"+strings.Repeat(" ", 4096)+"\r\n"),
		raw("a body that stops coming", 408, "", create+"Content-Length: 100\r\n\r\n{", ""),
		raw("headers without an end", 431, "-", create, "X-Flood: "+strings.Repeat("x", 1000)+"\r\n"),
		raw("headers that stop coming", 400, "-", create+"X-", ""),
		plain("a path out of the tree", 404, "", "GET", "/Groups/../../../../etc/passwd", ""),
		plain("a path out of the tree, escaped", 404, "", "GET", "/Users/..%2f..%2fapi%2fv1%2fidentities", ""),
		plain("an id of 10,000 characters", 404, "", "GET", "/Users/"+strings.Repeat("x", 10_000), ""),
		plain("a cursor that was made up", 400, "invalidCursor", "GET", "/Users?count=1&cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
		plain("a cursor of another query", 400, "invalidCursor", "GET", "/Users?count=1&sortBy=userName&cursor={cursor}", ""),
		plain("a cursor of another source", 400, "invalidCursor", "GET", "/Users?count=1&cursor={cursor}", "", "Secret", otherSecret),
		plain("an id of another source, read", 404, "", "GET", "/Users/{user}", "", "Secret", otherSecret),
		plain("an id of another source, deleted", 404, "", "DELETE", "/Users/{user}", "", "Secret", otherSecret),
		plain("no credential", 401, "", "GET", "/Users", "", "Secret", ""),
		plain("a credential that was made up", 401, "", "GET", "/Users", "", "Secret", strings.Repeat("x", 4000)),
	}
}

// TestAttacks makes each attack over a listener, several at once, while an honest
// sender goes on with its work. The page docs/hostile-input.md has the same table.
func TestAttacks(t *testing.T) {
	at := newTarget(t)
	ctx, enough := context.WithCancel(t.Context())
	at.beside(ctx, t)
	t.Run("attack", func(t *testing.T) {
		for _, a := range attacks() {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.make(t, at)
			})
		}
	})
	enough()
	at.bystander.Wait()
	if got := at.must(t, "GET", "/Users/"+at.user, "")["userName"]; got != "victim" {
		t.Errorf("the victim is %v", got)
	}
	if log := at.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "level=ERROR") {
		t.Errorf("something broke: %s", log)
	}
	page, err := os.ReadFile("../docs/hostile-input.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks() {
		if row := "| " + a.name + " | " + a.answer() + " |"; !bytes.Contains(page, []byte(row)) {
			t.Errorf("docs/hostile-input.md has no row %q", row)
		}
	}
}

// answer is what the page says of an attack.
func (a attack) answer() string {
	if a.scimType == "" || a.scimType == "-" {
		return fmt.Sprint(a.status)
	}
	return fmt.Sprint(a.status, " ", a.scimType)
}

func (a attack) make(t *testing.T, at *target) {
	addr := at.addr
	if strings.HasSuffix(a.name, "that stop coming") || strings.HasSuffix(a.name, "that stops coming") {
		addr = at.impatient
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer conn.Close()
	wg.Go(func() { a.send(at, conn) }) // what is not read to its end is not written to its end
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != a.status {
		t.Fatalf("status %d, want %d: %.300s", r.StatusCode, a.status, body)
	}
	if a.status < 400 || a.scimType == "-" {
		return
	}
	var e struct {
		Schemas                  []string
		Status, ScimType, Detail string
	}
	if err := json.Unmarshal(body, &e); err != nil || len(e.Schemas) != 1 || e.Status != fmt.Sprint(a.status) || e.ScimType != a.scimType || e.Detail == "" {
		t.Errorf("not the SCIM error that is meant: %v: %.300s", err, body)
	}
	if len(e.Detail) > 600 {
		t.Errorf("it echoes what was sent: %d bytes", len(e.Detail))
	}
}

// numbered writes something so many times, each with its number.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
