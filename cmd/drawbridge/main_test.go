package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
	"drawbridge/schema"
	"drawbridge/store"
)

func TestMain(m *testing.M) {
	// Under the race detector each program that ends would sleep for a second first.
	// Scripts start hundreds.
	_ = os.Setenv(raceOptions, "atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){
		"drawbridge": main,
	})
}

// TestScripts runs testdata/script. Each script begins in a folder with the
// configuration and the policy of testdata/bridge, and has besides the usual
// commands:
//
//	bridge start       run that bridge; its URL is in $SERVER
//	bridge stop        stop it
//	admit WHO WHERE    tell it of somebody who works in a department, and wait
//	                   until every target has heard of it
//	part WHO           tell it that somebody left, and wait likewise
//	push PATH BODY     send it to /scim/v2
//	freeport NAME      put a port that is free into a variable, and write serve.yaml for it
//	scrub NAME         write stdout to a file, with times, ids and digests made of zeros
//	await URL          wait until a bridge that runs elsewhere is ready
//	httppost URL BODY TOKEN   send it to a target, past the bridge
//	rampdone NAME      wait until a connector's ramp has come to its goal
//	reach ADDR         wait until somebody listens there
//	eventually FILE RE wait until a file has what matches
//	overdue NAME       have what people are asked to do at a connector be overdue
//	receiver NAME      build the receiver of docs/connectors/webhook.md, and put its path
//	                   into a variable
//	capture NAME RE    put what the first group of RE matches in stdout into a variable
func TestScripts(t *testing.T) { testscript.Run(t, params("testdata/script")) }

// params are what the scripts in a folder are run with.
func params(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			stand(env)
			return os.CopyFS(env.WorkDir, os.DirFS("testdata/bridge"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bridge": func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).bridge(ts, args) },
			"admit":  func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).tell(ts, args[0], args[1], true) },
			"part":   func(ts *testscript.TestScript, _ bool, args []string) { stageOf(ts).tell(ts, args[0], "", false) },
			"push": func(ts *testscript.TestScript, _ bool, args []string) {
				stageOf(ts).scim(ts, "POST", args[0], json.RawMessage(args[1]))
			},
			"freeport": func(ts *testscript.TestScript, _ bool, args []string) { freePort(ts, args[0]) },
			"scrub":    func(ts *testscript.TestScript, _ bool, args []string) { scrub(ts, args[0]) },
			"await":    func(ts *testscript.TestScript, _ bool, args []string) { await(ts, args[0]) },
			"httppost": func(ts *testscript.TestScript, _ bool, args []string) { post(ts, args[0], args[1], args[2]) },
			"rampdone": func(ts *testscript.TestScript, _ bool, args []string) { rampDone(ts, args[0]) },
			"reach":    func(ts *testscript.TestScript, _ bool, args []string) { reach(ts, args[0]) },
			"overdue":  func(ts *testscript.TestScript, _ bool, args []string) { makeOverdue(ts, args[0]) },
			"receiver": func(ts *testscript.TestScript, _ bool, args []string) { buildReceiver(ts, args[0]) },
			"capture":  func(ts *testscript.TestScript, _ bool, args []string) { capture(ts, args[0], args[1]) },
			"settle": func(ts *testscript.TestScript, _ bool, _ []string) {
				within(ts, func() bool { return quiet(ts, stageOf(ts).running.Store()) })
			},
			"eventually": func(ts *testscript.TestScript, _ bool, args []string) {
				pattern := regexp.MustCompile(args[1])
				within(ts, func() bool {
					text, err := os.ReadFile(ts.MkAbs(args[0]))
					return err == nil && pattern.Match(text)
				})
			},
		},
	}
}

// stand gives a script a stage to play on, and the credentials for it.
func stand(env *testscript.Env) {
	env.Setenv(raceOptions, os.Getenv(raceOptions))
	env.Setenv("DRAWBRIDGE_TOKEN", "tester-0123456789abcdef")
	env.Setenv("SECOND_TOKEN", "second-0123456789abcdef")
	env.Setenv("SOURCE_TOKEN", "source-0123456789abcdef")
	env.Values[key{}] = &stage{dir: env.WorkDir}
	env.Defer(func() { env.Values[key{}].(*stage).stop(env.T()) })
}

// raceOptions is the variable with the options of the race detector.
const raceOptions = "GORACE"

type key struct{}

// A stage is what one script plays on.
type stage struct {
	dir     string
	running *bridge.Bridge
	cancel  context.CancelFunc
	ended   chan error
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(key{}).(*stage) }

func (s *stage) bridge(ts *testscript.TestScript, args []string) {
	if args[0] == "stop" {
		ts.Check(s.end())
		return
	}
	cfg, err := configs.Load(filepath.Join(s.dir, "drawbridge.yaml"), func(name string) (string, bool) { return ts.Getenv(name), true })
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	b, err := bridge.Open(ctx, cfg, bridge.Options{NoSync: true, Version: "test"})
	if err != nil {
		cancel()
		ts.Check(err)
	}
	s.running, s.cancel, s.ended = b, cancel, make(chan error, 1)
	go func() { s.ended <- b.Run(ctx) }()
	ts.Setenv("SERVER", "http://"+b.Addr())
	within(ts, func() bool { return quiet(ts, b.Store()) }) // the policy is rolled out
}

func (s *stage) end() error {
	if s.running == nil {
		return nil
	}
	s.cancel()
	err := errors.Join(<-s.ended, s.running.Close())
	s.running = nil
	return err
}

func (s *stage) stop(t testscript.T) {
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
}

// tell tells the bridge of somebody, as an identity provider would, and waits
// until nothing is due any more.
func (s *stage) tell(ts *testscript.TestScript, who, department string, active bool) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	if active {
		s.scim(ts, "POST", "/Users", map[string]any{
			"schemas":  []string{"urn:ietf:params:scim:schemas:core:2.0:User", enterprise},
			"userName": who, "active": true, enterprise: map[string]any{"department": department},
		})
	} else {
		found := s.scim(ts, "GET", "/Users?filter="+url.QueryEscape(`userName eq "`+who+`"`), nil)
		id := found["Resources"].([]any)[0].(map[string]any)["id"].(string)
		s.scim(ts, "PATCH", "/Users/"+id, map[string]any{
			"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": "replace", "path": "active", "value": false}},
		})
	}
	within(ts, func() bool { return quiet(ts, s.running.Store()) })
}

// scim sends one SCIM request, which must succeed.
func (s *stage) scim(ts *testscript.TestScript, method, path string, body any) (answer map[string]any) {
	c, err := newClient(ts.Getenv("SERVER"), ts.Getenv("SOURCE_TOKEN"))
	ts.Check(err)
	defer c.http.CloseIdleConnections()
	ts.Check(c.call(context.Background(), method, "/scim/v2"+path, body, &answer))
	return answer
}

// quiet reports whether nothing is due in any lane but those of what is halted. A
// rollout is not done as long as it is there: one that comes before this process has
// taken up its policy waits a moment for it.
func quiet(ts *testscript.TestScript, s *store.Store) (quiet bool) {
	ts.Check(s.View(context.Background(), func(r store.Reader) error {
		lanes, err := store.LaneStats(r)
		quiet = true
		for name, lane := range lanes {
			if strings.HasPrefix(string(name), string(access.LaneHalted(""))) {
				continue
			}
			due := !lane.Oldest.IsZero() && !lane.Oldest.After(r.Now())
			rolling := name == access.LaneRollout && lane.Items > 0
			quiet = quiet && lane.Leased == 0 && !due && !rolling
		}
		return err
	}))
	return quiet
}

// freePort puts a port that was free a moment ago into a variable, and writes
// serve.yaml, which is drawbridge.yaml with that port.
func freePort(ts *testscript.TestScript, name string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(errors.Join(err, l.Close()))
	ts.Setenv(name, port)
	text, err := os.ReadFile(ts.MkAbs("drawbridge.yaml"))
	ts.Check(err)
	text = bytes.Replace(text, []byte("127.0.0.1:0"), []byte("127.0.0.1:"+port), 1)
	ts.Check(os.WriteFile(ts.MkAbs("serve.yaml"), text, 0o600))
}

var changing = []struct {
	pattern *regexp.Regexp
	zeros   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "0000-00-00 00:00:00"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "00000000-0000-0000-0000-000000000000"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "000000000000"},
	{regexp.MustCompile(`#\d\b`), "#0"}, // which of two targets agrees first is nobody's to say
	{regexp.MustCompile(`#\d\d\b`), "#00"},
	{regexp.MustCompile(`\b[\d.]+(ms|µs|s)\b`), "0ms"},
}

// scrub writes stdout to a file, with what is another in each run made of zeros.
func scrub(ts *testscript.TestScript, name string) {
	text := ts.ReadFile("stdout")
	for _, c := range changing {
		text = c.pattern.ReplaceAllString(text, c.zeros)
	}
	ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
}

func await(ts *testscript.TestScript, url string) {
	c, err := newClient(url, "")
	ts.Check(err)
	within(ts, func() bool { return c.ready(context.Background()) == nil })
}

// post sends a body to a target, as somebody with its own console would.
func post(ts *testscript.TestScript, url, body, token string) {
	c, err := newClient(url, token)
	ts.Check(err)
	defer c.http.CloseIdleConnections()
	ts.Check(c.call(context.Background(), "POST", "", json.RawMessage(body), nil))
}

func rampDone(ts *testscript.TestScript, connector string) {
	within(ts, func() (done bool) {
		ts.Check(stageOf(ts).running.Store().View(context.Background(), func(r store.Reader) error {
			ramp, err := store.Ramps.Get(r, connector)
			done = ramp.Done()
			return err
		}))
		return done
	})
}

func reach(ts *testscript.TestScript, addr string) {
	within(ts, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	})
}

// makeOverdue lets the time pass within which people were to do what they are asked.
func makeOverdue(ts *testscript.TestScript, connector string) {
	s := stageOf(ts).running.Store()
	ts.Check(s.Update(context.Background(), func(tx store.Tx) error {
		var asked []schema.WorkItem
		for w, err := range store.WorkItems.All(tx, connector) {
			if err != nil {
				return err
			}
			asked = append(asked, w)
		}
		for _, w := range asked {
			w.Due = tx.Now().Add(-time.Hour)
			if err := errors.Join(store.WorkItems.Put(tx, w), tx.Wake(access.LaneAccount(connector), w.Identity, tx.Now())); err != nil {
				return err
			}
		}
		return nil
	}))
	within(ts, func() bool { return quiet(ts, s) })
}

// buildReceiver builds the receiver of webhooks that the page about them shows.
func buildReceiver(ts *testscript.TestScript, name string) {
	page, err := os.ReadFile("../../docs/connectors/webhook.md")
	ts.Check(err)
	found := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	if found == nil {
		ts.Fatalf("the page shows no receiver")
	}
	source, binary := ts.MkAbs("receiver.go"), ts.MkAbs("receiver")
	ts.Check(os.WriteFile(source, found[1], 0o600))
	if out, err := exec.Command("go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
	ts.Setenv(name, binary)
}

// capture keeps in a variable what a pattern's group has of the last output.
func capture(ts *testscript.TestScript, name, pattern string) {
	found := regexp.MustCompile(pattern).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("the output has no %s", pattern)
	}
	ts.Setenv(name, found[1])
}

// within waits for something to become true.
func within(ts *testscript.TestScript, is func() bool) {
	tick, timeout := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-timeout:
			ts.Fatalf("it never came to it")
		}
	}
}
