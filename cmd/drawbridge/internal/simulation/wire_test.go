package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/memory"
	"drawbridge/connectors/scim"
	"drawbridge/connectors/scim/fake"
	"drawbridge/schema"
)

const throttleText = "Rate limit exceeded, calm down"

// A fault is what befalls one call.
type fault int

const (
	none       fault = iota
	lostBefore       // the line breaks, and nothing was done
	lostAfter        // the line breaks once it was done
	hangs            // nobody answers, and nothing is done
	hangsAfter       // it is done, and nobody answers
	busy             // 429 and a number of seconds
	busyUntil        // 503 and a date, by the target's clock
	oops             // 500 with a page of HTML
	throttled        // 500 with a text that means 429
	garbage          // 200 with a page of HTML, and nothing was done
	cut              // it is done, and half of the answer comes
	outdated         // the answer to the same question of some time ago
	faults
)

// fate is what befalls a call: always the same of the same one, the nth time.
func (t *target) fate(call string) (f fault, r *rand.Rand) {
	t.mu.Lock()
	defer t.mu.Unlock()
	call = t.oracle.nameless(call)
	h := fnv.New64a()
	_, _ = io.WriteString(h, t.name+call)
	t.turns[call]++
	r = rand.New(rand.NewPCG(t.seed, h.Sum64()+t.turns[call]))
	if r.IntN(100) < t.rough {
		f = fault(1 + r.IntN(int(faults)-1))
	}
	return f, r
}

// A wire is the way from one bridge to one target.
type wire struct {
	*target
	life *life
}

var errDown = errors.New("connection reset by peer")

// RoundTrip carries a request to the target, or does not.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	call := req.Method + " " + strings.TrimPrefix(req.URL.RequestURI(), "/scim") + " " + string(body)
	token := strings.HasSuffix(req.URL.Path, "/token")
	if w.vendor != nil && !token {
		w.vendor.count(w.life)
	}
	f, r := w.fate(call)
	took := time.Duration(r.Int64N(int64(800 * time.Millisecond)))
	if w.rough == 0 {
		took /= 100
	}
	if !w.travel(req.Context(), took) {
		if r.IntN(3) == 0 { // it was under way when the bridge died
			w.late(req, body, token)
		}
		return nil, errDown
	}
	if f != none || *one != 0 {
		w.told("  %s: %s: fault %d", w.name, w.short(call), f)
	}
	switch f {
	case none, cut, outdated:
	case lostAfter:
		w.late(req, body, token)
		return nil, errDown
	case hangs, hangsAfter:
		<-w.given(req.Context())
		if f == hangsAfter {
			w.late(req, body, token)
		}
		return nil, fmt.Errorf("no answer: %w", errDown)
	default:
		return w.refusal(req, f, r)
	}
	w.mu.Lock()
	out := time.Now().Before(w.out)
	old, known := w.stale[call]
	w.mu.Unlock()
	switch {
	case out, w.vendor != nil && !token && !w.vendor.admits(req):
		return answer(req, http.StatusUnauthorized, `{"detail":"the token has expired"}`), nil
	case token:
		return w.vendor.issue(req), nil
	case f == outdated && known && w.weird && req.Method == http.MethodGet && req.URL.RawQuery == "":
		return answer(req, http.StatusOK, string(old)), nil
	}
	resp := w.do(req, body, f != cut)
	resp.Header.Set("Date", time.Now().Add(w.skew).UTC().Format(http.TimeFormat))
	if f == cut {
		resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 20), broken{}))
	}
	return resp, nil
}

// late has the target do what nobody hears the answer of, if it lets them in.
func (w *wire) late(req *http.Request, body []byte, token bool) {
	if !token && (w.vendor == nil || w.vendor.admits(req)) {
		_ = w.do(req, body, false).Body.Close()
	}
}

// given is closed when the caller gives up.
func (w *wire) given(ctx context.Context) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
		case <-w.life.died:
		}
	}()
	return ended
}

// travel takes a while. It reports whether the call arrived, and whoever sent it is
// still there.
func (w *wire) travel(ctx context.Context, took time.Duration) bool {
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false
	case <-w.life.died:
		return false
	}
	select {
	case <-w.life.died:
		return false
	default:
		return true
	}
}

// refusal is an answer to a call that did nothing.
func (w *wire) refusal(req *http.Request, f fault, r *rand.Rand) (*http.Response, error) {
	wait := time.Duration(1+r.IntN(90)) * time.Second
	switch f {
	case busy:
		a := answer(req, http.StatusTooManyRequests, `{"detail":"too many requests"}`)
		a.Header.Set("Retry-After", fmt.Sprint(int(wait.Seconds())))
		return a, nil
	case busyUntil:
		theirs := time.Now().Add(w.skew).UTC()
		a := answer(req, http.StatusServiceUnavailable, "down for maintenance")
		a.Header.Set("Date", theirs.Format(http.TimeFormat))
		a.Header.Set("Retry-After", theirs.Add(wait).Format(http.TimeFormat))
		return a, nil
	case oops:
		return answer(req, http.StatusInternalServerError, "<html><h1>Something went wrong</h1></html>"), nil
	case throttled:
		return answer(req, http.StatusInternalServerError, throttleText), nil
	case garbage:
		return answer(req, http.StatusOK, "<html><body>Please log in</body></html>"), nil
	default:
		return nil, errDown
	}
}

// do has the target do it, and judges what was done.
func (w *wire) do(req *http.Request, body []byte, answered bool) *http.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	again := req.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	w.provider.ServeHTTP(rec, again)
	resp := rec.Result()
	resp.Request = req
	call := req.Method + " " + strings.TrimPrefix(req.URL.RequestURI(), "/scim") + " " + string(body)
	if req.Method == http.MethodGet {
		if resp.StatusCode == http.StatusOK {
			w.stale[call] = rec.Body.Bytes()
		}
		if name, ok := strings.CutPrefix(req.URL.Query().Get("filter"), `userName eq "`); ok && strings.Contains(rec.Body.String(), `"totalResults":0`) {
			w.hid(strings.TrimSuffix(name, `"`))
		}
		return resp
	}
	w.judge(w.short(call), answered && resp.StatusCode/100 == 2)
	return resp
}

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// broken is the rest of an answer that never comes.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (t *target) short(call string) string {
	call = t.oracle.nameless(call)
	if len(call) > 160 {
		return call[:160] + "…"
	}
	return call
}

// connect opens a connector of one bridge to the target.
func (t *target) connect(l *life) (connectors.Connector, error) {
	t.life = l
	if t.provider == nil {
		return &listened{System: t.system.(inside).System, target: t}, nil
	}
	config := connectors.Config{
		Name: t.name, Kind: "scim", BaseURL: address + "/scim", Profile: t.profile,
		Auth: connectors.Auth{Secret: "s3cret-" + connectors.Secret(t.name), User: "bridge"}, Options: map[string]string{"timeout": "10s"},
	}
	if t.vendor != nil {
		config.Shares = "vendor"
	}
	return scim.Open(connectors.Options{Config: config, Transport: &wire{target: t, life: l}, Rate: l.rates.Of(config)})
}

// address is where nobody listens: wires carry what is sent there.
const address = "http://127.0.0.1:1"

// lie has the target lie from now on, in ways that its profile does not state.
func (t *target) lie(r *rand.Rand) {
	if t.provider == nil {
		return
	}
	_, own := t.fate("twice") // which leaves the histories of seeds as they are
	l := fake.Lies{Half: r.IntN(4), Blind: r.IntN(3), Twice: own.IntN(6) == 0}
	if l.Twice {
		l.Blind += own.IntN(4)
	}
	if r.IntN(2) == 0 {
		n := r.IntN(3)
		l.Pages = func(from, to, all int) (int, int) {
			switch n {
			case 0: // it repeats itself
				return max(0, from-1), to
			case 1: // it skips
				return min(from+1, to), to
			}
			return from, max(from, to-1) // it ends early
		}
	}
	t.mu.Lock()
	t.doubled = t.doubled || l.Twice
	t.mu.Unlock()
	t.provider.Lie(l)
}

// calm has it be as it should be.
func (t *target) calm() {
	t.mu.Lock()
	t.rough, t.weird, t.out = 0, false, time.Time{}
	t.mu.Unlock()
	if t.provider != nil {
		t.provider.Lie(fake.Lies{})
	}
}

// A listened system is one in memory whose every Apply is judged.
type listened struct {
	*memory.System
	target *target
}

// Apply is judged when it is over.
func (l *listened) Apply(ctx context.Context, have, want schema.Account) (schema.Account, error) {
	got, err := l.System.Apply(ctx, have, want)
	l.target.mu.Lock()
	defer l.target.mu.Unlock()
	l.target.judge(fmt.Sprintf("apply %s to %v %v: %v", have.RemoteID, want.Active, want.Entitlements, err), err == nil)
	return got, err
}

// hooks make a system in memory fail as the others do.
func (t *target) hooks() memory.Hooks {
	return memory.Hooks{
		Latency: func(c memory.Call) time.Duration {
			_, r := t.fate("latency " + c.Verb + c.Account)
			return time.Duration(r.Int64N(int64(300 * time.Millisecond)))
		},
		Fail: func(c memory.Call) (took bool, err error) {
			select {
			case <-t.life.died:
				return false, errDown
			default:
			}
			f, r := t.fate(c.Verb + c.Account)
			switch f {
			case none:
				return true, nil
			case lostAfter, hangsAfter, cut:
				return true, errDown
			case busy, busyUntil:
				return false, &connectors.Error{Kind: connectors.Transient, After: time.Duration(1+r.IntN(60)) * time.Second, Err: errDown}
			default:
				return false, errDown
			}
		},
	}
}
