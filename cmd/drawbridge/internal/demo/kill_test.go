package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/connectors"
	"drawbridge/connectors/file"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// kills is how often the bridge is killed while it is under load.
const kills = 15

// TestKill kills the program with SIGKILL at random moments while an identity
// provider pushes, moves and dismisses people, and starts it again each time.
// Whatever was acknowledged is still there at the end, the targets hold exactly
// what policy says, every line of it has its decision, and the log is what was
// signed.
func TestKill(t *testing.T) {
	k := newKillable(t)
	k.start()
	loaded := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for n := range kills {
			k.rest(time.Duration(20+k.chance(400)) * time.Millisecond)
			k.kill()
			if n == kills-1 {
				close(loaded)
			}
			k.start()
		}
	})
	k.push()
	for n := 0; ; n++ {
		k.disturb(n)
		select {
		case <-loaded:
			killer.Wait()
			k.judge()
			return
		default:
		}
	}
}

// A killable is the program as a process of its own, its targets, which outlive
// it, and an identity provider that does not give up.
type killable struct {
	*testing.T
	dir, program, config string
	url, admin           string
	targets              *targets
	idp                  *idp
	process              *exec.Cmd
	stderr               *bytes.Buffer

	mu     sync.Mutex
	random *rand.Rand
	acked  map[string]bool // userNames whose creation was acknowledged
	left   []string
}

func newKillable(t *testing.T) *killable {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killable{
		T: t, dir: t.TempDir(), admin: "admin-0123456789abcdef", random: rand.New(rand.NewPCG(seed, 1)), acked: map[string]bool{},
	}
	const token = "source-0123456789abcdef"
	var err error
	if k.targets, err = startTargets(t.Context(), k.dir, "target-0123456789abcdef"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.targets.close() })
	k.program = filepath.Join(k.dir, "drawbridge")
	build := exec.Command("go", "build", "-o", k.program, "drawbridge/cmd/drawbridge")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	k.configure(token)
	k.idp = newIDP(k.url+"/scim/v2", token, company())
	t.Cleanup(k.idp.client.CloseIdleConnections)
	return k
}

// company is the cast and some more people.
func company() []person {
	people := cast()
	departments := []string{"Engineering", "Sales", "Finance", "Research"}
	for n := range 40 {
		people = append(people, person{
			userName: fmt.Sprintf("person.%02d%s", n, domain), given: "Person", family: fmt.Sprint(n), title: "Staff",
			userType: "Employee", department: departments[n%len(departments)],
		})
	}
	return people
}

// configure writes the files of a bridge: its configuration and its policy.
func (k *killable) configure(token string) {
	policies, err := documents()
	if err == nil {
		err = copyFolder(filepath.Join(k.dir, "policy"), policies)
	}
	if err != nil {
		k.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	var text strings.Builder
	fmt.Fprintf(&text, "listen: %s\naudit: { checkpointEvery: 200ms }\n", address)
	fmt.Fprintf(&text, "admin: { tokens: [{ name: test, role: admin, secret: env:ADMIN }] }\nsources: [{ name: %s, token: env:SOURCE }]\n", source)
	fmt.Fprint(&text, "sweeps: [{ name: expiry, schedule: '@every 1s' }]\nconnectors:\n")
	for _, c := range k.targets.configs {
		if c.Kind == "file" {
			fmt.Fprintf(&text, "  - { name: %s, kind: file, options: { path: %s } }\n", c.Name, c.Options["path"])
			continue
		}
		profile := map[string]string{wiki: "github-emu", crm: "put-only", alerts: "sentry"}[c.Name]
		fmt.Fprintf(&text, "  - { name: %s, kind: scim, profile: %s, baseURL: %s, auth: { bearer: env:TARGET }, allowIrreversible: %t }\n", c.Name, profile, c.BaseURL, c.AllowIrreversible)
	}
	k.config, k.url = filepath.Join(k.dir, "drawbridge.yaml"), "http://"+address
	if err := os.WriteFile(k.config, []byte(text.String()), 0o600); err != nil {
		k.Fatal(err)
	}
	k.Setenv("ADMIN", k.admin)
	k.Setenv("SOURCE", token)
	k.Setenv("TARGET", "target-0123456789abcdef")
}

func copyFolder(to string, from fs.FS) error {
	return fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		path := filepath.Join(to, filepath.FromSlash(name))
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(path, 0o700))
		}
		text, err := fs.ReadFile(from, name)
		text = bytes.Replace(text, []byte("  massChange:"), []byte("  # massChange:"), 1) // everybody moves here all the time
		return errors.Join(err, os.WriteFile(path, text, 0o600))
	})
}

func (k *killable) chance(n int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.random.IntN(n)
}

// rest lets time pass: when a process is killed is all that is random here.
func (k *killable) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-k.Context().Done():
	}
}

// start starts the program, and does not wait for it.
func (k *killable) start() {
	k.stderr = &bytes.Buffer{}
	k.process = exec.Command(k.program, "serve", "--config", k.config)
	k.process.Stderr = k.stderr
	if err := k.process.Start(); err != nil {
		k.Errorf("start: %v", err)
	}
}

// kill kills the program, wherever it is.
func (k *killable) kill() {
	_ = k.process.Process.Kill()
	err := k.process.Wait()
	if k.process.ProcessState.ExitCode() != -1 { // -1 is death by a signal
		k.Errorf("the program ended by itself: %v\n%s", err, k.stderr)
	}
}

// insist does something until it succeeds.
func (k *killable) insist(what string, do func() error) {
	deadline := time.Now().Add(time.Minute)
	for {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			k.Fatalf("%s: %v\n%s", what, err, k.stderr)
		}
		k.rest(10 * time.Millisecond)
	}
}

// push sends the company, each request until it is answered. An answer that was
// lost is made good by looking.
func (k *killable) push() {
	for _, p := range k.idp.people {
		k.insist("create "+p.userName, func() error {
			id, err := k.created("/Users", fmt.Sprintf("userName eq %q", p.userName), p.resource())
			k.idp.users[p.userName] = id
			return err
		})
		k.acked[p.userName] = true
	}
	for _, name := range groupNames(k.idp.people) {
		k.insist("create group "+name, func() error {
			id, err := k.created("/Groups", fmt.Sprintf("externalId eq %q", groupID(name)), k.idp.group(name))
			k.idp.groups[name] = id
			return err
		})
	}
}

// created creates a resource, or finds the one that an earlier try created.
func (k *killable) created(path, filter string, body any) (string, error) {
	id, err := k.idp.create(k.Context(), path, body)
	if err == nil {
		return id, nil
	}
	answer, lost := k.idp.send(k.Context(), http.MethodGet, path+"?filter="+url.QueryEscape(filter), nil)
	var list struct {
		Resources []struct {
			ID string `json:"id"`
		}
	}
	if lost != nil || json.Unmarshal(answer, &list) != nil || len(list.Resources) != 1 {
		return "", errors.Join(err, lost)
	}
	return list.Resources[0].ID, nil
}

// disturb changes something: somebody's department, somebody's group, and now
// and then somebody leaves.
func (k *killable) disturb(n int) {
	p := k.idp.people[8+k.chance(len(k.idp.people)-8)] // the owners of the policy stay
	if p.workload != nil {
		return
	}
	switch {
	case n%40 == 20 && len(k.left) < 3:
		k.insist("leave", func() error { return k.idp.leave(k.Context(), p.userName) })
		k.left = append(k.left, p.userName)
	case n%3 == 0:
		regroup := k.idp.join
		if slices.Contains(p.groups, peopleManagers) {
			regroup = k.idp.part
		}
		k.insist("regroup", func() error { return regroup(k.Context(), p.userName, peopleManagers) })
	default:
		department := []string{"Engineering", "Sales", "Finance", "Research"}[k.chance(4)]
		k.insist("move", func() error { return k.idp.move(k.Context(), p.userName, department, "Mover") })
	}
}

// judge waits until the bridge has nothing left to do, stops it as a person
// would, and looks at everything.
func (k *killable) judge() {
	k.insist("settle", k.settled)
	if err := k.process.Process.Signal(syscall.SIGTERM); err != nil {
		k.Fatal(err)
	}
	if err := k.process.Wait(); err != nil {
		k.Fatalf("it did not stop as it should: %v\n%s", err, k.stderr)
	}
	for _, args := range [][]string{{"store", "check"}, {"audit", "verify"}} {
		out, err := exec.Command(k.program, append(args, "--config", k.config)...).CombinedOutput()
		if err != nil {
			k.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		k.Logf("%s: %s", strings.Join(args, " "), out)
	}
	policy, err := bridge.ReadPolicy(os.DirFS(filepath.Join(k.dir, "policy")))
	if err != nil {
		k.Fatal(err)
	}
	want, err := expected(policy.Book, k.idp.people, time.Now())
	if err != nil {
		k.Fatal(err)
	}
	for difference := range differences(want, k.actual()) {
		k.Error(difference)
	}
	k.remembered(len(want))
}

// settled returns nil when no lane has anything due.
func (k *killable) settled() error {
	req, err := http.NewRequestWithContext(k.Context(), http.MethodGet, k.url+"/api/v1/lanes", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+k.admin)
	res, err := k.idp.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	var lanes struct {
		Items []struct {
			Lane   string    `json:"lane"`
			Items  int       `json:"items"`
			Leased int       `json:"leased"`
			Oldest time.Time `json:"oldest"`
		} `json:"items"`
	}
	if err = errors.Join(err, json.Unmarshal(text, &lanes)); err != nil {
		return fmt.Errorf("lanes: %w: %s", err, text)
	}
	if len(lanes.Items) == 0 {
		return fmt.Errorf("no lanes: %s", text)
	}
	for _, lane := range lanes.Items {
		// These wait for a time to come, notices until what they are about has settled.
		waits := slices.Contains([]string{"sweep", "source", "exposure", "notice"}, lane.Lane)
		// As does here and there an identity: a secret gets old, a contract ends, a role is to be confirmed.
		waits = waits || lane.Leased == 0 && lane.Oldest.After(time.Now().Add(24*time.Hour))
		if lane.Items > 0 && !waits {
			return fmt.Errorf("there is work: %s", text)
		}
	}
	return nil
}

func (k *killable) actual() map[string]holding {
	i := slices.IndexFunc(k.targets.configs, func(c connectors.Config) bool { return c.Kind == "file" })
	doors, err := file.Open(connectors.Options{Config: k.targets.configs[i]}.Defaults())
	if err != nil {
		k.Fatal(err)
	}
	defer doors.(connectors.Closer).Close()
	got, err := k.targets.actual(k.Context(), doors.(connectors.Lister))
	if err != nil {
		k.Fatal(err)
	}
	return got
}

// remembered looks for everyone who was acknowledged, and for a decision behind
// each line.
func (k *killable) remembered(accounts int) {
	engine, err := bolt.Open(filepath.Join(k.dir, "data", "drawbridge.db"), bolt.Options{ReadOnly: true})
	if err != nil {
		k.Fatal(err)
	}
	s, err := store.Open(engine)
	if err != nil {
		k.Fatal(err)
	}
	defer s.Close()
	err = s.View(k.Context(), func(r store.Reader) error {
		for userName := range k.acked {
			id, err := store.Identities.One(r, store.IdentityUserName, source, userName)
			if err != nil {
				k.Errorf("%s was acknowledged: %v", userName, err)
				continue
			}
			if id.ID != k.idp.users[userName] {
				k.Errorf("%s was acknowledged as %s and is %s", userName, k.idp.users[userName], id.ID)
			}
			if left := slices.Contains(k.left, userName); id.Active == left {
				k.Errorf("%s: left %v, active %v", userName, left, id.Active)
			}
			for a, err := range store.Assignments.All(r, id.ID) {
				if err != nil {
					return err
				}
				if e, err := store.LogLatest(r, id.ID, a.Ref()); err != nil || e.Decision.Verb != schema.Assigned {
					k.Errorf("%s holds %s, and its latest decision is %q (%v)", userName, a.Ref(), e.Decision.Verb, err)
				}
			}
		}
		size, err := store.LogSize(r)
		k.Logf("%d kills, %d people, %d accounts, %d decisions", kills, len(k.acked), accounts, size)
		return err
	})
	if err != nil {
		k.Error(err)
	}
}
