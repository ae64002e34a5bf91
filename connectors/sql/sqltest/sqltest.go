// Package sqltest starts real database servers for tests: PostgreSQL and MariaDB,
// each with a folder, a port and a socket of its own, gone when the tests are.
//
// A test's package ends them: its TestMain calls Stop after m.Run.
package sqltest

import (
	"context"
	db "database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Password is everybody's who needs one.
const Password = "a secret, and not a short one"

// A Server is a database server of the tests' own.
type Server struct {
	Scheme string // of URLs: postgres or mariadb
	Addr   string // on loopback: host:port
	Socket string
	CAFile string // vouches for the server at localhost and 127.0.0.1

	dir   string
	life  sync.Mutex // for cmd: one who kills the server is not alone with it
	cmd   *exec.Cmd
	died  chan struct{}
	guard io.WriteCloser // told that the server was ended; if it is closed without that, it ends the server
	start func(context.Context) *exec.Cmd
	open  func(database string) (*db.DB, error)
	as    func(user string) (*db.DB, error)
	names atomic.Int64
}

// ErrMissing says that a server is not installed.
var ErrMissing = errors.New("is not installed, so that nothing is tried against it")

// A starter starts a server that lives as long as it must, whatever the context of
// the test that wanted it first.
type starter func(context.Context) (*Server, error)

// shared is one that is started once.
type shared struct {
	start starter
	once  sync.Once
	s     *Server
	err   error
}

func (o *shared) get(ctx context.Context) (*Server, error) {
	o.once.Do(func() { o.s, o.err = o.start(ctx) })
	return o.s, o.err
}

var (
	sharedPostgres = shared{start: startPostgres}
	sharedMariaDB  = shared{start: startMariaDB}

	mu  sync.Mutex
	all []*Server // to be ended by Stop
)

// Postgres returns the PostgreSQL that all tests of the process share.
func Postgres(t testing.TB) *Server {
	t.Helper()
	return need(t, sharedPostgres.get)
}

// MariaDB returns the MariaDB that all tests of the process share.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	return need(t, sharedMariaDB.get)
}

// Own returns a PostgreSQL or a MariaDB that nobody else uses, to be ill-treated.
func Own(t testing.TB, scheme string) *Server {
	t.Helper()
	s := need(t, map[string]starter{"postgres": startPostgres, "mariadb": startMariaDB}[scheme])
	t.Cleanup(s.stop)
	return s
}

// need skips a test whose server is not installed. In continuous integration that
// fails: a skipped test would be taken for one that passed.
func need(t testing.TB, start starter) *Server {
	t.Helper()
	s, err := start(context.WithoutCancel(t.Context()))
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Stop ends every server that was started.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	for _, s := range all {
		s.stop()
	}
	all = nil
}

// Database makes a database of the test's own, and returns its name and a way in
// for who may do everything.
func (s *Server) Database(t testing.TB) (string, *db.DB) {
	t.Helper()
	name := fmt.Sprintf("t%d", s.names.Add(1))
	admin := s.Open(t, "")
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return name, s.Open(t, name)
}

// Open returns a way into a database for who may do everything; into the server's
// own for none.
func (s *Server) Open(t testing.TB, database string) *db.DB {
	t.Helper()
	pool, err := s.open(database)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxIdleConns(1)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// As returns a way in over TCP for a user with the Password. Nothing of it stays
// open when it is given back.
func (s *Server) As(t testing.TB, user string) *db.DB {
	t.Helper()
	pool, err := s.as(user)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxIdleConns(-1)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// Kill ends the server without a warning, as a power failure does.
func (s *Server) Kill() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(violently(s.Scheme))
		<-s.died
		_, _ = io.WriteString(s.guard, "ended\n")
		_ = s.guard.Close()
		s.cmd = nil
	}
}

// Restart starts one that was killed, on what it left.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Kill() // its last connection may end before it does
	if err := s.run(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) stop() {
	s.Kill()
	_ = os.RemoveAll(s.dir)
}

// prepare makes the server's folder and finds it a port.
func prepare(ctx context.Context, scheme string) (*Server, error) {
	dir, err := os.MkdirTemp("", scheme) // short: the path of a socket may not be long
	if err != nil {
		return nil, err
	}
	s := &Server{Scheme: scheme, dir: dir, CAFile: filepath.Join(dir, "ca.pem")}
	mu.Lock()
	all = append(all, s)
	mu.Unlock()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Addr = l.Addr().String()
	return s, errors.Join(l.Close(), certificate(dir), own(dir))
}

func (s *Server) port() string { return s.Addr[strings.LastIndexByte(s.Addr, ':')+1:] }

// run starts the server and waits until it answers.
func (s *Server) run(ctx context.Context) error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has it open by itself
	died, err := s.launch(ctx, log)
	if err != nil {
		return err
	}
	pool, err := s.open("")
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.After(time.Minute)
	for pool.PingContext(ctx) != nil {
		select {
		case <-again.C:
		case <-died:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s ended:\n%s", s.Scheme, said)
		case <-late:
			return fmt.Errorf("%s does not answer", s.Scheme)
		}
	}
	return nil
}

// launch starts the process, and returns what is closed when it has ended.
func (s *Server) launch(ctx context.Context, log *os.File) (<-chan struct{}, error) {
	s.life.Lock()
	defer s.life.Unlock()
	cmd, died := s.start(ctx), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	if err := asNobody(cmd); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait(); close(died) }()
	guard, err := watch(ctx, s.dir, cmd.Process.Pid)
	if err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	s.cmd, s.died, s.guard = cmd, died, guard
	return died, nil
}

// watch has a server ended, and its folder removed, when our process is no more: of a
// test that ran out of time nobody else would.
func watch(ctx context.Context, dir string, pid int) (io.WriteCloser, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", `read said || { kill -9 "$1"; sleep 1; rm -rf "$2"; }`, "sh", strconv.Itoa(pid), dir)
	if err := asNobody(cmd); err != nil {
		return nil, err
	}
	guard, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }()
	return guard, nil
}

// find returns the newest of the programs that one of the patterns names.
func find(what string, patterns ...string) (string, error) {
	for _, p := range patterns {
		if path, err := exec.LookPath(p); err == nil && !strings.Contains(p, "/") {
			return path, nil
		}
		if found, err := filepath.Glob(p); err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%s %w (on Debian: apt-get install %s)", patterns[0], ErrMissing, what)
}

// once runs a program to its end, as the server's user.
func once(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	if err := asNobody(cmd); err != nil {
		return err
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, said)
	}
	return nil
}
