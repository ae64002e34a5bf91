package goals

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/configs"
	"drawbridge/connectors"
)

// A process is this program again, in another role, which it plays until its
// standard input ends.
const (
	roleVariable = "DRAWBRIDGE_GOALS_ROLE"
	partVariable = "DRAWBRIDGE_GOALS_PART"
)

// A part is what a process in a role is told.
type part struct {
	Dir        string // where the bridge keeps what it knows
	Connectors []string
	Targets    string // where the targets are; empty: in the bridge's own memory
	Calls      int    // of the pooled client
}

type process struct {
	tb    testing.TB
	cmd   *exec.Cmd
	input io.Closer
	out   *bufio.Reader
	addr  string
	gone  bool

	looker http.Client // for its metrics
}

// spawn starts a process and waits until it says where it listens.
func spawn(tb testing.TB, role string, p part) *process {
	tb.Helper()
	told, err := json.Marshal(p)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, partVariable+"="+string(told))
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	s := &process{tb: tb, cmd: cmd, input: input, out: bufio.NewReader(output)}
	s.looker.Transport = &http.Transport{DisableCompression: true} // looking is to cost little
	tb.Cleanup(s.stop)
	if s.addr = s.read(); s.addr == "" {
		tb.Fatalf("%s did not come up", role)
	}
	return s
}

// read returns the next line that the process says.
func (s *process) read() string {
	line, _ := s.out.ReadString('\n')
	return strings.TrimSpace(line)
}

// stop lets the process end, and waits for it.
func (s *process) stop() {
	if s.gone {
		return
	}
	s.gone = true
	s.looker.CloseIdleConnections()
	s.input.Close()
	if err := s.cmd.Wait(); err != nil {
		s.tb.Errorf("the process ended badly: %v", err)
	}
}

// kill ends the process as the machine would: at once.
func (s *process) kill() {
	s.gone = true
	s.looker.CloseIdleConnections()
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.input.Close()
}

// processor returns the processor time that the process has used so far.
func (s *process) processor() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "stat"))
	if err != nil {
		s.tb.Skipf("what a process uses can not be read here: %v", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// anonymous returns the process's memory in bytes, mapped pages of files apart.
func (s *process) anonymous() float64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "smaps_rollup"))
	if err != nil {
		s.tb.Skipf("what a process uses can not be read here: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Anonymous:"); ok {
			kilobytes, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kilobytes) * 1024
		}
	}
	return 0
}

// play is what a process does in its role.
func play(role string) int {
	var p part
	err := json.Unmarshal([]byte(os.Getenv(partVariable)), &p)
	if err == nil {
		ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
		defer cancel()
		switch role {
		case "bridge":
			go endOfInput(cancel)
			err = playBridge(ctx, p)
		case "client":
			err = playClient(ctx, p)
		case "connector":
			err = playConnector(ctx, p)
		case "teller":
			err = playTeller(ctx, p)
		case "hello":
			go endOfInput(cancel)
			err = playServer(ctx, hello())
		case "library":
			go endOfInput(cancel)
			err = playServer(ctx, libraryAlone())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		return 1
	}
	return 0
}

func endOfInput(cancel func()) {
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
}

func playServer(ctx context.Context, h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = s.Close()
	}()
	_ = s.Serve(l) // until it is closed
	return nil
}

const (
	sourceToken = "source-0123456789abcdef"
	adminToken  = "admin-0123456789abcdef"

	reviewerToken = "reviewer-0123456789abcdef"
)

// playBridge runs the bridge as serve does, with its log in a file.
func playBridge(ctx context.Context, p part) error {
	file, err := os.OpenFile(filepath.Join(p.Dir, "bridge.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	policy := fstest.MapFS{"policy.yaml": {Data: []byte(policyOf(p.Connectors, p.Targets != ""))}}
	b, err := bridge.Open(ctx, p.config(), bridge.Options{Log: slog.New(slog.NewTextHandler(file, nil)), Policy: policy})
	if err != nil {
		return err
	}
	defer b.Close()
	if n := len(b.Rules().Book().Roles()); n != len(departments)+2 {
		return fmt.Errorf("%d roles are in force", n)
	}
	defer profile()()
	fmt.Fprintln(os.Stdout, b.Addr())
	return b.Run(ctx)
}

func (p part) config() *configs.Config {
	c := configs.Default()
	c.Listen = "127.0.0.1:0"
	c.Store.Path, c.Audit.Key = p.store(), filepath.Join(p.Dir, "audit.key")
	c.Shutdown.Grace = 2 * time.Second
	c.Sources = []configs.Source{{Name: source, Token: sourceToken}}
	c.Admin.Tokens = []configs.AdminToken{{Name: "bench", Role: "admin", Secret: adminToken}, {Name: userName(0), Role: "approver", Secret: reviewerToken}}
	c.Limits.SourceRate, c.Limits.APIRate = -1, -1
	c.Sweeps = []configs.Sweep{{Name: "expiry", Schedule: "@every 24h", Limits: configs.Limits{Count: 1e9, Percent: 100}}}
	for _, name := range p.Connectors {
		target := connectors.Config{Name: name, Kind: "memory", Profile: connectors.DefaultProfile()}
		if p.Targets != "" {
			target.Kind, target.BaseURL = "scim", "http://"+p.Targets+"/"+name
			target.Profile.Find, target.Profile.Account = connectors.FindOnConflict, "seat"
		}
		c.Connectors = append(c.Connectors, target)
	}
	return &c
}

func (p part) store() string { return filepath.Join(p.Dir, "bridge.db") }

// startBridge starts a bridge with the connectors on an empty store.
func startBridge(tb testing.TB, names []string, targets string) *process {
	tb.Helper()
	return spawn(tb, "bridge", part{Dir: onDisk(tb), Connectors: names, Targets: targets})
}

// onDisk returns a folder that an fsync means something in.
func onDisk(tb testing.TB) string {
	dir := tb.TempDir()
	const tmpfs = 0x01021994
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err == nil && fs.Type == tmpfs {
		tb.Log("the folder for temporary files is in memory: set TMPDIR to one on a disk, or commits cost nothing")
	}
	return dir
}

// settled waits until the bridge has nothing left to do, but for what always waits for
// its time.
func settled(tb testing.TB, s *process) {
	tb.Helper()
	until(tb, 50*time.Millisecond, "nothing is left to do", func() bool {
		left := 0.0
		for lane, items := range s.lanes() {
			if lane != "sweep" && lane != "exposure" {
				left += items
			}
		}
		return left == 0
	})
}

// lanes returns how many items are in each lane.
func (s *process) lanes() map[string]float64 {
	s.tb.Helper()
	resp, err := s.looker.Get("http://" + s.addr + "/metrics")
	if err != nil {
		s.tb.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		s.tb.Fatal(err)
	}
	lanes := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, `drawbridge_lane_items{lane="`); ok {
			lane, value, _ := strings.Cut(rest, `"} `)
			lanes[lane], _ = strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return lanes
}
