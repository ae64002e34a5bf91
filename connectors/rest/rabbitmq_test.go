package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"drawbridge/connectors"
	"drawbridge/connectors/connectortest"
	"drawbridge/schema"
)

const (
	admin         = "bridge"
	adminPassword = "a secret, and not a short one"
)

// A broker is a RabbitMQ of the test's own, which all tests share.
type broker struct {
	dir   string
	api   string // of the management plugin
	amqp  string // host:port
	log   *os.File
	epmd  *exec.Cmd
	erl   *exec.Cmd
	ended chan struct{} // closed when erl has ended
}

var (
	theBroker = sync.OnceValues(startBroker)
	started   atomic.Pointer[broker] // for TestMain, which starts none
)

// errNoBroker says that there is no broker to be had on this machine.
var errNoBroker = errors.New("RabbitMQ is not installed (on Debian: apt-get install rabbitmq-server): what needs a real one is not tested")

// needBroker returns the broker. Where there is none the test is skipped, and
// fails in continuous integration, where a skipped test would be taken for one
// that passed.
func needBroker(t *testing.T) *broker {
	t.Helper()
	b, err := theBroker()
	if errors.Is(err, errNoBroker) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// startBroker starts a broker with a name, ports, folders and a home of its own,
// and the daemon that Erlang finds nodes by, which would else go on for ever.
func startBroker() (b *broker, err error) {
	const server = "/usr/lib/rabbitmq/bin/rabbitmq-server" // the one in PATH changes the user
	if _, err := os.Stat(server); err != nil {
		return nil, errNoBroker
	}
	b = &broker{ended: make(chan struct{})}
	started.Store(b)
	if b.dir, err = os.MkdirTemp("", "rabbitmq"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(b.dir, "log"))
			err = fmt.Errorf("%w\n%s", err, log)
			b.stop()
		}
	}()
	ports, err := freePorts(4)
	if err != nil {
		return b, err
	}
	b.api, b.amqp = fmt.Sprintf("http://127.0.0.1:%d/api", ports[1]), fmt.Sprintf("127.0.0.1:%d", ports[0])
	for name, text := range map[string]string{
		"plugins": "[rabbitmq_management].\n",
		"rabbitmq.conf": fmt.Sprintf(`
listeners.tcp.1 = 127.0.0.1:%d
management.tcp.ip = 127.0.0.1
management.tcp.port = %d
log.console = true
log.console.level = warning
log.file = false
default_user = %s
default_pass = %s
`, ports[0], ports[1], admin, adminPassword),
	} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			return b, err
		}
	}
	if b.log, err = os.Create(filepath.Join(b.dir, "log")); err != nil {
		return b, err
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "LANG=C.UTF-8",
		fmt.Sprintf("ERL_EPMD_PORT=%d", ports[2]), "ERL_EPMD_ADDRESS=127.0.0.1",
		fmt.Sprintf("RABBITMQ_NODENAME=drawbridge%d@localhost", os.Getpid()), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", ports[3]),
		"RABBITMQ_BASE=" + b.dir, "RABBITMQ_MNESIA_BASE=" + b.dir + "/mnesia", "RABBITMQ_LOG_BASE=" + b.dir,
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + b.dir + "/plugins", "RABBITMQ_CONFIG_FILE=" + b.dir + "/rabbitmq.conf",
		"RABBITMQ_GENERATED_CONFIG_DIR=" + b.dir, "RABBITMQ_SCHEMA_DIR=" + b.dir, "RABBITMQ_PID_FILE=" + b.dir + "/pid",
		"RABBITMQ_FEATURE_FLAGS_FILE=" + b.dir + "/flags", "RABBITMQ_CONF_ENV_FILE=" + b.dir + "/none",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
	}
	if b.epmd, err = b.run(env, "epmd", "-port", fmt.Sprint(ports[2]), "-address", "127.0.0.1"); err != nil {
		return b, err
	}
	if b.erl, err = b.run(env, server); err != nil {
		return b, err
	}
	go func() {
		_ = b.erl.Wait()
		close(b.ended)
	}()
	return b, b.await()
}

// watched runs a program until it ends by itself, or its standard input does:
// that is a pipe which closes when the test ends, in whatever way.
const watched = `("$0" "$@" </dev/null; kill -TERM $$) & read -r _; kill -KILL 0`

// run starts a program in a process group of its own, that ends when this one
// does.
func (b *broker) run(env []string, name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command("sh", append([]string{"-c", watched, name}, args...)...)
	if _, err := cmd.StdinPipe(); err != nil {
		return cmd, err
	}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, b.dir, b.log, b.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, cmd.Start()
}

// await waits until the management plugin answers.
func (b *broker) await() error {
	deadline := time.After(3 * time.Minute)
	for {
		if _, err := b.ask(context.Background(), "GET", "/whoami", nil); err == nil {
			return nil
		}
		select {
		case <-b.ended:
			return errors.New("RabbitMQ ended before it had started")
		case <-deadline:
			return errors.New("RabbitMQ does not start")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the broker and what it started, and removes what it wrote.
func (b *broker) stop() {
	if b.erl != nil && b.erl.Process != nil {
		_ = syscall.Kill(-b.erl.Process.Pid, syscall.SIGKILL)
		<-b.ended
	}
	if b.epmd != nil && b.epmd.Process != nil {
		_ = syscall.Kill(-b.epmd.Process.Pid, syscall.SIGKILL)
		_ = b.epmd.Wait()
	}
	_ = os.RemoveAll(b.dir)
}

// freePorts returns ports of loopback that nobody listens at.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// ask speaks to the broker as its administrator, past the connector.
func (b *broker) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, b.api+path, sent)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(admin, adminPassword)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	return answer, err
}

// A front stands before the broker: it counts what the connector writes, and
// fails when it is told to.
type front struct {
	*broker
	proxy *httputil.ReverseProxy
	mark  string // of the user names of one case

	mu     sync.Mutex
	writes int
	in     int
	took   bool
	spent  bool
}

func (b *broker) front(t *testing.T) *front {
	t.Helper()
	u, err := url.Parse(strings.TrimSuffix(b.api, "/api"))
	if err != nil {
		t.Fatal(err)
	}
	f := &front{broker: b, mark: fmt.Sprintf("%x", time.Now().UnixNano()), proxy: httputil.NewSingleHostReverseProxy(u)}
	t.Cleanup(func() {
		accounts, err := f.Accounts(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, a := range accounts {
			if err := f.Remove(context.Background(), a.RemoteID); err != nil {
				t.Error(err)
			}
		}
	})
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if r.Method != http.MethodGet {
		f.writes++
	}
	strikes := f.in == 1
	f.in = max(0, f.in-1)
	f.spent = f.spent || strikes
	took := f.took
	f.mu.Unlock()
	if !strikes {
		f.proxy.ServeHTTP(w, r)
		return
	}
	if took {
		f.proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	http.Error(w, "broken", http.StatusInternalServerError)
}

func (f *front) Fail(nth int, took bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.in, f.took, f.spent = nth, took, false
}

func (f *front) Spent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.in = 0
	return f.spent
}

func (f *front) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

func (f *front) person(n int) map[string]string {
	return map[string]string{"userName": fmt.Sprintf("%s/ädä %d?&%%@example.com", f.mark, n)}
}

func (f *front) Accounts(ctx context.Context) ([]schema.Account, error) {
	var users []struct {
		Name   string
		Tags   []string
		Limits map[string]int
	}
	text, err := f.ask(ctx, "GET", "/users", nil)
	if err == nil {
		err = json.Unmarshal(text, &users)
	}
	if err != nil {
		return nil, err
	}
	var permissions []struct{ User, Vhost, Configure, Write, Read string }
	text, err = f.ask(ctx, "GET", "/permissions", nil)
	if err == nil {
		err = json.Unmarshal(text, &permissions)
	}
	if err != nil {
		return nil, err
	}
	var all []schema.Account
	for _, u := range users {
		if !strings.HasPrefix(u.Name, f.mark) {
			continue
		}
		limit, limited := u.Limits["max-connections"]
		a := schema.Account{RemoteID: u.Name, Active: !limited || limit != 0, Attributes: map[string]string{"userName": u.Name}}
		for _, tag := range u.Tags {
			a.Entitlements = append(a.Entitlements, "tag:"+tag)
		}
		for _, p := range permissions {
			for level, pattern := range map[string]string{"configure": p.Configure, "write": p.Write, "read": p.Read} {
				if p.User == u.Name && pattern != "" {
					a.Entitlements = append(a.Entitlements, "vhost:"+level+":"+p.Vhost)
				}
			}
		}
		slices.Sort(a.Entitlements)
		all = append(all, a)
	}
	return all, nil
}

func (f *front) Put(ctx context.Context, a schema.Account) (schema.Account, error) {
	name := a.Attributes["userName"]
	var tags []string
	row := map[string]string{"configure": "", "write": "", "read": ""}
	for _, e := range a.Entitlements {
		if tag, ok := strings.CutPrefix(e, "tag:"); ok {
			tags = append(tags, tag)
		} else {
			row[strings.Split(e, ":")[1]] = "^byhand-"
		}
	}
	user := url.PathEscape(name)
	_, err := f.ask(ctx, "PUT", "/users/"+user, map[string]any{"password": "known by " + name, "tags": strings.Join(tags, ",")})
	_, err2 := f.ask(ctx, "PUT", "/permissions/%2F/"+user, row)
	var err3 error
	if !a.Active {
		_, err3 = f.ask(ctx, "PUT", "/user-limits/"+user+"/max-connections", map[string]any{"value": 0})
	}
	a.RemoteID = name
	return a, errors.Join(err, err2, err3)
}

func (f *front) Remove(ctx context.Context, id string) error {
	_, err := f.ask(ctx, "DELETE", "/users/"+url.PathEscape(id), nil)
	return err
}

// shipped reads a profile that ships.
func shipped(t *testing.T, name string) connectors.Profile {
	t.Helper()
	p, err := connectors.LoadProfile(os.DirFS("../../configs/profiles"), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// openRabbit opens a connector to the broker behind the front.
func openRabbit(t *testing.T, f *front) connectors.Connector {
	return open(t, shipped(t, "rabbitmq"), f, func(o *connectors.Options) {
		o.BaseURL = strings.TrimSuffix(o.BaseURL, "/v1") + "/api"
		o.Auth = connectors.Auth{User: admin, Secret: adminPassword}
	})
}

func TestRabbitMQKeepsTheContract(t *testing.T) {
	t.Parallel()
	b := needBroker(t)
	var f *front
	connectortest.Run(t, connectortest.Harness{
		Entitlements: []string{"tag:monitoring", "tag:policymaker", "vhost:read:/", "vhost:write:/"},
		Values:       map[string][]string{},
		Person:       func(n int) map[string]string { return f.person(n) },
		Open: func(t *testing.T) connectortest.Target {
			f = b.front(t)
			return connectortest.Target{Connector: openRabbit(t, f), Hand: f, Faults: f}
		},
	})
}
